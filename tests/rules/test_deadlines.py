"""Promises: made in support time, judged by what happened, noted once when they pass."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest

from desk.base.kinds import Span
from desk.base.names import BY_MACHINE, Channel, EventKind, PromiseKind, PromiseStatus, Queue, Severity, Status
from desk.rules.calendar import Calendar
from desk.rules.deadlines import (
    KEPT_LATE,
    NOT_KEPT,
    Target,
    Targets,
    fall_due,
    promises_for,
    status_of,
    support_minutes,
    wake_at,
)
from desk.rules.decision import Decision
from desk.rules.incident import Incident, Pause, Promise
from desk.rules.settings import PromisesSettings, SeverityPromiseSettings

MEXICO = ZoneInfo("America/Mexico_City")
CALENDAR = Calendar.of(MEXICO, dict.fromkeys(range(5), ((540, 1140),)), "MX")
MADE = datetime(2026, 11, 24, 15, 40, tzinfo=UTC)
DUE = MADE + timedelta(hours=2)
LATER = DUE + timedelta(hours=6)
BEFORE, AFTER = DUE - timedelta(minutes=1), DUE + timedelta(minutes=1)
FIRST, RESOLUTION = PromiseKind.FIRST_ATTENTION, PromiseKind.RESOLUTION
OPEN_PAUSE = Pause(1, MADE, None, "asked")
ENDED_PAUSE = Pause(1, MADE, BEFORE, "asked")


class CountedIds:
    """Ids from 1, whatever the table."""

    def __init__(self) -> None:
        self._next = count(1)
        self.tables: list[str] = []

    def next(self, table: str) -> int:
        self.tables.append(table)
        return next(self._next)


def first(**parts: object) -> Promise:
    return replace(Promise(1, FIRST, MADE, DUE), **parts)  # type: ignore[arg-type]


def resolution(**parts: object) -> Promise:
    return replace(Promise(2, RESOLUTION, MADE, LATER), **parts)  # type: ignore[arg-type]


def incident(*promises: Promise, pauses: tuple[Pause, ...] = ()) -> Incident:
    made = Incident(
        id=10042,
        version=3,
        channel=Channel.EMAIL,
        status=Status.OPEN,
        severity=Severity.DEGRADED,
        severity_reasons=(),
        type="",
        queue=Queue.OPERATIONS,
        language="es",
        requester=1,
        requester_name="Ana",
        requester_email="ana@cliente.example",
        requester_phone="",
        subject="lento",
        created_at=MADE,
        promises=promises,
        pauses=pauses,
    )
    return replace(made, wake_at=wake_at(made))


def test_the_shipped_settings_promise_two_and_eight_hours_of_support_time() -> None:
    targets = Targets.from_settings(PromisesSettings())
    assert targets.of(None) == Target(120, 480)
    assert all(targets.of(severity) == Target(120, 480) for severity in Severity)


def test_a_severity_may_have_its_own_times_and_keeps_the_others() -> None:
    own = SeverityPromiseSettings(first_attention=Span(time=timedelta(minutes=30)))
    targets = Targets.from_settings(PromisesSettings(severity={"3": own}))
    assert targets.of(Severity.OUTAGE) == Target(30, 480)
    assert targets.of(Severity.QUESTION) == targets.of(None) == Target(120, 480)


@pytest.mark.parametrize(
    ("span", "minutes"),
    [
        (Span(time=timedelta(hours=2)), 120),
        (Span(time=timedelta(seconds=90)), 2),
        (Span(time=timedelta(seconds=60)), 1),
        (Span(days=1), 1440),
        (Span(days=1, time=timedelta(hours=1)), 1500),
    ],
)
def test_a_begun_minute_of_support_time_counts_whole(span: Span, minutes: int) -> None:
    assert support_minutes(span) == minutes


def test_both_promises_begin_at_the_minute_the_mail_arrived() -> None:
    ids = CountedIds()
    targets = Targets(Target(120, 480), {}, 240)
    arrived = datetime(2026, 11, 13, 23, 30, 59, 999_999, tzinfo=UTC)
    attended, solved = promises_for(Severity.OUTAGE, arrived, targets, CALENDAR, ids)
    assert (attended.kind, solved.kind) == (FIRST, RESOLUTION)
    assert attended.made_at == solved.made_at == datetime(2026, 11, 13, 23, 30, tzinfo=UTC)
    assert attended.due == datetime(2026, 11, 17, 15, 30, tzinfo=UTC)
    assert solved.due == datetime(2026, 11, 17, 21, 30, tzinfo=UTC)
    assert ids.tables == ["promises", "promises"]
    assert attended.id != solved.id


@pytest.mark.parametrize(
    ("promise", "now", "pauses", "status"),
    [
        pytest.param(first(), BEFORE, (), PromiseStatus.RUNNING, id="before its time"),
        pytest.param(first(), DUE, (), PromiseStatus.BROKEN, id="its time has come"),
        pytest.param(first(), AFTER, (), PromiseStatus.BROKEN, id="passed unkept, not yet noted"),
        pytest.param(first(kept_at=BEFORE), AFTER, (), PromiseStatus.KEPT, id="kept in time"),
        pytest.param(first(kept_at=DUE), AFTER, (), PromiseStatus.KEPT, id="kept at the last moment"),
        pytest.param(first(kept_at=AFTER), LATER, (), PromiseStatus.BROKEN, id="kept too late"),
        pytest.param(first(kept_at=AFTER, broken_at=AFTER), LATER, (), PromiseStatus.BROKEN, id="noted, then kept"),
        pytest.param(first(cancelled_at=AFTER, broken_at=AFTER), LATER, (), PromiseStatus.CANCELLED, id="cancelled"),
        pytest.param(first(replaced_by=9), AFTER, (), PromiseStatus.REVISED, id="a new time was given before"),
        pytest.param(first(replaced_by=9, broken_at=DUE), AFTER, (), PromiseStatus.BROKEN, id="a new time too late"),
        pytest.param(
            first(replaced_by=9, broken_at=DUE, regraded=True), AFTER, (), PromiseStatus.REVISED, id="regraded"
        ),
        pytest.param(resolution(), BEFORE, (OPEN_PAUSE,), PromiseStatus.PAUSED, id="waiting for the user"),
        pytest.param(resolution(), LATER, (OPEN_PAUSE,), PromiseStatus.PAUSED, id="still waiting at its time"),
        pytest.param(resolution(), BEFORE, (ENDED_PAUSE,), PromiseStatus.RUNNING, id="the user answered"),
        pytest.param(resolution(kept_at=AFTER), LATER, (OPEN_PAUSE,), PromiseStatus.KEPT, id="kept while waiting"),
        pytest.param(first(), BEFORE, (OPEN_PAUSE,), PromiseStatus.RUNNING, id="waiting stops no first attention"),
    ],
)
def test_a_promise_stands_as_what_happened_says(
    promise: Promise, now: datetime, pauses: tuple[Pause, ...], status: PromiseStatus
) -> None:
    assert status_of(promise, now, pauses) is status


@pytest.mark.parametrize(
    ("promises", "pauses", "at"),
    [
        pytest.param((first(), resolution()), (), DUE, id="the earlier of two"),
        pytest.param((first(kept_at=BEFORE), resolution()), (), LATER, id="the other once one is kept"),
        pytest.param((first(kept_at=AFTER), resolution()), (), DUE, id="kept too late and not yet noted"),
        pytest.param((first(broken_at=DUE), resolution()), (), LATER, id="a broken one is noted once"),
        pytest.param((first(broken_at=DUE), resolution()), (OPEN_PAUSE,), None, id="a paused one does not run"),
        pytest.param((first(replaced_by=3), first(id=3, due=LATER)), (), LATER, id="its successor"),
        pytest.param((first(cancelled_at=BEFORE), resolution(cancelled_at=BEFORE)), (), None, id="cancelled ones"),
        pytest.param((), (), None, id="nothing promised"),
    ],
)
def test_an_incident_wakes_for_the_earliest_promise_that_can_break(
    promises: tuple[Promise, ...], pauses: tuple[Pause, ...], at: datetime | None
) -> None:
    assert wake_at(incident(*promises, pauses=pauses)) == at


def test_a_promise_that_passed_is_noted_once_and_the_next_waking_set() -> None:
    before = incident(first(), resolution())
    decision = fall_due(before, AFTER)
    after = decision.incidents[0].after
    assert [(e.incident, e.kind, e.by, e.at, e.why) for e in decision.events] == [
        (before.id, EventKind.PROMISE_BROKEN, BY_MACHINE, AFTER, NOT_KEPT)
    ]
    assert FIRST in decision.events[0].text
    assert decision.incidents[0].before is before
    assert after == replace(before, version=4, promises=(first(broken_at=AFTER), resolution()), wake_at=LATER)
    assert fall_due(after, AFTER) == Decision()


def test_after_a_day_of_downtime_several_late_promises_are_one_decision() -> None:
    decision = fall_due(incident(resolution(), first()), LATER + timedelta(days=1))
    assert len(decision.incidents) == 1
    assert [event.text.partition(":")[0] for event in decision.events] == [FIRST, RESOLUTION]
    assert decision.incidents[0].after.wake_at is None
    assert not decision.owed


def test_a_promise_kept_at_its_last_moment_is_never_noted_as_broken() -> None:
    assert fall_due(incident(first(kept_at=DUE), resolution()), AFTER) == Decision()


def test_a_promise_kept_too_late_is_noted_as_such() -> None:
    decision = fall_due(incident(first(kept_at=AFTER), resolution()), LATER - timedelta(minutes=1))
    assert [event.why for event in decision.events] == [KEPT_LATE]


def test_a_waking_before_its_time_changes_nothing() -> None:
    assert fall_due(incident(first(), resolution()), BEFORE) == Decision()


def test_a_waking_that_nothing_stands_behind_is_put_right() -> None:
    before = replace(incident(first(kept_at=BEFORE), resolution(kept_at=BEFORE)), wake_at=DUE)
    decision = fall_due(before, AFTER)
    assert decision.incidents[0].after.wake_at is None
    assert decision.incidents[0].after.version == before.version + 1
    assert not decision.events


@pytest.mark.parametrize("minutes", [-1, 0, 1])
def test_what_was_noted_and_what_is_computed_agree(minutes: int) -> None:
    now = DUE + timedelta(minutes=minutes)
    before = incident(first(), resolution())
    noted = bool(fall_due(before, now).events)
    assert noted is (status_of(first(), now) is PromiseStatus.BROKEN)

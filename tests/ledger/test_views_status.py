"""What the status page may know of an incident, on both engines: bounded, of one instant, nothing internal."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from desk.base.names import (
    Audience,
    Channel,
    ClosedBy,
    Direction,
    PromiseKind,
    Status,
)
from desk.commit import Commit
from desk.rules.calendar import Calendar
from desk.rules.decision import Decision, Ids, IncidentChange, StoredMessage
from desk.rules.incident import Incident, Pause, Promise
from desk.rules.settings import CalendarSettings
from desk.views.status import LISTED_MAX, MISSED_MAX, Standing, standing
from tests.ledger.desks import NOON, incident, opened
from tests.ledger.filled import ANA, LAURA, RAUL, Plain, fill

pytestmark = pytest.mark.anyio

CALENDAR = Calendar.from_settings(CalendarSettings(), ZoneInfo("America/Mexico_City"))
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FIRST, RESOLUTION = PromiseKind.FIRST_ATTENTION, PromiseKind.RESOLUTION


async def seen(commit: Commit, incident_id: int, now: datetime) -> Standing:
    found = await commit.store.read(standing(incident_id, CALENDAR, now))
    assert found is not None
    return found


async def with_parts(commit: Commit, now: datetime = NOON, **parts: Any) -> dict[str, Any]:
    """Open an incident of these parts and return the facts of its page."""
    await commit.reserve()

    def opening(ids: Ids, _now: datetime) -> Decision:
        return Decision(incidents=(IncidentChange(None, replace(incident(ids.next("incidents")), **parts)),))

    opened_now = await commit.perform(Plain(commit, opening))
    return dict((await seen(commit, opened_now.incidents[0].after.id, now)).facts)


def promise(at: int, kind: PromiseKind, due: timedelta, **more: Any) -> Promise:
    return Promise(at, kind, NOON, NOON + due, **{"told_at": NOON, **more})


async def test_an_incident_that_is_not_there_has_no_page(store_url: str) -> None:
    async with opened(store_url) as commit:
        assert await commit.store.read(standing(10_001, CALENDAR, NOON)) is None


async def test_the_page_of_an_incident_holds_the_times_told_last_and_nobodys_words(store_url: str) -> None:
    async with opened(store_url) as commit:
        filled = await fill(commit)
        found = await seen(commit, filled.whole, NOON + 3 * HOUR)
        bare = await seen(commit, filled.bare, NOON)
    first, resolution = found.facts["times"]
    assert (first["state"], first["due"]) == ("late", "2026-11-24T20:00:00+00:00")
    assert (resolution["state"], resolution["due"]) == ("running", "2026-11-25T06:00:00+00:00")
    assert (found.language, found.facts["status"], found.facts["queue"]) == ("es", "open", "operations")
    assert [(one["sent"], one["kind"], one["channel"]) for one in found.facts["messages"]] == [
        (False, "", "email"),
        (True, "acknowledgement", "email"),
    ]
    for foreign in (ANA, LAURA, RAUL, "Ana Ruiz", "lento", "Recibimos"):
        assert foreign not in str(found.facts)
    assert (bare.facts["times"], bare.facts["messages"]) == ([], [])


@pytest.mark.parametrize(
    ("made", "after", "state"),
    [
        pytest.param({}, HOUR, "running", id="its time is to come"),
        pytest.param({}, 2 * HOUR, "late", id="its time came"),
        pytest.param({"broken_at": NOON + 2 * HOUR}, 3 * HOUR, "late", id="noted as broken"),
        pytest.param({"kept_at": NOON + HOUR}, 3 * HOUR, "kept", id="kept in time"),
        pytest.param({"kept_at": NOON + 2 * HOUR}, 3 * HOUR, "kept", id="kept in its last minute"),
        pytest.param({"kept_at": NOON + 2 * HOUR + MINUTE}, 3 * HOUR, "kept_late", id="kept late"),
        pytest.param(
            {"broken_at": NOON + 2 * HOUR, "kept_at": NOON + 3 * HOUR}, 3 * HOUR, "kept_late", id="broken, then kept"
        ),
    ],
)
async def test_each_way_a_promise_can_stand_has_its_word(
    sqlite_url: str, made: dict[str, Any], after: timedelta, state: str
) -> None:
    async with opened(sqlite_url) as commit:
        facts = await with_parts(commit, NOON + after, promises=(promise(1, FIRST, 2 * HOUR, **made),))
    assert [time["state"] for time in facts["times"]] == [state]


async def test_a_cancelled_promise_is_not_told(sqlite_url: str) -> None:
    async with opened(sqlite_url) as commit:
        gone = promise(1, RESOLUTION, 2 * HOUR, cancelled_at=NOON + MINUTE)
        assert (await with_parts(commit, promises=(gone,)))["times"] == []


async def test_while_the_user_is_waited_for_the_solution_pauses_and_the_first_attention_does_not(
    sqlite_url: str,
) -> None:
    async with opened(sqlite_url) as commit:
        facts = await with_parts(
            commit,
            NOON + 9 * HOUR,
            status=Status.WAITING,
            promises=(promise(1, FIRST, 2 * HOUR, kept_at=NOON + HOUR), promise(2, RESOLUTION, 8 * HOUR)),
            pauses=(Pause(1, NOON + HOUR, None, "asked"),),
        )
    assert [time["state"] for time in facts["times"]] == ["kept", "paused"]


async def test_earlier_times_that_were_missed_are_owned_up_to_and_those_revised_in_time_are_not(
    sqlite_url: str,
) -> None:
    async with opened(sqlite_url) as commit:
        missed = [
            promise(at, RESOLUTION, at * HOUR, broken_at=NOON + at * HOUR, replaced_by=at + 1)
            for at in range(1, MISSED_MAX + 3)
        ]
        last = MISSED_MAX + 3
        in_time = promise(last, RESOLUTION, last * HOUR, replaced_by=last + 1)
        untold = promise(last + 2, RESOLUTION, HOUR, broken_at=NOON + HOUR, replaced_by=1, told_at=None)
        holds = promise(last + 1, RESOLUTION, 20 * HOUR, told_at=NOON + HOUR)
        facts = await with_parts(commit, NOON + 10 * HOUR, promises=(*missed, in_time, holds, untold))
    (time,) = facts["times"]
    assert (time["due"], time["state"]) == (holds.due.isoformat(), "running")
    assert time["missed"] == [one.due.isoformat() for one in missed[-MISSED_MAX:]]


async def test_a_case_that_ended_another_way_has_no_time_that_runs_on(sqlite_url: str) -> None:
    async with opened(sqlite_url) as commit:
        facts = await with_parts(
            commit,
            NOON + HOUR,
            status=Status.CLOSED,
            closed_by=ClosedBy.SILENCE,
            closed_at=NOON + HOUR,
            promises=(promise(1, FIRST, 2 * HOUR, kept_at=NOON + MINUTE), promise(2, RESOLUTION, 8 * HOUR)),
        )
    assert [time["kind"] for time in facts["times"]] == ["first_attention"]
    assert (facts["closed_by"], facts["ended"]) == ("silence", (NOON + HOUR).isoformat())


async def test_a_holiday_on_the_way_is_named(sqlite_url: str) -> None:
    async with opened(sqlite_url) as commit:
        friday = datetime.fromisoformat("2026-11-13T23:40:00+00:00")
        due = CALENDAR.due(friday, 480)
        facts = await with_parts(commit, friday, promises=(Promise(1, RESOLUTION, friday, due, told_at=friday),))
    ((holiday,),) = (time["closed"] for time in facts["times"])
    assert (holiday["reason"], holiday["first"], holiday["last"]) == ("holiday", "2026-11-16", "2026-11-16")


async def test_only_the_newest_messages_are_listed_the_oldest_first_and_never_internal_ones(store_url: str) -> None:
    async with opened(store_url) as commit:
        await commit.reserve()

        def opening(ids: Ids, _now: datetime) -> Decision:
            one = incident(ids.next("incidents"))
            rows = (
                *(message(ids, one, at) for at in range(LISTED_MAX + 5)),
                message(ids, one, LISTED_MAX + 5, Audience.INTERNAL),
            )
            return Decision(incidents=(IncidentChange(None, one),), rows=rows)

        done = await commit.perform(Plain(commit, opening))
        facts = (await seen(commit, done.incidents[0].after.id, NOON)).facts
    listed = [datetime.fromisoformat(one["at"]) for one in facts["messages"]]
    assert listed == [NOON + at * MINUTE for at in range(5, LISTED_MAX + 5)]
    assert facts["messages_more"] == 5


def message(ids: Ids, one: Incident, at: int, audience: Audience = Audience.USER) -> StoredMessage:
    return StoredMessage(
        id=ids.next("messages"),
        incident=one.id,
        at=NOON + at * MINUTE,
        direction=Direction.IN,
        channel=Channel.EMAIL,
        audience=audience,
        sender=ANA,
        sender_name="",
        to=(),
        subject="",
        text="",
        reply_text="",
        message_id=f"<{at}@cliente.mx>",
    )

"""A resolution's clock stands still while the user is asked; the support time it stood still is added."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.base.kinds import CLOSURE
from desk.base.names import PromiseKind, PromiseStatus
from desk.rules.calendar import Calendar
from desk.rules.deadlines import due_after_pauses, paused_minutes, status_of
from desk.rules.incident import Pause, Promise

MEXICO, MADRID = ZoneInfo("America/Mexico_City"), ZoneInfo("Europe/Madrid")
OFFICE = dict.fromkeys(range(5), ((540, 1140),))
SPLIT = dict.fromkeys(range(6), ((480, 840), (930, 1080)))
NIGHT = {5: ((0, 90), (1200, 1440)), 6: ((0, 240),), 0: ((540, 1140),)}
CLOSED = (CLOSURE.read("2026-12-24 14:00/24:00 Nochebuena"), CLOSURE.read("2026-12-28/2026-12-31"))
DESK = Calendar.of(MEXICO, OFFICE, "MX")
CALENDARS = st.sampled_from([DESK, Calendar.of(MEXICO, SPLIT, "MX", CLOSED), Calendar.of(MADRID, NIGHT, "", CLOSED)])
START = datetime(2026, 10, 1, tzinfo=UTC)
INSTANTS = st.integers(0, 100 * 24 * 3600).map(lambda seconds: START + timedelta(seconds=seconds))
MINUTES = st.integers(1, 3000)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=MEXICO).astimezone(UTC)


def promised(
    calendar: Calendar, made_at: datetime, minutes: int, kind: PromiseKind = PromiseKind.RESOLUTION
) -> Promise:
    made_at = made_at.replace(second=0, microsecond=0)
    return Promise(1, kind, made_at, calendar.due(made_at, minutes))


def pauses_at(*instants: datetime) -> tuple[Pause, ...]:
    """Pauses from the first to the second instant, from the third to the fourth, and so on; the last may be open."""
    ends = [*instants[1::2], None]
    return tuple(Pause(n, since, ends[n], "asked") for n, since in enumerate(instants[::2]))


@pytest.mark.done("words.1")
@given(CALENDARS, INSTANTS, st.lists(INSTANTS, max_size=8, unique=True), INSTANTS)
def test_pauses_add_up_with_what_ran_to_the_support_time_that_passed(
    calendar: Calendar, start: datetime, instants: list[datetime], end: datetime
) -> None:
    pauses = pauses_at(*sorted(instants))
    edges = sorted({start, end, *(one for one in instants if start < one < end)})
    stood_still = [any(p.since <= edge < (p.until or end) for p in pauses) for edge in edges[:-1]]
    stretches = [calendar.open_minutes(*pair) for pair in pairwise(edges)] if start < end else []
    running = sum(length for length, still in zip(stretches, stood_still, strict=False) if not still)
    assert running + paused_minutes(pauses, start, end, calendar) == calendar.open_minutes(start, end)


@pytest.mark.done("words.1")
@given(CALENDARS, INSTANTS, MINUTES, st.lists(INSTANTS, max_size=8, unique=True))
def test_a_moved_promise_leaves_exactly_the_support_time_it_promised(
    calendar: Calendar, start: datetime, minutes: int, instants: list[datetime]
) -> None:
    pauses = pauses_at(*sorted(instants)[: len(instants) // 2 * 2])
    promise = promised(calendar, start, minutes)
    due = due_after_pauses(promise, pauses, START + timedelta(days=200), calendar)
    ran = calendar.open_minutes(promise.made_at, due) - paused_minutes(pauses, promise.made_at, due, calendar)
    assert ran == minutes
    assert due >= promise.due


@given(CALENDARS, INSTANTS, MINUTES, st.lists(INSTANTS, min_size=3, max_size=3, unique=True))
def test_a_pause_in_two_adjacent_parts_or_overlapping_ones_is_that_pause(
    calendar: Calendar, start: datetime, minutes: int, instants: list[datetime]
) -> None:
    begin, middle, end = sorted(instants)
    promise, now = promised(calendar, start, minutes), START + timedelta(days=200)
    whole, parted = pauses_at(begin, end), pauses_at(begin, middle, middle, end)
    overlapping = (*whole, *pauses_at(middle, end))
    due = due_after_pauses(promise, whole, now, calendar)
    assert due_after_pauses(promise, parted, now, calendar) == due
    assert due_after_pauses(promise, parted[::-1], now, calendar) == due
    assert due_after_pauses(promise, overlapping, now, calendar) == due


@given(CALENDARS, INSTANTS, MINUTES, INSTANTS, INSTANTS)
def test_an_open_pause_has_counted_so_far_what_it_counts_when_it_ends_now(
    calendar: Calendar, start: datetime, minutes: int, begin: datetime, now: datetime
) -> None:
    promise = promised(calendar, start, minutes)
    ended = due_after_pauses(promise, pauses_at(begin, now), now, calendar)
    assert due_after_pauses(promise, pauses_at(begin), now, calendar) == ended


@pytest.mark.parametrize(
    ("pauses", "due"),
    [
        pytest.param((), "2026-11-24T17:00", id="none"),
        pytest.param(("2026-11-24T10:00", "2026-11-24T11:30"), "2026-11-24T18:30", id="ninety minutes"),
        pytest.param(("2026-11-24T10:00", "2026-11-24T12:00"), "2026-11-24T19:00", id="to the end of the day"),
        pytest.param(("2026-11-24T10:00", "2026-11-24T12:01"), "2026-11-25T09:01", id="into the next day"),
        pytest.param(("2026-11-24T10:00", "2026-11-25T10:00"), "2026-11-25T17:00", id="over a night: a day's minutes"),
        pytest.param(("2026-11-24T16:59", "2026-11-24T17:30"), "2026-11-24T17:31", id="in its last minute"),
        pytest.param(("2026-11-24T17:00", "2026-11-24T18:00"), "2026-11-24T17:00", id="when it had passed"),
        pytest.param(("2026-11-23T10:00", "2026-11-23T11:00"), "2026-11-24T17:00", id="before it was made"),
        pytest.param(("2026-11-23T10:00", "2026-11-24T10:00"), "2026-11-24T18:00", id="when it was made already"),
        pytest.param(
            ("2026-11-24T10:00", "2026-11-24T11:00", "2026-11-24T17:30", "2026-11-24T18:00"),
            "2026-11-24T18:30",
            id="a second one, before the time that the first gave",
        ),
    ],
)
def test_a_resolution_is_later_by_the_minutes_it_stood_still(pauses: tuple[str, ...], due: str) -> None:
    promise = promised(DESK, at("2026-11-24T09:00"), 480)
    assert due_after_pauses(promise, pauses_at(*map(at, pauses)), at("2026-12-01T09:00"), DESK) == at(due)


def test_waiting_for_the_user_moves_no_first_attention() -> None:
    promise = promised(DESK, at("2026-11-24T09:00"), 120, PromiseKind.FIRST_ATTENTION)
    pauses = pauses_at(at("2026-11-24T09:30"), at("2026-11-24T10:30"))
    assert due_after_pauses(promise, pauses, at("2026-11-24T12:00"), DESK) == promise.due


def test_a_paused_promise_is_paused_until_it_is_resumed_with_its_new_time() -> None:
    promise = promised(DESK, at("2026-11-24T09:00"), 480)
    asked, answered, after = at("2026-11-24T16:00"), at("2026-11-25T12:00"), at("2026-11-25T12:59")
    assert status_of(promise, after, pauses_at(asked)) is PromiseStatus.PAUSED
    pauses = pauses_at(asked, answered)
    resumed = Promise(2, promise.kind, answered, due_after_pauses(promise, pauses, answered, DESK))
    assert resumed.due == at("2026-11-25T13:00")
    assert status_of(resumed, after, pauses) is PromiseStatus.RUNNING
    assert status_of(resumed, resumed.due, pauses) is PromiseStatus.BROKEN

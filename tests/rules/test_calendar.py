"""The business calendar against an oracle that knows nothing of it: every minute of a window, looked at one by one."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest

from desk.base.errors import OutsideCalendar
from desk.base.kinds import CLOSURE, Closure, HoursSpan
from desk.rules.calendar import CLOSED_MAX, Calendar, Closed, ClosedDays, ClosedReason, DayLine, merge_spans
from desk.rules.settings import CalendarSettings, HoursSettings

MEXICO, MADRID = ZoneInfo("America/Mexico_City"), ZoneInfo("Europe/Madrid")
Hours = dict[int, tuple[tuple[int, int], ...]]
OFFICE: Hours = dict.fromkeys(range(5), ((9 * 60, 19 * 60),))
SPLIT: Hours = dict.fromkeys(range(6), ((8 * 60, 14 * 60), (15 * 60 + 30, 18 * 60)))
NIGHT: Hours = {0: ((22 * 60, 24 * 60),), 5: ((0, 90), (20 * 60, 24 * 60)), 6: ((0, 2 * 60 + 30), (23 * 60, 24 * 60))}
ALWAYS: Hours = dict.fromkeys(range(7), ((0, 24 * 60),))
DESK = Calendar.of(MEXICO, OFFICE, "MX")


def closures(*texts: str) -> tuple[Closure, ...]:
    return tuple(CLOSURE.read(text) for text in texts)


def at(text: str, zone: ZoneInfo = MEXICO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@dataclass(frozen=True)
class Case:
    """How a calendar is made, a window of local days, and by hand the days without any support time in it.

    Each test makes its own: one that was asked before knows its days already, and a mutant of what computes them lives.
    """

    made: Callable[[], Calendar]
    hours: Hours
    first: date
    last: date
    closed_days: tuple[str, ...] = ()
    closed_hours: tuple[tuple[str, int, int], ...] = ()

    def open_minutes(self) -> list[int]:
        """Every open minute of the window, since the epoch: the oracle."""
        found = []
        zone, days = self.made().zone, {date.fromisoformat(day) for day in self.closed_days}
        holes = {date.fromisoformat(day): (start, end) for day, start, end in self.closed_hours}
        begin = int(datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC).timestamp()) // 60
        for minute in range(begin, begin + (self.last - self.first).days * 1440):
            local = datetime.fromtimestamp(minute * 60, zone)
            day, of_day = local.date(), local.hour * 60 + local.minute
            spans = () if day in days else self.hours.get(day.weekday(), ())
            start, end = holes.get(day, (0, 0))
            if any(a <= of_day < b for a, b in spans) and not start <= of_day < end:
                found.append(minute)
        return found


CHRISTMAS = closures(
    "2026-12-24 14:00/24:00 Nochebuena", "2026-12-28/2026-12-31 inventario", "2027-01-04 10:00/11:15 junta"
)
CASES = [
    pytest.param(
        Case(lambda: Calendar.of(MEXICO, OFFICE, "MX"), OFFICE, date(2026, 11, 9), date(2026, 11, 30), ("2026-11-16",)),
        id="Revolution Day",
    ),
    pytest.param(
        Case(lambda: Calendar.of(MEXICO, OFFICE, "MX"), OFFICE, date(2026, 1, 26), date(2026, 2, 16), ("2026-02-02",)),
        id="Constitution Day",
    ),
    pytest.param(
        Case(
            lambda: Calendar.of(MEXICO, OFFICE, "MX"),
            OFFICE,
            date(2024, 9, 9),
            date(2024, 10, 10),
            ("2024-09-16", "2024-10-01"),
        ),
        id="1 October",
    ),
    pytest.param(
        Case(
            lambda: Calendar.of(MEXICO, SPLIT, "MX", CHRISTMAS),
            SPLIT,
            date(2026, 12, 14),
            date(2027, 1, 12),
            ("2026-12-25", "2026-12-28", "2026-12-29", "2026-12-30", "2026-12-31", "2027-01-01"),
            (("2026-12-24", 840, 1440), ("2027-01-04", 600, 675)),
        ),
        id="several spans and closures",
    ),
    pytest.param(
        Case(lambda: Calendar.of(MADRID, NIGHT), NIGHT, date(2026, 3, 14), date(2026, 4, 14)),
        id="Madrid, the skipped hour",
    ),
    pytest.param(
        Case(lambda: Calendar.of(MADRID, NIGHT), NIGHT, date(2026, 10, 12), date(2026, 11, 14)),
        id="Madrid, the repeated hour",
    ),
    pytest.param(
        Case(
            lambda: Calendar.of(MADRID, OFFICE, "ES-MD"),
            OFFICE,
            date(2026, 3, 23),
            date(2026, 4, 13),
            ("2026-04-02", "2026-04-03"),
        ),
        id="Madrid, office hours and Easter",
    ),
    pytest.param(
        Case(lambda: Calendar.of(ZoneInfo("America/Havana"), ALWAYS), ALWAYS, date(2026, 3, 1), date(2026, 3, 15)),
        id="a zone that skips midnight",
    ),
    pytest.param(
        Case(lambda: Calendar.of(ZoneInfo("America/Havana"), NIGHT), NIGHT, date(2026, 10, 20), date(2026, 11, 20)),
        id="a zone that repeats midnight",
    ),
    pytest.param(
        Case(lambda: Calendar.of(ZoneInfo("Australia/Lord_Howe"), NIGHT), NIGHT, date(2026, 3, 20), date(2026, 4, 20)),
        id="a zone that changes by half an hour",
    ),
    pytest.param(
        Case(lambda: Calendar.of(ZoneInfo("Asia/Kathmandu"), SPLIT), SPLIT, date(2026, 5, 4), date(2026, 5, 25)),
        id="an offset of quarter hours",
    ),
]


def instant(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


@pytest.mark.parametrize("case", CASES)
def test_the_calendar_counts_as_one_who_looks_at_every_minute(case: Case) -> None:
    opened, calendar, random = case.open_minutes(), case.made(), Random(10)
    edges = [minute for minute in opened if calendar.is_open(instant(minute)) and minute % 30 == 0][:100]
    wanted = [60, 1, len(opened) // 3]
    for index in range(200):
        minute = random.choice(edges) - index % 3 if index % 4 == 0 else random.randrange(opened[0], opened[-1])
        begin = instant(minute) + timedelta(seconds=random.randrange(60))
        first = bisect_left(opened, minute)
        minutes = random.choice([*wanted, random.randrange(1, 1000)])
        assert calendar.is_open(begin) == (opened[min(first, len(opened) - 1)] == minute)
        if first + minutes < len(opened):
            due = calendar.due(begin, minutes)
            assert due == calendar.shift(begin, minutes) == instant(opened[first + minutes - 1] + 1)
            assert calendar.next_opening(begin) == instant(opened[first])
            assert calendar.open_minutes(begin, due) == minutes
            assert calendar.explain(begin, minutes)[-1].closes == due
        if first >= minutes:
            assert calendar.shift(begin, -minutes) == instant(opened[first - minutes])


@pytest.mark.parametrize("case", CASES)
def test_every_span_of_a_window_begins_and_ends_at_its_minute(case: Case) -> None:
    opened, calendar = case.open_minutes(), case.made()
    start = instant(opened[0])
    assert calendar.is_open(start)
    for place, (before, after) in enumerate(pairwise(opened), start=1):
        if after != before + 1:
            assert [calendar.is_open(instant(minute)) for minute in (before, before + 1)] == [True, False]
            assert [calendar.is_open(instant(minute)) for minute in (after - 1, after)] == [False, True]
            assert calendar.due(start, place) == instant(before + 1)
            assert calendar.due(start, place + 1) == instant(after + 1)
            assert calendar.next_opening(instant(before + 1)) == instant(after)
            assert calendar.open_minutes(start, instant(after)) == place


@pytest.mark.parametrize(
    ("start", "minutes", "due"),
    [
        pytest.param("2026-11-24T09:00", 600, "2026-11-24T19:00", id="a day holds 600 minutes"),
        pytest.param("2026-11-24T09:00", 601, "2026-11-25T09:01", id="the 601st is the next day's first"),
        pytest.param("2026-11-24T16:59:59", 120, "2026-11-24T18:59", id="seconds are cut"),
        pytest.param("2026-11-24T17:00", 120, "2026-11-24T19:00", id="the last minute is 18:59"),
        pytest.param("2026-11-24T18:59", 1, "2026-11-24T19:00", id="the last minute alone"),
        pytest.param("2026-11-24T19:00", 120, "2026-11-25T11:00", id="who writes at 19:00 begins next day"),
        pytest.param("2026-11-27T18:59", 120, "2026-11-30T10:59", id="Friday evening falls on Monday"),
        pytest.param("2026-11-13T18:00", 120, "2026-11-17T10:00", id="over a weekend and a holiday"),
        pytest.param("2026-11-28T12:00", 480, "2026-11-30T17:00", id="Saturday"),
        pytest.param("2024-09-30T18:30", 120, "2024-10-02T10:30", id="transition of power"),
        pytest.param("2026-10-01T10:00", 120, "2026-10-01T12:00", id="1 October of another year"),
        pytest.param("2026-11-24T03:00", 0, "2026-11-24T09:00", id="no minute: the next opening"),
    ],
)
def test_a_promise_ends_with_its_last_open_minute(start: str, minutes: int, due: str) -> None:
    assert DESK.due(at(start), minutes) == at(due)


def test_a_time_moved_by_nothing_outside_support_hours_is_the_next_opening() -> None:
    assert DESK.shift(at("2026-11-24T03:00"), 0) == at("2026-11-24T09:00")
    assert DESK.shift(at("2026-11-24T19:00"), 0) == at("2026-11-25T09:00")


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2024, "01-01 02-05 03-18 05-01 09-16 10-01 11-18 12-25"),
        (2025, "01-01 02-03 03-17 05-01 09-16 11-17 12-25"),
        (2026, "01-01 02-02 03-16 05-01 09-16 11-16 12-25"),
        (2030, "01-01 02-04 03-18 05-01 09-16 10-01 11-18 12-25"),
    ],
)
def test_mexican_holidays_are_those_of_article_74(year: int, days: str) -> None:
    always = Calendar.of(MEXICO, ALWAYS, "MX")
    first = date(year, 1, 1)
    year_days = [first + timedelta(days=n) for n in range(365)]
    closed = [day for day in year_days if not always.is_open(at(f"{day}T12:00"))]
    assert [f"{day:%m-%d}" for day in closed] == days.split()


def test_an_explanation_shows_the_weekend_and_the_holiday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    lines = Calendar.of(MEXICO, OFFICE, "MX").explain(at("2026-11-13T18:00"), 120)
    no_hours = Closed(ClosedReason.NO_HOURS)
    assert lines == (
        DayLine(date(2026, 11, 13), 60, at("2026-11-13T18:00"), at("2026-11-13T19:00")),
        DayLine(date(2026, 11, 14), 0, closed=no_hours),
        DayLine(date(2026, 11, 15), 0, closed=no_hours),
        DayLine(date(2026, 11, 16), 0, closed=Closed(ClosedReason.HOLIDAY, "Día de la Revolución")),
        DayLine(date(2026, 11, 17), 60, at("2026-11-17T09:00"), at("2026-11-17T10:00")),
    )


def test_an_explanation_names_the_closure_that_shortened_a_day() -> None:
    lines = Calendar.of(MEXICO, OFFICE, "MX", CHRISTMAS).explain(at("2026-12-24T13:00"), 90)
    eve = Closed(ClosedReason.CLOSURE, "Nochebuena")
    assert lines[0] == DayLine(date(2026, 12, 24), 60, at("2026-12-24T13:00"), at("2026-12-24T14:00"), eve)
    assert [(line.day.day, line.closed and line.closed.name) for line in lines[1:-1] if line.day.weekday() < 5] == [
        (25, "Navidad"),
        (28, "inventario"),
        (29, "inventario"),
        (30, "inventario"),
        (31, "inventario"),
        (1, "Año Nuevo"),
    ]
    assert lines[-1].minutes == 30


def test_who_writes_after_hours_is_told_that_the_day_is_over() -> None:
    lines = DESK.explain(at("2026-11-24T19:00"), 60)
    assert lines[0] == DayLine(date(2026, 11, 24), 0, closed=Closed(ClosedReason.AFTER_HOURS))
    assert lines[1].minutes == 60


HOLIDAY, CLOSURE_DAY = ClosedReason.HOLIDAY, ClosedReason.CLOSURE
WINTER = Calendar.of(MEXICO, OFFICE, "MX", CHRISTMAS)


def days(first: str, last: str, reason: ClosedReason, name: str, *hours: int) -> ClosedDays:
    return ClosedDays(date.fromisoformat(first), date.fromisoformat(last), reason, name, *hours)


@pytest.mark.parametrize(
    ("calendar", "start", "end", "told"),
    [
        pytest.param(DESK, "2026-11-24T10:00", "2026-11-24T12:00", (), id="a day like any other"),
        pytest.param(DESK, "2026-11-27T18:59", "2026-11-30T10:59", (), id="a weekend is not told"),
        pytest.param(
            DESK,
            "2026-11-13T18:00",
            "2026-11-17T10:00",
            (days("2026-11-16", "2026-11-16", HOLIDAY, "Día de la Revolución"),),
            id="a holiday on the way",
        ),
        pytest.param(
            DESK,
            "2026-11-16T18:59",
            "2026-11-17T10:00",
            (days("2026-11-16", "2026-11-16", HOLIDAY, "Día de la Revolución"),),
            id="written in the last minute the holiday took",
        ),
        pytest.param(DESK, "2026-11-16T19:00", "2026-11-17T10:00", (), id="written when that day would be over too"),
        pytest.param(DESK, "2027-05-01T10:00", "2027-05-03T11:00", (), id="a holiday on a Saturday takes nothing"),
        pytest.param(
            WINTER,
            "2026-12-24T13:00",
            "2027-01-04T12:00",
            (
                days("2026-12-24", "2026-12-24", CLOSURE_DAY, "Nochebuena", 840, 1440),
                days("2026-12-25", "2026-12-25", HOLIDAY, "Navidad"),
                days("2026-12-28", "2026-12-31", CLOSURE_DAY, "inventario"),
                days("2027-01-01", "2027-01-01", HOLIDAY, "Año Nuevo"),
                days("2027-01-04", "2027-01-04", CLOSURE_DAY, "junta", 600, 675),
            ),
            id="each with its own reason and hours",
        ),
        pytest.param(WINTER, "2026-12-24T09:00", "2026-12-24T14:00", (), id="due before the closure begins"),
        pytest.param(
            Calendar.of(MEXICO, OFFICE, "", closures("2026-12-17/2026-12-22 mudanza")),
            "2026-12-18T09:00",
            "2026-12-23T10:00",
            (days("2026-12-18", "2026-12-22", CLOSURE_DAY, "mudanza"),),
            id="one run over a weekend, from the first day that took time",
        ),
        pytest.param(
            Calendar.of(MEXICO, OFFICE, "", closures("2026-11-24 08:00/20:00 junta")),
            "2026-11-24T09:00",
            "2026-11-25T11:00",
            (days("2026-11-24", "2026-11-24", CLOSURE_DAY, "junta"),),
            id="hours that leave no minute are the whole day",
        ),
        pytest.param(
            Calendar.of(MEXICO, OFFICE, "", closures("2026-11-24 09:00/14:00 a", "2026-11-24 14:00/19:00 b")),
            "2026-11-24T09:00",
            "2026-11-25T11:00",
            (days("2026-11-24", "2026-11-24", CLOSURE_DAY, "a"),),
            id="two that take the whole day are told as the first",
        ),
        pytest.param(DESK, "2026-11-17T10:00", "2026-11-13T18:00", (), id="an end before the start"),
    ],
)
def test_closed_days_between_two_instants_are_those_that_took_support_time(
    calendar: Calendar, start: str, end: str, told: tuple[ClosedDays, ...]
) -> None:
    assert calendar.closed_between(at(start), at(end)) == told


def test_of_many_closed_days_no_more_are_told_than_anybody_reads() -> None:
    every_other = closures(*(f"2026-11-{day:02}" for day in range(2, 30, 2)))
    told = Calendar.of(MEXICO, ALWAYS, "", every_other).closed_between(at("2026-11-01T09:00"), at("2026-12-01T09:00"))
    assert [one.first.day for one in told] == [2, 4, 6, 8, 10, 12]
    assert len(told) == CLOSED_MAX


def test_the_local_day_is_that_of_the_desk() -> None:
    assert DESK.day_of(datetime(2026, 11, 25, 5, 59, tzinfo=UTC)) == date(2026, 11, 24)
    assert DESK.day_of(datetime(2026, 11, 25, 6, 0, tzinfo=UTC)) == date(2026, 11, 25)


def test_a_clock_that_changes_at_night_moves_no_office_hours() -> None:
    calendar = Calendar.of(MADRID, OFFICE)
    assert calendar.due(at("2026-10-23T18:00", MADRID), 120) == at("2026-10-26T10:00", MADRID)
    assert calendar.due(at("2026-03-27T18:00", MADRID), 120) == at("2026-03-30T10:00", MADRID)


def test_hours_shown_twice_count_twice_and_hours_skipped_not_at_all() -> None:
    calendar = Calendar.of(MADRID, ALWAYS)
    for day, minutes in (("2026-03-29", 23 * 60), ("2026-10-25", 25 * 60), ("2026-10-26", 24 * 60)):
        midnight = at(f"{day}T00:00", MADRID)
        next_midnight = at(f"{date.fromisoformat(day) + timedelta(days=1)}T00:00", MADRID)
        assert calendar.open_minutes(midnight, next_midnight) == minutes


def test_the_settings_make_the_same_calendar() -> None:
    settings = CalendarSettings(
        holidays="MX",
        closures=CHRISTMAS,
        hours=HoursSettings(**dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), (HoursSpan(540, 1140),))),
    )
    calendar = Calendar.from_settings(settings, MEXICO)
    assert calendar.due(at("2026-12-24T13:00"), 90) == at("2027-01-04T09:30")
    assert Calendar.from_settings(CalendarSettings(), MEXICO).due(at("2026-11-13T18:00"), 120) == at("2026-11-17T10:00")


@pytest.mark.parametrize(
    ("hours", "holidays", "sentence"),
    [
        ({}, "MX", "no support hours"),
        ({0: ()}, "", "no support hours"),
        (OFFICE, "XX", 'no list of holidays for "XX"'),
        (OFFICE, "ES-ZZ", 'no list of holidays for "ES-ZZ"'),
    ],
)
def test_a_calendar_that_cannot_be_is_refused_with_a_sentence(hours: Hours, holidays: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Calendar.of(MEXICO, hours, holidays)


@pytest.mark.parametrize("year", [1, 1970, 2999, 9999])
def test_a_year_that_the_calendar_does_not_know_is_told(year: int) -> None:
    far = datetime(year, 6, 1, tzinfo=UTC)
    for ask in (
        DESK.is_open,
        DESK.next_opening,
        lambda start: DESK.due(start, 1),
        lambda start: DESK.explain(start, 1),
    ):
        with pytest.raises(OutsideCalendar):
            ask(far)


def test_a_promise_out_of_reach_ends_in_an_error_and_not_in_a_search_without_end() -> None:
    sundays = Calendar.of(MEXICO, {6: ((0, 1),)})
    for ask in (sundays.due, sundays.explain, lambda start, minutes: sundays.shift(start, -minutes)):
        with pytest.raises(OutsideCalendar):
            ask(at("2026-11-24T09:00"), 5000)


def test_a_naive_instant_is_a_programmers_mistake() -> None:
    with pytest.raises(AssertionError):
        DESK.due(datetime(2026, 11, 24, 9, 0), 1)


def test_spans_that_touch_or_overlap_are_one() -> None:
    assert merge_spans(((600, 700), (540, 600), (650, 720), (800, 800))) == ((540, 720),)


def test_overlapping_closures_take_their_hours_once() -> None:
    calendar = Calendar.of(MEXICO, OFFICE, "", closures("2026-11-24 09:30/10:30", "2026-11-24 10:00/11:00 junta"))
    assert calendar.open_minutes(at("2026-11-24T09:00"), at("2026-11-24T19:00")) == 600 - 90
    assert not calendar.is_open(at("2026-11-24T10:59"))
    assert calendar.next_opening(at("2026-11-24T09:30")) == at("2026-11-24T11:00")
    assert calendar.open_minutes(at("2026-11-24T12:00"), at("2026-11-24T12:00")) == 0
    assert calendar.open_minutes(at("2026-11-25T12:00"), at("2026-11-24T12:00")) == 0

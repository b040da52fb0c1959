"""The desk's business calendar: which minutes are support time, and when a number of them is over (DESIGN 9, Promises).

An open minute is a real minute, starting at a whole minute, whose local time lies in the hours of its weekday, on no
holiday and in no closure. 09:00-19:00 holds 600 of them, 09:00 to 18:59. Where the clocks change, minutes that the
local clock skips are not counted and minutes that it shows twice are counted twice: support time is time that passed.
Instants are aware on the way in and UTC on the way out, cut to their minute. No words for people are made here:
`explain` gives data. What is promised is computed here, and later judged by the same functions (guarantee 5).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from desk.base.errors import OutsideCalendar
from desk.base.kinds import DAY_MINUTES, Closure
from desk.rules.settings import CalendarSettings

HORIZON_DAYS = 20 * 366
"""How far an opening is looked for: a promise that takes longer is a mistake of the settings."""
DAYS_OF_WEEK = 7
YEAR_FIRST, YEAR_LAST = 1970, 2999
"""The years this calendar knows; outside them it raises OutsideCalendar."""

CLOSED_MAX = 6
"""Runs of closed days that `closed_between` tells at most: more than these nobody reads."""

_DAYS_CACHED = 1024
_YEARS_CACHED = 32
_CLOCK_CHANGE_MINUTES = 3 * 60
"""No clock change in use makes a day longer by more than this."""

Minutes = tuple[int, int]
"""First minute and the one after the last: of a local day, or since the epoch."""


class ClosedReason(StrEnum):
    """Why a day, or the rest of it, is no support time."""

    NO_HOURS = "no_hours"
    HOLIDAY = "holiday"
    CLOSURE = "closure"
    AFTER_HOURS = "after_hours"


@dataclass(frozen=True, slots=True)
class Closed:
    """A reason with the name of the holiday or closure, "" when it has none; in the language it was written in."""

    reason: ClosedReason
    name: str = ""


@dataclass(frozen=True, slots=True)
class DayLine:
    """One line of an explanation: the minutes counted from `opens` to `closes` (UTC), or why a day gave none.

    `closed` is also set on a day that a closure shortened.
    """

    day: date
    minutes: int
    opens: datetime | None = None
    closes: datetime | None = None
    closed: Closed | None = None


@dataclass(frozen=True, slots=True)
class ClosedDays:
    """Days in a row that gave no support time, or less, by one holiday or closure.

    `start` to `end` are the minutes of each local day it took: 0 to DAY_MINUTES when it left the day no open minute.
    """

    first: date
    last: date
    reason: ClosedReason
    name: str = ""
    start: int = 0
    end: int = DAY_MINUTES

    @property
    def is_whole(self) -> bool:
        return (self.start, self.end) == (0, DAY_MINUTES)


@dataclass(frozen=True, slots=True)
class _Day:
    """A local day: open spans in minutes since the epoch, and why it is closed or shorter."""

    spans: tuple[Minutes, ...]
    closed: Closed | None


class Calendar:
    """Hours, holidays and closures in one time zone. Days are computed once and kept, _DAYS_CACHED at most."""

    def __init__(
        self, zone: ZoneInfo, hours: Mapping[int, tuple[Minutes, ...]], holidays: str, closures: tuple[Closure, ...]
    ) -> None:
        self.zone = zone
        self.holidays = holidays
        self.closures = closures
        self._hours = hours
        self._day = lru_cache(_DAYS_CACHED)(self._make_day)
        self._holidays_of = lru_cache(_YEARS_CACHED)(self._make_holidays)

    @classmethod
    def of(
        cls,
        zone: ZoneInfo,
        hours: Mapping[int, tuple[Minutes, ...]],
        holidays: str = "",
        closures: tuple[Closure, ...] = (),
    ) -> "Calendar":
        """Return a calendar of plain values.

        `hours`: minutes of the local day by weekday, Monday 0; a weekday left out is closed. `holidays`: an ISO code as
        `MX` or `ES-MD`, "" for none. Raises ValueError with a sentence that tells what is wrong.
        """
        merged = {weekday: merge_spans(spans) for weekday, spans in hours.items() if spans}
        if not merged:
            raise ValueError("the desk has no support hours on any day of the week")
        if holidays:
            _country(holidays, YEAR_FIRST)
        return cls(zone, merged, holidays, closures)

    @classmethod
    def from_settings(cls, settings: CalendarSettings, zone: ZoneInfo) -> "Calendar":
        """Return the calendar of `[calendar]` in `desk.timezone`. Raises ValueError as `of` does."""
        hours = {
            weekday: tuple((span.start, span.end) for span in settings.hours.of(weekday))
            for weekday in range(DAYS_OF_WEEK)
        }
        return cls.of(zone, hours, settings.holidays, settings.closures)

    def is_open(self, at: datetime) -> bool:
        """Tell whether an instant lies in an open minute."""
        minute = _minute_of(at)
        return any(begin <= minute < end for begin, end in self._day(self._ordinal(at)).spans)

    def day_of(self, at: datetime) -> date:
        """Return the local day of an instant. Raises OutsideCalendar."""
        return date.fromordinal(self._ordinal(at))

    def next_opening(self, at: datetime) -> datetime:
        """Return the first open minute at or after an instant's minute. Raises OutsideCalendar."""
        for begin, _ in self._open_from(at):
            return _instant(begin)
        raise OutsideCalendar(f"no support hours within reach of {at.isoformat()}")

    def due(self, start: datetime, minutes: int) -> datetime:
        """Return the instant at which so many open minutes have passed since start's minute.

        The n-th open minute ends it: one whose last minute is 18:59 is due at 19:00. Of none it is the next opening.
        Raises OutsideCalendar.
        """
        assert minutes >= 0, "support time is not counted backwards here: see shift"
        left = minutes
        for begin, end in self._open_from(start):
            if end - begin >= left:
                return _instant(begin + left)
            left -= end - begin
        raise OutsideCalendar(f"{minutes} minutes of support time from {start.isoformat()} are not within reach")

    def shift(self, at: datetime, minutes: int) -> datetime:
        """Return the instant so many open minutes later, as `due` does, or before: the latest from which they pass.

        Raises OutsideCalendar.
        """
        if minutes >= 0:
            return self.due(at, minutes)
        left, minute = -minutes, _minute_of(at)
        last = self._ordinal(at)
        for ordinal in range(last, max(last - HORIZON_DAYS, _ORDINAL_FIRST - 1), -1):
            for begin, full_end in reversed(self._day(ordinal).spans):
                end = min(full_end, minute)
                if end - begin >= left:
                    return _instant(end - left)
                left -= max(end - begin, 0)
        raise OutsideCalendar(f"{-minutes} minutes of support time before {at.isoformat()} are not within reach")

    def open_minutes(self, start: datetime, end: datetime) -> int:
        """Return the open minutes from start's minute to before end's; 0 when end is not after start."""
        first, last = _minute_of(start), _minute_of(end)
        total = 0
        for ordinal in range(self._ordinal(start), self._ordinal(end) + 1):
            for opens, closes in self._day(ordinal).spans:
                total += max(min(closes, last) - max(opens, first), 0)
        return total

    def explain(self, start: datetime, minutes: int) -> tuple[DayLine, ...]:
        """Return how `due` counts: a line for each span of a day that gave minutes and for each day that gave none.

        The last line closes at the instant `due` returns. Raises OutsideCalendar.
        """
        lines: list[DayLine] = []
        left, minute = minutes, _minute_of(start)
        for ordinal in self._ordinals_from(start):
            of_day = self._lines_of(ordinal, minute, left)
            lines += of_day
            left -= sum(line.minutes for line in of_day)
            if not left:
                return tuple(lines)
        raise OutsideCalendar(f"{minutes} minutes of support time from {start.isoformat()} are not within reach")

    def closed_between(self, start: datetime, end: datetime) -> tuple[ClosedDays, ...]:
        """Return the holidays and closures that took support time between two instants, in order, CLOSED_MAX at most.

        Days that follow each other, with nothing but days without hours between them, are one when their reason, name
        and hours are. Raises OutsideCalendar.
        """
        found: list[ClosedDays] = []
        window = _minute_of(start), _minute_of(end)
        for ordinal in range(self._ordinal(start), self._ordinal(end) + 1):
            for closed in self._taken_from(date.fromordinal(ordinal), window):
                if found and self._follows(found[-1], closed):
                    found[-1] = replace(found[-1], last=closed.first)
                elif len(found) == CLOSED_MAX:
                    return tuple(found)
                else:
                    found.append(closed)
        return tuple(found)

    def _taken_from(self, day: date, window: Minutes) -> Iterator[ClosedDays]:
        """Yield the holiday or the closures that took support time of one day within a window of minutes."""
        made = self._day(day.toordinal())
        if made.closed is None or made.closed.reason is ClosedReason.NO_HOURS:
            return
        hours, closed = self._hours[day.weekday()], made.closed
        if not made.spans:
            if self._touches(day, hours, window):
                yield ClosedDays(day, day, closed.reason, closed.name)
            return
        for closure in self._closures_on(day):
            if self._touches(day, _within(hours, (closure.start, closure.end)), window):
                yield ClosedDays(day, day, closed.reason, closure.text, closure.start, closure.end)

    def _touches(self, day: date, spans: tuple[Minutes, ...], window: Minutes) -> bool:
        """Tell whether some minute of local spans of a day lies in a window."""
        return any(begin < window[1] and window[0] < end for begin, end in self._on_the_time_line(day, spans))

    def _follows(self, before: ClosedDays, closed: ClosedDays) -> bool:
        """Tell whether a closed day goes on what `before` is, with only days without hours between them."""
        between = range(before.last.toordinal() + 1, closed.first.toordinal())
        alike = replace(closed, first=before.first, last=before.last) == before
        return alike and all(date.fromordinal(ordinal).weekday() not in self._hours for ordinal in between)

    def _lines_of(self, ordinal: int, minute: int, left: int) -> list[DayLine]:
        """Return the lines of one day, counting from a minute and at most `left`."""
        day, on = self._day(ordinal), date.fromordinal(ordinal)
        lines = []
        for opens, closes in day.spans:
            begin = max(opens, minute)
            if begin < closes and left:
                counted = min(closes - begin, left)
                left -= counted
                lines.append(DayLine(on, counted, _instant(begin), _instant(begin + counted), day.closed))
        return lines or [DayLine(on, 0, closed=day.closed or Closed(ClosedReason.AFTER_HOURS))]

    def _open_from(self, at: datetime) -> Iterator[Minutes]:
        """Yield the open spans at and after an instant's minute, the first cut to it."""
        minute = _minute_of(at)
        for ordinal in self._ordinals_from(at):
            for begin, end in self._day(ordinal).spans:
                if end > minute:
                    yield max(begin, minute), end

    def _ordinals_from(self, at: datetime) -> range:
        first = self._ordinal(at)
        return range(first, min(first + HORIZON_DAYS, _ORDINAL_LAST + 1))

    def _ordinal(self, at: datetime) -> int:
        """Return the local day of an instant."""
        if not YEAR_FIRST < at.year < YEAR_LAST:
            raise OutsideCalendar(f"the calendar knows {YEAR_FIRST + 1} to {YEAR_LAST - 1}, not {at.year}")
        return at.astimezone(self.zone).toordinal()

    def _make_day(self, ordinal: int) -> _Day:
        day = date.fromordinal(ordinal)
        hours = self._hours.get(day.weekday())
        if hours is None:
            return _Day((), Closed(ClosedReason.NO_HOURS))
        if (name := self._holidays_of(day.year).get(day)) is not None:
            return _Day((), Closed(ClosedReason.HOLIDAY, name))
        closures = self._closures_on(day)
        for closure in closures:
            hours = _without(hours, (closure.start, closure.end))
        closed = Closed(ClosedReason.CLOSURE, closures[0].text) if closures else None
        return _Day(self._on_the_time_line(day, hours), closed)

    def _closures_on(self, day: date) -> list[Closure]:
        return [closure for closure in self.closures if closure.first <= day <= closure.last]

    def _on_the_time_line(self, day: date, spans: tuple[Minutes, ...]) -> tuple[Minutes, ...]:
        """Return local spans of a day in minutes since the epoch."""
        midnight = _minute_of(datetime(day.year, day.month, day.day, tzinfo=self.zone))
        tomorrow = date.fromordinal(day.toordinal() + 1)
        if (
            _minute_of(datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self.zone)) - midnight
            == DAY_MINUTES
        ):
            return tuple((midnight + start, midnight + end) for start, end in spans)
        return self._through_a_clock_change(day, midnight, spans)

    def _through_a_clock_change(self, day: date, midnight: int, spans: tuple[Minutes, ...]) -> tuple[Minutes, ...]:
        """Return the same on a day whose clock changes: every minute is looked at, twice a year."""
        found: list[Minutes] = []
        for minute in range(midnight, midnight + DAY_MINUTES + _CLOCK_CHANGE_MINUTES):
            local = datetime.fromtimestamp(minute * 60, self.zone)
            of_day = local.hour * 60 + local.minute
            if local.date() == day and any(start <= of_day < end for start, end in spans):
                found.append((minute, minute + 1))
        return merge_spans(tuple(found))

    def _make_holidays(self, year: int) -> Mapping[date, str]:
        return _country(self.holidays, year) if self.holidays else {}


def merge_spans(spans: tuple[Minutes, ...]) -> tuple[Minutes, ...]:
    """Return spans in order, those that touch or overlap made one, empty ones left out."""
    merged: list[Minutes] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif start < end:
            merged.append((start, end))
    return tuple(merged)


def _without(spans: tuple[Minutes, ...], hole: Minutes) -> tuple[Minutes, ...]:
    """Return spans with one taken out."""
    left = ((start, min(end, hole[0])) for start, end in spans)
    right = ((max(start, hole[1]), end) for start, end in spans)
    return tuple(sorted(span for span in (*left, *right) if span[0] < span[1]))


def _within(spans: tuple[Minutes, ...], part: Minutes) -> tuple[Minutes, ...]:
    """Return what of spans lies in one."""
    cut = ((max(start, part[0]), min(end, part[1])) for start, end in spans)
    return tuple(span for span in cut if span[0] < span[1])


def _country(code: str, year: int) -> Mapping[date, str]:
    """Return the public holidays of a country or subdivision in a year, named in its own language.

    For MX these are the mandatory days of rest of article 74 LFT, the 1 October of a transition year among them.
    Raises ValueError for a code that has no list.
    """
    import holidays  # noqa: PLC0415 - 300 modules, and only a calendar with holidays needs them

    country, _, subdivision = code.partition("-")
    try:
        own = holidays.country_holidays(country, subdiv=subdivision or None).default_language
        # Without a language the names would follow the LANG of whoever started the process.
        found = holidays.country_holidays(country, subdiv=subdivision or None, years=year, language=own)
    except NotImplementedError as error:
        raise ValueError(f'no list of holidays for "{code}": write an ISO code as MX or ES-MD, or ""') from error
    return {day: name for day, name in found.items() if day.year == year}


def _minute_of(at: datetime) -> int:
    """Return an instant's minute since the epoch."""
    assert at.tzinfo is not None, "an instant is aware"
    return int(at.timestamp() // 60)


def _instant(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)


_ORDINAL_FIRST = date(YEAR_FIRST, 1, 1).toordinal()
_ORDINAL_LAST = date(YEAR_LAST, 12, 31).toordinal()

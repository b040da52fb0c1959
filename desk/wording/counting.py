"""Says line by line how a promise was counted: what `ventanilla when` and `ventanilla why` tell of the calendar.

    Counting(language, zone, override).explained(calendar.explain(at, minutes), [(due, "resolution")])

Promises: the lines add up to the promise; days closed for one reason are one line; every day is said with weekday and
date, and with its year when that is not the first line's; words come from `calendar.toml` and the names of days from
`instants.toml` of one language folder. Never: counts by itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from desk.base.errors import TemplateBroken
from desk.base.languages import folders, load_toml
from desk.wording.harmless import line as one_line

FILE = "calendar.toml"
NAMES_FILE = "instants.toml"
LINES_MAX = 100
"""Sentences of one explanation at most; of a longer one the middle is left out."""
NOON = 12
GAP = "  "
# What goes wrong when a table lacks a key, a list an item, or a form names a part that does not exist.
DATA_ERRORS = (LookupError, ValueError, AttributeError, TypeError)

Mark = tuple[datetime, str]
"""The instant a promise ends at, and which: a key of [promise]."""


class Closed(Protocol):
    """Why a day, or the rest of it, gave no support time: a key of [reason], and a name, "" for none."""

    @property
    def reason(self) -> str: ...
    @property
    def name(self) -> str: ...


class Line(Protocol):
    """A line of `Calendar.explain`: the minutes counted from `opens` to `closes`, or why a day gave none."""

    @property
    def day(self) -> date: ...
    @property
    def minutes(self) -> int: ...
    @property
    def opens(self) -> datetime | None: ...
    @property
    def closes(self) -> datetime | None: ...
    @property
    def closed(self) -> Closed | None: ...


@dataclass(frozen=True, slots=True)
class Counted:
    """A part of a day in which minutes were counted; it ends with `closes` or earlier with a promise."""

    day: date
    opens: datetime
    closes: datetime
    closed: Closed | None

    @property
    def minutes(self) -> int:
        return int((self.closes - self.opens).total_seconds()) // 60


class Counting:
    """The words of one language for explanations. Raises TemplateMissing or TemplateBroken naming the file."""

    def __init__(self, language: str, zone: ZoneInfo, override: Path | None = None) -> None:
        self._zone = zone
        self._name = f"{language}/{FILE}"
        self._words, self._names = (_table(language, name, override) for name in (FILE, NAMES_FILE))

    def explained(self, lines: Iterable[Line], marks: Sequence[Mark] = ()) -> list[str]:
        """Return a sentence for each part of a day that counted and for days in a row that did not.

        `marks` tell which promise ends where; one within a line parts it. LINES_MAX sentences at most.
        """
        year: int | None = None
        said: list[str] = []
        for part in _parts(lines, marks):
            year = year or _first_day(part).year
            said.append(self._counted(part, marks, year) if isinstance(part, Counted) else self._closed(part, year))
        return self._shortened(said)

    def instant(self, at: datetime, year: int) -> str:
        """Say an instant with day and clock, and with its year when that is another."""
        return self._form("line", "instant", day=self._day("one", self._local(at), year), clock=self._clock(at))

    def told(self, at: datetime, promises: Sequence[Mark], explanation: Sequence[str]) -> Iterator[str]:
        """Yield what a terminal shows of what would be promised to someone who writes at an instant."""
        year = self._local(at).year
        shown = [("at", self._with_zone(self.instant(at, year)))]
        shown += [(name, self.instant(due, year)) for due, name in promises]
        labels = [self._form("label", name) for name, _ in shown]
        width = max(map(len, labels)) + len(GAP)
        for label, (_, value) in zip(labels, shown, strict=True):
            yield f"{label:<{width}}{value}"
        yield ""
        yield self._form("label", "explanation")
        yield from (GAP + sentence for sentence in explanation)

    def _counted(self, part: Counted, marks: Sequence[Mark], year: int) -> str:
        day = self._day("one", part.day, year)
        opens, closes = self._clock(part.opens), self._clock(part.closes, part.day)
        said = self._form("line", "counted", day=day, opens=opens, closes=closes, minutes=part.minutes)
        if part.closed is not None:
            said = self._named(self._form("line", "shortened", counted=said), part.closed.name)
        ended = [self._form("promise", name) for due, name in marks if due == part.closes]
        return self._form("line", "ends", said=said, promises=self._form("line", "and").join(ended)) if ended else said

    def _closed(self, days: list[Line], year: int) -> str:
        closed = days[0].closed
        assert closed is not None, "a line without minutes says why"
        reason = self._named(self._form("reason", closed.reason), closed.name)
        return self._form("line", "closed", day=self._days([line.day for line in days], year), reason=reason)

    def _days(self, days: Sequence[date], year: int) -> str:
        first, last = days[0], days[-1]
        if first == last:
            return self._day("one", first, year)
        is_one_month = (first.year, first.month) == (last.year, last.month)
        before = self._day("first" if is_one_month else "one", first, year)
        form = "two" if (last - first).days == 1 else "more"
        return self._form("day", form, first=before, last=self._day("one", last, year))

    def _day(self, form: str, day: date, year: int) -> str:
        try:
            parts = {
                "weekday": self._names["weekdays_short"][day.weekday()],
                "month": self._names["months_short"][day.month - 1],
                "month_short": self._names["months_short"][day.month - 1],
                "day": day.day,
                "year": day.year,
            }
            date_form = self._names["date"]["short_this_year" if day.year == year else "short_other_year"]
            return self._form("day", form, **parts, date=date_form.format_map(parts))
        except DATA_ERRORS as broken:
            raise TemplateBroken(f"{self._name}: {NAMES_FILE} beside it: {broken!r}") from broken

    def _clock(self, at: datetime, day: date | None = None) -> str:
        """Say the time of day; the first of the day after `day` is its end."""
        local = at.astimezone(self._zone)
        if day is not None and local.date() > day:
            return self._form("clock", "midnight")
        half = self._names["halves"][local.hour >= NOON]
        hours = {"hour": local.hour, "hour12": local.hour % NOON or NOON}
        return self._form("clock", "form", **hours, minute=local.minute, half=half)

    def _with_zone(self, said: str) -> str:
        key = self._zone.key or ""
        zones = self._names["zones"]
        return self._named(said, zones.get(key) or zones["default"].format(zone=key.replace("_", " ")))

    def _named(self, said: str, name: str) -> str:
        return self._form("line", "named", said=said, name=one_line(name)) if name else said

    def _shortened(self, said: list[str]) -> list[str]:
        if len(said) <= LINES_MAX:
            return said
        half = LINES_MAX // 2
        left_out = self._form("line", "left_out", count=len(said) - 2 * half + 1)
        return [*said[:half], left_out, *said[1 - half :]]

    def _local(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()

    def _form(self, table: str, key: str, **parts: object) -> str:
        try:
            return str(self._words[table][key].format_map(parts))
        except DATA_ERRORS as broken:
            raise TemplateBroken(f"{self._name}: {table}.{key}: {broken!r}") from broken


def _parts(lines: Iterable[Line], marks: Sequence[Mark]) -> Iterator[Counted | list[Line]]:
    """Yield what gets a sentence: counted parts, parted at the marks, and runs of days closed for one reason."""
    closed: list[Line] = []
    for line in lines:
        if closed and not _goes_on(closed[-1], line):
            yield closed
            closed = []
        if line.opens is None or line.closes is None:
            closed.append(line)
        else:
            yield from _parted(line.day, line.opens, line.closes, line.closed, marks)
    if closed:
        yield closed


def _goes_on(before: Line, line: Line) -> bool:
    return not line.minutes and line.closed == before.closed and line.day - before.day == timedelta(days=1)


def _parted(
    day: date, opens: datetime, closes: datetime, closed: Closed | None, marks: Sequence[Mark]
) -> Iterator[Counted]:
    ends = sorted({due for due, _ in marks if opens < due < closes} | {closes})
    for begin, end in zip([opens, *ends], ends, strict=False):
        yield Counted(day, begin, end, closed)


def _first_day(part: Counted | list[Line]) -> date:
    return part.day if isinstance(part, Counted) else part[0].day


def _table(language: str, name: str, override: Path | None) -> Mapping[str, Any]:
    """Return a language's table from the operator's folder, else from ours."""
    root = override if override is not None and (override / language / name).is_file() else folders()
    return load_toml(language, name, root)

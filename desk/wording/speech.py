"""How one language says instants, severities, queues, languages and sizes, from the TOML files of its folder.

Promises: every instant is said in the desk's time zone with its weekday and date, and with its year when that is not
the year of the day it is said on. Never: decides by the name of a language; a new language is new files only.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from desk.base.errors import TemplateBroken

# Instants kept said, and days kept computed, per language.
SAID_MAX = 4_096
DAYS_MAX = 4_096
UNIT_STEP = 1024
# From this many of a unit on no decimal is told: 9.5 MB, 12 MB.
WHOLE_FROM = 10
NOON = 12
HOURS = 24
# Days of which a language says each when it is checked: every weekday and month, and a year that differs.
TRIED_DAYS = 400
FORMS = ("today", "tomorrow", "other")
# Reasons a day is closed for, and how many days a language says each over when it is checked.
CLOSED_REASONS = ("holiday", "closure")
TRIED_SPANS = (0, 1, 40)
# What goes wrong when a table lacks a key, a list an item, or a form names a part that does not exist.
DATA_ERRORS = (LookupError, ValueError, AttributeError, TypeError)


@dataclass(frozen=True, slots=True)
class Tables:
    """The data of one language: `instants.toml`, `words.toml`, and the quote delimiter of `reading.toml`."""

    instants: Mapping[str, Any]
    words: Mapping[str, Any]
    delimiter: str


class Speech:
    """One language, ready to speak. Everything it is asked for and has no words for is TemplateBroken, file named."""

    def __init__(self, code: str, zone: ZoneInfo, tables: Tables) -> None:
        self.code = code
        self.delimiter = tables.delimiter
        self._zone = zone
        self._instants = tables.instants
        self._words = tables.words
        self._said: Callable[[str, str, date], str] = lru_cache(SAID_MAX)(self._say)
        self._day: Callable[[str], date] = lru_cache(DAYS_MAX)(lambda at: self._local(at).date())
        self.zone = self._say_zone()

    def instant(self, way: str, instant: str, at: str) -> str:
        """Say an instant (RFC 3339) in a `way` of instants.toml; today and tomorrow are those of the day of `at`."""
        return self._said(way, instant, self._day(at))

    def dated(self, day: str, at: str) -> str:
        """Say a date (ISO 8601) by itself, with its weekday; its year when that is not the year of the day of `at`."""
        try:
            return str(self._instants["date"]["alone"].format_map(self._dated(date.fromisoformat(day), self._day(at))))
        except DATA_ERRORS as broken:
            raise TemplateBroken(f"{self.code}/instants.toml: date.alone: {broken!r}") from broken

    def closed(self, days: Sequence[Mapping[str, str]], at: str) -> str:
        """Say days on which the desk is closed, each `{reason, first, last, from, until, name}` a clause, as one."""
        clauses = [self._closed(one, self._day(at)) for one in days]
        if len(clauses) < 2:  # noqa: PLR2004 - one needs no joining
            return "".join(clauses)
        joint = self._instants["closed"]
        return f"{joint['and']}".join((f"{joint['comma']}".join(clauses[:-1]), clauses[-1]))

    def word(self, table: str, value: object) -> str:
        """Say a value by a table of words.toml; one that it does not list is said by the table's `default`."""
        words = self._words.get(table, {})
        found = words.get(str(value)) or words.get("default", "").format(word=value)
        if not found:
            raise TemplateBroken(f"{self.code}/words.toml: [{table}] has no {value}")
        return str(found)

    def size(self, octets: int) -> str:
        """Say a file's size in the largest unit of which there is at least one."""
        units = self._words["size"]["units"]
        amount, step = float(octets), 0
        while amount >= UNIT_STEP and step < len(units) - 1:
            amount, step = amount / UNIT_STEP, step + 1
        is_whole = step == 0 or amount >= WHOLE_FROM
        text = f"{amount:.0f}" if is_whole else f"{amount:.1f}".replace(".", self._words["size"]["decimal"])
        return f"{text} {units[step]}"

    def problems(self) -> list[str]:
        """Return what this language cannot say, a sentence each: every way is tried on days of every kind."""
        ways = self._instants.get("ways", {})
        said = {problem for way in ways for problem in self._failures(way)}
        return sorted(said.union(*(self._unsaid_closed(reason) for reason in CLOSED_REASONS)))

    def _failures(self, way: str) -> Iterator[str]:
        at = datetime(2026, 1, 5, 12, tzinfo=UTC)
        for days in range(TRIED_DAYS):
            try:
                self.instant(way, (at + timedelta(days=days, hours=days % 24)).isoformat(), at.isoformat())
            except TemplateBroken as broken:
                yield str(broken)

    def _unsaid_closed(self, reason: str) -> Iterator[str]:
        at = datetime(2026, 1, 5, 12, tzinfo=UTC)
        for first in range(len(FORMS)):
            for span in TRIED_SPANS:
                ends = {"first": first, "last": first + span}
                days = {name: (at + timedelta(days=after)).date().isoformat() for name, after in ends.items()}
                try:
                    self.dated(days["first"], at.isoformat())
                    closed = {"reason": reason, "name": "?", **days, "from": "14:00", "until": "24:00"}
                    self.closed([closed] * 3, at.isoformat())
                except TemplateBroken as broken:
                    yield str(broken)

    def _say_zone(self) -> str:
        key = self._zone.key or ""
        try:
            zones = self._instants["zones"]
            return str(zones.get(key) or zones["default"].format(zone=key.replace("_", " ")))
        except DATA_ERRORS as broken:
            raise TemplateBroken(f"{self.code}/instants.toml: zones: {broken!r}") from broken

    def _local(self, instant: str) -> datetime:
        moment = datetime.fromisoformat(instant)
        assert moment.tzinfo is not None, f"an instant of the facts has no zone: {instant}"
        return moment.astimezone(self._zone)

    def _say(self, way: str, instant: str, day: date) -> str:
        moment = self._local(instant)
        form = _form(moment.date(), day)
        try:
            return str(self._instants["ways"][way][form].format_map(self._parts(moment, day)))
        except DATA_ERRORS as broken:
            raise TemplateBroken(f"{self.code}/instants.toml: ways.{way}.{form}: {broken!r}") from broken

    def _closed(self, one: Mapping[str, str], day: date) -> str:
        first, last = date.fromisoformat(one["first"]), date.fromisoformat(one["last"])
        form = _form(first, day) if first == last else _SPANS[(first.year, first.month) == (last.year, last.month)]
        try:
            opening = {f"first_{name}": part for name, part in self._dated(first, day).items()}
            tables = self._instants["closed"]
            said = str(tables[one["reason"]][form].format_map(self._dated(last, day) | opening))
            if one["from"]:
                hours = {name: self._time_of_day(one[name]) for name in ("from", "until")}
                said = str(tables["hours"].format_map({"said": said, **hours}))
            return str(tables["named"].format(said=said, name=one["name"])) if one["name"] else said
        except DATA_ERRORS as broken:
            raise TemplateBroken(f"{self.code}/instants.toml: closed.{one['reason']}.{form}: {broken!r}") from broken

    def _parts(self, moment: datetime, day: date) -> dict[str, str]:
        """Return everything a form may name: the parts of day and clock, then `date`, `date_short` and `clock`."""
        parts = self._dated(moment.date(), day) | self._clock(moment.hour, moment.minute)
        parts["clock"] = self._instants["clock"]["form"].format_map(parts)
        return parts

    def _clock(self, hour: int, minute: int) -> dict[str, str]:
        """Return what a form may name of a time of day."""
        clock = self._instants["clock"]
        return {
            "hour": str(hour),
            "hour12": str(hour % NOON or NOON),
            "minute": f"{minute:02}",
            "half": self._instants["halves"][hour >= NOON],
            "article": clock["articles"].get(str(hour), clock["article"]),
        }

    def _time_of_day(self, written: str) -> str:
        """Say a local time like 14:00 without its day; either end of a day is midnight."""
        hour, minute = map(int, written.split(":"))
        if minute == 0 and hour in (0, HOURS):
            return str(self._instants["closed"]["midnight"])
        return str(self._instants["clock"]["form"].format_map(self._clock(hour, minute)))

    def _dated(self, said: date, day: date) -> dict[str, str]:
        """Return what a form may name of a date, seen from `day`."""
        tables = self._instants
        weekday, month = said.weekday(), said.month - 1
        parts = {
            "weekday": tables["weekdays"][weekday],
            "weekday_short": tables["weekdays_short"][weekday],
            "month": tables["months"][month],
            "month_short": tables["months_short"][month],
            "day": str(said.day),
            "year": str(said.year),
        }
        year = "this_year" if said.year == day.year else "other_year"
        parts["date"] = tables["date"][year].format_map(parts)
        parts["date_short"] = tables["date"][f"short_{year}"].format_map(parts)
        return parts


# How several closed days are said, by whether they lie in one month.
_SPANS = {True: "same_month", False: "other_month"}


def _form(said: date, day: date) -> str:
    """Return which of the forms of a table says a date, seen from `day`."""
    distance = (said - day).days
    return FORMS[distance] if 0 <= distance < len(FORMS) - 1 else FORMS[-1]

"""How one language says instants, severities, queues, languages and sizes, from the TOML files of its folder.

Promises: every instant is said in the desk's time zone with its weekday and date, and with its year when that is not
the year of the day it is said on. Never: decides by the name of a language; a new language is new files only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

# Instants kept said, and days kept computed, per language.
SAID_MAX = 4_096
DAYS_MAX = 4_096
UNIT_STEP = 1024
# From this many of a unit on no decimal is told: 9.5 MB, 12 MB.
WHOLE_FROM = 10
DAYS_OF_WEEK = 7
MONTHS_OF_YEAR = 12
NOON = 12
FORMS = ("today", "tomorrow", "other")


@dataclass(frozen=True, slots=True)
class Tables:
    """The data of one language: `instants.toml`, `words.toml`, and the quote delimiter of `reading.toml`."""

    instants: Mapping[str, Any]
    words: Mapping[str, Any]
    delimiter: str


class Speech:
    """One language, ready to speak. Templates know it as `say`; docs/TEMPLATES.md lists what it offers."""

    def __init__(self, code: str, zone: ZoneInfo, tables: Tables) -> None:
        self.code = code
        self.delimiter = tables.delimiter
        self._zone = zone
        self._instants = tables.instants
        self._words = tables.words
        self._said: Callable[[str, str, date], str] = lru_cache(SAID_MAX)(self._say)
        self._day: Callable[[str], date] = lru_cache(DAYS_MAX)(lambda at: self._local(at).date())

    def instant(self, way: str, instant: str, at: str) -> str:
        """Say an instant (RFC 3339) in a `way` of instants.toml; today and tomorrow are those of the day of `at`."""
        return self._said(way, instant, self._day(at))

    @property
    def zone(self) -> str:
        """The desk's time zone in words."""
        zones = self._instants["zones"]
        key = self._zone.key
        return str(zones.get(key) or zones["default"].format(zone=key.replace("_", " ")))

    def severity(self, severity: int) -> str:
        """Say a severity, 1 to 3, in plain words."""
        return str(self._words["severity"][str(severity)])

    def queue(self, queue: str) -> str:
        """Say a queue as consultants know it."""
        return str(self._words["queue"][queue])

    def language(self, code: str) -> str:
        """Say the name of a language; one without a name is its code."""
        return str(self._words["language"].get(code, code))

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
        """Return what this language cannot say, a sentence each, after saying every way, severity and queue once."""
        return [problem for say in self._trials() if (problem := _failure(say))]

    def _trials(self) -> list[Callable[[], object]]:
        noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
        trials: list[Callable[[], object]] = [lambda: self.zone, lambda: self.size(UNIT_STEP), lambda: self.language("")]
        for days in (*range(0, 366, 30), 1, 2, 3, 4, 5, 6, 7):
            for way in self._instants["ways"]:
                later = (noon + timedelta(days=days)).isoformat()
                trials.append(lambda way=way, later=later: self.instant(way, later, noon.isoformat()))  # type: ignore[misc]
        trials.extend(lambda grade=grade: self.severity(grade) for grade in (1, 2, 3))  # type: ignore[misc]
        return trials

    def _local(self, instant: str) -> datetime:
        moment = datetime.fromisoformat(instant)
        assert moment.tzinfo is not None, f"an instant of the facts has no zone: {instant}"
        return moment.astimezone(self._zone)

    def _say(self, way: str, instant: str, day: date) -> str:
        moment = self._local(instant)
        forms = self._instants["ways"][way]
        distance = (moment.date() - day).days
        form = forms[FORMS[distance] if 0 <= distance < len(FORMS) - 1 else "other"]
        return str(form.format_map(self._parts(moment, day)))

    def _parts(self, moment: datetime, day: date) -> dict[str, str]:
        """Return everything a form may name: the parts of day and clock, then `date`, `date_short` and `clock`."""
        tables = self._instants
        weekday, month, clock = moment.weekday(), moment.month - 1, tables["clock"]
        parts = {
            "weekday": tables["weekdays"][weekday],
            "weekday_short": tables["weekdays_short"][weekday],
            "month": tables["months"][month],
            "month_short": tables["months_short"][month],
            "day": str(moment.day),
            "year": str(moment.year),
            "hour": str(moment.hour),
            "hour12": str(moment.hour % NOON or NOON),
            "minute": f"{moment.minute:02}",
            "half": tables["halves"][moment.hour >= NOON],
            "article": clock["articles"].get(str(moment.hour), clock["article"]),
        }
        year = "this_year" if moment.year == day.year else "other_year"
        parts["date"] = tables["date"][year].format_map(parts)
        parts["date_short"] = tables["date"][f"short_{year}"].format_map(parts)
        parts["clock"] = clock["form"].format_map(parts)
        return parts


def _failure(say: Callable[[], object]) -> str:
    try:
        say()
    except (KeyError, IndexError, ValueError, AttributeError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""

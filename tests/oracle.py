"""A second opinion on promises: every minute of six years is looked at, one by one. It imports nothing of the house.

It is slow and has no idea of spans, runs or remainders: a minute is open or it is not, and the n-th open minute ends a
promise. What it knows of hours, holidays and closures is typed here and in its tests, never read from the settings.
"""

from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

FIRST, LAST = datetime(2025, 12, 30, tzinfo=UTC), datetime(2031, 12, 30, tzinfo=UTC)
"""The minutes that are looked at: five years of promises, and a year for the last of them to end in."""
DAY = 24 * 60

ARTICLE_74 = """
2026-01-01 2026-02-02 2026-03-16 2026-05-01 2026-09-16            2026-11-16 2026-12-25
2027-01-01 2027-02-01 2027-03-15 2027-05-01 2027-09-16            2027-11-15 2027-12-25
2028-01-01 2028-02-07 2028-03-20 2028-05-01 2028-09-16            2028-11-20 2028-12-25
2029-01-01 2029-02-05 2029-03-19 2029-05-01 2029-09-16            2029-11-19 2029-12-25
2030-01-01 2030-02-04 2030-03-18 2030-05-01 2030-09-16 2030-10-01 2030-11-18 2030-12-25
2031-01-01 2031-02-03 2031-03-17 2031-05-01 2031-09-16            2031-11-17 2031-12-25
"""
"""Mandatory days of rest in Mexico by article 74 of the labour law: 1 January; first Monday of February; third Monday
of March; 1 May; 16 September; 1 October when the presidency passes on; third Monday of November; 25 December."""
MEXICAN = tuple(date.fromisoformat(day) for day in ARTICLE_74.split())

Span = tuple[int, int]
"""First minute of the local day and the one after the last."""


@dataclass(frozen=True)
class Shut:
    """Days, both ends among them, and the minutes of each that are closed."""

    first: date
    last: date
    minutes: Span = (0, DAY)


@dataclass(frozen=True)
class Oracle:
    """When a desk is open: spans by weekday (Monday 0), days of rest, closures; and which minutes that makes."""

    zone: str
    hours: Mapping[int, Sequence[Span]]
    holidays: Sequence[date] = ()
    shut: Sequence[Shut] = ()
    opened: list[int] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        days = {ordinal: self._minutes_of(date.fromordinal(ordinal)) for ordinal in set(local_minutes(self.zone)[0])}
        first = int(FIRST.timestamp()) // 60
        ordinals, minutes = local_minutes(self.zone)
        looked_at = enumerate(zip(ordinals, minutes, strict=True), first)
        self.opened.extend(minute for minute, (ordinal, of_day) in looked_at if days[ordinal][of_day])

    def due(self, at: datetime, minutes: int) -> str:
        """Return when so many open minutes are over, as the contract writes it in the desk's zone."""
        place = bisect_left(self.opened, int(at.timestamp()) // 60)
        end = self.opened[place + minutes - 1] + 1
        return datetime.fromtimestamp(end * 60, ZoneInfo(self.zone)).isoformat()

    def _minutes_of(self, day: date) -> bytearray:
        """Return for each minute of a local day whether it is open."""
        is_open = bytearray(DAY)
        if day not in self.holidays:
            for start, end in self.hours.get(day.weekday(), ()):
                is_open[start:end] = b"\1" * (end - start)
        for one in self.shut:
            if one.first <= day <= one.last:
                is_open[slice(*one.minutes)] = bytes(one.minutes[1] - one.minutes[0])
        return is_open


@lru_cache(4)
def local_minutes(zone: str) -> tuple["array[int]", "array[int]"]:
    """Return the local day and the minute of it of every minute from FIRST to LAST."""
    ordinals, minutes, info = array("l"), array("h"), ZoneInfo(zone)
    for second in range(int(FIRST.timestamp()), int(LAST.timestamp()), 60):
        local = datetime.fromtimestamp(second, info)
        ordinals.append(local.toordinal())
        minutes.append(local.hour * 60 + local.minute)
    return ordinals, minutes

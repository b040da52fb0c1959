"""Caps on answers: which bounds one falls under, and what becomes of it when one is full (DESIGN 9, Answers and caps).

Promises: an answer over a cap is delayed, merged with others into one mail, or held for a person; none is dropped. A
place once taken is the row's own: no second try of it takes another. Never: bounds what a consultant wrote, a notice or
a revised promise.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from desk.base.names import Cap, OwedKind
from desk.base.shapes import in_present_shape
from desk.rules.decision import Owed
from desk.rules.mail import told

MERGED_MAX = 500
"""Acknowledgements that go out in one mail; what is over them goes at the end of the next hour."""
SPANS_CACHED = 16
TOGETHER = "acknowledgements"
"""The template of a mail that stands for several acknowledgements."""
TOGETHER_FACTS = ("number", "severity", "at", "first_attention", "resolution", "pin", "status_url")
"""What such a mail tells of each incident, as its own acknowledgement would have."""

CAPPED: Mapping[OwedKind, tuple[Cap, ...]] = {
    OwedKind.ACKNOWLEDGEMENT: tuple(Cap),
    OwedKind.STATUS: (Cap.PER_ADDRESS_PER_HOUR, Cap.PER_ADDRESS_PER_DAY, Cap.PER_MINUTE),
}
"""The kinds of mail that are answers, and what bounds them."""
MERGING = frozenset({Cap.PER_ADDRESS_PER_HOUR, Cap.PER_ADDRESS_PER_DAY, Cap.PER_INCIDENT_PER_DAY})
"""Caps over which acknowledgements go out in one mail at the hour's end."""

Limits = Mapping[Cap, int]
"""What is allowed under each cap; 0 is no cap."""
Window = tuple[str, str, datetime]
"""What is counted (an address, an incident, all), of whom, and from when."""
Counts = Mapping[Window, int]


class Fate(StrEnum):
    """What becomes of an answer that is about to go out."""

    GO = "go"
    DELAY = "delay"
    HOLD = "hold"
    MERGED = "merged"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Place:
    """A place that an answer needs in a window. `until` is when it is tried again where the window is full; `cap` None:
    the one place of the row itself, taken once whatever happens between counting and sending."""

    window: Window
    limit: int
    until: datetime
    cap: Cap | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """An hour, a day or a minute of the clock, from `start` to before `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Spans:
    """The spans of the clock that an instant lies in, on the desk's wall."""

    hour: Span
    day: Span
    minute: Span


def spans_of(now: datetime, zone: ZoneInfo) -> Spans:
    """Return the desk's hour and day: not every zone is whole hours away from UTC."""
    return _spans(now.replace(second=0, microsecond=0), zone)


@lru_cache(SPANS_CACHED)
def _spans(minute: datetime, zone: ZoneInfo) -> Spans:
    local = minute.astimezone(zone)
    hour = minute - timedelta(minutes=local.minute)
    midnights = (datetime.combine(local.date() + timedelta(days=n), time(), zone).astimezone(UTC) for n in (0, 1))
    return Spans(
        hour=Span(hour, hour + timedelta(hours=1)),
        day=Span(*midnights),
        minute=Span(minute, minute + timedelta(minutes=1)),
    )


def places(owed: Owed, limits: Limits, zone: ZoneInfo, now: datetime, woken: datetime | None) -> tuple[Place, ...]:
    """Return the places an answer needs to go out now, its own first; none where nothing bounds it.

    `woken` is when the time came of an acknowledgement that waited for the end of an hour. Its place in that hour was
    booked, its incident has no say any more, and one mail a day tells what is over the day's cap.
    """
    needed = tuple(_needed(owed, limits, zone, now, woken))
    return (_own(owed), *needed) if needed or woken is not None else ()


def _own(owed: Owed) -> Place:
    return Place(("owed", str(owed.id), owed.due_at), 1, owed.due_at)


def _needed(owed: Owed, limits: Limits, zone: ZoneInfo, now: datetime, woken: datetime | None) -> Iterator[Place]:
    spans = spans_of(now, zone)
    hour, day, minute = spans.hour, spans.day, spans.minute
    is_booked = woken is not None and woken >= hour.start
    merges = owed.kind is OwedKind.ACKNOWLEDGEMENT
    for cap in CAPPED.get(owed.kind, ()):
        limit = limits[cap]
        if not limit:
            continue
        match cap:
            case Cap.PER_ADDRESS_PER_HOUR:
                if not is_booked:
                    yield Place(booked(owed, hour.start), limit, hour.end, cap)
            case Cap.PER_ADDRESS_PER_DAY:
                more = 0 if woken is None else 1
                yield Place(("day", owed.to.lower(), day.start), limit + more, hour.end if merges else day.end, cap)
            case Cap.PER_INCIDENT_PER_DAY:
                if woken is None:
                    yield Place(("incident", str(owed.incident), day.start), limit, hour.end, cap)
            case Cap.PER_MINUTE:
                yield Place(("all", "", minute.start), limit, minute.end, cap)


def booked(owed: Owed, hour: datetime) -> Window:
    """Return the window of an address in an hour. The first answer that is put off to an hour books a place in it: what
    is told together does not stand behind newer answers for ever."""
    return ("hour", owed.to.lower(), hour)


def full(needed: Sequence[Place], counts: Counts) -> Place | None:
    """Return the place that is longest not to be had, None when all are."""
    missing = [place for place in needed if counts.get(place.window, 0) >= place.limit]
    return max(missing, key=lambda place: place.until, default=None)


def fate_of(owed: Owed, missing: Place | None, woken: datetime | None) -> Fate:
    """Return what becomes of an answer, `missing` being the place it does not get.

    What was over the day's cap is told in one mail; where that is not the end of it two programs answer each other, or
    somebody floods the desk, and a person decides.
    """
    if missing is None:
        return Fate.GO
    if owed.kind is OwedKind.ACKNOWLEDGEMENT and woken is not None and missing.cap is Cap.PER_ADDRESS_PER_DAY:
        return Fate.HOLD
    return Fate.DELAY


def together(answers: Sequence[Owed], carrier: Owed, now: datetime) -> Owed:
    """Return the acknowledgement that goes out for all of `answers`, its own among them; of one it is itself, told as
    of now."""
    facts: dict[str, Any] = {**carrier.facts, "at": told(now)}
    if len(answers) > 1:
        known = [in_present_shape(one.kind, one.shape, one.facts) for one in answers]
        facts["template"] = TOGETHER
        facts["incidents"] = [{name: one[name] for name in TOGETHER_FACTS} for one in known]
        facts["promises"] = [promise for one in known for promise in one.get("promises", ())]
    return replace(carrier, facts=facts)

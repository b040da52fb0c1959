"""Promises: made with the calendar, judged by what happened, and what falls due when one passes (guarantee 5).

A promise's status is computed here and stored nowhere. Nothing here tells anybody: the owed rows of reminders and
revisions come from rules of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from desk.base.kinds import DAY_MINUTES, Span
from desk.base.names import BY_MACHINE, EventKind, PromiseKind, PromiseStatus, Severity
from desk.rules.calendar import Calendar
from desk.rules.decision import Decision, Event, Ids, IncidentChange
from desk.rules.incident import Incident, Pause, Promise
from desk.rules.settings import PromisesSettings

NOT_KEPT = "not_kept"
KEPT_LATE = "kept_late"


@dataclass(frozen=True, slots=True)
class Target:
    """Minutes of support time within which an incident is attended and resolved."""

    first_attention: int
    resolution: int

    def minutes(self, kind: PromiseKind) -> int:
        return self.first_attention if kind is PromiseKind.FIRST_ATTENTION else self.resolution


@dataclass(frozen=True, slots=True)
class Targets:
    """What is promised: by severity, and for one that is not graded (process section 3)."""

    default: Target
    by_severity: Mapping[Severity, Target]
    revise_by: int
    """Minutes of support time that are added to a time that passes."""

    @classmethod
    def from_settings(cls, settings: PromisesSettings) -> "Targets":
        """Return the targets of `[promises]`, whose durations are support time throughout (CONTRACT 4)."""
        return cls(
            Target(support_minutes(settings.first_attention), support_minutes(settings.resolution)),
            {
                severity: Target(
                    support_minutes(settings.first_attention_of(severity)),
                    support_minutes(settings.resolution_of(severity)),
                )
                for severity in Severity
            },
            support_minutes(settings.revise_by),
        )

    def of(self, severity: Severity | None) -> Target:
        return self.default if severity is None else self.by_severity.get(severity, self.default)


def support_minutes(span: Span) -> int:
    """Return a duration of `[promises]` in open minutes, a begun one counted whole; a `d` is 24 hours of them."""
    return span.days * DAY_MINUTES - span.time // -timedelta(minutes=1)


def promises_for(
    severity: Severity, start: datetime, targets: Targets, calendar: Calendar, ids: Ids
) -> tuple[Promise, Promise]:
    """Return the two promises of an incident that begins at start: first attention and resolution.

    They are made at start's minute and end with the last of their open minutes (CONTRACT 3). Raises OutsideCalendar.
    """
    target = targets.of(severity)
    first, resolution = (_promise(kind, start, target.minutes(kind), calendar, ids) for kind in PromiseKind)
    return first, resolution


def _promise(kind: PromiseKind, start: datetime, minutes: int, calendar: Calendar, ids: Ids) -> Promise:
    made_at = start.replace(second=0, microsecond=0)
    return Promise(id=ids.next("promises"), kind=kind, made_at=made_at, due=calendar.due(made_at, minutes))


def status_of(promise: Promise, now: datetime, pauses: tuple[Pause, ...] = ()) -> PromiseStatus:
    """Return how a promise stands.

    One that passed stays broken although a later time was given, unless a regrade replaced it; one that was kept after
    its time is broken. An open pause stops the resolution only; whoever ends a pause gives the new time (that of
    `due_after_pauses`), so ended pauses change nothing here.
    """
    if promise.cancelled_at is not None:
        return PromiseStatus.CANCELLED
    if promise.replaced_by is not None:
        was_broken = promise.broken_at is not None and not promise.regraded
        return PromiseStatus.BROKEN if was_broken else PromiseStatus.REVISED
    if promise.broken_at is not None:
        return PromiseStatus.BROKEN
    if promise.kept_at is not None:
        return PromiseStatus.KEPT if promise.kept_at <= promise.due else PromiseStatus.BROKEN
    if is_paused(promise, pauses):
        return PromiseStatus.PAUSED
    return PromiseStatus.BROKEN if promise.due <= now else PromiseStatus.RUNNING


def due_after_pauses(promise: Promise, pauses: tuple[Pause, ...], now: datetime, calendar: Calendar) -> datetime:
    """Return until when a promise is to be kept: later by the support time in which its clock stood still.

    A first attention is never moved, and no pause moves what had passed before it began. An open pause counts to now.
    Raises OutsideCalendar.
    """
    due = promise.due
    if promise.kind is not PromiseKind.RESOLUTION:
        return due
    for begin, end in _stretches(pauses, promise.made_at, now):
        if begin >= due:
            break
        if minutes := calendar.open_minutes(begin, end):
            due = calendar.due(due, minutes)
    return due


def paused_minutes(pauses: tuple[Pause, ...], start: datetime, end: datetime, calendar: Calendar) -> int:
    """Return the support time from start to end in which the resolution's clock stood still, in open minutes."""
    return sum(calendar.open_minutes(*stretch) for stretch in _stretches(pauses, start, end))


def _stretches(pauses: tuple[Pause, ...], start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield from when to when the clock stood still between two instants, in order; what overlaps counts once."""
    reached = start
    for pause in sorted(pauses, key=lambda one: one.since):
        begin, until = max(pause.since, reached), min(pause.until or end, end)
        if begin < until:
            yield begin, until
            reached = until


def wake_at(incident: Incident) -> datetime | None:
    """Return the earliest instant at which something of an incident falls due; None when nothing does.

    Due so far are promises that will have passed unkept. Every decision derives it anew (DESIGN 4, the act).
    """
    return min((promise.due for promise in incident.promises if _can_break(promise, incident.pauses)), default=None)


def fall_due(incident: Incident, now: datetime) -> Decision:
    """Note what fell due, several late things in one decision, and set the next waking.

    A promise that passed unkept becomes an event, once: `broken_at` marks it. When nothing fell due and the waking is
    right the decision is empty.
    """
    promises, events = noted(incident, now)
    after = replace(incident, version=incident.version + 1, promises=promises)
    after = replace(after, wake_at=wake_at(after))
    if not events and after.wake_at == incident.wake_at:
        return Decision()
    return Decision(incidents=(IncidentChange(incident, after),), events=events)


def noted(incident: Incident, now: datetime) -> tuple[tuple[Promise, ...], tuple[Event, ...]]:
    """Return the promises of an incident with what passed unkept marked as broken, and the events that say so."""
    broken = [p for p in incident.promises if p.due <= now and _can_break(p, incident.pauses)]
    promises = tuple(replace(p, broken_at=now) if p in broken else p for p in incident.promises)
    events = tuple(_broken(incident.id, promise, now) for promise in sorted(broken, key=lambda p: (p.due, p.id)))
    return promises, events


def _broken(incident: int, promise: Promise, now: datetime) -> Event:
    why = KEPT_LATE if promise.kept_at is not None else NOT_KEPT
    text = f"{promise.kind}: {promise.due.isoformat()}"
    return Event(incident, EventKind.PROMISE_BROKEN, now, BY_MACHINE, text, why)


def _can_break(promise: Promise, pauses: tuple[Pause, ...]) -> bool:
    """Tell whether a promise breaks when its time comes: it stands, runs, and was not kept within its time."""
    is_over = promise.cancelled_at is not None or promise.replaced_by is not None or promise.broken_at is not None
    is_kept = promise.kept_at is not None and promise.kept_at <= promise.due
    return not (is_over or is_kept or (promise.kept_at is None and is_paused(promise, pauses)))


def is_paused(promise: Promise, pauses: tuple[Pause, ...]) -> bool:
    """Tell whether the clock of a promise stands still: that of the resolution, while we wait for the user."""
    return promise.kind is PromiseKind.RESOLUTION and any(pause.until is None for pause in pauses)

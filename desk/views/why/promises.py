"""Why each promise falls when it does, how it stands, and who was told of it.

A promise is counted again by the calendar that made it. Where the settings have changed since, the count of now leads
elsewhere, and that is said; the promise stands as it was told.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from desk.base.because import Because, Count, Reason, Say, Word, because
from desk.base.errors import OutsideCalendar
from desk.base.names import EventKind, OwedStatus, PromiseKind, PromiseStatus, Severity
from desk.rules.calendar import Calendar
from desk.rules.deadlines import Targets, status_of
from desk.rules.incident import Promise
from desk.rules.late import MAIL_WAITED
from desk.views.why.known import Known

STILL_TO_GO = frozenset({OwedStatus.QUEUED, OwedStatus.DELAYED, OwedStatus.HELD})
"""How a mail stands whose words may still reach somebody."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What promises are counted by, as the settings are now."""

    calendar: Calendar
    targets: Targets


def promises(known: Known, measure: Measure, now: datetime) -> Iterator[Reason]:
    """Yield each promise with its count, how it stands and who was told; then when the clock stood still."""
    if not known.promises:
        yield because(Say.NONE_PROMISED)
    for promise in known.promises:
        yield because(Say.PROMISED, kind=Word("promise", promise.kind), due=promise.due)
        yield from _counted(known, promise, measure)
        yield from _standing(known, promise, now)
        yield from _told(known, promise)
    for pause in known.pauses:
        if pause.until is None:
            yield because(Say.PAUSE_OPEN, since=pause.since)
        else:
            yield because(Say.PAUSE, since=pause.since, until=pause.until)


def _counted(known: Known, promise: Promise, measure: Measure) -> Iterator[Reason]:
    """Yield how long a promise is and how that is counted, or that the settings of now do not lead to it."""
    before = next((one for one in known.promises if one.replaced_by == promise.id), None)
    try:
        if before is None:
            yield from _from_the_opening(known, promise, measure)
        elif _was_late(known, promise):
            yield from _from_the_time_before(before, promise, measure)
        else:
            minutes = measure.calendar.open_minutes(promise.made_at, promise.due)
            yield because(Say.COUNTED_AGAIN, made_at=promise.made_at, span=timedelta(minutes=minutes))
            if measure.calendar.due(promise.made_at, minutes) == promise.due:
                yield Count(measure.calendar.explain(promise.made_at, minutes), promise.due, promise.kind)
    except OutsideCalendar:
        yield because(Say.SETTINGS_LOST)


def _from_the_opening(known: Known, promise: Promise, measure: Measure) -> Iterator[Reason]:
    present = Severity(known.incident["severity"])
    wanted = [present, *(one for one in Severity if one is not present)]
    due = {grade: measure.calendar.due(promise.made_at, _minutes(measure, grade, promise.kind)) for grade in wanted}
    fitting = [grade for grade in wanted if due[grade] == promise.due]
    if not fitting:
        yield because(Say.SETTINGS_CHANGED, due=due[present])
        return
    minutes = _minutes(measure, fitting[0], promise.kind)
    span = timedelta(minutes=minutes)
    yield because(Say.COUNTED, severity=fitting[0].value, span=span, made_at=promise.made_at)
    yield Count(measure.calendar.explain(promise.made_at, minutes), promise.due, promise.kind)


def _from_the_time_before(before: Promise, promise: Promise, measure: Measure) -> Iterator[Reason]:
    minutes = measure.calendar.open_minutes(before.due, promise.due)
    yield because(Say.COUNTED_ON, before=before.due, span=timedelta(minutes=minutes))
    if measure.calendar.due(before.due, minutes) == promise.due:
        yield Count(measure.calendar.explain(before.due, minutes), promise.due, promise.kind)


def _was_late(known: Known, promise: Promise) -> bool:
    """Tell whether a promise was made because the mail that tells the one before could not leave in time."""
    named = (promise.kind.value, promise.due)
    return any(
        event["why"] == MAIL_WAITED and _named(event["text"]) == named
        for event in known.events(EventKind.PROMISE_REVISED)
    )


def _named(text: str) -> tuple[str, datetime]:
    """Return the promise that the text of an event names: its kind and time."""
    kind, _, instant = text.partition(": ")
    return kind, datetime.fromisoformat(instant)


def _minutes(measure: Measure, severity: Severity, kind: PromiseKind) -> int:
    return measure.targets.of(severity).minutes(kind)


def _standing(known: Known, promise: Promise, now: datetime) -> Iterator[Because]:
    status = status_of(promise, now, tuple(known.pauses))
    if status is PromiseStatus.BROKEN:
        yield _broken(promise)
    elif status is PromiseStatus.KEPT:
        yield because(Say.KEPT, at=promise.kept_at)
    elif status is PromiseStatus.CANCELLED:
        yield because(Say.CANCELLED, at=promise.cancelled_at)
    elif status is not PromiseStatus.REVISED:
        yield because(Say.PAUSED if status is PromiseStatus.PAUSED else Say.RUNNING)
    for later in known.promises:
        if later.id == promise.replaced_by:
            say = Say.REVISED_LATE if _was_late(known, later) else Say.REVISED
            yield because(Say.REGRADED_PROMISE if promise.regraded else say, due=later.due)


def _broken(promise: Promise) -> Because:
    return because(Say.BROKEN) if promise.kept_at is None else because(Say.KEPT_LATE, at=promise.kept_at)


def _told(known: Known, promise: Promise) -> Iterator[Because]:
    rows = known.telling(promise.id)
    if promise.told_at is not None:
        told = [row for row in rows if row["sent_at"] == promise.told_at] or rows[:1]
        yield from (
            because(Say.TOLD, to=row["address"], at=promise.told_at, mail=Word("mail", row["kind"])) for row in told[:1]
        )
        if not told:
            yield because(Say.TOLD_SOMEHOW, at=promise.told_at)
        return
    waiting = [row for row in rows if row["status"] in STILL_TO_GO]
    for row in waiting[:1]:
        yield because(Say.TO_BE_TOLD, to=row["address"], mail=Word("mail", row["kind"]))
    if not waiting:
        yield because(Say.UNTOLD)

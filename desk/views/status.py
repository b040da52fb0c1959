"""How an incident stands, as its user may know it: the facts of the status page and nothing beside them (DESIGN 2).

Promises: the times are those that were told last, judged at one instant; what is listed is bounded; no word of anybody,
no name, no address and nothing internal is among the facts. Never: writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.base.names import Direction, PromiseKind, PromiseStatus, Status
from desk.ledger import load
from desk.ledger.exchanged import Exchanged, exchanged
from desk.ledger.statements import Steps
from desk.rules.acknowledgement import told_days
from desk.rules.calendar import Calendar
from desk.rules.deadlines import status_of
from desk.rules.incident import Incident, Promise
from desk.rules.mail import told
from desk.views.export import latest_told

LISTED_MAX = 30
"""Messages on the page, the newest; of older ones it says how many there are."""
MISSED_MAX = 3
"""Times that were not kept, before the one that holds, that the page owns up to: the latest."""
GOING_ON = (Status.OPEN, Status.WAITING, Status.RESOLVED)
"""States in which a time is still to be kept."""
LATE = "late"
KEPT_LATE = "kept_late"

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the page shows, and the language it is shown in. `facts` are those of docs/TEMPLATES.md, Pages."""

    language: str
    facts: Facts


def standing(incident_id: int, calendar: Calendar, now: datetime) -> Steps[Standing | None]:
    """Load how an incident stands at `now` (UTC); None when there is no such incident. For `Store.read`."""
    incident = yield from load.incident(incident_id)
    if incident is None:
        return None
    messages, older = yield from exchanged(incident_id, LISTED_MAX)
    facts = {
        "number": incident.number,
        "at": told(now),
        "status": incident.status.value,
        "closed_by": incident.closed_by.value if incident.closed_by else "",
        "ended": told(incident.closed_at or incident.told_at or incident.resolved_at),
        "queue": incident.queue.value,
        "severity": incident.severity.value,
        "opened": told(incident.created_at),
        "times": [time for kind in PromiseKind if (time := _time(incident, kind, calendar, now))],
        "messages": [_message(one) for one in messages],
        "messages_more": older,
    }
    return Standing(incident.language, facts)


def _time(incident: Incident, kind: PromiseKind, calendar: Calendar, now: datetime) -> Facts | None:
    """Return a promised time and how it stands; None when the user was promised none, or it no longer holds."""
    promise = latest_told(incident.promises, kind)
    state = promise and _state(promise, incident, now)
    if promise is None or state is None:
        return None
    is_running = state == PromiseStatus.RUNNING
    closed = calendar.closed_between(promise.made_at, promise.due) if is_running else ()
    return {
        "kind": kind.value,
        "due": told(promise.due),
        "state": state,
        "kept_at": told(promise.kept_at),
        "missed": [told(due) for due in _missed(incident, promise, now)],
        "closed": told_days(closed),
    }


def _state(promise: Promise, incident: Incident, now: datetime) -> str | None:
    """Return how the page says a promise stands: running, paused, kept, late, kept_late; None: not at all.

    One that nobody can keep any more, because the case ended another way, is not said to run on.
    """
    status = status_of(promise, now, incident.pauses)
    if status is PromiseStatus.CANCELLED:
        return None
    if promise.kept_at is not None:
        return PromiseStatus.KEPT if status is PromiseStatus.KEPT else KEPT_LATE
    if incident.status not in GOING_ON:
        return None
    if status is PromiseStatus.PAUSED:
        return PromiseStatus.PAUSED
    return LATE if promise.due <= now else PromiseStatus.RUNNING


def _missed(incident: Incident, holds: Promise, now: datetime) -> list[datetime]:
    """Return the earlier times of a kind that were told and passed unkept, the oldest first."""
    missed = [
        one.due
        for one in incident.promises
        if one.kind is holds.kind
        and one.id != holds.id
        and one.told_at is not None
        and one.due != holds.due
        and status_of(one, now, incident.pauses) is PromiseStatus.BROKEN
    ]
    return sorted(missed)[-MISSED_MAX:]


def _message(one: Exchanged) -> Facts:
    return {
        "at": told(one.at),
        "sent": one.direction is Direction.OUT,
        "channel": one.channel.value,
        "kind": one.kind,
    }

"""Telling a user how an incident stands, from the ledger and at once: the answer to «¿cómo va?» (DESIGN 2 and 9).

Promises: one answer an incident and hour of the clock, to the latest question. What it says is frozen when it is
decided and names that instant: an answer that waits for the hour's end tells how things stood when it was asked for,
as every owed row says what it was decided with; the status page beside it tells the present.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from desk.base.names import BY_MACHINE, BY_USER, Audience, Channel, EventKind, OwedKind, PromiseKind, Purpose, Status
from desk.base.shapes import shape_of
from desk.rules.acknowledgement import attached, is_answerable, language_of, told_days
from desk.rules.addresses import person_ref
from desk.rules.conversation import adding, incident_of, next_version
from desk.rules.decision import Decision, Event, NewPerson, Owed, Row, Superseded
from desk.rules.desk import Desk
from desk.rules.incident import Incident, Move, moved
from desk.rules.mail import MailFacts, references_of, told

ASKED = "asked"
ONCE_AN_HOUR = "once_an_hour"
"""Why a status answer stands on the timeline: it was asked for; it waits, because this hour had its answer."""


def asks_status(facts: MailFacts) -> bool:
    """Tell whether a participant's mail is a question that the ledger answers: it asks how things stand, brings nothing
    else, and its incident is going on. A closed one takes words as it always does."""
    message = facts.message
    return (
        facts.grade.asks_status
        and message.may_auto_reply
        and is_answerable(message.sender.address)
        and incident_of(facts).status is not Status.CLOSED
        and not attached(facts)
    )


def answer_status(facts: MailFacts, now: datetime) -> Decision:
    """Keep the question and owe its answer. The assigned gets no notice: there is nothing in it to work on, and a mail
    for each impatient question would bury those that hold news. It stands in the dossier of the next notice.
    """
    before = incident_of(facts)
    after = next_version(before, status=moved(before.status, Move.JOIN))
    slot = _slot(facts, now)
    person, people = _person(facts, now)
    answer = _answer(facts, after, person, slot.due_at, now)
    events = (
        Event(after.id, EventKind.ADDED, now, BY_USER, facts.message.sender.address, facts.thread.by),
        _status_sent(after, slot, now),
    )
    superseded = () if slot.instead_of is None else (Superseded(slot.instead_of),)
    return adding(facts, before, after, Audience.USER, events=events, owed=(answer,), rows=(*people, *superseded))


@dataclass(frozen=True, slots=True)
class _Slot:
    """When an answer may be given, and the waiting answer it replaces."""

    due_at: datetime
    instead_of: int | None = None


def _slot(facts: MailFacts, now: datetime) -> _Slot:
    last = facts.last_status
    begun = _hour_of(facts, now)
    if last is None or last.due_at < begun:
        return _Slot(now)
    is_to_come = last.is_waiting and last.due_at > now
    return _Slot(begun + timedelta(hours=1), last.id if is_to_come else None)


def _hour_of(facts: MailFacts, now: datetime) -> datetime:
    """Return when the desk's hour began: not every zone is whole hours away from UTC."""
    local = now.astimezone(facts.desk.calendar.zone)
    return now - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def _status_sent(incident: Incident, slot: _Slot, now: datetime) -> Event:
    is_now = slot.due_at <= now
    text = "" if is_now else slot.due_at.isoformat()
    return Event(incident.id, EventKind.STATUS_SENT, now, BY_MACHINE, text, ASKED if is_now else ONCE_AN_HOUR)


def _person(facts: MailFacts, now: datetime) -> tuple[int, tuple[Row, ...]]:
    """Return who asks; a colleague of the requester who was never heard of is a person from now on."""
    if facts.person is not None:
        return facts.person, ()
    sender, person = facts.message.sender, facts.ids.next("people")
    return person, (NewPerson(person, sender.name, Channel.EMAIL, sender.address.lower(), "mail", now),)


def _answer(facts: MailFacts, incident: Incident, person: int, due_at: datetime, now: datetime) -> Owed:
    owed_id = facts.ids.next("owed")
    signer = facts.desk.signer
    return Owed(
        id=owed_id,
        incident=incident.id,
        kind=OwedKind.STATUS,
        channel=Channel.EMAIL,
        to=facts.message.sender.address,
        language=language_of(facts, incident),
        audience=Audience.USER,
        facts=standing(facts.desk, incident, facts.message.sender.name, now),
        due_at=due_at,
        message_id=signer.message_id(incident.id, owed_id),
        in_reply_to=facts.message.message_id,
        references=references_of(facts),
        reply_to=signer.reply_address(incident.id, person_ref(person), Purpose.TO_USER),
        envelope_from=signer.bounce_address(owed_id),
        shape=shape_of(OwedKind.STATUS),
    )


def standing(desk: Desk, incident: Incident, name: str, now: datetime) -> dict[str, Any]:
    """Return how an incident stands at an instant, as an answer to `name` says it."""
    is_paused = any(pause.until is None for pause in incident.pauses)
    first = _due(incident, PromiseKind.FIRST_ATTENTION) if incident.first_response_at is None else None
    resolution = None if is_paused or incident.resolved_at else _due(incident, PromiseKind.RESOLUTION)
    is_to_come = resolution is not None and resolution > now
    return {
        "number": incident.number,
        "at": told(now),
        "name": name,
        "status": incident.status.value,
        "queue": incident.queue.value,
        "severity": incident.severity.value,
        "first_attention": told(first),
        "first_attended": told(incident.first_response_at),
        "resolution": told(resolution),
        "paused": is_paused,
        "solution_known": bool(incident.cause and incident.solution),
        "status_url": desk.signer.status_url(desk.public_url, incident.id, now),
        "closed": told_days(desk.calendar.closed_between(now, resolution)) if resolution and is_to_come else [],
    }


def _due(incident: Incident, kind: PromiseKind) -> datetime | None:
    promise = incident.promise(kind)
    return promise.due if promise else None

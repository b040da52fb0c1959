"""Opening an incident: who asked, how grave, whose work, until when, what is told (process 2.1–2.3; DESIGN 3)."""

from dataclasses import dataclass, replace
from datetime import datetime

from desk.base.grade import Grade
from desk.base.names import (
    BY_MACHINE,
    BY_USER,
    LANGUAGE_UNKNOWN,
    Audience,
    Channel,
    EventKind,
    PersonRole,
    Queue,
    Severity,
    Status,
    ThreadBy,
)
from desk.rules.acknowledgement import acknowledgement, is_answerable
from desk.rules.deadlines import promises_for, wake_at
from desk.rules.decision import Decision, Event, IncidentChange, NewPerson, Row
from desk.rules.incident import Assignment, Incident, Participant
from desk.rules.mail import NEW, MailFacts, Standing, stored
from desk.rules.notice import notice
from desk.rules.numbers import number_of
from desk.rules.routing import Consultant, queue_for

TYPE_UNKNOWN = ""
UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Manner:
    """How an opening is told: whether times are promised, whether the sender is answered."""

    is_promised: bool = True
    is_answered: bool = True
    standing: Standing = NEW


def open_for_user(facts: MailFacts, now: datetime) -> Decision:
    """A person's new mail: incident, acknowledgement, notice."""
    is_answered = facts.message.may_auto_reply and is_answerable(facts.requester.address)
    return _open(facts, facts.grade, Manner(is_answered=is_answered), now)


def open_for_machine(facts: MailFacts, now: datetime) -> Decision:
    """An alarm of a machine: incident and notice to its queue, no answer, no promise told (DESIGN 7)."""
    manner = Manner(is_promised=False, is_answered=False, standing=Standing(is_automatic=True))
    return _open(facts, facts.grade, manner, now)


def open_unreadable(facts: MailFacts, now: datetime) -> Decision:
    """A mail nobody could read: an incident with the raw mail, unanswered (guarantee 9)."""
    grade = Grade(Severity.QUESTION, LANGUAGE_UNKNOWN, 0.0, (UNREADABLE,))
    return _open(facts, grade, Manner(is_promised=False, is_answered=False), now)


def _open(facts: MailFacts, grade: Grade, manner: Manner, now: datetime) -> Decision:
    people: tuple[Row, ...] = ()
    person = facts.person
    if person is None and facts.requester.address:
        person = facts.ids.next("people")
        people = (_new_person(facts, person, now),)
    incident = _incident(facts, grade, person)
    incident, assigned = _assign(facts, incident, now)
    if manner.is_promised:
        made = promises_for(
            grade.severity, facts.arrival.counted_from, facts.desk.targets, facts.desk.calendar, facts.ids
        )
        incident = replace(incident, promises=made)
    incident = replace(incident, wake_at=wake_at(incident))
    told_to = [assigned[incident.queue], *_forewarned(facts, incident, now)]
    owed = [notice(facts, incident, one, now, manner.standing) for one in told_to]
    if manner.is_answered and person is not None:
        owed.insert(0, acknowledgement(facts, incident, person, now))
    return Decision(
        incidents=(IncidentChange(None, incident),),
        key=facts.key,
        done=facts.arrival.id,
        rows=(*people, stored(facts, incident.id, Audience.USER)),
        events=_events(facts, incident, assigned, now),
        owed=tuple(owed),
    )


def _new_person(facts: MailFacts, person: int, now: datetime) -> NewPerson:
    who = facts.requester
    return NewPerson(person, who.name, Channel.EMAIL, who.address.lower(), "mail", now)


def _incident(facts: MailFacts, grade: Grade, person: int | None) -> Incident:
    who = facts.requester
    is_named = facts.incident is not None and facts.thread.by is not ThreadBy.DIGITS
    mentioned = facts.incident.id if facts.incident is not None and is_named else None
    participants = (Participant(person, who.address, who.name, PersonRole.REQUESTER),) if person is not None else ()
    return Incident(
        id=facts.ids.next("incidents"),
        version=1,
        channel=Channel.EMAIL,
        status=Status.OPEN,
        severity=grade.severity,
        severity_reasons=grade.reasons,
        type=TYPE_UNKNOWN,
        queue=queue_for(grade.severity),
        queue_reason=f"severity_{grade.severity.value}",
        thread_reason=facts.thread.by,
        language=grade.language,
        requester=person,
        requester_name=who.name,
        requester_email=who.address,
        requester_phone="",
        subject=facts.message.subject,
        created_at=facts.arrival.counted_from,
        participants=participants,
        mentions=(mentioned,) if mentioned is not None else (),
    )


def _assign(facts: MailFacts, incident: Incident, now: datetime) -> tuple[Incident, dict[Queue, Consultant]]:
    """The desk's next has it for the user's sake even while operations works (DESIGN 3, Queue)."""
    day = facts.desk.calendar.day_of(now)
    assigned = {queue: facts.roster.next_for(queue, day) for queue in dict.fromkeys((Queue.DESK, incident.queue))}
    rows = tuple(Assignment(facts.ids.next("assignments"), queue, one.id, now) for queue, one in assigned.items())
    return replace(incident, assignments=rows), assigned


def _forewarned(facts: MailFacts, incident: Incident, now: datetime) -> list[Consultant]:
    """Development is told of an outage at once; its assignment comes with the hand-over (DESIGN 3, Severity)."""
    if incident.severity is not Severity.OUTAGE:
        return []
    return [facts.roster.next_for(Queue.DEVELOPMENT, facts.desk.calendar.day_of(now))]


def _events(
    facts: MailFacts, incident: Incident, assigned: dict[Queue, Consultant], now: datetime
) -> tuple[Event, ...]:
    one = incident.id
    opened = Event(one, EventKind.OPENED, now, BY_USER, incident.subject, facts.message.reason)
    handed = tuple(
        Event(one, EventKind.ASSIGNED, now, BY_MACHINE, f"{queue}: {who.email}", incident.queue_reason)
        for queue, who in assigned.items()
    )
    promised = tuple(
        Event(one, EventKind.PROMISE_MADE, now, BY_MACHINE, f"{promise.kind}: {promise.due.isoformat()}")
        for promise in incident.promises
    )
    linked = tuple(
        Event(one, EventKind.LINKED, now, BY_MACHINE, number_of(other), facts.thread.by) for other in incident.mentions
    )
    return (opened, *handed, *promised, *linked)

"""Forgetting a person: what becomes of an incident of theirs, and of one that they only took part in (process 6).

Promises: number, times, grade and state of an incident stay, and an event says that words were erased; whoever decides
about it meanwhile loses the race and decides on what is left. Never: closes an incident, or writes to anybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from desk.base.names import BY_MACHINE, EventKind
from desk.rules.decision import Decision, Event, ForgottenPerson, ForgottenWords, IncidentChange
from desk.rules.incident import Incident

WORDLESS = (
    EventKind.ASSIGNED,
    EventKind.PROMISE_MADE,
    EventKind.PROMISE_REVISED,
    EventKind.PROMISE_BROKEN,
    EventKind.LINKED,
    EventKind.STATUS_SENT,
    EventKind.ERASED,
)
"""Events whose text holds times, numbers and the desk's own people: they stay as they are."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is forgotten: rows of `people`, and every address and number that leads to them, in lower case."""

    people: tuple[int, ...]
    addresses: tuple[str, ...]


def is_own(incident: Incident, subject: Subject) -> bool:
    """Tell whether an incident is the person's; else they took part in another's."""
    contacts = {incident.requester_email.lower(), incident.requester_phone.lower()}
    return incident.requester in subject.people or bool(contacts & set(subject.addresses))


def forget_incident(incident: Incident, subject: Subject, now: datetime) -> Decision:
    """Take the person out of an incident: out of their own all words, out of another's what is theirs."""
    after = replace(incident, version=incident.version + 1)
    own = is_own(incident, subject)
    if own:
        after = replace(
            after,
            severity_reasons=(),
            requester_name="",
            requester_email="",
            requester_phone="",
            subject="",
            cause="",
            solution="",
            participants=(),
        )
    return Decision(
        incidents=(IncidentChange(incident, after),),
        rows=(ForgottenWords(incident.id, subject.addresses, now, is_own=own),),
        events=(Event(incident.id, EventKind.ERASED, now, BY_MACHINE, ""),),
    )


def forget_person(people: Sequence[int], addresses: Sequence[str], now: datetime) -> Decision:
    """Take away who they are and what is theirs outside any incident. The last act of an erasure: it can be repeated
    until then."""
    return Decision(rows=(ForgottenPerson(tuple(people), tuple(addresses), now),))

"""A mail of ours that was not delivered: held for a person, told on the timeline, passed on to the next contact.

Promises: a notice that a consultant cannot get is owed to the next contact in the commit that ends it, once, and its
first lines say who could not be reached at which address. Never: moves an assignment, passes on what a user was owed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from desk.base.names import BY_MACHINE, Audience, EventKind, HeldReason, OwedKind, OwedStatus, Purpose, Role, Status
from desk.base.shapes import in_present_shape, shape_of
from desk.rules.addresses import AddressMode, consultant_ref
from desk.rules.decision import Decision, DeliveryEnded, Event, HeldItem, Ids, IncidentChange, Owed
from desk.rules.desk import Desk
from desk.rules.held import tell_at
from desk.rules.incident import Incident
from desk.rules.routing import Consultant, Roster, managers

HELD_FOR: Mapping[OwedStatus, HeldReason] = {
    OwedStatus.REFUSED: HeldReason.REFUSED,
    OwedStatus.GIVEN_UP: HeldReason.GIVEN_UP,
    OwedStatus.BOUNCED: HeldReason.BOUNCED,
}
PASSED_ON = frozenset({OwedKind.NOTICE})
"""What somebody else must hear of when the addressee cannot."""
REPLY_MAX = 300


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A row that ended without being delivered: how, after how many attempts, and what the other side said."""

    owed: Owed
    status: OwedStatus
    attempts: int
    reply: str


@dataclass(frozen=True, slots=True)
class Next:
    """What passing on needs to know. `first_mails` gives the Message-ID of the first mail about it to an address."""

    desk: Desk
    roster: Roster
    ids: Ids
    first_mails: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UndeliveredFacts:
    """Everything the rule may know. `is_waiting` is False when the row was ended before, by a commit not heard of."""

    undelivered: Undelivered
    next: Next
    incident: Incident | None
    is_waiting: bool


def end(facts: UndeliveredFacts, now: datetime) -> Decision:
    """The relay refused a mail for good, or the attempts are over."""
    if not facts.is_waiting:
        return Decision()
    one = facts.undelivered
    rows = (
        DeliveryEnded(one.owed.id, one.status, one.attempts, one.reply),
        held_for(one, facts.next.desk, facts.next.ids, now),
    )
    before = facts.incident
    if before is None:
        return Decision(rows=rows)
    after = replace(before, version=before.version + 1)
    event = Event(
        after.id, EventKind.HELD, now, BY_MACHINE, f"{one.owed.kind} {one.owed.to}", one.reply[:REPLY_MAX]
    )  # fmt: skip
    return Decision(
        incidents=(IncidentChange(before, after),),
        rows=rows,
        events=(event,),
        owed=passed_on(one.owed, after, facts.next, now),
    )


def held_for(one: Undelivered, desk: Desk, ids: Ids, now: datetime) -> HeldItem:
    """Return the item that tells a person of a mail that was not delivered."""
    return HeldItem(
        id=ids.next("held"),
        at=now,
        reason=HELD_FOR[one.status],
        kind=one.owed.kind,
        sender=one.owed.envelope_from,
        to=(one.owed.to,),
        subject="",
        message_id=one.owed.message_id,
        explanation=one.reply,
        incident=one.owed.incident,
        owed=one.owed.id,
        tell_at=tell_at(HELD_FOR[one.status], one.owed.kind, desk.calendar, now),
    )


def passed_on(owed: Owed, incident: Incident, known: Next, now: datetime) -> tuple[Owed, ...]:
    """Return the notice owed to the next contact instead; none when it is no notice, or nobody is left."""
    if owed.kind not in PASSED_ON or owed.audience is not Audience.INTERNAL or incident.status is Status.CLOSED:
        return ()
    facts = in_present_shape(owed.kind, owed.shape, owed.facts)
    unreached = [*facts["unreached"], {"name": facts["to_name"], "address": owed.to}]
    tried = {one["address"].lower() for one in unreached}
    to = next_contact(known.roster, owed.to, tried, known.desk.calendar.day_of(now))
    if to is None:
        return ()
    return (_notice(owed, {**facts, "unreached": unreached}, known, incident=incident, to=to, now=now),)


def next_contact(roster: Roster, address: str, tried: set[str], day: date) -> Consultant | None:
    """Return who is told instead: who comes next in the contact order of that queue, then its first, then a manager."""
    missing = roster.by_address(address)
    order = missing.order if missing else -1
    queue = missing.queue if missing else None
    members = [one for one in roster.consultants if one.queue is queue and one.role is Role.CONSULTANT]
    ordered = sorted(members, key=lambda one: (one.order < order, one.order))
    left = [one for one in (*ordered, *managers(roster.consultants)) if one.email.lower() not in tried]
    return next((one for one in left if one.is_present(day)), None)


def _notice(
    owed: Owed, facts: Mapping[str, Any], known: Next, *, incident: Incident, to: Consultant, now: datetime
) -> Owed:
    """Return the notice as it is owed to another: the same words, their own address to reply to."""
    owed_id, signer, person = known.ids.next("owed"), known.desk.signer, consultant_ref(to.id)
    assigned = incident.assigned(incident.queue)
    reply_to = signer.reply_address(incident.id, person, Purpose.USER_WORDS)
    is_plain = signer.mode is AddressMode.PLAIN
    first = known.first_mails.get(to.email, "")
    return replace(
        owed,
        id=owed_id,
        to=to.email,
        language=to.language or known.desk.language,
        facts={
            **facts,
            "to_name": to.name,
            "assigned": assigned is not None and assigned.consultant == to.id,
            "answer_to": reply_to,
            "answer_key": signer.reply_token(incident.id, person, Purpose.USER_WORDS) if is_plain else "",
        },
        shape=shape_of(owed.kind),
        due_at=now,
        not_before=None,
        message_id=signer.message_id(incident.id, owed_id),
        references=(first,) if first else (),
        reply_to=reply_to,
        envelope_from=signer.bounce_address(owed_id),
    )

"""What a mail adds to an incident: a user's words, a machine's note, a bounce, a consultant's words (DESIGN 7)."""

from dataclasses import replace
from datetime import datetime

from desk.base.names import BY_MACHINE, BY_USER, Audience, Channel, EventKind, OwedKind, OwedStatus, Purpose
from desk.rules.addresses import consultant_ref
from desk.rules.decision import CameBack, Decision, Event, HeldItem, IncidentChange, Owed, Row
from desk.rules.incident import Incident, Move, moved
from desk.rules.mail import MailFacts, Standing, references_of, stored, told
from desk.rules.notice import notice
from desk.rules.routing import Consultant
from desk.rules.undelivered import Next, Undelivered, held_for, passed_on

BOUNCE_TEXT_MAX = 300


def join(facts: MailFacts, now: datetime) -> Decision:
    """A user's further words: kept, and told to the assigned of the working queue; not acknowledged (DESIGN 9)."""
    before = incident_of(facts)
    after = next_version(before, status=moved(before.status, Move.JOIN))
    assigned = _assigned(facts, after)
    owed = () if assigned is None else (notice(facts, after, assigned, now, Standing(is_added=True)),)
    event = Event(after.id, EventKind.ADDED, now, BY_USER, facts.message.sender.address, facts.thread.by)
    return adding(facts, before, after, Audience.USER, events=(event,), owed=owed)


def join_flagged(facts: MailFacts, now: datetime) -> Decision:
    """Other words under the Message-ID of an earlier mail of the incident: joined, and marked as odd (DESIGN 7)."""
    decision = join(facts, now)
    flagged = Event(
        decision.incidents[0].after.id, EventKind.FLAGGED, now, BY_MACHINE, facts.message.sender.address,
        facts.thread.by,
    )  # fmt: skip
    return replace(decision, events=(*decision.events, flagged))


def note_machine(facts: MailFacts, now: datetime) -> Decision:
    """An automatic mail in a live thread: an event, never an answer (guarantee 4)."""
    before = incident_of(facts)
    event = Event(
        before.id, EventKind.AUTOMATIC, now, facts.message.sender.address or BY_MACHINE, facts.message.subject,
        facts.message.reason,
    )  # fmt: skip
    return adding(facts, before, next_version(before), Audience.INTERNAL, events=(event,))


def bounce(facts: MailFacts, now: datetime) -> Decision:
    """A mail of ours came back: an event for each address it did not reach, no answer (CONTRACT 7).

    A report that it is late, or that it arrived, is a machine's note.
    """
    if facts.message.bounce and not any(one.is_final for one in facts.message.bounce):
        return note_machine(facts, now)
    before = incident_of(facts)
    events = tuple(
        Event(
            before.id, EventKind.BOUNCED, now, BY_MACHINE, f"{one.address} {one.status}".strip(),
            one.diagnostic[:BOUNCE_TEXT_MAX],
        )
        for one in facts.message.bounce
        if one.is_final
    )  # fmt: skip
    unnamed = Event(before.id, EventKind.BOUNCED, now, BY_MACHINE, "", facts.message.reason)
    decision = adding(facts, before, next_version(before), Audience.INTERNAL, events=events or (unnamed,))
    came_back = CameBack(before.id, facts.thread.owed, facts.message.returned_message_ids)
    items, owed = _returned(facts, decision.incidents[0].after, now)
    return replace(decision, rows=(*decision.rows, came_back, *items), owed=owed)


def _returned(facts: MailFacts, after: Incident, now: datetime) -> tuple[tuple[HeldItem, ...], tuple[Owed, ...]]:
    """Return what a person must see of our mails that did not reach a consultant, and who hears of it instead."""
    known = Next(facts.desk, facts.roster, facts.ids, facts.first_mails or {})
    said = next((one.diagnostic or one.status for one in facts.message.bounce), facts.message.reason)
    missed = [owed for owed in facts.returned if owed.audience is Audience.INTERNAL]
    items = tuple(
        held_for(Undelivered(one, OwedStatus.BOUNCED, 1, said[:BOUNCE_TEXT_MAX]), facts.desk, facts.ids, now)
        for one in missed
    )
    return items, tuple(one for owed in missed for one in passed_on(owed, after, known, now))


def keep_internal(facts: MailFacts, now: datetime) -> Decision:
    """A consultant's mail, until consultants work by replying: kept, told to nobody, and a receipt says so."""
    before, consultant = incident_of(facts), facts.consultant
    assert consultant is not None, "only a consultant's mail is kept internal"
    after = next_version(before)
    event = Event(before.id, EventKind.NOTED, now, consultant.email, "", facts.thread.by)
    owed = (receipt(facts, after, consultant, now),) if facts.message.may_auto_reply else ()
    return adding(facts, before, after, Audience.INTERNAL, events=(event,), owed=owed)


def receipt(facts: MailFacts, incident: Incident, to: Consultant, now: datetime) -> Owed:
    """Return the mail that tells a consultant what was understood of theirs (DESIGN 4, Words)."""
    owed_id = facts.ids.next("owed")
    signer = facts.desk.signer
    return Owed(
        id=owed_id,
        incident=incident.id,
        kind=OwedKind.RECEIPT,
        channel=Channel.EMAIL,
        to=facts.message.sender.address,
        language=to.language or facts.desk.language,
        audience=Audience.INTERNAL,
        facts={"number": incident.number, "at": told(facts.arrival.received_at), "name": to.name},
        due_at=now,
        message_id=signer.message_id(incident.id, owed_id),
        in_reply_to=facts.message.message_id,
        references=references_of(facts),
        reply_to=signer.reply_address(incident.id, consultant_ref(to.id), Purpose.USER_WORDS),
        envelope_from=signer.bounce_address(owed_id),
    )


def incident_of(facts: MailFacts) -> Incident:
    """Return the incident that a mail belongs to, where its way leads to one."""
    assert facts.incident is not None, "the way of this mail leads to an incident"
    return facts.incident


def next_version(before: Incident, **changes: object) -> Incident:
    """Return the incident after this act: every one raises the version, also one that only adds rows."""
    return replace(before, version=before.version + 1, **changes)  # type: ignore[arg-type]


def _assigned(facts: MailFacts, incident: Incident) -> Consultant | None:
    assignment = incident.assigned(incident.queue)
    return facts.roster.by_id(assignment.consultant) if assignment else None


def adding(
    facts: MailFacts,
    before: Incident,
    after: Incident,
    audience: Audience,
    *,
    events: tuple[Event, ...],
    owed: tuple[Owed, ...] = (),
    rows: tuple[Row, ...] = (),
) -> Decision:
    """Return the decision that adds a mail to its incident, as a message for an audience."""
    return Decision(
        incidents=(IncidentChange(before, after),),
        key=facts.key,
        done=facts.arrival.id,
        rows=(*rows, stored(facts, before.id, audience)),
        events=events,
        owed=owed,
    )

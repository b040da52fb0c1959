"""What is kept for a person to decide: with its reason, its raw mail and where it came from (DESIGN 4, Words)."""

from datetime import datetime

from desk.base.message import Arrival
from desk.base.names import HeldReason
from desk.rules.decision import Decision, HeldItem, Ids
from desk.rules.mail import MailFacts

UNREAD = "unread"
"""The kind of a held arrival that no rule has seen."""


def hold(facts: MailFacts, reason: HeldReason, now: datetime) -> Decision:
    """A mail that must not act by itself: kept, answered by nobody."""
    message = facts.message
    item = HeldItem(
        id=facts.ids.next("held"),
        at=now,
        reason=reason,
        kind=message.kind,
        sender=message.sender.address or facts.arrival.envelope_from,
        to=facts.arrival.recipients,
        subject=message.subject,
        message_id=message.message_id,
        explanation=message.reason,
        incident=facts.incident.id if facts.incident else None,
        blob=facts.arrival.blob,
        arrival=facts.arrival.id,
    )
    return Decision(key=facts.key, done=facts.arrival.id, rows=(item,))


def hold_failed(arrival: Arrival, explanation: str, ids: Ids, now: datetime) -> Decision:
    """A mail whose act failed alone, again and again: held with its reason, so that it stops nobody (guarantee 9)."""
    item = HeldItem(
        id=ids.next("held"),
        at=now,
        reason=HeldReason.ACT_FAILED,
        kind=UNREAD,
        sender=arrival.envelope_from,
        to=arrival.recipients,
        subject="",
        message_id="",
        explanation=explanation,
        blob=arrival.blob,
        arrival=arrival.id,
    )
    return Decision(done=arrival.id, rows=(item,))

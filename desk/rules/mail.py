"""What the chapters share when a mail is told of: the stored message, the notice to a consultant, References."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.base.names import Audience, Channel, Direction, OwedKind, PromiseKind, Purpose
from desk.rules.addresses import consultant_ref
from desk.rules.decision import Owed, StoredMessage
from desk.rules.incident import Incident
from desk.rules.reception import MailFacts
from desk.rules.routing import Consultant

NOTICE_TEXT_MAX = 20_000
"""Characters of the user's words that a notice carries; the whole text stays in the incident."""
REFERENCES_MAX = 10
"""Message-IDs in our References: the first and the latest (RFC 5322 §3.6.4 sets no bound)."""
ATTACHMENTS_MAX = 50
"""Attachments a notice names."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the words of a notice stand to the incident."""

    is_added: bool = False
    is_automatic: bool = False


NEW = Standing()


def stored(facts: MailFacts, incident: int, audience: Audience) -> StoredMessage:
    """Return the mail as a message of the incident."""
    message = facts.message
    return StoredMessage(
        id=facts.ids.next("messages"),
        incident=incident,
        at=facts.arrival.received_at,
        direction=Direction.IN,
        channel=Channel.EMAIL,
        audience=audience,
        sender=message.sender.address,
        sender_name=message.sender.name,
        to=tuple(mailbox.address for mailbox in message.to),
        subject=message.subject,
        text=message.text,
        reply_text=message.reply_text,
        message_id=message.message_id,
        blob=facts.arrival.blob,
        attachments=message.attachments,
    )


def references_of(facts: MailFacts) -> tuple[str, ...]:
    """Return the References of an answer: those of the mail and the mail itself, the first and the latest kept."""
    message = facts.message
    ids = tuple(dict.fromkeys((*message.references, *((message.message_id,) if message.message_id else ()))))
    return ids if len(ids) <= REFERENCES_MAX else (ids[0], *ids[1 - REFERENCES_MAX :])


def told(instant: datetime | None) -> str | None:
    """Return an instant as frozen facts hold it."""
    return instant.isoformat() if instant is not None else None


def notice(
    facts: MailFacts, incident: Incident, to: Consultant, now: datetime, standing: Standing = NEW
) -> Owed:
    """Return the notice that tells a consultant of an incident, or of new words in it (DESIGN 2, Consultant)."""
    owed_id = facts.ids.next("owed")
    first = (facts.first_mails or {}).get(to.email, "")
    return Owed(
        id=owed_id,
        incident=incident.id,
        kind=OwedKind.NOTICE,
        channel=Channel.EMAIL,
        to=to.email,
        language=to.language or facts.desk.language,
        audience=Audience.INTERNAL,
        facts=_notice_facts(facts, incident, to, standing),
        due_at=now,
        message_id=facts.desk.signer.message_id(incident.id, owed_id),
        references=(first,) if first else (),
        reply_to=facts.desk.signer.reply_address(incident.id, consultant_ref(to.id), Purpose.USER_WORDS),
        envelope_from=facts.desk.signer.bounce_address(owed_id),
    )


def _notice_facts(facts: MailFacts, incident: Incident, to: Consultant, standing: Standing) -> Mapping[str, Any]:
    message = facts.message
    words = message.reply_text or message.text
    first, last = incident.promise(PromiseKind.FIRST_ATTENTION), incident.promise(PromiseKind.RESOLUTION)
    return {
        "number": incident.number,
        "severity": incident.severity.value,
        "severity_reasons": list(incident.severity_reasons),
        "queue": incident.queue.value,
        "at": told(facts.arrival.received_at),
        "first_attention": told(first.due) if first and incident.first_response_at is None else None,
        "resolution": told(last.due) if last else None,
        "name": message.sender.name,
        "email": message.sender.address,
        "subject": message.subject,
        "text": words[:NOTICE_TEXT_MAX],
        "more": len(words) > NOTICE_TEXT_MAX,
        "attachments": [
            {"name": one.name, "type": one.type, "size": one.size} for one in message.attachments[:ATTACHMENTS_MAX]
        ],
        "to_name": to.name,
        "added": standing.is_added,
        "automatic": standing.is_automatic,
        "language": incident.language,
        "reply_goes_to": "",
    }

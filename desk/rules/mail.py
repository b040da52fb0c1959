"""A mail as rules see it, and what its chapters share: the stored message, the notice to a consultant, References."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.base.grade import Grade
from desk.base.message import Arrival, Mailbox, Message
from desk.base.names import Audience, Channel, Direction, OwedKind, PromiseKind, Purpose, ThreadBy
from desk.rules.addresses import consultant_ref
from desk.rules.decision import Ids, Owed, StoredMessage
from desk.rules.desk import Desk
from desk.rules.incident import Incident
from desk.rules.routing import Consultant, Roster

MESSAGE_KEY = b"m"
ARRIVAL_KEY = b"a"
"""First octets of the two keys of DESIGN 7: one mail's may otherwise be alike."""
NOTICE_TEXT_MAX = 8_000
"""Characters of the user's words that a notice carries; the whole text stays in the incident."""
REFERENCES_MAX = 10
"""Message-IDs in our References: the first and the latest (RFC 5322 §3.6.4 sets no bound)."""
ATTACHMENTS_MAX = 50
"""Attachments a notice names."""


STRONG = frozenset({ThreadBy.SIGNED_ADDRESS, ThreadBy.SIGNED_MESSAGE_ID, ThreadBy.KNOWN_MESSAGE_ID})
"""Ties that no stranger makes up: a token of ours, or a Message-ID that only who had the mail knows."""


@dataclass(frozen=True, slots=True)
class Thread:
    """What of ours a mail answers, as its envelope and headers say; whether the sender may join is decided here.

    `person` and the address it stood in are proven by a token; `is_reply` tells that the mail carries our Message-IDs
    or the number beside the address. Of a bounce `owed` is the mail of ours that came back, when an address told it.
    """

    incident: int | None = None
    by: ThreadBy = ThreadBy.NONE
    person: str = ""
    is_reply: bool = False
    is_forged: bool = False
    owed: int | None = None


NO_THREAD = Thread()


@dataclass(frozen=True, slots=True)
class MailFacts:
    """Everything a rule may know when a mail is decided.

    `seen` is what the message key stood for when it was taken before (0: something held), None when it is new.
    `incident` is the one that `thread` names; `person` who the sender's address belongs to. `first_mails` gives the
    Message-ID of the first mail about the incident to an address.
    """

    arrival: Arrival
    message: Message
    grade: Grade
    desk: Desk
    roster: Roster
    ids: Ids
    thread: Thread = NO_THREAD
    seen: int | None = None
    incident: Incident | None = None
    person: int | None = None
    first_mails: Mapping[str, str] | None = None

    @property
    def key(self) -> bytes:
        """The message key: the same mail re-encoded by a relay has it too (DESIGN 7)."""
        return MESSAGE_KEY + self.message.digest

    @property
    def requester(self) -> Mailbox:
        """Who is answered: the first From, or a Reply-To of its domain (DESIGN 9)."""
        sender = self.message.sender
        for other in self.message.reply_to:
            if domain_of(other.address) and domain_of(other.address) == domain_of(sender.address):
                return Mailbox(sender.name or other.name, other.address)
        return sender

    @property
    def consultant(self) -> Consultant | None:
        return self.roster.by_address(self.message.sender.address)


def domain_of(address: str) -> str:
    """Return the domain of an address in lower case, "" without one."""
    return address.rpartition("@")[2].lower() if "@" in address else ""


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
    before = message.references or message.in_reply_to[:1]  # RFC 5322 §3.6.4
    ids = tuple(dict.fromkeys((*before, *((message.message_id,) if message.message_id else ()))))
    return ids if len(ids) <= REFERENCES_MAX else (ids[0], *ids[1 - REFERENCES_MAX :])


def told(instant: datetime | None) -> str | None:
    """Return an instant as frozen facts hold it."""
    return instant.isoformat() if instant is not None else None


def notice(facts: MailFacts, incident: Incident, to: Consultant, now: datetime, standing: Standing = NEW) -> Owed:
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
    assigned = incident.assigned(incident.queue)
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
        "assigned": assigned is not None and assigned.consultant == to.id,
        "added": standing.is_added,
        "automatic": standing.is_automatic,
        "language": incident.language,
        "reply_goes_to": "",
    }

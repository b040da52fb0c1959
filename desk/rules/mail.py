"""A mail as rules see it, and what its chapters share: the stored message, References, instants as facts hold them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from desk.base.grade import Grade
from desk.base.message import Arrival, Mailbox, Message
from desk.base.names import Audience, Channel, Direction, HeldReason, MessageKind, ThreadBy
from desk.rules.decision import Ids, Owed, StoredMessage
from desk.rules.desk import Desk
from desk.rules.incident import Incident
from desk.rules.routing import Consultant, Roster

MESSAGE_KEY = b"m"
ARRIVAL_KEY = b"a"
"""First octets of the two keys of DESIGN 7: one mail's may otherwise be alike."""
SAME_KEY = b"s"
"""First octet of the key of an arrival that ended as a copy of another."""
REFERENCES_MAX = 10
"""Message-IDs in our References: the first and the latest (RFC 5322 §3.6.4 sets no bound)."""

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
class Earlier:
    """A message of an incident as whoever takes it up reads it: the new words, and who may know of them."""

    at: datetime
    direction: Direction
    audience: Audience
    sender: str
    sender_name: str
    text: str


@dataclass(frozen=True, slots=True)
class Namesake:
    """A mail that came before under the Message-ID of this one: its incident, who wrote it, its text."""

    incident: Incident
    sender: str
    text: str


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """An answer to «¿cómo va?» that an incident's people were given, or that waits for its time."""

    id: int
    due_at: datetime
    is_waiting: bool


@dataclass(frozen=True, slots=True)
class MailFacts:
    """Everything a rule may know when a mail is decided.

    `seen` is what the message key stood for when it was taken before (0: something held), None when it is new.
    `incident` is the one that `thread` names; `person` who the sender's address belongs to. `first_mails` gives the
    Message-ID of the first mail about the incident to an address. `dossier` holds the latest messages of the incident,
    newest last; `others` the open incidents of `person`, newest first. Both are bounded by who loads them.
    `last_status` is the latest answer to «¿cómo va?» when the mail asks that again; `returned` the mails of ours that a
    bounce brings back; `namesakes` the users' mails that came before under its Message-ID, its sender's first.
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
    dossier: tuple[Earlier, ...] = ()
    others: tuple[int, ...] = ()
    last_status: StatusAnswer | None = None
    returned: tuple[Owed, ...] = ()
    namesakes: tuple[Namesake, ...] = ()

    @property
    def is_same(self) -> bool:
        """Tell whether this is a further copy of a mail that was decided. A held mail took its key when it was read:
        once it is released, the key that stands for nothing yet is its own."""
        if self.seen is None:
            return False
        return self.seen != 0 or not self.overruled - {HeldReason.ACT_FAILED}

    @property
    def overruled(self) -> frozenset[str]:
        """The reasons to hold it that a person overruled."""
        return self.arrival.release.reasons if self.arrival.release is not None else frozenset()

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
    def is_unreadable(self) -> bool:
        """Tell whether nobody could read the mail, or nobody wrote it: it goes on as it came (DESIGN 7)."""
        return self.message.kind is MessageKind.BROKEN or not self.message.sender.address

    @property
    def consultant(self) -> Consultant | None:
        return self.roster.by_address(self.message.sender.address)


def domain_of(address: str) -> str:
    """Return the domain of an address in lower case, "" without one."""
    return address.rpartition("@")[2].lower() if "@" in address else ""


def may_add(thread: Thread, incident: Incident | None, sender: str, desk: Desk) -> bool:
    """Tell whether a sender may add to the incident that a thread names (DESIGN 9, Threads and replies).

    A participant by any tie; a colleague of the requester's domain only by the signed address. A mail to a signed
    address that is no reply to anything (address books offer such addresses) joins nothing.
    """
    if incident is None or (thread.by is ThreadBy.SIGNED_ADDRESS and not thread.is_reply):
        return False
    if incident.has_participant(sender):
        return True
    domain = domain_of(sender)
    is_colleague = domain == domain_of(incident.requester_email) and domain not in desk.public_domains
    return thread.by is ThreadBy.SIGNED_ADDRESS and bool(domain) and is_colleague


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

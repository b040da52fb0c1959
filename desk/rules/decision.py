"""What an act decided, as data: the only thing `desk.commit` writes (DESIGN 4, the act). It names no table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from desk.base.message import Attachment
from desk.base.names import Audience, Channel, Direction, EventKind, OwedKind, OwedStatus, Verdict
from desk.rules.incident import Incident


class Ids(Protocol):
    """A supply of ids leased before the act decides: number, Message-ID and address exist before the insert."""

    def next(self, table: str) -> int:
        """Return a fresh id of a table's block."""
        ...


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """`before` None opens; else its version is the guard. Equal before and after: only rows are added."""

    before: Incident | None
    after: Incident


@dataclass(frozen=True, slots=True)
class CallChange:
    """A call before and after; the phone issue gives it its parts."""

    id: int
    version: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """A fact on an incident's timeline: who, when, why (guarantee 8). `by`: machine, user, or an address."""

    incident: int
    kind: EventKind
    at: datetime
    by: str
    text: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Owed:
    """Something to be said to somebody: facts are frozen, so that every attempt says the same (DESIGN 5).

    `facts` is JSON: instants as RFC 3339 text in UTC. `shape` is the version of the facts' form. `due_at` is when it is
    owed; `not_before` when the first attempt may be made.
    """

    id: int
    incident: int | None
    kind: OwedKind
    channel: Channel
    to: str
    language: str
    audience: Audience
    facts: Mapping[str, Any]
    due_at: datetime
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    reply_to: str = ""
    envelope_from: str = ""
    not_before: datetime | None = None
    shape: int = 1


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of an incident's conversation. `blob` is the raw mail it was read from."""

    id: int
    incident: int
    at: datetime
    direction: Direction
    channel: Channel
    audience: Audience
    sender: str
    sender_name: str
    to: tuple[str, ...]
    subject: str
    text: str
    reply_text: str
    message_id: str
    blob: int | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person first heard of, with one contact point. An address already known keeps its person."""

    id: int
    name: str
    channel: Channel
    address: str
    learned_from: str
    at: datetime


@dataclass(frozen=True, slots=True)
class HeldItem:
    """Something kept for a person to decide, with its reason and the raw mail (DESIGN 4, Words).

    `tell_at` is when the managers hear of it apart from the daily summary, None when that is soon enough.
    """

    id: int
    at: datetime
    reason: str
    kind: str
    sender: str
    to: tuple[str, ...]
    subject: str
    message_id: str
    explanation: str
    incident: int | None = None
    blob: int | None = None
    arrival: int | None = None
    owed: int | None = None
    tell_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SameMail:
    """The arrival that this decision ends is a copy of a mail of this incident (None: of a held one) (DESIGN 7)."""

    incident: int | None


@dataclass(frozen=True, slots=True)
class CameBack:
    """A mail of ours that did not arrive: by its owed row when the bounce told it, else by its Message-ID."""

    incident: int
    owed: int | None
    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeliveryEnded:
    """An owed row that waits and will never be delivered: refused, or given up."""

    owed: int
    status: OwedStatus
    attempts: int
    reply: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """An owed row that waits for its time and will not be said: a later one says it instead (DESIGN 9)."""

    owed: int


@dataclass(frozen=True, slots=True)
class Retold:
    """What an owed row that waits tells now: its content has never left, and a time in it has passed (DESIGN 9)."""

    owed: int
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MessageView:
    """What the bytes of a stored mail give its message, and nothing else; a later version may give something else."""

    message: int
    subject: str
    text: str
    reply_text: str
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class ForgottenWords:
    """An incident loses the words of a person: all there are where it is their own (`is_own`), else theirs."""

    incident: int
    addresses: tuple[str, ...]
    at: datetime
    is_own: bool


@dataclass(frozen=True, slots=True)
class ForgottenPerson:
    """A person loses name and addresses, and what is kept of them outside any incident."""

    people: tuple[int, ...]
    addresses: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class HeldDecided:
    """What a person decided of a held item, who and when. Released, its arrival waits for its act again, or its owed
    row for the outbox, which counts it under no cap any more; discarded, an owed row that waits for this decision alone
    is cancelled."""

    item: int
    verdict: Verdict
    by: str
    at: datetime
    arrival: int | None
    owed: int | None


@dataclass(frozen=True, slots=True)
class WentOn:
    """What a released arrival became: its held items and its message key stand for this incident now."""

    arrival: int
    incident: int
    key: bytes


@dataclass(frozen=True, slots=True)
class HeldTold:
    """The managers were told of these held items."""

    items: tuple[int, ...]
    at: datetime


Row = (
    StoredMessage
    | NewPerson
    | HeldItem
    | SameMail
    | CameBack
    | DeliveryEnded
    | Superseded
    | Retold
    | MessageView
    | ForgottenWords
    | ForgottenPerson
    | HeldDecided
    | WentOn
    | HeldTold
)


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence for who asked: the verb makes one receipt, or one spoken sentence, of all of them."""

    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Everything one act changes, written whole or not at all.

    `key` must be new, `incidents` must stand at the version they were loaded at, `done` ends an arrival in the same
    commit and must not have ended before.
    """

    incidents: tuple[IncidentChange, ...] = ()
    call: CallChange | None = None
    key: bytes | None = None
    done: int | None = None
    rows: tuple[Row, ...] = ()
    events: tuple[Event, ...] = ()
    owed: tuple[Owed, ...] = ()
    said: tuple[Said, ...] = ()

    def then(self, rule: Callable[[Incident], "Decision"]) -> "Decision":
        """Return this decision and what `rule` makes of its incident, as one: all or none.

        Facts and now are bound in `rule` by the caller. Both must speak of one incident.
        """
        assert len(self.incidents) == 1, "a chain of rules speaks of one incident"
        first = self.incidents[0]
        second = rule(first.after)
        changes = tuple(replace(change, before=first.before) for change in second.incidents) or self.incidents
        return replace(
            self,
            incidents=changes,
            call=second.call or self.call,
            rows=self.rows + second.rows,
            events=self.events + second.events,
            owed=self.owed + second.owed,
            said=self.said + second.said,
        )

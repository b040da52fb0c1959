"""What reading makes of a raw mail: plain values that may travel between processes."""

from dataclasses import dataclass, field
from datetime import datetime

from desk.base.names import MessageKind, Transport
from desk.base.travel import travels


@travels
@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name and an address as a header gave them, decoded and scrubbed; the domain is in lower case."""

    name: str
    address: str


@travels
@dataclass(frozen=True, slots=True)
class Attachment:
    """One attachment, found but not decoded.

    `start` and `end` are byte offsets of the part's encoded body in the raw mail; `size` is its decoded size in bytes;
    `encoding` is the lower-cased Content-Transfer-Encoding ("" when none). `name` is safe: no path, no controls.
    `charset` is what a text declared, "" for any other type; the ledger does not keep it.
    """

    name: str
    type: str
    size: int
    start: int
    end: int
    encoding: str
    inline: bool = False
    content_id: str = ""
    charset: str = ""


@travels
@dataclass(frozen=True, slots=True)
class BounceRecipient:
    """Somebody a mail did not reach: for good (`permanent`), or given up (`is_final`) after failing for a while.

    Neither: it is only late, or it arrived.
    """

    address: str
    permanent: bool
    status: str = ""
    diagnostic: str = ""
    is_final: bool = True


@travels
@dataclass(frozen=True, slots=True)
class Message:
    """A mail that was read. Every string is storable: no NUL, no lone surrogate, no CR; single-line fields hold no LF.

    `text` is the whole text, `reply_text` only the new words. `kind` speaks of the mail alone: whether it is a
    FOLLOW_UP is known from what `read` was given as parents or from its reply headers.
    """

    message_id: str
    sender: Mailbox
    senders: tuple[Mailbox, ...]
    reply_to: tuple[Mailbox, ...]
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    subject: str
    date: datetime | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    kind: MessageKind
    reason: str
    may_auto_reply: bool
    text: str
    reply_text: str
    attachments: tuple[Attachment, ...] = ()
    bounce: tuple[BounceRecipient, ...] = ()
    returned_message_ids: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    digest: bytes = b""


@travels
@dataclass(frozen=True, slots=True)
class Parent:
    """A mail of ours that the read one answers: its text is what the quote is cut by."""

    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A mail as a listener took it, before it is stored: envelope and bytes, nothing read.

    `envelope_from` is "" for the null sender. `authenticated_as` is the account of the session, "" without one.
    """

    transport: Transport
    envelope_from: str
    recipients: tuple[str, ...]
    peer: str
    raw: bytes = field(repr=False)
    authenticated_as: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A person let a held mail go on: the item they decided last, every reason they overruled, who and when."""

    item: int
    reasons: frozenset[str]
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """A stored raw mail, not yet read (DESIGN 4, Words).

    `headers` is what its door read of the header block to store it, opaque to the desk; None when it comes from the
    ledger. `release` is there when it was held and let go on. `size` is of the whole mail, whose bytes may be
    left in the ledger: `raw` is empty then.
    """

    id: int
    transport: Transport
    envelope_from: str
    recipients: tuple[str, ...]
    peer: str
    received_at: datetime
    blob: int
    raw: bytes = field(repr=False, default=b"")
    authenticated_as: str = ""
    attempts: int = 0
    headers: object = field(repr=False, compare=False, default=None)
    release: Release | None = None
    size: int = 0

    @property
    def counted_from(self) -> datetime:
        """When the desk began to answer for it: times are promised from here, which a held mail had none of before."""
        return self.release.at if self.release is not None else self.received_at

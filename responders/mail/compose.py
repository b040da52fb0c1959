"""Makes the mail that an owed row owes: its words by wording, its bytes by frame (DESIGN 5).

Promises: the same owed row, identity and wording give the same bytes; everything a header says comes from the row, so
every attempt carries one Message-ID, Date and boundary. Never: reads a clock, asks the database, or answers a machine
(that was decided before the row was written).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from desk.base.names import Audience, OwedKind
from desk.base.shapes import in_present_shape
from desk.rules.decision import Owed
from desk.wording.wording import Wording
from responders.mail.attachments import Part, mixed
from responders.mail.frame import address_header, alternative, date_header, header, id_header, wire_address

# RFC 3834 5: what answers a mail is auto-replied, what the desk says of its own accord is auto-generated.
REPLIES: Final = frozenset({OwedKind.ACKNOWLEDGEMENT, OwedKind.RECEIPT, OwedKind.STATUS})
# MS-OXCMAIL 2.2.3.2.14. Never "All" nor NDR: a mail that did not arrive must be told to us. From consultants the
# absence note is wanted (DESIGN 9: who is absent is known by it), so OOF is suppressed for users only.
SUPPRESSED: Final = {Audience.USER: "DR, RN, NRN, OOF, AutoReply", Audience.INTERNAL: "DR, RN, NRN, AutoReply"}

# Sets of headers that are kept: kinds of mail times languages, of one identity.
FIXED_MAX = 256


@dataclass(frozen=True, slots=True)
class MailIdentity:
    """Who our mails are from: the desk's address and name (`desk.address`, `desk.name`)."""

    address: str
    name: str


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail ready for the relay: envelope, the bytes (CRLF line ends, seven bits but for an SMTPUTF8 recipient),
    and subject and text as people read them, for the incident's conversation."""

    envelope_from: str
    recipient: str
    content: bytes
    subject: str
    text: str


def compose(owed: Owed, identity: MailIdentity, wording: Wording, parts: Sequence[Part] = ()) -> Composed:
    """Return the mail an owed row owes. Raises TemplateMissing or TemplateBroken naming the file.

    `parts` are the attachments its facts speak of; where they could not be had, the mail says that they were left out.
    """
    facts = facts_of(owed, has_parts=bool(parts))
    retold_at = owed.facts.get("retold_at")
    date = datetime.fromisoformat(retold_at) if retold_at else owed.due_at
    rendered = wording.render(facts.get("template", owed.kind.value), owed.language, facts)
    seed = owed.message_id or str(owed.id)
    body = alternative(rendered.text, rendered.html, seed=seed)
    content = b"".join(
        (
            _fixed_headers(identity, owed.kind, owed.audience, rendered.language),
            _own_headers(owed, identity, rendered.subject, date),
            *(mixed(body, parts, seed) if parts else (body,)),
        )
    )
    return Composed(owed.envelope_from, wire_address(owed.to), content, rendered.subject, rendered.text)


def facts_of(owed: Owed, *, has_parts: bool) -> Mapping[str, Any]:
    """Return the facts of a row as the present templates know them, whatever version froze them."""
    facts = dict(in_present_shape(owed.kind, owed.shape, owed.facts))
    facts.pop("retold_at", None)
    if facts.pop("carried", None) and not has_parts:
        facts["left_out"] = [*facts["attached"], *facts["left_out"]]
        facts["attached"] = []
    return facts


@lru_cache(FIXED_MAX)
def _fixed_headers(identity: MailIdentity, kind: OwedKind, audience: Audience, language: str) -> bytes:
    """Return the headers that all mails of a kind share."""
    return b"".join(
        (
            address_header("From", identity.address, identity.name),
            header("Auto-Submitted", "auto-replied" if kind in REPLIES else "auto-generated"),
            header("X-Auto-Response-Suppress", SUPPRESSED[audience]),
            header("Content-Language", language),
            header("MIME-Version", "1.0"),
        )
    )


def _own_headers(owed: Owed, identity: MailIdentity, subject: str, date: datetime) -> bytes:
    """Return the headers of one mail. `date` is when what it says was true: «hoy» is counted from it."""
    reply_to = address_header("Reply-To", owed.reply_to, identity.name) if owed.reply_to else b""
    answered = (owed.in_reply_to,) if owed.in_reply_to else ()
    return b"".join(
        (
            date_header(date),
            address_header("To", owed.to),
            header("Subject", subject),
            id_header("Message-ID", (owed.message_id,)),
            id_header("In-Reply-To", answered),
            id_header("References", owed.references or answered),
            reply_to,
        )
    )

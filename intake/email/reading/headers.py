"""What the desk's own process may look at: the bounded header block of a mail, and the key by which a copy is known.

Cheap (tens of microseconds) and bounded by HEADER_BLOCK_MAX; no body is parsed here (DESIGN 4, A mail).
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

from intake.email.reading.addresses import ADDRESS_HEADER_MAX, addresses
from intake.email.reading.decode import WHITE, decode_header, header_text
from intake.email.reading.walk import HEADER_BLOCK_MAX, Headers, first_line_end, header_fields, readable

SUBJECT_MAX = 2000
"""Characters of a subject that are kept."""
MESSAGE_IDS_MAX = 100
"""Message-IDs of References that are kept: the first and the latest matter."""
RECIPIENT_FIELDS = ("to", "cc", "delivered-to", "x-original-to")
KEY_CHUNK = 1 << 20
"""Bytes of a body hashed at a time, so that a key of a big mail needs little memory."""

_MESSAGE_ID = re.compile(r"<([^<>\s\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]{1,990})>")
_DATE = re.compile(
    r"(\d{1,2})[ -]+([a-z]{3})[a-z]*\.?[ -]+(\d{2,4}),?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([+-]\d{4}|[a-z]{1,4})?",
    re.I,
)
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_ZONES = {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The header block of a mail, bounded. `sender` is the first From address, "" without one; `recipients` are the
    addresses of To, Cc, Delivered-To and X-Original-To in that order; Message-IDs keep their angle brackets."""

    headers: Headers = field(repr=False)
    body_start: int
    message_id: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    sender: str
    recipients: tuple[str, ...]
    subject: str
    cut: bool = False

    @property
    def answered(self) -> tuple[str, ...]:
        """Return the Message-IDs this mail answers, the likeliest parent first."""
        return tuple(dict.fromkeys((*self.in_reply_to, *reversed(self.references))))


def header_block(raw: bytes) -> HeaderBlock:
    """Return what the header block of a raw mail says. Never raises; one over the bound is read up to it (`cut`)."""
    view = readable(raw)
    headers, body, cut = header_fields(view, first_line_end(view), len(view), HEADER_BLOCK_MAX)
    senders = addresses(headers.first("from"), ADDRESS_HEADER_MAX)
    found = (box.address for name in RECIPIENT_FIELDS for value in headers.all(name) for box in addresses(value))
    return HeaderBlock(
        headers=headers,
        body_start=body,
        message_id=message_id(headers),
        in_reply_to=message_ids(headers, "in-reply-to"),
        references=message_ids(headers, "references"),
        sender=senders[0].address if senders else "",
        recipients=tuple(dict.fromkeys(found)),
        subject=decode_header(headers.first("subject"), SUBJECT_MAX),
        cut=cut,
    )


def arrival_key(raw: bytes, block: HeaderBlock) -> bytes:
    """Return the key under which the same mail is known again, whatever Received lines and header order it came with.

    SHA-256 over Message-ID (or Date and Subject without one), the From address, and the body with all white space
    deleted (DESIGN 7). 32 bytes.
    """
    key = hashlib.sha256(identity(block.headers, block.message_id, block.sender))
    start = 0 if block.cut else block.body_start  # what names a cut mail may lie beyond the bound: only its bytes do
    for at in range(start, len(raw), KEY_CHUNK):
        key.update(raw[at : at + KEY_CHUNK].translate(None, WHITE))
    return key.digest()


def identity(headers: Headers, known_id: str, sender: str) -> bytes:
    """Return what names a mail whatever way it came: the first part of both keys of DESIGN 7."""
    name = known_id.encode()
    if not name:
        name = b"\0".join(headers.first(field).translate(None, WHITE) for field in ("date", "subject"))
    return name + b"\0" + sender.lower().encode() + b"\0"


def message_id(headers: Headers) -> str:
    """Return the Message-ID with its angle brackets, which one written without them gets; "" when there is none."""
    found = message_ids(headers, "message-id")
    if found:
        return found[0]
    bare = header_text(headers.first("message-id")).split()
    return f"<{decode_header(bare[0].encode('utf-8', 'replace'), 990).strip('<>')}>" if bare else ""


def message_ids(headers: Headers, name: str) -> tuple[str, ...]:
    """Return the Message-IDs of a field in order, with angle brackets: at most MESSAGE_IDS_MAX, first and latest."""
    value = headers.first(name)
    if b"<" not in value:
        return ()
    found = [f"<{one}>" for one in _MESSAGE_ID.findall(header_text(value))]
    if len(found) > MESSAGE_IDS_MAX:
        found = [found[0], *found[1 - MESSAGE_IDS_MAX :]]
    return tuple(found)


def date_of(headers: Headers) -> datetime | None:
    """Return the Date in UTC (RFC 5322 §3.3); None without one that makes sense. An unknown zone counts as UTC."""
    match = _DATE.search(header_text(headers.first("date")[:200]))
    month = _MONTHS.get(match[2].lower()) if match else None
    if match is None or month is None:
        return None
    year = int(match[3])
    year += 0 if year >= 1000 else 1900 if year >= 50 else 2000  # noqa: PLR2004 - RFC 5322 §4.3
    try:
        zone = timezone(_offset(match[7] or ""))
        when = datetime(
            year, month, int(match[1]), int(match[4]), int(match[5]), min(59, int(match[6] or 0)), tzinfo=zone
        )
        return when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _offset(zone: str) -> timedelta:
    if zone[:1] in ("+", "-"):
        minutes = int(zone[1:3]) * 60 + int(zone[3:5])
        return timedelta(minutes=-minutes if zone[0] == "-" else minutes)
    return timedelta(hours=_ZONES.get(zone.lower(), 0))

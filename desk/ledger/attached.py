"""What came with a mail, and where in its raw bytes it stands, as steps."""

from dataclasses import dataclass
from datetime import datetime

from desk.ledger.load import instant
from desk.ledger.statements import Run, Steps

FILES_MAX = 200
"""Attachments of one mail that are told: reading finds no more in any."""


@dataclass(frozen=True, slots=True)
class File:
    """One attachment: what reading said of it, and the span of its encoded body in the raw mail."""

    name: str
    type: str
    size: int
    start: int
    end: int
    encoding: str


@dataclass(frozen=True, slots=True)
class AttachedMail:
    """A mail of an incident with its attachments in order. `is_kept`: its bytes are there still."""

    received: datetime
    size: int
    is_kept: bool
    files: tuple[File, ...]


def attached_mail(incident: int, blob: int) -> Steps[AttachedMail | None]:
    """Load what a mail of an incident brought; None when the incident has no such mail."""
    rows = yield Run(
        "SELECT m.id, m.at, b.size, CASE WHEN b.data IS NULL THEN 0 ELSE 1 END FROM messages m "
        "JOIN blobs b ON b.id = m.blob_id WHERE m.incident_id = ? AND m.blob_id = ? ORDER BY m.id LIMIT 1",
        (incident, blob),
    )
    if not rows:
        return None
    message, at, size, is_kept = rows[0]
    received = instant(at)
    assert received is not None, "a message has its instant"
    found = yield Run(
        "SELECT name, type, size, first_byte, last_byte, encoding FROM attachments "
        f"WHERE message_id = ? ORDER BY id LIMIT {FILES_MAX:d}",
        (message,),
    )
    return AttachedMail(received, size, bool(is_kept), tuple(File(*row) for row in found))

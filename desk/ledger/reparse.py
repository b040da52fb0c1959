"""What `reparse` reads of the ledger, as steps: stored mails of incidents with their views, a page at a time."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.base.message import Attachment
from desk.base.names import Direction, EventKind
from desk.ledger import load
from desk.ledger.statements import Run, Steps, utc
from desk.rules.decision import MessageView
from desk.rules.mail import ARRIVAL_KEY
from desk.rules.reparsing import Standing

PAGE_MAX = 200
"""Mails that are listed at once, without their bytes."""


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A mail of an incident, and the blob that keeps its bytes."""

    message: int
    incident: int
    blob: int
    message_id: str


def mails(after: int, since: datetime | None) -> Steps[list[StoredMail]]:
    """Load the mails with greater ids that came in since then."""
    rows = yield Run(
        "SELECT id, incident_id, blob_id, message_id FROM messages WHERE id > ? AND direction = ? "
        f"AND blob_id IS NOT NULL{'' if since is None else ' AND at >= ?'} ORDER BY id LIMIT {PAGE_MAX:d}",
        (after, Direction.IN, *(() if since is None else (utc(since),))),
    )
    return [StoredMail(*row) for row in rows]


def raw(blob: int) -> Steps[bytes | None]:
    """Load the bytes of a mail, None when they are kept no more."""
    rows = yield Run("SELECT data FROM blobs WHERE id = ?", (blob,))
    return bytes(rows[0][0]) if rows and rows[0][0] is not None else None


def envelope(key: bytes) -> Steps[tuple[str, tuple[str, ...]]]:
    """Load sender and recipients of the first arrival of a mail; none when it is not known any more."""
    rows = yield Run(
        "SELECT envelope_from, recipients FROM arrivals WHERE key = ? ORDER BY id LIMIT 1", ((ARRIVAL_KEY + key).hex(),)
    )
    return (rows[0][0], tuple(json.loads(rows[0][1]))) if rows else ("", ())


def standing(mail: StoredMail) -> Steps[Standing]:
    """Load what stands in the ledger of a mail and its incident."""
    incident = yield from load.incident(mail.incident)
    assert incident is not None, "a message has its incident"
    view = yield from _view(mail.message)
    kept = yield Run("SELECT count(*) FROM blobs WHERE id = ? AND data IS NOT NULL", (mail.blob,))
    earlier = yield Run(
        "SELECT count(*) FROM messages m JOIN messages e ON e.incident_id = m.incident_id AND e.direction = "
        "m.direction AND (e.at < m.at OR e.at = m.at AND e.id < m.id) WHERE m.id = ?",
        (mail.message,),
    )
    namesakes = yield Run(
        "SELECT count(*) FROM messages m JOIN messages e ON e.message_id = m.message_id AND e.incident_id = "
        "m.incident_id AND e.direction = m.direction AND e.id <> m.id WHERE m.id = ? AND m.message_id <> ''",
        (mail.message,),
    )
    events = yield Run(
        "SELECT kind, why FROM events WHERE incident_id = ? AND kind IN (?, ?) ORDER BY version, n",
        (mail.incident, EventKind.OPENED, EventKind.REGRADED),
    )
    return Standing(
        incident=incident,
        view=view,
        is_kept=bool(kept[0][0]),
        is_opening=not earlier[0][0],
        is_namesake=bool(namesakes[0][0]),
        is_regraded=any(kind == EventKind.REGRADED for kind, _ in events),
        opened_why=next((why for kind, why in events if kind == EventKind.OPENED), ""),
    )


def _view(message: int) -> Steps[MessageView]:
    rows = yield Run("SELECT subject, text, reply_text FROM messages WHERE id = ?", (message,))
    parts = yield Run(
        "SELECT name, type, size, first_byte, last_byte, encoding, inline, content_id FROM attachments "
        "WHERE message_id = ? ORDER BY id",
        (message,),
    )
    subject, text, reply_text = rows[0]
    return MessageView(message, subject, text, reply_text, tuple(map(_attachment, parts)))


def _attachment(row: Sequence[Any]) -> Attachment:
    name, kind, size, start, end, encoding, inline, content_id = row
    return Attachment(name, kind, size, start, end, encoding, bool(inline), content_id)

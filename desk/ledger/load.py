"""Facts for acts: plain SELECTs as steps, and the values they become (DESIGN 4, the act). The mirror of `save`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from desk.base.message import Arrival, Parent
from desk.base.names import (
    Audience,
    Channel,
    ClosedBy,
    Direction,
    OwedKind,
    OwedStatus,
    PromiseKind,
    Queue,
    Severity,
    Status,
    Transport,
)
from desk.ledger.save import INCIDENT_COLUMNS, MESSAGE_ID_MAX, RETURNED_MAX
from desk.ledger.statements import Run, Steps, places
from desk.rules.decision import Owed
from desk.rules.incident import Assignment, Incident, Participant, Pause, Promise
from desk.rules.mail import StatusAnswer

OWED_COLUMNS = (
    "id, incident_id, kind, channel, address, language, audience, facts, shape, due_at, not_before, message_id, "
    'in_reply_to, "references", reply_to, envelope_from, attempts, status, last_reply, data_sent'
)
ARRIVAL_COLUMNS = (
    "a.id, a.transport, a.envelope_from, a.recipients, a.peer, a.authenticated_as, a.received_at, a.blob_id, "
    "a.attempts, b.size, CASE WHEN b.size <= ? THEN b.data END"
)
TAKEN_OVER = "its node was gone"
"""What stands as the last reply of a row that another node had in hand when it ended."""
PARENTS_MAX = 20
"""Message-IDs of a mail that are looked up, the nearest first."""
NAMESAKES_MAX = 5
"""Mails of one Message-ID that are compared: one that is none of these is held, for a person to see."""


def instant(value: Any) -> datetime | None:
    """Return an instant as a driver gave it: text on SQLite, aware on PostgreSQL; always UTC."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    assert moment.utcoffset() == timedelta(0), f"not UTC: {moment!r}"
    result: datetime = moment.replace(tzinfo=UTC)
    return result


def _at(value: Any) -> datetime:
    moment = instant(value)
    assert moment is not None, "an instant that is never empty is empty"
    return moment


def incident(incident_id: int) -> Steps[Incident | None]:
    """Load an incident with its parts; None when there is none."""
    rows = yield Run(f"SELECT {INCIDENT_COLUMNS} FROM incidents WHERE id = ?", (incident_id,))
    if not rows:
        return None
    one = (incident_id,)
    people = yield Run("SELECT person_id, address, name, role FROM participants WHERE incident_id = ? ORDER BY id", one)
    assignments = yield Run(
        "SELECT id, queue, consultant_id, since, until FROM assignments WHERE incident_id = ? ORDER BY id", one
    )
    promises = yield Run(
        "SELECT id, kind, made_at, due, told_at, kept_at, broken_at, cancelled_at, replaced_by, regraded FROM promises "
        "WHERE incident_id = ? ORDER BY id",
        one,
    )
    pauses = yield Run("SELECT id, since, until, why FROM pauses WHERE incident_id = ? ORDER BY id", one)
    return _incident(
        incident_id,
        rows[0],
        participants=tuple(Participant(*row) for row in people),
        assignments=tuple(Assignment(r[0], Queue(r[1]), r[2], _at(r[3]), instant(r[4])) for r in assignments),
        promises=tuple(_promise(row) for row in promises),
        pauses=tuple(Pause(r[0], _at(r[1]), instant(r[2]), r[3]) for r in pauses),
    )


def _promise(row: Sequence[Any]) -> Promise:
    return Promise(
        id=row[0],
        kind=PromiseKind(row[1]),
        made_at=_at(row[2]),
        due=_at(row[3]),
        told_at=instant(row[4]),
        kept_at=instant(row[5]),
        broken_at=instant(row[6]),
        cancelled_at=instant(row[7]),
        replaced_by=row[8],
        regraded=bool(row[9]),
    )


def _incident(incident_id: int, row: Sequence[Any], **parts: Any) -> Incident:
    return Incident(
        id=incident_id,
        version=row[0],
        channel=Channel(row[1]),
        status=Status(row[2]),
        severity=Severity(row[3]),
        severity_reasons=tuple(json.loads(row[4])),
        type=row[5],
        queue=Queue(row[6]),
        queue_reason=row[7],
        thread_reason=row[8],
        language=row[9],
        requester=row[10],
        requester_name=row[11],
        requester_email=row[12],
        requester_phone=row[13],
        subject=row[14],
        created_at=_at(row[15]),
        wake_at=instant(row[16]),
        first_response_at=instant(row[17]),
        resolved_at=instant(row[18]),
        told_at=instant(row[19]),
        closed_at=instant(row[20]),
        closed_by=ClosedBy(row[21]) if row[21] else None,
        cause=row[22],
        solution=row[23],
        mentions=tuple(json.loads(row[24])),
        **parts,
    )


@dataclass(frozen=True, slots=True)
class KnownPerson:
    """Somebody whose address was seen before."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class KeyTaken:
    """A key that was taken already, and what it stood for (0: nothing)."""

    ref: int


def person(channel: Channel, address: str) -> Steps[KnownPerson | None]:
    """Load who an address belongs to."""
    rows = yield Run(
        "SELECT p.id, p.name FROM contact_points c JOIN people p ON p.id = c.person_id "
        "WHERE c.channel = ? AND c.address = ?",
        (channel, address),
    )
    return KnownPerson(*rows[0]) if rows else None


def key(digest: bytes) -> Steps[KeyTaken | None]:
    """Load whether a key was taken."""
    rows = yield Run("SELECT ref FROM keys WHERE key = ?", (digest.hex(),))
    return KeyTaken(rows[0][0]) if rows else None


def keys_beginning(octets: bytes) -> Steps[int]:
    """Count the keys that begin with these octets. Keys are digits and letters of a digest: all sort before `g`."""
    begin = octets.hex()
    rows = yield Run("SELECT count(*) FROM keys WHERE key >= ? AND key < ?", (begin, f"{begin}g"))
    return int(rows[0][0])


def first_copy(arrival_key: str) -> Steps[tuple[int, int | None]]:
    """Load blob and incident of the first arrival with a key."""
    rows = yield Run("SELECT blob_id, incident_id FROM arrivals WHERE key = ? ORDER BY id LIMIT 1", (arrival_key,))
    return rows[0][0], rows[0][1]


@dataclass(frozen=True, slots=True)
class KnownMessage:
    """A message of the ledger that a mail answers."""

    incident: int
    message_id: str
    text: str


def messages_by_id(message_ids: Sequence[str]) -> Steps[list[KnownMessage]]:
    """Load the messages among these Message-IDs, in the order asked."""
    wanted = list(dict.fromkeys(message_ids))[:PARENTS_MAX]
    if not wanted:
        return []
    rows = yield Run(
        f"SELECT incident_id, message_id, text FROM messages WHERE message_id IN ({places(len(wanted))})", wanted
    )
    return sorted((KnownMessage(*row) for row in rows), key=lambda known: wanted.index(known.message_id))


@dataclass(frozen=True, slots=True)
class KnownNamesake:
    """A mail of the ledger that came under a Message-ID."""

    incident: int
    sender: str
    text: str


def namesakes(message_id: str, sender: str) -> Steps[list[KnownNamesake]]:
    """Load the users' mails that came in under a Message-ID, those of a sender first.

    None where the Message-ID is kept cut. One that nobody could read has no words to compare, and is none.
    """
    if len(message_id) > MESSAGE_ID_MAX:
        return []
    rows = yield Run(
        "SELECT incident_id, sender, text FROM messages WHERE message_id = ? AND direction = ? AND audience = ? "
        f"AND text <> '' ORDER BY CASE WHEN lower(sender) = ? THEN 0 ELSE 1 END, id LIMIT {NAMESAKES_MAX:d}",
        (message_id, Direction.IN, Audience.USER, sender.lower()),
    )
    return [KnownNamesake(*row) for row in rows]


def parents_of(known: Sequence[KnownMessage]) -> tuple[Parent, ...]:
    """Return the messages as the reader takes them."""
    return tuple(Parent(message.message_id, message.text) for message in known)


def first_mail_to(incident_id: int, address: str) -> Steps[str]:
    """Load the Message-ID of the first mail about an incident to somebody: later ones refer to it (DESIGN 6)."""
    rows = yield Run(
        "SELECT message_id FROM owed WHERE incident_id = ? AND address = ? ORDER BY id LIMIT 1", (incident_id, address)
    )
    return rows[0][0] if rows else ""


def first_mails_to(incident_id: int, addresses: Sequence[str]) -> Steps[dict[str, str]]:
    """Load the Message-ID of the first mail about an incident to each of these who had one."""
    rows = yield Run(
        f"SELECT address, message_id FROM owed WHERE incident_id = ? AND address IN ({places(len(addresses))}) "
        "ORDER BY id DESC",
        (incident_id, *addresses),
    )
    return {row[0]: row[1] for row in rows}


def is_owed_waiting(owed_id: int) -> Steps[bool]:
    """Load whether an owed row still waits to be delivered."""
    rows = yield Run(
        "SELECT 1 FROM owed WHERE id = ? AND status IN (?, ?)", (owed_id, OwedStatus.QUEUED, OwedStatus.DELAYED)
    )
    return bool(rows)


def returned(incident_id: int, owed_id: int | None, message_ids: Sequence[str]) -> Steps[tuple[Owed, ...]]:
    """Load the mails of an incident that came back and still count as sent: by their row, else by Message-ID."""
    wanted: Sequence[Any] = message_ids[:RETURNED_MAX] if owed_id is None else (owed_id,)
    if not wanted:
        return ()
    column = "message_id" if owed_id is None else "id"
    rows = yield Run(
        f"SELECT {OWED_COLUMNS} FROM owed WHERE incident_id = ? AND status = ? AND {column} IN ({places(len(wanted))}) "
        "ORDER BY id",
        (incident_id, OwedStatus.SENT, *wanted),
    )
    return tuple(waiting_of(row).owed for row in rows)


def last_status_answer(incident_id: int) -> Steps[StatusAnswer | None]:
    """Load the latest answer to «¿cómo va?» of an incident; one that a later answer replaced is none."""
    rows = yield Run(
        "SELECT id, due_at, status FROM owed WHERE incident_id = ? AND kind = ? AND status NOT IN (?, ?) "
        "ORDER BY due_at DESC, id DESC LIMIT 1",
        (incident_id, OwedKind.STATUS, OwedStatus.MERGED, OwedStatus.CANCELLED),
    )
    if not rows:
        return None
    is_waiting = rows[0][2] in (OwedStatus.QUEUED, OwedStatus.DELAYED)
    return StatusAnswer(rows[0][0], _at(rows[0][1]), is_waiting)


def is_arrival_done(arrival: int) -> Steps[bool]:
    """Load whether the act of an arrival was committed."""
    rows = yield Run("SELECT 1 FROM arrivals WHERE id = ? AND done_at IS NOT NULL", (arrival,))
    return bool(rows)


def owed_incident(owed_id: int) -> Steps[int | None]:
    """Load the incident an owed row is of."""
    rows = yield Run("SELECT incident_id FROM owed WHERE id = ?", (owed_id,))
    return rows[0][0] if rows else None


def open_load() -> Steps[Mapping[int, int]]:
    """Load how many incidents each consultant has on hand."""
    rows = yield Run(
        "SELECT a.consultant_id, count(*) FROM assignments a JOIN incidents i ON i.id = a.incident_id "
        "WHERE a.until IS NULL AND i.status <> ? GROUP BY a.consultant_id",
        (Status.CLOSED,),
    )
    return {row[0]: row[1] for row in rows}


def consultant_ids() -> Steps[dict[str, int]]:
    """Load the ids of everybody of the roster who has not left, by stable key."""
    rows = yield Run("SELECT key, id FROM consultants WHERE left_at IS NULL")
    return {row[0]: row[1] for row in rows}


def waking(now: datetime, limit: int) -> Steps[list[int]]:
    """Load the ids of incidents whose time has come, the latest first in being late."""
    rows = yield Run(
        "SELECT id FROM incidents WHERE wake_at IS NOT NULL AND wake_at <= ? ORDER BY wake_at LIMIT ?", (now, limit)
    )
    return [row[0] for row in rows]


def arrival_of(row: Sequence[Any]) -> Arrival:
    """Return a claimed arrival (ARRIVAL_COLUMNS, whose parameter is the size up to which the bytes come along)."""
    return Arrival(
        id=row[0],
        transport=Transport(row[1]),
        envelope_from=row[2],
        recipients=tuple(json.loads(row[3])),
        peer=row[4],
        authenticated_as=row[5],
        received_at=_at(row[6]),
        blob=row[7],
        attempts=row[8],
        size=row[9],
        raw=bytes(row[10] or b""),
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """An owed row on its way out: what is owed, and how often it was tried.

    `delayed_by` is the cap that it waited for; `is_counted` tells that it has taken its places under the caps;
    `data_sent` that its content has left before; `is_doubtful` that nobody knows, because its node is gone.
    """

    owed: Owed
    attempts: int
    delayed_by: str = ""
    is_counted: bool = False
    data_sent: bool = False
    is_doubtful: bool = False


def waiting_of(row: Sequence[Any]) -> Waiting:
    """Return a claimed owed row (OWED_COLUMNS)."""
    owed = Owed(
        id=row[0],
        incident=row[1],
        kind=OwedKind(row[2]),
        channel=Channel(row[3]),
        to=row[4],
        language=row[5],
        audience=Audience(row[6]),
        facts=json.loads(row[7]),
        shape=row[8],
        due_at=_at(row[9]),
        not_before=_at(row[10]),
        message_id=row[11],
        in_reply_to=row[12],
        references=tuple(json.loads(row[13])),
        reply_to=row[14],
        envelope_from=row[15],
    )
    delayed_by = row[18] if row[17] == OwedStatus.DELAYED else ""
    is_doubtful = row[18] == TAKEN_OVER
    return Waiting(owed, row[16], delayed_by=delayed_by, data_sent=bool(row[19]), is_doubtful=is_doubtful)


def owed_waiting(owed_id: int) -> Steps[Waiting | None]:
    """Load an owed row as it stands; None when it does not wait any more."""
    rows = yield Run(
        f"SELECT {OWED_COLUMNS} FROM owed WHERE id = ? AND status IN (?, ?)",
        (owed_id, OwedStatus.QUEUED, OwedStatus.DELAYED),
    )
    return waiting_of(rows[0]) if rows else None

"""The mirror of `load`: what a decision says, as rows (DESIGN 4, the act). Pure: it makes a `Change`, "
"`batch` writes it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from desk.base.message import Arrival, Attachment
from desk.base.names import Direction, Verdict
from desk.ledger import forget
from desk.ledger.statements import utc
from desk.rules.caps import Place
from desk.rules.decision import (
    CameBack,
    Decision,
    DeliveryEnded,
    Event,
    ForgottenPerson,
    ForgottenWords,
    HeldDecided,
    HeldItem,
    HeldTold,
    MessageView,
    NewPerson,
    Owed,
    Retold,
    Row,
    SameMail,
    StoredMessage,
    Superseded,
    WentOn,
)
from desk.rules.incident import Assignment, Incident, Participant, Pause, Promise

ADDRESS_MAX = 320
MESSAGE_ID_MAX = 500
RETURNED_MAX = 10
"""Message-IDs of a bounce that are looked for among our mails."""

Parameters = tuple[Any, ...]
Written = tuple[str, Parameters]

INCIDENT_COLUMNS = (
    "version, channel, status, severity, severity_reasons, type, queue, queue_reason, thread_reason, language, "
    "requester_id, requester_name, requester_email, requester_phone, subject, created_at, wake_at, first_response_at, "
    "resolved_at, told_at, closed_at, closed_by, cause, solution, mentions"
)
_INCIDENT_PLACES = ", ".join("?" * len(INCIDENT_COLUMNS.split(", ")))
_INCIDENT_SETS = ", ".join(f"{column} = ?" for column in INCIDENT_COLUMNS.split(", "))
_OWED_COLUMNS = (
    "id, incident_id, kind, channel, address, language, audience, facts, shape, created_at, due_at, "
    "not_before, status, "
    'attempts, message_id, in_reply_to, "references", reply_to, envelope_from, data_sent, last_reply, leased_by, '
    "leased_until"
)
_OWED_PLACES = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', 0, ?, ?, ?, ?, ?, FALSE, ''"

STATEMENTS: dict[str, str] = {
    "blob": "INSERT INTO blobs (id, sha256, store, kind, size, created_at, expires_at, data) VALUES (?, "
    "?, 'db', ?, ?, ?, ?, ?)",
    "person": "INSERT INTO people (id, name, language, created_at) VALUES (?, ?, '', ?)",
    "contact_point": "INSERT INTO contact_points (person_id, channel, address, learned_from, created_at) "
    "VALUES (?, ?, ?, ?, ?) ON CONFLICT (channel, address) DO NOTHING",
    "incident": f"INSERT INTO incidents (id, {INCIDENT_COLUMNS}) VALUES (?, {_INCIDENT_PLACES})",
    "incident_change": f"UPDATE incidents SET {_INCIDENT_SETS} WHERE id = ?",
    "arrival": "INSERT INTO arrivals (id, transport, envelope_from, recipients, peer, authenticated_as, "
    "received_at, key, "
    "blob_id, leased_by, leased_until, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {lease}, 0)",
    "arrival_copy": "INSERT INTO arrivals (id, transport, envelope_from, recipients, peer, "
    "authenticated_as, received_at, "
    "key, blob_id, attempts, done_at, incident_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
    "arrival_done": "UPDATE arrivals SET done_at = ?, incident_id = ?, leased_by = NULL, leased_until = "
    "NULL WHERE id = ?",
    "message": "INSERT INTO messages (id, incident_id, at, direction, channel, audience, sender, "
    "sender_name, recipients, "
    "subject, text, reply_text, message_id, blob_id, owed_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "reread_message": "UPDATE messages SET subject = ?, text = ?, reply_text = ? WHERE id = ?",
    "reread_attachments": "DELETE FROM attachments WHERE message_id = ?",
    "attachment": "INSERT INTO attachments (message_id, name, type, size, first_byte, last_byte, encoding, inline, "
    "content_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "participant": "INSERT INTO participants (incident_id, person_id, address, name, role) VALUES (?, ?, ?, ?, ?)",
    "assignment_end": "UPDATE assignments SET until = ? WHERE id = ?",
    "assignment": "INSERT INTO assignments (id, incident_id, queue, consultant_id, since, until) VALUES "
    "(?, ?, ?, ?, ?, ?)",
    "promise_change": "UPDATE promises SET kept_at = ?, broken_at = ?, cancelled_at = ?, replaced_by = ? WHERE id = ?",
    "promise": "INSERT INTO promises (kept_at, broken_at, cancelled_at, replaced_by, id, incident_id, "
    "kind, made_at, due, "
    "regraded, told_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "pause_change": "UPDATE pauses SET until = ? WHERE id = ?",
    "pause": "INSERT INTO pauses (until, id, incident_id, since, why) VALUES (?, ?, ?, ?, ?)",
    "event": 'INSERT INTO events (incident_id, version, n, kind, at, "by", text, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    "owed": f"INSERT INTO owed ({_OWED_COLUMNS}) VALUES ({_OWED_PLACES}, ?, {{lease}})",
    "owed_later": f"INSERT INTO owed ({_OWED_COLUMNS}) VALUES ({_OWED_PLACES}, NULL, NULL)",
    "owed_sent": "UPDATE owed SET status = 'sent', attempts = ?, sent_at = ?, last_reply = ?, data_sent = TRUE, "
    "leased_by = NULL, leased_until = NULL WHERE id = ?",
    "owed_retry": "UPDATE owed SET attempts = ?, not_before = ?, last_reply = ?, data_sent = ?, leased_by = NULL, "
    "leased_until = NULL WHERE id = ?",
    "owed_ended": "UPDATE owed SET status = ?, attempts = ?, last_reply = ?, leased_by = NULL, leased_until = NULL "
    "WHERE id = ?",
    "owed_came_back": "UPDATE owed SET status = 'bounced' WHERE id = ? AND incident_id = ? AND status = 'sent'",
    "owed_came_back_by_message_id": "UPDATE owed SET status = 'bounced' WHERE incident_id = ? AND message_id = ? "
    "AND status = 'sent'",
    "owed_superseded": "UPDATE owed SET status = 'merged' WHERE id = ? AND status IN ('queued', 'delayed') "
    "AND leased_by IS NULL",
    "owed_retold": "UPDATE owed SET facts = ? WHERE id = ?",
    "caps_forgotten": "DELETE FROM caps WHERE window_start < ? AND id IN (SELECT id FROM caps ORDER BY id LIMIT 5000)",
    "promise_told": "UPDATE promises SET told_at = ? WHERE id = ? AND told_at IS NULL",
    "held": "INSERT INTO held (id, at, reason, kind, sender, recipients, subject, message_id, "
    "explanation, incident_id, "
    "arrival_id, blob_id, owed_id, tell_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "held_decided": "UPDATE held SET verdict = ?, decided_by = ?, decided_at = ? WHERE id = ?",
    "held_went_on": f"UPDATE held SET incident_id = ? WHERE arrival_id = ? AND verdict = '{Verdict.RELEASED}'",
    "held_told": "UPDATE held SET told_at = ? WHERE id = ?",
    "arrival_again": "UPDATE arrivals SET done_at = NULL, incident_id = NULL, attempts = 0, leased_by = NULL, "
    "leased_until = NULL WHERE id = ?",
    "owed_again": "UPDATE owed SET status = 'queued', attempts = 1, not_before = ?, leased_by = NULL, "
    "leased_until = NULL WHERE id = ? AND status IN ('refused', 'given_up', 'held')",
    "owed_dropped": "UPDATE owed SET status = 'cancelled' WHERE id = ? AND status = 'held'",
    "key_stands_for": "UPDATE keys SET ref = ? WHERE key = ?",
    "consultant": "INSERT INTO consultants (key, email, name, queue, role, position) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET email = excluded.email, name = excluded.name, queue = excluded.queue, "
    "role = excluded.role, position = excluded.position, left_at = NULL",
    "consultant_left": "UPDATE consultants SET left_at = ? WHERE key = ? AND left_at IS NULL",
    **forget.STATEMENTS,
}
"""Every statement that writes, in the order in which a batch writes: parents before children, ends "
    "before beginnings."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one winner writes, and what must hold for it to win: versions, an arrival not done, an owed row still
    waiting, a key that is new, places that are to be had. `ref` is what the key stands for; `is_left` tells that its
    writer carries no further what it writes: other nodes are told of it. `size` is of a raw mail among the rows."""

    rows: tuple[Written, ...]
    versions: tuple[tuple[int, int], ...] = ()
    arrival: int | None = None
    owed: int | None = None
    key: str | None = None
    ref: int = 0
    places: tuple[Place, ...] = ()
    is_left: bool = False
    size: int = 0


to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Returns the JSON text that lists and facts are kept as; one encoder for all (`json.dumps` makes one a call)."""


def change_of(decision: Decision, node: str | None, now: datetime) -> Change:
    """Return what a decision writes. `node` is who its owed rows are born leased to; None leaves them to any node."""
    first = decision.incidents[0].after.id if decision.incidents else _same_incident(decision)
    versions = {change.after.id: change.after.version for change in decision.incidents}
    rows: list[Written] = []
    for row in decision.rows:
        rows.extend(_row(row))
    for change in decision.incidents:
        rows.extend(_incident(change.before, change.after))
    rows.extend(_events(decision.events, versions))
    rows.extend(_owed(owed, node, now) for owed in decision.owed)
    if decision.done is not None:
        rows.append(("arrival_done", (utc(now), first, decision.done)))
    return Change(
        rows=tuple(rows),
        versions=tuple((c.before.id, c.before.version) for c in decision.incidents if c.before is not None),
        arrival=decision.done,
        owed=next((row.owed for row in decision.rows if isinstance(row, DeliveryEnded | Retold)), None),
        key=decision.key.hex() if decision.key is not None else None,
        ref=first or 0,
        is_left=node is None and bool(decision.owed),
    )


def _same_incident(decision: Decision) -> int | None:
    return next((row.incident for row in decision.rows if isinstance(row, SameMail)), None)


def _incident(before: Incident | None, after: Incident) -> Iterator[Written]:
    values = _incident_values(after)
    if before is None:
        yield "incident", (after.id, *values)
    else:
        yield "incident_change", (*values, after.id)
    yield from _participants(after.id, _added(before.participants if before else (), after.participants))
    yield from _assignments(after.id, before.assignments if before else (), after.assignments)
    yield from _promises(after.id, before.promises if before else (), after.promises)
    yield from _pauses(after.id, before.pauses if before else (), after.pauses)


def _incident_values(incident: Incident) -> Parameters:
    return (
        incident.version,
        incident.channel,
        incident.status,
        incident.severity.value,
        to_json(incident.severity_reasons),
        incident.type,
        incident.queue,
        incident.queue_reason,
        incident.thread_reason,
        incident.language,
        incident.requester,
        incident.requester_name,
        incident.requester_email[:ADDRESS_MAX],
        incident.requester_phone,
        incident.subject,
        utc(incident.created_at),
        utc(incident.wake_at),
        utc(incident.first_response_at),
        utc(incident.resolved_at),
        utc(incident.told_at),
        utc(incident.closed_at),
        incident.closed_by,
        incident.cause,
        incident.solution,
        to_json(incident.mentions),
    )


def _added(before: Iterable[Participant], after: Iterable[Participant]) -> list[Participant]:
    known = {participant.person for participant in before}
    return [participant for participant in after if participant.person not in known]


def _participants(incident: int, added: Iterable[Participant]) -> Iterator[Written]:
    for one in added:
        yield "participant", (incident, one.person, one.address[:ADDRESS_MAX], one.name, one.role)


def _assignments(incident: int, before: tuple[Assignment, ...], after: tuple[Assignment, ...]) -> Iterator[Written]:
    known = {assignment.id: assignment for assignment in before}
    for one in after:
        if one.id not in known:
            yield "assignment", (one.id, incident, one.queue, one.consultant, utc(one.since), utc(one.until))
        elif one != known[one.id]:
            yield "assignment_end", (utc(one.until), one.id)


def _promises(incident: int, before: tuple[Promise, ...], after: tuple[Promise, ...]) -> Iterator[Written]:
    known = {promise.id: promise for promise in before}
    for one in after:
        states = (utc(one.kept_at), utc(one.broken_at), utc(one.cancelled_at), one.replaced_by)
        if one.id not in known:
            made = (one.id, incident, one.kind, utc(one.made_at), utc(one.due), one.regraded, utc(one.told_at))
            yield "promise", (*states, *made)
        elif one != known[one.id]:
            yield "promise_change", (*states, one.id)
            if one.told_at is not None:
                yield "promise_told", (utc(one.told_at), one.id)


def _pauses(incident: int, before: tuple[Pause, ...], after: tuple[Pause, ...]) -> Iterator[Written]:
    known = {pause.id: pause for pause in before}
    for one in after:
        if one.id not in known:
            yield "pause", (utc(one.until), one.id, incident, utc(one.since), one.why)
        elif one != known[one.id]:
            yield "pause_change", (utc(one.until), one.id)


def _events(events: Iterable[Event], versions: dict[int, int]) -> Iterator[Written]:
    for n, event in enumerate(events):
        parameters = (event.incident, versions[event.incident], n, event.kind, utc(event.at), event.by, event.text)
        yield "event", (*parameters, event.why)


def _owed(owed: Owed, node: str | None, now: datetime) -> Written:
    not_before = owed.not_before or owed.due_at
    common = (
        owed.id,
        owed.incident,
        owed.kind,
        owed.channel,
        owed.to[:ADDRESS_MAX],
        owed.language,
        owed.audience,
        to_json(owed.facts),
        owed.shape,
        utc(now),
        utc(owed.due_at),
        utc(not_before),
        owed.message_id,
        owed.in_reply_to[:MESSAGE_ID_MAX],
        to_json(owed.references),
        owed.reply_to,
        owed.envelope_from,
    )
    return ("owed", (*common, node)) if node is not None and not_before <= now else ("owed_later", common)


def _row(row: Row) -> Iterator[Written]:
    match row:
        case StoredMessage():
            yield from message_rows(row)
        case MessageView():
            yield from _reread(row)
        case NewPerson():
            yield "person", (row.id, row.name, utc(row.at))
            point = (row.id, row.channel, row.address[:ADDRESS_MAX], row.learned_from, utc(row.at))
            yield "contact_point", point
        case HeldItem():
            yield from held_rows(row)
        case CameBack():
            yield from _came_back(row)
        case DeliveryEnded() | Superseded() | Retold():
            yield _of_owed(row)
        case ForgottenWords():
            yield from forget.words(row)
        case ForgottenPerson():
            yield from forget.person(row)
        case HeldDecided() | WentOn() | HeldTold():
            yield from _of_held_room(row)
        case SameMail():
            return  # its arrival's end says it all
        case _:
            assert_never(row)


def _of_owed(row: DeliveryEnded | Superseded | Retold) -> Written:
    if isinstance(row, DeliveryEnded):
        return "owed_ended", (row.status, row.attempts, row.reply, row.owed)
    if isinstance(row, Superseded):
        return "owed_superseded", (row.owed,)
    return "owed_retold", (to_json(row.facts), row.owed)


def _reread(row: MessageView) -> Iterator[Written]:
    yield "reread_message", (row.subject, row.text, row.reply_text, row.message)
    yield "reread_attachments", (row.message,)
    yield from _attachments(row.message, row.attachments)


def _came_back(row: CameBack) -> Iterator[Written]:
    if row.owed is not None:
        yield "owed_came_back", (row.owed, row.incident)
        return
    for message_id in row.message_ids[:RETURNED_MAX]:
        yield "owed_came_back_by_message_id", (row.incident, message_id)


def message_rows(message: StoredMessage, owed: int | None = None) -> Iterator[Written]:
    """Yield the rows of a message. `owed` is the owed row it went out for."""
    yield (
        "message",
        (
            message.id,
            message.incident,
            utc(message.at),
            message.direction,
            message.channel,
            message.audience,
            message.sender[:ADDRESS_MAX],
            message.sender_name,
            to_json(message.to),
            message.subject,
            message.text,
            "" if message.direction is Direction.OUT else message.reply_text,  # all of ours is new: it is kept once
            message.message_id[:MESSAGE_ID_MAX],
            message.blob,
            owed,
        ),
    )
    yield from _attachments(message.id, message.attachments)


def _attachments(message: int, attachments: Iterable[Attachment]) -> Iterator[Written]:
    for part in attachments:
        span = (part.size, part.start, part.end, part.encoding[:32])
        yield "attachment", (message, part.name, part.type, *span, part.inline, part.content_id)


def held_rows(item: HeldItem) -> Iterator[Written]:
    """Yield the row of a held item."""
    values: Parameters = (
        item.id,
        utc(item.at),
        item.reason,
        item.kind,
        item.sender[:ADDRESS_MAX],
        to_json(item.to),
        item.subject,
        item.message_id[:MESSAGE_ID_MAX],
        item.explanation,
        item.incident,
        item.arrival,
        item.blob,
        item.owed,
        utc(item.tell_at),
    )
    yield "held", values


def _of_held_room(row: HeldDecided | WentOn | HeldTold) -> Iterator[Written]:
    if isinstance(row, HeldDecided):
        yield from _decided(row)
    elif isinstance(row, WentOn):
        yield "held_went_on", (row.incident, row.arrival)
        yield "key_stands_for", (row.incident, row.key.hex())
    else:
        yield from (("held_told", (utc(row.at), item)) for item in row.items)


def _decided(row: HeldDecided) -> Iterator[Written]:
    yield "held_decided", (row.verdict, row.by[:ADDRESS_MAX], utc(row.at), row.item)
    if row.verdict is Verdict.DISCARDED:
        if row.owed is not None:
            yield "owed_dropped", (row.owed,)
    elif row.owed is not None:
        yield "owed_again", (utc(row.at), row.owed)
    elif row.arrival is not None:
        yield "arrival_again", (row.arrival,)


def arrival_rows(
    arrival: Arrival, key: str, sha256: str, node: str | None, expires_at: datetime | None
) -> tuple[Written, ...]:
    """Return the rows of a mail first seen: its bytes, and the arrival leased to the node that took it.

    `node` None: no node took it, and the first that looks has it.
    """
    at = utc(arrival.received_at)
    blob = (arrival.blob, sha256, "mail", len(arrival.raw), at, utc(expires_at), arrival.raw)
    return ("blob", blob), ("arrival", (*_arrival_values(arrival, key), node))


def copy_rows(arrival: Arrival, key: str, incident: int | None) -> tuple[Written, ...]:
    """Return the row of a further copy: its recipients and transport, born done, with the blob of the first."""
    return (("arrival_copy", (*_arrival_values(arrival, key), utc(arrival.received_at), incident)),)


def _arrival_values(arrival: Arrival, key: str) -> Parameters:
    return (
        arrival.id,
        arrival.transport,
        arrival.envelope_from,
        to_json(arrival.recipients),
        arrival.peer,
        arrival.authenticated_as,
        utc(arrival.received_at),
        key,
        arrival.blob,
    )

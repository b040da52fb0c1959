"""What an erasure writes: words, names and addresses go, ids, times, states and digests stay.

Promises: raw mails lose their bytes and keep their digest, so that a copy that comes later is still known; what waits
to be sent to the person is cancelled. Never: deletes a row that another points to.
"""

from collections.abc import Iterator
from typing import Any

from desk.base.names import BY_MACHINE, Audience, Direction, EventKind, OwedStatus, Verdict
from desk.ledger.statements import utc
from desk.rules.decision import ForgottenPerson, ForgottenWords
from desk.rules.erasing import WORDLESS
from desk.rules.numbers import number_of


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_WAITING = _listed((OwedStatus.QUEUED, OwedStatus.DELAYED))
_NO_BYTES = "UPDATE blobs SET data = NULL, expires_at = NULL WHERE id IN"
_NO_ENVELOPE = "UPDATE arrivals SET envelope_from = '', recipients = '[]', peer = '', authenticated_as = '' WHERE"
_NO_WORDS = (
    "UPDATE messages SET sender = '', sender_name = '', recipients = '[]', subject = '', text = '', reply_text = '', "
    f"message_id = CASE WHEN direction = '{Direction.IN}' THEN '' ELSE message_id END WHERE incident_id = ?"
)
_NO_FACTS = (
    f"UPDATE owed SET address = CASE WHEN audience = '{Audience.USER}' THEN '' ELSE address END, facts = '{{}}', "
    "in_reply_to = '', \"references\" = '[]', last_reply = '', leased_by = NULL, leased_until = NULL, "
    f"status = CASE WHEN status IN ({_WAITING}) THEN '{OwedStatus.CANCELLED}' ELSE status END WHERE"
)
_NO_HELD = (
    "UPDATE held SET sender = '', recipients = '[]', subject = '', message_id = '', explanation = '', "
    f"decided_at = COALESCE(decided_at, ?), verdict = COALESCE(verdict, '{Verdict.ERASED}'), "
    f"decided_by = COALESCE(decided_by, '{BY_MACHINE}') WHERE"
)
_TIED = (EventKind.ADDED, EventKind.FLAGGED, EventKind.NOTED)
"""Events whose reason is how the mail was tied to the incident: no word of anybody."""

STATEMENTS: dict[str, str] = {
    "forget_blobs": f"{_NO_BYTES} (SELECT blob_id FROM messages WHERE incident_id = ? AND blob_id IS NOT NULL "
    "UNION SELECT blob_id FROM arrivals WHERE incident_id = ? "
    "UNION SELECT blob_id FROM held WHERE incident_id = ? AND blob_id IS NOT NULL "
    "UNION SELECT recording_id FROM calls WHERE incident_id = ? AND recording_id IS NOT NULL)",
    "forget_blobs_of": f"{_NO_BYTES} (SELECT blob_id FROM held WHERE lower(sender) = ? AND blob_id IS NOT NULL "
    "UNION SELECT blob_id FROM arrivals WHERE lower(envelope_from) = ? AND done_at IS NOT NULL "
    "UNION SELECT recording_id FROM calls WHERE (caller = ? OR callee = ?) AND recording_id IS NOT NULL)",
    "forget_attachments": "DELETE FROM attachments WHERE message_id IN (SELECT id FROM messages WHERE incident_id = ?)",
    "forget_attachments_of": "DELETE FROM attachments WHERE message_id IN "
    "(SELECT id FROM messages WHERE incident_id = ? AND lower(sender) = ?)",
    "forget_turns": "UPDATE turns SET input = '', answer = '' WHERE call_id IN "
    "(SELECT id FROM calls WHERE incident_id = ?)",
    "forget_turns_of": "UPDATE turns SET input = '', answer = '' WHERE call_id IN "
    "(SELECT id FROM calls WHERE caller = ? OR callee = ?)",
    "forget_calls": "UPDATE calls SET caller = '', callee = '', facts = '{}' WHERE incident_id = ?",
    "forget_calls_of": "UPDATE calls SET caller = '', callee = '', facts = '{}' WHERE caller = ? OR callee = ?",
    "forget_arrivals": f"{_NO_ENVELOPE} incident_id = ? OR key IN (SELECT key FROM arrivals WHERE incident_id = ?)",
    "forget_arrivals_of": f"{_NO_ENVELOPE} done_at IS NOT NULL AND (lower(envelope_from) = ? "
    "OR id IN (SELECT arrival_id FROM held WHERE lower(sender) = ?))",
    "forget_messages": _NO_WORDS,
    "forget_said": f"{_NO_WORDS} AND (lower(sender) = ? OR direction = '{Direction.OUT}' AND lower(recipients) LIKE ?)",
    "forget_quotes": f"UPDATE messages SET text = reply_text WHERE incident_id = ? AND direction = '{Direction.IN}'",
    "forget_notices": "UPDATE messages SET text = '', reply_text = '' WHERE incident_id = ? "
    f"AND direction = '{Direction.OUT}' AND audience = '{Audience.INTERNAL}'",
    "forget_held": f"{_NO_HELD} incident_id = ?",
    "forget_held_of": f"{_NO_HELD} lower(sender) = ?",
    "forget_owed": f"{_NO_FACTS} incident_id = ?",
    "forget_owed_to": f"{_NO_FACTS} lower(address) = ?",
    "forget_owed_facts": f"UPDATE owed SET facts = '{{}}' WHERE incident_id = ? AND status NOT IN ({_WAITING})",
    "forget_loose": f"{_NO_FACTS} incident_id IS NULL AND lower(facts) LIKE ?",
    "forget_events": f"UPDATE events SET text = '', why = CASE WHEN kind IN ({_listed(_TIED)}) THEN why ELSE '' END, "
    f"\"by\" = CASE WHEN kind = '{EventKind.AUTOMATIC}' THEN '{BY_MACHINE}' ELSE \"by\" END "
    f"WHERE incident_id = ? AND kind NOT IN ({_listed(WORDLESS)})",
    "forget_events_naming": "UPDATE events SET text = '', why = '' WHERE incident_id = ? AND lower(text) LIKE ?",
    "forget_participants": "DELETE FROM participants WHERE incident_id = ?",
    "forget_participant": "DELETE FROM participants WHERE person_id = ?",
    "forget_caps": "DELETE FROM caps WHERE lower(subject) = ?",
    "forget_points": "DELETE FROM contact_points WHERE person_id = ?",
    "forget_name": "UPDATE people SET name = '', language = '' WHERE id = ?",
}
"""In the order in which a batch writes: what is found by other rows before those lose what finds it."""

_OF_AN_INCIDENT = {
    "forget_blobs": 4, "forget_attachments": 1, "forget_turns": 1, "forget_calls": 1, "forget_arrivals": 2,
    "forget_messages": 1, "forget_owed": 1, "forget_events": 1, "forget_participants": 1,
}  # fmt: skip
"""Statements that empty a person's own incident, and how often each names it."""

Written = tuple[str, tuple[Any, ...]]


def words(row: ForgottenWords) -> Iterator[Written]:
    """Yield what an incident loses."""
    one = row.incident
    if row.is_own:
        yield from ((name, (one,) * count) for name, count in _OF_AN_INCIDENT.items())
        yield "forget_held", (utc(row.at), one)
        yield "forget_loose", (_holding(number_of(one)),)
        return
    yield "forget_blobs", (one,) * 4
    yield "forget_quotes", (one,)
    yield "forget_notices", (one,)
    yield "forget_owed_facts", (one,)
    for address in row.addresses:
        yield "forget_attachments_of", (one, address)
        yield "forget_said", (one, address, _holding(address))
        yield "forget_events_naming", (one, _holding(address))


def person(row: ForgottenPerson) -> Iterator[Written]:
    """Yield what is lost of a person outside their incidents."""
    for address in row.addresses:
        yield "forget_blobs_of", (address,) * 4
        yield "forget_turns_of", (address,) * 2
        yield "forget_calls_of", (address,) * 2
        yield "forget_arrivals_of", (address, address)
        yield "forget_held_of", (utc(row.at), address)
        yield "forget_owed_to", (address,)
        yield "forget_loose", (_holding(address),)
        yield "forget_caps", (address,)
    for one in row.people:
        yield "forget_participant", (one,)
        yield "forget_points", (one,)
        yield "forget_name", (one,)


def _holding(words: str) -> str:
    """Return the pattern of a text that holds these words; what LIKE takes for any letter may find more, never less."""
    return f"%{words.lower()}%"

"""The tables of the ledger, declared once (DESIGN 4). Migrations are made from these and only ever add.

Lists and facts are JSON text, the same bytes on both engines. Instants are UTC. No relation cascades: a table that
SQLite rebuilds would take its children with it, so `RESTRICT` turns that loss into an error. Partial unique indexes
stand in the migrations, because Tortoise loses them inside CreateModel.
"""

from typing import Any

from tortoise import fields
from tortoise.fields import RESTRICT
from tortoise.indexes import Index
from tortoise.models import Model


def _parent(model: str, related_name: str, *, null: bool = False) -> Any:
    options: Any = {"related_name": related_name, "on_delete": RESTRICT, "null": null}
    return fields.ForeignKeyField(f"desk.{model}", **options)


class Key(Model):
    """A claim that must be new once: arrival keys, message keys, call and turn, once-only things."""

    id = fields.BigIntField(primary_key=True)
    key = fields.CharField(max_length=80, unique=True)
    ref = fields.BigIntField(default=0)
    made_at = fields.DatetimeField()

    class Meta:
        table = "keys"


class Blob(Model):
    """Bytes kept whole: raw mails, recordings. `expires_at` is when retention ends."""

    id = fields.BigIntField(primary_key=True)
    sha256 = fields.CharField(max_length=64)
    store = fields.CharField(max_length=8)
    kind = fields.CharField(max_length=16)
    size = fields.BigIntField()
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True, db_index=True)
    data = fields.BinaryField(null=True)

    class Meta:
        table = "blobs"


class Person(Model):
    """Somebody who wrote or called."""

    id = fields.BigIntField(primary_key=True)
    name = fields.TextField(default="")
    language = fields.CharField(max_length=8, default="")
    created_at = fields.DatetimeField()

    class Meta:
        table = "people"


class ContactPoint(Model):
    """An address or number of a person, and where it was learned from."""

    id = fields.BigIntField(primary_key=True)
    person = _parent("Person", "contact_points")
    channel = fields.CharField(max_length=16)
    address = fields.CharField(max_length=320)
    verified_at = fields.DatetimeField(null=True)
    learned_from = fields.CharField(max_length=32)
    created_at = fields.DatetimeField()

    class Meta:
        table = "contact_points"
        unique_together = (("channel", "address"),)


class ConsultantRow(Model):
    """Somebody of the roster, past or present. `key` stays when the address changes."""

    id = fields.BigIntField(primary_key=True)
    key = fields.CharField(max_length=320, unique=True)
    email = fields.CharField(max_length=320)
    name = fields.TextField()
    queue = fields.CharField(max_length=16)
    role = fields.CharField(max_length=16)
    position = fields.IntField()
    left_at = fields.DatetimeField(null=True)
    absent_until = fields.DatetimeField(null=True)

    class Meta:
        table = "consultants"


class IncidentRow(Model):
    """One case of support. `version` grows with every act; `wake_at` is its earliest due thing."""

    id = fields.BigIntField(primary_key=True)
    version = fields.IntField()
    channel = fields.CharField(max_length=16)
    status = fields.CharField(max_length=16)
    severity = fields.SmallIntField()
    severity_reasons = fields.TextField()
    type = fields.CharField(max_length=64)
    queue = fields.CharField(max_length=16)
    queue_reason = fields.TextField()
    thread_reason = fields.TextField()
    language = fields.CharField(max_length=8)
    requester = _parent("Person", "incidents", null=True)
    requester_name = fields.TextField()
    requester_email = fields.CharField(max_length=320)
    requester_phone = fields.CharField(max_length=32)
    subject = fields.TextField()
    created_at = fields.DatetimeField()
    wake_at = fields.DatetimeField(null=True)
    first_response_at = fields.DatetimeField(null=True)
    resolved_at = fields.DatetimeField(null=True)
    told_at = fields.DatetimeField(null=True)
    closed_at = fields.DatetimeField(null=True)
    closed_by = fields.CharField(max_length=16, null=True)
    cause = fields.TextField()
    solution = fields.TextField()
    mentions = fields.TextField()

    class Meta:
        table = "incidents"


class ArrivalRow(Model):
    """A stored raw mail: born leased to the node that took it, done when its act is committed.

    A second copy of a mail is a row of its own, born done, that points at the blob of the first.
    """

    id = fields.BigIntField(primary_key=True)
    transport = fields.CharField(max_length=8)
    envelope_from = fields.TextField()
    recipients = fields.TextField()
    peer = fields.TextField()
    authenticated_as = fields.TextField(default="")
    received_at = fields.DatetimeField()
    key = fields.CharField(max_length=80, db_index=True)
    blob = _parent("Blob", "arrivals")
    leased_by = fields.CharField(max_length=32, null=True)
    leased_until = fields.DatetimeField(null=True)
    attempts = fields.IntField(default=0)
    done_at = fields.DatetimeField(null=True)
    incident_id = fields.BigIntField(null=True)

    class Meta:
        table = "arrivals"


class MessageRow(Model):
    """A message of an incident's conversation, in or out."""

    id = fields.BigIntField(primary_key=True)
    incident = _parent("IncidentRow", "messages")
    at = fields.DatetimeField()
    direction = fields.CharField(max_length=4)
    channel = fields.CharField(max_length=16)
    audience = fields.CharField(max_length=16)
    sender = fields.CharField(max_length=320)
    sender_name = fields.TextField()
    recipients = fields.TextField()
    subject = fields.TextField()
    text = fields.TextField()
    reply_text = fields.TextField()
    message_id = fields.CharField(max_length=998, db_index=True)
    blob = _parent("Blob", "messages", null=True)
    owed_id = fields.BigIntField(null=True, unique=True)

    class Meta:
        table = "messages"
        indexes = (Index(fields=("incident_id",)),)


class AttachmentRow(Model):
    """An attachment: the span of its encoded part in the raw blob, or a blob of its own."""

    id = fields.BigIntField(primary_key=True)
    message = _parent("MessageRow", "attachments")
    name = fields.TextField()
    type = fields.TextField()
    size = fields.BigIntField()
    first_byte = fields.BigIntField()
    last_byte = fields.BigIntField()
    encoding = fields.CharField(max_length=32)
    inline = fields.BooleanField()
    content_id = fields.TextField()
    blob = _parent("Blob", "attachments", null=True)

    class Meta:
        table = "attachments"
        indexes = (Index(fields=("message_id",)),)


class ParticipantRow(Model):
    """Who may join an incident, and as what."""

    id = fields.BigIntField(primary_key=True)
    incident = _parent("IncidentRow", "participants")
    person = _parent("Person", "participations")
    address = fields.CharField(max_length=320)
    name = fields.TextField()
    role = fields.CharField(max_length=16)

    class Meta:
        table = "participants"
        unique_together = (("incident", "person"),)


class AssignmentRow(Model):
    """Who has an incident for a queue; one live per queue."""

    id = fields.BigIntField(primary_key=True)
    incident = _parent("IncidentRow", "assignments")
    queue = fields.CharField(max_length=16)
    consultant = _parent("ConsultantRow", "assignments")
    since = fields.DatetimeField()
    until = fields.DatetimeField(null=True)

    class Meta:
        table = "assignments"
        indexes = (Index(fields=("incident_id",)),)


class PromiseRow(Model):
    """A time told. Its status is computed, never stored; one stands per incident and kind."""

    id = fields.BigIntField(primary_key=True)
    incident = _parent("IncidentRow", "promises")
    kind = fields.CharField(max_length=16)
    made_at = fields.DatetimeField()
    due = fields.DatetimeField()
    told_at = fields.DatetimeField(null=True)
    kept_at = fields.DatetimeField(null=True)
    broken_at = fields.DatetimeField(null=True)
    cancelled_at = fields.DatetimeField(null=True)
    replaced_by = fields.BigIntField(null=True)
    regraded = fields.BooleanField()

    class Meta:
        table = "promises"
        indexes = (Index(fields=("incident_id",)),)


class PauseRow(Model):
    """A stretch in which the resolution clock stood still."""

    id = fields.BigIntField(primary_key=True)
    incident = _parent("IncidentRow", "pauses")
    since = fields.DatetimeField()
    until = fields.DatetimeField(null=True)
    why = fields.TextField()

    class Meta:
        table = "pauses"
        indexes = (Index(fields=("incident_id",)),)


class EventRow(Model):
    """A fact on the timeline: the n-th of the act that made the incident this version."""

    id = fields.BigIntField(primary_key=True)
    incident = _parent("IncidentRow", "events")
    version = fields.IntField()
    n = fields.IntField()
    kind = fields.CharField(max_length=32)
    at = fields.DatetimeField()
    by = fields.CharField(max_length=320)
    text = fields.TextField()
    why = fields.TextField()

    class Meta:
        table = "events"
        unique_together = (("incident", "version", "n"),)


class OwedRow(Model):
    """Something owed to somebody, with the facts it tells frozen; claimed by lease, ended by a result."""

    id = fields.BigIntField(primary_key=True)
    incident = _parent("IncidentRow", "owed", null=True)
    kind = fields.CharField(max_length=32)
    channel = fields.CharField(max_length=16)
    address = fields.CharField(max_length=320)
    language = fields.CharField(max_length=8)
    audience = fields.CharField(max_length=16)
    facts = fields.TextField()
    shape = fields.SmallIntField()
    created_at = fields.DatetimeField()
    due_at = fields.DatetimeField()
    not_before = fields.DatetimeField()
    status = fields.CharField(max_length=16)
    attempts = fields.IntField(default=0)
    leased_by = fields.CharField(max_length=32, null=True)
    leased_until = fields.DatetimeField(null=True)
    message_id = fields.CharField(max_length=255)
    in_reply_to = fields.TextField()
    references = fields.TextField()
    reply_to = fields.CharField(max_length=320)
    envelope_from = fields.CharField(max_length=320)
    data_sent = fields.BooleanField(default=False)
    sent_at = fields.DatetimeField(null=True)
    last_reply = fields.TextField(default="")
    content = _parent("Blob", "owed", null=True)

    class Meta:
        table = "owed"
        indexes = (Index(fields=("incident_id",)),)


class CallRow(Model):
    """A call: the step it stands at, and how it ended."""

    id = fields.BigIntField(primary_key=True)
    version = fields.IntField()
    sid = fields.CharField(max_length=64, unique=True)
    incident = _parent("IncidentRow", "calls", null=True)
    direction = fields.CharField(max_length=4)
    caller = fields.CharField(max_length=64, db_index=True)
    callee = fields.CharField(max_length=64)
    purpose = fields.CharField(max_length=16)
    outcome = fields.CharField(max_length=16, null=True)
    step = fields.CharField(max_length=32)
    turn = fields.IntField(default=0)
    facts = fields.TextField()
    bridged_to = fields.CharField(max_length=320, null=True)
    seconds = fields.IntField(null=True)
    recording = _parent("Blob", "calls", null=True)
    started_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    wake_at = fields.DatetimeField(null=True, db_index=True)

    class Meta:
        table = "calls"
        indexes = (Index(fields=("incident_id",)),)


class TurnRow(Model):
    """One turn of a call: the input that won it, and the answer that is given to every repetition."""

    id = fields.BigIntField(primary_key=True)
    call = _parent("CallRow", "turns")
    turn = fields.IntField()
    input = fields.TextField()
    answer = fields.TextField()
    at = fields.DatetimeField()

    class Meta:
        table = "turns"
        unique_together = (("call", "turn"),)


class HeldRow(Model):
    """Something kept for a person to decide. `tell_at` is when the managers must hear of it."""

    id = fields.BigIntField(primary_key=True)
    at = fields.DatetimeField(db_index=True)
    reason = fields.CharField(max_length=32)
    kind = fields.CharField(max_length=32)
    sender = fields.CharField(max_length=320)
    recipients = fields.TextField()
    subject = fields.TextField()
    message_id = fields.CharField(max_length=998)
    explanation = fields.TextField()
    incident = _parent("IncidentRow", "held", null=True)
    arrival = _parent("ArrivalRow", "held", null=True)
    blob = _parent("Blob", "held", null=True)
    owed = _parent("OwedRow", "held", null=True)
    tell_at = fields.DatetimeField(null=True, db_index=True)
    told_at = fields.DatetimeField(null=True)
    decided_at = fields.DatetimeField(null=True)
    decided_by = fields.CharField(max_length=320, null=True)
    verdict = fields.CharField(max_length=16, null=True)

    class Meta:
        table = "held"


class MailboxRow(Model):
    """Where intake stands in a mailbox, and which node reads it."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=320, unique=True)
    position = fields.TextField()
    first_contact_at = fields.DatetimeField(null=True)
    last_success_at = fields.DatetimeField(null=True)
    tell_at = fields.DatetimeField(null=True)
    leased_by = fields.CharField(max_length=32, null=True)
    leased_until = fields.DatetimeField(null=True)

    class Meta:
        table = "mailboxes"


class TokenRow(Model):
    """An OAuth token, encrypted."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=64, unique=True)
    ciphertext = fields.TextField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "tokens"


class CapRow(Model):
    """How many answers went to whom in a window."""

    id = fields.BigIntField(primary_key=True)
    scope = fields.CharField(max_length=16)
    subject = fields.CharField(max_length=320)
    window_start = fields.DatetimeField()
    count = fields.IntField()

    class Meta:
        table = "caps"
        unique_together = (("scope", "subject", "window_start"),)


class IdRow(Model):
    """The next id of a table, from which nodes lease blocks."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=32, unique=True)
    next_id = fields.BigIntField()

    class Meta:
        table = "ids"

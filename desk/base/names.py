"""The closed sets of words the house uses (CONTRACT 3). Values are what is stored, exported and documented."""

from enum import Enum, StrEnum


class Severity(Enum):
    """How grave an incident is (process section 4). OUTAGE is the gravest although its number is the highest."""

    QUESTION = 1
    DEGRADED = 2
    OUTAGE = 3


class Channel(StrEnum):
    EMAIL = "email"
    PHONE = "phone"


class Queue(StrEnum):
    """Where the work is: service desk, operations, development (process section 5)."""

    DESK = "desk"
    OPERATIONS = "operations"
    DEVELOPMENT = "development"


class Role(StrEnum):
    CONSULTANT = "consultant"
    MANAGER = "manager"


class NodeRole(StrEnum):
    """What a node carries out beside what falls due (CONTRACT 1, `run --roles`): takes mail and calls in, sends what is
    owed, shows pages."""

    INTAKE = "intake"
    RESPONDERS = "responders"
    BOARD = "board"


EVERY_ROLE = frozenset(NodeRole)


class Status(StrEnum):
    """States of an incident (DESIGN 3)."""

    OPEN = "open"
    WAITING = "waiting"
    RESOLVED = "resolved"
    TOLD = "told"
    CLOSED = "closed"


class ClosedBy(StrEnum):
    USER = "user"
    SILENCE = "silence"
    DESK = "desk"
    MERGED = "merged"


class PromiseKind(StrEnum):
    FIRST_ATTENTION = "first_attention"
    RESOLUTION = "resolution"


class PromiseStatus(StrEnum):
    """Computed from made, due, kept, pauses and successor; never stored."""

    RUNNING = "running"
    PAUSED = "paused"
    KEPT = "kept"
    BROKEN = "broken"
    REVISED = "revised"
    CANCELLED = "cancelled"


class Direction(StrEnum):
    IN = "in"
    OUT = "out"


class Audience(StrEnum):
    USER = "user"
    INTERNAL = "internal"


class EventKind(StrEnum):
    """What can stand on an incident's timeline (CONTRACT 3)."""

    OPENED = "opened"
    ADDED = "added"
    TAKEN = "taken"
    NOTED = "noted"
    ASKED = "asked"
    ANSWERED = "answered"
    RESUMED = "resumed"
    STATUS_SENT = "status_sent"
    ASSIGNED = "assigned"
    REGRADED = "regraded"
    ESCALATED = "escalated"
    HANDED_OVER = "handed_over"
    RETURNED = "returned"
    CONSULTED = "consulted"
    RESOLUTION_GIVEN = "resolution_given"
    RESOLUTION_PASSED = "resolution_passed"
    TOLD = "told"
    CALL_ATTEMPT = "call_attempt"
    CALL_RESULT = "call_result"
    BOUNCED = "bounced"
    CONFIRMED = "confirmed"
    REOPENED = "reopened"
    CLOSED = "closed"
    DISCARDED = "discarded"
    TYPED = "typed"
    REMINDED = "reminded"
    ESCALATED_TO_MANAGER = "escalated_to_manager"
    PROMISE_MADE = "promise_made"
    PROMISE_REVISED = "promise_revised"
    PROMISE_BROKEN = "promise_broken"
    AUTOMATIC = "automatic"
    DOUBT = "doubt"
    HELD = "held"
    INVITED = "invited"
    MERGED = "merged"
    LINKED = "linked"
    FLAGGED = "flagged"
    ABSENT = "absent"
    CALL_REQUESTED = "call_requested"
    ANNOUNCED = "announced"
    ERASED = "erased"


class OwedKind(StrEnum):
    """What can be owed to somebody (CONTRACT 3, `outgoing.kind`)."""

    ACKNOWLEDGEMENT = "acknowledgement"
    NOTICE = "notice"
    RECEIPT = "receipt"
    REMINDER = "reminder"
    ESCALATION = "escalation"
    ANSWER = "answer"
    STATUS = "status"
    QUESTION = "question"
    RESOLUTION = "resolution"
    RESOLUTION_TO_PASS = "resolution_to_pass"
    CONSULTATION = "consultation"
    REVISED_PROMISE = "revised_promise"
    CONFIRMATION_REQUEST = "confirmation_request"
    DIGEST = "digest"
    ALERT = "alert"
    ANNOUNCEMENT = "announcement"
    CALL = "call"
    SMS = "sms"


class OwedStatus(StrEnum):
    """CONTRACT 3, `outgoing.status`."""

    QUEUED = "queued"
    DELAYED = "delayed"
    MERGED = "merged"
    HELD = "held"
    SENT = "sent"
    REFUSED = "refused"
    GIVEN_UP = "given_up"
    BOUNCED = "bounced"
    CANCELLED = "cancelled"


class Cap(StrEnum):
    """Bounds on answers, by the names of their settings (CONTRACT 4, `[answers]`)."""

    PER_ADDRESS_PER_HOUR = "per_address_per_hour"
    PER_ADDRESS_PER_DAY = "per_address_per_day"
    PER_INCIDENT_PER_DAY = "per_incident_per_day"
    PER_MINUTE = "per_minute"


class Transport(StrEnum):
    """The door a mail came in by."""

    SMTP = "smtp"
    LMTP = "lmtp"
    PIPE = "pipe"
    IMAP = "imap"


class MessageKind(StrEnum):
    """What reading says a mail is (CONTRACT 1, `inspect`)."""

    NEW = "new"
    FOLLOW_UP = "follow_up"
    AUTOMATIC = "automatic"
    BOUNCE = "bounce"
    LIST = "list"
    LOOP = "loop"
    BROKEN = "broken"


class HeldReason(StrEnum):
    """Why something waits for a person (DESIGN 7)."""

    LIST = "list"
    LOOP = "loop"
    OWN_MAIL = "own_mail"
    FOREIGN_BOUNCE = "foreign_bounce"
    SEVERAL_FROM = "several_from"
    FORGED_ADDRESS = "forged_address"
    REUSED_ID = "reused_id"
    ACT_FAILED = "act_failed"
    GIVEN_UP = "given_up"
    REFUSED = "refused"
    BOUNCED = "bounced"
    OVER_CAP = "over_cap"
    RESTORED = "restored"


class Verdict(StrEnum):
    """What became of a held item: a person let it go on where it stopped or ended it, or it went with the person whose
    it was."""

    RELEASED = "released"
    DISCARDED = "discarded"
    ERASED = "erased"


DECISIONS = frozenset({Verdict.RELEASED, Verdict.DISCARDED})
"""What somebody decided, and the timeline tells; an erasure has an event of its own."""


class Purpose(StrEnum):
    """Whose words a mail showed, so whom a plain reply goes to (DESIGN 6). One letter: it stands in the address."""

    USER_WORDS = "u"
    COLLEAGUE_WORDS = "c"
    TO_USER = "a"


class Question(StrEnum):
    """What is asked of who reports a failure and says nothing of it: what exactly, where, since when."""

    WHICH = "which"
    WHERE = "where"
    SINCE = "since"


BY_MACHINE = "machine"
BY_USER = "user"
LANGUAGE_UNKNOWN = "und"


class ThreadBy(StrEnum):
    """How a mail was tied to an incident (DESIGN 7), the surest first."""

    SIGNED_ADDRESS = "signed_address"
    SIGNED_MESSAGE_ID = "signed_message_id"
    KNOWN_MESSAGE_ID = "known_message_id"
    NUMBER = "number"
    DIGITS = "digits"
    SAME_MESSAGE_ID = "same_message_id"
    NONE = "none"


class QueueReason(StrEnum):
    """Why the work of an incident stands where it does (DESIGN 3): by its severity."""

    SEVERITY_1 = "severity_1"
    SEVERITY_2 = "severity_2"
    SEVERITY_3 = "severity_3"


class PersonRole(StrEnum):
    """What somebody is to an incident."""

    REQUESTER = "requester"
    INVITED = "invited"

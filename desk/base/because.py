"""What `why` has to say, as data: a sentence's name and the values it names (guarantee 8).

Promises: `Say` is the closed set of sentences, `TABLES` that of the words in them; every language folder has all of
both (templates/<language>/why.toml). Never: holds a word for people.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any

from desk.base.names import Cap, EventKind, HeldReason, OwedKind, PromiseKind, QueueReason, ThreadBy
from desk.base.signs import Sign


class Part(StrEnum):
    """What is asked about (CONTRACT 1, `why`), in its order."""

    SEVERITY = "severity"
    QUEUE = "queue"
    THREAD = "thread"
    PROMISES = "promises"
    ANSWERS = "answers"


class Say(StrEnum):
    """The sentences. Each stands under its value in `[say]`; the values it may name are those of its `Because`."""

    # Severity
    GRADED = "graded"
    GRADED_AT_OPENING = "graded_at_opening"
    REASON = "reason"
    NO_REASON = "no_reason"
    REGRADED = "regraded"
    # Queue
    QUEUE_REASON = "queue_reason"
    MOVED = "moved"
    QUEUE_NOW = "queue_now"
    HAS = "has"
    HAD = "had"
    CHOSEN = "chosen"
    DESK_KEEPS = "desk_keeps"
    FOREWARNED = "forewarned"
    # Thread
    OPENED = "opened"
    OPENED_BY_CALL = "opened_by_call"
    WRITTEN_BY_MACHINE = "written_by_machine"
    UNREADABLE = "unreadable"
    JOINED = "joined"
    FLAGGED = "flagged"
    NOTED = "noted"
    AUTOMATIC = "automatic"
    BOUNCED = "bounced"
    BOUNCED_WORDS = "bounced_words"
    BOUNCED_SOMETHING = "bounced_something"
    COPIED = "copied"
    HELD = "held"
    RELEASED = "released"
    HELD_DISCARDED = "held_discarded"
    HELD_ERASED = "held_erased"
    # Promises
    PROMISED = "promised"
    COUNTED = "counted"
    COUNTED_AGAIN = "counted_again"
    COUNTED_ON = "counted_on"
    SETTINGS_CHANGED = "settings_changed"
    SETTINGS_LOST = "settings_lost"
    RUNNING = "running"
    PAUSED = "paused"
    KEPT = "kept"
    KEPT_LATE = "kept_late"
    BROKEN = "broken"
    REVISED = "revised"
    REVISED_LATE = "revised_late"
    REGRADED_PROMISE = "regraded_promise"
    CANCELLED = "cancelled"
    PAUSE = "pause"
    PAUSE_OPEN = "pause_open"
    TOLD = "told"
    TOLD_SOMEHOW = "told_somehow"
    TO_BE_TOLD = "to_be_told"
    UNTOLD = "untold"
    NONE_PROMISED = "none_promised"
    # Answers
    SENT = "sent"
    PLANNED = "planned"
    WAITING = "waiting"
    RETRIED = "retried"
    DELAYED = "delayed"
    MERGED = "merged"
    HELD_BACK = "held_back"
    REFUSED = "refused"
    GIVEN_UP = "given_up"
    CAME_BACK = "came_back"
    DROPPED = "dropped"
    UNANSWERED_MACHINE = "unanswered_machine"
    UNANSWERED_UNREADABLE = "unanswered_unreadable"
    UNANSWERED_ADDRESS = "unanswered_address"
    UNANSWERED_FOLLOW_UP = "unanswered_follow_up"
    STATUS_AT_ONCE = "status_at_once"
    STATUS_LATER = "status_later"
    UNANSWERED_AUTOMATIC = "unanswered_automatic"
    UNANSWERED_BOUNCE = "unanswered_bounce"
    UNANSWERED_COPY = "unanswered_copy"
    UNANSWERED_HELD = "unanswered_held"


MOVES = (EventKind.ESCALATED, EventKind.HANDED_OVER, EventKind.RETURNED)
"""Events that carry the work to another queue."""

TABLES: Mapping[str, frozenset[str]] = {
    "queue_reason": frozenset(QueueReason),
    "opened_alone": frozenset(ThreadBy),
    "opened_beside": frozenset(ThreadBy),
    "joined_by": frozenset(ThreadBy),
    "moved": frozenset(MOVES),
    "sign": frozenset(sign.name.lower() for sign in Sign),
    "cap": frozenset(Cap),
    "held": frozenset(HeldReason),
    "promise": frozenset(PromiseKind),
    "mail": frozenset(OwedKind),
}
"""Tables of why.toml whose words are of a closed set. Each also has OTHER."""
OTHER = "other"
"""The word for a value that a later version, or an earlier one, left in the ledger."""


@dataclass(frozen=True, slots=True)
class Word:
    """A value that a table of why.toml, else of words.toml, has a word for; `more` is what that word may name."""

    table: str
    value: object
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The name it stands under."""
        return str(self.value.value if isinstance(self.value, Enum) else self.value)


@dataclass(frozen=True, slots=True)
class Doer:
    """Who did something: the machine, the user, or somebody by address, with a name when one is known."""

    by: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class StoredReason:
    """A reason of the severity as it stands in the ledger: a sentence of triage, in the language of the mail."""

    text: str


@dataclass(frozen=True, slots=True)
class Because:
    """One thing to say. Of its values a text is a stranger's, a number is itself, an instant is aware, a timedelta is
    support time."""

    say: Say
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Count:
    """How a promise was counted: the lines of `Calendar.explain`, and which promise ends where."""

    lines: Sequence[Any]
    due: datetime
    kind: PromiseKind


Reason = Because | Count


def because(say: Say, **values: Any) -> Because:
    """Return a thing to say."""
    return Because(say, values)

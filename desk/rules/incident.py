"""The incident and its parts as values, and the one table of its moves (DESIGN 3).

An `Incident` is never changed: a rule makes the one after from the one before, and the ledger writes the difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from desk.base.names import Channel, ClosedBy, PromiseKind, Queue, Severity, Status
from desk.rules.numbers import number_of


class Move(StrEnum):
    """What can happen to an incident's status. A sentence each stands in MOVES."""

    JOIN = "join"
    ASK = "ask"
    ANSWER = "answer"
    RESOLVE = "resolve"
    TELL = "tell"
    CONFIRM = "confirm"
    REOPEN = "reopen"
    FALL_SILENT = "fall_silent"
    DISCARD = "discard"
    MERGE = "merge"


MOVES: Mapping[tuple[Status, Move], Status] = {
    (Status.OPEN, Move.JOIN): Status.OPEN,
    (Status.OPEN, Move.ASK): Status.WAITING,
    (Status.OPEN, Move.RESOLVE): Status.RESOLVED,
    (Status.OPEN, Move.DISCARD): Status.CLOSED,
    (Status.OPEN, Move.MERGE): Status.CLOSED,
    (Status.OPEN, Move.CONFIRM): Status.CLOSED,
    (Status.WAITING, Move.JOIN): Status.WAITING,
    (Status.WAITING, Move.ANSWER): Status.OPEN,
    (Status.WAITING, Move.RESOLVE): Status.RESOLVED,
    (Status.WAITING, Move.FALL_SILENT): Status.CLOSED,
    (Status.WAITING, Move.DISCARD): Status.CLOSED,
    (Status.WAITING, Move.MERGE): Status.CLOSED,
    (Status.RESOLVED, Move.JOIN): Status.RESOLVED,
    (Status.RESOLVED, Move.REOPEN): Status.OPEN,
    (Status.RESOLVED, Move.TELL): Status.TOLD,
    (Status.TOLD, Move.JOIN): Status.TOLD,
    (Status.TOLD, Move.CONFIRM): Status.CLOSED,
    (Status.TOLD, Move.FALL_SILENT): Status.CLOSED,
    (Status.TOLD, Move.REOPEN): Status.OPEN,
    (Status.CLOSED, Move.JOIN): Status.CLOSED,
    (Status.CLOSED, Move.REOPEN): Status.OPEN,
}


@dataclass(frozen=True, slots=True)
class Participant:
    """A person who may join. `person` is the id in `people`."""

    person: int
    address: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who has the incident for a queue; live while `until` is None. `consultant` is the id in `consultants`."""

    id: int
    queue: Queue
    consultant: int
    since: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Promise:
    """A time told, or to be told. `due` and `made_at` are whole minutes in UTC (CONTRACT 3).

    `broken_at` is when it was noted that it passed unkept: the timeline says so once.
    """

    id: int
    kind: PromiseKind
    made_at: datetime
    due: datetime
    told_at: datetime | None = None
    kept_at: datetime | None = None
    broken_at: datetime | None = None
    cancelled_at: datetime | None = None
    replaced_by: int | None = None
    regraded: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    id: int
    since: datetime
    until: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Incident:
    """One case of support. `version` grows by one with every act; `wake_at` is the earliest of its due things."""

    id: int
    version: int
    channel: Channel
    status: Status
    severity: Severity
    severity_reasons: tuple[str, ...]
    type: str
    queue: Queue
    language: str
    requester: int | None
    requester_name: str
    requester_email: str
    requester_phone: str
    subject: str
    created_at: datetime
    queue_reason: str = ""
    thread_reason: str = ""
    wake_at: datetime | None = None
    first_response_at: datetime | None = None
    resolved_at: datetime | None = None
    told_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: ClosedBy | None = None
    cause: str = ""
    solution: str = ""
    assignments: tuple[Assignment, ...] = ()
    participants: tuple[Participant, ...] = ()
    promises: tuple[Promise, ...] = ()
    pauses: tuple[Pause, ...] = ()
    mentions: tuple[int, ...] = ()

    @property
    def number(self) -> str:
        """The number people use: `INC-`, the id, one check digit (CONTRACT 2)."""
        return number_of(self.id)

    def has_participant(self, address: str) -> bool:
        """Tell whether an address is that of somebody who takes part."""
        return any(one.address.lower() == address.lower() for one in self.participants)

    def assigned(self, queue: Queue) -> Assignment | None:
        """Return the live assignment of a queue: there is at most one."""
        return next((a for a in self.assignments if a.queue is queue and a.until is None), None)

    def promise(self, kind: PromiseKind) -> Promise | None:
        """Return the promise of a kind that stands now: neither replaced nor cancelled."""
        return next((p for p in self.promises if p.kind is kind and not p.replaced_by and not p.cancelled_at), None)


def moved(status: Status, move: Move) -> Status:
    """Return the status after a move. A move that the table does not hold is a programmer's mistake."""
    after = MOVES.get((status, move))
    assert after is not None, f"an incident that is {status} cannot {move}"
    return after

"""Who is on the roster, and whose turn it is (DESIGN 3: Assignments)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from desk.base.names import Queue, Role, Severity


@dataclass(frozen=True, slots=True)
class Consultant:
    """A person of the roster. `order` is the contact order, 0 first; `absent` holds first and last day away."""

    id: int
    name: str
    email: str
    queue: Queue
    role: Role
    order: int
    language: str = ""
    phone: str = ""
    extension: str = ""
    aliases: tuple[str, ...] = ()
    absent: tuple[tuple[date, date], ...] = ()

    def is_present(self, day: date) -> bool:
        return not any(first <= day <= last for first, last in self.absent)


@dataclass(frozen=True, slots=True)
class Roster:
    """All consultants in contact order, and how many open incidents each has (a soft fact)."""

    consultants: tuple[Consultant, ...]
    load: Mapping[int, int]

    def by_address(self, address: str) -> Consultant | None:
        """Return who writes from an address or one of its aliases, whatever its case."""
        wanted = address.lower()
        return next(
            (c for c in self.consultants if wanted == c.email.lower() or wanted in (a.lower() for a in c.aliases)), None
        )

    def by_id(self, consultant: int) -> Consultant | None:
        return next((c for c in self.consultants if c.id == consultant), None)

    def next_for(self, queue: Queue, day: date) -> Consultant:
        """Return the present consultant of a queue with the fewest open incidents, ties in contact order.

        A manager only when nobody else is there; when all are away the first in contact order still has it, so that
        no incident is nobody's. A queue without anybody is refused at start, so it is a programmer's mistake here.
        """
        members = [c for c in self.consultants if c.queue is queue]
        assert members, f"queue {queue} has nobody"
        present = [c for c in members if c.is_present(day)] or members
        workers = [c for c in present if c.role is Role.CONSULTANT] or present
        return min(workers, key=lambda c: (self.load.get(c.id, 0), c.order))


def managers(consultants: Iterable[Consultant]) -> tuple[Consultant, ...]:
    """Return the managers among consultants, in their order."""
    return tuple(one for one in consultants if one.role is Role.MANAGER)


def queue_for(severity: Severity) -> Queue:
    """Return the queue that works on a grade: 1 the desk, 2 and 3 operations first (process 2.2, 5; DESIGN 3)."""
    return Queue.DESK if severity is Severity.QUESTION else Queue.OPERATIONS

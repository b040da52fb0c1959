"""The figures that `/metrics` and `/healthz` show: what waits, for how long, and how much is open.

Promises: three counts in one read, each over rows that wait, never over the history. Never: names anybody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from desk.base.names import Queue
from desk.ledger.counts import open_by_queue, undecided_held, waiting_owed
from desk.ledger.statements import Steps


@dataclass(frozen=True, slots=True)
class Figures:
    """How the ledger stands. `outbox_oldest_s` is for how long the longest due row has been owed, 0 when none is;
    `open_by_queue` has every queue."""

    outbox_waiting: int
    outbox_oldest_s: float
    held: int
    open_by_queue: Mapping[Queue, int]


def figures(now: datetime) -> Steps[Figures]:
    """Load the figures as of `now` (UTC): for `Store.read`."""
    waiting, oldest = yield from waiting_owed(now)
    held = yield from undecided_held()
    found = yield from open_by_queue()
    return Figures(
        outbox_waiting=waiting,
        outbox_oldest_s=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        held=held,
        open_by_queue={queue: found.get(queue, 0) for queue in Queue},
    )

"""The figures that `/metrics` and `/healthz` show: what waits, and for how long.

Promises: cheap however long the history is, since every count is over what waits. Never: names a user.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from desk.ledger.counts import undecided_held, unreached, waiting_owed
from desk.ledger.statements import Steps


@dataclass(frozen=True, slots=True)
class Figures:
    """How the ledger stands. `outbox_oldest_s` is for how long the longest due row has been owed, 0 when none is.

    `unreached` are consultants' addresses that mail does not reach, and since when.
    """

    outbox_waiting: int
    outbox_oldest_s: float
    held: int
    unreached: Mapping[str, datetime] = field(default_factory=dict)


def figures(now: datetime) -> Steps[Figures]:
    """Load the figures as of `now` (UTC): for `Store.read`."""
    waiting, oldest = yield from waiting_owed(now)
    held = yield from undecided_held()
    missed = yield from unreached()
    return Figures(
        outbox_waiting=waiting,
        outbox_oldest_s=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        held=held,
        unreached=missed,
    )

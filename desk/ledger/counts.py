"""Counts of what waits, as steps: each reads an index that holds only what waits, however long the history is."""

from datetime import datetime

from desk.ledger.leases import WAITING
from desk.ledger.load import instant
from desk.ledger.statements import Run, Steps


def waiting_owed(now: datetime) -> Steps[tuple[int, datetime | None]]:
    """Count the owed rows that wait, and load since when the oldest of those whose time has come is owed: one that
    a cap delays is not late."""
    rows = yield Run(
        f"SELECT count(*), min(CASE WHEN due_at <= ? AND status = 'queued' THEN due_at END) FROM owed WHERE {WAITING}",
        (now,),
    )
    return rows[0][0], instant(rows[0][1])


def undecided_held() -> Steps[int]:
    """Count the held items that nobody has decided."""
    rows = yield Run("SELECT count(*) FROM held WHERE decided_at IS NULL")
    count: int = rows[0][0]
    return count

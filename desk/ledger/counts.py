"""Counts of what waits, as steps: each reads an index that holds only what waits, however long the history is."""

from datetime import datetime

from desk.base.names import Audience, HeldReason, OwedStatus
from desk.ledger.leases import WAITING
from desk.ledger.load import instant
from desk.ledger.statements import Run, Steps, places

UNREACHED_MAX = 20
"""Addresses of ours in trouble that are looked at: more is one trouble of the mail system."""


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


def unreached() -> Steps[dict[str, datetime]]:
    """Load the addresses of ours that mail does not reach, and since when: until a later mail to one is taken, or
    somebody has decided what is held of it. UNREACHED_MAX at most."""
    reasons = (HeldReason.REFUSED, HeldReason.GIVEN_UP, HeldReason.BOUNCED)
    rows = yield Run(
        "SELECT o.address, min(h.at), max(h.at), max(o.id) FROM held h JOIN owed o ON o.id = h.owed_id "
        f"WHERE h.decided_at IS NULL AND o.audience = ? AND h.reason IN ({places(len(reasons))}) "
        "GROUP BY o.address ORDER BY min(h.at) LIMIT ?",
        (Audience.INTERNAL, *reasons, UNREACHED_MAX),
    )
    found = {}
    for address, first, last, owed in rows:
        taken = yield Run(
            "SELECT 1 FROM owed WHERE id > ? AND address = ? AND status = ? AND sent_at > ? LIMIT 1",
            (owed, address, OwedStatus.SENT, instant(last)),
        )
        since = instant(first)
        if since is not None and not taken:
            found[address] = since
    return found

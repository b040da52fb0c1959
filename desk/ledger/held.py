"""The held room as steps: one item to be decided, what the managers have not heard of, which arrivals were released."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from desk.base.message import Release
from desk.base.names import Verdict
from desk.ledger.load import instant
from desk.ledger.statements import Run, Steps, places
from desk.rules.held import KeptItem
from desk.rules.waiting import LISTED_MAX, TOLD_MAX, Untold, WaitingItem

UNDECIDED = "FROM held WHERE decided_at IS NULL"
UNTOLD = f"{UNDECIDED} AND told_at IS NULL AND tell_at IS NOT NULL"
_WAITING = "id, reason, sender, recipients, subject, at, owed_id"


def item(held_id: int) -> Steps[KeptItem | None]:
    """Load one held item as a verdict needs it; None when there is none."""
    rows = yield Run(
        "SELECT h.reason, h.arrival_id, h.owed_id, h.incident_id, b.data IS NOT NULL, h.decided_at, h.decided_by, "
        "h.verdict FROM held h LEFT JOIN blobs b ON b.id = h.blob_id WHERE h.id = ?",
        (held_id,),
    )
    if not rows:
        return None
    reason, arrival, owed, incident, has_raw, decided_at, decided_by, verdict = rows[0]
    return KeptItem(
        id=held_id,
        reason=reason,
        arrival=arrival,
        owed=owed,
        incident=incident,
        has_raw=bool(has_raw),
        decided_at=instant(decided_at),
        decided_by=decided_by or "",
        verdict=verdict or "",
    )


def is_tell_due(now: datetime) -> Steps[bool]:
    """Load whether the managers must hear of a held item by now."""
    rows = yield Run(f"SELECT 1 {UNTOLD} AND tell_at <= ? LIMIT 1", (now,))
    return bool(rows)


def untold() -> Steps[Untold]:
    """Load what the managers have not heard of, TOLD_MAX at most, and how many items wait in all."""
    rows = yield Run(f"SELECT {_WAITING} {UNTOLD} ORDER BY id LIMIT {TOLD_MAX}")
    count = yield Run(f"SELECT count(*) {UNDECIDED}")
    return Untold(tuple(waiting_of(row) for row in rows), count[0][0])


def waiting(at: datetime) -> Steps[tuple[tuple[WaitingItem, ...], int]]:
    """Load the undecided items that were held before an instant, the latest LISTED_MAX, and how many there are."""
    rows = yield Run(f"SELECT {_WAITING} {UNDECIDED} AND at < ? ORDER BY id DESC LIMIT {LISTED_MAX}", (at,))
    count = yield Run(f"SELECT count(*) {UNDECIDED} AND at < ?", (at,))
    return tuple(waiting_of(row) for row in rows), count[0][0]


def waiting_of(row: Sequence[Any]) -> WaitingItem:
    """Return an item that waits (_WAITING). A mail of ours is told by whom it was for, any other by who sent it."""
    item_id, reason, sender, recipients, subject, at, owed = row
    moment = instant(at)
    assert moment is not None, "a held item has its instant"
    to = ", ".join(json.loads(recipients)) if owed is not None else ""
    return WaitingItem(item_id, reason, sender, subject, moment, to)


def releases(arrivals: Sequence[int]) -> Steps[dict[int, Release]]:
    """Load which of these arrivals were held and released, with every reason that was overruled."""
    rows = yield Run(
        "SELECT arrival_id, id, reason, decided_by, decided_at FROM held "
        f"WHERE arrival_id IN ({places(len(arrivals))}) AND verdict = '{Verdict.RELEASED}' ORDER BY decided_at, id",
        arrivals,
    )
    found: dict[int, Release] = {}
    for arrival, held_id, reason, by, at in rows:
        moment = instant(at)
        assert moment is not None, "who released an item did so at an instant"
        before = found[arrival].reasons if arrival in found else frozenset()
        found[arrival] = Release(held_id, before | {reason}, by, moment)
    return found

"""How things stood at an opening, for the daily summary: counted over whole tables, once a day and manager."""

from datetime import datetime
from typing import Any

from desk.base.names import PromiseKind, Queue, Severity, Status
from desk.ledger import held
from desk.ledger.load import instant
from desk.ledger.statements import Run, Steps
from desk.rules.digest import LateIncident, Standing
from desk.rules.waiting import LISTED_MAX

NOT_CLOSED = f"i.status <> '{Status.CLOSED}' AND i.created_at < ?"
LATE = (
    "FROM promises p JOIN incidents i ON i.id = p.incident_id "
    f"WHERE {NOT_CLOSED} AND p.due <= ? AND p.kept_at IS NULL AND p.cancelled_at IS NULL AND p.replaced_by IS NULL "
    f"AND NOT (p.kind = '{PromiseKind.RESOLUTION}' "
    "AND EXISTS (SELECT 1 FROM pauses s WHERE s.incident_id = i.id AND s.until IS NULL))"
)
"""Promises that passed unkept and still stand; an open pause stops the resolution (`deadlines.status_of`)."""


def standing(at: datetime, before: datetime) -> Steps[Standing]:
    """Load how things stood at an instant; `opened` counts from the instant before."""
    opened = yield Run("SELECT count(*) FROM incidents WHERE created_at >= ? AND created_at < ?", (before, at))
    queues = yield Run(f"SELECT i.queue, count(*) FROM incidents i WHERE {NOT_CLOSED} GROUP BY i.queue", (at,))
    late = yield Run(
        f"SELECT i.id, i.severity, i.queue, min(p.due), i.subject {LATE} "
        f"GROUP BY i.id, i.severity, i.queue, i.subject ORDER BY min(p.due), i.id LIMIT {LISTED_MAX}",
        (at, at),
    )
    late_count = yield Run(f"SELECT count(DISTINCT i.id) {LATE}", (at, at))
    waiting, held_count = yield from held.waiting(at)
    return Standing(
        opened=opened[0][0],
        open={Queue(row[0]): row[1] for row in queues},
        late=tuple(LateIncident(row[0], Severity(row[1]), Queue(row[2]), _at(row[3]), row[4]) for row in late),
        late_count=late_count[0][0],
        held=waiting,
        held_count=held_count,
    )


def _at(value: Any) -> datetime:
    moment = instant(value)
    assert moment is not None, "an instant that is never empty is empty"
    return moment

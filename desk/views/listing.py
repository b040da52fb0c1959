"""Incidents as lines of a list: who has each, and what is due next. Light: no text of anybody is read.

Promises: lines come by number, read by batches; what is due is what the user was told, first attention until it was
given and the resolution after it. Never: writes.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from desk.base.names import PromiseKind, Status
from desk.ledger.reading import Reader
from desk.ledger.tables import AssignmentRow, PromiseRow
from desk.rules.incident import Promise
from desk.rules.numbers import number_of
from desk.views.export import Chosen, by_incident, consultants, due, promise_of, wanted

BATCH = 500
"""Rows read at a time."""
FIELDS = (
    "id", "severity", "status", "queue", "subject", "requester_name", "requester_email", "requester_phone",
    "first_response_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One incident. `due` (UTC) is None when nothing is owed to its user; `assigned` is "" when nobody has it."""

    number: str
    severity: int
    status: str
    queue: str
    due: datetime | None
    assigned: str
    requester: str
    subject: str


async def lines(reader: Reader, chosen: Chosen) -> AsyncIterator[Line]:
    """Yield the chosen incidents by number. Raises StoreAway."""
    assert chosen.since is None, "a list is not cut by what is new"
    last: int | None = 0
    while last is not None:
        found, last = await reader.snapshot(partial(_batch, chosen, last))
        for one in found:
            yield one


async def _batch(chosen: Chosen, after: int) -> tuple[list[Line], int | None]:
    """Return the next lines, and after which id to go on; None at the end."""
    rows = await wanted(chosen, after).limit(BATCH).values(*FIELDS)
    return await _lines(rows), rows[-1]["id"] if len(rows) == BATCH else None


async def _lines(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    ids = [row["id"] for row in rows]
    addresses = await consultants()
    promises = await by_incident(PromiseRow, ids, *Promise.__slots__)
    live = await AssignmentRow.filter(incident_id__in=ids, until=None).values("incident_id", "queue", "consultant_id")
    assigned = {(row["incident_id"], row["queue"]): addresses[row["consultant_id"]] for row in live}
    return [_line(row, assigned.get((row["id"], row["queue"]), ""), promises.get(row["id"], ())) for row in rows]


def _line(row: Mapping[str, Any], assigned: str, promises: Sequence[Mapping[str, Any]]) -> Line:
    return Line(
        number=number_of(row["id"]),
        severity=row["severity"],
        status=row["status"],
        queue=row["queue"],
        due=_due_next(row, promises),
        assigned=assigned,
        requester=row["requester_email"] or row["requester_phone"] or row["requester_name"],
        subject=row["subject"],
    )


def _due_next(row: Mapping[str, Any], promises: Sequence[Mapping[str, Any]]) -> datetime | None:
    if row["status"] not in (Status.OPEN, Status.WAITING):
        return None
    kind = PromiseKind.FIRST_ATTENTION if row["first_response_at"] is None else PromiseKind.RESOLUTION
    return due((promise_of(one) for one in promises), kind)

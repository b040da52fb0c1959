"""Leases as steps: who works on which arrival or owed row, and the blocks of ids a node gives out from (DESIGN 4, 8).

A lease is judged by the database's clock. On SQLite there is one node, so its memory is the lease, and a row of another
node is one of a node that has died.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from desk.base.message import Arrival
from desk.ledger import held
from desk.ledger.load import ARRIVAL_COLUMNS, OWED_COLUMNS, TAKEN_OVER, Waiting, arrival_of, waiting_of
from desk.ledger.statements import Run, Steps, places

CLAIM_MAX = 64
"""Rows claimed at a time."""
FREE = "(leased_by IS NULL OR (leased_by <> ? AND (leased_until IS NULL OR leased_until < {now})))"
WAITING = "status IN ('queued', 'delayed')"
_DOUBT = f"last_reply = CASE WHEN leased_by IS NOT NULL AND status = 'queued' THEN '{TAKEN_OVER}' ELSE last_reply END, "
"""A row that a node which is gone had in hand: nobody knows whether its content has left."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be claimed: rows of a table that meet a condition, in an order."""

    table: str
    condition: str
    values: tuple[Any, ...]
    order: str


ARRIVALS = Claim("arrivals", "done_at IS NULL", (), "id")
OWED = Claim("owed", WAITING, (), "not_before")
"""Whatever waits, also what is not yet due: what a node has leased was due by the clock of that moment."""


def owed_at(now: datetime) -> Claim:
    """Return the claim of owed rows whose time has come."""
    return Claim("owed", f"{WAITING} AND not_before <= ?", (now,), "not_before")


def free(claim: Claim, node: str) -> Steps[bool]:
    """Load whether there is anything to take: cheaper than taking nothing."""
    rows = yield Run(f"SELECT 1 FROM {claim.table} WHERE {claim.condition} AND {FREE} LIMIT 1", (*claim.values, node))
    return bool(rows)


def own(claim: Claim, node: str) -> Steps[set[int]]:
    """Load the ids of what a node holds."""
    rows = yield Run(f"SELECT id FROM {claim.table} WHERE {claim.condition} AND leased_by = ?", (*claim.values, node))
    return {row[0] for row in rows}


def take(claim: Claim, node: str) -> Steps[list[int]]:
    """Lease what is free to a node and return the ids, CLAIM_MAX at most; rows others are taking are passed over."""
    chosen = (
        f"SELECT id FROM {claim.table} WHERE {claim.condition} AND {FREE} "
        f"ORDER BY {claim.order} LIMIT {CLAIM_MAX} {{skip_locked}}"
    )
    doubt = _DOUBT if claim.table == "owed" else ""
    rows = yield Run(
        f"UPDATE {claim.table} SET {doubt}leased_by = ?, leased_until = {{lease}} WHERE id IN ({chosen}) RETURNING id",
        (node, *claim.values, node),
    )
    return [row[0] for row in rows]


def renew(node: str) -> Steps[None]:
    """Extend the leases of everything a node holds."""
    yield Run("UPDATE arrivals SET leased_until = {lease} WHERE done_at IS NULL AND leased_by = ?", (node,))
    yield Run(f"UPDATE owed SET leased_until = {{lease}} WHERE {WAITING} AND leased_by = ?", (node,))


def arrivals(ids: Sequence[int], raw_max: int) -> Steps[list[Arrival]]:
    """Load arrivals, and whether a person released them, the oldest first; the bytes of those up to raw_max."""
    rows = yield Run(
        f"SELECT {ARRIVAL_COLUMNS} FROM arrivals a JOIN blobs b ON b.id = a.blob_id "
        f"WHERE a.id IN ({places(len(ids))}) ORDER BY a.id",
        (raw_max, *ids),
    )
    released = yield from held.releases([row[0] for row in rows])
    return [replace(arrival_of(row), release=released.get(row[0])) for row in rows]


def owed(ids: Sequence[int]) -> Steps[list[Waiting]]:
    """Load owed rows, the longest due first."""
    rows = yield Run(f"SELECT {OWED_COLUMNS} FROM owed WHERE id IN ({places(len(ids))}) ORDER BY not_before, id", ids)
    return [waiting_of(row) for row in rows]


def raw(blob: int) -> Steps[bytes]:
    """Load the bytes of a mail."""
    rows = yield Run("SELECT data FROM blobs WHERE id = ?", (blob,))
    return bytes(rows[0][0])


def stretch(blob: int, start: int, end: int) -> Steps[bytes | None]:
    """Load the bytes of a blob from start to before end; None when it is not there any more, or no longer whole."""
    rows = yield Run("SELECT substr(data, ?, ?) FROM blobs WHERE id = ?", (start + 1, end - start, blob))
    if not rows or rows[0][0] is None or len(rows[0][0]) != end - start:
        return None
    return bytes(rows[0][0])


def id_blocks(sizes: Mapping[str, int], first: Mapping[str, int]) -> Steps[dict[str, int]]:
    """Lease a block of ids for each table of `sizes` and return where it begins; a new table begins at `first`."""
    begin = {}
    for table in sorted(sizes):
        yield Run(
            "INSERT INTO ids (name, next_id) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (table, first.get(table, 1))
        )
        rows = yield Run("UPDATE ids SET next_id = next_id + ? WHERE name = ? RETURNING next_id", (sizes[table], table))
        begin[table] = rows[0][0] - sizes[table]
    return begin

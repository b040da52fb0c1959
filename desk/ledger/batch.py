"""One batch, one transaction: guards first, then rows, one statement a table for all who won (DESIGN 4).

A loser costs a row, never the batch. What fails for another reason fails the whole batch; commit then tries its changes
one by one.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from desk.ledger.caps import take_places
from desk.ledger.save import STATEMENTS, Change, Parameters
from desk.ledger.statements import Many, Run, Steps, places, storable, utc


def write_batch(changes: Sequence[Change], now: datetime) -> Steps[list[bool]]:
    """Write those changes whose guards hold and return who won, in order."""
    versions = yield from _versions(changes)
    arrivals = yield from _waiting("arrivals", "done_at IS NULL", [c.arrival for c in changes])
    owed = yield from _waiting("owed", "status IN ('queued', 'delayed')", [c.owed for c in changes])
    won = [
        all(versions.get(incident) == version for incident, version in change.versions)
        and (change.arrival is None or change.arrival in arrivals)
        and (change.owed is None or change.owed in owed)
        for change in changes
    ]
    won = yield from _take_keys(changes, won, now)
    won = yield from take_places(changes, won)
    yield from _write(changes, won)
    return won


def _write(changes: Sequence[Change], won: Sequence[bool]) -> Steps[None]:
    by_statement: defaultdict[str, list[Parameters]] = defaultdict(list)
    for change, is_winner in zip(changes, won, strict=True):
        if is_winner:
            for statement, parameters in change.rows:
                by_statement[statement].append(tuple(map(storable, parameters)))
    for name, sql in STATEMENTS.items():
        if name in by_statement:
            yield Many(sql, by_statement[name])
    if any(is_winner and change.is_left for change, is_winner in zip(changes, won, strict=True)):
        yield Run("SELECT {tell_nodes}")


def _versions(changes: Sequence[Change]) -> Steps[dict[int, int]]:
    wanted = sorted({incident for change in changes for incident, _ in change.versions})
    if not wanted:
        return {}
    rows = yield Run(
        f"SELECT id, version FROM incidents WHERE id IN ({places(len(wanted))}) ORDER BY id {{for_update}}", wanted
    )
    return {row[0]: row[1] for row in rows}


def _waiting(table: str, condition: str, ids: Sequence[int | None]) -> Steps[set[int]]:
    wanted = sorted({one for one in ids if one is not None})
    if not wanted:
        return set()
    rows = yield Run(
        f"SELECT id FROM {table} WHERE id IN ({places(len(wanted))}) AND {condition} ORDER BY id {{for_update}}", wanted
    )
    return {row[0] for row in rows}


def _take_keys(changes: Sequence[Change], won: list[bool], now: datetime) -> Steps[list[bool]]:
    """Return who still wins: of those with one key the first, and only where the key is new."""
    claims: dict[str, int] = {}
    for index, change in enumerate(changes):
        if won[index] and change.key is not None:
            if change.key in claims:
                won[index] = False
            claims.setdefault(change.key, index)
    if not claims:
        return won
    parameters = [value for key, index in sorted(claims.items()) for value in (key, changes[index].ref, utc(now))]
    rows = yield Run(
        f"INSERT INTO keys (key, ref, made_at) VALUES {', '.join(['(?, ?, ?)'] * len(claims))} "
        "ON CONFLICT (key) DO NOTHING RETURNING key",
        parameters,
    )
    taken = {row[0] for row in rows}
    for key, index in claims.items():
        won[index] = key in taken
    return won

"""The figures of metrics and health, on both engines."""

from contextlib import suppress
from datetime import timedelta

import pytest

from desk.base.names import HeldReason
from desk.ledger.statements import Run, Steps
from desk.views.figures import Figures, figures
from tests.ledger.desks import NOON, opened
from tests.ledger.filled import fill, release

pytestmark = pytest.mark.anyio


async def test_an_empty_ledger_has_figures_too(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        found = await commit.store.read(figures(NOON))
    assert found == Figures(0, 0.0, 0)


async def test_only_what_waits_is_counted(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        await fill(commit)  # its acknowledgement was sent, its alert waits since noon
        found = await commit.store.read(figures(NOON + timedelta(seconds=90)))
        await release(commit, HeldReason.LIST)
        released = await commit.store.read(figures(NOON))
    assert (found.outbox_waiting, found.outbox_oldest_s, found.held) == (1, 90.0, 2)
    assert released.held == 1


async def test_a_row_whose_time_is_to_come_waits_but_is_not_late(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        await fill(commit)
        found = await commit.store.read(figures(NOON - timedelta(seconds=1)))
    assert (found.outbox_waiting, found.outbox_oldest_s) == (1, 0.0)


async def test_a_count_reads_no_row_of_the_history(sqlite_url: str) -> None:
    async with opened(sqlite_url) as commit:
        for statement in statements():
            plan = await commit.store.read(explained(statement))
            assert [line for line in plan if not any(bounded in line for bounded in BOUNDED)] == []
            assert any("INDEX" in line or "PRIMARY KEY (rowid>?)" in line for line in plan)


BOUNDED = ("INDEX", "INTEGER PRIMARY KEY (rowid=?)", "INTEGER PRIMARY KEY (rowid>?)", "USE TEMP B-TREE")
"""Ways to read that look at what waits, at one row, at what came after a mail that failed, and the sorting of these."""
ANSWER = [(0, None)]
UNREACHED = [("asesor1@ejemplo.mx", NOON, NOON, 1)]


def statements() -> list[Run]:
    """Return what the figures ask when mail to one consultant failed."""
    steps, found = figures(NOON), []
    with suppress(StopIteration):
        asked = next(steps)
        while True:
            assert isinstance(asked, Run)
            found.append(asked)
            asked = steps.send(UNREACHED if "GROUP BY o.address" in asked.sql else ANSWER)
    return found


def explained(statement: Run) -> Steps[list[str]]:
    rows = yield Run(f"EXPLAIN QUERY PLAN {statement.sql}", statement.parameters)
    return [row[3] for row in rows]

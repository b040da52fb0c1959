"""The figures of metrics and health, on both engines."""

from datetime import timedelta

import pytest

from desk.base.names import HeldReason, Queue
from desk.views.figures import Figures, figures
from tests.ledger.desks import NOON, Open, opened
from tests.ledger.filled import fill, release, run

pytestmark = pytest.mark.anyio


async def test_an_empty_ledger_has_figures_too(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        found = await commit.store.read(figures(NOON))
    assert found == Figures(0, 0.0, 0, dict.fromkeys(Queue, 0))


async def test_only_what_waits_is_counted(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        await fill(commit)  # its acknowledgement was sent, its alert waits since noon
        closed = (await commit.perform(Open(commit))).incidents[0].after.id
        await run(commit, "UPDATE incidents SET status = 'closed' WHERE id = ?", closed)
        found = await commit.store.read(figures(NOON + timedelta(seconds=90)))
        await release(commit, HeldReason.LIST)
        released = await commit.store.read(figures(NOON))
    assert (found.outbox_waiting, found.outbox_oldest_s, found.held) == (1, 90.0, 2)
    assert found.open_by_queue == {Queue.DESK: 1, Queue.OPERATIONS: 1, Queue.DEVELOPMENT: 0}
    assert released.held == 1


async def test_a_row_whose_time_is_to_come_waits_but_is_not_late(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        await fill(commit)
        found = await commit.store.read(figures(NOON - timedelta(seconds=1)))
    assert (found.outbox_waiting, found.outbox_oldest_s) == (1, 0.0)

"""`commit.perform` and its batches: versions, keys, isolation, ids (DESIGN 4, the act)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from desk.base.errors import StoreAway
from desk.commit import Commit
from desk.ledger.statements import Run, Steps
from desk.rules.decision import Decision
from tests.ledger.desks import Note, Open, opened

pytestmark = pytest.mark.anyio


def one(sql: str, *parameters: object) -> Steps[int]:
    rows = yield Run(sql, parameters)
    value: int = rows[0][0]
    return value


async def test_an_act_bumps_the_version_and_writes_its_events(store_url: str) -> None:
    async with opened(store_url) as commit:
        opening = await commit.perform(Open(commit))
        number = opening.incidents[0].after.id
        await commit.perform(Note(commit, number))
        assert await commit.store.read(one("SELECT version FROM incidents WHERE id = ?", number)) == 2
        assert await commit.store.read(one("SELECT count(*) FROM events WHERE incident_id = ?", number)) == 2


async def test_the_first_incident_has_the_first_number_and_no_two_share_one(store_url: str) -> None:
    async with opened(store_url) as commit:
        decisions = await asyncio.gather(*(commit.perform(Open(commit)) for _ in range(50)))
    numbers = sorted(decision.incidents[0].after.id for decision in decisions)
    assert numbers[0] == 10_000
    assert len(set(numbers)) == 50


async def test_a_key_is_taken_once_however_many_want_it_at_once(store_url: str) -> None:
    def with_key(decision: Decision) -> Decision:
        return replace(decision, key=b"once")

    async with opened(store_url) as commit:
        results = await asyncio.gather(
            *(commit.perform(Open(commit, with_key)) for _ in range(10)), return_exceptions=True
        )
        assert sum(isinstance(result, Decision) for result in results) == 1
        assert await commit.store.read(one("SELECT count(*) FROM incidents")) == 1


async def test_a_bad_row_in_a_batch_costs_only_itself(store_url: str) -> None:
    def twice(decision: Decision) -> Decision:
        return replace(decision, events=decision.events, incidents=decision.incidents * 2)

    async with opened(store_url) as commit:
        await commit.perform(Open(commit))
        acts = [Open(commit), Open(commit, twice), Open(commit)]
        results = await asyncio.gather(*(commit.perform(act) for act in acts), return_exceptions=True)
        assert [isinstance(result, Decision) for result in results] == [True, False, True]
        assert await commit.store.read(one("SELECT count(*) FROM incidents")) == 3


@pytest.mark.done("house.5")
async def test_500_acts_at_once_on_ten_incidents_are_500_versions_and_500_events(
    store_url: str, figure: Callable[[str], None]
) -> None:
    async with opened(store_url) as commit:
        opened_ten = [await commit.perform(Open(commit)) for _ in range(10)]
        numbers = [decision.incidents[0].after.id for decision in opened_ten]
        won = await asyncio.gather(*(commit.perform(Note(commit, numbers[n % 10])) for n in range(500)))
        versions = await commit.store.read(one("SELECT sum(version) - 10 FROM incidents"))
        events = await commit.store.read(one("SELECT count(*) FROM events WHERE kind = 'noted'"))
        assert (len(won), versions, events) == (500, 500, 500)
        figure(f"500 acts on one node: {versions} versions, {events} events")


async def _keep_on(commit: Commit, number: int) -> Decision:
    """Perform an act as its caller would: lost five times it is put again."""
    from desk.base.errors import ActLost

    for _ in range(100):
        try:
            return await commit.perform(Note(commit, number))
        except ActLost:
            await asyncio.sleep(0)
    raise AssertionError("an act was lost 500 times")


@pytest.mark.done("house.5")
async def test_two_nodes_on_one_postgres_lose_no_act_and_write_none_twice(
    postgres_url: str, figure: Callable[[str], None]
) -> None:
    async with opened(postgres_url, "node-a") as first, opened(postgres_url, "node-b") as second:
        numbers = [(await first.perform(Open(first))).incidents[0].after.id for _ in range(10)]
        nodes = (first, second)
        won = await asyncio.gather(*(_keep_on(nodes[n % 2], numbers[(n // 2) % 10]) for n in range(500)))
        versions = await first.store.read(one("SELECT sum(version) - 10 FROM incidents"))
        events = await first.store.read(one("SELECT count(*) FROM events WHERE kind = 'noted'"))
        assert (len(won), versions, events) == (500, 500, 500)
        figure(f"500 acts on two nodes: {versions} versions, {events} events, no deadlock")


async def test_a_store_that_went_away_says_so_and_comes_back(postgres_url: str) -> None:
    async with opened(postgres_url) as commit:
        await commit.perform(Open(commit))
        with pytest.raises(StoreAway):
            await commit.store.write(one("SELECT pg_terminate_backend(pg_backend_pid())"))
        await commit.perform(Open(commit))
        assert await commit.store.read(one("SELECT count(*) FROM incidents")) == 2

"""What a node's roles mean for its rows: it leases what it carries, leaves the rest to others, and tells them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from desk.base.names import EVERY_ROLE, Audience, Channel, NodeRole, OwedKind
from desk.claims import IN_HAND_MAX, Claims
from desk.commit import Commit
from desk.ledger.leases import CLAIM_MAX
from desk.ledger.statements import Run, Steps
from desk.ledger.store import open_store
from desk.rules.decision import Decision, Owed
from tests.ledger.desks import NOON, Open, opened

pytestmark = pytest.mark.anyio

YEAR = timedelta(days=365)
TOLD_WITHIN_S = 10.0
NOT_TOLD_FOR_S = 0.3


def owing(commit: Commit, count: int = 1) -> Open:
    """An act that opens an incident and owes mails."""

    def owe(decision: Decision) -> Decision:
        one = decision.incidents[0].after
        owed = Owed(
            id=0,
            incident=one.id,
            kind=OwedKind.ACKNOWLEDGEMENT,
            channel=Channel.EMAIL,
            to="ana@cliente.mx",
            language="es",
            audience=Audience.USER,
            facts={"number": one.number},
            due_at=NOON,
            message_id="<a1@ejemplo.mx>",
        )
        rows = (replace(owed, id=commit.ids.next("owed"), message_id=f"<a{n}@ejemplo.mx>") for n in range(count))
        return replace(decision, owed=tuple(rows))

    return Open(commit, owe)


def with_roles(commit: Commit, *roles: NodeRole, node: str = "node-b") -> Commit:
    """A further node on the same store."""
    return Commit(commit.store, commit.clock, node, roles=frozenset(roles))


def _holders() -> Steps[list[str | None]]:
    rows = yield Run("SELECT leased_by FROM owed ORDER BY id")
    return [row[0] for row in rows]


async def test_what_a_node_without_responders_owes_is_born_free_and_another_takes_it(store_url: str) -> None:
    async with opened(store_url) as sending:
        taking_in = with_roles(sending, NodeRole.INTAKE)
        here, there = Claims(taking_in, YEAR), Claims(sending, YEAR)
        await taking_in.perform(owing(taking_in))
        assert await sending.store.read(_holders()) == [None]
        assert await here.claim_owed() == len(here.owed) == 0
        assert await there.claim_owed() == len(there.owed) == 1


async def test_what_a_node_with_responders_owes_is_its_own(store_url: str) -> None:
    async with opened(store_url) as commit:
        claims = Claims(commit, YEAR)
        await commit.perform(owing(commit))
        assert await commit.store.read(_holders()) == [commit.node]
        assert len(claims.owed) == 1


async def test_a_node_claims_no_more_than_waits_well_in_memory_and_others_may_have_the_rest(store_url: str) -> None:
    async with opened(store_url) as sending:
        taking_in = with_roles(sending, NodeRole.INTAKE)
        for _ in range(IN_HAND_MAX // 10 + 4):
            await taking_in.perform(owing(taking_in, 10))
        claims = Claims(sending, YEAR)
        assert await claims.claim_owed() == IN_HAND_MAX
        assert await claims.claim_owed() == 0
        for _ in range(CLAIM_MAX):
            await claims.owed.take()
        assert await claims.claim_owed() > 0


@pytest.mark.parametrize(("roles", "is_told"), [((NodeRole.INTAKE,), True), (tuple(EVERY_ROLE), False)])
async def test_nodes_are_told_of_what_was_left_to_them_and_of_nothing_else(
    postgres_url: str, roles: tuple[NodeRole, ...], is_told: bool
) -> None:
    async with opened(postgres_url) as commit:
        one = with_roles(commit, *roles)
        other = await open_store(postgres_url)
        try:
            await other.others_wrote()  # who begins to listen has not heard what was told before
            told = asyncio.create_task(other.others_wrote())
            await one.perform(owing(one))
            done, _ = await asyncio.wait([told], timeout=TOLD_WITHIN_S if is_told else NOT_TOLD_FOR_S)
            assert bool(done) is is_told
        finally:
            told.cancel()
            await one.drain()
            await other.close()

"""What nobody knows of a row whose node was killed: it counts as if its content had left."""

from datetime import timedelta

import pytest

from desk.claims import Claims
from desk.ledger import leases
from desk.ledger.statements import Run, Steps
from tests.ledger.desks import NOON, SetClock, opened
from tests.ledger.test_caps import owe

pytestmark = pytest.mark.anyio


def let_go() -> Steps[None]:
    """The lease of the node that was killed is over."""
    yield Run("UPDATE owed SET leased_until = NULL WHERE leased_by IS NOT NULL")


async def test_a_row_that_a_dead_node_had_in_hand_may_have_left_and_one_that_was_put_off_has_not(
    engine_url: str,
) -> None:
    clock = SetClock(NOON)
    async with opened(engine_url, clock=clock) as dead, opened(engine_url, "node-b", clock=clock) as other:
        in_hand, put_off = await owe(dead, 2)
        later = clock.now() + timedelta(minutes=1)
        await Claims(dead, timedelta(days=1)).later(put_off, later, "451 later", data_sent=False, counts=True)
        await other.run(let_go())
        clock.advance(timedelta(minutes=2))
        ids = await other.run(leases.take(leases.owed_at(clock.now()), "node-b"))
        taken = {one.owed.id: one.is_doubtful for one in await other.store.read(leases.owed(ids))}
        assert taken == {in_hand.owed.id: True, put_off.owed.id: False}


async def test_a_row_whose_attempt_still_writes_what_came_of_it_is_not_begun_again_by_the_same_node(
    engine_url: str,
) -> None:
    """The commit was done and its answer lost; then the clock jumped past the time of the next attempt."""
    clock = SetClock(NOON)
    async with opened(engine_url, clock=clock) as desk:
        claims, unheard = Claims(desk, timedelta(days=1)), Claims(desk, timedelta(days=1))
        await owe(desk, 1)
        row = await claims.owed.take()
        await unheard.later(row, clock.now(), "451 later", data_sent=False, counts=True)
        clock.advance(timedelta(hours=1))
        await claims.claim_owed()
        assert not claims.owed, "the first attempt has not ended"
        await claims.later(row, clock.now(), "451 later", data_sent=False, counts=True)
        await claims.claim_owed()
        assert [one.owed.id for one in claims.owed] == [row.owed.id]

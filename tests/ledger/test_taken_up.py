"""What a node leased and could not load, because the store went away in between, it takes up by itself."""

from datetime import timedelta
from typing import Any, TypeVar

import pytest

from desk.base.errors import StoreAway
from desk.base.message import Delivery
from desk.base.names import Transport
from desk.claims import Claims, store_left
from desk.commit import Commit
from desk.ledger.statements import Steps
from desk.ledger.store import Store
from tests.ledger.desks import NOON, SetClock, opened
from tests.ledger.filled import fill, run
from tests.ledger.test_caps import admitted, caps_of, owe, rows

pytestmark = pytest.mark.anyio

R = TypeVar("R")

YEAR = timedelta(days=365)
MAIL = Delivery(Transport.PIPE, "ana@cliente.mx", ("soporte@ejemplo.mx",), "", b"From: ana@cliente.mx\r\n\r\nHola\r\n")


class GoneAfterWriting:
    """A store that is away for the one read after its first write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_due = True
        self._is_away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def read(self, steps: Steps[R]) -> R:
        if self._is_away:
            self._is_away = False
            raise StoreAway("gone")
        return await self._store.read(steps)

    async def write(self, steps: Steps[R]) -> R:
        result = await self._store.write(steps)
        self._is_away, self._is_due = self._is_due, False
        return result


def going_away(commit: Commit) -> Claims:
    """Return claims of a new node whose store goes away once."""
    return Claims(Commit(GoneAfterWriting(commit.store), commit.clock, "node-b"), YEAR)


async def test_a_mail_that_was_leased_and_could_not_be_loaded_does_not_wait_for_the_next_start(
    store_url: str,
) -> None:
    async with opened(store_url) as commit:
        await store_left(commit, MAIL, b"key", YEAR)
        claims = going_away(commit)
        with pytest.raises(StoreAway):
            await claims.claim_arrivals()
        assert not claims.arrivals
        for _ in range(2):
            await claims.recover()
        assert [one.raw for one in claims.arrivals] == [MAIL.raw]


async def test_an_owed_row_that_was_leased_and_could_not_be_loaded_does_not_wait_for_the_next_start(
    store_url: str,
) -> None:
    async with opened(store_url) as commit:
        await fill(commit)
        await run(commit, "UPDATE owed SET leased_by = NULL")
        claims = going_away(commit)
        with pytest.raises(StoreAway):
            await claims.claim_owed()
        assert not claims.owed
        for _ in range(2):
            await claims.recover()
        assert [one.owed.kind for one in claims.owed] == ["alert"]


async def test_a_row_whose_commit_was_not_heard_of_is_taken_up_although_the_clock_was_turned_back(
    store_url: str,
) -> None:
    clock = SetClock()
    async with opened(store_url, clock=clock) as commit:
        await fill(commit)
        claims = Claims(commit, YEAR)  # nobody handed it what was written before
        commit.doubts += 1
        clock.advance(-timedelta(hours=2))
        for _ in range(2):
            await claims.recover()
        assert [one.owed.kind for one in claims.owed] == ["alert"]


class TurningTheClock:
    """A store during whose writes the clock is turned."""

    def __init__(self, store: Store, clock: SetClock, by: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._by = by

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def write(self, steps: Steps[R]) -> R:
        self._clock.advance(self._by)
        return await self._store.write(steps)


@pytest.mark.parametrize(("before_due", "hours"), [(timedelta(), -5), (timedelta(hours=1), 5)])
async def test_an_answer_is_in_hand_once_although_the_clock_was_turned_during_its_commit(
    store_url: str, before_due: timedelta, hours: int
) -> None:
    clock = SetClock(NOON - before_due)
    async with opened(store_url, clock=clock) as commit:
        claims = Claims(commit, YEAR)
        await commit.reserve()
        commit.store = TurningTheClock(commit.store, clock, timedelta(hours=hours))
        (waiting,) = await owe(commit, 1)
        await claims.claim_owed()
        assert [one.owed.id for one in claims.owed] == [waiting.owed.id]


async def test_an_answer_over_a_cap_is_put_off_although_the_clock_was_turned_back(store_url: str) -> None:
    clock = SetClock()
    async with opened(store_url, clock=clock) as commit:
        waiting = await owe(commit, 4)
        clock.advance(-timedelta(minutes=10))
        assert len(await admitted(caps_of(commit), waiting)) == 3
        standing = await commit.store.read(rows("SELECT status, leased_by FROM owed ORDER BY id"))
        assert tuple(standing[3]) == ("delayed", None), "it waits, and in no node's hand"

"""Room for bytes in memory: never more than the limit, in the order of coming, given back by who is cancelled."""

import asyncio

import pytest

from desk.base.room import Room

pytestmark = pytest.mark.anyio


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_who_does_not_fit_waits_and_no_smaller_one_passes() -> None:
    room, order = Room(10), []

    async def come(size: int) -> None:
        await room.take(size)
        order.append(size)

    await room.take(8)
    tasks = [asyncio.create_task(come(size)) for size in (5, 2)]
    await turns()
    assert (room.held, order, room.is_wanted) == (8, [], True)
    room.give(8)
    await asyncio.gather(*tasks)
    assert (room.held, order, room.is_wanted) == (7, [5, 2], False)


async def test_what_is_larger_than_the_room_goes_alone() -> None:
    room = Room(10)
    async with room.of(50):
        other = asyncio.create_task(room.take(1))
        await turns()
        assert room.held == 50
    await other
    assert room.held == 1


async def test_who_is_cancelled_while_waiting_lets_in_who_stands_behind() -> None:
    room = Room(10)
    await room.take(8)
    large, small = asyncio.create_task(room.take(5)), asyncio.create_task(room.take(2))
    await turns()
    large.cancel()
    await asyncio.wait([large, small])
    assert room.held == 10


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_who_is_cancelled_as_room_comes_has_taken_none(cancelled_first: bool) -> None:
    room = Room(10)
    await room.take(10)
    waiting = asyncio.create_task(room.take(5))
    await turns()
    steps = [waiting.cancel, lambda: room.give(10)]
    for step in steps if cancelled_first else reversed(steps):
        step()
    await asyncio.wait([waiting])
    assert (room.held, room.is_wanted) == (0, False)

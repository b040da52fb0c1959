"""A loop whose time is virtual and whose order is drawn: no thread, no socket, no real wait.

Promises: the same seed gives the same order of steps. What is ready at the same time runs in an order that the seed
chooses; when nothing is ready, time moves to the next timer at once. Never: waits for anything outside.
"""

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any, TypeVar

R = TypeVar("R")


class NothingToDo(Exception):
    """Every task waits for another: the life can never end."""


class _NoSelector:
    """Stands where a loop asks the system what happened: only time does."""

    def __init__(self, loop: "WorldLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise NothingToDo
        self._loop.virtual_s += timeout
        return []


class WorldLoop(asyncio.BaseEventLoop):
    """A loop for one life."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random
        self._selector = _NoSelector(self)
        self.virtual_s = 0.0

    def time(self) -> float:
        return self.virtual_s

    def _process_events(self, _events: list[Any]) -> None:
        """Draw the order of what is ready: the base class calls this before each round."""
        ready: Any = self._ready  # type: ignore[attr-defined] # no public way to choose an order
        if len(ready) > 1:
            drawn = list(ready)
            self._random.shuffle(drawn)
            ready.clear()
            ready.extend(drawn)

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector."""


def live(life: Coroutine[Any, Any, R], random: Random) -> R:
    """Run a life to its end on a loop of its own, and drop whatever it leaves unfinished."""
    loop = WorldLoop(random)
    asyncio.set_event_loop(loop)
    try:
        result = loop.run_until_complete(life)
        while left := asyncio.all_tasks(loop):  # some begin others as they end
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        return result
    finally:
        asyncio.set_event_loop(None)
        loop.close()

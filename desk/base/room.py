"""Room: bytes that may be in memory for one purpose at once.

Promises: no more is held than the limit, but by one that is larger than it and then is alone; who waits goes in the
order of coming, so that small ones do not pass a large one for ever. Never: knows what the bytes are for.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Room:
    """Takes and gives bytes within a limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def is_wanted(self) -> bool:
        """Tell whether anybody waits."""
        return bool(self._waiting)

    @asynccontextmanager
    async def of(self, size: int) -> AsyncIterator[None]:
        """Hold room for size bytes while the block runs, waiting for it."""
        await self.take(size)
        try:
            yield
        finally:
            self.give(size)

    async def take(self, size: int) -> None:
        """Take room for size bytes, waiting until it is there. Cancelled, it has taken none."""
        if not self._waiting and self._fits(size):
            self.held += size
            return
        place = (size, asyncio.get_running_loop().create_future())
        self._waiting.append(place)
        try:
            await place[1]
        except asyncio.CancelledError:
            if not place[1].cancelled():  # it was let in at the same moment
                self.give(size)
            elif place in self._waiting:
                self._waiting.remove(place)
                self._let_in()  # who stood behind may fit
            raise

    def give(self, size: int) -> None:
        """Return what `take` took."""
        self.held -= size
        assert self.held >= 0, "more bytes given back than taken"
        self._let_in()

    def _fits(self, size: int) -> bool:
        return not self.held or self.held + size <= self.limit

    def _let_in(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size, place = self._waiting.popleft()
            if not place.cancelled():
                self.held += size
                place.set_result(None)

"""Ends what is kept for a span only: raw mails (`[retention] raw`), looked for by the loop of what is due.

Promises: a look erases a bounded number, so that mail goes on coming in beside it; on SQLite the file shrinks after it.
Never: takes what somebody has yet to read or to decide.
"""

from contextlib import suppress
from datetime import timedelta

import structlog

from desk.base.errors import StoreAway
from desk.commit import Commit
from desk.ledger import retention

log = structlog.get_logger()

PAUSE = timedelta(minutes=1)
"""From a look that found nothing to the next."""


class Retention:
    """Erases a few expired mails at each look, then gives back a little of the file at each."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._idle_since = commit.clock.now() - PAUSE
        self._has_shrunk = False

    async def look(self) -> None:
        """Do one step of what there is to do. Raises StoreAway."""
        now = self._commit.clock.now()
        if timedelta(0) <= now - self._idle_since < PAUSE:
            return
        if erased := await self._commit.run(retention.erase_expired(now)):
            log.info("raw_mails_erased", count=erased)
        elif not await self._shrink():
            self._idle_since = now

    async def _shrink(self) -> bool:
        """Give back a little of the file; False when there is nothing to give. PostgreSQL does it by itself."""
        store = self._commit.store
        if store.engine == "sqlite" and await store.read(retention.has_free_pages()):
            await self._commit.run(retention.give_back())
            self._has_shrunk = True
            return True
        if self._has_shrunk:
            with suppress(StoreAway):  # whoever reads or writes just now; the next look that finds nothing tries again
                await store.cut_log()
                self._has_shrunk = False
        return False

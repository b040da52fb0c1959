"""Performs what falls due: looks once a second by the wall clock, whatever timers think (DESIGN 8).

Promises: suspend, clock steps and a day of downtime delay nothing longer than a look. Never: decides what is due; each
incident's rule does, and its version guard sees that nothing fires twice.
"""

import asyncio
from typing import Protocol

import structlog

from desk.base.errors import ActLost, StoreAway
from desk.commit import Commit
from desk.ledger import load
from desk.ledger.statements import LEASE_S
from desk.verbs.deadlines import FallDue

log = structlog.get_logger()

LOOK_S = 1.0
"""Seconds between two looks."""
RENEW_S = LEASE_S // 3
"""How often leases are renewed."""
WAKING_MAX = 100
"""Incidents woken at one look; the rest are taken at the next."""


class Claiming(Protocol):
    """What `claims` does when its time has come."""

    async def renew(self) -> None: ...

    async def recover(self) -> None: ...

    async def claim_arrivals(self) -> int: ...

    async def claim_owed(self) -> int: ...


class Looking(Protocol):
    """What no incident owns and is due all the same (DESIGN 4, the act): the daily summary, held items, the
    end of retention."""

    async def look(self) -> None: ...


class Due:
    """The loop that looks for due incidents, owed rows whose time came, and what dead nodes left."""

    def __init__(self, commit: Commit, claims: Claiming, *others: Looking) -> None:
        self._commit = commit
        self._claims = claims
        self._others = others
        self._looks = 0
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Look for ever; ends when cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_on())
            group.create_task(self._watch())

    async def _look_on(self) -> None:
        while True:
            try:
                await self.look()
            except StoreAway as away:
                log.warning("store_away", part="due", cause=str(away))
            except Exception:  # loop head: one look that fails must not end the looking
                log.exception("due_failed")
            await asyncio.sleep(LOOK_S)

    async def _watch(self) -> None:
        """Take up at once what another process left: a mail by the pipe, an answer of a node that does not send.

        What is missed here, the next look finds.
        """
        while True:
            try:
                await self._commit.store.others_wrote()
                await self._claims.claim_arrivals()
                await self._claims.claim_owed()
            except StoreAway as away:
                log.warning("store_away", part="watch", cause=str(away))
                await asyncio.sleep(LOOK_S)
            except Exception:  # loop head: the looks go on without it, and it with the next thing left
                log.exception("due_failed")
                await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Perform everything whose time has come, once a look that is under way has ended. Raises StoreAway."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        self._looks += 1
        if self._looks % int(RENEW_S / LOOK_S) == 0 and self._commit.store.engine == "postgres":
            await self._claims.renew()
        await self._claims.recover()
        await self._claims.claim_arrivals()
        await self._claims.claim_owed()
        for incident in await self._commit.store.read(load.waking(self._commit.clock.now(), WAKING_MAX)):
            await self._wake(incident)
        for other in self._others:
            await other.look()

    async def _wake(self, incident: int) -> None:
        try:
            await self._commit.perform(FallDue(self._commit, incident))
        except ActLost:
            log.info("act_lost", incident=incident)

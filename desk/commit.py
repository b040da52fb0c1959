"""The only place that commits: what acts decided, by `perform`, and the rows of claims (DESIGN 4, the act).

Promises: a decision is written whole or not at all, guarded by versions and keys; what returns is on disk; a loser is
decided again on fresh facts. A batch is what gathered while the last one was being written. Never: waits for the
network inside a transaction, lets a bad row of one act fail another.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

import structlog

from desk.base.clock import Clock
from desk.base.discreet import told
from desk.base.errors import ActLost, StoreAway
from desk.base.meter import metered, stage
from desk.base.names import EVERY_ROLE, NodeRole
from desk.ledger.batch import write_batch
from desk.ledger.leases import id_blocks
from desk.ledger.save import Change, change_of
from desk.ledger.statements import Steps
from desk.ledger.store import Store
from desk.rules.decision import Decision, Owed

log = structlog.get_logger()

F = TypeVar("F")
R = TypeVar("R")

PROBE = "probes"
"""The name under which a node without traffic takes ids of nothing, to see that it can write."""
ATTEMPT_MAX = 5
"""How often an act that lost is decided again before it is given up."""
BATCH_MAX = 256
BATCH_BYTES_MAX = 8 * 1024 * 1024
"""Raw mail of a batch, unless one change alone has more: a driver copies what it writes up to three times."""
GATHER_TURNS = 8
"""Turns of the loop before a batch is taken: whoever is ready to hand in comes along. It is no waiting, an idle loop
turns at once; under load it makes a third fewer commits (measured; more turns gain nothing)."""
FIRST = {"incidents": 10_000}
"""Where ids begin, for tables that do not begin at 1."""
BLOCKS = {
    "incidents": 20,
    "people": 50,
    "messages": 200,
    "assignments": 200,
    "promises": 200,
    "owed": 200,
    "arrivals": 100,
    "blobs": 100,
    "held": 20,
    "pauses": 20,
}
"""Ids a node leases at a time, by table: what is left of a block when the node ends is a gap."""
RESERVE = 16
"""Ids of each table that must be at hand before an act decides; no rule takes more."""


class Act(Protocol[F]):
    """Load and decide travel together, so that a loser can be decided again."""

    @property
    def lanes(self) -> tuple[str, ...]:
        """Incident numbers or a key that this node's acts must not race for."""
        ...

    async def load(self) -> F: ...

    def decide(self, facts: F, now: datetime) -> Decision: ...


class IdBlocks:
    """Ids leased in blocks, given out without waiting (DESIGN 4: ids are facts)."""

    def __init__(self, tables: Iterable[str]) -> None:
        self._blocks: dict[str, list[range]] = {table: [] for table in tables}
        self._left = dict.fromkeys(self._blocks, 0)
        self._wanting = set(self._blocks)

    def next(self, table: str) -> int:
        """Return a fresh id. `perform` has seen to it that RESERVE of them are at hand."""
        blocks = self._blocks[table]
        first = blocks[0]
        if len(first) == 1:
            blocks.pop(0)
        else:
            blocks[0] = first[1:]
        self._left[table] -= 1
        if self._left[table] < RESERVE:
            self._wanting.add(table)
        return first[0]

    def wanting(self) -> set[str]:
        """Return the tables whose reserve is short."""
        return self._wanting

    def add(self, table: str, first: int) -> None:
        self._blocks[table].append(range(first, first + BLOCKS[table]))
        self._left[table] += BLOCKS[table]
        if self._left[table] >= RESERVE:
            self._wanting.discard(table)


@dataclass(slots=True)
class _Pending:
    change: Change
    done: "asyncio.Future[bool]"


class Lanes:
    """One act at a time in each lane of this node; a lane nobody waits for is forgotten."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def hold(self, names: tuple[str, ...]) -> AsyncIterator[None]:
        """Hold the lanes, taken in order, so that two acts never wait for each other."""
        held: list[asyncio.Lock] = []
        ordered = sorted(set(names))
        for name in ordered:
            lock, users = self._locks.get(name, (asyncio.Lock(), 0))
            self._locks[name] = (lock, users + 1)
        try:
            for name in ordered:
                lock = self._locks[name][0]
                await lock.acquire()
                held.append(lock)
            yield
        finally:
            for lock in held:
                lock.release()
            for name in ordered:
                lock, users = self._locks[name]
                if users == 1:
                    del self._locks[name]
                else:
                    self._locks[name] = (lock, users - 1)


class Commit:
    """Writes decisions and the rows of claims, batch by batch.

    `tables` are those whose ids are at hand: a command whose acts make no rows leases none, and leaves no gaps.
    `roles` say what this node carries: what it owes to others without RESPONDERS is left to whichever node has it.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        node: str,
        tables: Iterable[str] = BLOCKS,
        *,
        roles: frozenset[NodeRole] = EVERY_ROLE,
    ) -> None:
        self.store = store
        self.clock = clock
        self.node = node
        self.roles = roles
        self.ids = IdBlocks(tables)
        self.doubts = 0
        """Writes that ended in StoreAway: they may have been committed all the same."""
        self.away_since: datetime | None = None
        """Since when the store has taken nothing that was to be written; None when the last write was taken."""
        self._lanes = Lanes()
        self._pending: list[_Pending] = []
        self._writer: asyncio.Task[None] | None = None
        self._leasing = asyncio.Lock()
        self._listeners: list[Callable[[Decision], None]] = []
        self._carriers: list[Callable[[tuple[Owed, ...]], None]] = []

    def on_committed(self, listener: Callable[[Decision], None]) -> None:
        """Call `listener` with every decision after it is on disk."""
        self._listeners.append(listener)

    def on_born_in_hand(self, carrier: Callable[[tuple[Owed, ...]], None]) -> None:
        """Call `carrier` with the committed owed rows that are leased to this node from birth: those due when it was
        decided, wherever the clock was turned to meanwhile."""
        self._carriers.append(carrier)

    @metered("decide and write")
    async def perform(self, act: Act[F]) -> Decision:
        """Load, decide and commit an act in its lanes; decide again when another node won.

        Raises StoreAway when the database cannot write now, ActLost after ATTEMPT_MAX lost races.
        """
        carrier = self.node if NodeRole.RESPONDERS in self.roles else None
        async with self._lanes.hold(act.lanes):
            for _ in range(ATTEMPT_MAX):
                facts = await act.load()
                await self.reserve()
                now = self.clock.now()
                decision = act.decide(facts, now)
                if await self.write(change_of(decision, carrier, now)):
                    self._tell(decision, now)
                    return decision
        raise ActLost(f"lost {ATTEMPT_MAX} times: {act.lanes}")

    def _tell(self, decision: Decision, now: datetime) -> None:
        for listener in self._listeners:
            listener(decision)
        due = tuple(owed for owed in decision.owed if (owed.not_before or owed.due_at) <= now)
        if due and NodeRole.RESPONDERS in self.roles:
            for carrier in self._carriers:
                carrier(due)

    async def reserve(self) -> None:
        """See to it that every table's reserve of ids is at hand."""
        if not self.ids.wanting():
            return
        async with self._leasing:
            while tables := self.ids.wanting():
                sizes = {table: BLOCKS[table] for table in tables}
                for table, begin in (await self._write_to_store(id_blocks(sizes, FIRST))).items():
                    self.ids.add(table, begin)

    async def write(self, change: Change) -> bool:
        """Write one change with the next batch. Return whether its guards held. Raises StoreAway, or what was wrong
        with this change alone."""
        pending = _Pending(change, asyncio.get_running_loop().create_future())
        self._pending.append(pending)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_batches())
        return await pending.done  # a caller that is cancelled leaves the change to be written

    async def run(self, steps: Steps[R]) -> R:
        """Run the rows of claims that are taken, not decided: leases. Raises StoreAway."""
        try:
            return await self._write_to_store(steps)
        except StoreAway:
            self.doubts += 1
            raise

    async def probe(self) -> None:
        """Write something that changes nothing for anybody: a store may answer and take nothing. Raises StoreAway."""
        await self._write_to_store(id_blocks({PROBE: 1}, {}))

    async def drain(self) -> None:
        """Wait until everything handed in has been written."""
        while self._writer is not None and not self._writer.done():
            await asyncio.wait([self._writer])

    async def _write_batches(self) -> None:
        while self._pending:
            for _ in range(GATHER_TURNS):
                await asyncio.sleep(0)
            batch = self._next_batch()
            try:
                won = await self._write_one([pending.change for pending in batch])
            except StoreAway as away:
                self.doubts += 1
                _fail(batch, away)
            except Exception as error:  # noqa: BLE001 -- a loop head: one bad row must not fail the others
                log.warning("batch_isolated", size=len(batch), error=told(error))
                await self._isolate(batch)
            else:
                for pending, is_winner in zip(batch, won, strict=True):
                    _resolve(pending, is_winner)

    def _next_batch(self) -> list[_Pending]:
        """Take what is written next, in order: one change at least."""
        count = size = 0
        for pending in self._pending[:BATCH_MAX]:
            size += pending.change.size
            if count and size > BATCH_BYTES_MAX:
                break
            count += 1
        batch, self._pending = self._pending[:count], self._pending[count:]
        return batch

    async def _write_one(self, changes: list[Change]) -> list[bool]:
        with stage("decide and write"):
            steps = write_batch(changes, self.clock.now())
        return await self._write_to_store(steps)

    async def _write_to_store(self, steps: Steps[R]) -> R:
        try:
            written = await self.store.write(steps)
        except StoreAway:
            self.away_since = self.away_since or self.clock.now()
            raise
        self.away_since = None
        return written

    async def _isolate(self, batch: list[_Pending]) -> None:
        for pending in batch:
            try:
                won = await self._write_one([pending.change])
            except StoreAway as away:
                self.doubts += 1
                _fail([pending], away)
            except Exception as error:  # noqa: BLE001 -- handed on to the act that failed alone
                _fail([pending], error)
            else:
                _resolve(pending, won[0])


def _resolve(pending: _Pending, is_winner: bool) -> None:
    if not pending.done.done():
        pending.done.set_result(is_winner)


def _fail(batch: list[_Pending], error: Exception) -> None:
    for pending in batch:
        if not pending.done.done():
            pending.done.set_exception(error)
            pending.done.exception()

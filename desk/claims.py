"""Claims: arrivals stored before anybody reads them, owed rows taken and ended, both handed on in memory (DESIGN 4, 8).

Promises: `store` returns after the commit; what this node took it has in memory, what a dead node had is claimed again.
Never: decides anything about an incident. Claiming by the database is for recovery and for rows whose time came later.
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from desk.base.errors import StoreAway
from desk.base.message import Arrival, Delivery
from desk.base.meter import metered
from desk.base.names import NodeRole
from desk.commit import Commit
from desk.ledger import leases, load
from desk.ledger.leave import leave
from desk.ledger.load import Waiting
from desk.ledger.save import Change, Written, arrival_rows, copy_rows, message_rows
from desk.ledger.statements import Steps
from desk.rules.decision import Owed, StoredMessage
from desk.rules.mail import ARRIVAL_KEY

log = structlog.get_logger()

T = TypeVar("T")
R = TypeVar("R")

LATELY_BYTES_MAX = 16 * 1024 * 1024
"""Raw mail kept in memory past its reader, for its notice: reading 3 MiB again costs 6 ms on SQLite, more elsewhere."""
IN_HAND_MAX = 256
"""Owed rows that wait in this node from which it claims no more: others may have them."""
MEMORY_BYTES_MAX = 32 * 1024 * 1024
"""Raw mail kept in memory between its commit and its reader; beyond it the bytes are read from the ledger again."""
LARGE_BYTES = 1024 * 1024
"""A mail above this is large: few of those are on their way to their act at once, and no other waits behind them."""


class Hand(deque[T]):
    """Rows handed on in memory. A row wakes one of those who wait, not all of them."""

    def __init__(self) -> None:
        super().__init__()
        self._untaken = asyncio.Semaphore(0)

    def put(self, row: T) -> None:
        self.append(row)
        self._untaken.release()

    def put_first(self, row: T) -> None:
        """Give a row back: it is the next one taken."""
        self.appendleft(row)
        self._untaken.release()

    async def take(self) -> T:
        """Return the next row, waiting for one."""
        await self._untaken.acquire()
        return self.popleft()


class Lately:
    """Raw mails on their way to their act, the latest of them: whatever carries their attachments finds them here once.

    Only the first attempt is served from memory: what is tried again must have been kept till then.
    """

    def __init__(self) -> None:
        self._raws: dict[int, bytes] = {}
        self._bytes = 0

    def keep(self, blob: int, raw: bytes) -> None:
        """Remember a mail, and forget the oldest beyond LATELY_BYTES_MAX."""
        self.take(blob)
        self._raws[blob] = raw
        self._bytes += len(raw)
        while self._bytes > LATELY_BYTES_MAX:
            self.take(next(iter(self._raws)))

    def take(self, blob: int) -> bytes:
        """Return a mail and forget it; b"" when it is not here."""
        raw = self._raws.pop(blob, b"")
        self._bytes -= len(raw)
        return raw


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of an attempt that the relay took: when, its reply, the message as it was said."""

    at: datetime
    reply: str
    message: StoredMessage | None
    promises_told: tuple[int, ...] = ()


async def store_left(commit: Commit, delivery: Delivery, key: bytes, raw_for: timedelta) -> None:
    """Store a mail from a process that is no node: it is left to whichever node looks first. On return it is committed.

    Such a process ends after one mail, so it leases the two ids it needs and no block. Raises StoreAway, NotMigrated.
    """
    ids = await commit.run(leases.id_blocks({"arrivals": 1, "blobs": 1}, {}))
    now = commit.clock.now()
    arrival = Arrival(
        id=ids["arrivals"],
        transport=delivery.transport,
        envelope_from=delivery.envelope_from,
        recipients=delivery.recipients,
        peer=delivery.peer,
        received_at=now,
        blob=ids["blobs"],
        raw=delivery.raw,
        authenticated_as=delivery.authenticated_as,
    )
    await commit.run(leave(arrival, (ARRIVAL_KEY + key).hex(), now, now + raw_for))


class Claims:
    """Stores arrivals, hands out arrivals and owed rows, and writes what came of them."""

    def __init__(self, commit: Commit, raw_for: timedelta) -> None:
        self.arrivals: Hand[Arrival] = Hand()
        self.large_arrivals: Hand[Arrival] = Hand()
        self.owed: Hand[Waiting] = Hand()
        self._commit = commit
        self._raw_for = raw_for
        self._bytes_in_hand = 0
        self._in_hand: dict[str, set[int]] = {"arrivals": set(), "owed": set()}
        self._missed: dict[str, set[int]] = {"arrivals": set(), "owed": set()}
        self._doubts = 0
        self._lately = Lately()
        commit.on_born_in_hand(self._hand_on)

    # Arrivals

    @metered("arrival")
    async def store(self, delivery: Delivery, key: bytes, headers: object = None) -> None:
        """Store a mail; on return it is committed. A further copy is a row of its own that owes nothing.

        `headers` goes along with the arrival in memory. Raises StoreAway.
        """
        await self._commit.reserve()
        ids, now = self._commit.ids, self._commit.clock.now()
        arrival = Arrival(
            id=ids.next("arrivals"),
            transport=delivery.transport,
            envelope_from=delivery.envelope_from,
            recipients=delivery.recipients,
            peer=delivery.peer,
            received_at=now,
            blob=ids.next("blobs"),
            raw=delivery.raw,
            authenticated_as=delivery.authenticated_as,
            headers=headers,
            size=len(delivery.raw),
        )
        full_key = (ARRIVAL_KEY + key).hex()
        sha256 = hashlib.sha256(delivery.raw).hexdigest()
        rows = arrival_rows(arrival, full_key, sha256, self._commit.node, now + self._raw_for)
        if await self._commit.write(Change(rows, key=full_key, ref=arrival.id, size=arrival.size)):
            log.info("arrival_stored", arrival=arrival.id, size=len(delivery.raw), transport=delivery.transport)
            self._take_in_hand(arrival)
        else:
            await self._store_copy(arrival, full_key)

    async def _store_copy(self, arrival: Arrival, key: str) -> None:
        blob, incident = await self._commit.store.read(load.first_copy(key))
        await self._commit.write(Change(copy_rows(replace(arrival, blob=blob), key, incident)))
        log.info("arrival_repeated", arrival=arrival.id, transport=arrival.transport)

    def _take_in_hand(self, arrival: Arrival) -> None:
        if self._bytes_in_hand + len(arrival.raw) > MEMORY_BYTES_MAX:
            arrival = replace(arrival, raw=b"", headers=None)
        self._bytes_in_hand += len(arrival.raw)
        self._in_hand["arrivals"].add(arrival.id)
        (self.large_arrivals if arrival.size > LARGE_BYTES else self.arrivals).put(arrival)

    def let_go(self, arrival: Arrival) -> None:
        """Note that an arrival has its act."""
        self._in_hand["arrivals"].discard(arrival.id)

    async def take_arrival(self, *, is_large: bool = False) -> Arrival:
        """Return the next arrival, or large one, waiting for it. Its bytes may be left out: see `with_bytes`."""
        return await (self.large_arrivals if is_large else self.arrivals).take()

    async def with_bytes(self, arrival: Arrival) -> Arrival:
        """Return a taken arrival with its bytes, in its taker's hand from now on.

        Raises StoreAway when they are in the ledger alone and cannot be had.
        """
        self._bytes_in_hand -= len(arrival.raw)
        if not arrival.raw:
            arrival = replace(arrival, raw=await self._commit.store.read(leases.raw(arrival.blob)))
        self._lately.keep(arrival.blob, arrival.raw)
        return arrival

    def put_back(self, arrival: Arrival) -> None:
        """Hand an arrival on again that could not be finished now."""
        self._take_in_hand(arrival)

    async def claim_arrivals(self) -> int:
        """Take arrivals that no living node has in hand; return how many. Without INTAKE none: nobody here reads."""
        if NodeRole.INTAKE not in self._commit.roles:
            return 0
        taken = await self._claim(leases.ARRIVALS)
        if taken:
            await self._load_arrivals(taken)
            log.info("arrivals_claimed", count=len(taken))
        return len(taken)

    async def _load_arrivals(self, ids: Sequence[int]) -> None:
        for arrival in await self._loaded(leases.arrivals(ids, LARGE_BYTES)):
            self._take_in_hand(arrival)

    # Owed rows

    def _hand_on(self, born: tuple[Owed, ...]) -> None:
        for owed in born:
            self._owe(Waiting(owed, 0))

    def _owe(self, waiting: Waiting) -> None:
        self._in_hand["owed"].add(waiting.owed.id)
        self.owed.put(waiting)

    async def claim_owed(self) -> int:
        """Take owed rows whose time has come and that no living node has in hand; return how many.

        Without RESPONDERS none: nobody here sends.
        """
        if NodeRole.RESPONDERS not in self._commit.roles:
            return 0
        count, is_more = 0, True
        while is_more and len(self.owed) < IN_HAND_MAX:
            taken = await self._claim(leases.owed_at(self._commit.clock.now()))
            if taken:
                await self._load_owed(taken)
            count, is_more = count + len(taken), len(taken) == leases.CLAIM_MAX
        return count

    async def _load_owed(self, ids: Sequence[int]) -> None:
        """Take rows in hand, but for those whose attempt still tries to write what came of it: it has written it."""
        for waiting in await self._loaded(leases.owed(ids)):
            if waiting.owed.id not in self._in_hand["owed"]:
                self._owe(waiting)

    async def sent(self, waiting: Waiting, sent: Sent) -> bool:
        """Write that the relay took it, and what was said as a message of the incident; False: another had done so."""
        owed = waiting.owed
        rows: list[Written] = [("owed_sent", (waiting.attempts + 1, sent.at, sent.reply, owed.id))]
        rows += [("promise_told", (sent.at, promise)) for promise in sent.promises_told]
        if sent.message is not None:
            rows += message_rows(sent.message, owed.id)
        return await self._end(Change(tuple(rows), owed=owed.id))

    async def later(self, waiting: Waiting, not_before: datetime, reply: str, *, data_sent: bool, counts: bool) -> None:
        """Write that it was not taken now, and when it is tried again."""
        attempts = waiting.attempts + (1 if counts else 0)
        row = ("owed_retry", (attempts, not_before, reply, data_sent, waiting.owed.id))
        await self._end(Change((row,), owed=waiting.owed.id))

    async def _end(self, change: Change) -> bool:
        """Write what came of an attempt; on return the row is in this node's hand no longer."""
        won = await self._commit.write(change)
        assert change.owed is not None, "what came of an attempt names its owed row"
        self._in_hand["owed"].discard(change.owed)
        return won

    def put_down(self, waiting: Waiting) -> None:
        """Note that a row does not go out now, or went out in another: the ledger says what becomes of it."""
        self._in_hand["owed"].discard(waiting.owed.id)

    async def stretch(self, blob: int, start: int, end: int) -> bytes | None:
        """Return the bytes of a raw mail from start to before end; None once retention or an erasure took them.

        Raises StoreAway.
        """
        raw = self._lately.take(blob)
        return raw[start:end] if raw else await self._commit.store.read(leases.stretch(blob, start, end))

    def new_message_id(self) -> int:
        """Return a fresh id for a message that goes out."""
        return self._commit.ids.next("messages")

    async def reserve(self) -> None:
        """See to it that ids are at hand. Raises StoreAway."""
        await self._commit.reserve()

    # Leases

    async def renew(self) -> None:
        """Tell the database that this node still works on what it holds."""
        await self._commit.run(leases.renew(self._commit.node))

    async def recover(self) -> None:
        """Take up what is leased to this node and nobody here has: a commit that was not heard of. Raises StoreAway.

        A row counts as missed when two calls in a row found it so: one whose commit has just returned is on its way.
        """
        doubts = self._commit.doubts
        if doubts == self._doubts:
            return
        arrivals = await self._missing(leases.ARRIVALS)
        owed = await self._missing(leases.OWED)
        if arrivals:
            await self._load_arrivals(arrivals)
        if owed:
            await self._load_owed(owed)
        if arrivals or owed:
            log.warning("rows_recovered", arrivals=len(arrivals), owed=len(owed))
        if not any(self._missed.values()):
            self._doubts = doubts

    async def _missing(self, claim: leases.Claim) -> list[int]:
        held = await self._commit.store.read(leases.own(claim, self._commit.node))
        lost = held - self._in_hand[claim.table]
        again = lost & self._missed[claim.table]
        self._missed[claim.table] = lost - again
        return sorted(again)

    async def _loaded(self, steps: Steps[R]) -> R:
        """Load rows that were leased to this node. Raises StoreAway: then nobody has them, and `recover` looks."""
        try:
            return await self._commit.store.read(steps)
        except StoreAway:
            self._commit.doubts += 1
            raise

    async def _claim(self, claim: leases.Claim) -> list[int]:
        node = self._commit.node
        found = await self._commit.store.read(leases.free(claim, node))
        return await self._commit.run(leases.take(claim, node)) if found else []

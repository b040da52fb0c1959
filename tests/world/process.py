"""A process that may die at every meeting with the outside, and a node of the desk as one.

Promises: whoever dies reaches neither store nor relay nor sender any more, whatever its memory still does; what the
ledger runs on here is the house's own code, from `Ingest.accept` to `MailCarrier.deliver`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, NoReturn, TypeVar

from board.page import DeskIdentity, Pages
from board.status_page import StatusPage
from desk.base.clock import Clock
from desk.base.errors import ReaderFailed, StoreAway
from desk.base.names import Channel
from desk.caps import Caps
from desk.claims import Claims
from desk.commit import Commit
from desk.due import Due
from desk.ledger.statements import Steps
from desk.rules.desk import Desk
from desk.rules.routing import Consultant
from desk.verbs.digest import Digests
from desk.verbs.flood import Floods
from desk.verbs.late import Lates
from desk.verbs.reception import Reception
from desk.verbs.retention import Retention
from desk.verbs.roster import RosterBook, enrol
from desk.verbs.undelivered import Undeliveries
from desk.wording.wording import Wording
from intake.email.ingest import Ingest
from intake.email.reading.reader import Readers, ReadResult
from responders.mail.carrier import MailCarrier
from responders.mail.compose import MailIdentity
from responders.mail.relays import Relays
from responders.outbox import Outbox
from tests.world.faults import KILLS, Fault, Place, Plan
from tests.world.store import MemoryDatabase, MemoryStore
from ventanilla.settings import Settings

R = TypeVar("R")

Read = Callable[..., Awaitable[ReadResult]]
REMEMBERED_MAX = 5_000
DEATHS = (Fault.READER_DIES_ONCE, Fault.READER_DIES_TWICE)
SLOW_S = (1.0, 8.0)
AWAY_FOR_S = (2.0, 20.0)


@dataclass(frozen=True)
class House:
    """What every node of every life is made of: settings, roster, words, readers in this process."""

    settings: Settings
    desk: Desk
    roster: tuple[Consultant, ...]
    wording: Wording
    read: Read


class Remembering:
    """Reads a mail as the house's readers do, once: the same bytes come in many lives."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self.known: dict[Any, ReadResult] = {}

    async def read(self, raw: bytes, *others: Any, **named: Any) -> ReadResult:
        asked = (raw, others, tuple(named.items()))
        if asked not in self.known:
            if len(self.known) >= REMEMBERED_MAX:
                self.known.clear()
            self.known[asked] = await self._readers.read(raw, *others, **named)
        return self.known[asked]


class Weather:
    """What is outside of all processes: how the store is, what strikes, who hears of a death."""

    def __init__(self, plan: Plan, random: Random, on_death: Callable[["Process"], None]) -> None:
        self.plan = plan
        self.random = random
        self.on_death = on_death
        self.store_away_until = 0.0
        self._forgotten: list[asyncio.Future[None]] = []

    async def never(self) -> NoReturn:
        """What a dead process waits for."""
        self._forgotten.append(asyncio.get_running_loop().create_future())
        await self._forgotten[-1]
        raise AssertionError("nothing ends this wait")


class Process:
    """Something that can be killed."""

    def __init__(self, name: str, clock: Clock, weather: Weather) -> None:
        self.name = name
        self.clock = clock
        self.is_dead = False
        self.death: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.tasks: set[asyncio.Task[Any]] = set()
        self._weather = weather

    def begin(self, work: Any) -> "asyncio.Task[Any]":
        """Begin something of this process: it ends with it."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    def die(self) -> None:
        """End as by `kill -9`: nothing of it reaches the outside from now on."""
        if self.is_dead:
            return
        self.is_dead = True
        self._weather.on_death(self)
        if not self.death.done():
            self.death.set_result(None)
        for task in self.tasks:
            task.cancel()

    async def meet(self, place: Place) -> Fault | None:
        """Meet the outside at a place: return what strikes. Who dies here, or was killed meanwhile, never returns."""
        weather = self._weather
        if self.is_dead:
            await weather.never()
        fault = weather.plan.strike(place)
        if fault in KILLS:
            self.die()
        await asyncio.sleep(weather.random.uniform(*SLOW_S) if fault in (Fault.SLOW_COMMIT, Fault.SLOW_RELAY) else 0)
        if self.is_dead:
            await weather.never()
        return fault

    async def meet_store(self, place: Place) -> None:
        """Meet the store. Raises StoreAway."""
        fault = await self.meet(place)
        now = asyncio.get_running_loop().time()
        if fault is Fault.AWAY_FOR_LONG:
            self._weather.store_away_until = now + self._weather.random.uniform(*AWAY_FOR_S)
        is_struck = fault in (Fault.AWAY_READING, Fault.AWAY_BEFORE_COMMIT, Fault.AWAY_AFTER_COMMIT)
        if is_struck or (place is not Place.COMMITTED and now < self._weather.store_away_until):
            raise StoreAway(f"away: {fault}")


class StruckStore(MemoryStore):
    """A process's hold on the store, where faults strike."""

    def __init__(self, database: MemoryDatabase, process: Process) -> None:
        super().__init__(database)
        self._process = process

    async def read(self, steps: Steps[R]) -> R:
        await self._process.meet_store(Place.READ)
        return self._database.look(steps)

    async def write(self, steps: Steps[R]) -> R:
        await self._process.meet_store(Place.COMMIT)
        result = self._database.change(steps)
        await self._process.meet_store(Place.COMMITTED)
        return result


class StruckReaders:
    """A process's readers, which die when it is their turn."""

    def __init__(self, read: Read, process: Process, on_unreadable: Callable[[bytes], None]) -> None:
        self._read = read
        self._process = process
        self._on_unreadable = on_unreadable
        self._dying: set[bytes] = set()

    async def read(self, raw: bytes, *others: Any, **named: Any) -> ReadResult:
        is_second = bool(named.pop("alone", False))
        fault = await self._process.meet(Place.READER)
        if is_second and (fault in DEATHS or raw in self._dying):
            self._dying.discard(raw)
            self._on_unreadable(raw)
            raise ReaderFailed("died again")
        if fault is Fault.READER_DIES_TWICE:
            self._dying.add(raw)
        if fault in DEATHS:
            raise ReaderFailed("died")
        return await self._read(raw, *others, **named)


class Node(Process):
    """A node, put together as `ventanilla.wiring.node` does, without sockets."""

    ingest: Ingest
    outbox: Outbox
    claims: Claims
    page: StatusPage
    is_up = False

    async def stand(
        self, house: House, database: MemoryDatabase, sender: Any, on_unreadable: Callable[[bytes], None]
    ) -> None:
        """Stand until killed. Raises StoreAway when the store is away at the start."""
        settings = house.settings
        store = StruckStore(database, self)
        commit = Commit(store, self.clock, self.name)
        consultants = await enrol(house.roster, commit)
        book = RosterBook(consultants, store, self.clock)
        commit.on_committed(book.note)
        self.claims = Claims(commit, settings.retention.raw)
        readers: Any = StruckReaders(house.read, self, on_unreadable)
        self.ingest = Ingest(self.claims, readers, Reception(commit, book, house.desk))
        identity = MailIdentity(settings.desk.address, settings.desk.name)
        carriers = {Channel.EMAIL: MailCarrier(Relays(sender), identity, house.wording, self.claims.stretch)}
        floods = Floods(commit, consultants, house.desk, settings.answers.per_minute)
        caps = Caps(commit, settings.answers, house.desk.calendar.zone, floods.tell)
        self.outbox = Outbox(
            self.claims,
            caps,
            Lates(commit, house.desk),
            Undeliveries(commit, book, house.desk),
            carriers,
            clock=self.clock,
            random=self._weather.random,
        )
        due = Due(commit, self.claims, Digests(commit, consultants, house.desk), Retention(commit))
        pages = Pages(DeskIdentity(identity.name, identity.address), house.wording, self.clock)
        self.page = StatusPage(house.desk, pages, self.clock, store.read)
        async with asyncio.TaskGroup() as group:
            for part in (due, self.ingest, self.outbox):
                group.create_task(part.run())
            self.is_up = True

    @property
    def is_idle(self) -> bool:
        return self.is_up and self.ingest.is_idle and self.outbox.is_idle


class WorldClock:
    """The wall clock of a life: virtual seconds, and the jumps that somebody makes it take."""

    def __init__(self, begin: datetime) -> None:
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        self.jumps = 0

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=self._loop.time())

    def jump(self, by: timedelta) -> None:
        self._begin += by
        self.jumps += 1

"""One life: senders, nodes, a relay and a clock that jumps, in an order that the seed draws, until all is quiet.

Promises: a life is its seed alone; it ends when nothing accepted waits and every promise has passed. Never: opens a
socket, starts a thread, waits in real time. What must hold is said in `guarantees` alone.
"""

import asyncio
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import structlog

import desk.commit
import desk.due
import intake.email.ingest
import responders.outbox
from desk.base.errors import StoreAway
from desk.base.message import Delivery
from desk.base.names import Transport
from desk.base.reading_words import load_reading_words
from desk.claims import store_left
from desk.commit import Commit
from desk.ledger.load import instant
from intake.email.reading.grading import triage_grader
from intake.email.reading.headers import arrival_key, header_block
from intake.email.reading.reader import Readers
from tests.world.faults import Fault, Place, Plan
from tests.world.loop import live
from tests.world.mails import CONSULTANT, Known, Letter, Writer, by_another_way, encoded
from tests.world.process import House, Node, Process, Remembering, StruckStore, Weather, WorldClock
from tests.world.relay import Relay, WorldSender
from tests.world.store import MemoryDatabase, schema
from ventanilla.settings import load
from ventanilla.wiring import checked_wording, desk_of, roster_of

KEY = "a key of tests, thirty-two letters or more"
FIRST_DAY = datetime(2026, 11, 20, tzinfo=UTC)
"""Lives begin at any minute of the six weeks from here: weekends, holidays and the year's end are among them."""
BEGIN_MINUTES = 6 * 7 * 24 * 60
TOGETHER_MAX = 4
"""Mails and attempts under way in a node: as many as a life ever has, and not sixty idle tasks."""
LOOK_S = 5.0
"""Virtual seconds between two looks: no guarantee hangs on how often a node looks."""
GATHER_TURNS = 1
"""Turns of the loop before a batch is taken: the order is drawn, so that some come along all the same."""
MOMENTS = (1, 3)
ROUNDS_MAX = 120
LIFE_S = 20_000.0
"""Virtual seconds after which a life counts as one that hangs."""
DOORS = (Transport.SMTP, Transport.SMTP, Transport.SMTP, Transport.LMTP, Transport.PIPE)
ANSWERABLE = "SELECT incident_id, address, message_id, reply_to, envelope_from, kind FROM owed WHERE message_id = ?"


@dataclass
class Life:
    """What a life leaves to be judged."""

    seed: int
    letters: list[Letter]
    relay: Relay
    database: MemoryDatabase
    struck: Counter[Fault]
    errors: list[str] = field(default_factory=list)
    bare: list[int] = field(default_factory=list)
    """Incidents that at some moment stood in the ledger with nothing owed."""
    looked: tuple[int, int] = (0, 0)
    """Changes of the ledger before and after every status page was looked at."""
    jumped: list[tuple[datetime, datetime]] = field(default_factory=list)
    ended_at: datetime = FIRST_DAY
    is_quiet: bool = False


class Theatre:
    """What all lives of a process share: the house, and a database that each life finds empty."""

    def __init__(self) -> None:
        settings = load(None, {"VENTANILLA_SECRETS__KEY": KEY})
        readers = Readers(0, load_reading_words(None), lambda: triage_grader(settings.triage.mode, None))
        asyncio.run(readers.start())
        self._reading = Remembering(readers)
        self.house = House(
            settings, desk_of(settings), roster_of(settings), checked_wording(settings), self._reading.read
        )
        self.database = MemoryDatabase(asyncio.run(schema()), lambda: FIRST_DAY)
        self._errors: list[str] = []
        structlog.configure(
            processors=[self._note],
            wrapper_class=structlog.make_filtering_bound_logger(40),
            cache_logger_on_first_use=False,
        )
        intake.email.ingest.TOGETHER_MAX = responders.outbox.TOGETHER_MAX = TOGETHER_MAX
        desk.due.LOOK_S = LOOK_S
        desk.commit.GATHER_TURNS = GATHER_TURNS

    def play(self, seed: int) -> Life:
        """Play one life to its end."""
        self.database.empty()
        self._errors.clear()
        random = Random(seed)
        life = live(_Stage(self, seed, random).play(), random)
        life.errors = list(self._errors)
        return life

    def forget_readings(self) -> None:
        """Have every mail read anew: the reader is another now."""
        self._reading.known.clear()

    def _note(self, _logger: object, _method: str, event: dict[str, Any]) -> Any:
        cause = sys.exc_info()[1] if event.get("exc_info") else None
        self._errors.append(f"{event['event']}: {cause!r}" if cause else str(event["event"]))
        raise structlog.DropEvent


class _Stage:
    """A life while it is played."""

    def __init__(self, theatre: Theatre, seed: int, random: Random) -> None:
        self._theatre, self._house, self._random = theatre, theatre.house, random
        self._database, self._relay = theatre.database, Relay()
        self._plan = Plan(random)
        self._writer = Writer(random)
        self._nodes: list[Node] = []
        self._posting: set[asyncio.Task[None]] = set()
        self._serial = 0
        self._is_over = False
        self._life = Life(seed, [], self._relay, self._database, self._plan.struck)

    async def play(self) -> Life:
        loop = asyncio.get_running_loop()
        begin = FIRST_DAY + timedelta(minutes=self._random.randrange(BEGIN_MINUTES), seconds=self._random.randrange(60))
        self._clock = WorldClock(begin)
        self._database.now = lambda: FIRST_DAY + timedelta(seconds=loop.time())
        self._weather = Weather(self._plan, self._random, self._on_death)
        number = self._random.choice((1, 1, 2))
        self._plan.struck[Fault.NODES_RACE] += number > 1
        self._nodes = [self._new_node() for _ in range(number)]
        keepers = [asyncio.create_task(self._keep_up(place)) for place in range(number)]
        living = asyncio.create_task(self._live())
        done, _ = await asyncio.wait((living, *keepers), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # a node that fell by a mistake ends the run, not a life
        self._is_over = True
        for keeper in keepers:
            keeper.cancel()
        self._life.ended_at = self._clock.now()
        return self._life

    async def _live(self) -> None:
        try:
            async with asyncio.timeout(LIFE_S):
                await self._act()
                await self._end()
        except TimeoutError:
            self._life.is_quiet = False

    # Processes

    async def _keep_up(self, place: int) -> None:
        """Keep a node standing, as whoever supervises it does."""
        while True:
            node = self._nodes[place]
            sender = WorldSender(self._relay, node)
            standing = node.begin(node.stand(self._house, self._database, sender, self._on_unreadable))
            await asyncio.wait([standing, node.death], return_when=asyncio.FIRST_COMPLETED)
            if not node.is_dead and not isinstance(fallen := standing.exception(), StoreAway):
                raise AssertionError(f"a node fell: {fallen!r}") from fallen
            node.die()
            await asyncio.sleep(self._random.uniform(0.5, 5))
            self._nodes[place] = self._new_node()

    def _new_node(self) -> Node:
        self._serial += 1
        return Node(f"node-{self._serial}", self._clock, self._weather)

    def _on_death(self, process: Process) -> None:
        """Note what a dead process had sent without writing so, and what stands bare in the ledger."""
        if self._is_over:
            return
        for taken in self._relay.taken:
            if taken.process is process:
                rows = self._database.rows("SELECT status FROM owed WHERE message_id = ?", taken.message_id)
                self._relay.may_repeat[taken.message_id] += rows != [("sent",)]
        self._note_bare()

    def _note_bare(self) -> None:
        rows = self._database.rows(
            "SELECT id FROM incidents i WHERE NOT EXISTS (SELECT 1 FROM owed WHERE incident_id = i.id)"
        )
        self._life.bare += [row[0] for row in rows]

    def _on_unreadable(self, raw: bytes) -> None:
        for letter in self._life.letters:
            letter.is_unreadable |= raw in letter.copies

    # Senders

    async def _act(self) -> None:
        for _ in range(self._random.randint(*MOMENTS)):
            for letter in await self._next_letters():
                self._launch(letter)
            await asyncio.sleep(self._random.choice((0.0, 0.1, 1.0, 3.0)))
            self._turn_clock()
        while self._posting:
            await asyncio.wait(self._posting)

    def _turn_clock(self) -> None:
        drawn = self._random.random()
        if drawn < 0.35:
            return
        by = timedelta(minutes=self._random.randint(1, 70))
        if drawn > 0.96:
            by, fault = timedelta(minutes=-self._random.randint(1, 180)), Fault.CLOCK_BACK
        else:
            by *= 20 if drawn > 0.8 else 1
            fault = Fault.CLOCK_AHEAD
        is_loaded = bool(self._posting) or not all(node.is_idle for node in self._nodes)
        self._plan.struck[fault] += is_loaded or fault is Fault.CLOCK_BACK
        self._jump(by)

    def _jump(self, by: timedelta) -> None:
        before = self._clock.now()
        self._clock.jump(by)
        self._life.jumped.append((before, self._clock.now()))

    async def _next_letters(self) -> list[Letter]:
        if not self._life.letters or self._random.random() < 0.4:
            return self._writer.first()
        await self._breathe()
        known = [(kind, one) for taken in self._relay.taken for kind, one in self._answerable(taken)]
        if not known:
            return self._writer.first()
        kind, one = self._random.choice(known)
        if kind == "notice":
            return [self._writer.consultants_answer(one)]
        asked = self._writer.answer(one)
        again = [self._writer.asks(one) for _ in range(self._random.randint(0, 2))] if asked.fate == "asks" else []
        return [asked, *again]

    def _answerable(self, taken: Any) -> list[tuple[str, Known]]:
        rows = self._database.rows(ANSWERABLE, taken.message_id)
        return [
            (kind, Known(incident, to, message_id, reply_to, bounce_to, taken.content))
            for incident, to, message_id, reply_to, bounce_to, kind in rows
            if kind == "acknowledgement" or (kind == "notice" and to == CONSULTANT)
        ]

    async def _breathe(self) -> None:
        """Wait a while, so that there is something to answer."""
        for _ in range(20):
            if self._relay.taken and all(node.is_idle for node in self._nodes):
                return
            await asyncio.sleep(0.5)

    def _launch(self, letter: Letter) -> None:
        self._life.letters.append(letter)
        self._post(letter, letter.raw, 0.0)
        drawn = self._random.random()
        struck = self._plan.struck
        if drawn < 0.1:
            struck[Fault.COPY_AT_ONCE] += 1
            self._post(letter, letter.raw, 0.0)
        elif drawn < 0.17:
            struck[Fault.COPY_LATER] += 1
            self._post(letter, letter.raw, self._random.uniform(0.5, 20))
        elif drawn < 0.27:
            struck[Fault.COPY_ANOTHER_WAY] += 1
            self._post(letter, by_another_way(letter.raw), self._random.choice((0.0, 0.0, 5.0)))
        elif drawn < 0.34 and letter.can_be_encoded:
            struck[Fault.COPY_ENCODED] += 1
            self._post(letter, encoded(letter.raw), self._random.choice((0.0, 0.0, 5.0)))

    def _post(self, letter: Letter, raw: bytes, after_s: float) -> None:
        letter.copies.append(raw)
        task = asyncio.create_task(self._deliver(letter, raw, after_s))
        self._posting.add(task)
        task.add_done_callback(self._posting.discard)

    async def _deliver(self, letter: Letter, raw: bytes, after_s: float) -> None:
        """Hand a mail in until it was taken, or the sender has enough of it."""
        await asyncio.sleep(after_s + self._random.choice((0.0, 0.0, 0.05, 0.5)))
        while not await self._hand_in(letter, raw, self._random.choice(DOORS)):
            if self._random.random() < 0.1:
                self._plan.struck[Fault.GAVE_UP] += 1
                return
            await asyncio.sleep(self._random.uniform(1, 10))
            self._plan.struck[Fault.REPEATED_UNHEARD] += 1
        letter.was_accepted = True

    async def _hand_in(self, letter: Letter, raw: bytes, door: Transport) -> bool:
        """Tell whether the sender heard that the mail was taken."""
        envelope_from = letter.sender if letter.envelope_from is None else letter.envelope_from
        delivery = Delivery(door, envelope_from, (letter.to,), "192.0.2.9", raw)
        process: Process
        if door is Transport.PIPE:
            process = Process("deliver", self._clock, self._weather)
            work = self._by_pipe(process, delivery)
        else:
            process = await self._standing_node()
            work = self._by_node(process, delivery)
        task = process.begin(work)
        await asyncio.wait([task, process.death], return_when=asyncio.FIRST_COMPLETED)
        return task.done() and not task.cancelled() and task.result()

    async def _standing_node(self) -> Node:
        while not (up := [node for node in self._nodes if node.is_up and not node.is_dead]):
            await asyncio.sleep(0.5)
        return self._random.choice(up)

    async def _by_node(self, node: Node, delivery: Delivery) -> bool:
        try:
            await node.ingest.accept(delivery)
        except StoreAway:
            return False
        await node.meet(Place.DOOR)
        return True

    async def _by_pipe(self, process: Process, delivery: Delivery) -> bool:
        commit = Commit(StruckStore(self._database, process), self._clock, process.name)
        key = arrival_key(delivery.raw, header_block(delivery.raw))
        try:
            await store_left(commit, delivery, key, self._house.settings.retention.raw)
        except StoreAway:
            return False
        await process.meet(Place.DOOR)
        return True

    # The end

    async def _end(self) -> None:
        """Let everything come to rest, every promise pass, and look at every status page."""
        self._plan.end()
        self._weather.store_away_until = 0.0
        await self._settle()
        (latest,) = self._database.rows("SELECT max(due) FROM promises")[0]
        due = instant(latest)
        if due is not None and due > self._clock.now():
            self._jump(due - self._clock.now() + timedelta(seconds=30))
        await asyncio.sleep(2 * LOOK_S)
        await self._settle()
        await self._look_at_pages()
        self._note_bare()

    async def _settle(self) -> None:
        for _ in range(ROUNDS_MAX):
            waits = self._database.rows("SELECT not_before FROM owed WHERE status IN ('queued', 'delayed') ORDER BY 1")
            is_undone = self._database.rows("SELECT 1 FROM arrivals WHERE done_at IS NULL LIMIT 1")
            is_idle = all(node.is_idle for node in self._nodes) and not self._is_due()
            if not waits and not is_undone and is_idle:
                self._life.is_quiet = True
                return
            first = instant(waits[0][0]) if waits and not is_undone and is_idle else None
            if first is not None and first > self._clock.now():
                self._jump(first - self._clock.now())
            await asyncio.sleep(LOOK_S)
        self._life.is_quiet = False

    def _is_due(self) -> bool:
        """Tell whether an incident has something due that nobody has performed: its node may be down."""
        (earliest,) = self._database.rows("SELECT min(wake_at) FROM incidents")[0]
        wake_at = instant(earliest)
        return wake_at is not None and wake_at <= self._clock.now()

    async def _look_at_pages(self) -> None:
        """A mail scanner presses every link."""
        node, now = self._nodes[0], self._clock.now()
        signer = self._house.desk.signer
        before = self._database.connection.total_changes
        for (incident,) in self._database.rows("SELECT id FROM incidents"):
            await node.page._look(signer.status_token(incident, now.date()), now)
        self._life.looked = (before, self._database.connection.total_changes)

"""One plan, played: a node under load, struck as the plan says, brought to rest, and its books counted."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.engines import dying_with_us
from tests.faults.balance import copies_of, found_in, problems_of, repeated
from tests.faults.databases import WAITING
from tests.faults.grounds import GoOn, Ground
from tests.faults.letters import REFUSED_ID
from tests.faults.load import Load
from tests.faults.nodes import LOOK_S, Ports, RunningNode, descendants, fresh_ports, start, until
from tests.faults.planned_node import OFFSET
from tests.faults.strikes import DOUBLING, Fault, Plan, Strike
from tests.faults.unruly import UnrulyRelay
from tests.relay import relay

STRIKE_S = 20.0
"""Longest wait for a node to come to the step it is to be struck at."""
FLIGHT_S = 3.0
"""A node that stands still is struck once a mail is on its way: soon, the senders do not stop."""
SUSPENDED_S = 1.0
JUMP_S = 5 * 3600.0
SETTLE_S = 45.0
ALLOWED = frozenset({"act_failed", "mail_held"})
"""What may be logged as an error: the act of the letter whose row the database refuses fails, and it is held."""
ACT_FAILURES_MAX = 3


@dataclass(frozen=True)
class Planned:
    """A node that stands still at steps, for `nodes.start`."""

    strikes: tuple[Strike, ...]
    clock: Path
    mutant: str = ""
    slow_s: float = 0.0

    def words(self, ports: Ports, pipe: int) -> list[str]:
        words = ["tests.faults.planned_node", "--pipe", str(pipe), "--ports", ports.named()]
        words += ["--clock", str(self.clock), "--mutant", self.mutant, "--slow", str(self.slow_s)]
        for strike in self.strikes:
            words += ["--stand", str(strike.nth), strike.step]
        return words


@dataclass
class Outcome:
    """What came of a plan. `in_flight` says for each strike how many mails were on their way."""

    plan: Plan
    in_flight: list[tuple[Strike, int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    letters: int = 0
    repeated: int = 0
    copies: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        struck = ", ".join(f"{strike} ({flying} in flight)" for strike, flying in self.in_flight)
        counts = f"{self.letters} mails, {self.repeated} repeated, {self.copies} copies at the relay"
        verdict = "balances" if not self.problems else f"OUT OF BALANCE, again with: {self.again}"
        lines = [f"{self.plan.engine} seed {self.plan.seed}: {counts}, {self.seconds:.1f} s: {verdict}; {struck}"]
        return "\n  ".join([*lines, *self.problems])

    @property
    def again(self) -> str:
        """Return the command that plays this plan alone."""
        return f"python -m tests.faults.plans --seed {self.plan.seed} --engine {self.plan.engine}"


class Play:
    """One plan on one database; with a mistake put in, and commits that take longer, where asked for."""

    def __init__(self, ground: Ground, plan: Plan, folder: Path, mutant: str = "", slow_s: float = 0.0) -> None:
        self._ground = ground
        self._folder = folder
        self._mutant = mutant
        self._slow_s = slow_s
        self._left = list(plan.of_nodes)
        self._offsets = [0.0]
        self._clock = folder / "clock"
        self._serial = 0
        self.outcome = Outcome(plan)
        self._sink = UnrulyRelay(strikes=list(plan.of_relay), struck=lambda strike: self._note(strike, 1))
        self._load = Load(plan.seed, self._sink, plan.of_clients, self._note)
        self._nodes: list[RunningNode] = []

    async def play(self) -> Outcome:
        """Play the plan to its end and return what came of it."""
        began = time.monotonic()
        self._clock.write_bytes(OFFSET.pack(0.0))
        url = await self._ground.fresh()
        try:
            async with relay(one=self._sink):
                await self._lived(url)
                await self._count(url)
        finally:
            for node in self._nodes:
                node.close()
            await self._ground.drop(url)
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    async def _lived(self, url: str) -> None:
        """Strike under load, let everything come to rest, and end the node."""
        node = await self._start(url)
        async with self._load.running():
            while self._left and (came := await self._struck(node, url)):
                node = came
            if self._left:
                self.outcome.problems.append(f"did not strike: {self._left[0]}")
                os.kill(node.process.pid, signal.SIGCONT)
        self._turn(max(self._offsets))  # what waits for a time that was turned back comes when that time does
        if not await self._is_settled(url):
            self.outcome.problems.append(f"did not settle within {SETTLE_S:.0f} s")
        self.outcome.problems += await node.stop()

    async def _struck(self, node: RunningNode, url: str) -> RunningNode | None:
        """Carry out the next strike; return the node that stands afterwards, None when it did not come to its step."""
        if not await until(lambda: bool(node.places()) or node.process.poll() is not None, STRIKE_S):
            return None
        if not node.places():  # it has ended by itself
            return None
        strike = self._left.pop(0)
        await asyncio.to_thread(os.waitid, os.P_PID, node.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        await until(lambda: self._load.in_flight() > 0, FLIGHT_S)
        self._note(strike)
        if strike.fault is Fault.KILLED:
            self.outcome.problems += await node.kill()
            return await self._start(url)
        node.forget_places()
        await self._trouble(strike.fault, node, url)
        return node

    async def _trouble(self, fault: Fault, node: RunningNode, url: str) -> None:
        go_on = GoOn(node.process.pid)
        match fault:
            case Fault.SUSPENDED:
                await asyncio.sleep(SUSPENDED_S)
            case Fault.READER_KILLED:
                for pid in _readers(node.process.pid):
                    os.kill(pid, signal.SIGKILL)
            case Fault.CLOCK_AHEAD:
                self._turn(self._offsets[-1] + JUMP_S)
            case Fault.CLOCK_BACK:
                self._turn(self._offsets[-1] - JUMP_S)
            case _:
                await self._ground.trouble(fault, url, go_on)
                return
        go_on()

    def _turn(self, offset_s: float) -> None:
        """Turn the clock of whatever node runs."""
        self._offsets.append(offset_s)
        with self._clock.open("r+b") as file:
            file.write(OFFSET.pack(offset_s))

    def _note(self, strike: Strike, own: int = 0) -> None:
        """Keep how many mails were on their way when something struck; `own` is the one that it struck."""
        flying = self._load.in_flight() + own
        self.outcome.in_flight.append((strike, flying))
        if not flying:
            self.outcome.problems.append(f"no mail was in flight: {strike}")

    async def _start(self, url: str) -> RunningNode:
        self._serial += 1
        folder = self._folder / f"node-{self._serial}"
        folder.mkdir()
        ports = fresh_ports(self._sink.port, self._ground.postgres_port)
        planned = Planned(tuple(self._left), self._clock, self._mutant, self._slow_s)
        node = await start(folder, url, ports, planned, dying_with_us())
        self._nodes.append(node)
        self._load.port = node.port
        return node

    async def _is_settled(self, url: str) -> bool:
        end = time.monotonic() + SETTLE_S
        while (await self._ground.rows(url, WAITING))[0][0]:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(LOOK_S * 5)
        return True

    async def _count(self, url: str) -> None:
        found = await found_in(self._ground, url)
        problems = self.outcome.problems
        problems += self._load.problems
        problems += [f"did not strike: {strike}" for strike in self._sink.strikes]
        problems += problems_of(self._load.letters, found, self._sink.taken)
        for node in self._nodes:
            problems += unexpected_errors(node)
        self.outcome.letters = len(self._load.letters)
        self.outcome.repeated = repeated(self._load.letters, found)
        self.outcome.copies = copies_of(self._sink.taken)
        if self.outcome.copies and not DOUBLING & {strike.fault for strike in self.outcome.plan.strikes}:
            problems.append(f"{self.outcome.copies} mails at the relay a second time without a reason")


def unexpected_errors(node: RunningNode) -> list[str]:
    """Return what a node logged as an error beyond the one letter whose row is refused."""
    errors = [event for event in node.events() if event["level"] in ("error", "critical")]
    if node.process.returncode == -signal.SIGKILL:  # the last words of its readers, who found it gone, are no events
        errors = [event for event in errors if "at" in event]
    strange = [str(event) for event in errors if event["event"] not in ALLOWED]
    failed = {str(event.get("arrival")) for event in errors if event["event"] in ALLOWED}
    if len(failed) > 1:
        strange.append(f"the acts of several mails failed, not only that of {REFUSED_ID}: {sorted(failed)}")
    return strange


def _readers(pid: int) -> list[int]:
    """Return the readers of a node: what its fork server has started."""
    return [reader for child in descendants(pid) for reader in descendants(child)]


@asynccontextmanager
async def prepared(ground: Ground, folder: Path) -> AsyncIterator[Ground]:
    """The ground with its template: a database that a node has made its tables in."""
    url = await ground.empty()
    first = folder / f"{ground.engine}-first"
    first.mkdir()
    node = await start(first, url, fresh_ports(1, ground.postgres_port))
    try:
        problems = await node.stop()
        assert problems == [], problems
    finally:
        node.close()
    await ground.make_template(url)
    yield ground

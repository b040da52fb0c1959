"""Two nodes on one PostgreSQL under load: one or the other is killed again and again, the database restarts, and then
`ventanilla audit` and the relay must say that nothing was lost and nothing doubled.

The clients behave as mail servers do: without a 250 they hand the mail in again, to the other node. Strikes are spread
evenly over the load, so that each finds mail on its way. The relay may have the same bytes twice (SMTP knows no
"exactly once"); it never has two answers to one mail.

Usage: python -m tests.faults.two_nodes [--mails N] [--kills N] [--restarts N] [--seed N]
"""

# done("faults.2"): python -m tests.faults.two_nodes

import asyncio
import contextlib
import random
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from tests.engines import PostgresServer
from tests.relay import Relay, Taken, relay
from tests.stories.house import DESK, submit, written
from tests.stories.nodes import ROOT, RealNode, real_nodes
from tests.stories.test_real_nodes import count, rows, until_all_is_sent

FIGURE = "figure: "
NO_CAPS = "[answers]\nper_address_per_hour = 0\nper_address_per_day = 0\nper_minute = 0\n"
"""5,000 mails in two minutes are more than a desk answers in one."""
CLIENTS = 12
AGAIN_S = 0.1
"""Wait of a client before it hands a mail in again."""
LOOK_S = 0.01
STAGGER_S = 0.05
"""A strike falls at any moment of so long a time, by the seed."""
DOWN_S = 1.0
"""How long the database is down when it restarts."""
LOAD_S = 900.0
SETTLE_S = 90.0
"""Longest wait for everything to be sent once no more mail comes: the lease of a dead node is 30 s."""
AUDIT_S = 120.0
IN_AND_OWED = "SELECT (SELECT count(*) FROM arrivals WHERE done_at IS NULL), count(*) FROM owed WHERE status <> 'sent'"


@dataclass(frozen=True)
class Scale:
    """How much of everything there is. `waits_for_leases` is False where half a minute is too long to wait."""

    mails: int = 5_000
    kills: int = 24
    restarts: int = 2
    seed: int = 1
    waits_for_leases: bool = True

    def strikes(self) -> list[str]:
        """Return the strikes in order: restarts of the database evenly among the kills."""
        every = max(1, self.kills // (self.restarts + 1))
        found = ["kill"] * self.kills
        for n in range(self.restarts, 0, -1):
            found.insert(n * every, "restart")
        return found


@dataclass
class Tally:
    """What came of it."""

    problems: list[str] = field(default_factory=list)
    strikes: int = 0
    least_coming: int = CLIENTS
    load_s: float = 0.0
    handed_in_again: int = 0
    copies: int = 0
    audit: str = ""

    def said(self, scale: Scale) -> str:
        return (
            f"{scale.mails} mails to two nodes on one PostgreSQL in {self.load_s:.0f} s,"
            f" {scale.kills} kills -9 (one every {self.load_s / max(1, scale.kills):.1f} s),"
            f" {scale.restarts} restarts of the database, {self.least_coming} mails or more coming in at each strike;"
            f" {self.handed_in_again} mails handed in again, {self.copies} mails at the relay a second time with the"
            f" same bytes; {len(self.problems)} out of balance; audit: {self.audit}"
        )


class Load:
    """Clients that hand in mail after mail, each until its 250, to whichever node answers."""

    def __init__(self, ports: list[int], mails: int) -> None:
        self._ports = ports
        self._mails = mails
        self._begun = 0
        self._lock = threading.Lock()
        self.allowed = 0
        """How many mails may be begun: what a strike is to find on its way is kept back for it."""
        self.taken: list[str] = []
        self.coming_in = 0
        self.again = 0
        self.is_given_up = False

    @contextlib.asynccontextmanager
    async def coming(self) -> AsyncIterator[None]:
        """Run the clients while the block runs, and until they are done."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(CLIENTS) as threads:  # their own: who strikes must not wait for one
            clients = [loop.run_in_executor(threads, self._hand_in_all, n) for n in range(CLIENTS)]
            try:
                yield
                await asyncio.wait_for(asyncio.gather(*clients), LOAD_S)
            finally:
                self.is_given_up = True
                await asyncio.gather(*clients, return_exceptions=True)

    async def until(self, taken: int) -> None:
        """Wait until so many mails have their 250."""
        async with asyncio.timeout(LOAD_S):
            while len(self.taken) < taken:
                await asyncio.sleep(LOOK_S)

    def _hand_in_all(self, client: int) -> None:
        turn = client
        while (number := self._next()) is not None:
            sender, mail = letter(number)
            while not self._hand_in(self._ports[turn % len(self._ports)], sender, mail):
                if self.is_given_up:
                    return
                turn += 1
                time.sleep(AGAIN_S)
            turn += 1

    def _next(self) -> int | None:
        """Return the number of the next mail, waiting until it is allowed; None after the last."""
        while not self.is_given_up:
            with self._lock:
                if self._begun == self._mails:
                    return None
                if self._begun < self.allowed:
                    self._begun += 1
                    return self._begun
            time.sleep(LOOK_S)
        return None

    def _hand_in(self, port: int, sender: str, mail: bytes) -> bool:
        with self._lock:
            self.coming_in += 1
        try:
            submit(port, sender, DESK, mail)
        except (smtplib.SMTPException, OSError):
            with self._lock:
                self.again += 1
            return False
        finally:
            with self._lock:
                self.coming_in -= 1
        self.taken.append(sender)
        return True


def letter(number: int) -> tuple[str, bytes]:
    """Return a mail of its own sender, who is also its Message-ID."""
    sender = f"u{number}@cliente.mx"
    mail = written(f"Duda {number}: ¿cómo descargo mi factura?", sender=sender, message_id=f"<{sender}>")
    return sender, mail.as_bytes().replace(b"\n", b"\r\n")


async def run(scale: Scale, server: PostgresServer, folder: Path) -> Tally:
    """Let it all happen on a fresh database of the server; return what was not as it must be."""
    url, tally = server.fresh_database(), Tally()
    async with relay() as sink:
        nodes = [RealNode(folder, url, sink.port, more=NO_CAPS) for _ in range(2)]
        async with real_nodes(*nodes):
            load, began = Load([one.smtp for one in nodes], scale.mails), time.monotonic()
            async with load.coming():
                await strike_all(scale, server, nodes, load, tally)
            tally.load_s, tally.handed_in_again = time.monotonic() - began, load.again
            if not scale.waits_for_leases:
                await end_leases_of_the_dead(url, nodes)
            await settle(url, tally)
            tally.problems += [
                f"SIGTERM ended a node with {code}" for code in [await one.term() for one in nodes] if code
            ]
            tally.problems += [line for one in nodes for line in one.errors()]
        tally.problems += [] if tally.least_coming else ["a strike found no mail on its way"]
        tally.problems += await problems_of(url, sink, load)
        tally.copies = sum(len(copies) - 1 for copies in by_message_id(sink).values())
        tally.audit = await asyncio.to_thread(audit, nodes[0], tally)
    return tally


async def strike_all(scale: Scale, server: PostgresServer, nodes: list[RealNode], load: Load, tally: Tally) -> None:
    """Kill and restart, each time a further share of the mails has its 250."""
    chance = random.Random(scale.seed)  # it chooses whom and when
    strikes = scale.strikes()
    for n, strike in enumerate(strikes, 1):
        load.allowed = (n + 1) * scale.mails // (len(strikes) + 1)
        await load.until(n * scale.mails // (len(strikes) + 1))
        await asyncio.sleep(chance.uniform(0, STAGGER_S))
        while not load.coming_in and len(load.taken) < load.allowed:  # every client is between two mails
            await asyncio.sleep(0)
        tally.least_coming = min(tally.least_coming, load.coming_in)
        if strike == "kill":
            one = chance.choice(nodes)
            await one.kill()
            await one.start()
        else:
            await asyncio.to_thread(chance.choice((server.kill, server.halt)))
            await asyncio.sleep(DOWN_S)
            await asyncio.to_thread(server.start)
        tally.strikes += 1
    load.allowed = scale.mails


async def end_leases_of_the_dead(url: str, nodes: list[RealNode]) -> None:
    """Do what half a minute does: what a killed node had in hand is free."""
    names = [line["node"] for one in nodes for line in one.said("ready")[:-1]]
    connection = await asyncpg.connect(url)
    try:
        for table in ("arrivals", "owed"):
            await connection.execute(
                f"UPDATE {table} SET leased_until = now() - interval '1 second' WHERE leased_by = ANY($1)", names
            )
    finally:
        await connection.close()


async def settle(url: str, tally: Tally) -> None:
    try:
        await until_all_is_sent(url, SETTLE_S)
    except TimeoutError:
        waiting, owed = (await rows(url, IN_AND_OWED))[0]
        tally.problems.append(f"after {SETTLE_S:.0f} s {waiting} arrivals have no act and {owed} mails are not sent")


async def problems_of(url: str, sink: Relay, load: Load) -> list[str]:
    """Return a sentence for each thing that is wrong in the database or at the relay."""
    wanted = sorted(load.taken)
    opened = sorted(row[0] for row in await rows(url, "SELECT requester_email FROM incidents"))
    found = [f"{len(opened)} incidents for {len(wanted)} mails"] if opened != wanted else []
    if held := await count(url, "SELECT count(*) FROM held"):
        found.append(f"{held} held items")
    copies = by_message_id(sink)
    owed = {row[0] for row in await rows(url, "SELECT message_id FROM owed")}
    if set(copies) != owed:
        found.append(f"{len(set(copies) ^ owed)} mails are owed and not at the relay, or at the relay and not owed")
    answers: defaultdict[str, int] = defaultdict(int)
    for one in copies.values():
        answers[one[0].recipients[0]] += 1
        if len({copy.content for copy in one}) > 1:
            found.append(f"{one[0].mail['Message-ID']} was sent with different bytes")
    found += [f"{answers[sender]} answers to {sender}" for sender in wanted if answers[sender] != 1]
    return found


def by_message_id(sink: Relay) -> dict[str, list[Taken]]:
    """Return what the relay took, copies of one mail together."""
    found: defaultdict[str, list[Taken]] = defaultdict(list)
    for one in sink.taken:
        found[str(one.mail["Message-ID"])].append(one)
    return found


def audit(node: RealNode, tally: Tally) -> str:
    """Return the last line of `ventanilla audit`; what it exits with is a problem unless it is 0."""
    command = [sys.executable, "-m", "ventanilla", "audit", "--config", str(node.config)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=AUDIT_S)
    if done.returncode:
        tally.problems += [f"audit ends with {done.returncode}", *(done.stdout + done.stderr).splitlines()]
    return done.stdout.strip().rpartition("\n")[2]


def main(say: Callable[[str], None] = print) -> int:
    """Run the whole of it; 0 when the books balance."""
    parser = ArgumentParser()
    for name, default in (("mails", Scale.mails), ("kills", Scale.kills), ("restarts", Scale.restarts), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    scale = Scale(**vars(parser.parse_args()))
    server = PostgresServer(durable=True)
    try:
        server.start()
        with tempfile.TemporaryDirectory(prefix="ventanilla-two-nodes-") as folder:
            tally = asyncio.run(run(scale, server, Path(folder)))
    finally:
        server.stop()
    say(f"{FIGURE}{tally.said(scale)} (seed {scale.seed})")
    for problem in tally.problems:
        say(f"out of balance: {problem}")
    return 1 if tally.problems else 0


if __name__ == "__main__":
    sys.exit(main())

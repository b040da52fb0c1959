"""The kill plan: tell the places of a story, strike each on a fresh database, bring a node back, count the books.

A story is one new mail, or one follow-up to an incident that was opened and answered before. The client behaves as a
mail server does: without a 250 it sends again. What may be sent twice is only what the relay took before the node died
and whose sending was not committed, and then it is the same bytes.
"""

import asyncio
import smtplib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import policy
from pathlib import Path

from aiosmtpd.smtp import Envelope

from tests.faults.books import SENT, USER, Expected, copies_of, problems_of
from tests.faults.databases import WAITING, Databases
from tests.faults.nodes import LOOK_S, RunningNode, Struck, fresh_ports, start, until
from tests.faults.places import Place
from tests.relay import Relay, relay
from tests.stories.house import written

DESK = "soporte@ejemplo.mx"
NEW_ID, FOLLOW_UP_ID = "<m1@cliente.mx>", "<m2@cliente.mx>"
SETTLE_S = 50.0
"""Longest wait for everything to be done: the shipped lease is 30 s."""
QUIET_S = 0.3
"""A node that has settled may still be writing its last words."""
NOT_PASSED_S = 2.5
"""After this a node that has settled will not come to its place: what is due was looked for twice."""
TRY_MAX = 5
"""Much goes on at once, so a place may be missing from one run: it is then tried again."""
LANES = 2
"""Places struck at the same time."""
HOLD_S = 5.0
"""Longest wait of the relay with a 250: the node whose commit it waits for may have been killed."""
CLIENT_S = 30.0
ACKNOWLEDGED = "SELECT count(*) FROM owed WHERE kind = 'acknowledgement' AND status = 'sent'"


@dataclass(frozen=True)
class Story:
    """What is sent, on which database, and what must come of it."""

    name: str
    template: str
    content: bytes
    to: str
    expected: Expected


@dataclass
class Outcome:
    """What came of one place. `problems` is empty when the books balance."""

    engine: str
    story: str
    place: Place | None
    got_250: bool = False
    copies: int = 0
    tries: int = 1
    problems: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        said = "had its 250" if self.got_250 else "no 250, sent again"
        again = f", {self.copies} copy at the relay" if self.copies else ""
        verdict = "; ".join(self.problems) or "balances"
        return f"{self.engine:8} {self.story:9} {self.place or 'no kill'}: {said}{again}: {verdict}"


class Plan:
    """One engine's plan. `prepare` makes the templates; then `places` and `strike`."""

    def __init__(self, databases: Databases, folder: Path) -> None:
        self.databases = databases
        self._folder = folder
        self._serial = 0

    async def prepare(self) -> list[Story]:
        """Make both stories: a desk that has seen nothing, and one that has answered a mail."""
        empty = await self.databases.fresh()
        async with self._relay(empty) as sink:
            async with self._node(empty, sink) as node:
                assert await node.stop() == []
            answered = await self.databases.copy(empty)
            async with self._node(answered, sink) as node:
                assert await hand_in(node.port, DESK, new_mail())
                assert await self.settled(answered)
                assert await node.stop() == []
            (answer,) = sink.to(USER)
        owed = ("acknowledgement", "notice")
        address, parent = str(answer.mail["Reply-To"]), str(answer.mail["Message-ID"])
        return [
            Story("new", empty, new_mail(), DESK, Expected((NEW_ID,), owed, 1, 1)),
            Story(
                "follow-up",
                answered,
                follow_up(address, parent),
                address,
                Expected((NEW_ID, FOLLOW_UP_ID), (*owed, "notice"), 0, 1),
            ),
        ]

    async def places(self, story: Story, mutant: str = "") -> tuple[list[Place], Outcome]:
        """Run a story without striking and return the places passed from open door to all done, and its books."""
        outcome = Outcome(self.databases.engine, story.name, None)
        url = await self.databases.copy(story.template)
        async with self._relay(url) as sink, self._node(url, sink, Struck(None, mutant)) as node:
            outcome.got_250 = await hand_in(node.port, story.to, story.content)
            if not await self.settled(url):
                outcome.problems.append("did not settle")
            await asyncio.sleep(QUIET_S)
            passed = node.places()
            outcome.problems += await node.stop() + node.errors()
            outcome.problems += await problems_of(self.databases, url, story.expected, sink, set())
        await self.databases.drop(url)
        return passed, outcome

    async def strike_all(self, targets: Sequence[tuple[Story, Place]], mutant: str = "") -> list[Outcome]:
        """Strike places, LANES at a time; the outcomes come in the places' order."""
        lanes = asyncio.Semaphore(LANES)

        async def one(story: Story, place: Place) -> Outcome:
            async with lanes:
                outcome = await self.strike(story, Struck(place, mutant))
                print(outcome, flush=True)
                return outcome

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(story, place)) for story, place in targets]
        return [task.result() for task in tasks]

    async def strike(self, story: Story, struck: Struck) -> Outcome:
        """Kill a node at a place, bring another up, and count. A place that was not passed is tried again."""
        for tries in range(1, TRY_MAX + 1):
            outcome = Outcome(self.databases.engine, story.name, struck.at, tries=tries)
            url = await self.databases.copy(story.template)
            async with self._relay(url) as sink:
                was_hit = await self._struck(story, url, sink, struck, outcome)
                if was_hit:
                    await self._recover(story, url, sink, outcome)
            await self.databases.drop(url)
            if was_hit:
                return outcome
        outcome.problems.append(f"was not passed in {TRY_MAX} runs")
        return outcome

    async def _struck(self, story: Story, url: str, sink: Relay, struck: Struck, outcome: Outcome) -> bool:
        """Bring a node to its place and kill it there; False when it did not come to it."""
        async with self._node(url, sink, struck) as node:
            sending = asyncio.create_task(hand_in(node.port, story.to, story.content))
            try:
                was_hit = await self._hit(node, url, sending)
                if was_hit:
                    outcome.problems += await node.kill()
            finally:
                node.close()
                outcome.got_250 = await sending
        return was_hit

    async def _hit(self, node: RunningNode, url: str, sending: "asyncio.Task[bool]") -> bool:
        """Wait until the node tells that it stands at its place; False when all is done and it did not come there."""
        is_quiet = False
        while not await until(lambda: bool(node.places()), NOT_PASSED_S):
            if is_quiet or node.process.poll() is not None:
                return False
            is_quiet = sending.done() and (await self.databases.rows(url, WAITING))[0][0] == 0
        return True

    async def _recover(self, story: Story, url: str, sink: Relay, outcome: Outcome) -> None:
        """Start the shipped node on what the dead one left, send again what had no 250, and count when all is done."""
        sent = await self._sent(url)
        async with self._node(url, sink) as node:
            if not outcome.got_250 and not await hand_in(node.port, story.to, story.content):
                outcome.problems.append("the node that came after gives no 250")
            if not await self.settled(url):
                outcome.problems.append("did not settle")
            outcome.problems += await node.stop() + node.errors()
        outcome.problems += await problems_of(self.databases, url, story.expected, sink, sent)
        outcome.copies = copies_of(sink)

    async def _sent(self, url: str) -> set[str]:
        """Return the Message-IDs whose sending is committed, from a copy: looking must not heal what the kill left."""
        if self.databases.engine == "postgres":
            return {row[0] for row in await self.databases.rows(url, SENT)}
        copied = await self.databases.copy(url)
        sent = {row[0] for row in await self.databases.rows(copied, SENT)}
        await self.databases.drop(copied)
        return sent

    async def settled(self, url: str) -> bool:
        """Wait until nothing waits to be done; tell whether it came to that within SETTLE_S."""
        end = time.monotonic() + SETTLE_S
        while (await self.databases.rows(url, WAITING))[0][0]:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(LOOK_S)
        return True

    @asynccontextmanager
    async def _relay(self, url: str) -> AsyncIterator[Relay]:
        """A relay that says 250 to the notice only when the sending of the acknowledgement is committed: that the two
        are sometimes written in one commit and sometimes in two would make the places differ from run to run."""

        end_by = float("inf")
        holding = 0

        async def one_after_the_other(envelope: Envelope) -> None:
            nonlocal holding
            end = time.monotonic() + HOLD_S
            holding += 1
            try:
                while envelope.rcpt_tos != [USER] and time.monotonic() < min(end, end_by):
                    if (await self.databases.rows(url, ACKNOWLEDGED))[0][0]:
                        return
                    await asyncio.sleep(LOOK_S)
            finally:
                holding -= 1

        async with relay() as sink:
            sink.hold = one_after_the_other
            try:
                yield sink
            finally:
                end_by = time.monotonic()
                while holding:  # it must not look into a database that is dropped next
                    await asyncio.sleep(LOOK_S)

    @asynccontextmanager
    async def _node(self, url: str, sink: Relay, struck: Struck | None = None) -> AsyncIterator[RunningNode]:
        """A node that is gone when the block ends, whatever happened in it."""
        self._serial += 1
        folder = self._folder / f"{self.databases.engine}-{self._serial}"
        folder.mkdir(parents=True)
        node = await start(folder, url, fresh_ports(sink.port, self.databases.port), struck)
        try:
            yield node
        finally:
            node.close()


def new_mail() -> bytes:
    return written(message_id=NEW_ID).as_bytes(policy=policy.SMTP)


def follow_up(address: str, parent: str) -> bytes:
    mail = written("Ya lo intenté y sigue igual.", message_id=FOLLOW_UP_ID, in_reply_to=parent, references=parent)
    mail.replace_header("To", address)
    return mail.as_bytes(policy=policy.SMTP)


async def hand_in(port: int, to: str, content: bytes) -> bool:
    """Send a mail as a mail server does, and tell whether its 250 came."""
    return await asyncio.to_thread(_hand_in, port, to, content)


def _hand_in(port: int, to: str, content: bytes) -> bool:
    got_250 = False
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=CLIENT_S) as client:
            client.ehlo()
            if client.mail(USER)[0] == client.rcpt(to)[0] == 250:
                got_250 = client.data(content)[0] == 250
    except (smtplib.SMTPException, OSError):
        pass  # the node died: what counts is whether the 250 had come
    return got_250

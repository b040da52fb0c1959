"""Memory and slow senders: a node of the shipped settings keeps to its budget, and nobody waits for who is slow."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.bulk import Client, client, head, lines, send_large
from tests.faults.memory import BUDGET_BYTES, MIB, Memory, watched
from tests.relay import Relay, relay
from tests.stories.house import DESK
from tests.stories.nodes import RealNode, real_nodes
from tests.stories.test_real_nodes import count, until_all_is_sent

pytestmark = pytest.mark.anyio

Figure = Callable[[str], None]

AT_ONCE = 10
AT_ONCE_LONG = 100
HONEST_MIB = 25
HUGE_MIB = 200
DRIPPERS = 100
DRIP_S = 1.0
NORMAL_MAILS = 15
SLOWER_AT_MOST = 20.0
"""How many times longer a normal mail may take beside slow senders, on a machine that has other work: one that waited
for a single drip would take hundreds of times longer."""
RETRIES_MAX = 50


@asynccontextmanager
async def watched_node(url: str, folder: Path) -> AsyncIterator[tuple[RealNode, Relay, Memory]]:
    """A node, its relay, and what it takes of memory."""
    async with relay() as sink:
        node = RealNode(folder, url, sink.port)
        async with real_nodes(node):
            assert node.process is not None
            async with watched(node.process.pid) as memory:
                yield node, sink, memory
            assert node.errors() == []
            assert await node.term() == 0


async def all_at_once(node: RealNode, count: int, body: bytes) -> int:
    """Send so many large mails at once, every second without its size; those put off again. Return how many were."""
    left, put_off = [f"u{n}@cliente.mx" for n in range(count)], 0
    for _ in range(RETRIES_MAX):
        replies = await asyncio.gather(
            *(send_large(node.smtp, one, body, is_declared=n % 2 == 0) for n, one in enumerate(left))
        )
        assert {reply[:1] for reply in replies} <= {b"2", b"4"}, replies
        left = [one for one, reply in zip(left, replies, strict=True) if reply[:1] == b"4"]
        if not left:
            return put_off
        put_off += len(left)
    raise AssertionError(f"never taken: {left}")


async def keeps_to_its_budget(url: str, folder: Path, at_once: int, figure: Figure) -> None:
    began = time.monotonic()
    async with watched_node(url, folder) as (node, _, memory):
        put_off = await all_at_once(node, at_once, lines(HONEST_MIB * MIB))
        await until_all_is_sent(url, within_s=600)
        assert await count(url, "SELECT count(DISTINCT requester_email) FROM incidents") == at_once
        assert await count(url, "SELECT count(*) FROM incidents") == at_once
    seconds = time.monotonic() - began
    engine = url.partition(":")[0]
    figure(f"{engine}: {at_once} mails of {HONEST_MIB} MiB at once, {put_off} put off, {memory}, {seconds:.0f} s")
    assert memory.peak < BUDGET_BYTES, memory


@pytest.mark.done("faults.5")
async def test_many_mails_of_25_mib_at_once_are_all_taken_within_512_mib(
    engine_url: str, tmp_path: Path, figure: Figure
) -> None:
    await keeps_to_its_budget(engine_url, tmp_path, AT_ONCE, figure)


@pytest.mark.long
@pytest.mark.done("faults.5")
async def test_a_hundred_mails_of_25_mib_at_once_are_all_taken_within_512_mib(
    engine_url: str, tmp_path: Path, figure: Figure
) -> None:
    await keeps_to_its_budget(engine_url, tmp_path, AT_ONCE_LONG, figure)


@pytest.mark.done("faults.5")
async def test_what_was_accepted_and_not_read_when_the_node_died_comes_back_within_the_budget(
    sqlite_url: str, tmp_path: Path, figure: Figure
) -> None:
    """Many large arrivals, claimed at once by the next start: their bytes are not loaded at once."""
    body = lines(HONEST_MIB * MIB)
    async with relay() as sink:
        node = RealNode(tmp_path, sqlite_url, sink.port)
        async with real_nodes(node):
            await all_at_once(node, AT_ONCE, body)
            await node.kill()
            await node.start()
            assert node.process is not None
            async with watched(node.process.pid) as memory:
                await until_all_is_sent(sqlite_url, within_s=120)
            assert node.errors() == []
            assert await node.term() == 0
    assert await count(sqlite_url, "SELECT count(*) FROM incidents") == AT_ONCE
    figure(f"started anew on them: {memory}")
    assert memory.peak < BUDGET_BYTES, memory


@pytest.mark.done("faults.5")
async def test_mails_of_200_mb_are_refused_by_their_size_and_cut_without_keeping_them(
    engine_url: str, tmp_path: Path, figure: Figure
) -> None:
    huge = lines(HUGE_MIB * MIB)
    async with watched_node(engine_url, tmp_path) as (node, _, memory):
        told = await send_large(node.smtp, "told@cliente.mx", huge, is_declared=True)
        untold = await asyncio.gather(
            *(send_large(node.smtp, f"u{n}@cliente.mx", huge, is_declared=False) for n in range(2))
        )
    assert told.startswith(b"552 5.3.4 ")
    assert all(one.startswith(b"552 5.3.4 ") for one in untold)
    figure(f"two mails of {HUGE_MIB} MiB at once, of no told size: {memory}")
    assert memory.peak < BUDGET_BYTES, memory
    assert await count(engine_url, "SELECT count(*) FROM arrivals") == 0


async def drip(one: Client) -> None:
    """Send a few bytes, again and again."""
    while True:
        await one.send(b"x\r\n")
        await asyncio.sleep(DRIP_S)


@asynccontextmanager
async def dripping(port: int) -> AsyncIterator[None]:
    """Clients in the middle of a mail that does not end, most of a small one, the last of them of a large one."""
    async with AsyncExitStack() as clients, asyncio.TaskGroup() as group:
        tasks = []
        for n in range(DRIPPERS):
            one = await clients.enter_async_context(client(port))
            sender = f"slow{n}@cliente.mx"
            assert (await one.begin(sender)).startswith(b"354")
            await one.send(head(sender) + (lines(MIB) if n >= DRIPPERS - 4 else b""))
            tasks.append(group.create_task(drip(one)))
        yield
        for task in tasks:
            task.cancel()


async def seconds_a_mail(port: int, name: str) -> float:
    """Return how long a normal mail takes from its first command to its 250: the quickest, whatever else is running."""
    took = []
    for n in range(NORMAL_MAILS):
        began = time.monotonic()
        assert (await send_large(port, f"{name}{n}@cliente.mx", lines(4096), is_declared=True)).startswith(b"250")
        took.append(time.monotonic() - began)
    return min(took)


@pytest.mark.done("faults.5")
async def test_a_hundred_slow_senders_delay_no_other_mail(engine_url: str, tmp_path: Path, figure: Figure) -> None:
    async with watched_node(engine_url, tmp_path) as (node, _, memory):
        await seconds_a_mail(node.smtp, "warm")
        alone = await seconds_a_mail(node.smtp, "alone")
        async with dripping(node.smtp):
            beside = await seconds_a_mail(node.smtp, "beside")
        await until_all_is_sent(engine_url)
        assert await count(engine_url, "SELECT count(*) FROM incidents") == 3 * NORMAL_MAILS
    figure(f"a mail to its 250: {alone * 1000:.1f} ms alone, {beside * 1000:.1f} beside {DRIPPERS} slow ones; {memory}")
    assert beside < SLOWER_AT_MOST * alone
    assert memory.peak < BUDGET_BYTES, memory


MANY = 10_000


@pytest.mark.done("faults.5")
async def test_ten_thousand_recipients_are_refused_one_by_one_and_ten_thousand_addresses_read(
    sqlite_url: str, tmp_path: Path, figure: Figure
) -> None:
    async with watched_node(sqlite_url, tmp_path) as (node, sink, memory):
        began = time.monotonic()
        async with client(node.smtp) as one:
            assert (await one.say(b"MAIL FROM:<ana@cliente.mx>")).startswith(b"250")
            local, _, domain = DESK.partition("@")
            replies = [(await one.say(f"RCPT TO:<{local}+{n}@{domain}>".encode()))[:3] for n in range(190)]
            assert replies[:100] == [b"250"] * 100
            assert set(replies[100:]) == {b"452"}
            addresses = ",\r\n ".join(f"persona{n}@otra{n}.mx" for n in range(MANY))
            assert (await one.say(b"DATA")).startswith(b"354")
            first, mark = head("ana@cliente.mx", to=f"{DESK},\r\n {addresses}"), b"\r\nMIME-Version"
            await one.send(first.replace(mark, b"\r\nCc: " + addresses.encode() + mark, 1))
            assert (await one.say(b"--b--\r\n.")).startswith(b"250")
        await sink.until(2, within_s=30)
        seconds = time.monotonic() - began
    figure(f"{2 * MANY} addresses in To and Cc: answered after {seconds:.1f} s; {memory}")
    assert memory.peak < BUDGET_BYTES, memory
    assert await count(sqlite_url, "SELECT count(*) FROM incidents") == 1

"""Each trouble of the stores and of the way out, by name: what the door says meanwhile, what `/readyz` and `/healthz`
say, and that it leaves by itself. Stores are those of real nodes; the way out is that of a house whose clock jumps.

Elsewhere: a store that breaks off between commit and answer (test_store_away), each verb at which a relay tears or
falls silent, and the fallback (test_relay_trouble), an address that mail does not reach (test_undelivered).
"""

import asyncio
import os
import shutil
import signal
import smtplib
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from desk.ledger.store import sqlite_path
from tests.channels.fake_relay import CONTENT, FakeRelay, fake_relay
from tests.engines import PostgresServer, free_port
from tests.relay import Relay, relay
from tests.stories.house import DESK, House, house, written
from tests.stories.nodes import UNBOUNDED, RealNode, real_nodes
from tests.stories.test_digest import MANAGER
from tests.stories.test_real_nodes import count, rows, until_all_is_sent
from tests.stories.test_relay_trouble import ids, problems

pytestmark = pytest.mark.anyio

SAID_WITHIN_S = 60.0
"""How soon a trouble stands in `/healthz`, and how soon it is gone."""
LOOK_S = 0.05
LATER = 451
NO_REPLY = 0
MIB = 1024 * 1024
DISK = 48 * MIB
WANTED = 8 * MIB
LOAD = 30
WAITING = "SELECT (SELECT count(*) FROM arrivals WHERE done_at IS NULL) + count(*) FROM owed WHERE status <> 'sent'"
MAILS_READ_OVER = 8
"""Mails of which the log is over a MiB, when none of it may be moved."""
TERMINATIONS = 15


# What is asked of a node


async def asked(node: RealNode, path: str) -> tuple[int, Any]:
    """Return code and body of a page of the node."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{node.http}{path}") as answer:
        return answer.status, await answer.json()


async def said(node: RealNode, part: str, name: str) -> dict[str, Any]:
    """Wait until a trouble stands in `/healthz`; it says since when, why and what to do."""
    async with asyncio.timeout(SAID_WITHIN_S):
        while True:
            code, body = await asked(node, "/healthz")
            for problem in body["problems"]:
                if (problem["part"], problem["name"]) == (part, name):
                    assert code == 503
                    assert all(problem[told] for told in ("since", "why", "do"))
                    return dict(problem)
            await asyncio.sleep(LOOK_S)


async def well(node: RealNode) -> None:
    """Wait until nothing stands in `/healthz` and the node is ready."""
    async with asyncio.timeout(SAID_WITHIN_S):
        while True:
            code, body = await asked(node, "/healthz")
            if code == 200 and (await asked(node, "/readyz"))[0] == 200:
                assert body == {"status": "ok", "problems": []}
                return
            await asyncio.sleep(LOOK_S)


def sender_of(n: int) -> str:
    return f"u{n}@cliente{n}.mx"


def submit_patiently(port: int, sender: str, content: bytes) -> None:
    """Hand in a mail and wait for the reply as mail systems do: who is locked out waits for the lock first."""
    with smtplib.SMTP("127.0.0.1", port, timeout=SAID_WITHIN_S) as client:
        client.sendmail(sender, [DESK], content)


async def hand_in(node: RealNode, n: int) -> int:
    """Hand in mail `n` and return the reply to its content, NO_REPLY when there was none in time."""
    mail = written(f"Duda {n}.", sender=sender_of(n), message_id=f"<d{n}@cliente.mx>")
    content = mail.as_bytes().replace(b"\n", b"\r\n")
    try:
        await asyncio.to_thread(submit_patiently, node.smtp, sender_of(n), content)
    except smtplib.SMTPResponseException as refusal:
        return refusal.smtp_code
    except (smtplib.SMTPServerDisconnected, TimeoutError):
        return NO_REPLY
    return 250


async def until_taken(node: RealNode, n: int) -> None:
    """Hand a mail in until it is taken, as a mail system does."""
    async with asyncio.timeout(SAID_WITHIN_S):
        while await hand_in(node, n) != 250:
            await asyncio.sleep(LOOK_S)


async def assert_each_answered_once(url: str, sink: Relay, mails: int) -> None:
    await until_all_is_sent(url)
    assert await count(url, "SELECT count(*) FROM incidents") == mails
    for n in range(mails):
        assert len({str(taken.mail["Message-ID"]) for taken in sink.to(sender_of(n))}) == 1
    assert len(sink.to(sender_of(0))) == 1


# Stores


@dataclass(frozen=True)
class StoreTrouble:
    """A trouble during which no mail can be kept, and how it stands in `/healthz`."""

    id: str
    strike: Callable[[Any], AbstractAsyncContextManager[None]]
    stands: tuple[tuple[str, str], ...]


async def suffer(node: RealNode, on: Any, trouble: StoreTrouble, n: int) -> None:
    """Let a trouble strike and pass while mail `n` is handed in: it is refused for now, and taken later."""
    async with trouble.strike(on):
        assert await hand_in(node, n) == LATER, trouble.id
        for part, name in trouble.stands:
            await said(node, part, name)
        assert (await asked(node, "/readyz"))[0] == 503, trouble.id
    await well(node)
    await until_taken(node, n)


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Another program holds the file's write lock."""
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


@asynccontextmanager
async def read_only(path: Path) -> AsyncIterator[None]:
    """Nobody may write to the file and its log any more, whoever has them open."""
    files = [str(path), f"{path}-wal"]
    await asyncio.to_thread(subprocess.run, ["chattr", "+i", *files], check=True)
    try:
        yield
    finally:
        await asyncio.to_thread(subprocess.run, ["chattr", "-i", *files], check=True)


@asynccontextmanager
async def full(path: Path) -> AsyncIterator[None]:
    """Not a byte is free."""
    with ballast(path.parent, leaving=0):
        yield


@contextmanager
def ballast(folder: Path, leaving: int) -> Iterator[None]:
    """Fill the disk of a folder but for so many bytes."""
    file = folder / "ballast"
    try:
        with file.open("wb", buffering=0) as written_to, suppress(OSError):
            while shutil.disk_usage(folder).free > leaving:
                written_to.write(bytes(4096))
        yield
    finally:
        file.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own that can be filled."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


SQLITE = (
    StoreTrouble("locked", locked, (("database", "write"),)),
    StoreTrouble("read-only", read_only, (("database", "write"),)),
)
FULL = StoreTrouble("full", full, (("disk", "free"), ("database", "write")))


@pytest.mark.done("faults.10")
async def test_a_file_that_is_locked_or_read_only_refuses_mail_for_now_and_says_so(
    sqlite_url: str, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    path = sqlite_path(sqlite_url)
    began = time.monotonic()
    async with relay() as sink, real_nodes(node := RealNode(tmp_path, sqlite_url, sink.port)):
        await until_taken(node, 0)
        for n, trouble in enumerate(SQLITE, 1):
            await suffer(node, path, trouble, n)
        await assert_each_answered_once(sqlite_url, sink, len(SQLITE) + 1)
        assert node.errors() == []
    figure(f"{len(SQLITE)} troubles of a file in {time.monotonic() - began:.0f} s")


@pytest.mark.done("faults.10")
async def test_a_disk_that_fills_up_is_told_to_the_managers_before_mail_is_refused(
    small_disk: Path, tmp_path: Path
) -> None:
    url = f"sqlite://{small_disk / 'ventanilla.db'}"
    more = f'{UNBOUNDED}[health]\ndisk_free = "{WANTED // MIB}MiB"\n'
    async with relay() as sink, real_nodes(node := RealNode(tmp_path, url, sink.port, more=more)):
        await until_taken(node, 0)
        with ballast(small_disk, leaving=WANTED // 2):
            await said(node, "disk", "free")
            await until_told(sink)
            assert await hand_in(node, 1) == 250
            assert (await asked(node, "/readyz"))[0] == 200
        await well(node)
        await suffer(node, sqlite_path(url), FULL, 2)
        await assert_each_answered_once(url, sink, 3)
        assert all('"event": "disk_low"' in line for line in node.errors())


async def until_told(sink: Relay) -> None:
    """Wait until the manager has the mail about the disk."""
    async with asyncio.timeout(SAID_WITHIN_S):
        while not any("queda poco disco" in str(one.mail["Subject"]) for one in sink.to(MANAGER)):
            await asyncio.sleep(LOOK_S)


@pytest.mark.done("faults.10")
async def test_a_long_reader_keeps_no_mail_waiting_and_a_log_that_grows_is_named_and_cut(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.ledger.sqlite.LOG_BYTES_MAX", MIB)
    monkeypatch.setattr("ventanilla.probe.PROBE_LOOKS", 1)
    path = sqlite_path(sqlite_url)
    assert path is not None
    async with house(sqlite_url) as one:
        await one.take(written())
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM incidents").fetchall()
            for n in range(1, MAILS_READ_OVER):
                await one.take(written(f"Duda {n}.", message_id=f"<d{n}@cliente.mx>"))
            problem = (await problems(one))["database", "log"]
            assert all(problem[told] for told in ("since", "why", "do"))
            await one.node.due.look()
            assert len(await one.incidents()) == MAILS_READ_OVER
        await one.node.due.look()
        assert await problems(one) == {}


@asynccontextmanager
async def killed(server: PostgresServer) -> AsyncIterator[None]:
    """The server's machine lost its power."""
    await asyncio.to_thread(server.kill)
    yield
    await asyncio.to_thread(server.start)


@asynccontextmanager
async def stopped(server: PostgresServer) -> AsyncIterator[None]:
    """The server was stopped in order, and is started again."""
    await asyncio.to_thread(server.halt)
    yield
    await asyncio.to_thread(server.start)


GONE = (("database", "answer"), ("database", "write"))
POSTGRES = (
    StoreTrouble("killed", killed, GONE),
    StoreTrouble("stopped", stopped, GONE),
)


@pytest.mark.done("faults.10")
async def test_a_server_that_is_gone_refuses_mail_for_now_and_says_so(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    url = own_server.fresh_database()
    async with relay() as sink, real_nodes(node := RealNode(tmp_path, url, sink.port)):
        await until_taken(node, 0)
        for n, trouble in enumerate(POSTGRES, 1):
            await suffer(node, own_server, trouble, n)
        await assert_each_answered_once(url, sink, len(POSTGRES) + 1)
        assert node.errors() == []


@pytest.mark.done("faults.10")
async def test_a_server_that_stands_still_is_said_and_mail_that_waited_for_it_is_taken(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    """As a server is during a failover, or with its disk hanging."""
    url = own_server.fresh_database()
    async with relay() as sink, real_nodes(node := RealNode(tmp_path, url, sink.port)):
        await until_taken(node, 0)
        await until_all_is_sent(url)
        with standing_still(own_server):
            await said(node, "database", "answer")
            assert (await asked(node, "/readyz"))[0] == 503
            waiting = asyncio.create_task(until_taken(node, 1))
            await asyncio.sleep(LOOK_S)
            assert not waiting.done()
        await waiting
        await well(node)
        await assert_each_answered_once(url, sink, 2)
        assert node.errors() == []


@contextmanager
def standing_still(server: PostgresServer) -> Iterator[None]:
    """Suspend every process of the server."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    processes = [server.pid, *map(int, children)]
    try:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        yield
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


@pytest.mark.done("faults.10")
async def test_connections_ended_in_the_middle_of_commits_lose_and_double_nothing(
    postgres_url: str, tmp_path: Path
) -> None:
    async with relay() as sink, real_nodes(node := RealNode(tmp_path, postgres_url, sink.port)):
        sending = [asyncio.create_task(until_taken(node, n)) for n in range(LOAD)]
        ended = 0
        for _ in range(TERMINATIONS):
            ended += await end_connections(postgres_url)
            await asyncio.sleep(LOOK_S)
        await asyncio.gather(*sending)
        assert ended >= TERMINATIONS
        await well(node)
        await assert_each_answered_once(postgres_url, sink, LOAD)
        assert node.errors() == []


async def end_connections(url: str) -> int:
    """End every other connection to a database, whatever it is doing; return how many."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return len(await rows(url, f"SELECT pg_terminate_backend(pid) {others}"))


@pytest.mark.done("faults.10")
async def test_a_node_suspended_until_its_leases_ran_out_doubles_nothing_when_it_goes_on(
    postgres_url: str, tmp_path: Path
) -> None:
    """Another node answers meanwhile. The leases are ended by hand: nobody waits half a minute for them."""
    async with relay() as sink:
        one, other = (RealNode(tmp_path, postgres_url, sink.port) for _ in range(2))
        async with real_nodes(one, other):
            await asyncio.gather(*(until_taken(one, n) for n in range(LOAD)))
            assert one.process is not None
            one.process.send_signal(signal.SIGSTOP)
            try:
                await until_all_is_sent_without(postgres_url)
                assert (await asked(other, "/readyz"))[0] == 200
            finally:
                one.process.send_signal(signal.SIGCONT)
            await well(one)
            await until_taken(one, LOAD)
            await assert_each_answered_once(postgres_url, sink, LOAD + 1)
            assert one.errors() == other.errors() == []


async def until_all_is_sent_without(url: str) -> None:
    """End the leases of the suspended node until nothing waits. What it has locked in the middle of a transaction the
    server gives free when that was idle for too long."""
    connection = await asyncpg.connect(url)
    try:
        async with asyncio.timeout(SAID_WITHIN_S):
            while await count(url, WAITING):
                for table, open_rows in (("arrivals", "done_at IS NULL"), ("owed", "status = 'queued'")):
                    free = f"SELECT id FROM {table} WHERE {open_rows} FOR UPDATE SKIP LOCKED"
                    await connection.execute(f"UPDATE {table} SET leased_until = now() WHERE id IN ({free})")
                await asyncio.sleep(0.5)
    finally:
        await connection.close()


# The way out


@dataclass(frozen=True)
class RelayTrouble:
    """What a relay does by verb, and how that stands in `/healthz`."""

    id: str
    part: str
    name: str
    replies: dict[str, str] = field(default_factory=dict)
    tears: frozenset[str] = frozenset()
    falls_silent_at: str = ""
    is_closed: bool = False


RELAY = (
    RelayTrouble("refuses for now", "outbox", "deferred", replies={"MAIL": "451 4.3.0 later"}),
    RelayTrouble("turns everybody down", "relay", "reach", replies={"MAIL": "421 4.3.2 closing"}),
    RelayTrouble("wants a login", "relay", "reach", replies={"MAIL": "530 5.7.0 log in"}),
    RelayTrouble("greets with a refusal", "relay", "reach", replies={"CONNECT": "554 5.3.2 go away"}),
    RelayTrouble("hangs in the greeting", "outbox", "slow", falls_silent_at="CONNECT"),
    RelayTrouble("is slow to take the content", "outbox", "slow", falls_silent_at=CONTENT),
    RelayTrouble("is closed", "relay", "reach", is_closed=True),
    RelayTrouble("tears at the greeting", "relay", "reach", tears=frozenset({"CONNECT"})),
    RelayTrouble("tears before the content", "outbox", "deferred", tears=frozenset({"RCPT"})),
    RelayTrouble("tears after the content", "outbox", "deferred", tears=frozenset({CONTENT})),
)


@pytest.mark.parametrize("trouble", RELAY, ids=lambda trouble: trouble.id)
@pytest.mark.done("faults.10")
async def test_a_relay_in_trouble_stands_in_healthz_within_a_minute_and_leaves_it_by_itself(
    sqlite_url: str, trouble: RelayTrouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("responders.outbox", "responders.mail.relays"):
        monkeypatch.setattr(f"{module}.PROBE_S", (0.02, 0.05))
    goes_on = asyncio.Event()
    wrong = FakeRelay(port=free_port(), replies=dict(trouble.replies), tears=set(trouble.tears), offers=["PIPELINING"])
    if trouble.falls_silent_at:
        wrong.waits[trouble.falls_silent_at] = goes_on
    async with house(sqlite_url, relay_of=Relay(port=wrong.port)) as one:
        await one.send(written())
        async with standing(wrong, but=trouble.is_closed):
            await until_tried(one, wrong, trouble)
            one.clock.advance(timedelta(seconds=45))
            async with asyncio.timeout(10):
                while (trouble.part, trouble.name) not in (said := await problems(one)):
                    await one.node.due.look()
            problem = said[trouble.part, trouble.name]
            assert all(problem[told] for told in ("since", "why", "do"))
            wrong.replies.clear()
            wrong.tears.clear()
            goes_on.set()
            async with standing(wrong, but=not trouble.is_closed):
                async with asyncio.timeout(10):
                    while await one.count("SELECT count(*) FROM owed WHERE status <> 'sent'"):
                        await one.jump(timedelta(seconds=30))
                assert await problems(one) == {}
        assert len(ids(wrong.mails)) == 2


@asynccontextmanager
async def standing(one: FakeRelay, *, but: bool) -> AsyncIterator[None]:
    """Let a relay stand while the block runs, but not if ..."""
    if but:
        yield
        return
    async with fake_relay(one):
        yield


async def until_tried(one: House, wrong: FakeRelay, trouble: RelayTrouble) -> None:
    """Wait until an attempt has met the trouble: it hangs there, or was put off."""
    async with asyncio.timeout(10):
        while not (one.said("delivery_deferred") or one.said("relay_away")):
            if trouble.falls_silent_at and wrong.connections:
                return
            await asyncio.sleep(0.005)

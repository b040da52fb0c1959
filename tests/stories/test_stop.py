"""A node is ended at any moment of its life: by SIGTERM under load and at its start, by `kill -9` during start-up, a
migration and a backup. It ends in time, takes nothing afterwards, and the next start goes on with everything."""

import asyncio
import contextlib
import json
import smtplib
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from desk.ledger import migrate
from desk.ledger.copies import COPY_KEY
from desk.ledger.store import sqlite_path
from tests.relay import Relay, relay
from tests.stories.house import ANA, DESK, submit, written
from tests.stories.nodes import ROOT, RealNode, real_nodes
from tests.stories.test_kept_databases import KEPT, restore, unpacked
from tests.stories.test_real_nodes import EXIT_S, Sending, assert_each_answered_once, count, let_leases_end, rows
from tests.stories.test_same_mail import copy_of

pytestmark = pytest.mark.anyio

LOOK_S = 0.001
WITHIN_S = 30.0
BALLAST_BYTES = 24 * 1024 * 1024
"""What makes a backup take long enough to be struck in its middle."""
BALLAST = "INSERT INTO blobs (id, sha256, store, kind, size, created_at, data) SELECT 900000, '', 'db', 'raw', 0, "


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not await is_so():
            await asyncio.sleep(LOOK_S)


@contextlib.asynccontextmanager
async def ending(node: RealNode) -> AsyncIterator[None]:
    """Whatever happens in the block, the node is gone after it."""
    try:
        yield
    finally:
        if node.process is not None and node.process.poll() is None:
            await node.kill()


# SIGTERM


class Late:
    """A client that came before the stop and says nothing, and clients that come after it: none may get a 250."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle = smtplib.SMTP("127.0.0.1", port, timeout=EXIT_S)
        self._idle.ehlo()
        self.refused = 0

    def knock(self) -> None:
        """Hand a mail in by a new session, and one by the session that was idle."""
        late = written("Tarde.", sender="tarde@cliente.mx", message_id="<tarde@cliente.mx>").as_bytes()
        for hand_in in (self._by_the_idle_session, lambda mail: submit(self._port, "tarde@cliente.mx", DESK, mail)):
            with contextlib.suppress(smtplib.SMTPException, OSError):
                hand_in(late)
                raise AssertionError("a mail was taken after the stop began")
            self.refused += 1

    def _by_the_idle_session(self, mail: bytes) -> None:
        self._idle.sendmail("tarde@cliente.mx", [DESK], mail)

    def close(self) -> None:
        self._idle.close()


@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.done("faults.4")
async def test_sigterm_under_load_ends_in_time_takes_nothing_more_and_loses_nothing(
    engine_url: str, tmp_path: Path, signals: int, figure: Callable[[str], None]
) -> None:
    async with relay() as sink:
        one = RealNode(tmp_path, engine_url, sink.port)
        async with real_nodes(one):
            sending, late = Sending(one.smtp), Late(one.smtp)
            async with sending.by(clients=4):
                await sink.until(20)
                assert one.process is not None
                began = time.monotonic()
                for _ in range(signals):
                    one.process.terminate()
                await until(lambda: _said(one, "stopping"))
                await asyncio.to_thread(late.knock)
                assert await asyncio.to_thread(one.process.wait, EXIT_S) == 0
                took = time.monotonic() - began
            assert took < EXIT_S
            late.close()
            assert late.refused == 2
            assert one.errors() == []
            assert len(sending.taken) >= 10
            assert (
                await count(engine_url, "SELECT count(*) FROM arrivals WHERE envelope_from = 'tarde@cliente.mx'") == 0
            )
            unread = await count(engine_url, "SELECT count(*) FROM arrivals WHERE done_at IS NULL")
            assert unread == 0, "what was accepted has its act"
            figure(f"SIGTERM x {signals} after {len(sending.taken)} mails: exit 0 after {took:.1f} s")
            await one.start()
            await assert_each_answered_once(engine_url, sink, sending.taken)
            assert await one.term() == 0


async def _said(node: RealNode, event: str) -> bool:
    return bool(node.said(event))


@pytest.mark.done("faults.4")
async def test_sigterm_during_a_start_ends_it_with_0_and_the_next_start_works(sqlite_url: str, tmp_path: Path) -> None:
    async with relay() as sink:
        one = RealNode(tmp_path, sqlite_url, sink.port)
        async with ending(one):
            for event in ("settings_loaded", "migrated"):
                await one.start(until=event)
                began = time.monotonic()
                assert await one.term() == 0
                assert time.monotonic() - began < EXIT_S
                assert not one.said("ready")
        async with real_nodes(one):
            await asyncio.to_thread(submit, one.smtp, ANA, DESK, copy_of(1))
            await sink.until(2)
            assert await one.term() == 0
        assert one.errors() == []


@pytest.mark.done("faults.4")
async def test_sigterm_ends_a_start_that_waits_for_another_node_to_migrate(postgres_url: str, tmp_path: Path) -> None:
    other = await asyncpg.connect(postgres_url)
    one = RealNode(tmp_path, postgres_url, 1)
    try:
        async with ending(one), other.transaction():
            await other.execute("SELECT pg_advisory_xact_lock($1)", migrate.LOCK)
            await one.begin()
            await until(lambda: _waits_for_lock(postgres_url))
            began = time.monotonic()
            assert await one.term() == 0
            assert time.monotonic() - began < EXIT_S
    finally:
        await other.close()


async def _waits_for_lock(url: str) -> bool:
    return bool(await count(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


# kill -9 while it starts or migrates


@pytest.fixture
def kept_url(engine_url: str, request: pytest.FixtureRequest) -> str:
    """The database that the first version left, with a mail that nobody has read yet."""
    if engine_url.startswith("sqlite"):
        Path(engine_url.removeprefix("sqlite://")).write_bytes(unpacked("house.db.gz"))
    else:
        restore(request.getfixturevalue("postgres"), engine_url, unpacked("house.sql.gz"))
    return engine_url


@pytest.mark.done("faults.4")
async def test_a_node_killed_while_it_starts_or_migrates_leaves_everything_to_the_next_start(
    kept_url: str, tmp_path: Path
) -> None:
    facts = json.loads((KEPT / "house.json").read_text())
    unread = facts["unread"]
    async with relay() as sink:
        one = RealNode(tmp_path, kept_url, sink.port, key=facts["key"])
        async with ending(one):
            await one.start(until="settings_loaded")
            await one.kill()
            await _struck_while_it_migrates(one, kept_url, facts["migrations"])
            for event in ("migrated", "ready"):
                await one.start(until=event)
                await one.kill()
        assert len(one.said("migrated")) == 1
        await let_leases_end(kept_url)
        async with real_nodes(one):
            await until(lambda: _is_answered(kept_url, sink, unread))
            assert await one.term() == 0
        assert one.errors() == []
        assert len({taken.mail["Message-ID"] for taken in sink.to(unread)}) == 1
        assert await count(kept_url, f"SELECT count(*) FROM incidents WHERE requester_email = '{unread}'") == 1
        assert await asyncio.to_thread(ventanilla, "audit", one) == 0


async def _struck_while_it_migrates(one: RealNode, url: str, before: list[str]) -> None:
    """Kill a node in the transaction of its migrations: nothing of it is there."""
    await one.begin()
    await until(lambda: _migrates(url))
    await one.kill()
    names = [row[0] for row in await rows(url, f'SELECT name FROM "{migrate.RECORD}" ORDER BY name')]
    assert names == sorted(before)


async def _migrates(url: str) -> bool:
    """Tell whether somebody holds what a migration holds: the file's write lock, or the lock of the server."""
    path = sqlite_path(url)
    if path is None:
        return bool(await count(url, f"SELECT count(*) FROM pg_locks WHERE objid = {migrate.LOCK} AND granted"))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as probe:
        try:
            probe.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        probe.execute("ROLLBACK")
        return False


async def _is_answered(url: str, sink: Relay, address: str) -> bool:
    return bool(sink.to(address)) and not await count(url, "SELECT count(*) FROM arrivals WHERE done_at IS NULL")


def ventanilla(command: str, node: RealNode, *words: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "ventanilla", command, *words, "--config", str(node.config)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=False,
        timeout=WITHIN_S,
    ).returncode


# kill -9 while a backup is made


@pytest.mark.done("faults.4")
async def test_a_backup_killed_half_way_or_whose_node_is_killed_costs_nothing(engine_url: str, tmp_path: Path) -> None:
    async with relay() as sink:
        one = RealNode(tmp_path, engine_url, sink.port)
        async with real_nodes(one):
            await _add_ballast(engine_url)
            sending = Sending(one.smtp)
            async with sending.by(clients=2):
                await sink.until(4)
                async with _backup(one, tmp_path / "killed") as half:
                    half.kill()
                    await asyncio.to_thread(half.wait)
                assert not (tmp_path / "killed").exists()
                async with _backup(one, tmp_path / "whole") as whole:
                    await one.kill()
                    assert await asyncio.to_thread(whole.wait, WITHIN_S) == 0
            await let_leases_end(engine_url)
            await one.start()
            await until(lambda: _backed_up(one, tmp_path / "killed"))
            await assert_each_answered_once(engine_url, sink, sending.taken)
            assert await one.term() == 0
        assert [_is_whole(engine_url, tmp_path / name) for name in ("killed", "whole")] == [True, True]
        assert len(sending.taken) >= 2


async def _add_ballast(url: str) -> None:
    path = sqlite_path(url)
    if path is not None:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(f"{BALLAST} '2026-11-24 18:00:00+00:00', zeroblob({BALLAST_BYTES})")
            connection.commit()
        return
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"{BALLAST} now(), convert_to(repeat('x', {BALLAST_BYTES}), 'UTF8')")
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def _backup(node: RealNode, target: Path) -> AsyncIterator["subprocess.Popen[bytes]"]:
    """A backup that is being written when the block begins, and has ended with it."""
    part = target.with_name(f".{target.name}.part")
    command = [sys.executable, "-m", "ventanilla", "backup", str(target), "--config", str(node.config)]
    process = await asyncio.to_thread(subprocess.Popen, command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        await until(lambda: asyncio.to_thread(_has_bytes, part))
        yield process
    finally:
        process.kill()
        process.wait()


def _has_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


async def _backed_up(node: RealNode, target: Path) -> bool:
    """Make the backup that was killed; what a killed one has started may have its file for a moment yet."""
    return await asyncio.to_thread(ventanilla, "backup", node, str(target)) == 0


def _is_whole(url: str, copy: Path) -> bool:
    if sqlite_path(url) is None:
        return f"'{COPY_KEY}'" in copy.read_bytes()[-500:].decode()
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        (said,) = connection.execute("PRAGMA quick_check").fetchone()
        marks = connection.execute("SELECT count(*) FROM keys WHERE key = ?", (COPY_KEY,)).fetchone()[0]
    return said == "ok" and marks == 1

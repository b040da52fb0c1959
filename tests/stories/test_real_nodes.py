"""Nodes as their own processes: two on one database, killed and started again; one that drains (guarantees 1 and 2)."""

import asyncio
import contextlib
import json
import smtplib
import time
from email import policy
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from desk.ledger.store import sqlite_path
from tests.engines import PostgresServer
from tests.relay import Relay, relay
from tests.stories.house import ANA, DESK, FIRST_CONSULTANT, KEY, submit, written
from tests.stories.nodes import RealNode, real_nodes
from tests.stories.test_kept_databases import KEPT, restore, unpacked
from tests.stories.test_same_mail import copy_of

pytestmark = pytest.mark.anyio

EXIT_S = 10.0
"""CONTRACT 1: from SIGTERM to the end."""


async def rows(url: str, sql: str) -> list[Any]:
    """Return rows of the ledger, read from beside the nodes."""
    path = sqlite_path(url)
    if path is not None:
        import sqlite3

        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(sql).fetchall()
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def count(url: str, sql: str) -> int:
    return int((await rows(url, sql))[0][0])


async def until_all_is_sent(url: str, within_s: float = 30.0) -> None:
    """Wait until no arrival and no owed row waits."""
    waiting = "SELECT (SELECT count(*) FROM arrivals WHERE done_at IS NULL) + count(*) FROM owed WHERE status <> 'sent'"
    async with asyncio.timeout(within_s):
        while await count(url, waiting):
            await asyncio.sleep(0.1)


@pytest.mark.done("house.3")
async def test_copies_over_two_nodes_that_are_killed_and_restarted_are_one_incident(
    postgres_url: str, tmp_path: Path
) -> None:
    async with relay() as sink:
        nodes = [RealNode(tmp_path, postgres_url, sink.port) for _ in range(2)]
        async with real_nodes(*nodes):
            ports = [nodes[n % 2].smtp for n in range(10)]
            await asyncio.gather(
                *(asyncio.to_thread(submit, port, ANA, DESK, copy_of(n)) for n, port in enumerate(ports))
            )
            await sink.until(2)
            await until_all_is_sent(postgres_url)
            for one in nodes:
                await one.kill()
            for one in nodes:
                await one.start()
            await asyncio.to_thread(submit, nodes[1].smtp, ANA, DESK, copy_of(11))
            await until_all_is_sent(postgres_url)
            assert [await one.term() for one in nodes] == [0, 0]
            assert [one.errors() for one in nodes] == [[], []]
        assert await count(postgres_url, "SELECT count(*) FROM incidents") == 1
        assert await count(postgres_url, "SELECT count(*) FROM arrivals") == 11
        assert await count(postgres_url, "SELECT count(*) FROM messages WHERE direction = 'in'") == 1
        assert len(sink.to(ANA)) == len(sink.to(FIRST_CONSULTANT)) == 1


@pytest.mark.parametrize("is_kept", [True, False], ids=["a database of before", "an empty database"])
async def test_nodes_that_start_at_once_bring_the_schema_to_date_once_and_all_come_up(
    postgres: PostgresServer, postgres_url: str, tmp_path: Path, is_kept: bool
) -> None:
    key = KEY
    if is_kept:
        restore(postgres, postgres_url, unpacked("house.sql.gz"))
        key = json.loads((KEPT / "house.json").read_text())["key"]
    async with relay() as sink:
        nodes = [RealNode(tmp_path, postgres_url, sink.port, key=key) for _ in range(2)]
        async with real_nodes(*nodes):
            assert sum(len(one.said("migrated")) for one in nodes) == 1
            for n, one in enumerate(nodes):
                sender = f"nueva{n}@cliente.mx"
                mail = written(sender=sender, message_id=f"<{sender}>").as_bytes(policy=policy.SMTP)
                await asyncio.to_thread(submit, one.smtp, sender, DESK, mail)
            async with asyncio.timeout(10):
                while not all(sink.to(f"nueva{n}@cliente.mx") for n in range(len(nodes))):
                    await asyncio.sleep(0.02)
            assert [await one.term() for one in nodes] == [0, 0]
        assert [one.errors() for one in nodes] == [[], []]


async def let_leases_end(url: str) -> None:
    """Do what half a minute does: the leases of a dead node are over. On SQLite it is the next start that takes all."""
    if sqlite_path(url) is not None:
        return
    connection = await asyncpg.connect(url)
    try:
        for table in ("arrivals", "owed"):
            await connection.execute(f"UPDATE {table} SET leased_until = now() WHERE leased_until IS NOT NULL")
    finally:
        await connection.close()


class Sending:
    """Clients that send mail after mail until they are stopped; `taken` are those that got their 250."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._is_over = False
        self.taken: list[str] = []

    def _send_on(self, client: int) -> None:
        n = 0
        while not self._is_over:
            n += 1
            sender = f"u{client}x{n}@cliente.mx"
            mail = written(f"Duda {n}.", sender=sender, message_id=f"<{sender}>").as_bytes().replace(b"\n", b"\r\n")
            try:
                submit(self._port, sender, DESK, mail)
            except (smtplib.SMTPException, OSError):
                return
            self.taken.append(sender)

    @contextlib.asynccontextmanager
    async def by(self, clients: int):
        tasks = [asyncio.create_task(asyncio.to_thread(self._send_on, client)) for client in range(clients)]
        try:
            yield
        finally:
            self._is_over = True
            await asyncio.gather(*tasks)


async def assert_each_answered_once(url: str, sink: Relay, taken: list[str]) -> None:
    """Every mail that got its 250 is one incident with one acknowledgement."""
    await until_all_is_sent(url)
    requesters = [row[0] for row in await rows(url, "SELECT requester_email FROM incidents")]
    assert len(requesters) == len(set(requesters))
    assert set(taken) <= set(requesters)
    for address in taken:
        assert len({one.mail["Message-ID"] for one in sink.to(address)}) == 1


async def test_a_node_killed_under_load_loses_nothing_that_got_its_250(engine_url: str, tmp_path: Path) -> None:
    async with relay() as sink:
        one = RealNode(tmp_path, engine_url, sink.port)
        async with real_nodes(one):
            sending = Sending(one.smtp)
            async with sending.by(clients=4):
                await sink.until(20)
                await one.kill()
            await let_leases_end(engine_url)
            await one.start()
            await asyncio.to_thread(submit, one.smtp, ANA, DESK, copy_of(1))
            await assert_each_answered_once(engine_url, sink, [*sending.taken, ANA])
            assert await one.term() == 0


async def test_sigterm_with_a_relay_that_is_away_ends_in_time_and_keeps_what_is_owed(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with relay() as sink:
        port = sink.port
    one = RealNode(tmp_path, sqlite_url, port)
    async with real_nodes(one):
        await asyncio.to_thread(submit, one.smtp, ANA, DESK, copy_of(1))
        began = time.monotonic()
        assert await one.term() == 0
        assert time.monotonic() - began < EXIT_S
        async with relay(port) as back:
            await one.start()
            await back.until(2)
            await until_all_is_sent(sqlite_url)
            assert len(back.to(ANA)) == 1
            assert await one.term() == 0

"""The 250 comes after an fsync of what was accepted, as the kernel saw it; and the places told are all there are."""

import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.engines import PostgresServer
from tests.faults.databases import Databases, PostgresDatabases, SqliteDatabases
from tests.faults.nodes import RunningNode, Struck, descendants, fresh_ports, start, until
from tests.faults.places import BEFORE
from tests.faults.plan import DESK, NEW_ID, Plan, hand_in, new_mail
from tests.faults.traces import attached, calls, first, strace
from tests.relay import relay
from tools import system_packages

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.done("house.4"),
    pytest.mark.skipif(system_packages.find("strace") is None, reason="no strace: apt-get install strace"),
]

STORED = "250 2.0.0 Mail stored"
TRACE_S = 10.0


@asynccontextmanager
async def traced_mail(databases: Databases, url: str, folder: Path) -> AsyncIterator[tuple[RunningNode, Path]]:
    """A node under strace that has taken and answered one mail; the places it told, and the trace."""
    prefix = folder / "node"
    async with relay() as sink:
        ports = fresh_ports(sink.port, databases.port)
        node = await start(folder, url, ports, Struck(), strace(prefix))
        try:
            assert await hand_in(node.port, DESK, new_mail())
            assert await Plan(databases, folder).settled(url)
            yield node, prefix
        finally:
            node.close()
            await databases.close()


async def test_the_250_comes_after_the_fsync_of_the_mail_on_sqlite(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    databases = SqliteDatabases(tmp_path)
    async with traced_mail(databases, await databases.fresh(), tmp_path) as (node, prefix):
        await node.stop()
        seen = calls(prefix)
    written = first(seen, "pwrite64", NEW_ID.strip("<>"))
    assert written.file.endswith("-wal")
    flushed = next(call for call in seen if call.is_flush and call.file == written.file and call.begun >= written.ended)
    replied = first(seen, "sendto", STORED)
    assert written.ended <= flushed.begun <= flushed.ended <= replied.begun
    figure(f"sqlite: {flushed.name} of the log ended {(replied.begun - flushed.ended) * 1000:.2f} ms before the 250")


async def test_every_socket_write_the_kernel_saw_is_a_place(tmp_path: Path, figure: Callable[[str], None]) -> None:
    databases = SqliteDatabases(tmp_path)
    async with traced_mail(databases, await databases.fresh(), tmp_path) as (node, prefix):
        told = [place.name for place in node.places() if place.when == BEFORE and "> " in place.name]
        told_at = time.time()
        await node.stop()
        seen = calls(prefix)
        greeted = first(seen, "sendto", "220 ").begun
    sent = [
        call.rest[:40]
        for call in seen
        if call.name == "sendto"
        and call.thread == node.process.pid
        and greeted <= call.begun <= told_at
        and not call.rest.startswith('"\\0", 1')  # asyncio wakes itself
    ]
    assert len(sent) == len(told), (sent, told)
    figure(f"{len(sent)} socket writes seen by the kernel, as many told as places")


@asynccontextmanager
async def traced_server(server: PostgresServer, prefix: Path) -> AsyncIterator[None]:
    """strace on a running server and on all it starts, while the block runs."""
    pids = [server.pid, *descendants(server.pid)]
    tracer = launched(attached(prefix, pids))
    try:
        assert await until(lambda: all(map(is_traced, pids)), TRACE_S), "strace may not attach here"
        yield
    finally:
        tracer.terminate()
        tracer.wait(TRACE_S)


def launched(command: list[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def is_traced(pid: int) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()


async def test_the_250_comes_after_the_fsync_of_the_commit_on_postgres(
    own_server: PostgresServer, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    databases = PostgresDatabases(own_server)
    url = await databases.fresh()
    shown = await databases.rows(url, "SELECT current_setting('fsync'), current_setting('synchronous_commit')")
    assert [tuple(row) for row in shown] == [("on", "on")]
    server_trace = tmp_path / "server"
    async with traced_server(own_server, server_trace), traced_mail(databases, url, tmp_path) as (node, prefix):
        await node.stop()
        seen = calls(prefix)
    bound = first(seen, "sendto", NEW_ID.strip("<>"))
    committed = first(seen, "sendto", "COMMIT", after=bound.ended)
    answered = first(seen, "recvfrom", "COMMIT", after=committed.ended)
    replied = first(seen, "sendto", STORED)
    flushes = [call for call in calls(server_trace) if call.is_flush and "/pg_wal/" in call.file]
    flushed = next(call for call in flushes if call.begun >= committed.begun)
    assert committed.begun <= flushed.begun <= flushed.ended <= answered.ended <= replied.begun
    figure(f"postgres: {flushed.name} of the log ended {(replied.begun - flushed.ended) * 1000:.2f} ms before the 250")

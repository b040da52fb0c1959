"""The tests' own PostgreSQL: it keeps what it promised, and leaves nothing behind."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from tests.engines import PostgresAbsent, PostgresServer

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 10.0


@pytest.fixture
def durable() -> Iterator[PostgresServer]:
    try:
        server = PostgresServer(durable=True)
    except PostgresAbsent as absent:
        pytest.skip(str(absent))
    server.start()
    yield server
    server.stop()


@pytest.mark.anyio
async def test_a_killed_server_comes_back_with_what_was_committed(durable: PostgresServer) -> None:
    url = durable.fresh_database()
    before = await asyncpg.connect(url)
    await before.execute("CREATE TABLE kept (a int); INSERT INTO kept VALUES (7)")
    durable.kill()
    durable.start()
    before.terminate()
    after = await asyncpg.connect(url)
    assert await after.fetchval("SELECT a FROM kept") == 7
    await after.close()


@pytest.mark.anyio
async def test_each_test_has_a_database_of_its_own(postgres: PostgresServer) -> None:
    first, second = postgres.fresh_database(), postgres.fresh_database()
    connection = await asyncpg.connect(first)
    await connection.execute("CREATE TABLE mine (a int)")
    await connection.close()
    other = await asyncpg.connect(second)
    assert await other.fetchval("SELECT to_regclass('mine')") is None
    await other.close()


SERVE = """
import time
from tests.engines import PostgresServer
server = PostgresServer()
server.start()
print(server.port, flush=True)
time.sleep(60)
"""


@pytest.mark.usefixtures("postgres")
def test_the_server_ends_with_a_test_process_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", SERVE], cwd=ROOT, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout
        folder = f"ventanilla-postgres-{tests.pid}-"
        assert tests.stdout.readline().strip().isdigit()
        assert servers(folder)
        tests.kill()
    end = time.monotonic() + PATIENCE_S
    while servers(folder) and time.monotonic() < end:
        time.sleep(0.05)
    assert servers(folder) == []


def servers(folder: str) -> list[int]:
    """Return the processes that were started on a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended while we looked
            if folder.encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found

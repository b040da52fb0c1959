"""Opens a database for reading through Tortoise, beside whatever nodes are at work on it (DESIGN 8).

Promises: nothing can be written by it; what one `snapshot` reads is of one moment; whoever is cancelled while reading
takes no connection along; a database that is away or not to date is named as such. Never: makes a file, changes its
journal mode, waits for a writer.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
from tortoise import connections
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.context import TortoiseContext
from tortoise.exceptions import DBConnectionError, OperationalError
from tortoise.transactions import in_transaction

from desk.base.errors import NotMigrated, StoreAway
from desk.ledger import postgres, sqlite
from desk.ledger.migrate import APPLIED, names, tortoise_config
from desk.ledger.statements import Many, Rows, Run, Steps, for_postgres, for_sqlite
from desk.ledger.store import sqlite_path

R = TypeVar("R")

CONNECTIONS_MAX = 2
DO = "run `ventanilla migrate`, or start the service"
ONE_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class _PostgresReader(AsyncpgDBClient):
    """Opens its pool by the URL itself: Tortoise would not understand all that the store does (sslmode, sockets)."""

    async def create_pool(self, **_: Any) -> asyncpg.Pool:
        pooled = self.extra["pooled"]
        return await asyncpg.create_pool(
            self.extra["url"],
            min_size=1,
            max_size=CONNECTIONS_MAX,
            timeout=postgres.CONNECT_TIMEOUT_S,
            command_timeout=postgres.COMMAND_TIMEOUT_S,
            statement_cache_size=0 if pooled else postgres.CACHED_STATEMENTS,
            server_settings={} if pooled else {"default_transaction_read_only": "on"},
        )


client_class = _PostgresReader
"""Where Tortoise looks for what an `engine` is."""


class Reader:
    """Reads an open database. Made by `opened`."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    async def snapshot(self, read: Callable[[], Awaitable[R]]) -> R:
        """Return what `read` makes of the tables at one moment. It may wait for nothing but the database.

        Raises StoreAway. It runs as a task of its own: one that were cancelled inside would keep Tortoise's connection
        for ever.
        """
        task = asyncio.create_task(_transaction(read))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def run(self, steps: Steps[R]) -> R:
        """Run reading steps at one moment. Raises StoreAway."""
        return await self.snapshot(lambda: _step_through(steps))

    async def finish(self) -> None:
        """Wait for the reads that nobody waits for any more."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()


@asynccontextmanager
async def opened(url: str, *, pooled: bool = False) -> AsyncIterator[Reader]:
    """A block in which the tables can be read. Raises StoreAway, and NotMigrated for one that is not to date."""
    config = {**tortoise_config(url), "connections": {"default": _connection(url, pooled=pooled)}}
    async with TortoiseContext() as context:
        await context.init(config=config)
        reader = Reader()
        try:
            await _see_that_it_is_to_date(reader)
            yield reader
        finally:
            await reader.finish()


async def _transaction(read: Callable[[], Awaitable[R]]) -> R:
    try:
        async with in_transaction() as connection:
            if connection.capabilities.dialect == "postgres":
                await connection.execute_query(ONE_MOMENT)
            return await read()
    except (*postgres.AWAY, DBConnectionError) as error:
        raise StoreAway(f"{type(error).__name__}: {error}") from error
    except (OperationalError, sqlite3.DatabaseError) as error:
        if not sqlite.is_away(error):
            raise
        raise StoreAway(str(error)) from error


async def _step_through(steps: Steps[R]) -> R:
    connection = connections.get("default")
    worded = for_postgres if connection.capabilities.dialect == "postgres" else for_sqlite
    rows: Rows = []
    try:
        statement: Run | Many = next(steps)
        while True:
            assert isinstance(statement, Run), "reading steps write nothing"
            _, found = await connection.execute_query(worded(statement.sql), list(statement.parameters))
            rows = [tuple(row) for row in found]
            statement = steps.send(rows)
    except StopIteration as done:
        result: R = done.value
        return result


def _connection(url: str, *, pooled: bool) -> dict[str, Any]:
    path = sqlite_path(url)
    if path is None:
        return {"engine": __name__, "credentials": {"url": url, "pooled": pooled}}
    if not path.is_file():
        raise NotMigrated(f"{path}: there is no database here yet; {DO}")
    pragmas = {
        "busy_timeout": sqlite.BUSY_TIMEOUT_MS,
        "query_only": "ON",
        "journal_mode": "as_it_is",  # no mode of this name: SQLite then leaves it, where Tortoise would set WAL
    }
    return {"engine": "tortoise.backends.sqlite", "credentials": {"file_path": str(path), **pragmas}}


async def _see_that_it_is_to_date(reader: Reader) -> None:
    try:
        rows = await reader.snapshot(lambda: connections.get("default").execute_query_dict(APPLIED))
    except OperationalError as error:
        if not _is_absent(error):
            raise
        raise NotMigrated(f"the database holds no tables yet; {DO}") from error
    missing = sorted(set(names()) - {row["name"] for row in rows})
    if missing:
        raise NotMigrated(f"the database is of an earlier version ({missing[0]} is missing); {DO}")


def _is_absent(error: OperationalError) -> bool:
    return isinstance(error.__cause__, asyncpg.UndefinedTableError) or "no such table" in str(error)

"""The in-memory store: SQLite without a file behind the ledger's own protocol, and leases as on PostgreSQL.

Promises: it runs the very steps that the two engines run, each write whole or not at all; any number of nodes share it,
their leases judged by its own clock. Never: starts a thread, touches the disk, keeps anything of a transaction that was
not committed. It is for tests: what is in memory is gone with the process.
"""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from desk.ledger.migrate import migrate_sqlite
from desk.ledger.statements import LEASE_S, Many, Run, Steps

R = TypeVar("R")

CACHED_STATEMENTS = 512
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)


class MemoryDatabase:
    """What is there when every process is gone. `now` is the clock that leases are judged by."""

    def __init__(self, schema: bytes, now: Callable[[], datetime]) -> None:
        self.now = now
        self.connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=CACHED_STATEMENTS)
        self.connection.deserialize(schema)
        self.connection.execute("PRAGMA foreign_keys=ON")
        self._tables = [
            name
            for (name,) in self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith(("sqlite_", "tortoise_"))
        ]
        self._bells: list[asyncio.Future[None]] = []
        self.connection.create_function("this_instant", 0, lambda: self._text(timedelta()))
        self.connection.create_function("lease_end", 0, lambda: self._text(timedelta(seconds=LEASE_S)))
        self.connection.create_function("tell_nodes", 0, self._ring)

    def empty(self) -> None:
        """Remove every row, so that the next life finds a new desk; statements stay prepared."""
        self._bells.clear()
        self.connection.execute("PRAGMA foreign_keys=OFF")
        for table in self._tables:
            self.connection.execute(f"DELETE FROM {table}")
        self.connection.execute("DELETE FROM sqlite_sequence")
        self.connection.execute("PRAGMA foreign_keys=ON")

    def rows(self, sql: str, *parameters: object) -> list[Any]:
        """Return rows, for whoever judges: no process reads by this."""
        return self.connection.execute(sql, parameters).fetchall()

    def look(self, steps: Steps[R]) -> R:
        """Run reading steps."""
        return self._step_through(steps)

    def change(self, steps: Steps[R]) -> R:
        """Run steps in one transaction; an error leaves nothing of it."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            result = self._step_through(steps)
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")
        return result

    def bell(self) -> "asyncio.Future[None]":
        """Return what is done when a process that is no node left something."""
        self._bells.append(asyncio.get_running_loop().create_future())
        return self._bells[-1]

    def _step_through(self, steps: Steps[R]) -> R:
        try:
            statement = next(steps)
            while True:
                statement = steps.send(self._run(statement))
        except StopIteration as done:
            result: R = done.value
            return result

    def _run(self, statement: Run | Many) -> list[Any]:
        sql = for_memory(statement.sql)
        if isinstance(statement, Run):
            return self.connection.execute(sql, tuple(statement.parameters)).fetchall()
        if statement.rows:
            self.connection.executemany(sql, statement.rows)
        return []

    def _text(self, later: timedelta) -> str:
        return (self.now() + later).isoformat(" ")

    def _ring(self) -> None:
        for bell in self._bells:
            if not bell.done():
                bell.set_result(None)
        self._bells.clear()


class MemoryStore:
    """One process's hold on a database in memory."""

    engine = "postgres"
    """As there, several nodes share it, and a node renews its leases."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def read(self, steps: Steps[R]) -> R:
        await asyncio.sleep(0)
        return self._database.look(steps)

    async def write(self, steps: Steps[R]) -> R:
        await asyncio.sleep(0)
        result = self._database.change(steps)
        await asyncio.sleep(0)
        return result

    async def others_wrote(self) -> None:
        await self._database.bell()

    def is_log_large(self) -> bool:
        """There is no log."""
        return False

    async def cut_log(self) -> None:
        """There is no log."""

    async def rewrite(self) -> None:
        """There is no file."""

    async def close(self) -> None:
        """Nothing is held."""


@lru_cache(maxsize=512)
def for_memory(sql: str) -> str:
    """Return a statement as it is run here: one connection needs no row locks; leases are as on PostgreSQL."""
    sql = sql.replace("{for_update}", "").replace("{skip_locked}", "")
    return (
        sql.replace("{lease}", "lease_end()").replace("{now}", "this_instant()").replace("{tell_nodes}", "tell_nodes()")
    )


async def memory_store() -> MemoryStore:
    """Return a store on a new database, whose leases are judged by the machine's clock."""
    return MemoryStore(MemoryDatabase(await schema(), lambda: datetime.now(UTC)))


_made: list[bytes] = []


async def schema() -> bytes:
    """Return a database of the present version without a row; it is made once in a process."""
    if not _made:
        _made.append(await _make())
    return _made[0]


async def _make() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        await migrate_sqlite(path, MADE_AT)
        file = sqlite3.connect(path)
        try:
            file.execute("PRAGMA journal_mode=DELETE")  # there is no log beside a database in memory
            return file.serialize()
        finally:
            file.close()

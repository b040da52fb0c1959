"""Databases for the kill plan: a template a story, a copy of it a place, on both engines; and how to look into one."""

import asyncio
import shutil
import sqlite3
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from tests.engines import PostgresServer, database_of

WAITING = (
    "SELECT (SELECT count(*) FROM arrivals WHERE done_at IS NULL)"
    " + (SELECT count(*) FROM owed WHERE status IN ('queued', 'delayed'))"
)
"""What still has to be done: arrivals without an act and mails owed."""


class Databases(Protocol):
    """One engine's databases, named by their addresses."""

    engine: str
    port: int

    async def fresh(self) -> str: ...

    async def copy(self, url: str) -> str: ...

    async def rows(self, url: str, sql: str) -> list[Any]: ...

    async def drop(self, url: str) -> None: ...

    async def close(self) -> None: ...


class SqliteDatabases:
    """Files in a folder."""

    engine = "sqlite"
    port = 0

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._serial = count(1)

    async def fresh(self) -> str:
        folder = self._folder / f"desk-{next(self._serial)}"
        folder.mkdir()
        return f"sqlite://{folder / 'ventanilla.db'}"

    async def copy(self, url: str) -> str:
        """Copy a database that nobody is writing to, with its log as a killed node left it."""
        path, copied = _path(url), await self.fresh()
        for file in path.parent.glob(f"{path.name}*"):
            shutil.copy(file, _path(copied).parent / file.name)
        return copied

    async def rows(self, url: str, sql: str) -> list[Any]:
        connection = sqlite3.connect(f"file:{_path(url)}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    async def drop(self, url: str) -> None:
        shutil.rmtree(_path(url).parent)

    async def close(self) -> None: ...


class PostgresDatabases:
    """Databases of a server of the tests' own."""

    engine = "postgres"

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._serial = count(1)
        self._open: dict[str, asyncpg.Connection] = {}
        self._lock = asyncio.Lock()

    @property
    def port(self) -> int:
        return self._server.port

    async def fresh(self) -> str:
        return await self._created("template0")

    async def copy(self, url: str) -> str:
        """Copy a database that no node is connected to."""
        await self._leave(url)
        return await self._created(database_of(url))

    async def rows(self, url: str, sql: str) -> list[Any]:
        async with self._lock:  # a connection answers one question at a time
            if url not in self._open:
                self._open[url] = await asyncpg.connect(url)
            return list(await self._open[url].fetch(sql))

    async def close(self) -> None:
        for url in tuple(self._open):
            await self._leave(url)

    async def drop(self, url: str) -> None:
        await self._leave(url)
        await run_sql(self._server, f"DROP DATABASE {database_of(url)} WITH (FORCE)")

    async def _leave(self, url: str) -> None:
        async with self._lock:
            if connection := self._open.pop(url, None):
                await connection.close()

    async def _created(self, template: str) -> str:
        name = f"faults_{next(self._serial)}"
        await run_sql(self._server, f"CREATE DATABASE {name} TEMPLATE {template}")
        return self._server.url(name)


async def run_sql(server: PostgresServer, sql: str) -> None:
    """Run one statement of a server's owner, outside every database of a test."""
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite://"))

"""What a plan stands on: an engine's databases on a small disk of their own, and the troubles of disk and engine."""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

from tests.engines import SERVER_USER, PostgresServer, database_of
from tests.faults.databases import run_sql
from tests.faults.letters import REFUSED_ID
from tests.faults.nodes import LOOK_S
from tests.faults.strikes import Fault

DISK_BYTES = 96 * 1024 * 1024
"""Size of the disk; its memory is taken when it is written to."""
TROUBLE_S = 1.2
"""How long a disk is full or a file locked: longer than the node's shortened patience."""
LOCK_WITHIN_S = 10.0
REFUSE_ON_SQLITE = (
    f"CREATE TRIGGER refused BEFORE INSERT ON messages WHEN NEW.message_id = '{REFUSED_ID}'"
    " BEGIN SELECT RAISE(ABORT, 'this row is refused'); END"
)
REFUSE_ON_POSTGRES = (
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION 'this row is refused'; END $$;"
    " CREATE TRIGGER refused BEFORE INSERT ON messages FOR EACH ROW"
    f" WHEN (NEW.message_id = '{REFUSED_ID}') EXECUTE FUNCTION refuse()"
)


class Ground(ABC):
    """One engine, for one plan at a time."""

    engine: str
    postgres_port = 0

    def __init__(self, disk: Path) -> None:
        self.disk = disk
        self._serial = count(1)

    @abstractmethod
    async def empty(self) -> str:
        """Make a database without tables, and return its address."""

    @abstractmethod
    async def make_template(self, url: str) -> None:
        """Let the copies be of this database, which nobody uses, and refuse one row in them."""

    @abstractmethod
    async def fresh(self) -> str:
        """Return the address of a new copy of the template, on the small disk."""

    @abstractmethod
    async def rows(self, url: str, sql: str) -> list[Any]: ...

    @abstractmethod
    async def drop(self, url: str) -> None: ...

    @abstractmethod
    def trouble(self, fault: Fault, url: str, go_on: "GoOn") -> Any:
        """Carry out a fault of disk or engine on a node that stands still; `go_on` lets it run into it."""

    async def full(self, go_on: "GoOn") -> None:
        """Fill the disk to the last byte for a while."""
        balloon = self.disk / "balloon"
        await asyncio.to_thread(_filled, balloon)
        try:
            go_on()
            await asyncio.sleep(TROUBLE_S)
        finally:
            balloon.unlink()


class GoOn:
    """Lets a node that stands still go on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __call__(self) -> None:
        os.kill(self._pid, signal.SIGCONT)


class SqliteGround(Ground):
    """Files on the small disk."""

    engine = "sqlite"
    _template = Path()

    async def empty(self) -> str:
        return self._url(f"empty-{next(self._serial)}")

    async def make_template(self, url: str) -> None:
        self._template = _path(url)
        with _opened(self._template) as connection:
            connection.execute(REFUSE_ON_SQLITE)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def fresh(self) -> str:
        url = self._url(f"plan-{next(self._serial)}")
        shutil.copy(self._template, _path(url))
        return url

    async def rows(self, url: str, sql: str) -> list[Any]:
        with _opened(f"file:{_path(url)}?mode=ro") as connection:
            return connection.execute(sql).fetchall()

    async def drop(self, url: str) -> None:
        shutil.rmtree(_path(url).parent)

    async def trouble(self, fault: Fault, url: str, go_on: GoOn) -> None:
        if fault is Fault.DISK_FULL:
            await self.full(go_on)
            return
        assert fault is Fault.LOCKED
        locking = asyncio.create_task(asyncio.to_thread(_locked, _path(url)))
        await asyncio.sleep(LOOK_S)
        go_on()  # it may be in the middle of a transaction of its own: the lock is had when that ends
        holder = await locking
        try:
            await asyncio.sleep(TROUBLE_S)
        finally:
            holder.close()

    def _url(self, name: str) -> str:
        (self.disk / name).mkdir()
        return f"sqlite://{self.disk / name / 'ventanilla.db'}"


class PostgresGround(Ground):
    """A server of its own, whose databases lie on the small disk and its log elsewhere."""

    engine = "postgres"
    _template = ""

    def __init__(self, disk: Path, server: PostgresServer) -> None:
        super().__init__(disk)
        self._server = server
        self.postgres_port = server.port

    async def prepare(self) -> None:
        """Make the place for databases on the disk."""
        place = self.disk / "databases"
        place.mkdir()
        if os.geteuid() == 0:
            shutil.chown(place, SERVER_USER, SERVER_USER)
        await run_sql(self._server, f"CREATE TABLESPACE small LOCATION '{place}'")

    async def empty(self) -> str:
        return await self._created("template0")

    async def make_template(self, url: str) -> None:
        self._template = database_of(url)
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(REFUSE_ON_POSTGRES)
        finally:
            await connection.close()

    async def fresh(self) -> str:
        return await self._created(self._template)

    async def rows(self, url: str, sql: str) -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    async def drop(self, url: str) -> None:
        await run_sql(self._server, f"DROP DATABASE {database_of(url)} WITH (FORCE)")

    async def trouble(self, fault: Fault, url: str, go_on: GoOn) -> None:
        match fault:
            case Fault.DISK_FULL:
                await self.full(go_on)
            case Fault.CONNECTIONS_ENDED:
                await run_sql(
                    self._server,
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database_of(url)}'",
                )
                go_on()
            case Fault.SERVER_KILLED:
                await asyncio.to_thread(self._server.kill)
                go_on()
                await asyncio.to_thread(self._server.start)
            case _:
                assert fault is Fault.SERVER_RESTARTED
                await asyncio.to_thread(self._server.halt)
                go_on()
                await asyncio.to_thread(self._server.start)

    async def _created(self, template: str) -> str:
        name = f"plan_{next(self._serial)}"
        place = f" TABLESPACE {'small' if template == self._template else 'pg_default'}"
        await run_sql(self._server, f"CREATE DATABASE {name} TEMPLATE {template}{place}")
        return self._server.url(name)


@asynccontextmanager
async def ground(engine: str, folder: Path) -> AsyncIterator[Ground]:
    """An engine on a small disk; both are gone when the block ends. Raises PostgresAbsent."""
    if engine == "sqlite":
        with small_disk(folder / "disk") as disk:
            yield SqliteGround(disk)
        return
    server = PostgresServer()
    try:
        await asyncio.to_thread(server.start)
        with small_disk(server.folder / "disk") as disk:  # where the server's user may go
            one = PostgresGround(disk, server)
            await one.prepare()
            try:
                yield one
            finally:
                server.kill()  # it may not write to a disk that is gone
    finally:
        server.stop()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk that can be filled; where none may be mounted it is a folder, and `may_fill` says so."""
    folder.mkdir(mode=0o755)
    if not may_fill():
        yield folder
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0755", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@cache
def may_fill() -> bool:
    """Tell whether a small disk can be mounted here: only root may, and not in every container."""
    if os.geteuid() or shutil.which("unshare") is None or shutil.which("mount") is None:
        return False
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def _filled(balloon: Path) -> None:
    with balloon.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65536))


def _locked(path: Path) -> sqlite3.Connection:
    holder = sqlite3.connect(path, timeout=LOCK_WITHIN_S, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    return holder


@contextmanager
def _opened(place: Path | str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(place, uri=isinstance(place, str), isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _path(url: str) -> Path:
    return Path(url.removeprefix("sqlite://"))


def _name(url: str) -> str:
    return url.rpartition("/")[2].partition("?")[0]

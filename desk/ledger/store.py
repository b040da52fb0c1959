"""The store: opens a file or a server, brings it to date, and runs steps on it (DESIGN 8).

`read` is for everybody of the desk; `write` is called by `desk.commit` alone. Tortoise and the driver of the other
engine are imported when they are needed: `ventanilla deliver` starts once a mail, and they are half of its time.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from desk.base.errors import StoreAway
from desk.ledger.sqlite import SqliteStore, alone
from desk.ledger.statements import Run, Steps

R = TypeVar("R")


class Store(Protocol):
    """What both engines offer."""

    engine: str

    async def read(self, steps: Steps[R]) -> R: ...

    async def write(self, steps: Steps[R]) -> R: ...

    async def others_wrote(self) -> None:
        """Return when another process may have left something to take up. Raises StoreAway."""
        ...

    def is_log_large(self) -> bool:
        """Tell whether a log of ours grows because somebody keeps it from being moved; PostgreSQL's is not ours."""
        ...

    async def cut_log(self) -> None:
        """Leave nothing in a log that was erased since; PostgreSQL's is not ours to cut. Raises StoreAway."""
        ...

    async def rewrite(self) -> None:
        """Leave no page of a file that remembers what was erased; a dump of PostgreSQL has none. Raises StoreAway."""
        ...

    async def close(self) -> None: ...


def sqlite_path(url: str) -> Path | None:
    """Return the file that a database URL names, None when it names a server."""
    scheme, _, rest = url.partition("://")
    return Path(rest) if scheme == "sqlite" else None


async def migrate(url: str, now: datetime, *, pooled: bool = False) -> list[str]:
    """Bring the schema to date and return what was applied. Raises StoreAway, with the reason."""
    from desk.ledger.migrate import migrate_postgres, migrate_sqlite  # noqa: PLC0415 -- see the head

    path = sqlite_path(url)
    try:
        return await (migrate_postgres(url, now, pooled=pooled) if path is None else migrate_sqlite(path, now))
    except OSError as error:
        raise StoreAway(_unusable(path, error.strerror or str(error))) from error
    except sqlite3.DatabaseError as error:
        raise StoreAway(_unusable(path, str(error))) from error


@contextmanager
def alone_on(url: str) -> Iterator[None]:
    """Be the one node of a SQLite file while the block runs; PostgreSQL takes any number. Raises AlreadyRunning."""
    path = sqlite_path(url)
    with nullcontext() if path is None else alone(path):
        yield


async def open_store(url: str, *, pooled: bool = False, listen_url: str = "") -> Store:
    """Open a database that is to date; `listen_url` is PostgreSQL past a pooler. Raises StoreAway."""
    path = sqlite_path(url)
    if path is not None:
        try:
            return SqliteStore(path)
        except sqlite3.DatabaseError as error:
            raise StoreAway(_unusable(path, str(error))) from error
    from desk.ledger.postgres import PostgresStore  # noqa: PLC0415 -- see the head

    store = PostgresStore(url, pooled=pooled, listen_url=listen_url)
    await store.read(_alive())
    return store


def _unusable(path: Path | None, reason: str) -> str:
    return f"database.url: {path} cannot be used ({reason}); name a file of ventanilla's in a folder it may write to"


def _alive() -> Steps[None]:
    yield Run("SELECT 1")

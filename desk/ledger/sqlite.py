"""SQLite, the embedded store: one writing thread, one reading thread, checkpoints on a third beside the accept path.

Promises: a write that returns has been fsynced (WAL, synchronous=FULL). Never: two writers in one process, a page size
set after the file exists, a checkpoint on the writing thread.
"""

import asyncio
import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar, cast

import structlog

from desk.base.errors import AlreadyRunning, NotMigrated, StoreAway
from desk.ledger.hop import Hop
from desk.ledger.statements import Many, Rows, Run, Steps, begun, for_sqlite

log = structlog.get_logger()

R = TypeVar("R")

PAGE_SIZE = 16384
BUSY_TIMEOUT_MS = 5000
CHECKPOINT_BYTES = 64 * 1024 * 1024
"""Size of the log from which it is moved into the file: a page written a hundred times meanwhile is moved once."""
CHECKPOINT_COMMITS = 256
"""Commits after which a large log is moved again: once moved it is filled from its start, its size tells nothing."""
TRUNCATE_BYTES = 256 * 1024 * 1024
"""Size from which the log is also cut, at the price of making writers wait."""
LOG_BYTES_MAX = TRUNCATE_BYTES + CHECKPOINT_BYTES
"""Size of the log from which it is trouble: somebody has been reading for long and keeps it from being moved."""
CHECKPOINT_WAIT_S = 1.0
"""How long a cut of the log waits for who reads; writers wait with it, and no longer than they have patience."""
CACHED_STATEMENTS = 512
WATCH_S = 0.25
"""How often a node looks whether another process wrote (DESIGN 8)."""

AWAY = ("locked", "busy", "full", "unable to open", "readonly", "disk i/o", "not a database", "malformed")

BEHIND = ("no such table", "no such column", "has no column")


def _text(instant: datetime) -> str:
    assert instant.tzinfo is UTC, f"not UTC: {instant!r}"
    return instant.isoformat(" ")


sqlite3.register_adapter(datetime, _text)


def create_file(path: Path) -> None:
    """Make a new database file with the page size and vacuum mode that cannot be set once WAL is on.

    Who starts at the same time sees none or a finished one: it is made aside, and the first one made gets the name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as aside:
            made = Path(aside) / path.name
            _make(made)
            with suppress(FileExistsError):
                os.link(made, path)
    elif not path.stat().st_size:
        _make(path)


def _make(path: Path) -> None:
    connection = sqlite3.connect(path)
    try:
        connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("VACUUM")
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Be the one node of a file while the block runs; the kernel ends it with the process. Raises AlreadyRunning.

    What another node has in hand a second one would take for a dead one's, and send it again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.node", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise AlreadyRunning(
                f"database.url: another ventanilla runs on {path}; stop it, or use PostgreSQL for several nodes"
            ) from taken
        yield


def connect(path: Path) -> sqlite3.Connection:
    """Open the file as the house writes it."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=CACHED_STATEMENTS
    )
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "wal_autocheckpoint=0",
    ):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def step_through(connection: sqlite3.Connection, steps: Steps[R], first: Run | Many | None = None) -> R:
    """Run the steps, whose `first` statement may have been taken, to their end on this thread; return their result."""
    rows: Rows = []
    try:
        statement = first or next(steps)
        while True:
            if isinstance(statement, Run):
                rows = connection.execute(for_sqlite(statement.sql), tuple(statement.parameters)).fetchall()
            else:
                rows = []
                if statement.rows:
                    connection.executemany(for_sqlite(statement.sql), statement.rows)
            statement = steps.send(rows)
    except StopIteration as done:
        result: R = done.value
        return result


def is_away(error: Exception) -> bool:
    """Tell by its words whether an error of SQLite speaks of the file, and not of the statement."""
    return any(word in str(error).lower() for word in AWAY)


def is_behind(error: Exception) -> bool:
    """Tell by its words whether an error of SQLite speaks of a table or column that is not there yet."""
    return any(word in str(error).lower() for word in BEHIND)


class SqliteStore:
    """The store in one file. Opened by `open_store`; `write` is for `desk.commit` alone."""

    engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = connect(path)
        self._reader = connect(path)
        self._reader.execute("PRAGMA query_only=ON")
        self._writing = Hop("ledger-write", "write")
        self._reading = Hop("ledger-read", "load")
        self._checking = Hop("ledger-checkpoint", "checkpoint")
        self._log = f"{path}-wal"
        self._checkpoint: asyncio.Future[bool] | None = None
        self._size_moved = 0
        self._commits_since = CHECKPOINT_COMMITS
        self._data_version = 0

    async def read(self, steps: Steps[R]) -> R:
        """Run reading steps in one hop. Raises StoreAway."""
        first, result = begun(steps)
        if first is None:
            return cast(R, result)
        return await self._reading.submit(lambda: self._looked(steps, first))

    async def write(self, steps: Steps[R]) -> R:
        """Run the steps in one transaction, in one hop; on return it is on disk. Raises StoreAway."""
        result = await self._writing.submit(lambda: self._transaction(steps))
        self._checkpoint_when_large()
        return result

    async def others_wrote(self) -> None:
        """Return when another process has written since the last call: the file counts its commits, not our own."""
        while True:
            version = await self._writing.submit(self._seen_version)
            if version != self._data_version:
                self._data_version = version
                return
            await asyncio.sleep(WATCH_S)

    def is_log_large(self) -> bool:
        """Tell whether the log outgrew what moving it into the file leaves."""
        try:
            return os.stat(self._log).st_size > LOG_BYTES_MAX
        except OSError:
            return False

    async def cut_log(self) -> None:
        """Move the log into the file and cut it. Raises StoreAway when who reads or writes does not let go of it."""
        if not await self._checking.submit(partial(checkpoint, self.path, "TRUNCATE")):
            raise StoreAway(f"{self.path}: its log is in use")

    async def rewrite(self) -> None:
        """Write the file anew: a page that was split or merged may remember what was erased. Raises StoreAway."""
        await self._writing.submit(self._vacuum)
        await self.cut_log()

    async def close(self) -> None:
        """Close the file after what was begun has ended."""
        if self._checkpoint is not None:
            await asyncio.wait([self._checkpoint])
        for hop in (self._writing, self._reading, self._checking):
            hop.close()
        self._reader.close()
        self._writer.close()

    def _seen_version(self) -> int:
        # On the writing connection: every other would take what this node writes for another's.
        try:
            (version,) = self._writer.execute("PRAGMA data_version").fetchone()
        except sqlite3.DatabaseError as error:
            raise StoreAway(f"{self.path}: {error}") from error
        return int(version)

    def _looked(self, steps: Steps[R], first: Run | Many) -> R:
        try:
            return step_through(self._reader, steps, first)
        except sqlite3.DatabaseError as error:
            if is_away(error):
                raise StoreAway(f"{self.path}: {error}") from error
            raise

    def _transaction(self, steps: Steps[R]) -> R:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            result = step_through(self._writer, steps)
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            if is_away(error):
                raise StoreAway(f"{self.path}: {error}") from error
            if is_behind(error):
                raise NotMigrated(f"{self.path}: {error}") from error
            raise
        except BaseException:
            self._roll_back()
            raise
        return result

    def _vacuum(self) -> None:
        try:
            self._writer.execute("VACUUM")
        except sqlite3.DatabaseError as error:
            raise StoreAway(f"{self.path}: {error}") from error

    def _roll_back(self) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")

    def _checkpoint_when_large(self) -> None:
        self._commits_since += 1
        if self._checkpoint is not None and not self._checkpoint.done():
            return
        try:
            size = os.stat(self._log).st_size
        except FileNotFoundError:
            return
        has_grown = size - self._size_moved > CHECKPOINT_BYTES or self._commits_since > CHECKPOINT_COMMITS
        if size > CHECKPOINT_BYTES and has_grown:
            self._size_moved, self._commits_since = size, 0
            mode = "TRUNCATE" if size > TRUNCATE_BYTES else "PASSIVE"
            self._checkpoint = self._checking.submit(partial(checkpoint, self.path, mode))
            self._checkpoint.add_done_callback(_note_checkpoint)


def _note_checkpoint(done: "asyncio.Future[bool]") -> None:
    """A log that could not be moved, as on a full disk, is moved another time: nobody waits for it."""
    if not done.cancelled() and (error := done.exception()) is not None:
        log.warning("store_away", part="checkpoint", cause=str(error))


def checkpoint(path: Path, mode: str) -> bool:
    """Move the log into the file from a connection of its own; False: it was busy, and is left for the next time."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=CHECKPOINT_WAIT_S)
    try:
        ((busy, _, _),) = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
    finally:
        connection.close()
    return not busy

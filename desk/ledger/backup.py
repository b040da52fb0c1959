"""A safe copy of a database while nodes are at work on it (DESIGN 8), marked as one (`copies`).

Promises: the copy is of one moment, readable by its owner only, on disk on return, and never put over another file; one
that was interrupted lies under another name and is written anew by the next. Never: makes a writer wait, shows the
password of a URL.
"""

import asyncio
import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from desk.base.errors import BackupImpossible, NotMigrated, StoreAway
from desk.ledger import sqlite
from desk.ledger.copies import COPY_KEY, MARK
from desk.ledger.store import sqlite_path

OWNER_ONLY = 0o600
DUMP_PROGRAM = "pg_dump"
DUMP_OPTIONS = ("--format=plain", "--no-owner", "--no-privileges")


async def backup(url: str, target: Path, now: datetime) -> None:
    """Copy the database to `target`: a SQLite file, or the SQL that makes a PostgreSQL database.

    Raises BackupImpossible where there is a file already or no program that can, StoreAway, NotMigrated, OSError.
    """
    source = sqlite_path(url)
    with _new_file(target) as part:
        if source is None:
            await _dump_postgres(url, part, now)
        else:
            await asyncio.to_thread(_copy_sqlite, source, Path(part.name), now)


@contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    """Yield the file to write into; when the block ends well it is on disk and bears the target's name."""
    if target.exists():
        raise BackupImpossible(f"{target} is there already; nothing was written")
    part = target.with_name(f".{target.name}.part")
    with open(part, "ab", opener=_for_owner_only) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise BackupImpossible(f"another backup is writing {target}; nothing was written") from taken
        try:
            file.truncate(0)  # what one that was killed has left
            yield file
            file.flush()
            os.fsync(file.fileno())
            _give_name(part, target)
        finally:
            part.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _for_owner_only(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, OWNER_ONLY)


def _give_name(part: Path, target: Path) -> None:
    """Give a file its name, never over another's."""
    try:
        os.link(part, target)
    except FileExistsError as there:
        raise BackupImpossible(f"{target} is there already; nothing was written") from there
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
        if target.exists():
            raise BackupImpossible(f"{target} is there already; nothing was written") from error
        os.rename(part, target)  # a disk that knows no links, as a memory stick's


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_sqlite(source: Path, part: Path, now: datetime) -> None:
    if not source.is_file():
        raise NotMigrated(f"{source}: there is no database here yet; nothing was written")
    try:
        with closing(sqlite3.connect(source, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA busy_timeout={sqlite.BUSY_TIMEOUT_MS}")
            connection.execute("VACUUM INTO ?", (str(part),))
        with closing(sqlite3.connect(part)) as copy:
            copy.execute("PRAGMA journal_mode=OFF")  # a copy that is interrupted here is thrown away whole
            copy.execute(MARK, (COPY_KEY, now))
            copy.commit()
    except sqlite3.DatabaseError as error:
        if sqlite.is_behind(error):
            raise NotMigrated(f"{source}: the database holds no tables yet; nothing was written") from error
        raise StoreAway(f"{source} could not be copied to {part.parent}: {error}") from error


async def _dump_postgres(url: str, part: BinaryIO, now: datetime) -> None:
    program = shutil.which(DUMP_PROGRAM)
    if program is None:
        raise BackupImpossible(
            f"{DUMP_PROGRAM} is not on the PATH: install PostgreSQL's client programs in the server's version; "
            "nothing was written"
        )
    address, environment = _for_libpq(url)
    process = await asyncio.create_subprocess_exec(
        program,
        *DUMP_OPTIONS,
        f"--dbname={address}",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=part,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    _, said = await process.communicate()
    if process.returncode:
        raise StoreAway(f"{DUMP_PROGRAM}: {said.decode(errors='replace').strip()}")
    mark = MARK.replace("INTO keys", "INTO public.keys").replace("?, 0, ?", f"'{COPY_KEY}', 0, '{now.isoformat()}'")
    part.write(f"\n{mark};\n".encode())


def _for_libpq(url: str) -> tuple[str, dict[str, str]]:
    """Return the address without its password, which all users of the machine could read, and it in an environment."""
    parts = urlsplit(url)
    if parts.password is None:
        return url, dict(os.environ)
    place = parts.netloc.rpartition("@")[2]
    user = parts.netloc.partition(":")[0]
    return parts._replace(netloc=f"{user}@{place}").geturl(), {**os.environ, "PGPASSWORD": unquote(parts.password)}

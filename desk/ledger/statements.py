"""Work on the database as a generator of statements, so that SQLite and PostgreSQL run the very same steps.

A step function yields `Run` or `Many` and is sent the rows; what it returns is its result. It never waits, so it can
run whole on one thread (SQLite) or statement by statement on a connection (PostgreSQL). Parameters are written `?`;
`{for_update}`, `{lease}` and `{tell_nodes}` stand where the engines differ.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

Rows = list[Any]
R = TypeVar("R")

LEASE_S = 30
CHANNEL = "ventanilla"
"""Where a process tells the nodes that it left something that it does not carry itself (PostgreSQL's NOTIFY)."""


@dataclass(frozen=True, slots=True)
class Run:
    """One statement; its rows are sent back."""

    sql: str
    parameters: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Many:
    """One statement over many rows of parameters; nothing is sent back."""

    sql: str
    rows: Sequence[Sequence[Any]]


Steps = Generator[Run | Many, Rows, R]


def begun(steps: Steps[R]) -> tuple[Run | Many | None, R | None]:
    """Return the first statement of steps, or None and their result: steps that ask nothing need no database."""
    try:
        return next(steps), None
    except StopIteration as done:
        return None, done.value


def places(count: int) -> str:
    """Return `?, ?, …` for a list of values."""
    return ", ".join("?" * count)


def utc(instant: datetime | None) -> datetime | None:
    """Return the instant as it may be stored; any zone but UTC is a programmer's mistake (SQLite compares text)."""
    assert instant is None or instant.tzinfo is UTC, f"not UTC: {instant!r}"
    return instant


def storable(value: Any) -> Any:
    """Return a value that both engines take: in text, NUL (PostgreSQL refuses it, SQLite keeps it) and lone surrogates
    (both refuse them) are replaced, so that one odd byte of a stranger does not fail an act."""
    if value.__class__ is not str:
        return value
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode()
    return value


@lru_cache(maxsize=512)
def for_sqlite(sql: str) -> str:
    """Return a statement in SQLite's words: one writer needs no row locks, and memory is the lease."""
    return (
        sql.replace("{for_update}", "")
        .replace("{skip_locked}", "")
        .replace("{lease}", "NULL")
        .replace("{now}", "CURRENT_TIMESTAMP")
        .replace("{tell_nodes}", "NULL")  # the file itself tells: `SqliteStore.others_wrote`
    )


@lru_cache(maxsize=512)
def for_postgres(sql: str) -> str:
    """Return a statement in PostgreSQL's words; leases are judged by the database's clock."""
    sql = sql.replace("{for_update}", "FOR UPDATE").replace("{skip_locked}", "FOR UPDATE SKIP LOCKED")
    sql = sql.replace("{lease}", f"now() + interval '{LEASE_S} seconds'")
    sql = sql.replace("{now}", "now()").replace("{tell_nodes}", f"pg_notify('{CHANNEL}', '')")
    pieces = sql.split("?")
    return pieces[0] + "".join(f"${n}{piece}" for n, piece in enumerate(pieces[1:], 1))

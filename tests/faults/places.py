"""The places of a process at which a `kill -9` may fall: before and after every commit and every socket write.

`Places` counts them, tells each on a pipe, and stops the process dead at the one it was asked for. The functions that
follow hook what commits and what writes, from outside: sqlite3, asyncpg, `desk.commit`, and asyncio's sockets. A place
is named after what is there (the tables of a commit, the words of a write) and counted among those of its name, so that
no list of them is kept anywhere.
"""

import os
import re
import signal
import socket
import sqlite3
import threading
from asyncio import selector_events
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import asyncpg

from desk.commit import Commit
from intake.email.smtp import SmtpListener

BEFORE, AFTER = "before", "after"
WORDS_MAX = 60
"""Characters of a written line that go into its place's name."""
WRITING = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)
SIGNS = {"INSERT INTO": "+", "UPDATE": "~", "DELETE FROM": "-"}
"""How a commit's name says what it does to a table."""
READING = re.compile(r'\s*SELECT\b.*?\bFROM\s+"?(\w+)', re.IGNORECASE | re.DOTALL)
SIGNED = re.compile(r"<[^<>]*\+[^<>]*>")
SIZE = re.compile(r"=\d+")
CONTENT = re.compile(rb"^To: [^\r\n]+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """One place: what is there, which of its name, and the side of it."""

    when: str
    name: str
    nth: int

    def __str__(self) -> str:
        return f"{self.when} {self.name} #{self.nth}"

    def line(self) -> str:
        return f"{self.when}\t{self.nth}\t{self.name}\n"

    @staticmethod
    def of_line(line: str) -> "Place":
        when, nth, name = line.rstrip("\n").split("\t", 2)
        return Place(when, name, int(nth))


class Places:
    """Counts the places that are passed from `begin` on, and tells them on a pipe; stops the process at `target`."""

    def __init__(self, pipe: int, target: Place | None) -> None:
        self._pipe = pipe
        self._target = target
        self._passed: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._has_begun = False

    def begin(self) -> None:
        self._has_begun = True

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        """Mark what happens inside as one place with its two sides."""
        if not self._has_begun:
            yield
            return
        with self._lock:
            self._passed[name] += 1
            nth = self._passed[name]
        self._reached(Place(BEFORE, name, nth))
        yield
        self._reached(Place(AFTER, name, nth))

    def _reached(self, place: Place) -> None:
        if self._target is None:
            os.write(self._pipe, place.line().encode())
        elif place == self._target:
            os.write(self._pipe, place.line().encode())
            os.kill(os.getpid(), signal.SIGSTOP)  # all threads at once: nothing more happens until the SIGKILL
            threading.Event().wait()


def hook_all(places: Places, ports: Mapping[int, str]) -> None:
    """Hook everything; `ports` tells who is spoken to on a port, for the names. Counting begins when the door opens."""
    _hook_commit(places)
    _hook_sqlite(places)
    _hook_postgres(places)
    _hook_sockets(places, ports)
    start = SmtpListener.start

    async def started(self: SmtpListener) -> None:
        await start(self)
        places.begin()

    SmtpListener.start = started  # type: ignore[method-assign]


def _hook_commit(places: Places) -> None:
    write_one = Commit._write_one

    async def written(self: Commit, changes: list[Any]) -> list[bool]:
        rows = sorted({name for change in changes for name, _ in change.rows})
        with places.around(f"batch: {', '.join(rows)}"):
            return await write_one(self, changes)

    Commit._write_one = written  # type: ignore[method-assign]


class Touched:
    """What a transaction has written so far, for the name of its commit."""

    def __init__(self) -> None:
        self._tables: dict[str, None] = {}

    def note(self, sql: str) -> bool:
        """Take note of a statement; tell whether it writes."""
        found = WRITING.match(sql)
        if found:
            self._tables[SIGNS[found[1].upper()] + found[2]] = None
        return found is not None

    def commit(self) -> str:
        """Return the commit's name, and begin anew."""
        name = f"commit: {' '.join(self._tables) or 'nothing'}"
        self._tables.clear()
        return name

    def forget(self) -> None:
        self._tables.clear()


def _hook_sqlite(places: Places) -> None:
    """Every connection of this process is one that marks its commits, also those outside a transaction."""

    class Marked(sqlite3.Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._touched = Touched()

        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
            return self._marked(sql, lambda: super(Marked, self).execute(sql, *args))

        def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:
            return self._marked(sql, lambda: super(Marked, self).executemany(sql, *args))

        def commit(self) -> None:
            if self.in_transaction:
                with places.around(self._touched.commit()):
                    super().commit()

        def _marked(self, sql: str, run: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
            word = sql.split(maxsplit=1)[0].upper()
            if word in ("BEGIN", "ROLLBACK"):
                self._touched.forget()
            is_alone = self._touched.note(sql) and not self.in_transaction
            if word in ("COMMIT", "END") or is_alone:
                with places.around(self._touched.commit()):
                    return run()
            return run()

    connect = sqlite3.connect

    def marked(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return connect(*args, **{"factory": Marked, **kwargs})

    sqlite3.connect = marked


_statement: ContextVar[str] = ContextVar("statement", default="protocol")
"""What asyncpg is asked to do in this task: its bytes do not tell."""


def _hook_postgres(places: Places) -> None:
    touched: dict[int, Touched] = {}

    def hook(name: str) -> None:
        method = getattr(asyncpg.Connection, name)

        async def hooked(self: asyncpg.Connection, query: str, *args: Any, **kwargs: Any) -> Any:
            token = _statement.set(_statement_name(query))
            mine = touched.setdefault(id(self), Touched())
            is_alone = mine.note(query) and not self.is_in_transaction()
            word = query.split(maxsplit=1)[0].upper().rstrip(";")
            if word in ("BEGIN", "ROLLBACK"):
                mine.forget()
            try:
                if word in ("COMMIT", "END") or is_alone:
                    with places.around(mine.commit()):
                        return await method(self, query, *args, **kwargs)
                return await method(self, query, *args, **kwargs)
            finally:
                _statement.reset(token)

        setattr(asyncpg.Connection, name, hooked)

    for name in ("execute", "executemany", "fetch", "fetchrow", "fetchval"):
        hook(name)


def _statement_name(sql: str) -> str:
    if writes := WRITING.match(sql):
        return SIGNS[writes[1].upper()] + writes[2]
    if reads := READING.match(sql):
        return f"select {reads[1]}"
    return sql.split(";", maxsplit=1)[0][:WORDS_MAX]


def _hook_sockets(places: Places, ports: Mapping[int, str]) -> None:
    transport = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    loop = selector_events.BaseSelectorEventLoop
    write, write_rest, send_all = transport.write, transport._write_ready, loop.sock_sendall

    def written(self: Any, data: Any) -> None:
        if not data or self._conn_lost:
            write(self, data)
            return
        with places.around(f"{_whom(self, ports)}> {_words(self, bytes(data), ports)}"):
            write(self, data)

    def rest_written(self: Any) -> None:
        with places.around(f"{_whom(self, ports)}> the rest"):
            write_rest(self)

    async def all_sent(self: Any, sock: socket.socket, data: bytes) -> None:
        with places.around("reader> a mail" if sock.family == socket.AF_UNIX else f"{sock.getpeername()}> bytes"):
            await send_all(self, sock, data)

    transport.write, transport._write_ready, loop.sock_sendall = written, rest_written, all_sent


def _whom(transport: Any, ports: Mapping[int, str]) -> str:
    """Return who is spoken to: the port that is known names them, be it ours or theirs."""
    ends = (transport.get_extra_info("sockname"), transport.get_extra_info("peername"))
    return next((ports[end[1]] for end in ends if isinstance(end, tuple) and end[1] in ports), str(ends[1]))


def _words(transport: Any, data: bytes, ports: Mapping[int, str]) -> str:
    """Return the words of a write without what differs from run to run: signed addresses, sizes."""
    if _whom(transport, ports) == "postgres":
        return _statement.get()
    if content := CONTENT.search(data):
        return f"content {content[0].decode('ascii', 'backslashreplace')}"[:WORDS_MAX]
    line = data.split(b"\r\n", 1)[0].decode("ascii", "backslashreplace")
    return SIZE.sub("=…", SIGNED.sub("<signed>", line))[:WORDS_MAX]

"""PostgreSQL, the store for more than one node: one writing connection, a small pool for reads.

Promises: a write that returns is committed; a connection that broke is made anew at the next call. Never: a
session-level lock, a wait for the network inside a transaction.
"""

import asyncio
from typing import TypeVar, cast
from urllib.parse import urlsplit

import asyncpg

from desk.base.errors import NotMigrated, StoreAway
from desk.ledger.statements import CHANNEL, Many, Rows, Run, Steps, begun, for_postgres

R = TypeVar("R")

CONNECT_TIMEOUT_S = 10
COMMAND_TIMEOUT_S = 30
IDLE_TRANSACTION_S = 15
"""How long the server waits inside a transaction of a node that is suspended: its locks must not stop the others."""
READERS_MAX = 4
DEFAULT_PORT = 5432
CACHED_STATEMENTS = 200

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)

BEHIND = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)
"""A table or column that is not there yet."""


async def connect(url: str, *, pooled: bool) -> asyncpg.Connection:
    """Open a connection. Raises StoreAway with the reason and without the password."""
    try:
        return await asyncpg.connect(
            url,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=COMMAND_TIMEOUT_S,
            statement_cache_size=0 if pooled else CACHED_STATEMENTS,
        )
    except AWAY as error:
        raise StoreAway(
            f"database.url: PostgreSQL at {place(url)} cannot be used ({error}); start it, or correct the address"
        ) from error


def place(url: str) -> str:
    """Return host, port and database of a URL, for messages: never user or password."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'the local socket'}:{parts.port or DEFAULT_PORT}{parts.path}"


async def step_through(connection: asyncpg.Connection, steps: Steps[R], first: Run | Many | None = None) -> R:
    """Run the steps, whose `first` statement may have been taken, to their end on a connection; return their result."""
    rows: Rows = []
    try:
        statement = first or next(steps)
        while True:
            if isinstance(statement, Run):
                rows = await connection.fetch(for_postgres(statement.sql), *statement.parameters)
            else:
                rows = []
                if statement.rows:
                    await connection.executemany(for_postgres(statement.sql), statement.rows)
            statement = steps.send(rows)
    except StopIteration as done:
        result: R = done.value
        return result


class Listening:
    """A connection on which the server tells that a process left something it does not carry (LISTEN).

    One that broke counts as told, and so does a new one: nobody knows what was told meanwhile.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._told = asyncio.Event()
        self._connection: asyncpg.Connection | None = None

    async def wait(self) -> None:
        """Return when something was told. Raises StoreAway."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._url, pooled=False)
            self._connection.add_termination_listener(self._ring)
            try:
                await self._connection.add_listener(CHANNEL, self._ring)
            except AWAY as error:
                raise StoreAway(f"{type(error).__name__}: {error}") from error
            return
        await self._told.wait()
        self._told.clear()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.terminate()

    def _ring(self, *_: object) -> None:
        self._told.set()


class PostgresStore:
    """The store on a server. Opened by `open_store`; `write` is for `desk.commit` alone.

    Behind a pooler (`pooled`) nothing is told to a connection; `listen_url` leads past it.
    """

    engine = "postgres"

    def __init__(self, url: str, *, pooled: bool, listen_url: str = "") -> None:
        self._url = url
        self._pooled = pooled
        self._listening = Listening(listen_url or url) if listen_url or not pooled else None
        self._writer: asyncpg.Connection | None = None
        self._writing = asyncio.Lock()
        self._readers: asyncpg.Pool | None = None

    async def read(self, steps: Steps[R]) -> R:
        """Run reading steps on one connection. Raises StoreAway."""
        first, result = begun(steps)
        if first is None:
            return cast(R, result)
        try:
            pool = await self._pool()
            async with pool.acquire() as connection:
                return await step_through(connection, steps, first)
        except AWAY as error:
            raise StoreAway(f"{type(error).__name__}: {error}") from error

    async def write(self, steps: Steps[R]) -> R:
        """Run the steps in one transaction; on return it is committed. Raises StoreAway, even with its fate unknown."""
        async with self._writing:
            try:
                connection = await self._writing_connection()
                async with connection.transaction():
                    return await step_through(connection, steps)
            except AWAY as error:
                await self._drop_writer()
                raise StoreAway(f"{type(error).__name__}: {error}") from error
            except BEHIND as error:
                raise NotMigrated(str(error)) from error

    async def others_wrote(self) -> None:
        """Return when a process says that it left something to others; never where nothing can be told.

        Raises StoreAway.
        """
        if self._listening is None:
            await asyncio.Event().wait()
        else:
            await self._listening.wait()

    def is_log_large(self) -> bool:
        """No: the server sees to its log."""
        return False

    async def cut_log(self) -> None:
        """Nothing: the server recycles its log, and no dump reads it."""

    async def rewrite(self) -> None:
        """Nothing: its own vacuum takes what was erased."""

    async def close(self) -> None:
        """Close all connections."""
        if self._listening is not None:
            self._listening.close()
        await self._drop_writer()
        if self._readers is not None:
            await self._readers.close()
            self._readers = None

    async def _pool(self) -> asyncpg.Pool:
        if self._readers is None:
            self._readers = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=READERS_MAX,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=COMMAND_TIMEOUT_S,
                statement_cache_size=0 if self._pooled else CACHED_STATEMENTS,
            )
        return self._readers

    async def _writing_connection(self) -> asyncpg.Connection:
        if self._writer is None or self._writer.is_closed():
            self._writer = await connect(self._url, pooled=self._pooled)
            if not self._pooled:  # behind a pooler it would be left to the session of another
                await self._writer.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_TRANSACTION_S}s'")
        return self._writer

    async def _drop_writer(self) -> None:
        if self._writer is not None:
            self._writer.terminate()
            self._writer = None

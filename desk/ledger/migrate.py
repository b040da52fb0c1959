"""Bring a database's schema to date: Tortoise makes the SQL, we run it, all of it in one transaction.

Tortoise's own runner would commit in the middle on SQLite and race on PostgreSQL (DEPENDENCIES 3: 13, 14), so only its
SQL is used. Raises StoreAway when the database cannot be reached.
"""

import sqlite3
from datetime import datetime
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from tortoise import Tortoise, connections
from tortoise.migrations.executor import MigrationExecutor

from desk.base.errors import StoreAway
from desk.ledger import migrations, postgres, sqlite

APP = "desk"
RECORD = "tortoise_migrations"
LOCK = 7_214_001
CREATE_RECORD = (
    f'CREATE TABLE IF NOT EXISTS "{RECORD}" '
    '("id" {serial}, "app" VARCHAR(255) NOT NULL, "name" VARCHAR(255) NOT NULL, '
    '"applied_at" {instant} NOT NULL, UNIQUE ("app", "name"))'
)
APPLIED = f'SELECT "name" FROM "{RECORD}" WHERE "app" = \'{APP}\''
"""What was applied to a database; fails where nothing ever was."""
Script = list[tuple[str, list[str]]]


def tortoise_config(url: str) -> dict[str, Any]:
    """Return Tortoise's configuration for a database URL in its own spelling."""
    return {
        "connections": {"default": url},
        "apps": {
            APP: {
                "models": ["desk.ledger.tables"],
                "migrations": "desk.ledger.migrations",
                "default_connection": "default",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


def names() -> list[str]:
    """Return the names of all migrations there are, in order."""
    return sorted(module.name for module in iter_modules(migrations.__path__))


_made: dict[str, Script] = {}
"""The scripts by dialect: they follow from the code alone, and are made once a process."""


async def scripts(url: str) -> Script:
    """Return every migration's name and statements in order, in the engine's dialect; touches no database."""
    dialect = url.partition("://")[0]
    if dialect not in _made:
        _made[dialect] = await _make(url)
    return _made[dialect]


async def _make(url: str) -> Script:
    config = tortoise_config(url)
    await Tortoise.init(config=config)
    try:
        executor = MigrationExecutor(connections.get("default"), config["apps"])
        unasked: Any = _Unasked()
        executor.loader.recorder = unasked  # its own would open the database
        await executor.loader.build_graph()
        names = sorted(key.name for key in executor.loader.graph.nodes)
        return [(name, _statements(await executor.collect_sql(APP, name))) for name in names]
    finally:
        await Tortoise.close_connections()


async def _missing(url: str, applied: set[str]) -> Script:
    """Return what is not applied yet. The SQL is made only then: it is a third of a start's CPU time."""
    if applied.issuperset(names()):
        return []
    return [(name, statements) for name, statements in await scripts(url) if name not in applied]


class _Unasked:
    """A recorder that knows of nothing applied, so that making SQL needs no connection."""

    async def applied_migrations(self) -> list[Any]:
        return []


def _statements(collected: list[str]) -> list[str]:
    script = "\n".join(line if line.startswith("--") else line.rstrip(";") + ";" for line in collected)
    lines = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
    statements, current = [], ""
    for piece in lines.split(";\n"):
        current += piece
        if sqlite3.complete_statement(current + ";"):
            if current.strip().strip(";"):
                statements.append(current.strip().rstrip(";"))
            current = ""
        else:
            current += ";\n"
    return statements


async def migrate_sqlite(path: Path, now: datetime) -> list[str]:
    """Bring a SQLite file to date and return the names of what was applied."""
    sqlite.create_file(path)
    connection = sqlite.connect(path)
    try:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            CREATE_RECORD.format(serial="INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL", instant="TIMESTAMP")
        )
        applied = {name for (name,) in connection.execute(f'SELECT "name" FROM "{RECORD}" WHERE "app" = ?', (APP,))}
        fresh = await _missing(f"sqlite://{path}", applied)
        for name, statements in fresh:
            for statement in statements:
                connection.execute(statement)
            connection.execute(
                f'INSERT INTO "{RECORD}" ("app", "name", "applied_at") VALUES (?, ?, ?)',
                (APP, name, now),
            )
        orphans = connection.execute("PRAGMA foreign_key_check").fetchall() if fresh else []
        assert not orphans, f"a migration left rows without their parents: {orphans[:3]}"
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise StoreAway(f"{path}: {error}") from error
    finally:
        connection.close()
    return [name for name, _ in fresh]


async def migrate_postgres(url: str, now: datetime, *, pooled: bool) -> list[str]:
    """Bring a PostgreSQL database to date and return the names of what was applied. Nodes take their turn."""
    connection = await postgres.connect(url, pooled=pooled)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            await connection.execute(
                CREATE_RECORD.format(serial="BIGSERIAL NOT NULL PRIMARY KEY", instant="TIMESTAMPTZ")
            )
            rows = await connection.fetch(f'SELECT "name" FROM "{RECORD}" WHERE "app" = $1', APP)
            applied = {row[0] for row in rows}
            fresh = await _missing(tortoise_url(url), applied)
            for name, statements in fresh:
                for statement in statements:
                    await connection.execute(statement)
                await connection.execute(
                    f'INSERT INTO "{RECORD}" ("app", "name", "applied_at") VALUES ($1, $2, $3)',
                    APP,
                    name,
                    now,
                )
    except postgres.AWAY as error:
        raise StoreAway(f"{type(error).__name__}: {error}") from error
    finally:
        await connection.close()
    return [name for name, _ in fresh]


def tortoise_url(url: str) -> str:
    """Return a database URL in Tortoise's spelling."""
    scheme, _, rest = url.partition("://")
    return f"asyncpg://{rest}" if scheme in ("postgres", "postgresql") else url

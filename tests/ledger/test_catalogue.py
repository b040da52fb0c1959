"""Every table, column, key, index and foreign key that the code declares stands in the database's own catalogue.

Read from a filled database that was migrated from each version there was, on both engines (DESIGN 8).
"""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest
from tortoise import fields
from tortoise.context import TortoiseContext
from tortoise.fields.base import Field
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.models import Model

from desk.ledger import migrate as migrating
from desk.ledger import tables
from desk.ledger.store import migrate
from tests.ledger.desks import NOON, opened
from tests.ledger.filled import fill, run

pytestmark = pytest.mark.anyio

PARTIAL = {
    ("assignments", ("incident_id", "queue"), True, "until IS NULL"),
    ("promises", ("incident_id", "kind"), True, "replaced_by IS NULL AND cancelled_at IS NULL"),
    ("arrivals", ("id",), False, "done_at IS NULL"),
    ("owed", ("not_before",), False, "status IN ('queued', 'delayed')"),
    ("incidents", ("wake_at",), False, "wake_at IS NOT NULL"),
    ("incidents", ("requester_id",), False, "status <> 'closed'"),
    ("held", ("id",), False, "decided_at IS NULL"),
}
"""The indexes that RunSQL makes: table, columns, unique, condition."""
SQLITE_TYPES: dict[type[Field[Any]], str] = {
    fields.BigIntField: "BIGINT",
    fields.IntField: "INT",
    fields.SmallIntField: "SMALLINT",
    fields.BooleanField: "INT",
    fields.TextField: "TEXT",
    fields.DatetimeField: "TIMESTAMP",
    fields.BinaryField: "BLOB",
}
POSTGRES_TYPES: dict[type[Field[Any]], str] = {
    fields.BigIntField: "bigint",
    fields.IntField: "integer",
    fields.SmallIntField: "smallint",
    fields.BooleanField: "boolean",
    fields.TextField: "text",
    fields.DatetimeField: "timestamp with time zone",
    fields.BinaryField: "bytea",
}


@dataclass(frozen=True)
class Catalogue:
    """What a database is, in words that do not depend on the engine."""

    columns: frozenset[tuple[str, str, str, bool]]
    """Table, column, type, whether it may be null."""
    keys: frozenset[tuple[str, str]]
    """Table and primary key, which gives itself a number."""
    unique: frozenset[tuple[str, tuple[str, ...]]]
    indexes: frozenset[tuple[str, tuple[str, ...]]]
    partial: frozenset[tuple[str, tuple[str, ...], bool, str]]
    foreign: frozenset[tuple[str, str, str, str, str]]
    """Table, column, table and column it points at, what a deletion there does."""


def models() -> list[type[Model]]:
    found = [one for one in vars(tables).values() if isinstance(one, type) and issubclass(one, Model)]
    return [one for one in found if one is not Model]


def table_of(model: type[Model]) -> str:
    return str(model._meta.db_table)


def field_columns(model: type[Model], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of fields: a relation's is that of its id."""
    known = model._meta.fields_db_projection
    return tuple(known.get(name) or known[f"{name}_id"] for name in names)


def declared(engine: str) -> Catalogue:
    """Return what desk/ledger/tables.py says, and the partial indexes."""
    unique: set[tuple[str, tuple[str, ...]]] = set()
    indexes: set[tuple[str, tuple[str, ...]]] = set()
    columns, foreign = set(), set()
    for model in models():
        table, meta = table_of(model), model._meta
        for name, column in meta.fields_db_projection.items():
            field = meta.fields_map[name]
            columns.add((table, column, type_of(field, engine), field.null and not field.pk))
            if field.unique and not field.pk:
                unique.add((table, (column,)))
            elif field.index and not field.pk:
                indexes.add((table, (column,)))
        unique |= {(table, field_columns(model, tuple(names))) for names in meta.unique_together}
        indexes |= {(table, tuple(index.fields)) for index in meta.indexes}  # type: ignore[union-attr]
        for name in meta.fk_fields:
            relation = meta.fields_map[name]
            parent = relation.related_model  # type: ignore[attr-defined]
            foreign.add((table, f"{name}_id", table_of(parent), "id", str(relation.on_delete.value)))  # type: ignore[attr-defined]
    return Catalogue(
        columns=frozenset(columns),
        keys=frozenset((table_of(model), "id") for model in models()),
        unique=frozenset(unique),
        indexes=frozenset(indexes),
        partial=frozenset(PARTIAL),
        foreign=frozenset(foreign),
    )


def type_of(field: Field[Any], engine: str) -> str:
    if isinstance(field, fields.CharField):
        return f"VARCHAR({field.max_length})" if engine == "sqlite" else f"character varying({field.max_length})"
    if engine == "sqlite":
        return "INTEGER" if field.pk else SQLITE_TYPES[type(field)]
    return POSTGRES_TYPES[type(field)]


# SQLite


def sqlite_catalogue(path: str) -> Catalogue:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    made = {name: sql for name, sql in rows if not name.startswith(("sqlite_", "tortoise_"))}
    found = Catalogue(
        columns=frozenset(
            (table, name, kind, not is_not_null)
            for table in made
            for _, name, kind, is_not_null, _, _ in connection.execute(f'PRAGMA table_info("{table}")')
        ),
        keys=frozenset(
            (table, key) for table, sql in made.items() for key in re.findall(r'"(\w+)" INTEGER PRIMARY KEY AUTO', sql)
        ),
        unique=frozenset(
            (table, columns) for table, columns, unique, where in _indexes(connection, made) if unique and not where
        ),
        indexes=frozenset(
            (t, columns) for t, columns, unique, where in _indexes(connection, made) if not unique and not where
        ),
        partial=frozenset(one for one in _indexes(connection, made) if one[3]),
        foreign=frozenset(
            (table, row[3], row[2], row[4], row[6])
            for table in made
            for row in connection.execute(f'PRAGMA foreign_key_list("{table}")')
        ),
    )
    connection.close()
    return found


def _indexes(connection: sqlite3.Connection, made: dict[str, str]) -> Iterator[tuple[str, tuple[str, ...], bool, str]]:
    for table in made:
        for _, name, is_unique, _, is_partial in connection.execute(f'PRAGMA index_list("{table}")').fetchall():
            columns = tuple(row[2] for row in connection.execute(f'PRAGMA index_info("{name}")'))
            where = ""
            if is_partial:
                (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
                where = sql.partition(" WHERE ")[2].replace('"', "")
            yield table, columns, bool(is_unique), where


# PostgreSQL

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, pg_get_serial_sequence(
    quote_ident(c.relname), a.attname) IS NOT NULL
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
AND c.relname NOT LIKE 'tortoise_%'
"""
INDEXES = """
SELECT t.relname, ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k(n, place)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.n ORDER BY k.place),
    i.indisunique, i.indisprimary, i.indisvalid, coalesce(pg_get_expr(i.indpred, i.indrelid), '')
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relnamespace = 'public'::regnamespace AND t.relname NOT LIKE 'tortoise_%'
"""
FOREIGN = """
SELECT c.relname, a.attname, p.relname, b.attname, f.confdeltype::text
FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class p ON p.oid = f.confrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = f.conkey[1]
JOIN pg_attribute b ON b.attrelid = p.oid AND b.attnum = f.confkey[1]
WHERE f.contype = 'f'
"""
DELETES = {"r": "RESTRICT", "a": "NO ACTION", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


async def postgres_catalogue(url: str) -> Catalogue:
    connection = await asyncpg.connect(url)
    columns, indexes, foreign = [await connection.fetch(sql) for sql in (COLUMNS, INDEXES, FOREIGN)]
    await connection.close()
    assert all(row[4] for row in indexes), "an index is not valid"
    plain = [(row[0], tuple(row[1]), row[2]) for row in indexes if not row[3] and not row[5]]
    primary = {(row[0], row[1][0]) for row in indexes if row[3]}
    numbered = {(row[0], row[1]) for row in columns if row[4]}
    return Catalogue(
        columns=frozenset(tuple(row)[:4] for row in columns),
        keys=frozenset(primary & numbered),
        unique=frozenset((table, names) for table, names, unique in plain if unique),
        indexes=frozenset((table, names) for table, names, unique in plain if not unique),
        partial=frozenset((row[0], tuple(row[1]), row[2], plainly(row[5])) for row in indexes if row[5]),
        foreign=frozenset((*tuple(row)[:4], DELETES[row[4]]) for row in foreign),
    )


def plainly(condition: str) -> str:
    """Return a condition as we wrote it: PostgreSQL writes casts, brackets and IN in its own way."""
    text = re.sub(r"::(text|character varying)(\[\])?", "", condition)
    text = re.sub(r"= ANY \(\(?ARRAY\[([^\]]*)\]\)?\)", r"IN «\1»", text).replace("(", "").replace(")", "")
    return text.replace("«", "(").replace("»", ")")


async def catalogue(url: str) -> Catalogue:
    return sqlite_catalogue(url.partition("://")[2]) if url.startswith("sqlite") else await postgres_catalogue(url)


def compare(found: Catalogue, wanted: Catalogue) -> None:
    for part in ("columns", "keys", "unique", "indexes", "partial", "foreign"):
        assert sorted(getattr(found, part)) == sorted(getattr(wanted, part)), part


async def test_everything_declared_stands_in_the_catalogue_of_a_filled_database(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        await fill(commit)
    compare(await catalogue(engine_url), declared("sqlite" if engine_url.startswith("sqlite") else "postgres"))


async def test_a_database_of_each_version_comes_to_the_same(engine_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop after each migration, fill what can be filled, and go on from there."""
    every = migrating.scripts

    async def only_first(url: str) -> migrating.Script:
        return (await every(url))[:1]

    monkeypatch.setattr(migrating, "scripts", only_first)
    async with opened(engine_url) as commit:
        await fill(commit)
    monkeypatch.setattr(migrating, "scripts", every)
    assert await migrate(engine_url, NOON) == migrating.names()[1:]
    compare(await catalogue(engine_url), declared("sqlite" if engine_url.startswith("sqlite") else "postgres"))


async def test_a_database_that_is_to_date_is_left_alone(engine_url: str) -> None:
    assert await migrate(engine_url, NOON) == migrating.names()
    assert await migrate(engine_url, NOON) == []


async def test_the_migrations_say_all_that_the_tables_say() -> None:
    """What `makemigrations` would still write is what somebody forgot to commit."""
    config = migrating.tortoise_config("sqlite://:memory:")
    async with TortoiseContext() as context:
        await context.init(config=config)
        assert context.apps is not None
        writers = await MigrationAutodetector(context.apps, config["apps"]).changes()
    assert [operation for writer in writers for operation in writer.operations] == []


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        ('DROP INDEX "one_live_assignment"', "partial"),
        ('DROP INDEX "idx_messages_inciden_f811bd"', "indexes"),
        ('ALTER TABLE "tokens" ADD COLUMN "extra" BIGINT', "columns"),
        ('DROP TABLE "turns"', "columns"),
    ],
)
async def test_the_comparison_notices_what_is_missing_or_too_much(engine_url: str, damage: str, part: str) -> None:
    async with opened(engine_url) as commit:
        await run(commit, damage)
    with pytest.raises(AssertionError, match=part):
        compare(await catalogue(engine_url), declared("sqlite" if engine_url.startswith("sqlite") else "postgres"))

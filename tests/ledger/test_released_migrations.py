"""A migration that any database was made by never changes: what is different later is a migration of its own.

A database that has applied a migration never runs it again. Were its statements changed, a database of before and a
fresh one would differ for ever, with the same names written in both, and the difference would be found in production.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from desk.ledger import migrate as migrating

KEPT = Path(__file__).resolve().parents[1] / "kept"
RELEASED = {
    "sqlite": {
        "0001_initial": "3e59b68a531c270bd105ca3dc32e5d8c",
        "0002_partial_indexes": "a37b0b3d9e9eca386166411418ea2f41",
        "0003_open_incidents": "b137e3614d639a3f1162603ae6280e46",
    },
    "postgres": {
        "0001_initial": "18b3b5eecebf34f8e521a6f70c5c8c3c",
        "0002_partial_indexes": "a37b0b3d9e9eca386166411418ea2f41",
        "0003_open_incidents": "b137e3614d639a3f1162603ae6280e46",
    },
}
"""A digest of the statements of each released migration, comments of tables and columns left out. Only ever add lines;
should a new version of Tortoise write other SQL for the same operations, read what changed before changing a line."""
URLS = {"sqlite": "sqlite://:memory:", "postgres": "asyncpg://nobody@127.0.0.1:1/nowhere"}
"""Which dialect is asked for: no database is touched."""


def digest(statements: Iterable[str]) -> str:
    told = [" ".join(statement.split()) for statement in statements if not statement.startswith("COMMENT ON ")]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:32]


@pytest.mark.anyio
@pytest.mark.parametrize("engine", RELEASED)
async def test_a_released_migration_never_changes(engine: str) -> None:
    found = {name: digest(statements) for name, statements in await migrating.scripts(URLS[engine])}
    changed = {name: found.get(name) for name, kept in RELEASED[engine].items() if found.get(name) != kept}
    assert changed == {}


def test_every_migration_that_a_kept_database_has_applied_counts_as_released() -> None:
    for kept in sorted(KEPT.glob("*.json")):
        applied = json.loads(kept.read_text())["migrations"]
        for engine, released in RELEASED.items():
            assert [name for name in applied if name not in released] == [], f"{kept.name} on {engine}"


def test_a_digest_sees_a_statement_and_not_a_comment() -> None:
    made = ['CREATE TABLE "a" (\n    "id" BIGINT\n)', "COMMENT ON TABLE \"a\" IS 'one'"]
    assert digest(made) == digest(['CREATE TABLE "a" ( "id" BIGINT )'])
    assert digest(made) != digest([*made, 'CREATE INDEX "i" ON "a" ("id")'])

"""Ways to lose data with this ORM and these engines, each tried against the ledger as it is.

A trap that cannot be reached any more has no test: nothing waits inside a transaction that writes, and the ORM writes
nothing. What a lost connection or a bad row of a batch does stands in test_commit.py.
"""

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from tortoise.context import TortoiseContext
from tortoise.fields import RESTRICT
from tortoise.migrations import operations
from tortoise.migrations.loader import MigrationLoader
from tortoise.migrations.recorder import MigrationRecorder

from desk.base.message import Delivery
from desk.base.names import EventKind, Transport
from desk.claims import Claims
from desk.commit import Commit
from desk.ledger import migrate as migrating
from desk.ledger import reading
from desk.ledger.reading import Reader
from desk.ledger.sqlite import PAGE_SIZE
from desk.ledger.statements import Run, Steps, utc
from desk.ledger.store import migrate
from desk.ledger.tables import EventRow, IncidentRow
from desk.rules.decision import Decision
from tests.ledger.desks import NOON, Note, Open, SetClock, opened
from tests.ledger.filled import fill
from tests.ledger.test_catalogue import declared

pytestmark = pytest.mark.anyio
ADDING = (operations.CreateModel, operations.AddField, operations.AddIndex, operations.RunSQL)
"""What a migration may do: it only adds, so no table is ever rebuilt (traps 1 and 14)."""
INCREMENTAL = 2


def path_of(url: str) -> str:
    return url.partition("://")[2]


def rows(sql: str, *parameters: object) -> Steps[list[Any]]:
    return (yield Run(sql, parameters))


# 1: a rebuilt table takes its children with it


async def test_no_relation_deletes_or_empties_a_child() -> None:
    async with TortoiseContext() as context:
        await context.init(config=migrating.tortoise_config("sqlite://:memory:"))
    assert {one[4] for one in declared("sqlite").foreign} == {RESTRICT.value}


async def test_dropping_a_table_that_has_children_fails_and_loses_none(sqlite_url: str) -> None:
    async with opened(sqlite_url) as commit:
        await fill(commit)
    connection = sqlite3.connect(path_of(sqlite_url), isolation_level=None)
    connection.execute("PRAGMA foreign_keys=ON")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("DROP TABLE incidents")
    assert connection.execute("SELECT count(*) FROM messages").fetchone() == (2,)
    connection.close()


async def test_a_migration_that_leaves_orphans_is_not_carried_out(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(sqlite_url) as commit:
        await fill(commit)
    every, all_names = migrating.scripts, migrating.names()

    async def with_a_bad_one(url: str) -> migrating.Script:
        return [*await every(url), ("0999_bad", ["CREATE TABLE half (id INT)", "DELETE FROM incidents"])]

    monkeypatch.setattr(migrating, "scripts", with_a_bad_one)
    monkeypatch.setattr(migrating, "names", lambda: [*all_names, "0999_bad"])
    with pytest.raises(AssertionError, match="without their parents"):
        await migrate(sqlite_url, NOON)
    connection = sqlite3.connect(path_of(sqlite_url))
    assert connection.execute("SELECT count(*) FROM incidents").fetchone() == (2,)
    assert connection.execute("SELECT name FROM sqlite_master WHERE name = 'half'").fetchall() == []
    connection.close()


async def test_a_migration_that_fails_half_way_leaves_nothing_behind(
    engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(engine_url, NOON)
    every, all_names = migrating.scripts, migrating.names()

    async def with_a_bad_one(url: str) -> migrating.Script:
        return [*await every(url), ("0999_bad", ["CREATE TABLE half (id INT)", "SELECT * FROM nowhere"])]

    monkeypatch.setattr(migrating, "scripts", with_a_bad_one)
    monkeypatch.setattr(migrating, "names", lambda: [*all_names, "0999_bad"])
    with pytest.raises(Exception, match="nowhere"):
        await migrate(engine_url, NOON)
    monkeypatch.undo()
    async with opened(engine_url) as commit:
        with pytest.raises(Exception, match="half"):
            await commit.store.read(rows("SELECT * FROM half"))
        names = await commit.store.read(rows("SELECT name FROM tortoise_migrations ORDER BY name"))
    assert [row[0] for row in names] == migrating.names()


# 2: a cancelled task keeps a lock or a connection


async def test_readers_that_are_cancelled_anywhere_leave_the_database_readable(engine_url: str) -> None:
    chance = Random(7)
    async with opened(engine_url) as commit:
        await fill(commit)
        async with reading.opened(engine_url) as reader:
            for _ in range(60):
                tasks = [asyncio.create_task(_read(reader)) for _ in range(3)]
                for _ in range(chance.randrange(12)):
                    await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            async with asyncio.timeout(10):
                assert await _read(reader) == 2


async def _read(reader: Reader) -> int:
    return await reader.snapshot(lambda: IncidentRow.all().count())


async def test_writers_that_are_cancelled_anywhere_leave_the_database_writable(store_url: str) -> None:
    chance = Random(7)
    async with opened(store_url) as commit:
        number = (await commit.perform(Open(commit))).incidents[0].after.id
        for _ in range(40):
            task = asyncio.create_task(_note(commit, number))
            for _ in range(chance.randrange(8)):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        async with asyncio.timeout(10):
            await commit.perform(Note(commit, number))
        ((version, events),) = await commit.store.read(
            rows("SELECT version, (SELECT count(*) FROM events e WHERE e.incident_id = i.id) FROM incidents i")
        )
    assert version == events, "an act was written in part"


async def _note(commit: Commit, number: int) -> None:
    await commit.perform(Note(commit, number))


# 3: a transaction that begins by reading cannot go on to write


async def test_two_processes_on_one_file_wait_for_each_other_and_lose_no_act(sqlite_url: str) -> None:
    async with opened(sqlite_url, "service") as service, opened(sqlite_url, "deliver") as deliver:
        await asyncio.gather(*(commit.perform(Open(commit)) for _ in range(60) for commit in (service, deliver)))
        ((count, distinct),) = await service.store.read(rows("SELECT count(*), count(DISTINCT id) FROM incidents"))
    assert (count, distinct) == (120, 120)


# 4: a child task inherits its parent's transaction


async def test_a_task_made_while_a_snapshot_stands_reads_in_it_or_fails_but_never_writes(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        await fill(commit)
        async with reading.opened(engine_url) as reader:
            child = await reader.snapshot(_with_a_child)
            await asyncio.wait([child])
            assert child.exception() is not None
        ((count,),) = await commit.store.read(rows("SELECT count(*) FROM events WHERE text = 'smuggled'"))
    assert count == 0


async def _with_a_child() -> "asyncio.Task[None]":
    child = asyncio.create_task(_write_by_the_orm())
    await EventRow.all().count()
    return child


async def _write_by_the_orm() -> None:
    await EventRow.filter(version=1).update(text="smuggled")


# 5: a column that must not be null cannot be added to a filled table


async def test_migrations_only_add_and_what_they_add_has_a_value_for_rows_that_are_there() -> None:
    config = migrating.tortoise_config("sqlite://:memory:")
    async with TortoiseContext() as context:
        await context.init(config=config)
        loader = MigrationLoader(config["apps"], MigrationRecorder(context.db()), load=False)
        await loader.build_graph()
        steps = [step for node in loader.graph.nodes.values() for step in getattr(node, "operations", ())]
    assert len(steps) > len(declared("sqlite").keys)
    assert [step for step in steps if not isinstance(step, ADDING)] == []
    added: list[Any] = [step.field for step in steps if isinstance(step, operations.AddField)]
    assert [field for field in added if not (field.null or field.has_db_default())] == []


# 6: reads wait behind an open write


async def test_a_reader_does_not_wait_for_a_transaction_that_is_being_written(sqlite_url: str) -> None:
    async with opened(sqlite_url) as commit:
        await fill(commit)
        async with reading.opened(sqlite_url) as reader, writing(sqlite_url):
            async with asyncio.timeout(2):
                assert await _read(reader) == 2
                assert await commit.store.read(rows("SELECT count(*) FROM incidents")) == [(2,)]


@asynccontextmanager
async def writing(url: str) -> AsyncIterator[None]:
    """Another process in the middle of a write."""
    connection = sqlite3.connect(path_of(url), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("UPDATE incidents SET subject = 'otro'")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


# 11: a naive instant is taken for UTC, six hours off


@pytest.mark.parametrize("odd", [NOON.replace(tzinfo=None), NOON.astimezone(ZoneInfo("America/Mexico_City"))])
async def test_an_instant_in_any_zone_but_utc_is_refused_before_it_is_stored(store_url: str, odd: datetime) -> None:
    def at_an_odd_instant(decision: Decision) -> Decision:
        return replace(decision, events=tuple(replace(event, at=odd) for event in decision.events))

    with pytest.raises(AssertionError, match="not UTC"):
        utc(odd)
    async with opened(store_url) as commit:
        with pytest.raises(AssertionError, match="not UTC"):
            await commit.perform(Open(commit, at_an_odd_instant))
        assert await commit.store.read(rows("SELECT count(*) FROM incidents")) == [(0,)]


async def test_instants_are_stored_in_one_form_and_come_back_as_they_were(engine_url: str) -> None:
    instants = [NOON, NOON + timedelta(microseconds=1), NOON + timedelta(milliseconds=500), NOON + timedelta(seconds=1)]
    clock = SetClock()
    async with opened(engine_url, clock=clock) as commit:
        number = (await commit.perform(Open(commit))).incidents[0].after.id
        for before, after in itertools.pairwise(instants):
            clock.advance(after - before)
            await commit.perform(Note(commit, number))
        async with reading.opened(engine_url):
            by_text = await EventRow.all().order_by("at").values_list("at", flat=True)
        later = await commit.store.read(rows("SELECT count(*) FROM events WHERE at > ?", instants[1]))
    assert by_text == instants
    assert later[0][0] == 2


# 12: NUL and lone surrogates


@pytest.mark.parametrize(("odd", "kept"), [("a\x00b", "a\ufffdb"), ("P\udce9rez", "P?rez"), ("señal", "señal")])
async def test_text_that_an_engine_refuses_fails_no_act(store_url: str, odd: str, kept: str) -> None:
    async with opened(store_url) as commit:
        number = (await commit.perform(Open(commit))).incidents[0].after.id
        await commit.perform(Note(commit, number, odd))
        found = await commit.store.read(rows("SELECT text FROM events WHERE kind = ?", EventKind.NOTED))
    assert [row[0] for row in found] == [kept]


async def test_an_envelope_with_raw_octets_is_stored_all_the_same(store_url: str) -> None:
    odd = "mar\udce9a\x00@cliente.mx"
    async with opened(store_url) as commit:
        delivery = Delivery(Transport.SMTP, odd, (odd,), "192.0.2.1", b"From: x\r\n\r\n\x00\xff")
        await Claims(commit, timedelta(days=1)).store(delivery, b"key")
        found = await commit.store.read(
            rows("SELECT a.envelope_from, b.data FROM arrivals a JOIN blobs b ON b.id = a.blob_id")
        )
    assert (found[0][0], bytes(found[0][1])) == ("mar?a\ufffd@cliente.mx", b"From: x\r\n\r\n\x00\xff")


# 13: several migrations of an empty server at once


async def test_three_nodes_that_start_at_once_on_an_empty_server_migrate_it_once(postgres_url: str) -> None:
    applied = await asyncio.gather(*(migrate(postgres_url, NOON) for _ in range(3)))
    assert sorted(applied, key=len) == [[], [], migrating.names()]
    connection = await asyncpg.connect(postgres_url)
    locks = await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
    await connection.close()
    assert locks == 0, "a lock of a session outlives whoever took it"


async def test_a_service_and_a_command_that_start_at_once_on_no_file_make_it_once(sqlite_url: str) -> None:
    applied = await asyncio.gather(*(asyncio.to_thread(asyncio.run, migrate(sqlite_url, NOON)) for _ in range(3)))
    assert sorted(applied, key=len) == [[], [], migrating.names()]


# 14: what can be set only before the first connection


async def test_a_new_file_has_its_page_size_and_vacuum_mode_and_writes_durably(sqlite_url: str) -> None:
    async with opened(sqlite_url) as commit:
        await fill(commit)
        assert pragmas(Path(path_of(sqlite_url))) == (PAGE_SIZE, INCREMENTAL, "wal")
        found = [await commit.store.read(rows(f"PRAGMA {name}")) for name in ("synchronous", "foreign_keys")]
    assert found == [[(2,)], [(1,)]]


def pragmas(path: Path) -> tuple[Any, ...]:
    connection = sqlite3.connect(path)
    found = tuple(
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "auto_vacuum", "journal_mode")
    )
    connection.close()
    return found


async def test_ids_given_before_the_insert_and_ids_of_the_engine_do_not_collide(store_url: str) -> None:
    """Explicit ids go with default keys: the engine numbers events and keys, nodes number incidents."""
    async with opened(store_url) as commit:
        made = [(await commit.perform(Open(commit))).incidents[0].after.id for _ in range(3)]
        found = await commit.store.read(rows("SELECT id FROM incidents ORDER BY id"))
        events = await commit.store.read(rows("SELECT count(DISTINCT id) FROM events"))
    assert ([row[0] for row in found], events[0][0]) == (made, 3)

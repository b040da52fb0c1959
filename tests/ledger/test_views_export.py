"""The exported objects on both engines: exactly the contract's, of one moment, by batches, beside a node at work."""

import logging
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tortoise.exceptions import BaseORMException

from desk.base.errors import NotMigrated, StoreAway, UnknownNumber
from desk.base.names import HeldReason, Queue
from desk.ledger import reading
from desk.ledger.reading import Reader
from desk.ledger.store import migrate
from desk.ledger.tables import IncidentRow
from desk.rules.numbers import number_of
from desk.views import export, listing
from desk.views.export import Chosen, Look
from tests.engines import free_port
from tests.ledger.desks import NOON, Note, Open, SetClock, opened
from tests.ledger.filled import ANA, LAURA, RAUL, fill, release, run

pytestmark = pytest.mark.anyio
LOOK = Look(ZoneInfo("America/Mexico_City"), NOON + timedelta(hours=3))
HOUR = timedelta(hours=1)


async def all_of(reader: Reader, **options: Any) -> list[dict[str, Any]]:
    return [one async for one in export.everything(reader, LOOK, **options)]


async def numbers_of(reader: Reader, chosen: Chosen) -> list[str]:
    return [one["number"] async for one in export.incidents(reader, LOOK, chosen)]


def whole(number: str, other: str) -> dict[str, Any]:
    """The incident of tests/ledger/filled.py as CONTRACT 3 writes it."""
    return {
        "number": number,
        "channel": "email",
        "status": "open",
        "severity": 2,
        "severity_reasons": ["dice «lento»"],
        "type": "",
        "queue": "operations",
        "language": "es",
        "requester": {"email": ANA, "phone": "", "name": "Ana Ruiz"},
        "subject": "El portal está muy lento",
        "created_at": "2026-11-24T12:00:00-06:00",
        "response_due": "2026-11-24T14:00:00-06:00",
        "resolution_due": "2026-11-25T00:00:00-06:00",
        "first_response_at": None,
        "resolved_at": None,
        "told_at": None,
        "closed_at": None,
        "closed_by": None,
        "cause": "",
        "solution": "",
        "assignments": [
            {"queue": "desk", "consultant": LAURA, "since": "2026-11-24T12:00:00-06:00", "until": None},
            {"queue": "operations", "consultant": RAUL, "since": "2026-11-24T12:01:00-06:00", "until": None},
        ],
        "participants": [ANA],
        "mentions": [other],
        "promises": [
            promise("first_attention", "12:00", "2026-11-24T14:00", "12:01", "broken"),
            promise("resolution", "12:00", "2026-11-24T20:00", "12:00", "revised"),
            promise("resolution", "12:01", "2026-11-25T00:00", "12:01", "running"),
        ],
        "pauses": [{"from": "2026-11-24T12:00:00-06:00", "until": "2026-11-24T12:01:00-06:00", "why": "asked"}],
        "messages": [
            {
                "at": "2026-11-24T12:00:00-06:00",
                "direction": "in",
                "channel": "email",
                "audience": "user",
                "from": ANA,
                "to": ["soporte@ejemplo.mx"],
                "subject": "El portal está muy lento",
                "text": "Hola.\n\nEl portal está lento.",
                "reply_text": "El portal está lento.",
                "message_id": "<m1@cliente.mx>",
                "attachments": [{"name": "pantalla.png", "type": "image/png", "size": 1200}],
            },
            {
                "at": "2026-11-24T12:01:00-06:00",
                "direction": "out",
                "channel": "email",
                "audience": "user",
                "from": "soporte@ejemplo.mx",
                "to": [ANA],
                "subject": f"[{number}]",
                "text": "Recibimos su reporte.",
                "reply_text": "Recibimos su reporte.",
                "message_id": "<a1@ejemplo.mx>",
                "attachments": [],
            },
        ],
        "calls": [],
        "events": [
            event("opened", "user", "El portal está muy lento", "why not"),
            event("promise_made", "machine", "first_attention: 2026-11-24T14:00:00-06:00", ""),
        ],
        "outgoing": [
            {
                "kind": "acknowledgement",
                "to": ANA,
                "status": "sent",
                "attempts": 1,
                "message_id": "<a1@ejemplo.mx>",
                "in_reply_to": "<m1@cliente.mx>",
                "due_at": "2026-11-24T12:00:00-06:00",
                "sent_at": "2026-11-24T12:01:00-06:00",
            }
        ],
    }


def promise(kind: str, made: str, due: str, told: str, status: str) -> dict[str, Any]:
    day = "2026-11-24T"
    return {
        "kind": kind,
        "made_at": f"{day}{made}:00-06:00",
        "due": f"{due}:00-06:00",
        "told_at": f"{day}{told}:00-06:00",
        "status": status,
        "kept_at": None,
    }


def event(kind: str, by: str, text: str, why: str) -> dict[str, Any]:
    return {"kind": kind, "at": "2026-11-24T12:00:00-06:00", "by": by, "text": text, "why": why}


def items(value: Any) -> Any:
    """Return a value in which the order of keys counts."""
    if isinstance(value, dict):
        return [(name, items(one)) for name, one in value.items()]
    return [items(one) for one in value] if isinstance(value, list) else value


async def test_an_incident_is_exported_exactly_as_the_contract_says(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        filled = await fill(commit)
        async with reading.opened(engine_url) as reader:
            found = await export.incident(reader, LOOK, filled.whole)
    assert items(found) == items(whole(number_of(filled.whole), number_of(filled.bare)))


async def test_everything_is_incidents_by_number_then_held_items_then_rows_of_no_incident(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        filled = await fill(commit)
        async with reading.opened(engine_url) as reader:
            first, second, *others = await all_of(reader)
    assert (first["number"], second["number"]) == (number_of(filled.bare), number_of(filled.whole))
    held = {
        "id": 1,
        "at": "2026-11-24T12:00:00-06:00",
        "reason": "list",
        "kind": "list",
        "from": "lista@ejemplo.org",
        "to": ["soporte@ejemplo.mx"],
        "subject": "Boletín",
        "message_id": "<l1@ejemplo.org>",
        "number": None,
    }
    tied = {**held, "id": 2, "reason": "forged_address", "number": number_of(filled.whole)}
    loose = {
        "kind": "alert",
        "to": "jefa@ejemplo.mx",
        "status": "queued",
        "attempts": 0,
        "message_id": "",
        "in_reply_to": "",
        "due_at": "2026-11-24T12:00:00-06:00",
        "sent_at": None,
    }
    assert items(others) == items([{"held": held}, {"held": tied}, {"outgoing": loose}])


async def test_what_was_decided_is_held_no_longer(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        await fill(commit)
        await release(commit, HeldReason.LIST)
        async with reading.opened(engine_url) as reader:
            held = [one["held"]["reason"] for one in await all_of(reader) if "held" in one]
    assert held == ["forged_address"]


async def test_before_anything_was_told_the_due_times_are_those_about_to_be_told(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        filled = await fill(commit)
        await run(commit, "UPDATE promises SET told_at = NULL")
        async with reading.opened(engine_url) as reader:
            found = await export.incident(reader, LOOK, filled.whole)
            bare = await export.incident(reader, LOOK, filled.bare)
    assert found["response_due"] == "2026-11-24T14:00:00-06:00"
    assert found["resolution_due"] == "2026-11-25T00:00:00-06:00"
    assert (bare["response_due"], bare["resolution_due"]) == (None, None)


async def test_a_new_time_that_was_not_told_yet_is_not_the_time_told(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        filled = await fill(commit)
        await run(commit, "UPDATE promises SET told_at = NULL WHERE kind = 'resolution' AND replaced_by IS NULL")
        async with reading.opened(engine_url) as reader:
            found = await export.incident(reader, LOOK, filled.whole)
    assert found["resolution_due"] == "2026-11-24T20:00:00-06:00"


async def test_promises_are_judged_by_the_instant_given_and_by_no_other_clock(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        filled = await fill(commit)
        async with reading.opened(engine_url) as reader:
            early = await export.incident(reader, Look(LOOK.zone, NOON), filled.whole)
    assert early["promises"][0]["status"] == "running"


async def test_since_leaves_out_incidents_to_which_nothing_happened_and_old_items(engine_url: str) -> None:
    clock = SetClock()
    async with opened(engine_url, clock=clock) as commit:
        filled = await fill(commit)
        clock.advance(HOUR)
        await commit.perform(Note(commit, filled.bare))
        async with reading.opened(engine_url) as reader:
            fresh = await all_of(reader, since=(NOON + HOUR).astimezone(LOOK.zone))
            both = await all_of(reader, since=NOON + timedelta(minutes=1))
            none = await all_of(reader, since=NOON + HOUR + timedelta(microseconds=1))
    assert [one["number"] for one in fresh] == [number_of(filled.bare)]
    assert [kind["kind"] for kind in fresh[0]["events"]] == ["opened", "noted"]
    assert [one["number"] for one in both] == [number_of(filled.bare), number_of(filled.whole)]
    assert none == []


async def test_since_compares_instants_and_not_their_text(engine_url: str) -> None:
    """SQLite compares text: half a second after a whole one must still be later, whatever zone it is asked in."""
    clock = SetClock(NOON + timedelta(milliseconds=500))
    async with opened(engine_url, clock=clock) as commit:
        one = (await commit.perform(Open(commit))).incidents[0].after
        clock.advance(HOUR)
        await commit.perform(Note(commit, one.id))
        async with reading.opened(engine_url) as reader:
            exact = NOON + HOUR + timedelta(milliseconds=500)
            after = exact + timedelta(milliseconds=1)
            assert await numbers_of(reader, Chosen(since=NOON + HOUR)) == [one.number]
            assert await numbers_of(reader, Chosen(since=exact.astimezone(ZoneInfo("Asia/Tokyo")))) == [one.number]
            assert await numbers_of(reader, Chosen(since=after.astimezone(ZoneInfo("Asia/Tokyo")))) == []


async def test_a_list_is_of_one_queue_and_of_what_is_open(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        filled = await fill(commit)
        closed = (await commit.perform(Open(commit))).incidents[0].after
        await run(commit, "UPDATE incidents SET status = 'closed' WHERE id = ?", closed.id)
        async with reading.opened(engine_url) as reader:
            assert await numbers_of(reader, Chosen(is_open=True)) == [number_of(filled.bare), number_of(filled.whole)]
            assert await numbers_of(reader, Chosen(queue=Queue.DESK)) == [number_of(filled.bare), closed.number]
            lines = [line async for line in listing.lines(reader, Chosen())]
    assert [line.number for line in lines] == [number_of(filled.bare), number_of(filled.whole), closed.number]
    found = lines[1]
    assert (found.assigned, found.requester, found.due) == (RAUL, ANA, NOON + timedelta(hours=2))
    assert (lines[0].assigned, lines[0].due, lines[2].due) == ("", None, None)


@pytest.fixture
def queries(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """What Tortoise was asked."""
    found: list[str] = []

    class Counting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage().upper().startswith("SELECT"):
                found.append(record.getMessage())

    handler = Counting()
    log = logging.getLogger("tortoise.db_client")
    with caplog.at_level(logging.DEBUG, "tortoise.db_client"):
        log.addHandler(handler)
        yield found
        log.removeHandler(handler)


async def test_batches_bring_every_incident_once_and_queries_grow_with_batches_alone(
    engine_url: str, queries: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(engine_url) as commit:
        opened_seven = [(await commit.perform(Open(commit))).incidents[0].after.number for _ in range(7)]
        async with reading.opened(engine_url) as reader:
            queries.clear()
            assert await numbers_of(reader, Chosen()) == opened_seven
            one_batch = len(queries)
            monkeypatch.setattr(export, "BATCH", 3)
            monkeypatch.setattr(listing, "BATCH", 3)
            queries.clear()
            assert await numbers_of(reader, Chosen()) == opened_seven
            assert len(queries) == 3 * one_batch
            assert [line.number async for line in listing.lines(reader, Chosen())] == opened_seven


async def test_a_slow_reader_stops_no_node_and_sees_each_incident_of_one_moment(
    engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "BATCH", 1)
    async with opened(engine_url) as commit:
        filled = await fill(commit)
        async with reading.opened(engine_url) as reader:
            stream = export.incidents(reader, LOOK)
            first = await anext(stream)
            await commit.perform(Note(commit, filled.bare))
            await commit.perform(Note(commit, filled.whole))
            second = await anext(stream)
            assert [one async for one in stream] == []
    assert [len(one["events"]) for one in (first, second)] == [1, 3]


async def test_a_read_within_a_snapshot_does_not_see_what_is_written_meanwhile(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        filled = await fill(commit)

        async def read_twice() -> tuple[int, int]:
            before = await IncidentRow.get(id=filled.whole)
            await commit.perform(Note(commit, filled.whole))
            after = await IncidentRow.get(id=filled.whole)
            return before.version, after.version

        async with reading.opened(engine_url) as reader:
            assert await reader.snapshot(read_twice) == (1, 1)


async def update(incident_id: int) -> None:
    await IncidentRow.filter(id=incident_id).update(subject="otro")


async def test_nothing_can_be_written_by_a_reader(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        filled = await fill(commit)
        async with reading.opened(engine_url) as reader:
            with pytest.raises((StoreAway, BaseORMException), match=r"(?i)read-?only"):
                await reader.snapshot(lambda: update(filled.whole))
            assert (await export.incident(reader, LOOK, filled.whole))["subject"] == "El portal está muy lento"


def is_there(url: str) -> bool:
    return Path(url.partition("://")[2]).exists()


async def test_a_database_without_tables_is_named_so(engine_url: str) -> None:
    with pytest.raises(NotMigrated, match="ventanilla migrate"):
        async with reading.opened(engine_url):
            pass
    assert not is_there(engine_url), "looking must make no file"


async def test_an_empty_file_holds_no_tables_yet(sqlite_url: str) -> None:
    sqlite3.connect(sqlite_url.partition("://")[2]).close()
    assert is_there(sqlite_url)
    with pytest.raises(NotMigrated, match="no tables yet"):
        async with reading.opened(sqlite_url):
            pass


async def test_a_database_of_an_earlier_version_is_named_so(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        await run(commit, "DELETE FROM tortoise_migrations WHERE name LIKE '0002%'")
    with pytest.raises(NotMigrated, match="0002_partial_indexes"):
        async with reading.opened(engine_url):
            pass


async def test_a_server_that_is_not_there_is_away() -> None:
    with pytest.raises(StoreAway, match="ConnectionRefusedError"):
        async with reading.opened(f"postgres://u:secret@127.0.0.1:{free_port()}/none"):
            pass


async def test_a_file_that_is_no_database_is_away_for_everybody(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("no database at all, whatever its name says" * 50)
    with pytest.raises(StoreAway, match="not a database"):
        async with reading.opened(f"sqlite://{path}"):
            pass
    with pytest.raises(StoreAway, match="not a database"):
        await migrate(f"sqlite://{path}", NOON)


async def test_reading_a_restored_copy_leaves_its_journal_mode(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url) as commit:
        await fill(commit)
    copy = tmp_path / "copy.db"
    with sqlite3.connect(sqlite_url.partition("://")[2]) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    connection.close()
    async with reading.opened(f"sqlite://{copy}") as reader:
        assert len(await all_of(reader)) == 5
    after = sqlite3.connect(copy)
    assert after.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    after.close()


async def test_an_incident_that_does_not_exist_is_an_unknown_number(engine_url: str) -> None:
    async with opened(engine_url), reading.opened(engine_url) as reader:
        with pytest.raises(UnknownNumber, match="INC-100425"):
            await export.incident(reader, LOOK, 10042)

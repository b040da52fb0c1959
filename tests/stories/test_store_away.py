"""The database away: nothing is told 250 that is not stored, and nothing is lost or doubled (guarantees 1 and 2)."""

import asyncio
import smtplib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from desk.base.errors import StoreAway
from tests.engines import PostgresServer
from tests.stories.house import ANA, FIRST_CONSULTANT, House, house, written

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intake.email.ingest.AGAIN_S", 0.05)
    monkeypatch.setattr("responders.outbox.STORE_AGAIN_S", 0.05)
    monkeypatch.setattr("desk.ledger.sqlite.BUSY_TIMEOUT_MS", 50)


async def refused(one: House, mail: Any) -> None:
    """Hand a mail in; it must be refused for now, in words that tell nothing of the inside."""
    with pytest.raises(smtplib.SMTPDataError) as refusal:
        await one.send(mail)
    assert refusal.value.smtp_code == 451
    assert refusal.value.smtp_error == b"4.3.0 Mail cannot be stored now, please try again later"


@asynccontextmanager
async def locked(url: str) -> AsyncIterator[None]:
    """Hold the file's write lock, as a backup program that went wrong does."""
    holder = sqlite3.connect(Path(url.removeprefix("sqlite://")), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


async def assert_each_answered_once(one: House, count: int) -> None:
    await one.node.due.look()
    await one.settle()
    assert len(await one.incidents()) == count
    assert len(one.relay.to(ANA)) == len(one.relay.to(FIRST_CONSULTANT)) + len(one.relay.taken) - count * 2 == count
    assert await one.count("SELECT count(*) FROM arrivals WHERE done_at IS NULL") == 0
    assert await one.count("SELECT count(*) FROM owed WHERE status <> 'sent'") == 0


async def test_a_mail_that_cannot_be_stored_is_refused_for_now(sqlite_url: str) -> None:
    async with house(sqlite_url) as one:
        await one.take(written(message_id="<a@cliente.mx>"))
        async with locked(sqlite_url):
            await refused(one, written("Otra duda.", message_id="<b@cliente.mx>"))
        assert await one.count("SELECT count(*) FROM arrivals") == 1
        await one.take(written("Otra duda.", message_id="<b@cliente.mx>"))
        assert len(await one.incidents()) == len(one.relay.to(ANA)) == 2


async def test_a_database_server_that_dies_is_survived_without_restart() -> None:
    server = PostgresServer(durable=True)
    try:
        server.start()
        url = server.fresh_database()
        async with house(url) as one:
            await one.take(written(message_id="<a@cliente.mx>"))
            server.kill()
            await refused(one, written("Otra duda.", message_id="<b@cliente.mx>"))
            server.start()
            await one.take(written("Otra duda.", message_id="<b@cliente.mx>"))
            assert len(await one.incidents()) == len(one.relay.to(ANA)) == 2
    finally:
        server.stop()


async def test_a_database_server_that_dies_under_load_loses_and_doubles_nothing() -> None:
    """Clients that try again until their 250, as mail systems do."""
    server = PostgresServer(durable=True)
    count = 30

    async def until_taken(one: House, n: int) -> None:
        mail = written(f"Duda {n}.", sender=f"u{n}@cliente.mx", message_id=f"<d{n}@cliente.mx>")
        while True:
            try:
                return await one.send(mail, sender=f"u{n}@cliente.mx")
            except smtplib.SMTPException:
                await asyncio.sleep(0.05)

    try:
        server.start()
        async with house(server.fresh_database()) as one:
            sending = [asyncio.create_task(until_taken(one, n)) for n in range(count)]
            await one.relay.until(5)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await asyncio.wait_for(asyncio.gather(*sending), 30)
            await one.relay.until(count * 2, within_s=30)
            await one.settle()
            assert len(await one.incidents()) == count
            for n in range(count):
                assert len({taken.mail["Message-ID"] for taken in one.relay.to(f"u{n}@cliente.mx")}) == 1
            assert await one.count("SELECT count(*) FROM owed WHERE status <> 'sent'") == 0
    finally:
        server.stop()


class Breaking:
    """The store, on which one call is carried out and its reply lost, as when a connection breaks there."""

    def __init__(self, one: House, is_due: Callable[[str], bool], of: str = "write") -> None:
        self._call = getattr(one.node.commit.store, of)
        self._is_due = is_due
        self.broke = 0
        setattr(one.node.commit.store, of, self.call)

    async def call(self, steps: Any) -> Any:
        seen: list[str] = []
        result = await self._call(_watched(steps, seen))
        if not self.broke and self._is_due(" ".join(seen)):
            self.broke += 1
            raise StoreAway("the connection broke after the commit")
        return result


def _watched(steps: Any, seen: list[str]) -> Any:
    """Run the same steps, noting the statements."""
    try:
        statement = next(steps)
        while True:
            seen.append(statement.sql)
            statement = steps.send((yield statement))
    except StopIteration as done:
        return done.value


async def test_an_arrival_whose_commit_was_not_heard_of_is_answered_once(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written(message_id="<a@cliente.mx>"))
        breaking = Breaking(one, lambda sql: "INSERT INTO arrivals" in sql)
        mail = written("Otra duda.", message_id="<b@cliente.mx>")
        await refused(one, mail)
        assert breaking.broke == 1
        await one.take(mail)
        await one.relay.until(4)
        await one.settle()
        assert len(await one.incidents()) == len(one.relay.to(ANA)) == 2


async def test_an_act_whose_commit_was_not_heard_of_is_done_once_and_its_answer_goes(engine_url: str) -> None:
    async with house(engine_url) as one:
        breaking = Breaking(one, lambda sql: "INSERT INTO incidents" in sql)
        await one.send(written())
        await one.relay.until(2)
        await one.settle()
        assert breaking.broke == 1
        assert await one.incident()
        assert len(one.relay.to(ANA)) == len(one.relay.to(FIRST_CONSULTANT)) == 1


async def test_a_result_whose_commit_was_not_heard_of_is_not_sent_again(engine_url: str) -> None:
    async with house(engine_url) as one:
        breaking = Breaking(one, lambda sql: "UPDATE owed SET status = 'sent'" in sql)
        await one.take(written())
        assert breaking.broke == 1
        assert len(one.relay.taken) == 2
        assert await one.count("SELECT count(*) FROM owed WHERE status = 'sent'") == 2


async def test_a_mail_that_memory_had_no_room_for_waits_while_the_database_is_away(
    engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("desk.claims.MEMORY_BYTES_MAX", 0)
    async with house(engine_url) as one:
        breaking = Breaking(one, lambda sql: "SELECT data FROM blobs" in sql, of="read")
        await one.take(written())
        assert breaking.broke == 1
        assert len(one.relay.to(ANA)) == len(one.relay.to(FIRST_CONSULTANT)) == 1

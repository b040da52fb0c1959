"""The answer is part of the incident: one commit or none; and a row that cannot be written costs only its own mail.

Guarantees 3 and 9. The database itself is made to refuse a row, by a trigger.
"""

import asyncio
import sqlite3
from contextlib import closing

import asyncpg
import pytest

from desk.ledger.store import sqlite_path
from tests.stories.house import ANA, DESK, house, submit, written

pytestmark = pytest.mark.anyio

ON_SQLITE = "CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'not this one'); END"
ON_POSTGRES = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse();
"""
NO_MORE = {"sqlite": "DROP TRIGGER refuse", "postgres": "DROP TRIGGER refuse ON {table}"}


async def refusing(url: str, table: str, when: str) -> None:
    """Make the database refuse rows of a table from now on."""
    path = sqlite_path(url)
    await _carry_out(url, (ON_SQLITE if path else ON_POSTGRES).format(table=table, when=when))


async def refusing_no_more(url: str, table: str) -> None:
    await _carry_out(url, NO_MORE["sqlite" if sqlite_path(url) else "postgres"].format(table=table))


async def _carry_out(url: str, sql: str) -> None:
    path = sqlite_path(url)
    if path is not None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(sql)
        return
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intake.email.ingest.AGAIN_S", 0.05)


async def test_an_incident_whose_answer_cannot_be_written_is_not_written_either(engine_url: str) -> None:
    async with house(engine_url, expects=["act_failed", "mail_held"]) as one:
        await refusing(engine_url, "owed", "NEW.kind = 'acknowledgement'")
        await one.take(written())
        for table in ("incidents", "messages", "promises", "events", "owed", "participants"):
            assert await one.count(f"SELECT count(*) FROM {table}") == 0, table
        assert await one.held() == ["act_failed"]
        assert one.relay.taken == []
        await refusing_no_more(engine_url, "owed")
        await one.take(written("Otra duda.", message_id="<m2@cliente.mx>"))
        assert await one.incident()
        assert len(one.relay.to(ANA)) == 1


async def test_an_answer_that_can_be_written_at_the_second_try_is_given_once(engine_url: str) -> None:
    async with house(engine_url, expects=["act_failed"]) as one:
        await refusing(engine_url, "owed", "NEW.kind = 'notice'")
        await one.send(written())
        async with asyncio.timeout(10):
            while not one.said("act_failed"):
                await asyncio.sleep(0.005)
        await refusing_no_more(engine_url, "owed")
        await one.settle()
        assert await one.incident()
        assert len(one.relay.taken) == 2
        assert await one.held() == []


async def test_a_row_that_cannot_be_written_costs_only_its_own_mail(engine_url: str) -> None:
    honest = [f"u{n}@cliente.mx" for n in range(8)]
    async with house(engine_url, expects=["act_failed", "mail_held"]) as one:
        await refusing(engine_url, "messages", "NEW.subject = 'veneno'")
        mails = [(who, written(sender=who, message_id=f"<{who}>").as_bytes().replace(b"\n", b"\r\n")) for who in honest]
        mails.insert(3, (ANA, written(subject="veneno").as_bytes().replace(b"\n", b"\r\n")))
        await asyncio.gather(*(asyncio.to_thread(submit, one.port, who, DESK, mail) for who, mail in mails))
        await one.settle()
        assert len(await one.incidents()) == len(honest)
        assert [len(one.relay.to(who)) for who in honest] == [1] * len(honest)
        assert one.relay.to(ANA) == []
        assert await one.held() == ["act_failed"]
        assert len(one.said("act_failed")) == 3

"""`ventanilla audit`: the books balance whatever came in, and name the mail of which anything is missing."""

import asyncio
import base64
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from desk.ledger.store import sqlite_path
from desk.rules.numbers import number_of
from tests.stories.house import DESK, House, house, reply_to, written
from ventanilla.cli import GOOD, PROBLEM, dispatch

LISTED = {"List_Id": "boletin.cliente.mx", "List_Unsubscribe": "<mailto:x@cliente.mx>"}
ROBOT = {"Auto_Submitted": "auto-generated"}


@dataclass(frozen=True)
class Audited:
    """How `audit` ended."""

    code: int
    lines: list[str]


Audit = Callable[[], Audited]


@pytest.fixture
def audit(engine_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Audit:
    monkeypatch.setenv("VENTANILLA_DATABASE__URL", engine_url)

    def carry_out() -> Audited:
        capsys.readouterr()
        code = dispatch(["audit"])
        out, err = capsys.readouterr()
        assert err == ""
        return Audited(code, out.splitlines())

    return carry_out


async def live(url: str) -> None:
    """One of everything that can become of a mail."""
    async with house(url) as one:
        await one.take(written())
        answer = one.answer_to()
        await one.take(
            reply_to(answer, "También falta septiembre.", sender="ana@cliente.mx", message_id="<m2@cliente.mx>")
        )
        await one.take(
            written(message_id="<robot@cliente.mx>", sender="robot@cliente.mx", **ROBOT), sender="robot@cliente.mx"
        )
        await one.take(
            written(message_id="<list@cliente.mx>", sender="eva@cliente.mx", **LISTED), sender="eva@cliente.mx"
        )
        await take_copies(one)


async def take_copies(one: House) -> None:
    """The first mail once more as it was, and once more as a relay encodes it."""
    mail = written()
    await one.take(mail)
    text = mail.get_content()
    del mail["Content-Transfer-Encoding"]
    mail.set_payload(base64.encodebytes(text.encode()).decode())
    mail["Content-Transfer-Encoding"] = "base64"
    await one.take(mail)
    assert await one.count("SELECT count(*) FROM incidents") == 2
    assert await one.count("SELECT count(*) FROM arrivals") == 6


def by_sql(url: str, statement: str) -> None:
    """Run a statement by hand, as no part of the house would: foreign keys do not hold it up."""
    if (path := sqlite_path(url)) is not None:
        with sqlite3.connect(path) as connection:
            assert connection.execute(statement).rowcount == 1
        connection.close()
        return
    asyncio.run(_by_sql(url, statement))


async def _by_sql(url: str, statement: str) -> None:
    connection: Any = await asyncpg.connect(url)
    try:
        await connection.execute("SET session_replication_role = replica")
        assert (await connection.execute(statement)).endswith(" 1")
    finally:
        await connection.close()


def test_the_books_of_one_of_everything_balance(engine_url: str, audit: Audit) -> None:
    asyncio.run(live(engine_url))
    assert audit() == Audited(
        GOOD,
        [
            "accepted: 6 mails, of which 0 wait for their act and 1 came again",
            "found: 2 incidents, 3 messages, 1 held items, 1 acknowledgements of which 0 wait",
            "No difference.",
        ],
    )


REMOVALS = {
    "an incident": (
        "DELETE FROM incidents WHERE id = (SELECT min(id) FROM incidents)",
        ("<m1@cliente.mx>: its incident {first} is missing", "<m2@cliente.mx>: its incident {first} is missing"),
    ),
    "a joined message": (
        "DELETE FROM messages WHERE message_id = '<m2@cliente.mx>'",
        ("<m2@cliente.mx>: its message in {first} is missing",),
    ),
    "an owed acknowledgement": (
        "DELETE FROM owed WHERE kind = 'acknowledgement'",
        ("<m1@cliente.mx>: {first} has no acknowledgement",),
    ),
    "a held row": (
        "DELETE FROM held WHERE message_id = '<list@cliente.mx>'",
        ("<list@cliente.mx>: it became neither an incident nor a held item",),
    ),
    "a first copy": (
        "DELETE FROM arrivals WHERE id = (SELECT min(id) FROM arrivals)",
        ("<m1@cliente.mx>: it is a further copy, and the first is missing",),
    ),
}


@pytest.mark.parametrize("what", REMOVALS)
@pytest.mark.done("faults.9")
def test_whatever_is_removed_by_hand_is_named_by_its_message_id(engine_url: str, audit: Audit, what: str) -> None:
    asyncio.run(live(engine_url))
    statement, expected = REMOVALS[what]
    by_sql(engine_url, statement)
    found = audit()
    named = [line.format(first=number_of(10_000)) for line in expected]
    assert found.code == PROBLEM
    differences = [line for line in found.lines[:-3] if "is missing" in line or "has no" in line or "neither" in line]
    assert found.lines[:-3] == differences
    assert set(named) <= set(differences)
    assert found.lines[-1] == f"{len(differences)} differences"
    if what != "an incident":  # the re-encoded copy names it too
        assert len(differences) == 1


def test_an_answer_that_ended_unsent_and_waits_for_nobody_is_named(engine_url: str, audit: Audit) -> None:
    asyncio.run(live(engine_url))
    by_sql(engine_url, "UPDATE owed SET status = 'refused' WHERE kind = 'acknowledgement'")
    found = audit()
    number = number_of(10_000)
    assert found.code == PROBLEM
    assert found.lines[0] == (
        f"<m1@cliente.mx>: the acknowledgement of {number} ended unsent, and no held item tells a person of it"
    )


def test_a_mail_that_waits_for_its_act_is_no_difference(engine_url: str, audit: Audit) -> None:
    asyncio.run(live(engine_url))
    asyncio.run(stored_only(engine_url))
    found = audit()
    assert found.code == GOOD
    assert found.lines[0] == "accepted: 7 mails, of which 1 wait for their act and 1 came again"


async def stored_only(url: str) -> None:
    """A mail by the pipe while no node runs."""
    from datetime import timedelta

    from desk.base.message import Delivery
    from desk.base.names import Transport
    from desk.claims import store_left
    from tests.ledger.desks import opened

    async with opened(url) as commit:
        raw = written(message_id="<m7@cliente.mx>").as_bytes()
        delivery = Delivery(Transport.PIPE, "ana@cliente.mx", (DESK,), "", raw)
        await store_left(commit, delivery, b"seven", timedelta(days=1))

"""A database that an earlier version filled is brought to date and gone on from: what was owed, unread, signed counts.

What stands in tests/kept/ was written by `python -m tools.keep_database` at an issue's end, and by that version alone.
"""

import asyncio
import gzip
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from desk.ledger import migrate as migrating
from desk.ledger.store import migrate
from desk.rules.numbers import id_of, number_of
from tests.engines import PostgresServer
from tests.ledger.desks import SetClock
from tests.ledger.test_catalogue import catalogue, compare
from tests.relay import Relay, relay
from tests.stories.house import DESK, House, house, number_in, written
from tools import keep_database
from ventanilla.cli import GOOD, dispatch

KEPT = Path(__file__).resolve().parents[1] / "kept"
ISSUES = sorted(path.stem for path in KEPT.glob("*.json"))
NEWCOMER = "hugo@octavo.example"
A_WHILE = timedelta(minutes=20)
"""From the last moment of the kept life to the start on it: longer than any wait after one refusal."""


@dataclass(frozen=True)
class Kept:
    """A kept database, restored as its version left it."""

    url: str
    facts: dict[str, Any]

    @property
    def highest(self) -> int:
        """The highest id of an incident there was."""
        return max(known(number) for number in self.facts["numbers"])


def known(number: str) -> int:
    found = id_of(number)
    assert found is not None, number
    return found


@pytest.fixture(params=ISSUES)
def kept(request: pytest.FixtureRequest, engine_url: str, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """The database of each kept issue on each engine; the commands are pointed at it."""
    issue = request.param
    if engine_url.startswith("sqlite"):
        Path(engine_url.removeprefix("sqlite://")).write_bytes(unpacked(f"{issue}.db.gz"))
    else:
        restore(request.getfixturevalue("postgres"), engine_url, unpacked(f"{issue}.sql.gz"))
    facts = json.loads((KEPT / f"{issue}.json").read_text())
    monkeypatch.setenv("VENTANILLA_DATABASE__URL", engine_url)
    monkeypatch.setenv("VENTANILLA_SECRETS__KEY", facts["key"])
    return Kept(engine_url, facts)


def unpacked(name: str) -> bytes:
    return gzip.decompress((KEPT / name).read_bytes())


def restore(server: PostgresServer, url: str, script: bytes) -> None:
    command = [server.program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", f"--dbname={url}"]
    done = subprocess.run(command, input=script, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@contextmanager
def fresh(kept: Kept, request: pytest.FixtureRequest) -> Iterator[str]:
    """A further, empty database of the same engine."""
    if kept.url.startswith("sqlite"):
        yield f"{kept.url}-fresh"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.fresh_database()
    yield url
    server.drop(url)


def test_there_is_a_kept_database_to_go_on_from() -> None:
    assert {"house", "words"} <= set(ISSUES)


def test_what_an_earlier_version_kept_is_not_written_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = migrating.names()
    monkeypatch.setattr(migrating, "names", lambda: [*names, "9999_later"])
    assert keep_database.main(["house"]) == 1
    assert "9999_later" in capsys.readouterr().err


def test_a_kept_database_is_brought_to_the_schema_of_a_fresh_one(
    kept: Kept, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    later = [name for name in migrating.names() if name not in kept.facts["migrations"]]
    assert dispatch(["migrate"]) == GOOD
    assert capsys.readouterr().out.splitlines() == [*(f"applied {name}" for name in later), "The database is to date."]
    with fresh(kept, request) as url:
        asyncio.run(migrate(url, datetime.fromisoformat(kept.facts["at"])))
        compare(asyncio.run(catalogue(kept.url)), asyncio.run(catalogue(url)))


def test_what_a_kept_database_holds_goes_on(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    """One start for all of it: each is told apart by whom it concerns."""
    later = asyncio.run(gone_on(kept))
    capsys.readouterr()
    assert dispatch(["export"]) == GOOD
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["number"] for line in lines if "number" in line} >= {*kept.facts["numbers"], *later}
    for number in kept.facts["numbers"]:
        assert dispatch(["why", number, "--json"]) == GOOD
        explained = json.loads(capsys.readouterr().out)
        assert explained.pop("number") == number
        assert all(explained.values())


async def gone_on(kept: Kept) -> list[str]:
    """Start the house on it and let everything happen; return the numbers that are new."""
    clock = SetClock(datetime.fromisoformat(kept.facts["at"]) + A_WHILE)
    key = {"VENTANILLA_SECRETS__KEY": kept.facts["key"]}
    async with relay() as sink, house(kept.url, clock=clock, relay_of=sink, more=key) as one:
        await one.node.due.look()
        await one.settle()
        await assert_what_waited_has_left(one, kept)
        await assert_what_was_refused_stays_held(one, kept)
        unread = await assert_what_was_unread_is_answered(one, kept)
        await assert_an_old_answer_can_be_replied_to(one, kept)
        later = await assert_a_new_mail_has_a_new_number(one, kept, unread)
        await assert_a_question_that_waited_is_answered(one, kept)
        return [unread, later]


async def assert_what_waited_has_left(one: House, kept: Kept) -> None:
    for address in kept.facts["waiting"]:
        assert number_in(answer_to(one.relay, address)) in kept.facts["numbers"]
    waiting = "SELECT count(*) FROM owed WHERE status IN ('queued', 'delayed') AND kind <> 'status'"
    assert await one.count(waiting) == 0


def answer_to(sink: Relay, address: str) -> Any:
    """Return the only mail an address was sent."""
    (taken,) = sink.to(address)
    return taken


async def assert_what_was_refused_stays_held(one: House, kept: Kept) -> None:
    address = kept.facts["refused"]
    held = "SELECT count(*) FROM held h JOIN owed o ON o.id = h.owed_id WHERE o.address = ? AND h.decided_at IS NULL"
    assert await one.count(held, address) == 1
    assert one.relay.to(address) == []


async def assert_what_was_unread_is_answered(one: House, kept: Kept) -> str:
    """It has an incident and an answer; the same mail once more, known by a key of then, changes nothing."""
    address = kept.facts["unread"]
    number = number_in(answer_to(one.relay, address))
    assert known(number) > kept.highest
    raw = "SELECT b.data FROM blobs b JOIN arrivals a ON a.blob_id = b.id WHERE a.envelope_from = ?"
    (row,) = await one.rows(raw, address)
    await one.take(bytes(row[0]), sender=address)
    assert number_in(answer_to(one.relay, address)) == number
    assert await one.count("SELECT count(*) FROM incidents WHERE requester_email = ?", address) == 1
    return number


async def assert_an_old_answer_can_be_replied_to(one: House, kept: Kept) -> None:
    """By the user, and by a colleague, whom nothing but the address signed then lets in."""
    user = kept.facts["user"]
    before = await one.incidents()
    for name, sender in (("later-1", user["address"]), ("later-2", f"beto@{user['address'].partition('@')[2]}")):
        reply = written(
            f"¿Ya quedó la de septiembre? {name}",
            subject=f"Re: {user['subject']}",
            sender=sender,
            message_id=f"<{name}@cliente.example>",
            to=user["reply_to"],
            In_Reply_To=user["acknowledgement"],
            References=user["acknowledgement"],
        )
        await one.take(reply, sender=sender, to=user["reply_to"])
        assert await one.incidents() == before
        (row,) = await one.rows("SELECT incident_id FROM messages WHERE message_id = ?", f"<{name}@cliente.example>")
        assert number_of(row[0]) == user["number"]


async def assert_a_question_that_waited_is_answered(one: House, kept: Kept) -> None:
    """By the words of then, filled up to the facts of now, when the hour has ended."""
    address = kept.facts.get("asked")
    if address is None:  # kept before questions were answered
        return
    assert one.relay.to(address) == []
    await one.jump(timedelta(hours=1))
    assert number_in(answer_to(one.relay, address)) in kept.facts["numbers"]


async def assert_a_new_mail_has_a_new_number(one: House, kept: Kept, unread: str) -> str:
    await one.take(written(sender=NEWCOMER, message_id="<h1@octavo.example>", to=DESK), sender=NEWCOMER)
    number = number_in(answer_to(one.relay, NEWCOMER))
    assert known(number) > kept.highest
    assert number != unread
    return number

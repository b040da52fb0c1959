"""`ventanilla reparse`: views come back from the raw mail; what was decided by a mail is reported and stays."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from desk.ledger.statements import Run, Steps
from tests.stories.house import ANA, KEY, House, house, reply_to, written
from tests.stories.test_attachments import erasing, invoice
from tests.stories.test_status_page import every_row
from ventanilla.cli import BAD_CONFIGURATION, GOOD, PROBLEM, WRONG_USE, dispatch

VIEWS = (
    "SELECT m.subject, m.text, m.reply_text, a.name, a.type, a.size, a.first_byte, a.last_byte, a.encoding, a.inline, "
    "a.content_id FROM messages m LEFT JOIN attachments a ON a.message_id = m.id WHERE m.direction = 'in' "
    "ORDER BY m.id, a.id"
)


@dataclass(frozen=True)
class Ended:
    """How `reparse` ended."""

    code: int
    lines: list[str]
    err: str


Reparse = Callable[..., Ended]


@pytest.fixture
def reparse(engine_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Reparse:
    def carry_out(*arguments: str) -> Ended:
        monkeypatch.setenv("VENTANILLA_DATABASE__URL", engine_url)
        monkeypatch.setenv("VENTANILLA_SECRETS__KEY", KEY)
        capsys.readouterr()
        code = dispatch(["reparse", *arguments])
        out, err = capsys.readouterr()
        return Ended(code, out.splitlines(), err)

    return carry_out


async def beside(reparse: Reparse, *arguments: str) -> Ended:
    """Run it while a node runs, as an operator would: in a thread with a loop of its own."""
    return await asyncio.to_thread(reparse, *arguments)


async def conversation(one: House) -> None:
    """A mail with files, and what its sender adds to it."""
    await one.take(invoice())
    added = reply_to(one.answer_to(), "También falta septiembre.", sender=ANA, message_id="<m2@cliente.mx>")
    await one.take(added)


def spoil(sql: str) -> Steps[None]:
    yield Run(sql)


async def spoilt(one: House, *statements: str) -> None:
    for sql in statements:
        await one.node.commit.run(spoil(sql))


@pytest.mark.anyio
async def test_what_is_as_it_was_is_not_touched(engine_url: str, reparse: Reparse) -> None:
    async with house(engine_url) as one:
        await conversation(one)
        before = await every_row(one)
        ended = await beside(reparse)
        assert await every_row(one) == before
    assert (ended.code, ended.err) == (GOOD, "")
    assert ended.lines == [
        "2 mails read, 0 written anew, 0 would be decided otherwise, 0 kept no more, 0 that no reader could read"
    ]


@pytest.mark.anyio
async def test_spoiled_views_come_back_while_the_node_runs_and_nobody_is_written_to(
    engine_url: str, reparse: Reparse
) -> None:
    async with house(engine_url) as one:
        await conversation(one)
        before, taken = await one.rows(VIEWS), len(one.relay.taken)
        await spoilt(
            one,
            "UPDATE messages SET text = 'x', reply_text = 'y', subject = 'z' WHERE direction = 'in'",
            "UPDATE attachments SET first_byte = 0, name = 'q' WHERE size > 1000",
        )
        assert await one.rows(VIEWS) != before
        ended = await beside(reparse)
        assert await one.rows(VIEWS) == before
        again = await beside(reparse)
        await one.settle()
        assert len(one.relay.taken) == taken
        await one.take(written(message_id="<m3@cliente.mx>"), sender=ANA)
        assert len(one.relay.taken) > taken, "the node goes on"
    assert (ended.code, again.code) == (GOOD, GOOD)
    assert ended.lines[0].endswith("<m1@cliente.mx>: written anew: subject, text, reply_text, attachments")
    assert ended.lines[-1].startswith("2 mails read, 2 written anew, 0 would")
    assert again.lines[-1].startswith("2 mails read, 0 written anew")


@pytest.mark.anyio
async def test_a_changed_severity_language_thread_and_verdict_are_reported_and_stay(
    engine_url: str, reparse: Reparse
) -> None:
    async with house(engine_url) as one:
        eva = "eva@otro.mx"
        await one.take(written("Buenos días, ¿cómo cancelo?", message_id="<m3@otro.mx>", sender=eva), sender=eva)
        await conversation(one)
        other, first = await one.incidents()
        await spoilt(
            one,
            f"UPDATE incidents SET severity = 3, language = 'en' WHERE id = {first}",
            f"UPDATE messages SET incident_id = {other} WHERE message_id = '<m2@cliente.mx>'",
            f"UPDATE events SET why = 'Precedence: bulk' WHERE kind = 'opened' AND incident_id = {other}",
        )
        before, taken = await every_row(one), len(one.relay.taken)
        ended = await beside(reparse, "--json")
        assert await every_row(one) == before
        await one.settle()
        assert len(one.relay.taken) == taken
    *objects, counts = map(json.loads, ended.lines)
    reported = {found["message_id"]: found["reported"] for found in objects}
    assert ended.code == PROBLEM
    assert reported["<m1@cliente.mx>"] == {
        "severity": {"was": "3", "would_be": "1"},
        "language": {"was": "en", "would_be": "es"},
    }
    assert set(reported["<m2@cliente.mx>"]) == {"thread"}
    assert reported["<m3@otro.mx>"] == {"verdict": {"was": "machine", "would_be": "new"}}
    assert all(found["rewritten"] == [] for found in objects)
    assert counts["counts"]["read"] == 3


@pytest.mark.anyio
async def test_mails_that_are_kept_no_more_or_came_before_are_left(engine_url: str, reparse: Reparse) -> None:
    async with house(engine_url) as one:
        await conversation(one)
        assert (await beside(reparse, "--since", "2026-11-25")).lines[0].startswith("0 mails read")
        assert (await beside(reparse, "--since", "2026-11-24")).lines[0].startswith("2 mails read")
        await one.node.commit.run(erasing())
        before = await every_row(one)
        ended = await beside(reparse)
        assert await every_row(one) == before
    assert ended.code == GOOD
    assert "0 mails read" in ended.lines[0]
    assert "2 kept no more" in ended.lines[0]


def test_without_the_desks_key_no_reply_would_be_known_so_nothing_is_read(
    reparse: Reparse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.stories.test_reparse.KEY", "")
    ended = reparse()
    assert ended.code == BAD_CONFIGURATION
    assert "secrets.key" in ended.err


def test_a_time_that_is_none_is_wrong_use(reparse: Reparse) -> None:
    ended = reparse("--since", "ayer")
    assert ended.code == WRONG_USE
    assert "ayer" in ended.err

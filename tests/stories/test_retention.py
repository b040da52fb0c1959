"""Raw mails are kept for `retention.raw` and then their bytes are gone; what waits for a person keeps them."""

import asyncio
import hashlib
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from desk.base.names import HeldReason
from desk.ledger.store import sqlite_path
from desk.verbs.retention import PAUSE
from tests.ledger.filled import release
from tests.stories.house import House, house, reply_to, written
from ventanilla.cli import GOOD, dispatch

pytestmark = pytest.mark.anyio

YEAR = timedelta(days=366)
MAILS = 200
AT_ONCE = 20
ATTACHED = 60_000
LOOKS = 30
MAILS_A_LOOK = 20
"""Fewer than a look erases, and gives back of the file."""
LISTED = {"List_Id": "boletin.cliente.mx", "List_Unsubscribe": "<mailto:x@cliente.mx>"}


def heavy(n: int) -> EmailMessage:
    """A mail with an attachment, as most of the bytes of a desk come."""
    mail = written(sender=f"u{n}@cliente.mx", message_id=f"<n{n}@cliente.mx>")
    mail.add_attachment(hashlib.shake_128(str(n).encode()).digest(ATTACHED), "image", "png", filename="pantalla.png")
    return mail


async def look_until_nothing_is_left(one: House, looks: int = LOOKS) -> None:
    """Let the loop look as often as in half a minute, or as often as it takes."""
    for _ in range(looks):
        await one.node.due.look()
        await one.settle()


def used(url: str) -> int:
    path = sqlite_path(url)
    assert path is not None
    return path.stat().st_size + Path(f"{path}-wal").stat().st_size


async def emptied(url: str, mails: int) -> tuple[int, int]:
    """Return the bytes that a SQLite file and its log take with so many mails, and once these are too old."""
    async with house(url) as one:
        for first in range(0, mails, AT_ONCE):
            together = range(first, min(mails, first + AT_ONCE))
            await asyncio.gather(*(one.send(heavy(n), sender=f"u{n}@cliente.mx") for n in together))
            await one.settle()
        await one.node.commit.store.cut_log()
        before = used(url)
        one.clock.advance(YEAR)
        await look_until_nothing_is_left(one, LOOKS + mails // MAILS_A_LOOK)
        after = used(url)
        assert sum(line["count"] for line in one.said("raw_mails_erased")) == mails
    return before, after


async def test_the_file_is_under_a_quarter_once_the_mails_in_it_are_too_old(sqlite_url: str) -> None:
    before, after = await emptied(sqlite_url, MAILS)
    assert before > MAILS * ATTACHED
    assert after < before / 4


async def test_the_digest_and_what_was_read_stay(engine_url: str) -> None:
    raw = heavy(1).as_bytes(policy=policy.SMTP)
    async with house(engine_url) as one:
        await one.take(raw)
        await one.jump(YEAR)
        ((digest, size, data),) = await one.rows("SELECT sha256, size, data FROM blobs")
        ((text,),) = await one.rows("SELECT text FROM messages WHERE direction = 'in'")
        await one.take(raw)
        assert await one.count("SELECT count(*) FROM incidents") == 1
    assert data is None
    assert len(digest) == 64
    assert size > ATTACHED
    assert "factura" in text


async def test_a_mail_is_kept_until_its_time_is_over(engine_url: str) -> None:
    async with house(engine_url, more={"VENTANILLA_RETENTION__RAW": "10d"}) as one:
        await one.take(written())
        await one.jump(timedelta(days=9, hours=23))
        assert await one.count("SELECT count(*) FROM blobs WHERE data IS NULL") == 0
        await one.jump(timedelta(hours=2))
        assert await one.count("SELECT count(*) FROM blobs WHERE data IS NULL") == 1


async def test_what_nobody_has_decided_keeps_its_mail_and_loses_it_once_it_was(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written(sender="eva@cliente.mx", **LISTED), sender="eva@cliente.mx")
        await one.jump(YEAR)
        assert await one.count("SELECT count(*) FROM blobs WHERE data IS NULL") == 0
        await release(one.node.commit, HeldReason.LIST)
        await one.jump(PAUSE)
        assert await one.count("SELECT count(*) FROM blobs WHERE data IS NULL") == 1


async def test_an_erased_mail_is_no_difference_and_its_incident_is_still_told(
    engine_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with house(engine_url) as one:
        await one.take(heavy(1))
        answer = one.answer_to("u1@cliente.mx")
        await one.jump(YEAR)
        await one.take(reply_to(answer, "¿Sigue?", sender="u1@cliente.mx", message_id="<later@cliente.mx>"))
    monkeypatch.setenv("VENTANILLA_DATABASE__URL", engine_url)
    for command in (["audit"], ["export"]):
        assert await asyncio.to_thread(dispatch, command) == GOOD
    assert "No difference." in capsys.readouterr().out

"""One bad message stops nobody: it becomes an incident or a held item, and every other mail goes on (guarantee 9)."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from email import policy
from pathlib import Path

import pytest

from desk.base.grade import Grade
from desk.base.names import Channel, Severity
from tests.stories.house import ANA, DESK, FIRST_CONSULTANT, House, house, submit, written

pytestmark = pytest.mark.anyio

BOUND_S = 8.0
"""Wall time in which a hostile mail and the honest ones beside it must all have become something."""
POISON = "poison"


def mail(*headers: str, body: bytes = b"Hola.\r\n") -> bytes:
    return "\r\n".join([*headers, "", ""]).encode("utf-8", "surrogateescape") + body


def nested(depth: int) -> bytes:
    """A mail of parts within parts."""
    lines = ["From: ana@cliente.mx", "Subject: partes", "Message-ID: <n1@cliente.mx>", "MIME-Version: 1.0"]
    lines += ["Content-Type: multipart/mixed; boundary=b0", ""]
    for n in range(depth):
        lines += [f"--b{n}", f"Content-Type: multipart/mixed; boundary=b{n + 1}", ""]
    lines += [f"--b{depth}", "Content-Type: text/plain", "", "en el fondo"]
    return "\r\n".join([*lines, ""]).encode()


ID = "Message-ID: <bad@cliente.mx>"
FROM = "From: Ana Ruiz <ana@cliente.mx>"
INTO_INCIDENTS: dict[str, bytes] = {
    "no From": mail("Subject: quien soy", ID),
    "empty": b"\r\n",
    "no header at all": b"\r\nsolo texto\r\n",
    "only a From": mail(FROM, body=b""),
    "NUL bytes": mail(FROM, "Subject: nu\0lo", ID, body=b"antes\0despues\r\n\0\0\0\r\n"),
    "1,500 nested parts": nested(1500),
    "100k quotes in From": mail('From: "' + '"' * 100_000 + "ana@cliente.mx", ID),
    "CR and LF in encoded words": mail(
        "From: =?utf-8?q?Ana=0D=0ABcc:_eva=40otro.mx?= <ana@cliente.mx>",
        "Subject: =?utf-8?b?" + "aG9sYQ0KQmNjOiBldmFAb3Ryby5teA==" + "?=",
        ID,
    ),
    "lone surrogates": mail(
        FROM, "Subject: =?utf-8?q?=ED=A0=80?=", ID, "Content-Type: text/plain; charset=utf-8", body=b"\xed\xa0\x80\r\n"
    ),
    "utf-7 and unknown charsets": mail(
        "From: =?utf-7?q?+AGEAbgBh-?= <ana@cliente.mx>", ID, "Content-Type: text/plain; charset=klingon"
    ),
    "10,000 header fields": mail(FROM, ID, *(f"X-{n}: {n}" for n in range(10_000))),
    "one header of 2 MB": mail(FROM, "Subject: " + "a" * 2_000_000, ID),
    "100,000 recipients": mail(FROM, ID, "To: " + ", ".join(f"a{n}@b.mx" for n in range(100_000))),
    "40,000 references": mail(FROM, ID, "References: " + " ".join(f"<{n}@b.mx>" for n in range(40_000))),
    "a From without domain": mail("From: ana", ID),
    "an address of 10,000 letters": mail(f"From: {'a' * 10_000}@cliente.mx", ID),
    "an unclosed boundary": mail(FROM, ID, "Content-Type: multipart/mixed; boundary=x", body=b"--x\r\n\r\nhola\r\n"),
    "broken base64": mail(FROM, ID, "Content-Transfer-Encoding: base64", body=b"====\r\n\xff\xfe!!\r\n"),
    "spaces without end": mail(FROM, ID, body=b" " * 500_000 + b"\r\n"),
    "quotes without end": mail(FROM, ID, body=b"> " * 200_000 + b"\r\n"),
    "html without end": mail(FROM, ID, "Content-Type: text/html", body=b"<div>" * 60_000 + b"\r\n"),
}
HELD = {"several From fields": mail(FROM, "From: eva@otro.mx", ID, "Subject: dos")}


async def beside_honest_mails(one: House, raw: bytes) -> None:
    """Hand a hostile mail in between honest ones; all must become something within the bound."""
    honest = {f"u{n}@cliente.mx": written(sender=f"u{n}@cliente.mx", message_id=f"<h{n}@cliente.mx>") for n in range(4)}
    mails = [(sender, mail.as_bytes(policy=policy.SMTP)) for sender, mail in honest.items()]
    mails.insert(1, (ANA, raw))
    began = time.monotonic()
    await asyncio.gather(*(asyncio.to_thread(submit, one.port, sender, DESK, content) for sender, content in mails))
    await one.settle(BOUND_S)
    assert time.monotonic() - began < BOUND_S
    for sender in honest:
        assert len(one.relay.to(sender)) == 1
    assert await one.count("SELECT count(*) FROM arrivals WHERE done_at IS NULL") == 0


@pytest.mark.parametrize("raw", INTO_INCIDENTS.values(), ids=INTO_INCIDENTS)
async def test_a_broken_mail_is_an_incident_and_delays_no_other(engine_url: str, raw: bytes) -> None:
    async with house(engine_url) as one:
        await beside_honest_mails(one, raw)
        assert len(await one.incidents()) == 5
        assert await one.held() == []
        stored = await one.rows("SELECT data FROM blobs")
        assert raw in [bytes(row[0]) for row in stored]
        for taken in one.relay.taken:
            assert "Bcc" not in taken.mail
            assert len(taken.recipients) == 1
            assert "eva@otro.mx" not in taken.recipients


@pytest.mark.parametrize("raw", HELD.values(), ids=HELD)
async def test_a_doubtful_mail_is_held_and_delays_no_other(engine_url: str, raw: bytes) -> None:
    async with house(engine_url) as one:
        await beside_honest_mails(one, raw)
        assert len(await one.incidents()) == 4
        assert await one.held() == ["several_from"]
        assert one.relay.to(ANA) == []


async def test_a_mail_without_from_opens_an_unanswered_incident(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(INTO_INCIDENTS["no From"])
        assert await one.incident()
        assert [taken.recipients for taken in one.relay.taken] == [[FIRST_CONSULTANT]]
        assert await one.count("SELECT count(*) FROM promises") == 0


def deadly_grader(_mode: str, _override: Path | None = None) -> Callable[[str, str, Channel], Grade]:
    """A grader whose reader dies on one mail, as on an error in a C library; it is loaded in the reader itself."""

    def classify(subject: str, _text: str, _channel: Channel) -> Grade:
        if subject == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return Grade(Severity.QUESTION, "es", 1.0, ("an honest mail",))

    return classify


async def test_a_mail_that_kills_its_reader_twice_is_an_unreadable_incident(
    engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ventanilla.wiring.triage_grader", deadly_grader)
    raw = written("Mata al lector.", subject=POISON, message_id="<p1@cliente.mx>").as_bytes(policy=policy.SMTP)
    async with house(engine_url, workers=1) as one:
        before = one.node.readers.pids
        await beside_honest_mails(one, raw)
        assert [line["alone"] for line in one.said("reader_failed")] == [False, True]
        assert one.node.readers.pids != before
        (row,) = await one.rows(
            "SELECT i.id, i.severity_reasons, b.data FROM incidents i JOIN messages m ON m.incident_id = i.id "
            "JOIN blobs b ON b.id = m.blob_id WHERE i.subject = ?",
            POISON,
        )
        assert "unreadable" in row[1]
        assert bytes(row[2]) == raw
        assert one.relay.to(ANA) == []
        assert await one.count("SELECT count(*) FROM owed WHERE kind = 'notice' AND incident_id = ?", row[0]) == 1
        await one.take(written(message_id="<after@cliente.mx>", sender="zoe@cliente.mx"), sender="zoe@cliente.mx")
        assert len(one.relay.to("zoe@cliente.mx")) == 1


async def test_a_reader_that_is_killed_in_the_middle_is_replaced_and_the_mail_is_read(
    engine_url: str,
) -> None:
    async with house(engine_url, workers=1) as one:
        (reader,) = one.node.readers.pids
        os.kill(reader, signal.SIGKILL)
        await one.take(written())
        assert len(one.relay.to(ANA)) == 1
        assert one.node.readers.pids != (reader,)

"""The sandbox: a sink that keeps what was sent, and the demo page over it."""

import asyncio
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientSession, web

from sandbox import demo
from sandbox import sink as sink_module
from sandbox.demo import routes
from sandbox.sink import MailSink
from tests.channels.smtp_doors import OURS, Client, Door, open_door

pytestmark = pytest.mark.anyio

ANSWER = (
    b"From: Mesa de Servicio <soporte@ejemplo.mx>\r\nReply-To: soporte+100425.abc@ejemplo.mx\r\n"
    b"Subject: =?utf-8?q?INC-100425_recibido?=\r\nMessage-ID: <a.1@ejemplo.mx>\r\nIn-Reply-To: <x@cliente.example>\r\n"
    b"References: <x@cliente.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSu n\xc3\xbamero\r\n"
    b"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Su n\xc3\xbamero</p>\r\n--b--\r\n"
)


@asynccontextmanager
async def sinking(*, start: bool = True) -> AsyncIterator[MailSink]:
    sink = MailSink()
    if start:
        await sink.start()
    try:
        yield sink
    finally:
        await sink.stop()


def submit(port: int, *mails: bytes, recipients: tuple[str, ...] = ("ana@cliente.example",)) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        for mail in mails:
            client.sendmail("soporte+b.1@ejemplo.mx", recipients, mail)


async def test_what_is_submitted_is_kept_byte_for_byte_with_its_envelope() -> None:
    seen: list[tuple[str, tuple[str, ...], bytes, datetime]] = []
    sink = MailSink(on_mail=lambda *mail: seen.append(mail))
    await sink.start()
    mail = b".una linea\r\n..\r\n\r\n.\r\nfin\r\n"
    await asyncio.to_thread(submit, sink.port, mail, b"x\r\n", recipients=("a@b.example", "c@d.example"))
    await sink.stop()
    assert [kept.content for kept in sink.mails] == [mail, b"x\r\n"]
    assert sink.mails[0].recipients == ("a@b.example", "c@d.example")
    assert seen[0] == ("soporte+b.1@ejemplo.mx", ("a@b.example", "c@d.example"), mail, sink.mails[0].at)


async def test_a_pipelined_session_is_understood_wherever_it_is_cut() -> None:
    mail = b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\nhola\r\n..x\r\n.\r\n"
    said = b"EHLO c\r\n" + mail + mail + b"QUIT\r\n"
    async with sinking() as sink:
        for cut in range(1, len(said)):
            reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
            writer.write(said[:cut])
            for _ in range(5):
                await asyncio.sleep(0)
            writer.write(said[cut:])
            codes = [line[:3] for line in (await reader.read()).splitlines() if line[3:4] == b" "]
            assert codes == [b"220", b"250", *[b"250", b"250", b"354", b"250"] * 2, b"221"]
            writer.close()
            await writer.wait_closed()
        assert {kept.content for kept in sink.mails} == {b"hola\r\n.x\r\n"}
        assert sink.count == 2 * (len(said) - 1)


async def test_only_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "KEPT_MAX", 3)
    monkeypatch.setattr(sink_module, "KEPT_BYTES_MAX", 100)
    async with sinking(start=False) as sink:
        for _ in range(5):
            sink.take("", ("a@b.example",), b"x")
        assert [mail.id for mail in sink.mails] == [3, 4, 5]
        sink.take("", ("a@b.example",), b"x" * 100)
        assert [mail.id for mail in sink.mails] == [6]


async def test_a_client_that_sends_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "MAIL_SIZE_MAX", 1000)
    async with sinking() as sink:
        reader, writer = await asyncio.open_connection("127.0.0.1", sink.port)
        writer.write(b"MAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n" + b"x" * 2000)
        client = Client(reader, writer)
        with suppress(ConnectionResetError):
            await client.hear_all()
        await client.close()
        assert not sink.mails


class Page:
    """The demo page on a port of its own, with the desk it writes to."""

    def __init__(self, url: str, http: ClientSession, door: Door, sink: MailSink) -> None:
        self.url = url
        self.http = http
        self.door = door
        self.sink = sink

    async def post(self, fields: dict[str, Any], **options: Any) -> tuple[int, dict[str, str]]:
        async with self.http.post(f"{self.url}/demo/send", json=fields, **options) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with open_door() as door, sinking(start=False) as sink, ClientSession() as http:
        app = web.Application()
        app.add_routes(routes(sink, door.listener.port, OURS[0], zone=ZoneInfo("America/Mexico_City")))
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield Page(f"http://127.0.0.1:{runner.addresses[0][1]}", http, door, sink)
        await http.close()
        await runner.cleanup()


async def test_the_page_has_a_form_and_forbids_foreign_scripts(page: Page) -> None:
    async with page.http.get(f"{page.url}/demo") as answer:
        text = await answer.text()
        assert answer.status == 200
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert '<form id="write" method="post" action="/demo/send">' in text
    assert 'value="soporte@ejemplo.mx"' in text
    assert "<script>" not in text
    assert "style=" not in text
    for name in ("demo.js", "demo.css"):
        async with page.http.get(f"{page.url}/demo/{name}") as answer:
            assert answer.status == 200
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_foreign_text_reaches_the_page_as_text_only() -> None:
    script = (demo.FOLDER / "demo.js").read_text(encoding="utf-8")
    for way_in in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way_in not in script


async def test_what_the_desk_sent_is_listed_as_the_contract_says(page: Page) -> None:
    page.sink.take("soporte+b.1@ejemplo.mx", ("ana@cliente.example",), ANSWER)
    page.sink.take("", ("ana@cliente.example",), b"Content-Type: text/plain; charset=nope\r\n\r\n\xff\x00")
    async with page.http.get(f"{page.url}/demo/mails") as answer:
        first, second = await answer.json()
    assert {"id", "at", "from", "to", "subject", "text", "html", "message_id", "in_reply_to"} <= set(first)
    assert first["from"] == "soporte@ejemplo.mx"
    assert first["to"] == ["ana@cliente.example"]
    assert first["subject"] == "INC-100425 recibido"
    assert (first["text"].strip(), first["html"].strip()) == ("Su número", "<p>Su número</p>")
    assert (first["message_id"], first["in_reply_to"]) == ("<a.1@ejemplo.mx>", "<x@cliente.example>")
    assert first["reply_to"] == "soporte+100425.abc@ejemplo.mx"
    assert datetime.fromisoformat(first["at"]).utcoffset() is not None
    assert first["at"].endswith("-06:00")
    assert second["text"] == "ÿ\N{REPLACEMENT CHARACTER}"


async def test_a_written_mail_goes_to_the_desk_by_smtp(page: Page) -> None:
    status, said = await page.post({"from": "María <ana@cliente.example>", "subject": "¿Sí?", "text": "línea\n.punto"})
    assert status == 200
    (delivery,) = page.door.store.kept
    mail = message_from_bytes(delivery.raw, policy=policy.default)
    assert delivery.envelope_from == "ana@cliente.example"
    assert delivery.recipients == OURS
    assert (mail["From"], mail["Subject"], mail["Message-ID"]) == (
        "María <ana@cliente.example>",
        "¿Sí?",
        said["message_id"],
    )
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content() == "línea\r\n.punto\r\n"


async def test_a_reply_carries_its_thread_unfolded(page: Page) -> None:
    references = " ".join(f"<{number}.{'x' * 40}@ejemplo.mx>" for number in range(8))
    fields = {"from": "ana@cliente.example", "to": "soporte+1.a@ejemplo.mx", "in_reply_to": "<a.1@ejemplo.mx>"}
    await page.post(fields | {"references": references})
    (delivery,) = page.door.store.kept
    assert delivery.recipients == ("soporte+1.a@ejemplo.mx",)
    assert b"In-Reply-To: <a.1@ejemplo.mx>\r\n" in delivery.raw
    assert b"References: " + references.encode() + b"\r\n" in delivery.raw


async def test_a_form_without_javascript_works_too(page: Page) -> None:
    form = {"from": "ana@cliente.example", "subject": "hola", "text": "a"}
    async with page.http.post(f"{page.url}/demo/send", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/demo")
    assert len(page.door.store.kept) == 1


async def test_what_the_desk_refuses_is_told_and_a_foreign_page_is_sent_away(page: Page) -> None:
    good = {"from": "ana@cliente.example", "text": "a"}
    assert await page.post(good | {"to": "nadie@otro.example"}) == (
        502,
        {"error": "refused", "reply": "550 5.1.1 No such address here"},
    )
    for bad in ({}, {"from": "ana"}, good | {"subject": "x" * 2000}):
        assert (await page.post(bad))[0] == 400
    async with page.http.post(f"{page.url}/demo/send", json=good, headers={"Origin": "http://evil.example"}) as answer:
        assert answer.status == 403
    await page.door.listener.stop(0.1)
    assert await page.post(good) == (503, {"error": "away"})
    assert page.door.store.kept == []


async def test_header_injection_from_the_form_is_flattened(page: Page) -> None:
    fields = {
        "from": "ana@cliente.example",
        "subject": "a\r\nBcc: x@y.example",
        "text": "a",
        "in_reply_to": "<a@b>\r\nX: y",
    }
    assert (await page.post(fields))[0] == 200
    raw = page.door.store.kept[0].raw
    assert b"\r\nBcc:" not in raw
    assert b"\r\nX:" not in raw


def test_the_sandbox_imports_nothing_of_the_house() -> None:
    for path in Path(demo.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for room in ("desk", "intake", "responders", "board", "connections", "ventanilla"):
            assert f"from {room}" not in text
            assert f"import {room}" not in text

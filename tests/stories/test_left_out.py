"""A mail that goes without its attachments carries a link to them; whoever has it gets each file byte for byte."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from email.message import EmailMessage
from hashlib import sha256
from urllib.parse import unquote, urlsplit

import pytest
from aiohttp import ClientSession
from aiosmtpd.smtp import SMTP, Envelope
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # it ships no types

from desk.rules.addresses import ATTACHMENTS_LINK_DAYS, Signer
from desk.views.attachments import WHOLE
from tests.browser import open_page
from tests.ledger.desks import SetClock
from tests.looks import NARROWEST, faults_on_show
from tests.relay import Relay, relay
from tests.stories.house import (
    ANA,
    DESK,
    FIRST_CONSULTANT,
    KEY,
    TUESDAY_NOON,
    House,
    house,
    number_in,
    written,
)
from tests.stories.test_attachments import CFDI, PDF, attached, erasing, invoice
from tests.stories.test_status_page import every_row, own_words

pytestmark = pytest.mark.anyio

PUBLIC = {"VENTANILLA_HTTP__PUBLIC_URL": "https://mesa.ejemplo.mx/soporte"}
PAGE_IN_A_MAIL = b"<html><script>alert(1)</script></html>"
TOO_BIG = "552 5.3.4 message size exceeds fixed limit"


def refuse_large(envelope: Envelope) -> str | None:
    """A relay that takes no large mail to the consultant."""
    assert isinstance(envelope.content, bytes)
    is_large = envelope.rcpt_tos == [FIRST_CONSULTANT] and len(envelope.content) > len(PDF)
    return TOO_BIG if is_large else None


@asynccontextmanager
async def without_files(
    url: str, mail: EmailMessage, clock: SetClock | None = None, **more: str
) -> AsyncIterator[tuple[House, str]]:
    """A house whose relay refused the notice of a mail for its size, and the path of the link in the one it took."""
    async with house(url, more={**PUBLIC, **more}, **({"clock": clock} if clock else {})) as one:
        one.relay.answer = refuse_large
        await one.take(mail)
        (notice,) = one.relay.to(FIRST_CONSULTANT)
        assert attached(notice) == {}
        yield one, link_in(notice.text)


def link_in(text: str) -> str:
    found = re.search(r"https?://\S+/a/\S+", text)
    assert found is not None, text
    return "/a/" + urlsplit(found[0]).path.rpartition("/a/")[2]


async def fetch(one: House, path: str, method: str = "GET") -> tuple[int, bytes, dict[str, str]]:
    async with ClientSession() as browser, browser.request(method, f"http://127.0.0.1:{one.http_port}{path}") as answer:
        return answer.status, await answer.read(), dict(answer.headers)


def downloads_on(page: str) -> list[str]:
    """Return the paths of all downloads that a page offers, as a browser resolves them."""
    return [f"/a/{href}" for href in re.findall(r'<li><a href="([^"]+)"', page)]


def name_in(headers: dict[str, str]) -> str:
    return unquote(headers["Content-Disposition"].partition("filename*=UTF-8''")[2])


def forwarded() -> EmailMessage:
    """A mail with every kind of part that a link must give back: base64, text, a page, another mail."""
    mail = invoice()
    mail.add_attachment(PAGE_IN_A_MAIL, maintype="text", subtype="html", filename='../"mala".html')
    inner = written("El aviso que recibí.", sender="banco@otro.mx", message_id="<inner@otro.mx>", subject="Aviso")
    mail.add_attachment(inner)
    return mail


async def test_a_notice_refused_for_size_carries_a_link_that_gives_each_file_byte_for_byte(engine_url: str) -> None:
    async with without_files(engine_url, forwarded()) as (one, link):
        status, page, _ = await fetch(one, link)
        assert status == 200
        got = {}
        for path in downloads_on(page.decode()):
            status, content, headers = await fetch(one, path)
            assert status == 200
            got[name_in(headers)] = content
        ((raw,),) = await one.rows("SELECT data FROM blobs")
    raw = bytes(raw)
    whole = got.pop(next(name for name in got if name.startswith("INC-")))
    mail = got.pop("Aviso.eml")
    assert whole == raw
    assert got == {"factura Ñandú.pdf": PDF, "factura.xml": CFDI, ".._mala_.html".lstrip("."): PAGE_IN_A_MAIL}
    assert mail in raw
    assert b"El aviso que recib" in mail
    assert b"Message-ID: <inner@otro.mx>" in mail


class SmallRelay(Relay):
    """Announces that it takes no mail as large as the invoice."""

    def session(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        return SMTP(self, hostname="relay.test", loop=loop, data_size_limit=len(PDF))


async def test_a_relay_that_announces_its_limit_is_not_tried_and_the_notice_has_the_link(sqlite_url: str) -> None:
    offered: list[int] = []

    def seen(envelope: Envelope) -> None:
        offered.append(len(envelope.content or b""))

    async with relay(one=SmallRelay()) as sink, house(sqlite_url, more=PUBLIC, relay_of=sink) as one:
        sink.answer = seen
        await one.take(invoice())
        (notice,) = sink.to(FIRST_CONSULTANT)
        assert len(offered) == 2, "the answer and the notice: nothing large was begun"
        assert f"https://mesa.ejemplo.mx/soporte{link_in(notice.text)}" in notice.text
        html = notice.mail.get_body(("html",))
        assert html is not None
        assert link_in(notice.text) in html.get_content()
        assert (await fetch(one, f"{link_in(notice.text)}/1"))[:2] == (200, PDF)


async def test_a_notice_that_takes_its_files_along_shows_no_link(sqlite_url: str) -> None:
    async with house(sqlite_url, more=PUBLIC) as one:
        await one.take(invoice())
        (notice,) = one.relay.to(FIRST_CONSULTANT)
        assert len(attached(notice)) == 2
        assert "/a/" not in notice.text
        assert "/a/" not in one.answer_to(ANA).text, "what the user sent is nobody's to fetch by the user's mail"


async def test_the_page_names_each_file_with_type_and_size(sqlite_url: str) -> None:
    async with without_files(sqlite_url, forwarded()) as (one, link):
        _, page, headers = await fetch(one, link)
        number = number_in(one.relay.to(FIRST_CONSULTANT)[0])
        english = (await fetch(one, f"{link}?lang=en"))[1].decode()
    said = own_words(page.decode())
    assert f"Adjuntos de {number}" in said
    assert "factura Ñandú.pdf application/pdf, 225 KB" in said
    assert "factura.xml text/xml" in said
    assert "Aviso.eml message/rfc822" in said
    assert "alert(" not in said
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert f"Attachments of {number}" in own_words(english)


async def test_a_file_leaves_as_a_download_that_no_browser_shows(sqlite_url: str) -> None:
    async with without_files(sqlite_url, forwarded()) as (one, link):
        for path in downloads_on((await fetch(one, link))[1].decode()):
            _, _, headers = await fetch(one, path)
            assert headers["Content-Type"] == "application/octet-stream"
            assert headers["Content-Disposition"].startswith('attachment; filename="')
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-store"
            assert headers["Content-Security-Policy"].endswith("sandbox")
            name = name_in(headers)
            assert not set(name) & set('/\\"<>:'), name
            status, content, head = await fetch(one, path, "HEAD")
            assert (status, content, head["Content-Length"]) == (200, b"", headers["Content-Length"])


async def test_looking_and_fetching_change_no_row_of_any_table(engine_url: str) -> None:
    async with without_files(engine_url, invoice()) as (one, link):
        before = await every_row(one)
        for path in (link, f"{link}/{WHOLE}", f"{link}/1", f"{link}/9", "/a/nada"):
            for method in ("GET", "HEAD"):
                await fetch(one, path, method)
        assert (await fetch(one, link, "POST"))[0] == 405
        await one.settle()
        assert await every_row(one) == before


async def test_a_wrong_link_one_too_old_and_one_of_another_mail_say_the_same(engine_url: str) -> None:
    async with without_files(engine_url, invoice()) as (one, link):
        incident = await one.incident()
        signer, stranger = (Signer((key.encode(),), DESK) for key in (KEY, "a key that was never this desk's own"))
        today: date = TUESDAY_NOON.date()
        ((blob,),) = await one.rows("SELECT id FROM blobs")
        wrong = [
            "nada",
            link.removeprefix("/a/")[:-1],
            "a" * 4000,
            signer.status_token(incident, today),
            signer.attachments_token(incident, blob, today - timedelta(days=1)),
            signer.attachments_token(incident, blob + 1, today),
            signer.attachments_token(incident + 1, blob, today),
            stranger.attachments_token(incident, blob, today),
        ]
        _, usual, _ = await fetch(one, "/i/nada")
        for token in wrong:
            for path in (f"/a/{token}", f"/a/{token}/1"):
                assert (await fetch(one, path))[:2] == (404, usual), path
        for place in ("3", "-1", "x", "0001", "٣"):
            assert (await fetch(one, f"{link}/{place}"))[:2] == (404, usual), place
        assert (await fetch(one, f"/a/{signer.attachments_token(incident, blob, today)}"))[0] == 200


async def test_a_link_opens_for_its_days_and_no_longer(sqlite_url: str) -> None:
    clock = SetClock(TUESDAY_NOON)
    async with without_files(sqlite_url, invoice(), clock) as (one, link):
        clock.advance(timedelta(days=ATTACHMENTS_LINK_DAYS))
        assert (await fetch(one, f"{link}/1"))[:2] == (200, PDF)
        clock.advance(timedelta(days=1))
        assert [(await fetch(one, path))[0] for path in (link, f"{link}/1")] == [404, 404]


async def test_a_mail_that_is_kept_no_more_is_said_to_be_gone(engine_url: str) -> None:
    async with without_files(engine_url, invoice()) as (one, link):
        await one.node.commit.run(erasing())
        for path in (link, f"{link}/1", f"{link}/{WHOLE}"):
            status, page, _ = await fetch(one, path)
            assert status == 410
            assert "ya no se guardan" in own_words(page.decode())
            assert "factura" not in page.decode()


async def test_a_mail_nobody_could_read_can_be_had_whole(sqlite_url: str) -> None:
    raw = b"To: soporte@ejemplo.mx\r\nSubject: x\r\n\r\nsin remitente\r\n" + b"relleno\r\n" * 40_000
    async with house(sqlite_url, more=PUBLIC) as one:
        one.relay.answer = refuse_large
        await one.take(raw)
        (notice,) = one.relay.to(FIRST_CONSULTANT)
        _, page, _ = await fetch(one, link_in(notice.text))
        assert "no se encontró ningún archivo" in own_words(page.decode())
        (path,) = downloads_on(page.decode())
        _, content, headers = await fetch(one, path)
        assert sha256(content).digest() == sha256(bytes((await one.rows("SELECT data FROM blobs"))[0][0])).digest()
        assert name_in(headers) == f"{number_in(notice)}.eml"


async def test_files_that_fill_the_room_make_the_next_come_back_later(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.attachments_page.HEAVY_MAX", 0)
    monkeypatch.setattr("board.attachments_page.ANSWER_S", 0.5)
    mail = invoice()
    mail.add_attachment(bytes(300_000), maintype="application", subtype="zip", filename="grande.zip")
    async with without_files(sqlite_url, mail) as (one, link):
        assert (await fetch(one, f"{link}/2"))[:2] == (200, CFDI), "a light one always passes"
        status, _, headers = await fetch(one, f"{link}/3")
        assert (status, headers["Retry-After"]) == (503, "60")


async def test_a_consultant_sees_the_page_and_saves_a_file_in_a_real_browser(sqlite_url: str) -> None:
    async with without_files(sqlite_url, forwarded()) as (one, link):
        for dark in (False, True):
            async with open_page(width=NARROWEST, dark=dark) as page:
                for language in ("es", "en"):
                    await page.goto(f"http://127.0.0.1:{one.http_port}{link}?lang={language}")
                    found = await Axe().run(page)
                    assert found.response["violations"] == [], found.generate_report()
                    assert await faults_on_show(page) == []
        async with open_page() as page:
            await page.goto(f"http://127.0.0.1:{one.http_port}{link}")
            for name, content in (("factura Ñandú.pdf", PDF), ("_mala_.html", PAGE_IN_A_MAIL)):
                async with page.expect_download() as saved:
                    await page.get_by_text(name).click()
                download = await saved.value
                assert name in download.suggested_filename
                with open(await download.path(), "rb") as file:  # noqa: ASYNC230 -- it is on this machine
                    assert file.read() == content

"""The status page from outside: whoever has the link sees how it stands; looking changes nothing, and shows nobody."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formataddr
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientSession
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]  # it ships no types
from playwright.async_api import ConsoleMessage

from desk.rules.addresses import STATUS_LINK_DAYS, Signer
from desk.wording.wording import Wording
from tests.browser import open_page
from tests.ledger.desks import SetClock
from tests.looks import NARROWEST, faults_on_show
from tests.stories.house import ANA, DESK, FIRST_CONSULTANT, KEY, TUESDAY_NOON, House, house, written

pytestmark = pytest.mark.anyio

UNKNOWN = 99_999
PUBLIC = {"VENTANILLA_HTTP__PUBLIC_URL": "https://mesa.ejemplo.mx/soporte"}
FRIDAY_EVENING = datetime(2026, 11, 28, 2, 30, tzinfo=UTC)
BEFORE_A_HOLIDAY = datetime(2026, 11, 13, 23, 40, tzinfo=UTC)
WORDS = Wording("es", ZoneInfo("America/Mexico_City"))
MAILS = {
    "es": {
        1: "Buenos días, ¿cómo descargo mi factura de octubre?",
        2: "Buenos días, el portal está muy lento desde ayer.",
        3: "Buenos días, nadie puede timbrar facturas: el sistema no responde.",
    },
    "en": {
        1: "Good morning, how do I download my invoice of October? Thank you very much.",
        2: "Good morning, the portal has been very slow since yesterday. Thank you.",
        3: "Good morning, nobody can log in: the system is down. Please help.",
    },
}


@dataclass(frozen=True)
class Seen:
    """What a browser was answered."""

    status: int
    text: str
    headers: dict[str, str]


async def look(one: House, path: str, *, method: str = "GET", **headers: str) -> Seen:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        ClientSession() as browser,
        browser.request(method, f"http://127.0.0.1:{one.http_port}{path}", headers=given) as answer,
    ):
        return Seen(answer.status, await answer.text(), dict(answer.headers))


def link_in(text: str) -> str:
    """Return the path and query of the status link that a mail shows."""
    found = re.search(r"https?://\S+/i/\S+", text)
    assert found is not None, text
    return "/i/" + urlsplit(found[0]).path.rpartition("/i/")[2]


def token_of(incident: int, last_day: datetime, key: str = KEY) -> str:
    return Signer((key.encode(),), DESK).status_token(incident, last_day.date())


@asynccontextmanager
async def answered(url: str, text: str = MAILS["es"][2], **more: str) -> AsyncIterator[tuple[House, str]]:
    """A house that answered one mail, and the path of the link in its answer."""
    async with house(url, more={**PUBLIC, **more}) as one:
        await one.take(written(text))
        yield one, link_in(one.answer_to().text)


def own_words(page: str) -> str:
    """Return what a page says, as one line, without tags."""
    body = page.partition("</style>")[2]
    return " ".join(re.sub(r"<[^>]+>", " ", body).split()).replace(" .", ".").replace(" ,", ",")


async def test_the_link_of_the_answer_shows_who_has_it_until_when_and_what_was_sent(engine_url: str) -> None:
    async with answered(engine_url) as (one, link):
        mail = one.answer_to().text
        assert f"https://mesa.ejemplo.mx/soporte{link}" in mail
        seen = await look(one, link)
    assert seen.status == 200
    said = own_words(seen.text)
    assert '<html lang="es">' in seen.text
    assert "La tiene el Área de Operación." in said
    assert "Severidad 2: falla en una función, sin detener la operación." in said
    assert "En curso. Será hoy, martes 24 de noviembre, antes de las 14:00." in said
    assert "En curso. Será mañana, miércoles 25 de noviembre, antes de las 10:00." in said
    assert "Recibimos su mensaje hoy, martes 24 de noviembre, a las 12:00" in said
    assert "Le enviamos el acuse de recibo hoy, martes 24 de noviembre, a las 12:00" in said
    assert said.count("Le escribimos") == 0, "the notice to the consultant is nobody's here"


@pytest.mark.done("words.3")
@pytest.mark.parametrize("moment", [TUESDAY_NOON, FRIDAY_EVENING, BEFORE_A_HOLIDAY], ids=["noon", "evening", "holiday"])
async def test_the_page_tells_the_instants_that_the_mail_told(sqlite_url: str, moment: datetime) -> None:
    clock = SetClock(moment)
    async with house(sqlite_url, more=PUBLIC, clock=clock) as one:
        for language, texts in MAILS.items():
            for severity, text in texts.items():
                sender = f"user{severity}@{language}.example"
                await one.take(
                    written(text, sender=sender, message_id=f"<{severity}.{language}@client.example>"), sender=sender
                )
                answer = one.answer_to(sender)
                (row,) = await one.rows(
                    "SELECT i.severity, i.language, o.facts FROM incidents i JOIN owed o ON o.incident_id = i.id "
                    "WHERE o.address = ?",
                    sender,
                )
                facts = json.loads(row[2])
                seen = await look(one, link_in(answer.text))
                assert (row[0], row[1], seen.status) == (severity, language, 200)
                for kind in ("first_attention", "resolution"):
                    told = WORDS.speech(language).instant("before", facts[kind], clock.now().isoformat())
                    assert told in " ".join(answer.text.split())
                    assert told in own_words(seen.text)


async def test_a_time_that_passed_is_said_honestly(sqlite_url: str) -> None:
    async with answered(sqlite_url) as (one, link):
        await one.jump(timedelta(hours=2, minutes=5))
        said = own_words((await look(one, link)).text)
    assert "No cumplimos. Le dijimos que sería hoy, martes 24 de noviembre, antes de las 14:00" in said
    assert "Lo sentimos." in said
    assert "En curso. Será mañana, miércoles 25 de noviembre, antes de las 10:00." in said


async def test_the_page_can_be_had_in_every_other_language(sqlite_url: str) -> None:
    async with answered(sqlite_url) as (one, link):
        spanish = await look(one, link)
        assert '<a href="?lang=en" lang="en" hreflang="en" rel="nofollow">English</a>' in spanish.text
        english = await look(one, f"{link}?lang=en")
        assert "It is with Operations." in own_words(english.text)
        assert english.headers["Content-Language"] == "en"
        assert 'href="?lang=es"' in english.text
        unknown = await look(one, f"{link}?lang=%3Cscript%3E")
        assert own_words(unknown.text) == own_words(spanish.text)
        browsers_wish = await look(one, link, Accept_Language="en-US,en;q=0.9")
        assert browsers_wish.headers["Content-Language"] == "es", "the user was answered in Spanish"


async def test_an_english_user_has_an_english_page(sqlite_url: str) -> None:
    async with answered(sqlite_url, MAILS["en"][2]) as (one, link):
        assert "It is with Operations." in own_words((await look(one, link)).text)


async def every_row(one: House) -> dict[str, list[str]]:
    """Return every row of every table, so also every version."""
    sqlite = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    postgres = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    tables = await one.rows(sqlite if one.node.commit.store.engine == "sqlite" else postgres)
    return {name: sorted(str(tuple(row)) for row in await one.rows(f'SELECT * FROM "{name}"')) for (name,) in tables}


@pytest.mark.done("words.7")
async def test_looking_changes_no_row_of_any_table(engine_url: str) -> None:
    async with answered(engine_url) as (one, link):
        incident = await one.incident()
        before = await every_row(one)
        assert len(before["incidents"]) == 1
        assert len(before["messages"]) == 3
        paths = [
            link,
            f"{link}?lang=en",
            f"/i/{token_of(incident, TUESDAY_NOON - timedelta(days=1))}",
            f"/i/{token_of(UNKNOWN, TUESDAY_NOON)}",
            "/i/nada",
        ]
        found = [(await look(one, path, method=method)).status for path in paths for method in ("GET", "HEAD")]
        assert found == [200, 200, 200, 200, 410, 410, 404, 404, 404, 404]
        await one.settle()
        assert await every_row(one) == before
        assert (await look(one, link, method="POST")).status == 405
        assert await every_row(one) == before


async def test_a_scanner_that_asks_for_the_head_gets_the_heads_of_the_page(sqlite_url: str) -> None:
    async with answered(sqlite_url) as (one, link):
        got, head = await look(one, link), await look(one, link, method="HEAD")
    assert head.text == ""
    for name in ("Content-Length", "Content-Type", "Content-Security-Policy", "X-Robots-Tag"):
        assert head.headers[name] == got.headers[name]


async def test_the_page_and_its_address_stay_with_whoever_opened_it(sqlite_url: str) -> None:
    async with answered(sqlite_url) as (one, link):
        pages = [await look(one, path) for path in (link, "/i/nada")]
    for seen in pages:
        assert seen.headers["X-Robots-Tag"].startswith("noindex")
        assert '<meta name="robots" content="noindex' in seen.text
        assert seen.headers["Referrer-Policy"] == "no-referrer"
        assert seen.headers["Cache-Control"] == "no-store"
        assert seen.headers["X-Content-Type-Options"] == "nosniff"
        policy = seen.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'none'" in policy
        assert "<script" not in seen.text
        assert "unsafe" not in policy


async def test_a_link_we_did_not_make_and_one_of_no_incident_say_the_same(engine_url: str) -> None:
    async with answered(engine_url) as (one, link):
        unknown = await look(one, f"/i/{token_of(UNKNOWN, TUESDAY_NOON)}")
        for path in ("/i/nada", f"{link[:-1]}", f"/i/{'a' * 4000}", "/i/%00%ff", f"{link}."):
            wrong = await look(one, path)
            assert wrong.status == unknown.status == 404
            assert wrong.text == unknown.text
        assert "Esta liga no abre nada" in own_words(unknown.text)
        english = await look(one, "/i/nada", Accept_Language="fr-FR,en-US;q=0.9,es;q=0.5")
        assert "This link opens nothing" in own_words(english.text)


async def test_a_link_too_old_says_how_to_get_a_fresh_one(sqlite_url: str) -> None:
    async with answered(sqlite_url) as (one, link):
        one.clock.advance(timedelta(days=STATUS_LINK_DAYS))
        assert (await look(one, link)).status == 200
        one.clock.advance(timedelta(days=1))
        seen = await look(one, link)
    assert seen.status == 410
    assert "Esta liga ya venció" in own_words(seen.text)
    assert "responda a cualquiera de nuestros correos" in own_words(seen.text)
    assert "Operación" not in seen.text


async def test_a_link_signed_by_a_former_key_still_opens(sqlite_url: str) -> None:
    former = "a former key, of thirty-two letters or more"
    async with answered(sqlite_url, VENTANILLA_SECRETS__PREVIOUS=json.dumps([former])) as (one, _):
        incident = await one.incident()
        seen = await look(one, f"/i/{token_of(incident, TUESDAY_NOON, former)}")
        assert seen.status == 200
        stranger = token_of(incident, TUESDAY_NOON, "a key that was never this desk's own")
        assert (await look(one, f"/i/{stranger}")).status == 404


HOSTILE = "<script>alert(1)</script>\u202eevil\u200b{{ 7 * 7 }} " + "x" * 150


async def test_nobodys_words_name_or_address_stand_on_the_page(sqlite_url: str) -> None:
    async with house(sqlite_url, more=PUBLIC) as one:
        sender = formataddr((HOSTILE, "mala@cliente.mx"))
        mail = written("<script>alert(2)</script> el portal está lento", subject="<img src=x>", sender=sender)
        await one.take(mail, sender="mala@cliente.mx")
        incident = await one.incident()
        ((name, subject),) = await one.rows("SELECT requester_name, subject FROM incidents")
        assert ("<script>" in name, subject) == (True, "<img src=x>"), name[:80]
        seen = await look(one, f"/i/{token_of(incident, TUESDAY_NOON)}")
        assert seen.status == 200
        for foreign in ("alert(", "<img", "mala@", "\u202e", "49", "xxxxx", ANA, FIRST_CONSULTANT, "Asesor"):
            assert foreign not in seen.text
        assert len(seen.text) < 10_000


async def test_a_page_that_cannot_be_made_now_says_to_come_back(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("board.status_page.ANSWER_S", 0.0)
    async with answered(sqlite_url) as (one, link):
        seen = await look(one, link)
    assert seen.status == 503
    assert seen.headers["Retry-After"] == "60"
    assert "Su solicitud está guardada." in own_words(seen.text)


@pytest.mark.done("words.7")
async def test_axe_finds_nothing_on_any_page_in_either_theme_and_language(sqlite_url: str) -> None:
    async with answered(sqlite_url) as (one, link):
        await one.jump(timedelta(hours=2, minutes=5))
        expired = f"/i/{token_of(await one.incident(), TUESDAY_NOON - timedelta(days=1))}"
        for dark in (False, True):
            async with open_page(width=NARROWEST, dark=dark) as page:
                for path in (link, expired, "/i/nada"):
                    for language in WORDS.languages:
                        await page.goto(f"http://127.0.0.1:{one.http_port}{path}?lang={language}")
                        found = await Axe().run(page)
                        assert found.response["violations"] == [], found.generate_report()
                        assert found.response["passes"] != []
                        assert await faults_on_show(page) == []
                        await page.emulate_media(color_scheme="dark" if dark else "light")


@pytest.mark.done("words.7")
async def test_without_javascript_the_page_has_all_its_content_and_its_style(sqlite_url: str) -> None:
    async with answered(sqlite_url) as (one, link):
        address = f"http://127.0.0.1:{one.http_port}{link}"
        shown = []
        complaints: list[ConsoleMessage] = []
        for javascript in (True, False):
            async with open_page(width=NARROWEST, javascript=javascript) as page:
                page.on("console", lambda message: complaints.append(message))  # noqa: PLW0108 -- it marks its handlers
                await page.goto(address)
                shown.append(await page.inner_text("body"))
                assert await page.evaluate("getComputedStyle(document.querySelector('section')).borderRadius") == "12px"
                await page.click("nav a")
                assert await page.get_attribute("html", "lang") == "en"
        assert [complaint.text for complaint in complaints] == []
    assert shown[0] == shown[1]
    assert "La tiene el Área de Operación." in shown[1]

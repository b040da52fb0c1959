"""The time told is one instant wherever it is said: mail, `when`, `why`, export, status page (guarantee 5).

Every severity, in hours, on a Friday evening, on a holiday and in a closure, in both languages. What people read is
read here by a reader of its own, which knows the names of the months and nothing of the house.
"""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from tests.ledger.desks import SetClock
from tests.stories.house import KEY, House, house, number_in, written
from ventanilla.cli import GOOD, dispatch

ZONE = ZoneInfo("America/Mexico_City")
MONTHS = {
    "es": ("noviembre", "diciembre"),
    "en": ("November", "December"),
}
SITUATIONS = {
    "in hours": datetime(2026, 11, 24, 16, 20, 30, tzinfo=UTC),
    "friday evening": datetime(2026, 11, 28, 1, 30, tzinfo=UTC),
    "holiday": datetime(2026, 11, 16, 17, 0, tzinfo=UTC),
    "closure": datetime(2026, 12, 14, 17, 0, tzinfo=UTC),
}
REPORTS = {
    ("es", 1): ("Duda", "Buenos días, ¿cómo descargo mi factura de octubre?"),
    ("es", 2): ("Lentitud", "El portal está muy lento desde la mañana, pero al final sí deja timbrar las facturas."),
    ("es", 3): ("Sistema caído", "Nadie puede timbrar, el portal está caído para todos los usuarios."),
    ("en", 1): ("Question", "Good morning, how do I download the invoice of last month? Thank you very much."),
    ("en", 2): ("Slow", "The portal has been very slow since this morning, but the invoices go through at last."),
    ("en", 3): ("Down", "Nobody in the company can log in, the system is down completely for all users."),
}
HEADINGS = {
    "es": {"first_attention": "Primera atención", "resolution": "Solución"},
    "en": {"first_attention": "First response", "resolution": "Solution"},
}
# Each severity has times of its own, so that none is right by chance.
SETTINGS = {
    "VENTANILLA_CALENDAR__CLOSURES": '["2026-12-14/2026-12-16 inventario"]',
    "VENTANILLA_PROMISES__SEVERITY__2__FIRST_ATTENTION": "95m",
    "VENTANILLA_PROMISES__SEVERITY__2__RESOLUTION": "7h",
    "VENTANILLA_PROMISES__SEVERITY__3__FIRST_ATTENTION": "25m",
    "VENTANILLA_PROMISES__SEVERITY__3__RESOLUTION": "11h",
}


@dataclass(frozen=True)
class Told:
    """What one user was told, as text: by mail and on the status page."""

    number: str
    language: str
    severity: int
    mail: str
    page: str


async def tell_all(url: str, now: datetime) -> list[Told]:
    """Have every report of the matrix answered at an instant."""
    async with house(url, clock=SetClock(now), more=SETTINGS) as one, aiohttp.ClientSession() as session:
        return [await _tell(one, session, language, severity) for language, severity in REPORTS]


async def _tell(one: House, session: aiohttp.ClientSession, language: str, severity: int) -> Told:
    subject, text = REPORTS[language, severity]
    who = f"user{severity}@{language}.example"
    mail = written(text, subject=subject, sender=who, message_id=f"<{severity}@{language}.example>")
    await one.take(mail, sender=who)
    answer = one.answer_to(who)
    (link,) = set(re.findall(r"/i/[0-9a-z.~_-]+", answer.text))
    async with session.get(f"http://127.0.0.1:{one.http_port}{link}") as response:
        assert response.status == 200, link
        page = await response.text()
    return Told(number_in(answer), language, severity, answer.text, _visible(page))


def _visible(page: str) -> str:
    """Return what a page shows, a line an element."""
    body = page.partition("<body")[2].partition(">")[2]
    return unescape(re.sub(r"<[^>]+>", "\n", re.sub(r"</?(?:strong|span|time|a)\b[^>]*>", "", body)))


def instant_said(language: str, text: str, heading: str, year: int) -> datetime:
    """Return the first instant a text says after a heading."""
    after = text[text.index(heading) + len(heading) :]
    months = "|".join(MONTHS[language])
    day = re.search(rf"(?P<day>\d{{1,2}}) de (?P<month>{months})|(?P<m2>{months}) (?P<d2>\d{{1,2}})", after)
    clock = re.search(r"(\d{1,2}):(\d{2})(?: ?(a|p)\.? ?m\.?)?", after)
    assert day is not None, after[:200]
    assert clock is not None, after[:200]
    month = MONTHS[language].index(day["month"] or day["m2"]) + 11
    hour = int(clock[1]) % 12 + (12 if clock[3] == "p" else 0) if clock[3] else int(clock[1])
    return datetime(year, month, int(day["day"] or day["d2"]), hour, int(clock[2]), tzinfo=ZONE)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[dict[str, Any]]]:
    def carry_out(*words: str) -> list[dict[str, Any]]:
        code = dispatch(words)
        out, err = capsys.readouterr()
        assert (code, err) == (GOOD, ""), err
        return [json.loads(line) for line in out.splitlines()]

    return carry_out


@pytest.mark.done("words.3")
@pytest.mark.parametrize("situation", SITUATIONS)
def test_mail_when_why_export_and_page_say_one_instant(
    engine_url: str,
    situation: str,
    command: Callable[..., list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    figure: Callable[[str], None],
) -> None:
    now = SITUATIONS[situation]
    told = asyncio.run(tell_all(engine_url, now))
    for name, value in {
        **SETTINGS,
        "VENTANILLA_DATABASE__URL": engine_url,
        "VENTANILLA_SECRETS__KEY": KEY,
    }.items():
        monkeypatch.setenv(name, value)
    exported = {one["number"]: one for one in command("export") if "number" in one}
    assert [exported[one.number]["severity"] for one in told] == [one.severity for one in told]
    assert [exported[one.number]["language"] for one in told] == [one.language for one in told]
    for one in told:
        (when,) = command("when", "--at", now.isoformat(), "--severity", str(one.severity), "--json")
        (why,) = command("why", one.number, "--json")
        promises = {promise["kind"]: promise["due"] for promise in exported[one.number]["promises"]}
        assert exported[one.number]["response_due"] == when["first_attention"]
        assert exported[one.number]["resolution_due"] == when["resolution"]
        for kind, heading in HEADINGS[one.language].items():
            due = datetime.fromisoformat(when[kind])
            assert datetime.fromisoformat(promises[kind]) == due
            assert instant_said(one.language, one.mail, heading, now.year) == due
            assert instant_said(one.language, one.page, heading, now.year) == due
            assert instant_said("es", "\n".join(why["promises"]), HEADINGS["es"][kind], now.year) == due
    figure(f"{situation}: {len(told)} incidents, two times each, said alike in five places")

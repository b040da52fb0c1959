"""The user's status page, `GET /i/<token>`: how an incident stands, for whoever has its signed link (CONTRACT 5).

Promises: it is read only, GET and HEAD change nothing, for mail scanners press every link; a link we did not make and
one of an incident that is not there say the same; nothing is fetched, stored or indexed by who shows it, and no script
runs. Never: shows a word, a name or an address of anybody but the desk's own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from desk.base.clock import Clock
from desk.base.errors import StoreAway
from desk.ledger.statements import Steps
from desk.rules.addresses import STATUS_PATH, BadSignature, ExpiredToken
from desk.rules.desk import Desk
from desk.rules.numbers import number_of
from desk.views.status import Standing, standing
from desk.wording.wording import Wording

ANSWER_S = 3.0
"""How long the database may take before the page says to come back later."""
RETRY_AFTER_S = 60
ACCEPTED_LANGUAGES_MAX = 20
"""Languages of a browser's wish that are looked at."""

Read = Callable[[Steps[Standing | None]], Awaitable[Standing | None]]


@dataclass(frozen=True, slots=True)
class DeskIdentity:
    """How the desk calls itself on a page."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class _Answer:
    """Which page, and what it says. `language` is the incident's, "" where there is none."""

    status: HTTPStatus
    page: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    language: str = ""


NOT_FOUND = _Answer(HTTPStatus.NOT_FOUND, "not_found")


class StatusPage:
    """The page and its headers. `read` is that of the store."""

    def __init__(self, desk: Desk, identity: DeskIdentity, wording: Wording, clock: Clock, read: Read) -> None:
        self._desk = desk
        self._identity = {"desk_name": identity.name, "desk_address": identity.address}
        self._wording = wording
        self._clock = clock
        self._read = read
        self._headers = _headers(wording.page_style)

    def routes(self) -> list[web.RouteDef]:
        """Return the page's one route; it takes HEAD as well."""
        return [web.get(f"{STATUS_PATH}{{token}}", self.show)]

    async def show(self, request: web.Request) -> web.Response:
        """Answer 200 with the page, 404 for a link that opens nothing, 410 for one too old, 503 without a database."""
        now = self._clock.now()
        answer = await self._look(request.match_info["token"], now)
        language = self._language(request, answer.language)
        shared = {"at": now.isoformat(), "languages": self._others(language), **self._identity}
        text = self._wording.page(answer.page, language, {**shared, **answer.facts})
        headers = {**self._headers, "Content-Language": language}
        if answer.status is HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = str(RETRY_AFTER_S)
        return web.Response(text=text, status=answer.status, content_type="text/html", charset="utf-8", headers=headers)

    async def _look(self, token: str, now: datetime) -> _Answer:
        opened = self._desk.signer.read_status_token(token, now.date())
        if isinstance(opened, BadSignature):
            return NOT_FOUND
        if isinstance(opened, ExpiredToken):
            return _Answer(HTTPStatus.GONE, "expired", {"number": number_of(opened.incident)})
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await self._read(standing(opened.incident, self._desk.calendar, now))
        except (StoreAway, TimeoutError):
            return _Answer(HTTPStatus.SERVICE_UNAVAILABLE, "away")
        return NOT_FOUND if found is None else _Answer(HTTPStatus.OK, "status", found.facts, found.language)

    def _language(self, request: web.Request, own: str) -> str:
        """Return the language asked for by `lang`; else the incident's; without one, what the browser would like."""
        known = self._wording.languages
        accepted = request.headers.get("Accept-Language", "").split(",")[:ACCEPTED_LANGUAGES_MAX] if not own else []
        wishes = (request.query.get("lang", ""), own, *(one.partition(";")[0].strip()[:2].lower() for one in accepted))
        return self._wording.language(next((wish for wish in wishes if wish in known), ""))

    def _others(self, shown: str) -> list[dict[str, str]]:
        """Return the languages the page can be had in beside the one shown, each by its own name."""
        codes = (code for code in self._wording.languages if code != shown)
        return [{"code": code, "name": self._wording.speech(code).word("language", code)} for code in codes]


def _headers(style_digest: str) -> dict[str, str]:
    """Return what keeps the page and its address to whoever opened it."""
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src '{style_digest}';"
            " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "X-Robots-Tag": "noindex, nofollow, noarchive",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }

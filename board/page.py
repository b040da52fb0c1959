"""How a page of the board is answered: which page, in which language, with which headers.

Promises: nothing is fetched, stored, framed or indexed by who shows a page, and no script runs in it; a page that
cannot be made now says when to come back. Never: knows what a page is about.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from aiohttp import web

from desk.base.clock import Clock
from desk.wording.wording import Wording

ANSWER_S = 3.0
"""How long the database may take before a page says to come back later."""
RETRY_AFTER_S = 60
ACCEPTED_LANGUAGES_MAX = 20
"""Languages of a browser's wish that are looked at."""


@dataclass(frozen=True, slots=True)
class DeskIdentity:
    """How the desk calls itself on a page."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Which page, and what it says. `language` is that of what it shows, "" where there is none."""

    status: HTTPStatus
    page: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    language: str = ""


NOT_FOUND = Answer(HTTPStatus.NOT_FOUND, "not_found")
AWAY = Answer(HTTPStatus.SERVICE_UNAVAILABLE, "away")


class Pages:
    """Makes a response of an answer."""

    def __init__(self, identity: DeskIdentity, wording: Wording, clock: Clock) -> None:
        self._identity = {"desk_name": identity.name, "desk_address": identity.address}
        self._wording = wording
        self._clock = clock
        self._headers = _headers(wording.page_style)

    def response(self, request: web.Request, answer: Answer) -> web.Response:
        """Return the page in the language asked for, else its own, else the browser's, else the desk's."""
        language = self._language(request, answer.language)
        shared = {"at": self._clock.now().isoformat(), "languages": self._others(language), **self._identity}
        text = self._wording.page(answer.page, language, {**shared, **answer.facts})
        headers = {**self._headers, "Content-Language": language}
        if answer.status is HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = str(RETRY_AFTER_S)
        return web.Response(text=text, status=answer.status, content_type="text/html", charset="utf-8", headers=headers)

    def _language(self, request: web.Request, own: str) -> str:
        """Return the language asked for by `lang`; else the page's own; without one, what the browser would like."""
        known = self._wording.languages
        accepted = request.headers.get("Accept-Language", "").split(",")[:ACCEPTED_LANGUAGES_MAX] if not own else []
        wishes = (request.query.get("lang", ""), own, *(one.partition(";")[0].strip()[:2].lower() for one in accepted))
        return self._wording.language(next((wish for wish in wishes if wish in known), ""))

    def _others(self, shown: str) -> list[dict[str, str]]:
        """Return the languages the page can be had in beside the one shown, each by its own name."""
        codes = (code for code in self._wording.languages if code != shown)
        return [{"code": code, "name": self._wording.speech(code).word("language", code)} for code in codes]


PRIVATE_HEADERS: Mapping[str, str] = {
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What keeps an answer and its address to whoever asked for it."""


def _headers(style_digest: str) -> dict[str, str]:
    """Return the headers of a page: private, and with a policy that allows its one style and nothing else."""
    policy = (
        f"default-src 'none'; style-src '{style_digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy, **PRIVATE_HEADERS}

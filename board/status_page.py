"""The user's status page, `GET /i/<token>`: how an incident stands, for whoever has its signed link (CONTRACT 5).

Promises: it is read only, GET and HEAD change nothing, for mail scanners press every link; a link we did not make and
one of an incident that is not there say the same. Never: shows a word, a name or an address of anybody but the desk's
own.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus

from aiohttp import web

from board.page import ANSWER_S, AWAY, NOT_FOUND, Answer, Pages
from desk.base.clock import Clock
from desk.base.errors import StoreAway
from desk.ledger.statements import Steps
from desk.rules.addresses import STATUS_PATH, BadSignature, ExpiredToken
from desk.rules.desk import Desk
from desk.rules.numbers import number_of
from desk.views.status import Standing, standing

Read = Callable[[Steps[Standing | None]], Awaitable[Standing | None]]


class StatusPage:
    """The page. `read` is that of the store."""

    def __init__(self, desk: Desk, pages: Pages, clock: Clock, read: Read) -> None:
        self._desk = desk
        self._pages = pages
        self._clock = clock
        self._read = read

    def routes(self) -> list[web.RouteDef]:
        """Return the page's one route; it takes HEAD as well."""
        return [web.get(f"{STATUS_PATH}{{token}}", self.show)]

    async def show(self, request: web.Request) -> web.Response:
        """Answer 200 with the page, 404 for a link that opens nothing, 410 for one too old, 503 without a database."""
        return self._pages.response(request, await self._look(request.match_info["token"], self._clock.now()))

    async def _look(self, token: str, now: datetime) -> Answer:
        opened = self._desk.signer.read_status_token(token, now.date())
        if isinstance(opened, BadSignature):
            return NOT_FOUND
        if isinstance(opened, ExpiredToken):
            return Answer(HTTPStatus.GONE, "expired", {"number": number_of(opened.incident)})
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await self._read(standing(opened.incident, self._desk.calendar, now))
        except (StoreAway, TimeoutError):
            return AWAY
        return NOT_FOUND if found is None else Answer(HTTPStatus.OK, "status", found.facts, found.language)

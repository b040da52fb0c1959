"""The attachments of a mail, `GET /a/<token>`: listed and handed out to whoever has the signed link (DESIGN 9).

Promises: it is read only, GET and HEAD change nothing; a link we did not make, one too old and one of a mail that is
not there say the same; a file leaves as a download of no particular type, which no browser shows or runs; files in
memory at once are bounded, and so is the time that one may take to be fetched. Never: tells what a file is by looking
into it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Protocol, TypeVar
from urllib.parse import quote

import structlog
from aiohttp import web

from board.page import ANSWER_S, AWAY, NOT_FOUND, PRIVATE_HEADERS, Answer, Pages
from desk.base.clock import Clock
from desk.base.errors import StoreAway
from desk.base.file_names import ascii_name
from desk.ledger.attached import AttachedMail, File
from desk.ledger.statements import Steps
from desk.rules.addresses import ATTACHMENTS_PATH, AttachmentsToken, Signer
from desk.views.attachments import Download, download, files_of, shown

log = structlog.get_logger()

R = TypeVar("R")

LIGHT_BYTES_MAX = 256 * 1024
"""Encoded bytes of a file below which any number may be on its way at once."""
HEAVY_MAX = 2
"""Larger files that are on their way at once: some three times their bytes each, until the browser has them."""
FETCHED_WITHIN_S = 300.0
"""How long a browser may take to fetch a file: 30 MB over a line of one megabit take four minutes."""
PLACE_DIGITS_MAX = 3
"""Digits of a file's place in its mail."""

FILE_HEADERS = {**PRIVATE_HEADERS, "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox"}


class Read(Protocol):
    """`Store.read`."""

    def __call__(self, steps: Steps[R], /) -> Awaitable[R]: ...


class AttachmentsPage:
    """The page and its files. `read` is that of the store."""

    def __init__(self, signer: Signer, pages: Pages, clock: Clock, read: Read) -> None:
        self._signer = signer
        self._pages = pages
        self._clock = clock
        self._read = read
        self._heavy = asyncio.Semaphore(HEAVY_MAX)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the page and of a file on it; they take HEAD as well."""
        path = f"{ATTACHMENTS_PATH}{{token}}"
        return [web.get(path, self.show), web.get(f"{path}/{{place}}", self.hand_out)]

    async def show(self, request: web.Request) -> web.Response:
        """Answer 200 with the list, 404 for a link that opens nothing, 410 once the mail is gone, 503 without store."""
        return self._pages.response(request, await self._look(request.match_info["token"]))

    async def hand_out(self, request: web.Request) -> web.StreamResponse:
        """Answer 200 with a file; else as `show` does."""
        opened = self._opened(request.match_info["token"])
        try:
            mail = await self._mail(opened)
            file = _named(mail, request.match_info["place"])
            if opened is None or mail is None or file is None:
                return self._pages.response(request, NOT_FOUND)
            async with self._place_for(file):
                found = await self._in_time(download(opened, file))
                if found is None:
                    return self._pages.response(request, _gone(opened, mail))
                return await _sent(request, found)
        except (StoreAway, TimeoutError):
            return self._pages.response(request, AWAY)

    async def _look(self, token: str) -> Answer:
        opened = self._opened(token)
        try:
            mail = await self._mail(opened)
        except (StoreAway, TimeoutError):
            return AWAY
        if opened is None or mail is None:
            return NOT_FOUND
        return Answer(HTTPStatus.OK, "attachments", shown(opened, mail, token)) if mail.is_kept else _gone(opened, mail)

    def _opened(self, token: str) -> AttachmentsToken | None:
        return self._signer.read_attachments_token(token, self._clock.now().date())

    async def _mail(self, opened: AttachmentsToken | None) -> AttachedMail | None:
        return None if opened is None else await self._in_time(files_of(opened))

    async def _in_time(self, steps: Steps[R]) -> R:
        async with asyncio.timeout(ANSWER_S):
            return await self._read(steps)

    @asynccontextmanager
    async def _place_for(self, file: File) -> AsyncIterator[None]:
        """Have room in memory for a file while the block runs. Raises TimeoutError when others keep it all."""
        if file.end - file.start <= LIGHT_BYTES_MAX:
            yield
            return
        async with asyncio.timeout(ANSWER_S):
            await self._heavy.acquire()
        try:
            yield
        finally:
            self._heavy.release()


def _named(mail: AttachedMail | None, place: str) -> File | None:
    """Return the file at a place of the list, None when there is none."""
    if mail is None or len(place) > PLACE_DIGITS_MAX or not (place.isascii() and place.isdigit()):
        return None
    return mail.files[int(place)] if int(place) < len(mail.files) else None


def _gone(opened: AttachmentsToken, mail: AttachedMail) -> Answer:
    return Answer(HTTPStatus.GONE, "attachments_gone", shown(opened, mail, ""))


async def _sent(request: web.Request, found: Download) -> web.StreamResponse:
    """Send a file and return once the browser has it, or has taken too long: then its connection is cut."""
    content = await asyncio.to_thread(found.content)
    response = web.Response(
        body=content,
        content_type="application/octet-stream",
        headers={**FILE_HEADERS, "Content-Disposition": _disposition(found.name)},
    )
    try:
        async with asyncio.timeout(FETCHED_WITHIN_S):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        log.warning("download_cut", size=len(content))
        if request.transport is not None:
            request.transport.abort()
    return response


def _disposition(name: str) -> str:
    """Return the header that makes a download of an answer (RFC 6266 5): the name in ASCII, and as it is."""
    return f"attachment; filename=\"{ascii_name(name)}\"; filename*=UTF-8''{quote(name, safe='')}"

"""Hands finished mails to the relay over kept connections.

Promises that a mail is `done` only by the relay's 250 after DATA, and that later and never are told apart with whether
the content may have reached the relay (DESIGN 9, Answers and caps). Never composes, never tries again by itself, except
that a kept connection which the relay closed meanwhile is replaced once before anything of the mail was said.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPResponse,
    SMTPResponseException,
)

from connections.tls import client_context
from desk.base.errors import DeliveryLater, DeliveryRefused
from responders.mail.settings import RelayServerSettings

CONNECTION_MAX = 4
"""Connections to the relay at once."""

IDLE_MAX_S = 60.0
"""An unused connection is closed after this; relays close theirs after 60 to 300."""

CONNECT_TIMEOUT_S = 20.0
"""Longest wait for each step of connecting: TCP, greeting, TLS, login."""

COMMAND_TIMEOUT_S = 60.0
"""Longest wait for the reply to MAIL, RCPT and RSET."""

DATA_TIMEOUT_S = 600.0
"""Longest wait for the reply to the content: who gives up sooner sends twice (RFC 5321 §4.5.3.2.6)."""

QUIT_TIMEOUT_S = 1.0

REPLY_MAX = 500
"""Characters of a relay's reply that are kept."""

ADDRESS = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"<>\\\x00-\x1f\x7f])*\Z')
"""What can stand between < and > without ending the command or the path."""

SESSION_CODES = frozenset({421, 503, 530, 534, 535, 538})
"""Replies that speak of the session or its login, not of the mail: every other mail would hear the same."""

CODE_TOO_BIG = 552
CODE_BAD_ADDRESS = 553


class Sender:
    """One relay, at most CONNECTION_MAX connections. `send` may be called by any number of tasks."""

    def __init__(self, relay: RelayServerSettings, hostname: str) -> None:
        self._relay = relay
        self._hostname = hostname
        self._tls = None if relay.tls == "none" else client_context(relay.ca_file, "relay.ca_file")
        self._slots = asyncio.Semaphore(CONNECTION_MAX)
        self._idle: list[tuple[SMTP, float]] = []
        self._reaper: asyncio.TimerHandle | None = None

    async def send(self, envelope_from: str, recipient: str, content: bytes) -> str:
        """Submit one mail and return the relay's reply to it.

        envelope_from is "" for the null sender; content has CR LF line ends and is 7-bit. Raises DeliveryLater, whose
        `counts` is False when the relay itself is away or turns everybody down, and DeliveryRefused.
        """
        for address in (envelope_from, recipient):
            if not ADDRESS.match(address):
                raise DeliveryRefused("the address cannot be written in an envelope", code=CODE_BAD_ADDRESS)
        async with self._slots:
            while True:
                relay, is_kept = await self._take()
                try:
                    async with self._lent(relay):
                        return await _submit(relay, envelope_from, recipient, content)
                except DeliveryLater as later:
                    if not is_kept or later.data_sent or not _is_over(later):
                        raise
                    self._drop_idle()  # closed while it was idle, and so are the others: connect anew

    async def close(self) -> None:
        """Say goodbye on all idle connections."""
        if self._reaper is not None:
            self._reaper.cancel()
        idle, self._idle = self._idle, []
        for relay, _ in idle:
            try:
                await relay.quit(timeout=QUIT_TIMEOUT_S)
            except (SMTPException, OSError):
                relay.close()

    @asynccontextmanager
    async def _lent(self, relay: SMTP) -> AsyncIterator[None]:
        """Keep a connection after its use, unless it broke, is over or its user was cancelled."""
        try:
            yield
        except (DeliveryRefused, DeliveryLater) as refusal:
            if isinstance(refusal, DeliveryLater) and _is_over(refusal):
                relay.close()
            else:
                await self._reset(relay)
            raise
        except BaseException:
            relay.close()
            raise
        self._keep(relay)

    async def _take(self) -> tuple[SMTP, bool]:
        """Return a connection and whether it was kept from earlier use."""
        while self._idle:
            relay, _ = self._idle.pop()
            if relay.is_connected:
                return relay, True
        return await self._connect(), False

    async def _connect(self) -> SMTP:
        settings = self._relay
        relay = SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username or None,
            password=settings.password if settings.username else None,
            local_hostname=self._hostname,
            timeout=CONNECT_TIMEOUT_S,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=self._tls,
        )
        try:
            await relay.connect()
            if relay.is_ehlo_or_helo_needed:
                await relay.ehlo()
        except (SMTPException, OSError) as error:
            relay.close()
            code = error.code if isinstance(error, SMTPResponseException) else 0
            raise DeliveryLater(f"{settings.host}:{settings.port}: {error}", code=code, counts=False) from error
        return relay

    async def _reset(self, relay: SMTP) -> None:
        """End a refused transaction, so that the connection can serve the next."""
        try:
            await relay.rset(timeout=COMMAND_TIMEOUT_S)
        except (SMTPException, OSError):
            relay.close()
        else:
            self._keep(relay)

    def _keep(self, relay: SMTP) -> None:
        loop = asyncio.get_running_loop()
        self._idle.append((relay, loop.time()))
        if self._reaper is None:
            self._reaper = loop.call_later(IDLE_MAX_S, self._reap)

    def _drop_idle(self) -> None:
        for relay, _ in self._idle:
            relay.close()
        self._idle.clear()

    def _reap(self) -> None:
        """Close what was not used for IDLE_MAX_S and look again while anything is kept."""
        loop = asyncio.get_running_loop()
        for relay, since in self._idle:
            if loop.time() - since >= IDLE_MAX_S:
                relay.close()
        self._idle = [(relay, since) for relay, since in self._idle if relay.is_connected]
        self._reaper = loop.call_later(IDLE_MAX_S, self._reap) if self._idle else None


async def _submit(relay: SMTP, envelope_from: str, recipient: str, content: bytes) -> str:
    """Say MAIL, RCPT and DATA, and return the reply to the content."""
    offered = relay.esmtp_extensions
    options = []
    if "size" in offered:
        options.append(f"SIZE={len(content)}")
        if offered["size"].isdecimal() and 0 < int(offered["size"]) < len(content):
            raise DeliveryRefused(f"larger than the {offered['size']} bytes the relay takes", code=CODE_TOO_BIG)
    encoding = "ascii"
    if not (envelope_from.isascii() and recipient.isascii()):
        if "smtputf8" not in offered:
            raise DeliveryRefused("the relay takes no address that is not ASCII", code=CODE_BAD_ADDRESS)
        options.append("SMTPUTF8")
        encoding = "utf-8"
    within = COMMAND_TIMEOUT_S
    await _heard(relay.mail(envelope_from, options=options, encoding=encoding, timeout=within))
    await _heard(relay.rcpt(recipient, encoding=encoding, timeout=within))
    return await _heard(relay.data(content, timeout=DATA_TIMEOUT_S), data_sent=True)


async def _heard(reply: Awaitable[SMTPResponse], *, data_sent: bool = False) -> str:
    """Return a good reply as one line; raise what any other means. data_sent: the content may have left."""
    try:
        response = await reply
    except SMTPResponseException as error:
        raise _judged(error.code, error.message, data_sent=data_sent) from error
    except (SMTPException, OSError) as error:
        raise DeliveryLater(f"connection to the relay: {error}", data_sent=data_sent) from error
    return _line(response.code, response.message)


def _judged(code: int, message: str, *, data_sent: bool) -> DeliveryLater | DeliveryRefused:
    """Tell later from never; a code of no known meaning is later."""
    text = _line(code, message)
    if code in SESSION_CODES:
        return DeliveryLater(text, code=code, data_sent=data_sent, counts=False)
    if code // 100 == 5:  # noqa: PLR2004 - RFC 5321 §4.2.1
        return DeliveryRefused(text, code=code)
    return DeliveryLater(text, code=code, data_sent=data_sent)


def _is_over(later: DeliveryLater) -> bool:
    """Tell whether the session can serve no other mail: it broke, or the relay speaks of the session itself."""
    return later.code <= 0 or later.code in SESSION_CODES


def _line(code: int, message: str) -> str:
    """Return a reply as one storable line: foreign text, so no control character and no lone surrogate."""
    text = "".join(char if char.isprintable() else " " for char in message[:REPLY_MAX])
    return f"{code} {text}"

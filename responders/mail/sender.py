"""Hands finished mails to the relay over kept connections.

Promises that a mail is `done` only by the relay's 250 after DATA, and that later and never are told apart with whether
the content may have reached the relay (DESIGN 9, Answers and caps). Never composes, never tries again by itself, except
that a kept connection which the relay closed meanwhile is replaced once before anything of the mail was said.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from connections.tls import client_context
from desk.base.errors import DeliveryLater, DeliveryRefused
from responders.mail.session import BAD_ADDRESS, Session, is_over
from responders.mail.settings import RelayServerSettings

CONNECTION_MAX = 4
"""Connections to the relay at once."""

IDLE_MAX_S = 60.0
"""An unused connection is closed after this; relays close theirs after 60 to 300."""

CONNECT_TIMEOUT_S = 20.0
"""Longest wait for each step of connecting: TCP, greeting, TLS, login."""

ADDRESS = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s"<>\\\x00-\x1f\x7f])*\Z')
"""What can stand between < and > without ending the command or the path."""


class Sender:
    """One relay, at most CONNECTION_MAX connections. `send` may be called by any number of tasks."""

    def __init__(self, relay: RelayServerSettings, hostname: str, name: str = "relay") -> None:
        self.name = name
        """The settings it stands in, for logs and metrics."""
        self.is_away = False
        """Set by who found it away: whatever waits for its turn here is told so instead of finding out again."""
        self._relay = relay
        self._hostname = hostname
        self._tls = None if relay.tls == "none" else client_context(relay.ca_file, f"{name}.ca_file")
        self._slots = asyncio.Semaphore(CONNECTION_MAX)
        self._idle: list[tuple[Session, float]] = []
        self._reaper: asyncio.TimerHandle | None = None

    async def send(self, envelope_from: str, recipient: str, content: bytes) -> str:
        """Submit one mail and return the relay's reply to it.

        envelope_from is "" for the null sender; content has CR LF line ends and is 7-bit. Raises DeliveryLater, whose
        `counts` is False when the relay itself is away or turns everybody down, and DeliveryRefused.
        """
        for address in (envelope_from, recipient):
            if not ADDRESS.match(address):
                raise DeliveryRefused("the address cannot be written in an envelope", code=BAD_ADDRESS)
        async with self._slots:
            while True:
                if self.is_away:
                    raise DeliveryLater(f"{self._relay.host}:{self._relay.port}: it is away", counts=False)
                session, is_kept = await self._take()
                try:
                    async with self._lent(session):
                        return await session.submit(envelope_from, recipient, content)
                except DeliveryLater as later:
                    if not is_kept or later.data_sent or not is_over(later):
                        raise
                    self._drop_idle()  # closed while it was idle, and so are the others: connect anew

    async def probe(self) -> None:
        """Connect, log in and begin a mail that is not sent; the connection is kept. Raises DeliveryLater."""
        async with self._slots:
            session = await self._connect()
            async with self._lent(session):
                await session.prove()

    async def close(self) -> None:
        """Say goodbye on all idle connections."""
        if self._reaper is not None:
            self._reaper.cancel()
        idle, self._idle = self._idle, []
        for session, _ in idle:
            await session.quit()

    @asynccontextmanager
    async def _lent(self, session: Session) -> AsyncIterator[None]:
        """Keep a session after its use, unless it broke, is over or its user was cancelled."""
        try:
            yield
        except DeliveryRefused:
            self._keep(session)
            raise
        except DeliveryLater as later:
            if is_over(later):
                session.close()
            else:
                self._keep(session)
            raise
        except BaseException:
            session.close()
            raise
        self._keep(session)

    async def _take(self) -> tuple[Session, bool]:
        """Return a connection and whether it was kept from earlier use."""
        while self._idle:
            session, _ = self._idle.pop()
            if session.is_open:
                return session, True
        return await self._connect(), False

    async def _connect(self) -> Session:
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
        assert isinstance(relay.transport, asyncio.Transport), "a relay that greeted has a transport"
        return Session(relay.transport, relay.esmtp_extensions)

    def _keep(self, session: Session) -> None:
        if not session.is_open:
            return
        loop = asyncio.get_running_loop()
        self._idle.append((session, loop.time()))
        if self._reaper is None:
            self._reaper = loop.call_later(IDLE_MAX_S, self._reap)

    def _drop_idle(self) -> None:
        for session, _ in self._idle:
            session.close()
        self._idle.clear()

    def _reap(self) -> None:
        """Close what was not used for IDLE_MAX_S and look again while anything is kept."""
        loop = asyncio.get_running_loop()
        for session, since in self._idle:
            if loop.time() - since >= IDLE_MAX_S:
                session.close()
        self._idle = [(session, since) for session, since in self._idle if session.is_open]
        self._reaper = loop.call_later(IDLE_MAX_S, self._reap) if self._idle else None

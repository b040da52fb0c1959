"""A relay that keeps what it takes, and refuses what it is told to: the real protocol by aiosmtpd."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass
class Taken:
    """A mail as the relay took it."""

    envelope_from: str
    recipients: list[str]
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)

    @property
    def text(self) -> str:
        body = self.mail.get_body(("plain",))
        assert body is not None
        return str(body.get_content())


@dataclass
class Relay:
    """The relay of a test. `answer` may refuse: it is given the envelope and returns a reply, None to take the mail."""

    port: int = 0
    taken: list[Taken] = field(default_factory=list)
    answer: Callable[[Envelope], str | None] = lambda _envelope: None
    hold: Callable[[Envelope], Awaitable[None]] | None = None
    """What a mail that was taken waits for before its 250 is said."""
    _bell: asyncio.Event = field(default_factory=asyncio.Event)

    def session(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        """Return what speaks with one who connects."""
        return SMTP(self, hostname="relay.test", loop=loop, enable_SMTPUTF8=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        refusal = self.answer(envelope)
        if refusal is not None:
            return refusal
        assert isinstance(envelope.content, bytes)
        self.taken.append(Taken(envelope.mail_from or "", list(envelope.rcpt_tos), envelope.content))
        self._bell.set()
        if self.hold is not None:
            await self.hold(envelope)
        return "250 2.0.0 taken"

    def to(self, address: str) -> list[Taken]:
        return [one for one in self.taken if one.recipients == [address]]

    async def until(self, count: int, within_s: float = 10) -> None:
        """Wait until `count` mails were taken."""
        async with asyncio.timeout(within_s):
            while len(self.taken) < count:
                self._bell.clear()
                await self._bell.wait()


@asynccontextmanager
async def relay(port: int = 0, one: Relay | None = None) -> AsyncIterator[Relay]:
    """A relay on loopback, by itself an obliging one; port 0 takes a free one."""
    one = one or Relay()
    loop = asyncio.get_running_loop()
    sessions: list[SMTP] = []

    def session() -> SMTP:
        sessions.append(one.session(loop))
        return sessions[-1]

    server = await loop.create_server(session, "127.0.0.1", port)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
        for open_session in sessions:
            if isinstance(open_session.transport, asyncio.WriteTransport):
                open_session.transport.abort()
        await asyncio.sleep(0)
        await server.wait_closed()

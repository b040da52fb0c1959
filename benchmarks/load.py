"""A client that costs as little as it can: mails over kept SMTP connections, each verb waiting for its reply.

Promises: every mail is sent once; for each the monotonic instants (the machine's, the same in every process) of its
MAIL command and of the reply to its content are kept; a reply that is not the expected one ends the run. Paced, a mail
has begun at the instant it was planned for, whether a connection was free by then or not. Never: reads a mail.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic

from benchmarks.mix import DESK, Mail

CONNECTIONS = 8
PACED_CONNECTIONS = 32
"""Of a paced run: enough that a mail's wait is the server's doing."""
PACE_SEED = 3
AT_ONCE = 0.0
REPLY_TIMEOUT_S = 120.0


class UnexpectedReply(Exception):
    """The server said something else than it should, or went away."""


@dataclass(slots=True)
class Sending:
    """When each mail was begun and taken: seconds of CLOCK_MONOTONIC by Message-ID."""

    begun: dict[str, float] = field(default_factory=dict)
    accepted: dict[str, float] = field(default_factory=dict)

    @property
    def first(self) -> float:
        return min(self.begun.values())

    @property
    def last(self) -> float:
        return max(self.accepted.values())


@dataclass(frozen=True, slots=True)
class Turn:
    """A mail, its content on the wire, and the monotonic instant it is planned for, or AT_ONCE: as soon as may be."""

    mail: Mail
    content: bytes
    planned: float


def wire(mail: Mail) -> bytes:
    """Return a mail's content as it follows 354: dots stuffed, with the line that ends it."""
    raw = mail.raw if mail.raw.endswith(b"\r\n") else mail.raw + b"\r\n"
    stuffed = raw.replace(b"\r\n.", b"\r\n..")
    return stuffed + b".\r\n"


async def send_all(port: int, mails: Sequence[Mail], connections: int = CONNECTIONS) -> Sending:
    """Send the mails over so many connections. Raises UnexpectedReply."""
    return await _send(port, [Turn(mail, wire(mail), AT_ONCE) for mail in mails], connections)


async def send_paced(port: int, mails: Sequence[Mail], rate: float) -> Sending:
    """Send so many mails a second in the mean, as independent people do (Poisson). Raises UnexpectedReply."""
    chance, at, turns = random.Random(PACE_SEED), monotonic(), []
    for mail in mails:
        at += chance.expovariate(rate)
        turns.append(Turn(mail, wire(mail), at))
    return await _send(port, turns, PACED_CONNECTIONS)


async def _send(port: int, turns: Sequence["Turn"], connections: int) -> Sending:
    sending = Sending()
    clients = [await Client.connect(port, sending) for _ in range(connections)]
    queue = iter(turns)
    try:
        async with asyncio.timeout(REPLY_TIMEOUT_S + len(turns)):
            await asyncio.gather(*(client.send_from(queue) for client in clients))
    finally:
        for client in clients:
            client.close()
    return sending


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending
        self._transport: asyncio.Transport | None = None
        self._got = b""
        self._reply: asyncio.Future[bytes] | None = None

    @classmethod
    async def connect(cls, port: int, sending: Sending) -> "Client":
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: cls(sending), "127.0.0.1", port)
        await client.expect(b"220")
        await client.say(b"EHLO load.example\r\n", b"250")
        return client

    async def send_from(self, queue: Iterator[Turn]) -> None:
        """Send mail after mail until the queue is empty."""
        for turn in queue:
            if turn.planned:
                await asyncio.sleep(turn.planned - monotonic())
            self._sending.begun[turn.mail.message_id] = turn.planned or monotonic()
            await self.say(b"MAIL FROM:<%b>\r\n" % turn.mail.sender.encode(), b"250")
            await self.say(b"RCPT TO:<%b>\r\n" % DESK.encode(), b"250")
            await self.say(b"DATA\r\n", b"354")
            await self.say(turn.content, b"250")
            self._sending.accepted[turn.mail.message_id] = monotonic()

    async def say(self, line: bytes, code: bytes) -> None:
        assert self._transport is not None
        self._transport.write(line)
        await self.expect(code)

    async def expect(self, code: bytes) -> None:
        """Wait for a reply with this code. Raises UnexpectedReply."""
        if not self._has_reply():
            self._reply = asyncio.get_running_loop().create_future()
            await self._reply
        reply, self._got = self._got, b""
        if not reply.startswith(code):
            raise UnexpectedReply(f"{code.decode()} was expected, the server said {reply!r}")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.write(b"QUIT\r\n")
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        if self._reply is not None and not self._reply.done() and self._has_reply():
            self._reply.set_result(b"")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(UnexpectedReply(f"the server went away ({exc})"))

    def _has_reply(self) -> bool:
        """Tell whether the last line is there and is a last line: its code is followed by a space."""
        if not self._got.endswith(b"\r\n"):
            return False
        last = self._got[:-2].rpartition(b"\r\n")[2]
        return last[3:4] == b" "

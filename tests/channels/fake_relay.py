"""A relay for tests that speaks SMTP over a real socket and misbehaves on request."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

CONTENT = "content"
"""What the moment after the end of data is called in `replies`, `tears` and `hangs`."""


@dataclass
class FakeRelay:
    """By verb, or CONTENT: `replies` overrides the reply, `tears` closes instead, `hangs` never replies,
    `waits` replies once its event is set.

    DATA without a recipient is refused, unless it `always_goes_ahead` (RFC 2920 3.1 allows both).
    """

    offers: list[str] = field(default_factory=lambda: ["SIZE 10000", "8BITMIME", "PIPELINING"])
    replies: dict[str, str] = field(default_factory=dict)
    tears: set[str] = field(default_factory=set)
    hangs: set[str] = field(default_factory=set)
    waits: dict[str, asyncio.Event] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    heard: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    always_goes_ahead: bool = False
    connections: int = 0
    _has_recipient: bool = False
    port: int = 0
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def drop_all(self) -> None:
        """Close every connection from the relay's side, as one does that was idle for too long."""
        for writer in self.writers:
            writer.close()
        self.writers.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            if await self._answer(writer, "CONNECT", "220 relay.example ESMTP"):
                while await self._command(reader, writer):
                    pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _command(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line = (await reader.readuntil(b"\r\n")).decode().rstrip("\r\n")
        verb = line.split(" ")[0].upper()
        self.heard.append(line)
        if verb == "EHLO":
            lines = ["relay.example", *self.offers]
            reply = "\r\n".join(f"250-{text}" for text in lines[:-1]) + f"\r\n250 {lines[-1]}"
            return await self._answer(writer, verb, reply)
        if verb == "DATA":
            return await self._data(reader, writer)
        if verb == "AUTH":
            right = self.login is not None and line.split(" ")[-1] == _plain(*self.login)
            return await self._answer(writer, verb, "235 in" if right else "535 5.7.8 wrong")
        if verb == "STARTTLS" and self.tls is not None:
            writer.write(b"220 go on\r\n")
            await writer.start_tls(self.tls)
            return True
        if verb in ("MAIL", "RCPT"):
            is_good = self.replies.get(verb, "250").startswith("2")
            self._has_recipient = is_good and (verb == "RCPT") and "MAIL" not in self.replies
        await self._answer(writer, verb, "221 bye" if verb == "QUIT" else "250 ok")
        return verb != "QUIT" and verb not in self.tears

    async def _data(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        goes_ahead = self._has_recipient or self.always_goes_ahead
        usual = "354 go on" if goes_ahead else "554 5.5.1 no valid recipients"
        if not await self._answer(writer, "DATA", usual) or "DATA" in self.replies or not goes_ahead:
            return "DATA" not in self.tears
        lines = []
        while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line)
        if self._has_recipient:
            self.mails.append(b"".join(lines))
        return await self._answer(writer, CONTENT, "250 2.0.0 queued as 17")

    async def _answer(self, writer: asyncio.StreamWriter, moment: str, usual: str) -> bool:
        if moment in self.tears:
            return False
        if moment in self.hangs:
            await asyncio.Event().wait()
        if moment in self.waits:
            await self.waits[moment].wait()
        writer.write(self.replies.get(moment, usual).encode() + b"\r\n")
        await writer.drain()
        return True


def _plain(username: str, password: str) -> str:
    return base64.b64encode(f"\0{username}\0{password}".encode()).decode()


@asynccontextmanager
async def fake_relay(relay: FakeRelay, *, implicit_tls: bool = False) -> AsyncIterator[FakeRelay]:
    """Let a relay stand on a free port."""
    tasks: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(relay.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    context = relay.tls if implicit_tls else None
    server = await asyncio.start_server(serve, "127.0.0.1", relay.port, ssl=context)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

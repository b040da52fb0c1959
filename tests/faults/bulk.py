"""Clients that send much, slowly, or to many: the protocol by hand, without a second copy of what they send."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from tests.stories.house import DESK

LINE = b64encode(bytes(range(57))) + b"\r\n"
BLOCK = 256 * 1024
PATIENCE_S = 300.0
"""Longest wait for a reply: a mail may have to wait for room, on a machine that is busy."""


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def hear(self) -> bytes:
        """Return the last line of a reply."""
        while True:
            line = await asyncio.wait_for(self._reader.readline(), PATIENCE_S)
            if line[3:4] != b"-":
                return line

    async def say(self, line: bytes) -> bytes:
        await self.send(line + b"\r\n")
        return await self.hear()

    async def send(self, content: bytes) -> None:
        view = memoryview(content)
        for at in range(0, len(view), BLOCK):
            self._writer.write(view[at : at + BLOCK])
            await asyncio.wait_for(self._writer.drain(), PATIENCE_S)

    async def begin(self, sender: str, recipients: Sequence[str] = (DESK,), parameters: str = "") -> bytes:
        """Come as far as the reply to DATA; or to MAIL, when that is a refusal."""
        reply = await self.say(f"MAIL FROM:<{sender}>{parameters}".encode())
        if reply.startswith(b"2"):
            for address in recipients:
                await self.say(f"RCPT TO:<{address}>".encode())
            reply = await self.say(b"DATA")
        return reply


@asynccontextmanager
async def client(port: int, greeting: str = "EHLO") -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        one = Client(reader, writer)
        await one.hear()
        await one.say(f"{greeting} cliente.mx".encode())
        yield one
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def head(sender: str, to: str = DESK) -> bytes:
    """Return a mail as far as the body of its attachment."""
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: Falla\r\nMessage-ID: <{sender}>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
        f"El portal no abre, soy {sender}.\r\n--b\r\nContent-Type: application/octet-stream; name=a.bin\r\n"
        "Content-Disposition: attachment; filename=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    ).encode()


def lines(size: int) -> bytes:
    """Return size bytes of base64, or a few less."""
    return LINE * (size // len(LINE))


async def send_large(port: int, sender: str, body: bytes, *, is_declared: bool, greeting: str = "EHLO") -> bytes:
    """Send a mail with an attachment and return the reply."""
    async with client(port, greeting) as one:
        first = head(sender)
        size = f" SIZE={len(first) + len(body) + 8}" if is_declared else ""
        reply = await one.begin(sender, parameters=size)
        if not reply.startswith(b"354"):
            return reply
        await one.send(first)
        await one.send(body)
        return await one.say(b"--b--\r\n.")

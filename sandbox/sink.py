"""A mail sink: takes every mail that is submitted by SMTP, delivers none, and shows what came.

Promises to keep the latest mails only, in bounded memory, and to cost little: the benchmark counts answers here. Never
passes a mail on. Run alone it writes one JSON object a mail: `python -m sandbox.sink --port 2526 --out FILE`.
"""

import argparse
import asyncio
import json
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

KEPT_MAX = 500
"""Mails that are kept; the oldest goes."""

KEPT_BYTES_MAX = 32 * 1024 * 1024
"""Bytes of mails that are kept, over all."""

MAIL_SIZE_MAX = 64 * 1024 * 1024
"""Bytes of one mail; a client that sends more is cut off."""

COMMAND_SIZE_MAX = 4096
RECIPIENT_MAX = 1000
END_OF_DATA = b"\r\n.\r\n"

OnMail = Callable[[str, tuple[str, ...], bytes, datetime], None]


@dataclass(frozen=True, slots=True)
class SunkMail:
    """A mail as it came. `id` counts from 1."""

    id: int
    at: datetime
    envelope_from: str
    recipients: tuple[str, ...]
    content: bytes = field(repr=False)


class MailSink:
    """Listens on host and port (0: a free one). `on_mail` is told each mail before its 250."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, on_mail: OnMail | None = None) -> None:
        self.host = host
        self.port = port
        self.count = 0
        self.mails: deque[SunkMail] = deque()
        self.clients: set[asyncio.Transport] = set()
        self._on_mail = on_mail
        self._kept_bytes = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Begin to listen. Raises OSError when the address cannot be had."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Session(self), self.host, self.port, backlog=512)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Close the door and every connection."""
        if self._server is not None:
            self._server.close()
        for client in tuple(self.clients):
            client.abort()
        await asyncio.sleep(0)

    def take(self, envelope_from: str, recipients: tuple[str, ...], content: bytes) -> None:
        """Keep a mail, and let the oldest go where the bounds want it."""
        self.count += 1
        mail = SunkMail(self.count, datetime.now(UTC), envelope_from, recipients, content)
        if self._on_mail is not None:
            self._on_mail(envelope_from, recipients, content, mail.at)
        self.mails.append(mail)
        self._kept_bytes += len(content)
        while len(self.mails) > KEPT_MAX or (self._kept_bytes > KEPT_BYTES_MAX and len(self.mails) > 1):
            self._kept_bytes -= len(self.mails.popleft().content)


class _Session(asyncio.Protocol):
    """One client, fed by the loop: no task, no stream, answers are written where the bytes are read."""

    def __init__(self, sink: MailSink) -> None:
        self._sink = sink
        self._buffer = bytearray()
        self._searched = 0
        self._in_data = False
        self._envelope_from: str | None = None
        self._recipients: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._sink.clients.add(transport)
        transport.write(b"220 sink ESMTP\r\n")

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - however it ended
        self._sink.clients.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies: list[bytes] = []
        while self._in_data or b"\n" in self._buffer:
            reply = self._read_content() if self._in_data else self._read_command()
            if reply is None:
                break
            replies.append(reply)
            if reply.startswith(b"221"):
                break
        if replies:
            self._transport.write(b"".join(replies))
            if replies[-1].startswith(b"221"):
                self._transport.close()
        if len(self._buffer) > (MAIL_SIZE_MAX if self._in_data else COMMAND_SIZE_MAX):
            self._transport.abort()

    def _read_content(self) -> bytes | None:
        """Return the reply to a whole mail, None until its end is there."""
        end = self._buffer.find(END_OF_DATA, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(END_OF_DATA) + 1)
            return None
        content = bytes(self._buffer[2 : end + 2])  # the CR LF of DATA stands before it
        del self._buffer[: end + len(END_OF_DATA)]
        self._in_data = False
        content = content.removeprefix(b".").replace(b"\r\n.", b"\r\n")
        self._sink.take(self._envelope_from or "", tuple(self._recipients), content)
        self._reset()
        return b"250 2.0.0 sunk\r\n"

    def _read_command(self) -> bytes:
        end = self._buffer.find(b"\n")
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        verb = line[:4].upper()
        if verb == b"MAIL":
            self._envelope_from = _path(line)
        elif verb == b"RCPT" and self._envelope_from is not None and len(self._recipients) < RECIPIENT_MAX:
            self._recipients.append(_path(line))
        elif verb == b"DATA" and self._recipients:
            self._in_data = True
            self._buffer[:0] = b"\r\n"
            self._searched = 0
            return b"354 go on\r\n"
        elif verb == b"EHLO":
            self._reset()
            return b"250-sink\r\n250-SIZE %d\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n" % MAIL_SIZE_MAX
        elif verb in (b"RSET", b"HELO"):
            self._reset()
        elif verb == b"QUIT":
            return b"221 2.0.0 bye\r\n"
        elif verb != b"NOOP":
            return b"503 5.5.1 not now\r\n"
        return b"250 2.0.0 ok\r\n"

    def _reset(self) -> None:
        self._envelope_from = None
        self._recipients = []


def _path(line: bytes) -> str:
    start, end = line.find(b"<"), line.find(b">")
    return line[start + 1 : end].decode("utf-8", "replace")


async def _serve(host: str, port: int, out: Path) -> None:
    with out.open("a", encoding="utf-8") as file:

        def write(envelope_from: str, recipients: tuple[str, ...], content: bytes, at: datetime) -> None:
            line = {"at": at.isoformat(), "from": envelope_from, "to": recipients, "content": content.decode("latin-1")}
            file.write(json.dumps(line) + "\n")
            file.flush()

        sink = MailSink(host, port, write)
        await sink.start()
        sys.stdout.write(f"{sink.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Run a sink until interrupted; the port it listens on is the only line on stdout."""
    parser = argparse.ArgumentParser(prog="sandbox.sink", description="Takes mail by SMTP and writes it to a file.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="JSON lines: at, from, to, content (as Latin-1)")
    given = parser.parse_args()
    asyncio.run(_serve(given.host, given.port, given.out))


if __name__ == "__main__":
    main()

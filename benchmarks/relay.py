"""A fast relay that takes every mail and keeps when it came, for whom, and what it answers: a process of its own.

Started by `Relay.start`; it tells its port on standard output and then answers two questions, a line each, on standard
input: `count` (mails so far) and `report` (all of them). It ends when standard input ends, so none is left behind.
"""

import asyncio
import json
import re
import sys
from dataclasses import asdict, dataclass
from time import monotonic

PIPE_BYTES_MAX = 256 * 1024 * 1024
"""A report of a long run is one line."""
EHLO = b"250-relay.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n"
END = b"\r\n.\r\n"
HEADERS = re.compile(
    rb"^(message-id|in-reply-to|reply-to|auto-submitted):[ \t]*((?:[^\r\n]|\r\n[ \t])*)", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Taken:
    """One mail at the relay. `at` is the machine's monotonic clock."""

    at: float
    recipient: str
    message_id: str
    in_reply_to: str
    reply_to: str
    auto_submitted: str


class Relay:
    """The relay as whoever started it sees it."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port
        self.pid = process.pid

    @classmethod
    async def start(cls) -> "Relay":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "benchmarks.relay",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=PIPE_BYTES_MAX,
        )
        assert process.stdout is not None
        return cls(process, int(await process.stdout.readline()))

    async def count(self) -> int:
        return int(await self._ask(b"count\n"))

    async def report(self) -> list[Taken]:
        return [Taken(**one) for one in json.loads(await self._ask(b"report\n"))]

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def _ask(self, question: bytes) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question)
        return await self._process.stdout.readline()


class Session(asyncio.Protocol):
    """One client of the relay; commands may come pipelined."""

    def __init__(self, taken: list[Taken]) -> None:
        self._taken = taken
        self._transport: asyncio.Transport | None = None
        self._got = bytearray()
        self._in_content = False
        self._searched = 0
        self._recipients: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 relay.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._got += data
        replies = bytearray()
        while (reply := self._take_content() if self._in_content else self._take_command()) is not None:
            replies += reply
        if replies:
            self._transport.write(bytes(replies))
        if replies.startswith(b"221"):
            self._transport.close()

    def _take_command(self) -> bytes | None:
        end = self._got.find(b"\r\n")
        if end < 0:
            return None
        line = bytes(self._got[:end])
        del self._got[: end + 2]
        verb = line[:4].upper()
        if verb == b"EHLO":
            return EHLO
        if verb == b"DATA":
            self._in_content, self._searched = True, 0
            self._got[:0] = b"\r\n"  # so that an empty content ends as any other does
            return b"354 go on\r\n"
        if verb == b"RCPT":
            self._recipients.append(line.partition(b"<")[2].partition(b">")[0].decode())
            return b"250 2.1.5 ok\r\n"
        return b"221 2.0.0 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 ok\r\n"

    def _take_content(self) -> bytes | None:
        end = self._got.find(END, self._searched)
        if end < 0:
            self._searched = max(len(self._got) - len(END) + 1, 0)
            return None
        at = monotonic()
        head = bytes(self._got[: self._got.find(b"\r\n\r\n", 2, end) + 2 or end])
        del self._got[: end + len(END)]
        self._in_content = False
        found = {name.lower(): b" ".join(value.split()).decode("latin-1") for name, value in HEADERS.findall(head)}
        kept = [found.get(name, "") for name in (b"message-id", b"in-reply-to", b"reply-to", b"auto-submitted")]
        self._taken.extend(Taken(at, recipient, *kept) for recipient in self._recipients)
        self._recipients = []
        return b"250 2.0.0 taken\r\n"


async def serve() -> None:
    """Take mail until standard input ends."""
    loop = asyncio.get_running_loop()
    taken: list[Taken] = []
    server = await loop.create_server(lambda: Session(taken), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    questions = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    while question := await questions.readline():
        answer = len(taken) if question == b"count\n" else [asdict(one) for one in taken]
        print(json.dumps(answer), flush=True)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())

"""One connection to the relay that stands: transactions of MAIL, RCPT, DATA, in one write where the relay takes that.

Promises: a refusal tells at which point it came, and whether the content may have left. Never: connects, logs in or
speaks TLS (aiosmtplib has done that and hands its transport over), tries again, or serves two mails at once.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from desk.base.errors import DeliveryLater, DeliveryRefused

COMMAND_TIMEOUT_S = 60.0
"""Longest wait for the reply to MAIL, RCPT and RSET."""
DATA_TIMEOUT_S = 600.0
"""Longest wait for the reply to the content: who gives up sooner sends twice (RFC 5321 §4.5.3.2.6)."""
QUIT_TIMEOUT_S = 1.0
REPLY_MAX = 500
"""Characters of a relay's reply that are kept."""
BUFFER_MAX = 64 * 1024
"""Bytes of replies nobody waits for: more is no SMTP server."""
SESSION_CODES = frozenset({421, 503, 530, 534, 535, 538})
"""Replies that speak of the session or its login, not of the mail: every other mail would hear the same."""

JOINED_MAX = 64 * 1024
"""Bytes of content up to which its end is written along with it: more would be copied for five octets."""

GO_AHEAD = 354
TOO_BIG = 552
BAD_ADDRESS = 553

_CONTENT_CODES = frozenset({523, TOO_BIG})
_CONTENT_STATUS = re.compile(r"5\.(?:2\.3|3\.4|6\.\d+)\b")
"""Enhanced status codes of size and content (RFC 3463 §3.3, §3.4, §3.7)."""
_CONTENT_WORDS = re.compile(
    r"\b(?:message|mail|content|data|attachments?)\b.{0,40}\b(?:size|too (?:large|big)|reject\w*|refused|blocked"
    r"|not (?:allowed|accepted|permitted))\b|\btoo (?:large|big)\b|\bsize\b.{0,20}\b(?:limit|exceed\w*)"
    r"|\b(?:virus|malware|attachments?|file type)\b",
    re.IGNORECASE,
)
_LINE_DOT = re.compile(rb"\.(?<=\n\.)")
"""A dot that begins a line: dots are looked for first, because an encoded file has none but many lines."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the relay said: its code, and its words as one storable line."""

    code: int
    text: str

    @property
    def is_good(self) -> bool:
        return 200 <= self.code < 400  # noqa: PLR2004 -- RFC 5321 §4.2.1


class Session(asyncio.Protocol):
    """A session that greeted, and its transport. `extensions` is what EHLO offered, names in lower case."""

    def __init__(self, transport: asyncio.Transport, extensions: Mapping[str, str]) -> None:
        self._transport = transport
        self._extensions = extensions
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._is_lost = False
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        return not self._is_lost and not self._transport.is_closing()

    async def submit(self, envelope_from: str, recipient: str, content: bytes) -> str:
        """Carry out one transaction and return the reply to the content.

        Content has CR LF line ends. Raises DeliveryRefused and DeliveryLater; after either the session is fit for the
        next mail unless `is_open` is False.
        """
        commands = self._commands(envelope_from, recipient, len(content))
        replies = await self._said(commands)
        refusal = next((reply for reply in replies if not reply.is_good), None)
        if refusal is not None:
            await self._end_refused(replies)
            raise _judged(refusal, data_sent=False)
        reply = await self._content(content)
        if not reply.is_good:
            raise _judged(reply, data_sent=True)
        return reply.text

    async def prove(self) -> None:
        """Begin a mail and leave it. Raises DeliveryLater when the relay would take none now, or says nothing."""
        replies = [await self._exchange(b"MAIL FROM:<>\r\n", COMMAND_TIMEOUT_S)]
        await self._end_refused(replies)
        if not replies[0].is_good:
            judged = _judged(replies[0], data_sent=False)
            if isinstance(judged, DeliveryLater):
                raise judged

    async def quit(self) -> None:
        """Say goodbye and close, whatever the relay answers."""
        try:
            await self._exchange(b"QUIT\r\n", QUIT_TIMEOUT_S)
        except DeliveryLater:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _commands(self, envelope_from: str, recipient: str, size: int) -> tuple[bytes, bytes, bytes]:
        options = ""
        if "size" in self._extensions:
            most = self._extensions["size"]
            if most.isdecimal() and 0 < int(most) < size:
                raise DeliveryRefused(f"larger than the {most} bytes the relay takes", code=TOO_BIG)
            options = f" SIZE={size}"
        if not (envelope_from.isascii() and recipient.isascii()):
            if "smtputf8" not in self._extensions:
                raise DeliveryRefused("the relay takes no address that is not ASCII", code=BAD_ADDRESS)
            options += " SMTPUTF8"
        return f"MAIL FROM:<{envelope_from}>{options}\r\n".encode(), f"RCPT TO:<{recipient}>\r\n".encode(), b"DATA\r\n"

    async def _said(self, commands: Sequence[bytes]) -> list[Reply]:
        """Say the commands and return their replies; one by one, up to the first refusal, without PIPELINING."""
        if "pipelining" in self._extensions:  # RFC 2920
            self._write(b"".join(commands))
            return [await self._reply(COMMAND_TIMEOUT_S) for _ in commands]
        replies: list[Reply] = []
        for command in commands:
            replies.append(await self._exchange(command, COMMAND_TIMEOUT_S))
            if not replies[-1].is_good:
                break
        return replies

    async def _end_refused(self, replies: Sequence[Reply]) -> None:
        """Leave a refused transaction. Some relays say 354 although no recipient was taken (RFC 2920 §3.1)."""
        if any(reply.code in SESSION_CODES for reply in replies[:1]):
            self.close()
        elif replies[-1].code == GO_AHEAD:
            await self._exchange(b".\r\n", COMMAND_TIMEOUT_S)
        else:
            await self._exchange(b"RSET\r\n", COMMAND_TIMEOUT_S)

    async def _content(self, content: bytes) -> Reply:
        if content.startswith(b".") or _LINE_DOT.search(content):
            content = (b"\n" + content).replace(b"\n.", b"\n..")[1:]  # RFC 5321 §4.5.2
        end = b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"
        if len(content) > JOINED_MAX:
            self._transport.write(content)
            self._transport.write(end)
        else:
            self._transport.write(content + end)
        try:
            if not self._can_write.is_set():
                async with asyncio.timeout(DATA_TIMEOUT_S):
                    await self._can_write.wait()
            return await self._reply(DATA_TIMEOUT_S)
        except TimeoutError as late:
            self.close()
            raise DeliveryLater(f"the relay took no content for {DATA_TIMEOUT_S:.0f} s", data_sent=True) from late
        except DeliveryLater as later:
            raise DeliveryLater(str(later), code=later.code, data_sent=True) from later

    async def _exchange(self, command: bytes, within_s: float) -> Reply:
        self._write(command)
        return await self._reply(within_s)

    def _write(self, command: bytes) -> None:
        if not self.is_open:
            raise DeliveryLater("connection to the relay: it was closed")
        self._transport.write(command)

    async def _reply(self, within_s: float) -> Reply:
        """Return the next reply. Raises DeliveryLater when none comes in time, or the connection ends."""
        if (here := self._taken()) is not None:  # replies to pipelined commands come together: no timer for each
            return here
        try:
            async with asyncio.timeout(within_s):
                while (reply := self._taken()) is None:
                    if self._is_lost:
                        raise DeliveryLater("connection to the relay: it was closed")
                    self._waiter = asyncio.get_running_loop().create_future()
                    await self._waiter
        except TimeoutError as late:
            self.close()
            raise DeliveryLater(f"the relay did not answer within {within_s:.0f} s") from late
        return reply

    def _taken(self) -> Reply | None:
        """Take one whole reply off the buffer, several lines if need be (RFC 5321 §4.2.1)."""
        lines: list[str] = []
        start = 0
        while (end := self._buffer.find(b"\n", start)) >= 0:
            line = bytes(self._buffer[start:end]).rstrip(b"\r").decode("utf-8", "replace")
            start = end + 1
            lines.append(line[4:])
            if line[3:4] != "-":
                del self._buffer[:start]
                return Reply(int(line[:3]) if line[:3].isdecimal() else 0, _one_line(line[:3], lines))
        return None

    # What the transport tells

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > BUFFER_MAX:
            self.close()
        self._wake()

    def eof_received(self) -> bool:
        self._is_lost = True
        self._wake()
        return False

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 -- however it ended
        self._is_lost = True
        self._can_write.set()
        self._wake()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def speaks_of_content(refused: DeliveryRefused) -> bool:
    """Tell whether a refusal names size or content: the same mail without its attachments may be taken."""
    text = str(refused)
    if refused.code in _CONTENT_CODES or _CONTENT_STATUS.search(text):
        return True
    return refused.code // 100 == 5 and bool(_CONTENT_WORDS.search(text))  # noqa: PLR2004 -- RFC 5321 §4.2.1


def is_over(later: DeliveryLater) -> bool:
    """Tell whether the session can serve no other mail: it broke, or the relay speaks of the session itself."""
    return later.code <= 0 or later.code in SESSION_CODES


def _judged(reply: Reply, *, data_sent: bool) -> DeliveryLater | DeliveryRefused:
    """Tell later from never; a code of no known meaning is later."""
    if reply.code in SESSION_CODES:
        return DeliveryLater(reply.text, code=reply.code, data_sent=data_sent, counts=False)
    if reply.code // 100 == 5:  # noqa: PLR2004 -- RFC 5321 §4.2.1
        return DeliveryRefused(reply.text, code=reply.code)
    return DeliveryLater(reply.text, code=reply.code, data_sent=data_sent)


def _one_line(code: str, lines: Sequence[str]) -> str:
    """Return a reply as one storable line: foreign text, so no control character and no lone surrogate."""
    text = " ".join(lines)[:REPLY_MAX]
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"{code} {text}"

"""The load of a plan: several senders at once, as mail servers do: without a 250 they come again; some do worse."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count

from tests.faults.letters import ANSWERED, Letter, by_another_way, follow_up, letter
from tests.faults.strikes import Fault, Step, Strike
from tests.relay import Relay
from tests.stories.house import reply_address
from tests.stories.test_bytes import stuffed

SENDERS = 4
LETTERS_MIN = 16
LETTERS_MAX = 120
"""The load goes on until everything has struck, up to so many letters."""
FOLLOW_UP_EVERY = 6
PAUSE_S = 0.1
"""Between two mails of one sender."""
AGAIN_S = 0.15
ANSWER_S = 5.0
"""How long who repeats a mail waits for the answer to the first."""
CLIENT_S = 20.0
PATIENCE_S = 60.0
"""How long a sender comes again before it is a problem that there is no 250."""
RESET_AT_ONCE = struct.pack("ii", 1, 0)


class Load:
    """Senders to a node whose port may change; `letters` are all that were begun."""

    def __init__(self, seed: int, sink: Relay, strikes: tuple[Strike, ...], struck: Callable[[Strike], None]) -> None:
        self.letters: list[Letter] = []
        self.problems: list[str] = []
        self.port = 0
        self._seed = seed
        self._sink = sink
        self._by_letter = {strike.nth: strike for strike in strikes}
        self._struck = struck
        self._serial = count()
        self._may_end = False

    def in_flight(self) -> int:
        """Return how many mails are on their way: begun, and not yet answered where an answer is owed."""
        answered = {address for taken in self._sink.taken for address in taken.recipients}
        return sum(
            not one.is_over or (one.kind in ANSWERED and one.sender not in answered) for one in tuple(self.letters)
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while the block runs; at its end the least number of letters is completed, each has its 250."""
        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(self._send_on())
            try:
                yield
            finally:
                self._may_end = True

    async def _send_on(self) -> None:
        while (n := next(self._serial)) < LETTERS_MAX and not (self._may_end and n >= LETTERS_MIN):
            one = letter(self._seed, n)
            await self._deliver(one, self._by_letter.get(n))
            if n and n % FOLLOW_UP_EVERY == 0:
                await self._write_again(one, n)
            await asyncio.sleep(PAUSE_S)

    async def _write_again(self, parent: Letter, n: int) -> None:
        """Reply to the answer of a letter, if it comes soon."""
        if await self._is_answered(parent):
            answer = self._sink.to(parent.sender)[0]
            await self._deliver(follow_up(parent, reply_address(answer), str(answer.mail["Message-ID"]), n), None)

    async def _deliver(self, one: Letter, strike: Strike | None) -> None:
        self.letters.append(one)
        if strike is not None and strike.fault is Fault.CLIENT_TORN:
            await self._torn(one, strike)
        if strike is not None and strike.step is Step.AT_ONCE:
            self._struck(strike)
            await asyncio.gather(self._until_heard(one, one.raw), self._until_heard(one, one.raw))
        else:
            await self._until_heard(one, one.raw)
        if strike is not None and strike.step is Step.LATER:
            await self._is_answered(one)
            self._struck(strike)
            one.raws.append(by_another_way(one.raw, strike.nth))
            await self._until_heard(one, one.raws[-1])
        one.is_over = True

    async def _torn(self, one: Letter, strike: Strike) -> None:
        """Let go of a delivery: the sender does not know what became of it, and comes again."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                await asyncio.to_thread(hand_in, self.port, one, one.raw, strike.step)
            except OSError:  # no node stands there now: it is torn at one that does
                await asyncio.sleep(AGAIN_S)
            else:
                self._struck(strike)
                return

    async def _until_heard(self, one: Letter, raw: bytes) -> None:
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if await asyncio.to_thread(hand_in, self.port, one, raw):
                    one.heard += 1
                    return
            except OSError:
                pass  # torn, refused or nobody there: a mail server comes again
            await asyncio.sleep(AGAIN_S)
        self.problems.append(f"{one} has no 250 after {PATIENCE_S:.0f} s")

    async def _is_answered(self, one: Letter) -> bool:
        end = time.monotonic() + ANSWER_S
        while not self._sink.to(one.sender) and time.monotonic() < end:
            await asyncio.sleep(AGAIN_S)
        return bool(self._sink.to(one.sender))


def hand_in(port: int, one: Letter, raw: bytes, tear: Step | None = None) -> bool:
    """Say a mail over SMTP and tell whether its 250 came; with `tear` the connection is reset there. Raises OSError."""
    content = stuffed(raw)
    with socket.create_connection(("127.0.0.1", port), timeout=CLIENT_S) as client, client.makefile("rb") as replies:
        for command in (
            "",
            "EHLO client.test",
            f"MAIL FROM:<{one.sender}> BODY=8BITMIME",
            f"RCPT TO:<{one.to}>",
            "DATA",
        ):
            if command:
                client.sendall(f"{command}\r\n".encode())
            if _code(replies.readline, command) not in ("220", "250", "354"):
                return False
        if tear is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
        if tear is Step.IN_DATA:
            client.sendall(content[: len(raw) // 2])
            return False
        one.handed_over += 1
        client.sendall(content)
        return tear is None and _code(replies.readline, "content") == "250"


def _code(readline: Callable[[], bytes], after: str) -> str:
    """Return the code of one reply. Raises ConnectionError when there is none."""
    while (line := readline())[3:4] == b"-":
        pass
    if not line.endswith(b"\r\n"):
        raise ConnectionResetError(f"no reply to {after!r}")
    return line[:3].decode()

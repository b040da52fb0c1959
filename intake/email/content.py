"""Turns the blocks of an SMTP DATA phase into the bytes of one mail (RFC 5321 §4.5.2).

Promises that only CR LF . CR LF ends a mail, wherever blocks are cut, and that nothing but the transparency dots is
changed. Never reads a mail: a mail with a bare CR or LF is refused whole, because whoever relays it may see another
end of data in it (SMTP smuggling).
"""

from enum import Enum
from io import BytesIO

from intake.email.limits import DECLARED_PART, SMALL_BYTES, BufferBudget, Turn

END_OF_DATA = b"\r\n.\r\n"


class Refusal(Enum):
    """Why the content of a DATA phase is not taken; the value is the whole SMTP reply."""

    TOO_BIG = "552 5.3.4 Message is larger than this server accepts"
    NO_ROOM = "452 4.3.1 Too much mail at once, please try again later"
    BARE_LINE_END = "554 5.6.0 Message holds a bare CR or LF (RFC 5321 section 2.3.8)"


class Content:
    """Collects one mail, of which `declared` bytes were told beforehand (0: nothing was).

    After each `feed` its owner waits for room. At the end it calls `drop`, which gives back what the budget lent.
    """

    def __init__(self, size_max: int, budget: BufferBudget, declared: int = 0) -> None:
        self._size_max = size_max
        self._budget = budget
        self._declared = declared
        self._turn = Turn(budget.room, self._put_off)
        self._kept = BytesIO()
        self._tail = b"\r\n"  # DATA's own line end: a dot at once is an empty mail
        self.size = 0
        self.taken = 0
        self.refusal: Refusal | None = None

    def feed(self, block: bytes) -> bytes | None:
        """Return what follows the end of data in block, None while it has not come. Reads on after a refusal."""
        window = self._tail + block
        found = window.find(END_OF_DATA)
        if found < 0:
            self._keep(block)
            self._tail = window[1 - len(END_OF_DATA) :]
            return None
        end = found + 2 - len(self._tail)
        if end >= 0:
            self._keep(block[:end])
        else:  # the end began in earlier blocks
            self.size += end
            self._kept.truncate(max(0, self._kept.tell() + end))
        if self.size > self._size_max:
            self._refuse(Refusal.TOO_BIG)
        return window[found + len(END_OF_DATA) :]

    async def wait_for_room(self) -> None:
        """Return when what comes next may be kept, or the mail is refused; until then its owner reads nothing of it."""
        if self.refusal is not None or self.size <= max(SMALL_BYTES, self._turn.size):
            return
        if await self._turn.begin(self._wanted()):
            self._give_small()
        else:
            self._put_off()

    def _wanted(self) -> int:
        told = self._declared + self._declared // DECLARED_PART
        return max(self.size, told if self.size < told < self._size_max else self._size_max)

    def finish(self) -> bytes:
        """Return the mail's bytes once `feed` saw the end; b"" with `refusal` set when it is not taken."""
        if self.refusal is not None:
            return b""
        if self._turn.size:
            self._turn.keep(self.size)
        stuffed = self._kept.getvalue()
        self._kept = BytesIO()
        line_ends = stuffed.count(b"\r\n")
        if stuffed.count(b"\r") != line_ends or stuffed.count(b"\n") != line_ends:
            self._refuse(Refusal.BARE_LINE_END)
            return b""
        if stuffed.startswith(b"."):
            stuffed = stuffed[1:]
        if b"\r\n." not in stuffed:  # a third of the price of `replace`, which counts first
            return stuffed
        return stuffed.replace(b"\r\n.", b"\r\n")

    def drop(self) -> None:
        """Forget what was kept and give its memory back. Twice is once."""
        self._kept = BytesIO()
        self._give_small()
        self._turn.end()

    def _give_small(self) -> None:
        taken, self.taken = self.taken, 0
        self._budget.give(taken)

    def _keep(self, block: bytes) -> None:
        self.size += len(block)
        if self.refusal is not None:
            return
        if self.size > self._size_max + len(END_OF_DATA):  # the last bytes may turn out to be the end's own
            self._refuse(Refusal.TOO_BIG)
        elif self._turn.size:
            self._kept.write(block)
        elif not self._budget.take(len(block)):
            self._put_off()
        else:
            self.taken += len(block)
            self._kept.write(block)

    def _put_off(self) -> None:
        self._refuse(Refusal.NO_ROOM)

    def _refuse(self, refusal: Refusal) -> None:
        if self.refusal is None:
            self.refusal = refusal
            self.drop()

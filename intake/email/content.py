"""Turns the blocks of an SMTP DATA phase into the bytes of one mail (RFC 5321 §4.5.2).

Promises that only CR LF . CR LF ends a mail, wherever blocks are cut, and that nothing but the transparency dots is
changed. Never reads a mail: a mail with a bare CR or LF is refused whole, because whoever relays it may see another
end of data in it (SMTP smuggling).
"""

from enum import Enum
from io import BytesIO

from intake.email.limits import BufferBudget

END_OF_DATA = b"\r\n.\r\n"


class Refusal(Enum):
    """Why the content of a DATA phase is not taken; the value is the whole SMTP reply."""

    TOO_BIG = "552 5.3.4 Message is larger than this server accepts"
    NO_ROOM = "452 4.3.1 Too much mail at once, please try again later"
    BARE_LINE_END = "554 5.6.0 Message holds a bare CR or LF (RFC 5321 section 2.3.8)"


class Content:
    """Collects one mail. What it takes of the budget is given back by `drop`, which its owner must call at the end."""

    def __init__(self, size_max: int, budget: BufferBudget) -> None:
        self._size_max = size_max
        self._budget = budget
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

    def finish(self) -> bytes:
        """Return the mail's bytes once `feed` saw the end; b"" with `refusal` set when it is not taken."""
        if self.refusal is not None:
            return b""
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
        taken, self.taken = self.taken, 0
        self._budget.give(taken)

    def _keep(self, block: bytes) -> None:
        self.size += len(block)
        if self.refusal is not None:
            return
        if self.size > self._size_max + len(END_OF_DATA):  # the last bytes may turn out to be the end's own
            self._refuse(Refusal.TOO_BIG)
        elif not self._budget.take(len(block)):
            self._refuse(Refusal.NO_ROOM)
        else:
            self.taken += len(block)
            self._kept.write(block)

    def _refuse(self, refusal: Refusal) -> None:
        if self.refusal is None:
            self.refusal = refusal
            self.drop()

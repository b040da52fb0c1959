"""Reading address fields (RFC 5322 §3.4) the way people write them: one pass, bounded, nothing raised.

An address in angle brackets wins over anything that looks like one in the name before it: a display name must not be
able to pose as the sender.
"""

import re

from desk.base.message import Mailbox
from intake.email.reading.decode import decode_words, header_text, one_line

ADDRESS_HEADER_MAX = 2 * 1024
"""Bytes of From, Sender and Reply-To that are read."""
ADDRESS_LIST_MAX = 16 * 1024
"""Bytes of To, Cc and the like that are read; a mail to a hundred people is no attack."""
ADDRESSES_MAX = 200
"""Addresses of one field that are kept."""
NAME_MAX = 200
ADDRESS_MAX = 320
"""Characters of an address: 64 local, @, 255 domain (RFC 5321 §4.5.3.1)."""

_TOKEN = re.compile(r'(=\?[^?\s]{1,60}\?[bBqQ]\?[^?\s]*\?=|\\.|["(),:;<>])', re.DOTALL)
_BARE = re.compile(r"[^\s@\"'<>]{1,64}@[^\s@\"'<>]{1,255}")
_NO_ADDRESS = re.compile(r"[\s\"'<>]+")
"""What stands around an address written bare; part of a longer word is no address."""


def addresses(value: bytes, limit: int = ADDRESS_LIST_MAX) -> tuple[Mailbox, ...]:
    """Return the mailboxes of an address field in order, at most ADDRESSES_MAX; what has no address is left out."""
    if len(value) > limit:
        value = value[:limit].rpartition(b",")[0] or value[:limit]
    text = header_text(value)
    if not text:
        return ()
    simple = _simple(text)
    if simple is not None:
        return (simple,)
    reader = _Reader()
    if not reader.run(_TOKEN.split(text)):
        reader = _Reader(literal='"(')
        reader.run(_TOKEN.split(text))
    return tuple(reader.found)


def _simple(text: str) -> Mailbox | None:
    """Return the one mailbox of the two shapes nearly all mail has (`a@b`, `Name <a@b>`); None for anything else."""
    name, angle, rest = text.partition("<")
    if not angle:
        return mailbox("", text) if _BARE.fullmatch(text) and not set(text) & set('(),:;"<>\\') else None
    name = name.strip()
    if rest.count(">") != 1 or rest[-1] != ">" or set(name) & set('(),:;"<>\\@') or set(rest) & set('(),:;"<\\ '):
        return None
    return mailbox(name, rest[:-1]) if "@" in rest else None


def mailbox(name: str, address: str) -> Mailbox | None:
    """Return a mailbox of raw texts: name decoded, address scrubbed, its domain in lower case; None without an @."""
    address = one_line(decode_words(address) if "=?" in address else address, ADDRESS_MAX)
    address = address.strip("<>\"' ,;").replace(" ", "")
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        return None
    return Mailbox(one_line(decode_words(name), NAME_MAX).strip("\"' "), f"{local}@{domain.lower().rstrip('.')}")


class _Reader:
    """The state of one pass over the pieces of an address field."""

    def __init__(self, literal: str = "") -> None:
        self.literal = literal
        self.found: list[Mailbox] = []
        self.quoted, self.depth = False, 0
        self._clear()

    def _clear(self) -> None:
        self.phrase: list[str] = []
        self.angle: list[str] | None = None
        self.inside = False
        self.comment: list[str] = []

    def run(self, pieces: list[str]) -> bool:
        """Read all pieces; False when a quote or comment was never closed: its mark must then be taken literally."""
        for piece in pieces:
            if piece == '"' and not self.depth and piece not in self.literal:
                self.quoted = not self.quoted
                if self.inside:
                    self._add(piece)
            elif self.quoted:
                self._add(piece[1:] if piece[:1] == "\\" else piece)
            elif not self._commented(piece):
                self._mark(piece)
            if len(self.found) >= ADDRESSES_MAX:
                return True
        self._flush()
        return not self.quoted and not self.depth

    def _commented(self, piece: str) -> bool:
        """Tell whether a piece belongs to a comment, and keep it there."""
        if piece == "(" and piece not in self.literal and not self.inside:
            self.depth += 1
        elif piece == ")" and self.depth:
            self.depth -= 1
        elif self.depth:
            self.comment.append(piece)
        else:
            return False
        return True

    def _mark(self, piece: str) -> None:
        """Act on a mark that has a meaning; keep anything else."""
        if piece == "<":
            if self.angle is not None:  # two in one entry: both are named, so that several senders are seen
                self._flush()
            self.inside, self.angle = True, []
        elif piece == ">":
            self.inside = False
        elif piece in (",", ";") and not (self.inside and self._route()):
            self._flush()
        elif piece == ":" and not self.inside:  # the name of a group
            self._clear()
        else:
            self._add(piece)

    def _route(self) -> bool:
        """Tell whether the address in brackets is an old route (`<@a,@b:c@d>`), whose commas end nothing."""
        return bool(self.angle) and self.angle is not None and self.angle[0].startswith("@")

    def _add(self, piece: str) -> None:
        (self.angle if self.inside and self.angle is not None else self.phrase).append(piece)

    def _flush(self) -> None:
        """Keep the entry that ended, when it has an address."""
        phrase, comment = "".join(self.phrase).strip(), "".join(self.comment)
        if self.angle is not None and "@" in (angle := "".join(self.angle)):
            found = mailbox(phrase or comment, angle.rpartition(":")[2])
        else:
            address = next((word for word in reversed(_NO_ADDRESS.split(phrase)) if _BARE.fullmatch(word)), "")
            found = mailbox(phrase.replace(address, "").strip() or comment, address) if address else None
        if found is not None:
            self.found.append(found)
        self._clear()

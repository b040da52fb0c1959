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


def addresses(value: bytes, limit: int = ADDRESS_LIST_MAX) -> tuple[Mailbox, ...]:
    """Return the mailboxes of an address field in order, at most ADDRESSES_MAX; entries without an address are left out."""
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
    """Return a mailbox of raw texts: name decoded, address scrubbed with its domain in lower case; None without an @."""
    address = one_line(decode_words(address) if "=?" in address else address, ADDRESS_MAX)
    address = address.strip("<>\"' ,;").replace(" ", "")
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        return None
    return Mailbox(one_line(decode_words(name), NAME_MAX).strip("\"' "), f"{local}@{domain.lower().rstrip('.')}")


class _Reader:
    """The state of one pass over the tokens of an address field."""

    def __init__(self, literal: str = "") -> None:
        self.literal = literal
        self.found: list[Mailbox] = []
        self._clear()

    def _clear(self) -> None:
        self.phrase: list[str] = []
        self.angle: list[str] | None = None
        self.comment: list[str] = []

    def run(self, tokens: list[str]) -> bool:
        """Read all tokens; False when a quote or comment was never closed, so that the marks must be taken literally."""
        quoted, depth, inside = False, 0, False
        for token in tokens:
            if token == '"' and not depth and token not in self.literal:
                quoted = not quoted
                if inside:
                    self._add(token, inside)
            elif quoted:
                self._add(token[1:] if token[:1] == "\\" else token, inside)
            elif token == "(" and token not in self.literal and not inside:
                depth += 1
            elif token == ")" and depth:
                depth -= 1
            elif depth:
                self.comment.append(token)
            elif token == "<":
                inside = True
                self.angle = []
            elif token == ">":
                inside = False
            elif token in (",", ";") and not (inside and self._route()):
                inside = False
                if self._flush():
                    return True
            elif token == ":" and not inside:
                self._clear()
            else:
                self._add(token, inside)
        self._flush()
        return not quoted and not depth

    def _route(self) -> bool:
        """Tell whether the address in brackets is an old route (`<@a,@b:c@d>`), whose commas end nothing."""
        return bool(self.angle) and self.angle is not None and self.angle[0].startswith("@")

    def _add(self, token: str, inside: bool) -> None:
        (self.angle if inside and self.angle is not None else self.phrase).append(token)

    def _flush(self) -> bool:
        """Keep the entry that ended; True when no more are wanted."""
        phrase = "".join(self.phrase).strip()
        if self.angle is not None and "@" in (angle := "".join(self.angle)):
            found = mailbox(phrase or "".join(self.comment), angle.rpartition(":")[2])
        else:
            bare = _BARE.findall(phrase[:ADDRESS_HEADER_MAX])
            address = bare[-1] if bare else ""
            name = phrase.replace(address, "").strip() if address else ""
            found = mailbox(name or "".join(self.comment), address)
        if found is not None:
            self.found.append(found)
        self._clear()
        return len(self.found) >= ADDRESSES_MAX

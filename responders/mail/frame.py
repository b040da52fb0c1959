"""Frames a mail as bytes: headers and a multipart/alternative of text and HTML (RFC 5322, 2045–2047).

Promises: seven-bit lines of at most 76 octets in the body, so every relay takes them without 8BITMIME; header lines
folded at white space; Message-IDs never encoded; CR, LF and NUL never inside a header; the same input gives the same
bytes. Never: uses the clock, randomness or `EmailMessage` (1.7 ms a mail where this takes 0.03).
"""

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b

from desk.base.file_names import on_one_line

CRLF = b"\r\n"
# RFC 5322 2.1.1: preferred and largest line, without CRLF.
LINE_PREFERRED = 76
LINE_MAX = 998
# UTF-8 octets of one encoded word: 45 are 60 in base64, and the frame of 12 keeps it under 75 (RFC 2047 2).
WORD_OCTETS = 45
# A header value before it is folded, in characters.
VALUE_MAX = 900
# Octets of a base64 line before encoding: 57 are 76.
BASE64_OCTETS = 57
# Quoted-printable is kept while it is at most this much longer than the text; base64 costs 1.37.
QUOTED_GROWTH_MAX = 1.4
# Longest Message-ID that is still cited; real ones are far shorter.
MESSAGE_ID_MAX = 900
# References keep the first of the thread and its newest, so that the header stays bounded (RFC 5322 3.6.4 allows it).
REFERENCES_MAX = 20
# Dates kept written: what an act owes, it owes at one instant.
DATES_MAX = 1_024

_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# A local part that may hold anything because it is quoted; other addresses lose what would end them.
_QUOTED_LOCAL = re.compile(r'"(?:[^"\\]|\\.)*"@[^\s<>"]+')
_BARE = str.maketrans("", "", " <>,;")
# Lines that may only break to fold: CRLF and a space.
_HEADER = re.compile("[^\r\n\0]+(?:\r\n [^\r\n\0]+)*")
_MESSAGE_ID = re.compile(r"[\x20-\x7e]+")


def header(name: str, value: str) -> bytes:
    """Return an unstructured header: plain and folded when it is ASCII, else as encoded words."""
    value = clean(value)
    if len(name) + len(value) < LINE_PREFERRED and value.isascii() and "=?" not in value:
        return f"{name}: {value}\r\n".encode("ascii")
    return _folded(name, _words(value))


def address_header(name: str, address: str, display: str = "") -> bytes:
    """Return a header with one address. The display name is quoted or encoded as it needs; the address never is.

    A domain outside ASCII is written in its IDNA form; a local part outside ASCII stays, for SMTPUTF8 (RFC 6532).
    """
    bracketed = f"<{wire_address(address)}>"
    display = clean(display)
    return _folded(name, [*_phrase(display), bracketed] if display else [bracketed])


def id_header(name: str, ids: Iterable[str]) -> bytes:
    """Return a header of Message-IDs, one a line, as they came; b"" when none is usable.

    An identifier outside printable ASCII, or longer than MESSAGE_ID_MAX, cannot be cited and is left out.
    """
    usable = [each for each in map(str.strip, ids) if len(each) <= MESSAGE_ID_MAX and _MESSAGE_ID.fullmatch(each)]
    if len(usable) > REFERENCES_MAX:
        usable = [usable[0], *usable[1 - REFERENCES_MAX :]]
    return _checked(f"{name}: " + "\r\n ".join(usable)) if usable else b""


@lru_cache(DATES_MAX)
def date_header(at: datetime) -> bytes:
    """Return the Date header of an instant, in UTC."""
    return _checked(f"Date: {format_datetime(at.astimezone(UTC))}")


def alternative(text: str, html: str, seed: str) -> bytes:
    """Return Content-Type header, blank line and the two parts. `seed` decides the boundary: the same, the same bytes.

    No line of either encoding can hold the boundary: quoted-printable writes "=" as "=3D", base64 has no "_".
    """
    boundary = boundary_of(seed)
    return b"".join(
        (
            b'Content-Type: multipart/alternative;\r\n boundary="' + boundary + b'"\r\n\r\n--' + boundary + CRLF,
            _part(b"plain", text),
            b"--" + boundary + CRLF,
            _part(b"html", html),
            b"--" + boundary + b"--\r\n",
        )
    )


def boundary_of(seed: str) -> bytes:
    """Return the boundary that a seed decides."""
    return b"=_" + blake2b(seed.encode("utf-8", "replace"), digest_size=16).hexdigest().encode("ascii")


def clean(value: str) -> str:
    """Return a header value on one line: controls and direction marks are gone, white space is single spaces."""
    return on_one_line(value, VALUE_MAX)


def wire_address(address: str) -> str:
    """Return an address as it goes over the wire: nothing ends it early, its domain is ASCII where IDNA can say it."""
    address = clean(address)
    if not _QUOTED_LOCAL.fullmatch(address):
        address = address.translate(_BARE)
    if address.isascii():
        return address
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{domain.encode('idna').decode('ascii')}"
    except UnicodeError:  # no IDNA form: the relay will refuse it, and say so
        return address


def _part(subtype: bytes, text: str) -> bytes:
    encoding, body = _encoded(text)
    return (
        b"Content-Type: text/" + subtype + b"; charset=utf-8\r\nContent-Transfer-Encoding: " + encoding
        + b"\r\n\r\n" + body + CRLF
    )  # fmt: skip


def _encoded(text: str) -> tuple[bytes, bytes]:
    """Return encoding and body, quoted-printable or base64, whichever is shorter. Every line ends in CRLF."""
    if not text.endswith("\n"):
        text += "\n"
    raw = text.replace("\n", "\r\n").encode("utf-8", "replace")
    quoted = b2a_qp(raw)
    if len(quoted) <= len(raw) * QUOTED_GROWTH_MAX:
        return b"quoted-printable", quoted
    starts = range(0, len(raw), BASE64_OCTETS)
    encoded = (b2a_base64(raw[start : start + BASE64_OCTETS], newline=False) for start in starts)
    return b"base64", CRLF.join(encoded) + CRLF


def _phrase(display: str) -> list[str]:
    """Return a display name as words of a header: atoms, one quoted string, or encoded words (RFC 5322 3.2.5)."""
    if not display.isascii() or "=?" in display or len(display) > LINE_PREFERRED:
        return _encoded_words(display)
    if _ATOMS.fullmatch(display):
        return display.split()
    quoted = display.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{quoted}"']


def _words(value: str) -> list[str]:
    """Return an unstructured value as pieces that lines may be folded between."""
    words = value.split()
    is_plain = value.isascii() and "=?" not in value and all(len(word) < LINE_PREFERRED for word in words)
    return words if is_plain else _encoded_words(value)


def _encoded_words(value: str) -> list[str]:
    """Return encoded words (RFC 2047), cut between characters so that each decodes on its own."""
    words, chunk, size = [], "", 0
    for character in value:
        octets = len(character.encode("utf-8", "replace"))
        if size + octets > WORD_OCTETS:
            words.append(chunk)
            chunk, size = "", 0
        chunk, size = chunk + character, size + octets
    words.append(chunk)
    return [f"=?utf-8?b?{b2a_base64(word.encode('utf-8', 'replace'), newline=False).decode()}?=" for word in words]


def _folded(name: str, words: list[str]) -> bytes:
    """Return a header folded between its words, at most LINE_PREFERRED octets a line where words allow it."""
    lines, line = [], f"{name}:"
    for word in words:
        if len(line) + 1 + len(word) > LINE_PREFERRED and line.strip() and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    return _checked("\r\n".join([*lines, line]))


def _checked(text: str) -> bytes:
    """Return a finished header with its CRLF. A line break or NUL that is no fold is a programmer's mistake."""
    assert _HEADER.fullmatch(text), "a header holds CR, LF or NUL, or breaks where it may not"
    assert len(text) <= LINE_MAX or max(map(len, text.split("\r\n"))) <= LINE_MAX, "a header line is too long"
    return text.encode("utf-8") + CRLF

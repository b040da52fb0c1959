"""Sends attachments on as parts of a mail, copied still encoded from the raw mail they came in (DESIGN 2, 8).

Promises: what arrives are the bytes that were attached; every line is seven bits, ended by CRLF and at most LINE_MAX
octets, so that any relay takes it; headers are our own, from a checked type and a safe name. A body that cannot be
copied as it is (bare CR or LF, NUL, eight bits, long lines, an encoding nobody knows) is written anew in base64.
Never: decodes what can be copied (69 ms for 3 MiB, where copying takes 2), or trusts a header of the original.
"""

import re
from binascii import b2a_base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from desk.base.file_names import ascii_name, safe_name
from desk.base.transfer import decode_transfer
from responders.mail.frame import BASE64_OCTETS, CRLF, LINE_MAX, boundary_of

ENCODED_LINE = BASE64_OCTETS // 3 * 4
# Characters of one stretch of a long name in RFC 2231; a letter is never cut in two.
STRETCH_MAX = 60
OCTET_STREAM: Final = "application/octet-stream"

# Transfer encodings that are copied, and how they are written.
_KEPT = {"base64": "base64", "quoted-printable": "quoted-printable", "7bit": "7bit", "": "7bit"}
# All that may stand in a copied body beside CR LF: what is left when these are taken out must be line ends alone.
_PLAIN = bytes(set(range(1, 128)) - set(CRLF))
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,120}")
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")


@dataclass(frozen=True, slots=True)
class Part:
    """An attachment as it stood in its mail: the encoded body, and what reading said of it."""

    name: str
    type: str
    charset: str
    encoding: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Carried:
    """What an owed row carries along: spans of a raw mail, and the stretch that covers them all."""

    blob: int
    start: int
    end: int
    spans: Sequence[Mapping[str, Any]]

    @property
    def length(self) -> int:
        return self.end - self.start

    def parts(self, stretch: bytes) -> list[Part]:
        """Return the parts, cut out of the stretch of the raw mail."""
        return [
            Part(
                name=span["name"],
                type=span["type"],
                charset=span["charset"],
                encoding=span["encoding"],
                body=stretch[span["start"] - self.start : span["end"] - self.start],
            )
            for span in self.spans
        ]


def carried_of(facts: Mapping[str, Any]) -> Carried | None:
    """Return what facts say is carried along, None when nothing is."""
    carried = facts.get("carried")
    if not carried:
        return None
    spans = carried["parts"]
    return Carried(carried["blob"], min(one["start"] for one in spans), max(one["end"] for one in spans), spans)


def mixed(body: bytes, parts: Sequence[Part], seed: str) -> list[bytes]:
    """Return headers, blank line and content of a multipart/mixed, in pieces: a body with its own headers, then parts.

    Whoever frames the mail joins the pieces, once.
    """
    boundary = boundary_of(f"mixed {seed}")
    delimiter = b"--" + boundary
    pieces = [b'Content-Type: multipart/mixed;\r\n boundary="' + boundary + b'"\r\n\r\n', delimiter, CRLF, body]
    for part in parts:
        encoding, content = _wired(part, delimiter)
        pieces += [delimiter, CRLF, _headers(part, encoding), CRLF, content, CRLF]
    return [*pieces, delimiter, b"--\r\n"]


def _wired(part: Part, delimiter: bytes) -> tuple[str, bytes]:
    """Return the transfer encoding and the body as they go over the wire: copied when they may be."""
    body = part.body
    if part.encoding == "base64" and b"\r" not in body:
        body = body.replace(b"\n", CRLF)  # a pipe gives lines without CR; in base64 they mean nothing (RFC 2045 6.8)
    if part.encoding in _KEPT and _is_fit(body) and delimiter not in body:
        return _KEPT[part.encoding], body
    encoded = b2a_base64(decode_transfer(part.body, part.encoding), newline=False)
    return "base64", CRLF.join(encoded[at : at + ENCODED_LINE] for at in range(0, len(encoded), ENCODED_LINE))


def _is_fit(body: bytes) -> bool:
    """Tell whether every relay takes a body as it is (RFC 5321 4.5.3.1.6, 4.1.1.4)."""
    rest = body.translate(None, _PLAIN)
    return rest == CRLF * (len(rest) // len(CRLF)) and not _has_long_line(body)


def _has_long_line(body: bytes) -> bool:
    """Tell whether a line is longer than LINE_MAX: hops as far as one may reach, and looks back for a line end."""
    at = 0
    while len(body) - at > LINE_MAX:
        end = body.rfind(b"\n", at, at + LINE_MAX + len(CRLF))
        if end < 0:
            return True
        at = end + 1
    return False


def _headers(part: Part, encoding: str) -> bytes:
    """Return the headers of a part. A name outside ASCII is told by RFC 2231, and nearly so in the old place."""
    name = safe_name(part.name)
    kind = _type(part.type, encoding)
    charset = f"; charset={part.charset}" if kind.startswith("text/") and _CHARSET.fullmatch(part.charset) else ""
    disposition = f' filename="{name}"' if name.isascii() else _extended(name)
    return (
        f'Content-Type: {kind}{charset};\r\n name="{ascii_name(name)}"\r\n'
        f"Content-Transfer-Encoding: {encoding}\r\n"
        f"Content-Disposition: attachment;\r\n{disposition}\r\n"
    ).encode("ascii")


def _type(kind: str, encoding: str) -> str:
    """Return the media type to declare. Composite ones promise an inner form, and a mail may not be encoded (RFC 2046
    5.2.1): only a mail copied as it stood keeps its type."""
    is_composite = kind.startswith(("multipart/", "message/"))
    is_kept = not is_composite or (kind == "message/rfc822" and encoding == "7bit")
    return kind if is_kept and _TYPE.fullmatch(kind) else OCTET_STREAM


def _extended(name: str) -> str:
    """Return the parameter for a name outside ASCII, in several stretches when it is long (RFC 2231 3, 4)."""
    stretches = [""]
    for letter in name:
        written = quote(letter, safe="", errors="replace")
        if len(stretches[-1]) + len(written) > STRETCH_MAX:
            stretches.append("")
        stretches[-1] += written
    if len(stretches) == 1:
        return f" filename*=utf-8''{stretches[0]}"
    first, *others = stretches
    more = "".join(f";\r\n filename*{n}*={stretch}" for n, stretch in enumerate(others, 1))
    return f" filename*0*=utf-8''{first}{more}"

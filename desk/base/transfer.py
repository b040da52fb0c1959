"""Transfer encodings of a mail's parts, back to bytes (RFC 2045 §6): what reading measures by and a notice sends on.

Never raises on bad input. Linear in its input.
"""

import binascii
import re

UU_MAX = 4 << 20
"""Bytes of a uuencoded body that are decoded: it is read line by line."""
UU_ENCODINGS = ("x-uuencode", "uuencode", "x-uue", "uue")

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
NOT_BASE64 = bytes(set(range(256)) - set(_ALPHABET))

_PADDING = re.compile(rb"=+")


def decode_transfer(data: bytes, encoding: str) -> bytes:
    """Return the bytes of a body in a transfer encoding (RFC 2045 §6); one that we do not know is taken as it is."""
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(data)
    if encoding in UU_ENCODINGS:
        return decode_uu(data)
    return data


def decode_base64(data: bytes) -> bytes:
    """Return decoded base64, forgiving: foreign characters are skipped, padding inside starts a new run."""
    body = data.rstrip(b"=\r\n \t-")
    pieces = _PADDING.split(body) if b"=" in body else [body]
    return b"".join(map(_decode_run, pieces))


def _decode_run(piece: bytes) -> bytes:
    clean = piece.translate(None, NOT_BASE64)
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def decode_uu(data: bytes) -> bytes:
    """Return decoded uuencode lines; a line that is damaged is left out."""
    decoded = []
    for line in data[:UU_MAX].splitlines():
        if line[:6] == b"begin " or line in (b"end", b"`", b""):
            continue
        try:
            decoded.append(binascii.a2b_uu(line))
        except binascii.Error:
            length = ((line[0] - 32) & 63) * 4 + 5
            try:
                decoded.append(binascii.a2b_uu(line[: length // 3]))
            except binascii.Error:
                continue
    return b"".join(decoded)

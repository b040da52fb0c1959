"""The seeded mix of mails that every figure of DESIGN 8 is about: 70 % 2 KiB, 20 % 20 KiB, 9 % 200 KiB, 1 % 3 MiB.

Promises: the same seed and count give the same bytes; every sender, text and Message-ID is different; a third is
English; most are questions, some tell of something that works badly, few of an outage. Never: uses the clock or
`EmailMessage`, whose habits are not those of the programs people write mail with.
"""

import random
import zlib
from binascii import b2a_base64, b2a_qp
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from benchmarks.sentences import ENGLISH, SPANISH, Language

KIB = 1024
SIZES = ((0.70, 2 * KIB), (0.20, 20 * KIB), (0.09, 200 * KIB), (0.01, 3 * KIB * KIB))
"""Share of the mails, and size of the whole mail in bytes."""
ENGLISH_SHARE = 1 / 3
KIND_WEIGHTS = (72, 22, 6)
"""Questions, things that work badly, outages."""
HTML_SHARE = 0.6
"""Of the small mails; larger ones always have an HTML part, as mail programs write them."""
FIRST_DATE = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
DESK = "soporte@ejemplo.mx"
BASE64_LINE = 57
HTML_MAX = 16 * KIB
"""The HTML of a mail grows with quoted history up to this; the rest of a large mail is attachments."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail: envelope sender, Message-ID with its brackets, and the bytes as they go over the wire (CRLF)."""

    sender: str
    message_id: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class _Words:
    name: str
    address: str
    subject: str
    paragraphs: tuple[str, ...]


def mix(count: int, seed: int = 1) -> list[Mail]:
    """Return `count` mails of the mix in shuffled order. Shares hold exactly, rounded, so that small runs compare."""
    chance = random.Random(seed)
    sizes = sizes_of(count)
    chance.shuffle(sizes)
    return [_mail(chance, f"{seed}-{place}", size) for place, size in enumerate(sizes)]


def sizes_of(count: int) -> list[int]:
    """Return the sizes of a mix, large ones first rounded up, the smallest taking what is left."""
    large = [size for share, size in SIZES[1:] for _ in range(round(share * count))]
    return [SIZES[0][1]] * (count - len(large)) + large


def _mail(chance: random.Random, serial: str, size: int) -> Mail:
    language = ENGLISH if chance.random() < ENGLISH_SHARE else SPANISH
    words = _words(chance, serial, language)
    message_id = f"<{chance.getrandbits(64):016x}.{serial}@{words.address.rpartition('@')[2]}>"
    boundary = f"----=_NextPart_{chance.getrandbits(48):012X}"
    head = _head(chance, words, message_id, language)
    content = _content(chance, words, language, size - len(head), boundary)
    return Mail(words.address, message_id, head + content)


def _words(chance: random.Random, serial: str, language: Language) -> _Words:
    first, last = chance.choice(language.first_names), chance.choice(language.last_names)
    firm = chance.choice(language.firms)
    address = f"{_ascii(first)}.{_ascii(last)}.{serial}@{firm}.example"
    kind = chance.choices(("question", "degraded", "outage"), KIND_WEIGHTS)[0]
    subject, complaint = chance.choice(language.reports[kind])
    facts = {
        "folio": f"{chance.choice('ABCF')}{chance.randrange(1000, 99999)}",
        "amount": f"{chance.randrange(200, 90000):,}.{chance.randrange(100):02}",
        "day": str(chance.randrange(1, 29)),
        "serial": serial,
    }
    paragraphs = (
        chance.choice(language.greetings),
        complaint.format(**facts),
        *(text.format(**facts) for text in chance.sample(language.details, 2)),
        chance.choice(language.farewells),
        f"{first} {last}\n{chance.choice(language.roles)}\nTel. 55 {chance.randrange(10**8):08}",
    )
    return _Words(f"{first} {last}", address, subject.format(**facts), paragraphs)


def _head(chance: random.Random, words: _Words, message_id: str, language: Language) -> bytes:
    at = FIRST_DATE + timedelta(seconds=chance.randrange(86_400))
    firm = words.address.rpartition("@")[2]
    signature = b2a_base64(chance.randbytes(128), newline=False).decode()
    folded = "\r\n\t".join(signature[start : start + 68] for start in range(0, len(signature), 68))
    lines = (
        f"Received: from mail.{firm} (mail.{firm} [192.0.2.{chance.randrange(1, 255)}])\r\n"
        f"\tby mx.ejemplo.mx (Postfix) with ESMTPS id {chance.getrandbits(40):010X}\r\n"
        f"\tfor <{DESK}>; {format_datetime(at)}",
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={firm}; s=mail;\r\n"
        f"\th=From:Date:Subject:To:Message-ID; bh={chance.getrandbits(200):050x};\r\n\tb={folded}",
        f"From: {_word(words.name)} <{words.address}>",
        f"To: {_word('Mesa de Servicio')} <{DESK}>",
        f"Subject: {_word(words.subject)}",
        f"Date: {format_datetime(at - timedelta(seconds=chance.randrange(1, 9)))}",
        f"Message-ID: {message_id}",
        f"X-Mailer: {chance.choice(('Microsoft Outlook 16.0', 'Apple Mail (2.3774)', 'Thunderbird 128.4'))}",
        f"Accept-Language: {language.accepts}",
        "MIME-Version: 1.0",
    )
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def _content(chance: random.Random, words: _Words, language: Language, room: int, boundary: str) -> bytes:
    """Return the content headers, blank line and body, about `room` bytes in all."""
    text = "\n\n".join(words.paragraphs) + "\n"
    if room < 4 * KIB and chance.random() > HTML_SHARE:
        quoted = _quoted(chance, language, room - 200 - len(_quotable(text)))
        return _text_part("plain", text + quoted) + b"\r\n"
    if room < 4 * KIB:
        return _alternative(text, "", words, boundary)
    history = _quoted(chance, language, min(room // 6, HTML_MAX // 4))
    body = _alternative(text, history, words, f"{boundary}_A")
    if room - len(body) < KIB:
        return body
    parts = [body, *_attachments(chance, words, room - len(body))]
    return _multipart("mixed", parts, boundary)


def _alternative(text: str, history: str, words: _Words, boundary: str) -> bytes:
    html = _html(words.paragraphs, history)
    parts = [_text_part("plain", text + history), _text_part("html", html)]
    return _multipart("alternative", parts, boundary)


def _html(paragraphs: tuple[str, ...], history: str) -> str:
    said = "".join(f'<p class="MsoNormal">{_marked(text)}<o:p></o:p></p>\n' for text in paragraphs)
    if not history:
        return f'<html><body lang="ES-MX">{said}</body></html>\n'
    lines = [_marked(line) for line in history.split("\n") if line]
    quoted = "".join(f'<p class="MsoNormal"><span style="color:#1F497D">{line}</span></p>\n' for line in lines)
    style = "<style>p.MsoNormal{margin:0cm;font-size:11.0pt;font-family:'Calibri',sans-serif}</style>"
    return f'<html><head>{style}</head><body lang="ES-MX">{said}<blockquote>{quoted}</blockquote></body></html>\n'


def _marked(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>\n")


def _quoted(chance: random.Random, language: Language, room: int) -> str:
    """Return earlier mails as mail programs quote them, about `room` characters; "" when there is no room."""
    lines: list[str] = []
    size = 0
    while size < room - 120:
        if not lines:
            lines.append(language.wrote.format(day=chance.randrange(1, 28), hour=chance.randrange(9, 19)))
        facts = {"folio": f"B{chance.randrange(9999)}", "amount": "1,200.00", "day": str(chance.randrange(1, 28))}
        lines.append("> " + chance.choice(language.details).format(**facts, serial="-"))
        size += len(lines[-1])
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def _attachments(chance: random.Random, words: _Words, room: int) -> list[bytes]:
    """Return one to three attachments that fill the room together."""
    count = 1 if room < 20 * KIB else chance.choice((1, 2, 3))
    makers = chance.sample(_MAKERS, count)
    return [_attachment(chance, words, room // count, maker) for maker in makers]


def _attachment(chance: random.Random, words: _Words, room: int, maker: "_Maker") -> bytes:
    suffix, content_type, make = maker
    content = make(chance, max(room - 300, 64) * 3 * 76 // (4 * 78))
    name = f"{_ascii(words.name.split()[-1])}_{chance.randrange(9999):04}.{suffix}"
    head = (
        f'Content-Type: {content_type}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n'
    )
    starts = range(0, len(content), BASE64_LINE)
    lines = (b2a_base64(content[start : start + BASE64_LINE], newline=False) for start in starts)
    return head.encode() + b"\r\n".join(lines) + b"\r\n"


def _xml(chance: random.Random, size: int) -> bytes:
    """Return something like an electronic invoice."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>\n<cfdi:Comprobante Version="4.0">\n']
    length = 0
    while length < size:
        lines.append(
            f'<cfdi:Concepto ClaveProdServ="{chance.randrange(10**8):08}" Cantidad="{chance.randrange(1, 90)}" '
            f'Descripcion="Servicio {chance.randrange(10**6)}" Importe="{chance.randrange(10**6)}.00"/>\n'
        )
        length += len(lines[-1])
    return ("".join(lines)[: size - 20] + "\n</cfdi:Comprobante>").encode()


def _pdf(chance: random.Random, size: int) -> bytes:
    return b"%PDF-1.7\n" + zlib.compress(b"BT (factura) Tj ET") + chance.randbytes(max(size - 64, 1)) + b"\n%%EOF\n"


def _png(chance: random.Random, size: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + chance.randbytes(max(size - 16, 1))


_Maker = tuple[str, str, Callable[[random.Random, int], bytes]]
_MAKERS: tuple[_Maker, ...] = (
    ("xml", "text/xml", _xml),
    ("pdf", "application/pdf", _pdf),
    ("png", "image/png", _png),
)


def _multipart(subtype: str, parts: list[bytes], boundary: str) -> bytes:
    marker = f"--{boundary}".encode()
    head = f'Content-Type: multipart/{subtype};\r\n\tboundary="{boundary}"\r\n\r\n'.encode()
    return head + b"".join(marker + b"\r\n" + part + b"\r\n" for part in parts) + marker + b"--\r\n"


def _text_part(subtype: str, text: str) -> bytes:
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    return head.encode() + _quotable(text)


def _quotable(text: str) -> bytes:
    return b2a_qp(text.replace("\n", "\r\n").encode())


def _word(text: str) -> str:
    """Return header text as an encoded word when it is not ASCII."""
    return text if text.isascii() else f"=?UTF-8?B?{b2a_base64(text.encode(), newline=False).decode()}?="


def _ascii(name: str) -> str:
    return name.lower().translate(str.maketrans("áéíóúüñ", "aeiouun"))

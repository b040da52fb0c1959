"""Hostile and broken input costs bounded time and always gives a storable message (guarantee 9)."""

import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from desk.base.message import Mailbox, Message, Parent
from desk.base.reading_words import load_reading_words
from intake.email.reading.headers import arrival_key, header_block
from intake.email.reading.read import ATTACHMENTS_MAX, TEXT_MAX, read
from intake.email.reading.walk import DEPTH_MAX, PARTS_MAX, walk

WORDS = load_reading_words()
SECONDS_MAX = 2.0
"""Far above what any of these take (the slowest 0.4 s), far below what quadratic work would."""
HEAD = b"From: ana@cliente.mx\r\nSubject: x\r\nMessage-ID: <1@cliente.mx>\r\n"
TEXT = HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
HTML = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
DAEMON = b"From: mailer-daemon@x.mx\r\nSubject: Undelivered mail\r\n\r\n"


def nested(depth: int) -> bytes:
    levels = (b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(depth))
    return HEAD + b"".join(levels) + b"\r\nhola\r\n"


def encoded_words(count: int) -> bytes:
    return b"From: a@b.mx\r\nSubject: " + b" ".join(b"=?utf-8?q?a%d?=" % n for n in range(count)) + b"\r\n\r\nx"


HOSTILE: dict[str, Callable[[], bytes]] = {
    "quotes_in_from": lambda: b"From: " + b'"' * 100_000 + b" <a@b.mx>\r\n\r\nx",
    "escaped_quotes_in_from": lambda: b"From: " + b'"\\' * 900 + b" <a@b.mx>\r\n\r\nx",
    "brackets_in_from": lambda: b"From: " + b"<" * 50_000 + b"a@b.mx>\r\n\r\nx",
    "comments_in_from": lambda: b"From: " + b"(" * 50_000 + b"a@b.mx\r\n\r\nx",
    "addresses_in_to": lambda: HEAD + b"To: " + b", ".join(b"u%d@x.mx" % n for n in range(50_000)) + b"\r\n\r\nx",
    "to_fields": lambda: HEAD + b"To: a@b.mx\r\n" * 5_000 + b"\r\nx",
    "encoded_words": lambda: encoded_words(20_000),
    "references": lambda: HEAD + b"References: " + b"<" * 60_000 + b"\r\n\r\nx",
    "nested_multiparts": lambda: nested(1_500),
    "nested_mails": lambda: HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 2_000 + b"x",
    "boundary_lines": lambda: MIXED + b"--b\r\n" * 200_000,
    "lines_like_a_boundary": lambda: MIXED + b"--bx\r\n" * 500_000,
    "blanks_behind_boundaries": lambda: MIXED + (b"--b" + b" " * 3_000 + b"x\r\n") * 2_000,
    "parameters": lambda: MIXED + (b"--b\r\nContent-Type: text/plain" + b';a="\\' * 1_000 + b"\r\n\r\nx\r\n") * 400,
    "sections": lambda: MIXED + (b"--b\r\nContent-Type: text/plain" + b";a*1*=%41" * 400 + b"\r\n\r\nx\r\n") * 400,
    "header_lines": lambda: HEAD + b"X: y\r\n" * 200_000 + b"\r\nx",
    "folds": lambda: HEAD + b" y\r\n" * 200_000 + b"\r\nx",
    "lines_without_colon": lambda: b"From: a@b.mx\r\n" + b"nada\r\n" * 9_000 + b"Subject: x\r\n\r\nx",
    "long_text": lambda: TEXT + b"hola a todos\r\n" * 1_500_000,
    "one_line": lambda: TEXT + b"a" * (10 << 20),
    "nul_bytes": lambda: b"From: a\0@b.mx\r\nSubject: \0x\0\r\n\r\n" + b"\0" * 100_000,
    "base64_text": lambda: HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QUFB" * (3 << 20),
    "uu_lines": lambda: (
        HEAD + b"Content-Type: a/b\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\n" + b"!\r\n" * 3_000_000
    ),
    "uu_begins": lambda: TEXT + b"begin 644 a\r\n!\r\n" * 100_000,
    "nested_html": lambda: HTML + b"<div>" * 200_000 + b"x",
    "nested_html_lists": lambda: HTML + b"<ul><li>" * 100_000 + b"x",
    "nested_html_quotes": lambda: HTML + b"<blockquote>" * 50_000 + b"x",
    "html_tags": lambda: HTML + b"<b>x</b>" * 300_000,
    "html_entities": lambda: HTML + b"&#xD800;&amp;" * 50_000,
    "introductions": lambda: TEXT + b"El 5 de enero de 2026 a las 10:00, X <x@y.mx>:\r\n" * 50_000,
    "introductions_without_end": lambda: TEXT + (b"El " + b"a" * 290 + b":\r\n") * 5_000,
    "addresses_in_introductions": lambda: TEXT + (b"<" * 100 + b"a@" * 50 + b":\r\n") * 5_000,
    "quoted_lines": lambda: TEXT + b"> hola\r\n" * 300_000,
    "signatures": lambda: TEXT + b"--\r\nDe: a\r\n" * 100_000,
    "senders": lambda: TEXT + b"De: a@b.mx\r\n" * 100_000,
    "markers": lambda: TEXT + b"-----Mensaje original----\r\n" * 100_000,
    "reported_recipients": lambda: (
        HEAD
        + b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        + b"Final-Recipient: rfc822; a@b.mx\r\nAction: failed\r\n\r\n" * 50_000
        + b"--b--"
    ),
    "daemon_names_many": lambda: DAEMON + b"a@b.mx " * 100_000,
    "daemon_dots": lambda: DAEMON + b"a." * 300_000,
    "daemon_dashes": lambda: DAEMON + b"-" * 300_000,
    "charset_punycode": lambda: HEAD + b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a-" * 100_000,
    "charset_idna": lambda: HEAD + b"Content-Type: text/plain; charset=idna\r\n\r\n" + b"a" * 100_000,
    "charset_utf7_surrogate": lambda: HEAD + b"Content-Type: text/plain; charset=utf-7\r\n\r\n+2AA-",
    "charset_utf16_surrogate": lambda: HEAD + b"Content-Type: text/plain; charset=utf-16-le\r\n\r\n\x00\xd8a\x00",
    "only_line_ends": lambda: b"\r\n" * 100_000,
    "mbox_line_only": lambda: b"From ",
}
PARENTS = (Parent("<p@ejemplo.mx>", "linea de prueba bastante larga\n" * 2_000),)


def strings_of(message: Message) -> list[tuple[str, bool]]:
    """Return every string of a message, and whether it may hold line ends."""
    found: list[tuple[str, bool]] = []
    for field in fields(message):
        value = getattr(message, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, str):
                found.append((one, field.name in ("text", "reply_text")))
            elif isinstance(one, Mailbox):
                found += [(one.name, False), (one.address, False)]
    found += [
        (text, False) for one in message.attachments for text in (one.name, one.type, one.content_id, one.encoding)
    ]
    return found + [(text, False) for one in message.bounce for text in (one.address, one.status, one.diagnostic)]


def assert_storable(message: Message) -> None:
    for text, many_lines in strings_of(message):
        text.encode("utf-8")
        assert "\0" not in text
        assert "\r" not in text
        assert many_lines or "\n" not in text
    assert len(message.text) <= TEXT_MAX + 2 * PARTS_MAX
    assert len(message.attachments) <= ATTACHMENTS_MAX


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_is_read_in_bounded_time_into_something_storable(name: str) -> None:
    raw = HOSTILE[name]()
    started = time.process_time()
    message = read(raw, PARENTS, words=WORDS)
    arrival_key(raw, header_block(raw))
    assert time.process_time() - started < SECONDS_MAX
    assert_storable(message)


def test_a_mail_of_200_megabytes_is_read_up_to_the_bound() -> None:
    raw = TEXT + b"hola a todos\r\n" * ((200 << 20) // 14)
    message = read(raw, words=WORDS)
    assert "text cut" in message.defects
    assert_storable(message)


def test_what_lies_too_deep_is_told_and_the_rest_is_read() -> None:
    walked = walk(nested(1_500))
    assert "too many or too deep parts" in walked.defects
    assert max(part.depth for part in walked.leaves) == DEPTH_MAX


def test_a_nul_in_the_name_of_an_encoding_is_left_out() -> None:
    raw = b"From: a@b.mx\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: \0base64\r\n\r\nAAAA\r\n"
    (attachment,) = read(raw, words=WORDS).attachments
    assert (attachment.encoding, attachment.size) == ("base64", 3)


CASES = sorted(Path(__file__).with_name("cases").glob("*.eml"))
BYTES = st.sampled_from([b"", b"\0", b"\r", b"\n", b"\xff", b"=?", b"?=", b"--", b'"', b"<", b":", b";", b"\r\n\r\n"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(CASES), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), BYTES), max_size=6))
def test_a_damaged_mail_never_raises(case: Path, damages: list[tuple[float, int, bytes]]) -> None:
    raw = case.read_bytes()
    for place, length, instead in damages:
        at = int(place * len(raw))
        raw = raw[:at] + instead + raw[at + length :]
    assert_storable(read(raw, PARENTS, words=WORDS))
    arrival_key(raw, header_block(raw))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_never_raise(raw: bytes) -> None:
    assert_storable(read(raw, words=WORDS))
    arrival_key(raw, header_block(raw))

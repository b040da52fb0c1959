"""The two keys by which a copy of a mail is known (DESIGN 7), and the header block that the desk's process looks at."""

import base64
import quopri

from desk.base.reading_words import load_reading_words
from intake.email.reading.headers import arrival_key, header_block
from intake.email.reading.read import read

WORDS = load_reading_words()
HEAD = (
    b"From: Ana <ana@Cliente.MX>\r\nTo: soporte@ejemplo.mx\r\nMessage-ID: <a1@cliente.mx>\r\n"
    b"Date: Tue, 24 Nov 2026 10:15:00 -0600\r\nSubject: No puedo timbrar\r\n"
)
TEXT = "No puedo timbrar: el portal marca error, ¿qué hago?\r\n" * 4
PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n"


def key_of(raw: bytes) -> bytes:
    return arrival_key(raw, header_block(raw))


def digest_of(raw: bytes) -> bytes:
    return read(raw, words=WORDS).digest


def mail(head: bytes = HEAD, text: str = TEXT) -> bytes:
    return head + PLAIN + b"\r\n" + text.encode()


def test_the_arrival_key_does_not_see_received_lines_header_order_and_line_ends() -> None:
    again = b"".join(reversed(HEAD.splitlines(keepends=True)))
    other_way = b"Received: from a by b; Tue, 24 Nov 2026 10:15:03 -0600\r\n" + mail(again)
    assert key_of(other_way) == key_of(mail())
    assert key_of(mail().replace(b"\r\n", b"\n")) == key_of(mail())


def test_another_sender_message_id_or_body_gives_another_arrival_key() -> None:
    others = [
        mail(HEAD.replace(b"ana@", b"luis@")),
        mail(HEAD.replace(b"<a1@", b"<a2@")),
        mail(text=TEXT + "Sigue igual.\r\n"),
    ]
    assert len({key_of(raw) for raw in [mail(), *others]}) == 4


def test_without_a_message_id_date_and_subject_tell_mails_apart() -> None:
    bare = HEAD.replace(b"Message-ID: <a1@cliente.mx>\r\n", b"")
    assert key_of(mail(bare)) == key_of(mail(bare))
    assert key_of(mail(bare)) != key_of(mail(bare.replace(b"10:15:00", b"10:16:00")))


def test_the_message_key_does_not_see_that_a_relay_re_encoded_the_text() -> None:
    encoded = HEAD + PLAIN + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(TEXT.encode())
    quoted = HEAD + PLAIN + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quopri.encodestring(TEXT.encode())
    assert digest_of(encoded) == digest_of(quoted) == digest_of(mail())
    assert key_of(encoded) != key_of(mail())


def attached(content: bytes, encoding: bytes = b"base64") -> bytes:
    part = (
        b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + content
    )
    multipart = b"Content-Type: multipart/mixed; boundary=sep\r\n\r\n--sep\r\n\r\nHola\r\n--sep\r\n"
    return HEAD + multipart + part + b"\r\n--sep--\r\n"


def test_the_message_key_does_not_see_how_an_attachment_is_encoded_or_wrapped() -> None:
    content = bytes(range(256)) * 5
    wrapped = base64.encodebytes(content)
    in_one_line = base64.b64encode(content)
    assert digest_of(attached(wrapped)) == digest_of(attached(in_one_line))
    printable = quopri.encodestring(b"%PDF sin saltos", quotetabs=True)
    assert digest_of(attached(printable, b"quoted-printable")) == digest_of(
        attached(base64.b64encode(b"%PDF sin saltos"))
    )


def test_one_other_byte_in_an_attachment_gives_another_message_key() -> None:
    assert digest_of(attached(base64.b64encode(b"%PDF 1"))) != digest_of(attached(base64.b64encode(b"%PDF 2")))


def test_the_header_block_names_sender_recipients_and_the_mails_it_answers() -> None:
    raw = (
        b"Delivered-To: soporte+100425.ab12@ejemplo.mx\r\nFrom: Ana <ana@Cliente.MX>\r\n"
        b'To: "Mesa, de Servicio" <soporte@ejemplo.mx>, luis@cliente.mx\r\nCc: Ana <ana@cliente.mx>\r\n'
        b"X-Original-To: soporte+100425.ab12@ejemplo.mx\r\nSubject: =?utf-8?q?Re:_Timbr=C3=B3?=\r\n"
        b"Message-ID: <r1@cliente.mx>\r\nIn-Reply-To: <s2@ejemplo.mx>\r\nReferences: <s1@ejemplo.mx>\r\n"
        b" <s2@ejemplo.mx>\r\n"
        b"\r\nYa quedo.\r\n"
    )
    block = header_block(raw)
    assert block.sender == "ana@cliente.mx"
    assert block.recipients == (
        "soporte@ejemplo.mx",
        "luis@cliente.mx",
        "ana@cliente.mx",
        "soporte+100425.ab12@ejemplo.mx",
    )
    assert block.answered == ("<s2@ejemplo.mx>", "<s1@ejemplo.mx>")
    assert (block.message_id, block.subject) == ("<r1@cliente.mx>", "Re: Timbró")
    assert raw[block.body_start :] == b"Ya quedo.\r\n"


def test_a_header_block_over_the_bound_is_read_up_to_it() -> None:
    block = header_block(HEAD + b"X-Filler: " + b"x" * 200_000 + b"\r\nCc: tarde@ejemplo.mx\r\n\r\nHola\r\n")
    assert block.cut
    assert block.sender == "ana@cliente.mx"
    assert block.recipients == ("soporte@ejemplo.mx",)

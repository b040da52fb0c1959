"""Attachments go on with a notice: judged by the standard library's parser, on the way in and on the way out."""

import os
import re
from base64 import encodebytes
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.base.file_names import safe_name
from desk.base.names import Audience, Channel, OwedKind
from desk.rules.decision import Owed
from desk.wording.samples import SAMPLES
from desk.wording.wording import Wording
from intake.email.reading.read import read
from responders.mail.attachments import Part, carried_of, mixed
from responders.mail.compose import Composed, MailIdentity, compose
from responders.mail.frame import boundary_of

WORDING = Wording("es", ZoneInfo("America/Mexico_City"))
DESK = MailIdentity("soporte@ejemplo.mx", "Mesa de Servicio")
MESSAGE_ID = "<100425.7.abc@ejemplo.mx>"
PDF = b"%PDF-1.7\r\n" + bytes(range(256)) * 20
BASE64 = encodebytes(PDF).replace(b"\n", b"\r\n")


def notice(**facts: Any) -> Owed:
    return Owed(
        id=7,
        incident=10042,
        kind=OwedKind.NOTICE,
        channel=Channel.EMAIL,
        to="asesor@ejemplo.mx",
        language="es",
        audience=Audience.INTERNAL,
        facts={**SAMPLES["notice"]["new"], **facts},
        due_at=datetime(2026, 11, 24, 16, 20, tzinfo=UTC),
        message_id=MESSAGE_ID,
        reply_to="soporte+100425.uc1@ejemplo.mx",
        envelope_from="soporte+b.7.abc@ejemplo.mx",
        shape=2,
    )


def mail_with(*parts: bytes, eol: bytes = b"\r\n") -> bytes:
    """A mail as somebody's program wrote it, each part with its own headers."""
    head = (
        b"From: ana@cliente.mx\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n"
    )
    text = b"--b0\r\nContent-Type: text/plain\r\n\r\nBuenos dias.\r\n"
    whole = head + text + b"".join(b"--b0\r\n" + part + b"\r\n" for part in parts) + b"--b0--\r\n"
    return whole if eol == b"\r\n" else whole.replace(b"\r\n", eol)


def part(body: bytes, encoding: str, *, kind: str = "application/pdf", name: str = "a.pdf") -> bytes:
    disposition = f'Content-Disposition: attachment; filename="{name}"'.encode()
    headers = [f"Content-Type: {kind}".encode(), disposition]
    if encoding:
        headers.append(f"Content-Transfer-Encoding: {encoding}".encode())
    return b"\r\n".join(headers) + b"\r\n\r\n" + body


def carried(raw: bytes) -> Mapping[str, Any]:
    """The facts of all attachments that reading found, as the rule freezes them."""
    found = read(raw).attachments
    spans = [
        {name: getattr(one, name) for name in ("name", "type", "charset", "start", "end", "encoding")} for one in found
    ]
    return {"attached": [one.name for one in found], "left_out": [], "carried": {"blob": 1, "parts": spans}}


def sent(raw: bytes) -> Composed:
    """The notice of a mail with everything it had attached."""
    facts = carried(raw)
    what = carried_of(facts)
    assert what is not None
    return compose(notice(**facts), DESK, WORDING, what.parts(raw[what.start : what.end]))


def parsed(composed: Composed) -> list[EmailMessage]:
    """The attachments of a notice; what every relay must take was looked at."""
    content = composed.content
    assert content.isascii()
    assert b"\0" not in content
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content), "a bare CR or LF"
    assert content.endswith(b"\r\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert message.get_content_type() == "multipart/mixed"
    body, *attachments = message.iter_parts()
    assert body.get_content_type() == "multipart/alternative"
    assert [one.get_content_type() for one in body.iter_parts()] == ["text/plain", "text/html"]
    assert [one.defects for one in message.walk()] == [[] for _ in message.walk()]
    for one in attachments:
        assert [value.defects for value in one.values()] == [() for _ in one.values()]
        assert one.get_content_disposition() == "attachment"
    return [one for one in attachments if isinstance(one, EmailMessage)]


def data_of(one: Message) -> bytes:
    data = one.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data


def originals(raw: bytes) -> list[bytes]:
    """The bytes that the standard library finds attached to a mail."""
    message = message_from_bytes(raw, policy=policy.compat32)
    return [data_of(one) for one in message.walk() if one.get_filename()]


WAYS = {
    "base64": (part(BASE64, "base64"), "base64"),
    "base64 in capitals": (part(BASE64, "BASE64"), "base64"),
    "base64 on one line": (part(BASE64.replace(b"\r\n", b""), "base64"), "base64"),
    "quoted-printable": (part(b"a=3Db =C3=B1 =\r\nsigue\r\n.\r\n..\r\n", "quoted-printable"), "quoted-printable"),
    "7bit": (part(b"uno\r\n.\r\n.dos\r\n", "7bit", kind="text/csv"), "7bit"),
    "no encoding told": (part(b"uno\r\ndos", "", kind="text/csv"), "7bit"),
    "8bit": (part("<a>ñandú</a>\r\n".encode(), "8bit", kind="text/xml"), "base64"),
    "binary": (part(bytes(range(14, 256)), "binary"), "base64"),
    "7bit that is not": (part("ñ\r\n".encode(), "7bit", kind="text/csv"), "base64"),
    "a bare LF": (part(b"uno\ndos\r\ntres", "7bit", kind="text/csv"), "base64"),
    "a bare CR": (part(b"uno\rdos\r\ntres", "7bit", kind="text/csv"), "base64"),
    "a NUL": (part(b"uno\0dos", "7bit"), "base64"),
    "a long line": (part(b"x" * 999, "7bit"), "base64"),
    "a line as long as may be": (part(b"x" * 998 + b"\r\n" + b"y" * 998, "7bit"), "7bit"),
    "a long line at the end": (part(b"x\r\n" * 500 + b"y" * 999, "7bit"), "base64"),
    "empty": (part(b"", "base64"), "base64"),
    "empty and 7bit": (part(b"", "7bit"), "7bit"),
    "an encoding nobody knows": (part(b"abc\r\n", "x-own"), "base64"),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_arrives_are_the_bytes_that_were_attached(way: str) -> None:
    written, encoding = WAYS[way]
    raw = mail_with(written)
    (one,) = parsed(sent(raw))
    assert data_of(one) == originals(raw)[0]
    assert one["Content-Transfer-Encoding"] == encoding
    assert one.get_filename() == "a.pdf"


def test_base64_of_a_pipe_is_copied_with_line_ends_that_a_relay_takes() -> None:
    raw = mail_with(part(BASE64, "base64"), eol=b"\n")
    composed = sent(raw)
    assert BASE64.rstrip() in composed.content, "copied, not written anew"
    assert data_of(parsed(composed)[0]) == PDF


def test_a_uuencoded_file_arrives_decoded() -> None:
    from binascii import b2a_uu

    lines = b"".join(b2a_uu(PDF[at : at + 45]).replace(b"\n", b"\r\n") for at in range(0, len(PDF), 45))
    raw = (
        b"From: ana@cliente.mx\r\nSubject: x\r\n\r\nVa el archivo:\r\n\r\nbegin 644 viejo.pdf\r\n"
        + lines
        + b"`\r\nend\r\n"
    )
    (one,) = parsed(sent(raw))
    assert data_of(one) == PDF
    assert one.get_filename() == "viejo.pdf"


def test_several_attachments_keep_their_order_and_their_types() -> None:
    xml = part(b"<cfdi/>", "7bit", kind="text/xml; charset=utf-8", name="f.xml")
    raw = mail_with(part(BASE64, "base64"), xml)
    pdf, cfdi = parsed(sent(raw))
    assert [one.get_filename() for one in (pdf, cfdi)] == ["a.pdf", "f.xml"]
    assert (pdf.get_content_type(), cfdi.get_content_type()) == ("application/pdf", "text/xml")
    assert cfdi.get_content_charset() == "utf-8"
    assert [data_of(one) for one in (pdf, cfdi)] == originals(raw)


@pytest.mark.parametrize(
    ("kind", "encoding", "told"),
    [
        ("message/rfc822", "7bit", "message/rfc822"),
        ("message/rfc822", "8bit", "application/octet-stream"),
        ("message/external-body", "7bit", "application/octet-stream"),
        ("message/partial", "7bit", "application/octet-stream"),
        ("multipart/mixed", "7bit", "application/octet-stream"),
        ("TEXT/Html", "7bit", "text/html"),
        ("image/png\r\nX-Evil: 1", "7bit", "application/octet-stream"),
        ("no type", "7bit", "application/octet-stream"),
    ],
)
def test_only_a_type_that_promises_nothing_false_is_told(kind: str, encoding: str, told: str) -> None:
    body = b"Subject: x\r\n\r\nhola\r\n" if encoding == "7bit" else "Subject: ñ\r\n\r\nhola\r\n".encode()
    raw = b"".join(mixed(b"Content-Type: text/plain\r\n\r\nx\r\n", [Part("a", kind.lower(), "", encoding, body)], "s"))
    (_, one) = message_from_bytes(b"MIME-Version: 1.0\r\n" + raw, policy=policy.default).iter_parts()
    assert one.get_content_type() == told
    assert set(one.keys()) == {"Content-Type", "Content-Transfer-Encoding", "Content-Disposition"}


NAMES = {
    "reporte de octubre.xlsx": "reporte de octubre.xlsx",
    "factura Ñandú.pdf": "factura Ñandú.pdf",
    "系统故障.png": "系统故障.png",
    "x" * 190 + ".pdf": "x" * 190 + ".pdf",
    "ñ" * 190 + ".pdf": "ñ" * 190 + ".pdf",
    "😀" * 100 + ".png": "😀" * 100 + ".png",
    "../../etc/passwd": "_.._etc_passwd",
    "C:\\Temp\\a.png": "C__Temp_a.png",
    'a"; filename="b.exe': "a_; filename=_b.exe",
    "a\r\nBcc: x@y.mx": "a Bcc_ x@y.mx",
    "a\0b.pdf": "a b.pdf",
    "factura\u202efdp.exe": "factura fdp.exe",
    "\uff02\uff1b.pdf": "\uff02\uff1b.pdf",
    "ﷺ" * 200: "ﷺ" * 200,
    "...": "attachment",
    "": "attachment",
    "=?utf-8?q?a?=": "=_utf-8_q_a_=",
    "y" * 500 + ".pdf": "y" * 196 + ".pdf",
}


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_name_arrives_whole_and_never_leaves_its_place(name: str) -> None:
    assert safe_name(name) == NAMES[name]
    raw = b"".join(mixed(b"Content-Type: text/plain\r\n\r\nx\r\n", [Part(name, "image/png", "", "7bit", b"x")], "s"))
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    (_, one) = message_from_bytes(b"MIME-Version: 1.0\r\n" + raw, policy=policy.default).iter_parts()
    assert one.get_filename() == NAMES[name]
    assert set(one.keys()) == {"Content-Type", "Content-Transfer-Encoding", "Content-Disposition"}
    assert [value.defects for value in one.values()] == [()] * 3


@settings(deadline=None, max_examples=200)
@given(
    st.text(st.characters(), max_size=300),
    st.binary(max_size=3_000),
    st.sampled_from(["base64", "quoted-printable", "7bit", "8bit", "binary", "", "x-uue", "?"]),
)
def test_whatever_was_attached_the_mail_stays_one_that_every_relay_takes(name: str, body: bytes, way: str) -> None:
    parts = [Part(name, "image/png", "", way, body)] * 2
    attachments = parsed(compose(notice(), DESK, WORDING, parts))
    assert len(attachments) == 2
    assert len({data_of(one) for one in attachments}) == 1
    if way in ("8bit", "binary", "?"):
        assert data_of(attachments[0]) == body


def test_a_copied_part_cannot_hold_the_boundary() -> None:
    boundary = boundary_of(f"mixed {MESSAGE_ID}")
    body = b"--" + boundary + b"\r\n\r\nforged\r\n--" + boundary + b"--\r\n"
    (one,) = parsed(compose(notice(), DESK, WORDING, [Part("a.txt", "text/plain", "", "7bit", body)]))
    assert data_of(one) == body


def test_the_same_row_gives_the_same_bytes_with_its_attachments() -> None:
    raw = mail_with(part(BASE64, "base64"), part(b"\xff" * 500, "8bit"))
    assert sent(raw).content == sent(raw).content


def test_a_notice_whose_mail_is_gone_goes_without_and_says_what_does_not_travel() -> None:
    facts = carried(mail_with(part(BASE64, "base64", name="contrato.pdf")))
    composed = compose(notice(**facts), DESK, WORDING)
    message = message_from_bytes(composed.content, policy=policy.default)
    assert message.get_content_type() == "multipart/alternative"
    with_it = compose(notice(**{**facts, "attached": [], "left_out": ["contrato.pdf"], "carried": None}), DESK, WORDING)
    assert composed.text == with_it.text
    assert "contrato.pdf" in composed.text


def test_a_big_attachment_is_copied_and_not_written_anew() -> None:
    data = os.urandom(3 << 20)
    body = encodebytes(data).replace(b"\n", b"\r\n")
    composed = sent(mail_with(part(body, "base64")))
    assert body.rstrip() in composed.content
    assert data_of(parsed(composed)[0]) == data


OLD = {
    OwedKind.ACKNOWLEDGEMENT: ("pin", "copied", "copied_more", "tutorials", "questions", "closed"),
    OwedKind.NOTICE: ("answer_to", "answer_key", "actions", "dossier", "others", "attached", "left_out"),
    OwedKind.RECEIPT: (),
}
"""What facts of the first shape did not have yet, by kind."""


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("kind", OLD)
def test_facts_that_the_first_version_froze_still_become_a_mail(kind: OwedKind, language: str) -> None:
    for facts in SAMPLES[kind.value].values():
        frozen = {name: value for name, value in facts.items() if name not in OLD[kind]}
        row = replace(notice(), kind=kind, facts=frozen, shape=1, language=language)
        composed = compose(row, DESK, WORDING)
        assert str(facts["number"]) in composed.text
        assert "mailto:" not in composed.content.decode().replace("=\r\n", "").partition("base64")[0] or not OLD[kind]


def test_a_notice_of_the_first_version_says_that_its_attachments_do_not_travel() -> None:
    facts = {name: value for name, value in SAMPLES["notice"]["new"].items() if name not in OLD[OwedKind.NOTICE]}
    (named,) = facts["attachments"]
    composed = compose(replace(notice(), facts=facts, shape=1), DESK, WORDING)
    assert named["name"] in composed.text

"""The bytes of our mails, judged by two parsers that did not write them: stdlib's and fast-mail-parser."""

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from unicodedata import category
from zoneinfo import ZoneInfo

import pytest
from fast_mail_parser import parse_email
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.base.names import Audience, Channel, OwedKind
from desk.rules.decision import Owed
from desk.wording.samples import SAMPLES
from desk.wording.wording import Wording
from responders.mail.compose import Composed, MailIdentity, compose
from responders.mail.frame import address_header, alternative, header, id_header

WORDING = Wording("es", ZoneInfo("America/Mexico_City"))
DESK = MailIdentity("soporte@ejemplo.mx", "Mesa de Servicio")
DUE = datetime(2026, 11, 24, 16, 20, 0, 123456, tzinfo=UTC)
AUDIENCES = {OwedKind.ACKNOWLEDGEMENT: Audience.USER}
REPLY_TO = "soporte+100425.up1" + "a" * 26 + "@ejemplo.mx"
KINDS = [kind for kind in OwedKind if kind in SAMPLES]
"""Kinds whose template has their name; others are written by the one that their facts name."""
EVERY = [(kind, name, code) for kind in KINDS for name in SAMPLES[kind] for code in ("es", "en")]
HEADERS = {
    "From", "Auto-Submitted", "X-Auto-Response-Suppress", "Content-Language", "MIME-Version", "Date", "To", "Subject",
    "Message-ID", "In-Reply-To", "References", "Reply-To", "Content-Type",
}  # fmt: skip
# Text as it comes from strangers, markup, controls and lone surrogates included.
foreign = st.text(st.characters(), max_size=300)


def owed(kind: OwedKind = OwedKind.ACKNOWLEDGEMENT, sample: str = "", **changes: Any) -> Owed:
    facts = SAMPLES[kind.value][sample or next(iter(SAMPLES[kind.value]))]
    row = Owed(
        id=7,
        incident=10042,
        kind=kind,
        channel=Channel.EMAIL,
        to="laura@cliente.mx",
        language="es",
        audience=AUDIENCES.get(kind, Audience.INTERNAL),
        facts=facts,
        due_at=DUE,
        message_id="<100425.7.abc@ejemplo.mx>",
        in_reply_to="<orig@cliente.mx>",
        references=("<first@cliente.mx>", "<orig@cliente.mx>"),
        reply_to=REPLY_TO,
        envelope_from="soporte+b.7.abc@ejemplo.mx",
    )
    return replace(row, **changes)


def read(composed: Composed) -> EmailMessage:
    message = message_from_bytes(composed.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert [part.defects for part in message.walk()] == [[] for _ in message.walk()]
    assert [getattr(value, "defects", ()) for value in message.values()] == [() for _ in message.values()]
    return message


def parts(message: EmailMessage) -> tuple[str, str]:
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return lf(text.get_content()), lf(html.get_content())


def lf(text: str) -> str:
    return text.replace("\r\n", "\n")


def assert_fit_for_every_relay(content: bytes) -> None:
    assert content.isascii()
    assert b"\0" not in content
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content), "a bare CR or LF"
    assert content.endswith(b"\r\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(("kind", "sample", "language"), EVERY)
def test_two_parsers_read_what_wording_said(kind: OwedKind, sample: str, language: str) -> None:
    row = owed(kind, sample, language=language)
    said = WORDING.render(kind.value, language, row.facts)
    composed = compose(row, DESK, WORDING)
    assert_fit_for_every_relay(composed.content)
    message = read(composed)
    assert set(message.keys()) == HEADERS
    assert len(message.keys()) == len(HEADERS), "a header stands twice"
    assert message["Subject"] == said.subject == composed.subject
    assert parts(message) == (said.text, said.html)
    assert composed.text == said.text
    other = parse_email(composed.content)
    assert other.subject == said.subject
    assert [lf(part) for part in other.text_plain] == [said.text]
    assert [lf(part) for part in other.text_html] == [said.html]


def test_the_headers_say_who_to_whom_when_and_what_is_answered() -> None:
    composed = compose(owed(), DESK, WORDING)
    message = read(composed)
    assert (composed.envelope_from, composed.recipient) == ("soporte+b.7.abc@ejemplo.mx", "laura@cliente.mx")
    assert message["From"] == "Mesa de Servicio <soporte@ejemplo.mx>"
    assert [a.addr_spec for a in message["To"].addresses] == ["laura@cliente.mx"]
    assert [(a.display_name, a.addr_spec) for a in message["Reply-To"].addresses] == [("Mesa de Servicio", REPLY_TO)]
    assert message["Date"].datetime == DUE.replace(microsecond=0)
    assert message["Message-ID"] == "<100425.7.abc@ejemplo.mx>"
    assert message["In-Reply-To"] == "<orig@cliente.mx>"
    assert str(message["References"]).split() == ["<first@cliente.mx>", "<orig@cliente.mx>"]
    assert message["Content-Language"] == "es"


@pytest.mark.parametrize(
    ("kind", "submitted", "is_absence_note_wanted"),
    [
        (OwedKind.ACKNOWLEDGEMENT, "auto-replied", False),
        (OwedKind.RECEIPT, "auto-replied", True),
        (OwedKind.NOTICE, "auto-generated", True),
    ],
)
def test_other_machines_are_told_that_this_is_automatic(
    kind: OwedKind, submitted: str, is_absence_note_wanted: bool
) -> None:
    message = read(compose(owed(kind), DESK, WORDING))
    assert message["Auto-Submitted"] == submitted
    suppressed = str(message["X-Auto-Response-Suppress"]).split(", ")
    assert "AutoReply" in suppressed
    assert ("OOF" in suppressed) != is_absence_note_wanted
    assert not {"All", "NDR"} & set(suppressed), "a bounce must reach us"


def test_the_same_row_gives_the_same_bytes_also_in_another_process() -> None:
    first = compose(owed(), DESK, WORDING).content
    again = compose(owed(), MailIdentity(*DESK_PARTS), Wording("es", ZoneInfo("America/Mexico_City"))).content
    assert again == first
    # A due time that means the same instant in another zone is the same mail.
    elsewhere = owed(due_at=DUE.astimezone(timezone(timedelta(hours=-6))))
    assert compose(elsewhere, DESK, WORDING).content == first


DESK_PARTS = (DESK.address, DESK.name)


def test_another_row_has_another_boundary() -> None:
    boundaries = {read(compose(owed(message_id=f"<{n}@ejemplo.mx>"), DESK, WORDING)).get_boundary() for n in range(50)}
    assert len(boundaries) == 50


def test_without_anything_to_answer_there_is_no_header_for_it() -> None:
    message = read(compose(owed(in_reply_to="", references=(), reply_to=""), DESK, WORDING))
    assert not {"In-Reply-To", "References", "Reply-To"} & set(message.keys())


def test_what_is_answered_is_also_its_reference() -> None:
    assert read(compose(owed(references=()), DESK, WORDING))["References"] == "<orig@cliente.mx>"


@settings(deadline=None, max_examples=150)
@given(foreign, foreign, foreign, foreign)
def test_strangers_words_never_leave_their_place(name: str, email: str, subject: str, text: str) -> None:
    facts = {**SAMPLES["notice"]["new"], "name": name, "email": email, "subject": subject, "text": text}
    facts["attachments"] = [{"name": subject, "type": email, "size": 1}]
    row = owed(OwedKind.NOTICE, facts=facts)
    composed = compose(row, DESK, WORDING)
    assert_fit_for_every_relay(composed.content)
    message = read(composed)
    assert set(message.keys()) == HEADERS
    assert message["Subject"] == "INC-100425: incidente de soporte"
    said = WORDING.render("notice", "es", facts)
    assert parts(message) == (said.text, said.html)
    assert parse_email(composed.content).subject == message["Subject"]


@settings(deadline=None, max_examples=150)
@given(foreign, foreign)
def test_a_name_or_address_never_becomes_another_header_or_recipient(name: str, address: str) -> None:
    identity = MailIdentity("soporte@ejemplo.mx", name)
    composed = compose(owed(to=f"laura{address}@cliente.mx"), identity, WORDING)
    block = composed.content.partition(b"\r\n\r\n")[0]
    starts = [line.partition(b":")[0].decode() for line in block.split(b"\r\n") if line[:1] != b" "]
    assert set(starts) == HEADERS
    assert len(starts) == len(HEADERS)
    assert max(map(len, block.split(b"\r\n"))) <= 998
    parsed = message_from_bytes(composed.content, policy=policy.default)
    assert [a.addr_spec for a in parsed["From"].addresses] == ["soporte@ejemplo.mx"]
    assert not re.search(r"[\r\n\0]", composed.recipient)


def shown(text: str) -> str:
    """Return what of a header value must arrive: letters and digits, in order."""
    return "".join(c for c in text if category(c)[0] in "LN")


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=120))
def test_every_parser_reads_the_same_display_name_and_subject(text: str) -> None:
    raw = header("Subject", text) + address_header("From", "a@b.mx", text) + b"\r\nx\r\n"
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 78 + 76
    message = message_from_bytes(raw, policy=policy.default)
    assert shown(str(message["Subject"])) == shown(text)
    (mailbox,) = message["From"].addresses
    assert mailbox.addr_spec == "a@b.mx"
    assert shown(mailbox.display_name) == shown(text)
    assert shown(parse_email(raw).subject) == shown(text)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Mesa de Servicio", "Mesa de Servicio <a@b.mx>"),
        ("Soporte, S.A.", '"Soporte, S.A." <a@b.mx>'),
        ('El "portal" \\o/', '"El \\"portal\\" \\\\o/" <a@b.mx>'),
        ("Atención", "=?utf-8?b?QXRlbmNpw7Nu?= <a@b.mx>"),
        ("=?utf-8?q?trampa?=", "=?utf-8?b?PT91dGYtOD9xP3RyYW1wYT89?= <a@b.mx>"),
        ("", "<a@b.mx>"),
        ("a\r\nBcc: x@y.mx", '"a Bcc: x@y.mx" <a@b.mx>'),
    ],
)
def test_a_display_name_is_plain_quoted_or_encoded_as_it_needs(name: str, written: str) -> None:
    assert address_header("From", "a@b.mx", name).decode() == f"From: {written}\r\n"


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("laura@ñandú.mx", "<laura@xn--and-6ma2c.mx>"),
        ("josé@cliente.mx", "<josé@cliente.mx>"),
        ("a@b.mx>\r\nRCPT TO:<x@y.mx", "<a@b.mxRCPTTO:x@y.mx>"),
        ('"laura, de ventas"@cliente.mx', '<"laura, de ventas"@cliente.mx>'),
        ("a@b.mx, x@y.mx", "<a@b.mxx@y.mx>"),
    ],
)
def test_an_address_is_one_address_on_the_wire(address: str, written: str) -> None:
    assert address_header("To", address).decode() == f"To: {written}\r\n"


def test_a_long_subject_is_folded_and_arrives_whole() -> None:
    words = " ".join(f"palabra{n}" for n in range(60))
    raw = header("Subject", words) + b"\r\n"
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    assert message_from_bytes(raw, policy=policy.default)["Subject"] == words


def test_message_ids_are_cited_as_they_came_and_never_encoded() -> None:
    odd = ["<a b@c>", "no-brackets", "<" + "x" * 800 + "@y>", "<=?utf-8?q?a?=@b>"]
    assert id_header("References", odd) == b"References: " + b"\r\n ".join(map(str.encode, odd)) + b"\r\n"


@pytest.mark.parametrize("bad", ["", "<ñ@b>", "<a\r\nBcc: x@y>", "<a\0@b>", "<" + "x" * 1000 + "@y>"])
def test_a_message_id_that_cannot_be_cited_is_left_out(bad: str) -> None:
    assert id_header("References", [bad, "<a@b>"]) == b"References: <a@b>\r\n"
    assert id_header("In-Reply-To", [bad]) == b""


def test_a_long_thread_keeps_its_first_reference_and_the_newest() -> None:
    ids = [f"<{n}@b>" for n in range(500)]
    cited = id_header("References", ids).decode().partition(": ")[2].split()
    assert cited == ["<0@b>", *ids[-19:]]


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=3000))
def test_any_text_survives_its_encoding(text: str) -> None:
    raw = b"MIME-Version: 1.0\r\n" + alternative(text, f"<p>{text}</p>", "seed")
    assert_fit_for_every_relay(raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    text_part, html_part = message_from_bytes(raw, policy=policy.default).iter_parts()
    ended = text if text.endswith("\n") else text + "\n"
    for part, sent in ((text_part, ended), (html_part, f"<p>{text}</p>\n")):
        decoded = part.get_payload(decode=True)
        assert lf(decoded.decode("utf-8")) == sent


def test_a_text_outside_latin_letters_is_not_blown_up() -> None:
    text = "系统故障所有人都不能开发票\n" * 400
    raw = alternative(text, text, "seed")
    assert b"Content-Transfer-Encoding: base64" in raw
    assert len(raw) < 2 * 1.45 * len(text.encode())


def test_a_body_cannot_hold_its_own_boundary() -> None:
    boundary = "=_" + hashlib.blake2b(b"seed", digest_size=16).hexdigest()
    raw = b"MIME-Version: 1.0\r\n" + alternative(f"--{boundary}--\nx\n", f"--{boundary}\n", "seed")
    message = message_from_bytes(raw, policy=policy.default)
    assert message.get_boundary() == boundary
    assert parts(message) == (f"--{boundary}--\nx\n", f"--{boundary}\n")


def test_a_broken_header_is_a_programmers_mistake() -> None:
    with pytest.raises(AssertionError, match="CR, LF or NUL"):
        id_header("X\r\nBcc", ["<a@b>"])


@pytest.mark.parametrize(
    ("kind", "template"), [(OwedKind.ACKNOWLEDGEMENT, "acknowledgements"), (OwedKind.ALERT, "flood")]
)
def test_a_mail_is_written_by_the_template_that_its_facts_name(kind: OwedKind, template: str) -> None:
    for facts in SAMPLES[template].values():
        composed = compose(replace(owed(), kind=kind, facts={**facts, "template": template}), DESK, WORDING)
        assert composed.text == WORDING.render(template, "es", facts).text

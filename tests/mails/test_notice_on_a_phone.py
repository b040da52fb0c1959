"""A notice is worked from a phone: its first words decide, and its buttons open a mail already written (words.5)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest

from desk.base.languages import languages
from desk.base.names import Audience, Channel, OwedKind, Purpose
from desk.rules.addresses import AddressMode, SignedAddress, Signer, consultant_ref
from desk.rules.decision import Owed
from desk.wording.samples import SAMPLES
from desk.wording.wording import Wording
from responders.mail.compose import MailIdentity, compose

WORDING = Wording("es", ZoneInfo("America/Mexico_City"))
DESK = "soporte@ejemplo.mx"
IDENTITY = MailIdentity(DESK, "Mesa de Servicio")
INCIDENT, ANA = 10_042, consultant_ref(3)
# What a lock screen or the list of a mail program shows of a mail.
PREVIEW = 120
# Per severity, the notice and its summary up to the time; the time is said in the language of the mail.
GRADES = {
    1: ("question", "SEV 1 · ¿Cómo cancelo una factura? · Laura Méndez · "),
    2: ("degraded", "SEV 2 · El portal está muy lento · Laura Méndez · "),
    3: ("new", "SEV 3 · Nadie puede timbrar · Laura Méndez · "),
}
UNTIL = {"es": "antes de las 12:20 (mar 24 nov)", "en": "before 12:20 pm (Tue, Nov 24)"}
COMMANDS = {"es": ["#tomar", "#escalar"], "en": ["#take", "#escalate"]}


@dataclass(frozen=True)
class Written:
    """The mail that a mailto link opens."""

    to: str
    subject: str
    body: str


class Page(HTMLParser):
    """What is visible of an HTML body, and where its links lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.words: list[str] = []
        self._hidden = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if (tag, name) == ("a", "href")]
        self._hidden = tag if tag in {"style", "title"} else ""

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser calls it so
        self._hidden = ""

    def handle_data(self, data: str) -> None:
        self.words += [] if self._hidden else data.split()


def written(link: str) -> Written:
    """Parse a mailto link by the grammar of RFC 6068 §2; a `+` means itself, a line ends in CRLF (§5)."""
    match = re.fullmatch(r"mailto:([^?#\s]+)\?([^?#\s]+)", link)
    assert match, link
    fields = dict(field.split("=", 1) for field in match[2].split("&"))
    assert fields.keys() == {"subject", "body"}
    allowed = re.compile(r"(?:[\w.~!$'()*+,;:@/-]|%[0-9A-F]{2})*", re.ASCII)
    assert all(allowed.fullmatch(part) for part in (match[1], *fields.values())), link
    body = unquote(fields["body"], errors="strict")
    assert "\n" not in body.replace("\r\n", "")
    return Written(unquote(match[1], errors="strict"), unquote(fields["subject"], errors="strict"), body)


def sent(facts: Mapping[str, Any], language: str) -> tuple[str, str, str]:
    """Return subject, text and HTML of a notice as another parser finds them in its bytes."""
    row = Owed(
        id=7,
        incident=INCIDENT,
        kind=OwedKind.NOTICE,
        channel=Channel.EMAIL,
        to="ana@ejemplo.mx",
        language=language,
        audience=Audience.INTERNAL,
        facts=facts,
        due_at=datetime(2026, 11, 24, 16, 20, tzinfo=UTC),
        message_id="<100425.7.abc@ejemplo.mx>",
        reply_to=facts["answer_to"],
        envelope_from="soporte+b.7.abc@ejemplo.mx",
    )
    mail = message_from_bytes(compose(row, IDENTITY, WORDING).content, policy=policy.default)
    bodies = [mail.get_body((kind,)) for kind in ("plain", "html")]
    text, html = (body.get_content().replace("\r\n", "\n") for body in bodies if body is not None)
    return str(mail["Subject"]), text, html


@pytest.mark.done("words.5")
@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("severity", GRADES)
def test_the_first_words_of_a_notice_say_severity_what_who_and_until_when(
    severity: int, language: str, figure: Callable[[str], None]
) -> None:
    sample, summary = GRADES[severity]
    facts = SAMPLES["notice"][sample]
    assert facts["severity"] == severity
    _, text, html = sent(facts, language)
    expected = summary + UNTIL[language]
    assert text[:PREVIEW].startswith(expected)
    assert " ".join(Page(html).words)[:PREVIEW].startswith(expected)
    figure(f"{language}: {expected} ({len(expected)} characters)")


@pytest.mark.done("words.5")
@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("mode", [AddressMode.PLUS, AddressMode.PLAIN])
@pytest.mark.parametrize("severity", GRADES)
def test_each_button_of_a_notice_opens_a_complete_command(severity: int, mode: AddressMode, language: str) -> None:
    signer = Signer((b"k" * 32,), DESK, mode)
    token = signer.reply_token(INCIDENT, ANA, Purpose.USER_WORDS)
    facts = {
        **SAMPLES["notice"][GRADES[severity][0]],
        "answer_to": signer.reply_address(INCIDENT, ANA, Purpose.USER_WORDS),
        "answer_key": token if mode is AddressMode.PLAIN else "",
    }
    subject, text, html = sent(facts, language)
    opened = [written(link) for link in Page(html).links if link.startswith("mailto:")]
    lines = [one.body.split("\r\n") for one in opened]
    assert [first for first, *_ in lines] == COMMANDS[language]
    assert {one.subject for one in opened} == {subject}
    assert subject.startswith("INC-100425: ")
    if mode is AddressMode.PLAIN:
        assert {one.to for one in opened} == {DESK}
        assert [after for _, *after in lines] == [["", f"clave: {token}"]] * len(lines)
        assert f"clave: {token}\n" in text
    else:
        assert [after for _, *after in lines] == [[]] * len(lines)
        assert [signer.read_address(one.to) for one in opened] == [
            SignedAddress(INCIDENT, ANA, Purpose.USER_WORDS)
        ] * len(lines)
    shown = [line.split()[0] for line in text.splitlines() if line.startswith("  #")]
    assert shown == COMMANDS[language]


@pytest.mark.parametrize("language", languages())
def test_development_is_not_offered_to_escalate_further(language: str) -> None:
    _, text, html = sent(SAMPLES["notice"]["long"], language)
    buttons = [link for link in Page(html).links if link.startswith("mailto:")]
    commands = [written(link).body.split("\r\n")[0] for link in buttons]
    assert SAMPLES["notice"]["long"]["queue"] == "development"
    assert commands == COMMANDS[language][:1]
    assert COMMANDS[language][1] not in text


def test_a_link_reads_back_whatever_is_put_into_it() -> None:
    mailto = WORDING.environment.filters["mailto"]
    hostile = Written("a+b%26c?@x.mx", "¿Ñ & = ? # % \u202e\"<b>'", "#tomar\r\n\r\nclave: a&b=c\r\n")
    assert written(mailto(hostile.to, hostile.subject, hostile.body.replace("\r\n", "\n"))) == hostile

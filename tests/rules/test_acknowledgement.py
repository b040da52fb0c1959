"""What an acknowledgement tells beside number and times (process 2.1; DESIGN 2 and 9)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from desk.base.kinds import CLOSURE
from desk.base.message import Attachment, Mailbox
from desk.base.names import OwedKind, Question
from desk.base.shapes import in_present_shape
from desk.rules import opening
from desk.rules.acknowledgement import COPIED_MAX
from desk.rules.calendar import Calendar
from desk.rules.mail import MailFacts
from desk.rules.settings import CalendarSettings
from desk.rules.tutorials import NAMED_MAX, Tutorial, fitting
from tests.rules.facts import DESK, NOON, ROSTER, facts, grade, mail


def acknowledged(known: MailFacts) -> dict[str, Any]:
    """Return the facts that the answer to a new mail is frozen with."""
    decision = opening.open_for_user(known, known.arrival.received_at)
    (one,) = [owed for owed in decision.owed if owed.kind is OwedKind.ACKNOWLEDGEMENT]
    return dict(in_present_shape(one.kind, one.shape, one.facts))


def copied(*addresses: str, to: tuple[str, ...] = ()) -> tuple[list[str], int]:
    """Return whom an acknowledgement names, and how many more, of a mail with these in copy."""
    message = mail(
        to=tuple(Mailbox("", one) for one in to), cc=tuple(Mailbox("Somebody", address) for address in addresses)
    )
    told = acknowledged(facts(message))
    return told["copied"], told["copied_more"]


def test_people_in_to_and_copy_are_named_once_each_by_their_bare_address() -> None:
    assert copied("beto@otro.mx", "BETO@otro.mx", to=("Carla@cliente.mx",)) == (["Carla@cliente.mx", "beto@otro.mx"], 0)


@pytest.mark.parametrize(
    "ours",
    [
        "soporte@ejemplo.mx",
        "Ayuda@ejemplo.mx",
        "soporte+100425.p5k7mzq2xwa5@ejemplo.mx",
        ROSTER.consultants[0].email.upper(),
        "ANA@cliente.mx",
    ],
    ids=["the desk", "an alias", "a signed address", "a consultant", "who wrote"],
)
def test_neither_the_desk_nor_who_works_there_nor_who_wrote_is_named_in_copy(ours: str) -> None:
    assert copied(ours) == ([], 0)


def test_who_is_answered_by_reply_to_is_not_in_copy() -> None:
    other = Mailbox("", "compras@cliente.mx")
    assert acknowledged(facts(mail(reply_to=(other,), cc=(other,))))["copied"] == []


def test_of_many_people_in_copy_five_are_named_and_the_rest_counted() -> None:
    named, more = copied(*(f"p{n}@otro.mx" for n in range(12)))
    assert (named, more) == ([f"p{n}@otro.mx" for n in range(COPIED_MAX)], 7)


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "nobody",
        "@otro.mx",
        "http://buy.example/now@otro.mx",
        "buy<script>@otro.mx",
        '"buy it now"@otro.mx',
        "buy\u202ecod@otro.mx",
        "buy it@otro.mx",
        "x\r\nBcc:@otro.mx",
        f"{'x' * 65}@otro.mx",
        f"x@{'y' * 60}.{'z' * 60}.{'w' * 60}.{'v' * 60}.{'u' * 60}.mx",
        "buy@localhost",
    ],
)
def test_an_address_that_says_more_than_who_has_it_is_left_out(hostile: str) -> None:
    assert copied(hostile, "beto@otro.mx") == (["beto@otro.mx"], 0)


TUTORIALS = (
    Tutorial.of("Emisión", "https://a.mx/1", ("factura", "emitir"), "es"),
    Tutorial.of("Cancelación", "https://a.mx/2", ("cancelar una factura", "CANCELACIÓN"), "es"),
    Tutorial.of("Invoices", "https://a.mx/3", ("invoice",), "en"),
    Tutorial.of("Sellos", "https://a.mx/4", ("csd",), "es"),
    Tutorial.of("Nada", "https://a.mx/5", ("", "¿?"), "es"),
)


@pytest.mark.parametrize(
    ("subject", "text", "language", "titles"),
    [
        ("", "¿cómo cancelo mi factura?", "es", ["Emisión"]),
        ("Cancelacion", "Ayuda.", "es", ["Cancelación"]),
        ("", "Quiero CANCELAR\nuna   factura, por favor", "es", ["Emisión", "Cancelación"]),
        ("", "facturación", "es", []),
        ("", "csd, emitir; factura: cancelación", "es", ["Emisión", "Cancelación", "Sellos"]),
        ("", "my invoice is wrong", "en", ["Invoices"]),
        ("", "my invoice is wrong", "es", []),
        ("", "", "es", []),
        ("", "¿?", "es", []),
    ],
)
def test_a_tutorial_fits_when_a_topic_stands_in_the_question_as_whole_words(
    subject: str, text: str, language: str, titles: list[str]
) -> None:
    assert [one.title for one in fitting(TUTORIALS, (subject, text), language)] == titles


def test_no_more_than_three_tutorials_are_named_in_the_desks_order() -> None:
    many = tuple(Tutorial.of(str(n), f"https://a.mx/{n}", ("factura",), "es") for n in range(9))
    assert [one.title for one in fitting(many, ("factura",), "es")] == [str(n) for n in range(NAMED_MAX)]


def test_a_mail_of_no_certain_language_gets_the_tutorials_of_the_desks() -> None:
    known = facts(mail("CSD"), desk=replace(DESK, tutorials=TUTORIALS), grade=grade(language="und"))
    assert acknowledged(known)["tutorials"] == [{"title": "Sellos", "url": "https://a.mx/4"}]


def test_what_was_asked_of_the_user_is_not_asked_when_something_is_attached() -> None:
    asked = grade(questions=(Question.WHICH, Question.SINCE))
    picture = Attachment("error.png", "image/png", 9, 0, 12, "base64")
    logo = replace(picture, inline=True)
    assert acknowledged(facts(mail("me marca error"), grade=asked))["questions"] == ["which", "since"]
    assert acknowledged(facts(mail("me marca error", attachments=(logo,)), grade=asked))["questions"] != []
    assert acknowledged(facts(mail("me marca error", attachments=(picture,)), grade=asked))["questions"] == []


def test_the_days_that_cost_support_time_are_told_with_their_reason() -> None:
    friday = datetime(2026, 11, 13, 23, 30, tzinfo=UTC)
    told = acknowledged(facts(mail(), at=friday))
    assert told["resolution"] == "2026-11-17T21:30:00+00:00"
    (day,) = told["closed"]
    assert (day["reason"], day["first"], day["last"]) == ("holiday", "2026-11-16", "2026-11-16")
    assert (day["from"], day["until"]) == ("", "")
    assert acknowledged(facts(mail(), at=NOON))["closed"] == []


def test_a_closure_of_hours_is_told_with_its_hours() -> None:
    meeting = (CLOSURE.read("2026-11-24 14:00/24:00 Inventario"),)
    desk = replace(DESK, calendar=Calendar.from_settings(CalendarSettings(closures=meeting), DESK.calendar.zone))
    (day,) = acknowledged(facts(mail(), at=NOON, desk=desk))["closed"]
    assert (day["reason"], day["from"], day["until"]) == ("closure", "14:00", "24:00")


def test_pin_and_status_link_are_those_the_signer_reads() -> None:
    told = acknowledged(facts(mail()))
    assert DESK.signer.is_pin(10_000, told["pin"])
    token = told["status_url"].removeprefix("https://soporte.ejemplo.mx/i/")
    assert getattr(DESK.signer.read_status_token(token, NOON.date()), "incident", None) == 10_000


def test_the_version_of_the_privacy_notice_is_kept_with_the_answer() -> None:
    assert acknowledged(facts(mail(), desk=replace(DESK, privacy_version="2026-03")))["privacy_version"] == "2026-03"

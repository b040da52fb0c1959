"""What a notice tells a consultant: where an answer goes, what can be done, what was said before, what travels."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from desk.base.message import Attachment
from desk.base.names import Audience, Direction, MessageKind, OwedKind, Queue, Severity
from desk.base.shapes import GROWN, in_present_shape, shape_of
from desk.rules.addresses import ATTACHMENTS_LINK_DAYS, AddressMode, AttachmentsToken, SignedAddress, Signer
from desk.rules.mail import Earlier, MailFacts
from desk.rules.notice import (
    ATTACHED_BYTES_MAX,
    ATTACHMENTS_MAX,
    DECORATION_BYTES_MAX,
    EARLIER_TEXT_MAX,
    OTHERS_MAX,
    notice,
)
from desk.rules.numbers import id_of, number_of
from desk.rules.opening import open_for_machine, open_for_user, open_unreadable
from desk.wording.samples import SAMPLES
from tests.rules.facts import DESK, NOON, ROSTER, facts, grade, mail

MB = 1024 * 1024


def told(given: MailFacts) -> dict[str, Any]:
    """The facts of the first notice that a new mail makes."""
    decision = open_for_user(given, NOON)
    return dict(next(owed for owed in decision.owed if owed.kind is OwedKind.NOTICE).facts)


def attached(name: str = "a.pdf", size: int = 1_000, **changes: Any) -> Attachment:
    plain = Attachment(name, "application/pdf", size, start=500, end=500 + size * 4 // 3, encoding="base64")
    return replace(plain, **changes)


def signing(mode: AddressMode) -> MailFacts:
    signer = Signer((b"a key of tests, thirty-two letters or more",), "soporte@ejemplo.mx", mode)
    return facts(mail(), desk=replace(DESK, signer=signer))


def test_its_facts_are_those_that_the_templates_know_and_the_spans_that_travel() -> None:
    assert set(told(facts(mail()))) - {"carried"} == set(SAMPLES["notice"]["new"])


def test_a_mail_with_attachments_has_a_link_to_them_and_one_without_has_none() -> None:
    public = replace(DESK, public_url="https://mesa.ejemplo.mx")
    told_of = told(facts(mail(attachments=(attached(),)), desk=public))
    link = told_of["attachments_url"].removeprefix("https://mesa.ejemplo.mx/a/")
    opened = public.signer.read_attachments_token(link, NOON.date() + timedelta(ATTACHMENTS_LINK_DAYS))
    assert opened == AttachmentsToken(id_of(told_of["number"]), told_of["carried"]["blob"])
    assert told(facts(mail(), desk=public))["attachments_url"] == ""
    silent = replace(DESK, public_url="")
    assert told(facts(mail(attachments=(attached(),)), desk=silent))["attachments_url"] == ""


@pytest.mark.parametrize("mode", [AddressMode.PLUS, AddressMode.CATCHALL])
def test_an_answer_goes_to_an_address_that_names_incident_and_consultant(mode: AddressMode) -> None:
    given = signing(mode)
    (owed,) = [one for one in open_for_user(given, NOON).owed if one.kind is OwedKind.NOTICE]
    assert owed.facts["answer_to"] == owed.reply_to
    read = given.desk.signer.read_address(owed.facts["answer_to"])
    assert isinstance(read, SignedAddress)
    assert (read.incident, read.person) == (owed.incident, "c1")
    assert owed.facts["answer_key"] == ""


def test_at_the_plain_address_the_key_is_told_apart() -> None:
    given = signing(AddressMode.PLAIN)
    (owed,) = [one for one in open_for_user(given, NOON).owed if one.kind is OwedKind.NOTICE]
    assert owed.facts["answer_to"] == "soporte@ejemplo.mx"
    plus = replace(given.desk.signer, mode=AddressMode.PLUS)
    assert owed.incident is not None
    digits = owed.facts["number"].removeprefix("INC-")
    read = plus.read_address(f"soporte+{digits}.{owed.facts['answer_key']}@ejemplo.mx")
    assert isinstance(read, SignedAddress)
    assert (read.incident, read.person) == (owed.incident, "c1")


def test_it_can_be_taken_and_passed_up_but_not_beyond_development() -> None:
    opened = open_for_user(facts(mail(), grade=grade(severity=Severity.OUTAGE)), NOON)
    incident = opened.incidents[0].after
    assert [one.facts["actions"] for one in opened.owed[1:]] == [["take", "escalate"]] * 2
    beyond = notice(facts(mail()), replace(incident, queue=Queue.DEVELOPMENT), ROSTER.consultants[2], NOON)
    assert beyond.facts["actions"] == ["take"]


def earlier(text: str = "Ya probé.", **changes: Any) -> Earlier:
    return replace(Earlier(NOON, Direction.IN, Audience.USER, "ana@cliente.mx", "Ana Ruiz", text), **changes)


def test_what_was_said_before_tells_who_said_it_in_one_paragraph() -> None:
    mine = earlier("Es el\n\ncertificado.", sender="desk@ejemplo.com", audience=Audience.INTERNAL)
    ours = earlier("¿Desde cuándo?", direction=Direction.OUT, sender="soporte@ejemplo.mx", sender_name="Mesa")
    nameless = earlier(sender="luis@cliente.mx", sender_name="")
    seen = told(facts(mail(), dossier=(earlier(at=NOON - timedelta(hours=1)), mine, ours, nameless)))["dossier"]
    assert [(one["who"], one["own"]) for one in seen] == [
        ("Ana Ruiz", False), ("Consultant of desk", True), ("Mesa", True), ("luis@cliente.mx", False),
    ]  # fmt: skip
    assert seen[0]["at"] == (NOON - timedelta(hours=1)).isoformat()
    assert seen[1]["text"] == "Es el certificado."


def test_a_machines_mail_is_no_part_of_what_was_said() -> None:
    report = earlier(sender="mailer-daemon@cliente.mx", audience=Audience.INTERNAL)
    assert told(facts(mail(), dossier=(report,)))["dossier"] == []


def test_a_long_message_of_before_is_cut() -> None:
    (seen,) = told(facts(mail(), dossier=(earlier("palabra " * 900),)))["dossier"]
    assert len(seen["text"]) <= EARLIER_TEXT_MAX
    assert seen["text"].endswith("…")


def test_the_requesters_other_incidents_are_named_without_this_one() -> None:
    given = facts(mail(), others=(10_000, *range(10_050, 10_040, -1)))
    assert told(given)["number"] == number_of(10_000)
    assert told(facts(mail(), others=(10_000, 10_050, 10_049)))["others"] == [number_of(10_050), number_of(10_049)]
    assert len(told(given)["others"]) == OTHERS_MAX


def test_what_was_attached_travels_by_its_span_of_the_raw_mail() -> None:
    seen = told(facts(mail(attachments=(attached(), attached("f.xml", type="text/xml", charset="utf-8")))))
    assert seen["attached"] == ["a.pdf", "f.xml"]
    assert seen["left_out"] == []
    assert seen["carried"]["blob"] == 1
    assert seen["carried"]["parts"][1] == {
        "name": "f.xml", "type": "text/xml", "charset": "utf-8", "start": 500, "end": 1_833, "encoding": "base64",
    }  # fmt: skip


def test_without_attachments_nothing_is_carried() -> None:
    seen = told(facts(mail()))
    assert (seen["attached"], seen["left_out"], seen["carried"]) == ([], [], None)


@pytest.mark.parametrize(
    ("changes", "travels"),
    [
        ({"size": DECORATION_BYTES_MAX}, False),
        ({"size": DECORATION_BYTES_MAX + 1}, True),
        ({"size": DECORATION_BYTES_MAX, "inline": False}, True),
        ({"size": DECORATION_BYTES_MAX, "type": "application/pdf"}, True),
    ],
    ids=["a signature's logo", "a picture of a screen", "a small image attached", "a small file shown in the text"],
)
def test_a_signatures_image_does_not_travel_and_is_not_missed(changes: dict[str, Any], travels: bool) -> None:
    one = attached("logo.png", **{"type": "image/png", "inline": True, **changes})
    seen = told(facts(mail(attachments=(one,))))
    assert seen["attached"] == (["logo.png"] if travels else [])
    assert seen["left_out"] == []
    assert [each["name"] for each in seen["attachments"]] == ["logo.png"]


def test_what_does_not_fit_is_named_and_a_smaller_one_behind_it_travels() -> None:
    big = attached("video.mp4", 16 * MB)
    fits = attached("a.pdf", 10 * MB)
    seen = told(facts(mail(attachments=(fits, big, attached("b.pdf")))))
    assert seen["attached"] == ["a.pdf", "b.pdf"]
    assert seen["left_out"] == ["video.mp4"]


def test_what_must_be_written_anew_is_weighed_as_it_will_be() -> None:
    length = ATTACHED_BYTES_MAX * 3 // 4
    raw = attached("a.bin", length, encoding="binary", start=0, end=length)
    assert told(facts(mail(attachments=(raw,))))["left_out"] == ["a.bin"]
    assert told(facts(mail(attachments=(replace(raw, encoding="base64"),))))["attached"] == ["a.bin"]
    uu = attached("viejo.zip", 4 * MB, encoding="x-uuencode", start=0, end=6 * MB)
    assert told(facts(mail(attachments=(uu,))))["left_out"] == ["viejo.zip"], "it could not be decoded whole"


def test_names_are_bounded_however_many_there_are() -> None:
    many = tuple(attached(f"{n}.pdf") for n in range(200))
    seen = told(facts(mail(attachments=many)))
    assert [len(seen[name]) for name in ("attachments", "attached", "left_out")] == [ATTACHMENTS_MAX] * 3


def test_a_mail_that_nobody_could_read_travels_as_it_came() -> None:
    given = facts(mail("", kind=MessageKind.BROKEN, attachments=(attached(),)))
    given = replace(given, arrival=replace(given.arrival, raw=b"x" * 5_000))
    (owed,) = open_unreadable(given, NOON).owed
    name = f"{owed.facts['number']}.eml"
    assert owed.facts["attached"] == [name]
    assert owed.facts["carried"]["parts"] == [
        {
            "name": name, "type": "application/octet-stream", "charset": "", "start": 0, "end": 5_000,
            "encoding": "binary",
        }
    ]  # fmt: skip
    huge = replace(given, arrival=replace(given.arrival, raw=b"x" * 16 * MB))
    (owed,) = open_unreadable(huge, NOON).owed
    assert (owed.facts["attached"], owed.facts["left_out"]) == ([], [f"{owed.facts['number']}.eml"])


def test_a_machines_alarm_carries_its_attachments_too() -> None:
    (owed,) = open_for_machine(facts(mail(attachments=(attached("log.txt"),))), NOON).owed
    assert owed.facts["attached"] == ["log.txt"]


@pytest.mark.parametrize("kind", GROWN)
def test_facts_of_the_first_shape_gain_names_and_lose_nothing(kind: OwedKind) -> None:
    frozen = {"number": "INC-100425", "attachments": [{"name": "a.pdf"}]}
    grown = in_present_shape(kind, 1, frozen)
    assert grown.items() >= frozen.items()
    assert len(grown) > len(frozen)
    assert in_present_shape(kind, shape_of(kind), frozen) == frozen


def test_a_fact_that_was_frozen_is_never_changed_by_a_later_shape() -> None:
    frozen = {"attachments": [], "actions": ["take"]}
    assert in_present_shape(OwedKind.NOTICE, 1, frozen)["actions"] == ["take"]

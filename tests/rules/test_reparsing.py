"""What a mail that is read again changes, and what it is only reported by (guarantee 7)."""

from dataclasses import replace
from typing import Any

import pytest

from desk.base.message import Attachment
from desk.base.names import LANGUAGE_UNKNOWN, MessageKind, Severity, ThreadBy
from desk.base.signs import Sign
from desk.rules.decision import MessageView
from desk.rules.mail import NO_THREAD, Thread
from desk.rules.numbers import number_of
from desk.rules.opening import open_for_user
from desk.rules.reparsing import ENCODING_KEPT, Reading, Standing, changed, findings, rewrite
from tests.rules.facts import NOON, facts, grade, mail

FILE = Attachment("a.pdf", "application/pdf", 10, 500, 514, "base64")
MESSAGE = mail(attachments=(replace(FILE, charset="utf-8"),))
GRADE = grade()
INCIDENT = open_for_user(facts(MESSAGE, grade=GRADE), NOON).incidents[0].after
VIEW = MessageView(77, MESSAGE.subject, MESSAGE.text, MESSAGE.reply_text, (FILE,))
STANDING = Standing(
    INCIDENT, VIEW, is_kept=True, is_opening=True, is_namesake=False, is_regraded=False, opened_why=Sign.PERSON.reason()
)
READING = Reading(MESSAGE, GRADE, NO_THREAD)
OTHER = INCIDENT.id + 1


def found(standing: Standing = STANDING, **now: Any) -> list[tuple[str, str, str]]:
    return [(one.what.value, one.was, one.would_be) for one in findings(standing, replace(READING, **now))]


def test_what_reads_as_it_stands_changes_and_reports_nothing() -> None:
    assert rewrite(STANDING, MESSAGE).rows == ()
    assert found() == []


@pytest.mark.parametrize("name", ["subject", "text", "reply_text"])
def test_a_text_that_differs_is_written_anew_and_the_incident_raises_its_version(name: str) -> None:
    spoilt = replace(STANDING, view=replace(VIEW, **{name: "spoilt"}))
    decision = rewrite(spoilt, MESSAGE)
    assert changed(spoilt.view, MESSAGE) == (name,)
    assert decision.rows == (MessageView(77, MESSAGE.subject, MESSAGE.text, MESSAGE.reply_text, (FILE,)),)
    (change,) = decision.incidents
    assert change.after == replace(INCIDENT, version=INCIDENT.version + 1)
    assert (decision.owed, decision.events, decision.done, decision.key) == ((), (), None, None)


def test_attachments_are_compared_as_the_ledger_keeps_them() -> None:
    long = mail(attachments=(replace(FILE, encoding="x" * 80),))
    assert changed(replace(VIEW, attachments=(replace(FILE, encoding="x" * ENCODING_KEPT),)), long) == ()
    assert changed(replace(VIEW, attachments=()), MESSAGE) == ("attachments",)


def test_a_mail_that_was_erased_meanwhile_stays_erased() -> None:
    erased = replace(STANDING, is_kept=False, view=MessageView(77, "", "", "", ()))
    assert rewrite(erased, MESSAGE).rows == ()


def test_another_grade_is_reported_of_the_opening_mail_unless_a_person_graded() -> None:
    graver = replace(GRADE, severity=Severity.OUTAGE)
    assert INCIDENT.severity is not Severity.OUTAGE
    was = str(INCIDENT.severity.value)
    assert found(grade=graver) == [("severity", was, "3")]
    assert found(replace(STANDING, is_regraded=True), grade=graver) == []
    joined = replace(STANDING, is_opening=False)
    assert found(joined, grade=graver, thread=Thread(INCIDENT.id, ThreadBy.NUMBER)) == []
    assert found(grade=None) == []


def test_another_language_is_reported_but_not_one_that_nobody_knows() -> None:
    assert INCIDENT.language != "en"
    assert found(grade=replace(GRADE, language="en")) == [("language", INCIDENT.language, "en")]
    assert found(grade=replace(GRADE, language=LANGUAGE_UNKNOWN)) == []


def test_another_thread_is_reported() -> None:
    other = Thread(OTHER, ThreadBy.NUMBER)
    assert found(thread=other) == [("thread", "new", number_of(OTHER))]
    assert found(replace(STANDING, incident=replace(INCIDENT, mentions=(OTHER,))), thread=other) == []
    joined = replace(STANDING, is_opening=False)
    assert found(joined, thread=NO_THREAD) == [("thread", INCIDENT.number, "new")]
    assert found(joined, thread=other) == [("thread", INCIDENT.number, number_of(OTHER))]
    assert found(joined, thread=Thread(INCIDENT.id, ThreadBy.NUMBER)) == []


def test_a_mail_that_joined_by_its_message_id_alone_stands_as_it_does() -> None:
    namesake = replace(STANDING, is_opening=False, is_namesake=True)
    assert found(namesake, thread=NO_THREAD) == []
    other = Thread(OTHER, ThreadBy.NUMBER)
    assert found(namesake, thread=other) == [("thread", INCIDENT.number, number_of(OTHER))]


def test_a_persons_mail_that_reads_as_a_machines_is_reported_and_the_reverse() -> None:
    bulk = replace(MESSAGE, kind=MessageKind.AUTOMATIC)
    assert found(message=bulk) == [("verdict", "person", "automatic")]
    machine = replace(STANDING, opened_why=Sign.PRECEDENCE.reason("bulk"))
    assert found(machine) == [("verdict", "machine", "new")]
    assert found(machine, message=bulk) == []
    unknown = replace(STANDING, opened_why="")
    assert found(unknown, message=bulk) == []

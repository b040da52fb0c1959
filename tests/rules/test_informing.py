"""When «¿cómo va?» is answered from the ledger, and what the answer says in each state (DESIGN 2 and 9)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from desk.base.message import Attachment, Mailbox
from desk.base.names import EventKind, OwedKind, Severity, Status, ThreadBy
from desk.rules import opening, reception
from desk.rules.calendar import Calendar
from desk.rules.decision import Decision, Superseded
from desk.rules.incident import Incident, Pause
from desk.rules.mail import MailFacts, StatusAnswer, Thread
from desk.rules.reception import Way, way_of
from desk.rules.settings import CalendarSettings
from tests.rules.facts import ANA, DESK, NOON, facts, grade, mail

LATER = NOON + timedelta(minutes=20)
"""12:20 in Mexico City."""
HOUR_BEGAN = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
HOUR_ENDS = datetime(2026, 11, 24, 19, 0, tzinfo=UTC)


def incident(**changes: Any) -> Incident:
    """Ana's incident, opened at noon."""
    (change,) = opening.open_for_user(facts(mail()), NOON).incidents
    return replace(change.after, **changes)


def asking(of: Incident | None = None, **changes: Any) -> MailFacts:
    """Ana's «¿cómo va?» twenty minutes later."""
    known = of or incident()
    thread = Thread(known.id, ThreadBy.SIGNED_ADDRESS, "p1", is_reply=True)
    plain = facts(mail("¿Cómo va?"), at=LATER, incident=known, thread=thread, person=known.requester)
    return replace(plain, grade=grade(asks_status=True), **changes)


def answered(known: MailFacts, now: datetime = LATER) -> tuple[Decision, dict[str, Any]]:
    """Return the decision and the facts of its one owed row, a status answer."""
    decision = reception.receive(known, now)
    (owed,) = decision.owed
    assert owed.kind is OwedKind.STATUS
    return decision, dict(owed.facts)


def test_a_participants_question_is_a_way_of_its_own() -> None:
    assert way_of(asking()) is Way.ASKS


PICTURE = Attachment("error.png", "image/png", 9, 0, 12, "base64")


@pytest.mark.parametrize(
    "ordinary",
    [
        asking(of=incident(status=Status.CLOSED)),
        replace(asking(), grade=grade()),
        replace(asking(), message=mail("¿Cómo va?", attachments=(PICTURE,))),
        replace(asking(), message=mail("¿Cómo va?", may_auto_reply=False)),
    ],
    ids=["of a closed incident", "with news", "with a picture", "of whom nothing may be sent to"],
)
def test_any_other_mail_of_a_participant_joins_as_ever(ordinary: MailFacts) -> None:
    assert way_of(ordinary) is Way.JOINS


def test_a_strangers_question_opens_an_incident_of_its_own() -> None:
    eva = Mailbox("Eva", "eva@otro.mx")
    assert way_of(replace(asking(), message=mail("¿Cómo va?", sender=eva, senders=(eva,)))) is Way.OPENS


def test_an_open_incident_tells_its_promises_and_who_has_it() -> None:
    decision, told = answered(asking())
    assert told == {
        "number": incident().number,
        "at": LATER.isoformat(),
        "name": ANA.name,
        "status": "open",
        "queue": "desk",
        "severity": Severity.QUESTION.value,
        "first_attention": "2026-11-24T20:00:00+00:00",
        "first_attended": None,
        "resolution": "2026-11-25T16:00:00+00:00",
        "paused": False,
        "solution_known": False,
        "status_url": told["status_url"],
        "closed": [],
    }
    assert [event.kind for event in decision.events] == [EventKind.ADDED, EventKind.STATUS_SENT]
    assert decision.incidents[0].after.version == incident().version + 1


def test_one_that_was_attended_says_when_and_promises_no_first_attention() -> None:
    _, told = answered(asking(of=incident(first_response_at=NOON)))
    assert (told["first_attention"], told["first_attended"]) == (None, NOON.isoformat())


def test_one_that_waits_for_the_user_promises_no_time() -> None:
    waiting = incident(status=Status.WAITING, pauses=(Pause(1, NOON, None, "question"),))
    decision, told = answered(asking(of=waiting))
    assert (told["status"], told["paused"], told["resolution"]) == ("waiting", True, None)
    assert decision.incidents[0].after.status is Status.WAITING


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.TOLD])
def test_one_whose_solution_is_known_says_so_and_stays_as_it_is(status: Status) -> None:
    known = incident(status=status, cause="Caducó el certificado.", solution="Renovarlo.", resolved_at=NOON)
    decision, told = answered(asking(of=known))
    assert (told["status"], told["solution_known"], told["resolution"]) == (status.value, True, None)
    assert decision.incidents[0].after.status is status


def test_a_promise_that_passed_is_told_as_it_was_made() -> None:
    _, told = answered(asking(), now=NOON + timedelta(days=3))
    assert told["resolution"] == "2026-11-25T16:00:00+00:00" < told["at"]
    assert told["closed"] == []


@pytest.mark.parametrize(
    ("last", "due_at", "instead_of"),
    [
        (None, LATER, None),
        (StatusAnswer(7, HOUR_BEGAN - timedelta(seconds=1), False), LATER, None),
        (StatusAnswer(7, HOUR_BEGAN, False), HOUR_ENDS, None),
        (StatusAnswer(7, LATER - timedelta(minutes=1), True), HOUR_ENDS, None),
        (StatusAnswer(7, HOUR_ENDS, True), HOUR_ENDS, 7),
        (StatusAnswer(7, HOUR_ENDS, False), HOUR_ENDS, None),
    ],
    ids=["first", "last hour's", "at the hour", "this hour's", "one waits", "the clock went back"],
)
def test_an_hour_of_the_clock_has_one_answer(
    last: StatusAnswer | None, due_at: datetime, instead_of: int | None
) -> None:
    decision, _ = answered(asking(last_status=last))
    assert decision.owed[0].due_at == due_at
    assert [row.owed for row in decision.rows if isinstance(row, Superseded)] == [instead_of] * (instead_of is not None)


def test_hours_are_those_of_the_desks_zone() -> None:
    in_delhi = replace(DESK, calendar=Calendar.from_settings(CalendarSettings(), ZoneInfo("Asia/Kolkata")))
    last = StatusAnswer(7, HOUR_BEGAN, False)
    decision, _ = answered(asking(last_status=last, desk=in_delhi))
    assert decision.owed[0].due_at == datetime(2026, 11, 24, 18, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("of_mail", "of_incident", "language"), [("en", "es", "en"), ("und", "en", "en"), ("und", "und", "es")]
)
def test_the_answer_speaks_as_the_mail_does_else_as_the_incident_else_as_the_desk(
    of_mail: str, of_incident: str, language: str
) -> None:
    known = replace(asking(of=incident(language=of_incident)), grade=grade(asks_status=True, language=of_mail))
    assert reception.receive(known, LATER).owed[0].language == language

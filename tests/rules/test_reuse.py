"""One Message-ID over other words: who adds, who opens, whose mail is held (DESIGN 7, The same mail)."""

from dataclasses import replace
from typing import Any

import pytest

from desk.base.message import Mailbox
from desk.base.names import EventKind, HeldReason, MessageKind, OwedKind, Severity, Status, ThreadBy
from desk.rules import opening, reuse
from desk.rules.decision import HeldItem
from desk.rules.incident import Incident
from desk.rules.mail import NO_THREAD, MailFacts, Namesake, Thread
from desk.rules.reception import Way, receive, way_of
from tests.rules.facts import ANA, DESK, NOON, ROSTER, facts, grade, mail

FIRST = mail()
BETO = Mailbox("Beto", "beto@otro.mx")
OTHER_WORDS = "El portal está muy lento."


def incident(**changes: Any) -> Incident:
    """Ana's incident, which her first mail opened."""
    return replace(opening.open_for_user(facts(FIRST), NOON).incidents[0].after, **changes)


def repeated(
    text: str = OTHER_WORDS, *, sender: Mailbox = ANA, thread: Thread = NO_THREAD, **changes: Any
) -> MailFacts:
    """The facts of a mail with the Message-ID of Ana's first."""
    message = mail(text, sender=sender, senders=(sender,))
    namesakes = (Namesake(incident(), ANA.address, FIRST.text),)
    tied, about = reuse.tie(thread, None, namesakes, message, DESK)
    return replace(facts(message, thread=tied, incident=about, namesakes=namesakes), **changes)


def test_other_words_of_who_takes_part_are_added_flagged_and_not_acknowledged() -> None:
    decision = receive(repeated(), NOON)
    (change,) = decision.incidents
    assert (change.before, change.after.version) == (incident(), 2)
    assert [(one.kind, one.text, one.why) for one in decision.events] == [
        (EventKind.ADDED, ANA.address, ThreadBy.SAME_MESSAGE_ID),
        (EventKind.FLAGGED, ANA.address, ThreadBy.SAME_MESSAGE_ID),
    ]
    assert [owed.kind for owed in decision.owed] == [OwedKind.NOTICE]


def test_a_question_how_it_goes_is_not_answered_under_a_message_id_that_was_there() -> None:
    assert way_of(repeated("¿Cómo va?", grade=grade(asks_status=True))) is Way.FLAGGED


@pytest.mark.parametrize(("severity", "way"), [*zip(Severity, (Way.FLAGGED, Way.FLAGGED, Way.OPENS), strict=True)])
def test_a_graver_mail_opens_an_incident_of_its_own_beside_the_first_and_is_answered(
    severity: Severity, way: Way
) -> None:
    known = repeated(grade=grade(severity=severity), incident=incident(severity=Severity.DEGRADED))
    assert way_of(known) is way
    if way is Way.OPENS:
        decision = receive(known, NOON)
        assert decision.incidents[0].after.mentions == (incident().id,)
        assert decision.events[-1].kind is EventKind.LINKED
        assert decision.owed[0].kind is OwedKind.ACKNOWLEDGEMENT


def test_other_words_of_anybody_else_are_held_with_the_incident_whose_message_id_they_have() -> None:
    decision = receive(repeated(sender=BETO), NOON)
    (item,) = decision.rows
    assert isinstance(item, HeldItem)
    assert (item.reason, item.incident, item.sender) == (HeldReason.REUSED_ID, incident().id, BETO.address)
    assert item.tell_at is not None, "the managers hear of it"
    assert (decision.incidents, decision.events, decision.owed) == ((), (), ())


def test_the_very_words_of_anybody_else_are_a_mail_of_their_own() -> None:
    assert way_of(repeated("¿Cómo descargo\r\n mi  factura?", sender=BETO)) is Way.OPENS


def test_who_wrote_the_first_mail_adds_also_when_another_address_of_theirs_is_answered() -> None:
    answered = replace(incident().participants[0], address="ana.ruiz@cliente.mx")
    known = repeated()
    earlier = replace(known.namesakes[0], incident=incident(participants=(answered,)))
    tied, about = reuse.tie(NO_THREAD, None, (earlier,), known.message, DESK)
    assert (tied.by, about) == (ThreadBy.SAME_MESSAGE_ID, earlier.incident)


def test_a_tie_by_which_the_sender_may_join_comes_before() -> None:
    thread, other = Thread(77, ThreadBy.NUMBER, is_reply=True), incident(id=77)
    known = repeated()
    assert reuse.tie(thread, other, known.namesakes, known.message, DESK) == (thread, other)
    strangers = replace(other, participants=())
    assert reuse.tie(thread, strangers, known.namesakes, known.message, DESK)[1] == incident()


def test_the_first_of_several_namesakes_that_is_the_senders_own_is_added_to() -> None:
    known = repeated()
    anothers = Namesake(incident(id=5, participants=()), BETO.address, FIRST.text)
    closed = Namesake(incident(status=Status.CLOSED), ANA.address, "Antes.")
    _, about = reuse.tie(NO_THREAD, None, (anothers, closed, *known.namesakes), known.message, DESK)
    assert about == closed.incident


def test_machines_and_consultants_at_work_are_as_ever_whatever_their_message_id() -> None:
    at_work = Thread(77, ThreadBy.SIGNED_ADDRESS, is_reply=True)
    consultant = mail(sender=Mailbox("", ROSTER.consultants[0].email))
    assert reuse.is_looked_up(mail(), NO_THREAD, ROSTER)
    assert reuse.is_looked_up(consultant, NO_THREAD, ROSTER)
    assert not reuse.is_looked_up(consultant, at_work, ROSTER)
    assert not reuse.is_looked_up(mail(message_id=""), NO_THREAD, ROSTER)
    for kind in set(MessageKind) - {MessageKind.NEW, MessageKind.FOLLOW_UP}:
        assert not reuse.is_looked_up(mail(kind=kind), NO_THREAD, ROSTER)

"""The held room's rules: when the managers hear, what a verdict changes, what a released mail becomes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from desk.base.errors import AlreadyDecided, CannotRelease
from desk.base.message import Mailbox, Release
from desk.base.names import HeldReason, MessageKind, OwedKind, Queue, Role, Verdict
from desk.rules import held
from desk.rules.decision import HeldDecided, HeldItem, HeldTold, WentOn
from desk.rules.held import DOUBTS, KeptItem, decide, tell_at
from desk.rules.reception import Way, receive, way_of
from desk.rules.routing import Consultant
from desk.rules.waiting import LISTED_MAX, AlertFacts, Untold, WaitingItem, alert
from tests.rules.facts import ADDRESS, ANA, DESK, NOON, Counted, facts, mail

BETO = Mailbox("Beto", "beto@otro.mx")
MAIL = KeptItem(
    7, "list", arrival=3, owed=None, incident=None, has_raw=True, decided_at=None, decided_by="", verdict=""
)
OWED = replace(MAIL, reason="refused", arrival=None, owed=9, has_raw=False)
MANAGERS = tuple(Consultant(n, f"M{n}", f"m{n}@ejemplo.mx", Queue.DESK, Role.MANAGER, n) for n in (1, 2))


def at(clock: str, day: int = 24) -> datetime:
    """An instant of a November day in Mexico City."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour + 6, minutes=minute)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (at("12:00"), at("12:14")),
        (at("18:40"), at("18:54")),
        (at("18:46"), at("9:00", 25)),
        (at("18:50"), at("9:04", 25)),
        (at("22:00"), at("9:14", 25)),
        (at("12:00", 28), at("9:14", 30)),
    ],
    ids=["by day", "before closing", "as it closes", "over night", "at night", "on saturday"],
)
def test_the_managers_hear_of_a_doubt_within_fifteen_support_minutes(now: datetime, told: datetime) -> None:
    assert tell_at(HeldReason.ACT_FAILED, "unread", DESK.calendar, now) == told


@pytest.mark.parametrize("reason", HeldReason)
def test_what_nobody_waits_for_is_in_the_daily_summary_alone(reason: HeldReason) -> None:
    told = tell_at(reason, MessageKind.NEW, DESK.calendar, NOON)
    assert (told is not None) == (reason in DOUBTS)
    for kind in (MessageKind.BOUNCE, OwedKind.ALERT, OwedKind.DIGEST):
        assert tell_at(reason, kind, DESK.calendar, NOON) is None


def test_an_item_of_beyond_the_calendar_is_held_all_the_same() -> None:
    assert tell_at(HeldReason.ACT_FAILED, "unread", DESK.calendar, datetime(3000, 1, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("item", [MAIL, OWED], ids=["mail", "owed"])
def test_a_verdict_is_one_row_under_a_key_of_its_item(item: KeptItem, verdict: Verdict) -> None:
    decision = decide(item, None, verdict, "olga", NOON)
    assert decision.rows == (HeldDecided(7, verdict, "olga", NOON, item.arrival, item.owed),)
    assert decision.key == held.HELD_KEY + b"7"
    assert (decision.events, decision.owed, decision.incidents) == ((), (), ())


def test_what_was_decided_says_by_whom_and_a_mail_without_its_bytes_can_only_be_discarded() -> None:
    before = replace(MAIL, decided_at=NOON, decided_by="olga", verdict="released")
    with pytest.raises(AlreadyDecided, match="released by olga") as decided:
        decide(before, None, Verdict.DISCARDED, "pedro", NOON)
    assert (decided.value.by, decided.value.at) == ("olga", NOON)
    gone = replace(MAIL, has_raw=False)
    with pytest.raises(CannotRelease):
        decide(gone, None, Verdict.RELEASED, "olga", NOON)
    assert decide(gone, None, Verdict.DISCARDED, "olga", NOON).rows


def released(message: Any, *reasons: HeldReason, seen: int | None = 0) -> Any:
    """The facts of a mail that was held for these reasons and let go on two hours later."""
    known = facts(message, seen=seen)
    release = Release(7, frozenset(reasons), "olga", NOON + timedelta(hours=2))
    return replace(known, arrival=replace(known.arrival, release=release))


CASES: dict[str, tuple[Any, HeldReason, Way, bool]] = {
    "list": (mail(kind=MessageKind.LIST, may_auto_reply=False), HeldReason.LIST, Way.OPENS, True),
    "loop": (mail(kind=MessageKind.LOOP, may_auto_reply=False), HeldReason.LOOP, Way.OPENS, True),
    "several": (mail(senders=(ANA, BETO), may_auto_reply=False), HeldReason.SEVERAL_FROM, Way.OPENS, True),
    "own": (
        mail(kind=MessageKind.LOOP, sender=Mailbox("", ADDRESS), senders=(Mailbox("", ADDRESS),), may_auto_reply=False),
        HeldReason.OWN_MAIL, Way.OPENS, False,
    ),
    "bounce": (
        mail(kind=MessageKind.BOUNCE, may_auto_reply=False), HeldReason.FOREIGN_BOUNCE, Way.MACHINE_OPENS, False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_mail_is_held_and_once_released_goes_on_without_that_reason(case: str) -> None:
    message, reason, way, is_answered = CASES[case]
    (item,) = receive(facts(message), NOON).rows
    assert isinstance(item, HeldItem)
    assert item.reason == reason
    decision = receive(released(message, reason), NOON + timedelta(hours=3))
    assert way_of(held.let_go(released(message, reason))) is way
    assert decision.key is None, "its key was taken when it was held"
    (change,) = decision.incidents
    assert decision.rows[-1] == WentOn(1, change.after.id, b"mdigest")
    assert (decision.events[-1].kind, decision.events[-1].why, decision.events[-1].text) == (
        "held",
        "released",
        "7: olga",
    )
    assert [owed.kind for owed in decision.owed] == [OwedKind.ACKNOWLEDGEMENT, OwedKind.NOTICE][not is_answered :]
    assert change.after.created_at == NOON + timedelta(hours=2)


def test_a_release_of_one_reason_does_not_overrule_another() -> None:
    message = mail(kind=MessageKind.LIST, senders=(ANA, BETO), may_auto_reply=False)
    (item,) = receive(released(message, HeldReason.SEVERAL_FROM), NOON).rows
    assert isinstance(item, HeldItem)
    assert item.reason == HeldReason.LIST
    assert receive(released(message, HeldReason.SEVERAL_FROM, HeldReason.LIST), NOON).incidents


def test_nobody_answers_a_released_mail_without_an_envelope_sender() -> None:
    known = released(mail(kind=MessageKind.LIST, may_auto_reply=False), HeldReason.LIST)
    decision = receive(replace(known, arrival=replace(known.arrival, envelope_from="")), NOON)
    assert [owed.kind for owed in decision.owed] == [OwedKind.NOTICE]


def test_a_released_mail_of_which_a_copy_became_an_incident_meanwhile_is_that_incident() -> None:
    for seen in (10_042, 10_043):
        decision = receive(released(mail(), HeldReason.ACT_FAILED, seen=seen), NOON)
        assert (decision.incidents, decision.done) == ((), 1)
        assert decision.rows[-1] == WentOn(1, seen, b"mdigest")
    fresh = receive(released(mail(), HeldReason.ACT_FAILED, seen=None), NOON)
    assert fresh.key is not None
    assert fresh.incidents


def waiting(count: int) -> Untold:
    items = tuple(WaitingItem(n, "act_failed", "ana@cliente.mx", "x" * 900, NOON) for n in range(1, count + 1))
    return Untold(items, count + 2)


def test_one_mail_to_each_manager_tells_of_everything_untold_and_marks_it() -> None:
    decision = alert(AlertFacts(DESK, Counted(), MANAGERS, waiting(25)), NOON)
    assert [owed.to for owed in decision.owed] == [one.email for one in MANAGERS]
    assert decision.rows == (HeldTold(tuple(range(1, 26)), NOON),)
    told = decision.owed[0].facts
    assert (len(told["held"]), told["held_more"], told["earlier"]) == (LISTED_MAX, 5, 2)
    assert {len(one["subject"]) for one in told["held"]} == {200}
    assert DESK.signer.read_message_id(decision.owed[0].message_id) == 0
    assert len((decision.key or b"").hex()) <= 80
    assert not alert(AlertFacts(DESK, Counted(), MANAGERS, Untold((), 4)), NOON).owed

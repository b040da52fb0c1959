"""Which times are late, what is told instead, and what goes by a mail of its own: by table."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from desk.base.names import EventKind, OwedKind, PromiseKind, Status
from desk.rules.decision import Decision, Owed, Retold
from desk.rules.incident import Incident, Pause
from desk.rules.informing import standing
from desk.rules.late import LateFacts, earliest_told, in_doubt, tell_in_time
from desk.rules.opening import open_for_user
from tests.rules.facts import DESK, NOON, Counted, facts, mail

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NOON_MINUTE = NOON.replace(second=0)


def opened() -> tuple[Incident, Owed]:
    """An incident opened at noon (due at 14:00 and at 10:00 of the next day) and its acknowledgement."""
    decision = open_for_user(facts(mail()), NOON)
    (owed,) = [one for one in decision.owed if one.kind is OwedKind.ACKNOWLEDGEMENT]
    return decision.incidents[0].after, owed


def late(
    now: datetime, *, has_left: bool = False, incident: Incident | None = None, owed: Owed | None = None
) -> Decision:
    known, acknowledgement = opened()
    known_facts = LateFacts(
        owed or acknowledgement, has_left, incident or known, DESK, Counted(Counter(promises=50, owed=50))
    )
    return tell_in_time(known_facts, now)


def told(decision: Decision) -> dict[str, Any]:
    (row,) = decision.rows
    assert isinstance(row, Retold)
    return dict(row.facts)


def with_first(incident: Incident, **changes: Any) -> Incident:
    first, resolution = incident.promises
    return replace(incident, promises=(replace(first, **changes), resolution))


@pytest.mark.parametrize(
    ("waited", "due"),
    [
        (timedelta(), "14:00"),
        (89 * MINUTE, "14:00"),
        (90 * MINUTE, "14:00"),
        (91 * MINUTE, "18:00"),
        (2 * HOUR, "18:00"),
        (5 * HOUR + 30 * MINUTE, "18:00"),
        (5 * HOUR + 31 * MINUTE, "12:00"),
        (20 * HOUR, "12:00"),
    ],
)
def test_a_late_mail_tells_the_first_step_that_is_half_an_hour_of_service_ahead(waited: timedelta, due: str) -> None:
    known, owed = opened()
    decision = late(NOON_MINUTE + waited)
    facts_now = told(decision) if decision.rows else owed.facts
    at = datetime.fromisoformat(facts_now["first_attention"]).astimezone(DESK.calendar.zone)
    assert f"{at:%H:%M}" == due
    assert (known.promises[0].due.isoformat() == facts_now["first_attention"]) is (not decision.incidents)


def test_the_told_promise_is_the_one_that_stands_and_the_old_one_points_to_it() -> None:
    decision = late(NOON + 5 * HOUR)
    (change,) = decision.incidents
    old, resolution, new = change.after.promises
    assert change.after.promise(PromiseKind.FIRST_ATTENTION) == new
    assert (old.replaced_by, old.broken_at) == (new.id, NOON + 5 * HOUR)
    assert resolution == opened()[0].promises[1]
    assert told(decision)["promises"] == [resolution.id, new.id]
    assert [event.kind for event in decision.events] == [EventKind.PROMISE_BROKEN, EventKind.PROMISE_REVISED]
    assert change.after.wake_at == new.due
    assert decision.owed == ()


def test_what_may_have_left_keeps_its_facts_and_a_mail_of_its_own_tells_the_new_time() -> None:
    decision = late(NOON + 5 * HOUR, has_left=True)
    assert decision.rows == ()
    (own,) = decision.owed
    _, acknowledgement = opened()
    assert (own.kind, own.to, own.language) == (OwedKind.REVISED_PROMISE, acknowledgement.to, acknowledgement.language)
    assert own.message_id != acknowledgement.message_id
    assert own.facts["resolution"] is None
    assert own.facts["first_attention"] == decision.incidents[0].after.promises[-1].due.isoformat()


def test_a_time_that_was_revised_once_is_not_revised_by_each_attempt() -> None:
    (change,) = late(NOON + 5 * HOUR, has_left=True).incidents
    assert late(NOON + 5 * HOUR, has_left=True, incident=change.after) == Decision()


def test_a_mail_that_has_not_left_takes_up_the_time_that_another_gave() -> None:
    (change,) = late(NOON + 5 * HOUR, has_left=True).incidents
    decision = late(NOON + 5 * HOUR, incident=change.after)
    assert decision.incidents == ()
    assert told(decision)["first_attention"] == change.after.promises[-1].due.isoformat()


@pytest.mark.parametrize(
    "changed",
    [
        lambda incident: with_first(incident, kept_at=NOON + HOUR),
        lambda incident: with_first(incident, cancelled_at=NOON + HOUR),
        lambda incident: replace(incident, status=Status.CLOSED),
    ],
    ids=["kept", "cancelled", "closed"],
)
def test_a_time_that_nobody_waits_for_is_not_revised(changed: Any) -> None:
    incident, _ = opened()
    assert late(NOON + 3 * HOUR, incident=changed(incident)).incidents == ()


def test_the_resolution_stands_still_while_we_wait_for_the_user() -> None:
    incident, _ = opened()
    paused = replace(incident, pauses=(Pause(1, NOON, None, "asked"),))
    decision = late(NOON + 24 * HOUR, incident=paused)
    assert [event.text.partition(":")[0] for event in decision.events if event.kind is EventKind.PROMISE_REVISED] == [
        "first_attention"
    ]


def test_a_promise_shorter_than_half_an_hour_is_told_as_it_was_made() -> None:
    incident, owed = opened()
    soon = NOON_MINUTE + 15 * MINUTE
    short = with_first(incident, due=soon)
    answer = replace(owed, facts={**owed.facts, "first_attention": soon.isoformat()})
    assert late(NOON + 5 * MINUTE, incident=short, owed=answer) == Decision()
    assert late(soon, incident=short, owed=answer).incidents != ()


def asked(incident: Incident, at: datetime) -> Owed:
    _, owed = opened()
    return replace(owed, kind=OwedKind.STATUS, facts=standing(DESK, incident, "Ana", at))


def heard(incident: Incident) -> Incident:
    """The user has read the acknowledgement."""
    return replace(incident, promises=tuple(replace(one, told_at=NOON) for one in incident.promises))


def test_an_answer_that_says_what_had_passed_when_it_was_asked_for_is_not_late() -> None:
    incident = heard(opened()[0])
    assert late(NOON + 3 * HOUR, incident=incident, owed=asked(incident, NOON + 3 * HOUR)) == Decision()
    just_before = NOON + 2 * HOUR - 10 * MINUTE
    assert late(just_before, incident=incident, owed=asked(incident, just_before)) == Decision()


def test_an_answer_over_which_a_time_passed_says_how_things_stand_now() -> None:
    incident = heard(opened()[0])
    now = NOON + 3 * HOUR
    decision = late(now, incident=incident, owed=asked(incident, NOON + HOUR))
    assert told(decision)["at"] == now.isoformat()
    assert told(decision)["first_attention"] == decision.incidents[0].after.promises[-1].due.isoformat()


def test_of_several_incidents_in_one_mail_each_has_its_own_part() -> None:
    incident, owed = opened()
    other = {**owed.facts, "number": "INC-100017"}
    both = replace(owed, facts={**owed.facts, "incidents": [other, {**owed.facts}]})
    facts_now = told(late(NOON + 5 * HOUR, owed=both, incident=incident))
    assert facts_now["incidents"][0] == other
    assert facts_now["incidents"][1]["first_attention"] != owed.facts["first_attention"]


def test_only_incidents_with_a_time_too_near_are_in_doubt() -> None:
    incident, owed = opened()
    assert in_doubt(owed, earliest_told(DESK.calendar, NOON)) == ()
    assert in_doubt(owed, earliest_told(DESK.calendar, NOON + 2 * HOUR)) == (incident.id,)


def test_a_row_that_ended_changes_nothing() -> None:
    incident, _ = opened()
    assert (
        tell_in_time(LateFacts(None, False, incident, DESK, Counted(Counter(promises=50, owed=50))), NOON + 5 * HOUR)
        == Decision()
    )

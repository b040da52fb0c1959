"""The daily summary: which opening it tells of, to whom it is owed, and that nothing to tell is not told."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from desk.base.names import Audience, OwedKind, Queue, Role, Severity
from desk.rules.decision import Decision
from desk.rules.digest import (
    SUBJECT_MAX,
    DigestFacts,
    LateIncident,
    Standing,
    WaitingItem,
    digest,
    digest_key,
    opening_to_tell,
)
from desk.rules.routing import Consultant
from desk.wording.samples import SAMPLES
from tests.rules.facts import DESK, Counted

MANAGER = Consultant(3, "Gerente", "gerente@ejemplo.mx", Queue.DESK, Role.MANAGER, 2)
TUESDAY_NINE = datetime(2026, 11, 24, 15, tzinfo=UTC)
MONDAY_NINE = TUESDAY_NINE - timedelta(days=1)
NOTHING = Standing(opened=0, open={}, late=(), late_count=0, held=(), held_count=0)
LATE = LateIncident(10_042, Severity.OUTAGE, Queue.OPERATIONS, MONDAY_NINE, "No abre")
HELD = WaitingItem(31, "list", "boletin@proveedor.mx", "Novedades", MONDAY_NINE)


def facts(standing: Standing = NOTHING, **changes: Any) -> DigestFacts:
    opening = opening_to_tell(DESK.calendar, TUESDAY_NINE)
    assert opening is not None
    return replace(DigestFacts(DESK, Counted(), MANAGER, opening, is_taken=False, standing=standing), **changes)


@pytest.mark.parametrize(
    ("now", "day", "before"),
    [
        (TUESDAY_NINE, date(2026, 11, 24), MONDAY_NINE),
        (TUESDAY_NINE + timedelta(hours=14, minutes=59), date(2026, 11, 24), MONDAY_NINE),
        (MONDAY_NINE, date(2026, 11, 23), MONDAY_NINE - timedelta(days=3)),
        (datetime(2026, 11, 17, 15, tzinfo=UTC), date(2026, 11, 17), datetime(2026, 11, 13, 15, tzinfo=UTC)),
    ],
    ids=["at the opening", "late at night", "monday looks back to friday", "after a holiday"],
)
def test_a_summary_tells_of_the_opening_that_passed_today_and_counts_from_the_one_before(
    now: datetime, day: date, before: datetime
) -> None:
    opening = opening_to_tell(DESK.calendar, now)
    assert opening is not None
    assert (opening.day, opening.before) == (day, before)
    assert opening.at <= now


@pytest.mark.parametrize(
    "now",
    [
        TUESDAY_NINE - timedelta(seconds=1),
        datetime(2026, 11, 28, 18, tzinfo=UTC),
        datetime(2026, 11, 16, 18, tzinfo=UTC),
    ],
    ids=["before the opening", "saturday", "holiday"],
)
def test_there_is_no_summary_before_support_hours_begin_nor_on_a_day_without(now: datetime) -> None:
    assert opening_to_tell(DESK.calendar, now) is None


@pytest.mark.parametrize(
    "standing",
    [
        replace(NOTHING, open={Queue.DESK: 1}),
        replace(NOTHING, late=(LATE,), late_count=1),
        replace(NOTHING, held=(HELD,), held_count=1),
    ],
    ids=["open", "late", "held"],
)
def test_whatever_waits_is_told_from_the_first_day_on(standing: Standing) -> None:
    decision = digest(facts(standing), TUESDAY_NINE)
    (owed,) = decision.owed
    assert decision.key == digest_key(date(2026, 11, 24), MANAGER.id)
    assert (owed.kind, owed.to, owed.incident, owed.audience) == (
        OwedKind.DIGEST, MANAGER.email, None, Audience.INTERNAL,
    )  # fmt: skip
    assert set(owed.facts) == set(SAMPLES["digest"]["usual"])
    assert DESK.signer.read_message_id(owed.message_id) == 0
    assert DESK.signer.read_bounce(owed.envelope_from) == owed.id


def test_a_day_with_nothing_to_tell_has_no_summary_and_takes_no_key() -> None:
    assert digest(facts(replace(NOTHING, opened=3)), TUESDAY_NINE) == Decision()


def test_a_summary_that_was_owed_before_is_not_owed_again() -> None:
    assert digest(facts(replace(NOTHING, held_count=1), is_taken=True), TUESDAY_NINE) == Decision()


def test_what_is_not_listed_is_counted_and_what_strangers_wrote_is_cut() -> None:
    late = tuple(replace(LATE, id=10_000 + n, subject="x" * 900) for n in range(20))
    held = tuple(replace(HELD, id=n, subject="y" * 900) for n in range(20))
    standing = Standing(
        opened=40, open={Queue.OPERATIONS: 2, Queue.DESK: 7}, late=late, late_count=33, held=held, held_count=21
    )
    told = digest(facts(standing), TUESDAY_NINE).owed[0].facts
    assert (len(told["late"]), told["late_more"], len(told["held"]), told["held_more"]) == (20, 13, 20, 1)
    assert told["open"] == [{"queue": "desk", "count": 7}, {"queue": "operations", "count": 2}]
    assert {len(one["subject"]) for one in (*told["late"], *told["held"])} == {SUBJECT_MAX}
    assert (told["day"], told["opened"]) == ("2026-11-24", 40)
    assert told["at"] == TUESDAY_NINE.isoformat()


def test_each_day_and_each_person_has_a_key_of_its_own() -> None:
    days = [date(2026, 11, 24), date(2026, 11, 25)]
    keys = {digest_key(day, person) for day in days for person in (1, 11, 2)}
    assert len(keys) == 6
    assert max(len(key.hex()) for key in keys) <= 80

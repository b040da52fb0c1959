"""Whose turn it is, who writes, and which queue works on a grade."""

from datetime import date

import pytest

from desk.base.names import Queue, Role, Severity
from desk.rules.routing import Consultant, Roster, queue_for

TODAY = date(2026, 12, 24)
AWAY = ((date(2026, 12, 20), date(2027, 1, 4)),)


def consultant(
    number: int, queue: Queue = Queue.DESK, role: Role = Role.CONSULTANT, absent: tuple[tuple[date, date], ...] = ()
) -> Consultant:
    email = f"c{number}@mesa.example"
    return Consultant(
        number, f"C{number}", email, queue, role, number, aliases=(f"C.{number}@Otra.example",), absent=absent
    )


def next_of(*consultants: Consultant, load: dict[int, int] | None = None, queue: Queue = Queue.DESK) -> int:
    return Roster(consultants, load or {}).next_for(queue, TODAY).id


@pytest.mark.parametrize(
    ("severity", "queue"),
    [
        (Severity.QUESTION, Queue.DESK),
        (Severity.DEGRADED, Queue.OPERATIONS),
        (Severity.OUTAGE, Queue.OPERATIONS),
    ],
)
def test_the_desk_answers_questions_and_operations_takes_the_rest(severity: Severity, queue: Queue) -> None:
    assert queue_for(severity) is queue


def test_the_one_with_the_fewest_open_incidents_is_next() -> None:
    assert next_of(consultant(1), consultant(2), consultant(3), load={1: 4, 2: 1, 3: 2}) == 2


def test_who_has_none_yet_counts_as_having_none() -> None:
    assert next_of(consultant(1), consultant(2), load={1: 1}) == 2


def test_ties_go_in_contact_order() -> None:
    assert next_of(consultant(3), consultant(2), consultant(1), load={1: 2, 2: 2, 3: 2}) == 1


def test_only_the_queue_itself_is_asked() -> None:
    team = consultant(1), consultant(2, Queue.OPERATIONS), consultant(3, Queue.DEVELOPMENT)
    assert next_of(*team, load={2: 9}, queue=Queue.OPERATIONS) == 2


def test_who_is_away_is_passed_over_on_the_first_and_the_last_day_too() -> None:
    away = consultant(1, absent=AWAY)
    roster = Roster((away, consultant(2)), {2: 9})
    days = [date(2026, 12, 19), date(2026, 12, 20), date(2027, 1, 4), date(2027, 1, 5)]
    assert [roster.next_for(Queue.DESK, day).id for day in days] == [1, 2, 2, 1]


def test_a_manager_has_it_only_when_nobody_else_is_there() -> None:
    manager = consultant(1, role=Role.MANAGER)
    assert next_of(manager, consultant(2), load={2: 50}) == 2
    assert next_of(manager, consultant(2, absent=AWAY)) == 1


def test_when_all_are_away_somebody_has_it_all_the_same() -> None:
    assert next_of(consultant(1, role=Role.MANAGER, absent=AWAY), consultant(2, absent=AWAY)) == 2


def test_a_queue_without_anybody_is_a_programmers_mistake() -> None:
    with pytest.raises(AssertionError, match="development has nobody"):
        next_of(consultant(1), queue=Queue.DEVELOPMENT)


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("c1@mesa.example", 1),
        ("C1@Mesa.Example", 1),
        ("c.2@otra.example", 2),
        ("c3@mesa.example", None),
        ("xc1@mesa.example", None),
        ("", None),
    ],
)
def test_a_consultant_is_known_by_address_and_alias_in_any_case(address: str, known: int | None) -> None:
    found = Roster((consultant(1), consultant(2)), {}).by_address(address)
    assert (found.id if found else None) == known


def test_a_consultant_is_found_by_id() -> None:
    roster = Roster((consultant(1), consultant(2)), {})
    assert roster.by_id(2) == consultant(2)
    assert roster.by_id(3) is None

"""Who hears of it when a consultant's mail is not delivered: the contact order as a table."""

from dataclasses import replace
from datetime import date

import pytest

from desk.base.names import Queue, Role
from desk.rules.routing import Consultant, Roster
from desk.rules.undelivered import next_contact

DAY = date(2026, 11, 24)


def person(order: int, queue: Queue, role: Role = Role.CONSULTANT) -> Consultant:
    return Consultant(order + 1, f"P{order}", f"p{order}@ejemplo.mx", queue, role, order)


PEOPLE = (
    person(0, Queue.DESK),
    person(1, Queue.DESK),
    person(2, Queue.DESK),
    person(3, Queue.OPERATIONS),
    person(4, Queue.DESK, Role.MANAGER),
    person(5, Queue.OPERATIONS, Role.MANAGER),
)


def chosen(missing: int | str, tried: str = "", away: str = "") -> str:
    """Return who is next, by place, when p<missing> is not reached; `tried` and `away` are places too."""
    absent = tuple(replace(one, absent=((DAY, DAY),)) if str(one.order) in away else one for one in PEOPLE)
    address = f"P{missing}@ejemplo.mx" if isinstance(missing, int) else missing
    failed = {address.lower(), *(f"p{place}@ejemplo.mx" for place in tried)}
    to = next_contact(Roster(absent, {}), address, failed, DAY)
    return str(to.order) if to else "nobody"


@pytest.mark.parametrize(
    ("missing", "tried", "away", "expected"),
    [
        pytest.param(0, "", "", "1", id="the next in order"),
        pytest.param(1, "", "", "2", id="not the first again"),
        pytest.param(2, "", "", "0", id="after the last the first"),
        pytest.param(2, "0", "", "1", id="whoever was tried is passed over"),
        pytest.param(0, "", "1", "2", id="whoever is away is passed over"),
        pytest.param(1, "02", "", "4", id="then a manager"),
        pytest.param(4, "012", "", "5", id="then another manager"),
        pytest.param(5, "0124", "", "3", id="a manager's own queue first"),
        pytest.param(3, "", "", "4", id="a queue of one goes to a manager"),
        pytest.param(3, "45", "", "nobody", id="at last nobody"),
        pytest.param("who@left.mx", "", "", "4", id="of somebody who left a manager hears"),
    ],
)
def test_who_hears_of_what_did_not_arrive(missing: int | str, tried: str, away: str, expected: str) -> None:
    assert chosen(missing, tried, away) == expected

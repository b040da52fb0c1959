"""The incident's table of moves, every edge walked, and what an incident knows of itself."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from desk.base.names import Channel, PromiseKind, Queue, Severity, Status
from desk.rules.incident import MOVES, Assignment, Incident, Move, Promise, moved

AT = datetime(2026, 11, 24, 15, 40, tzinfo=UTC)

# DESIGN 3 in words: what may happen to an incident in each status, and where it leads.
LIFE = """
open:     join open, ask waiting, resolve resolved, confirm closed, discard closed, merge closed
waiting:  join waiting, answer open, resolve resolved, fall_silent closed, discard closed, merge closed
resolved: join resolved, tell told, reopen open
told:     join told, confirm closed, fall_silent closed, reopen open
closed:   join closed, reopen open
"""


def life() -> dict[tuple[Status, Move], Status]:
    found = {}
    for line in LIFE.strip().splitlines():
        status, _, edges = line.partition(":")
        for edge in edges.split(","):
            move, after = edge.split()
            found[Status(status), Move(move)] = Status(after)
    return found


@pytest.mark.parametrize(("edge", "after"), life().items(), ids=str)
def test_every_move_leads_where_the_design_says(edge: tuple[Status, Move], after: Status) -> None:
    assert moved(*edge) is after


@pytest.mark.parametrize(("status", "move"), sorted(set(product(Status, Move)) - set(life())))
def test_every_other_move_is_a_programmers_mistake(status: Status, move: Move) -> None:
    with pytest.raises(AssertionError, match=f"{status} cannot {move}"):
        moved(status, move)


def test_every_status_can_be_reached_and_every_incident_can_end() -> None:
    def reached(start: Status) -> set[Status]:
        seen = {start}
        while new := {after for (before, _), after in MOVES.items() if before in seen} - seen:
            seen |= new
        return seen

    assert reached(Status.OPEN) == set(Status)
    assert all(Status.CLOSED in reached(status) for status in Status)
    assert {move for _, move in MOVES} == set(Move)


def test_a_users_further_words_never_change_the_status() -> None:
    assert all(moved(status, Move.JOIN) is status for status in Status)


def incident() -> Incident:
    return Incident(
        id=10042,
        version=1,
        channel=Channel.EMAIL,
        status=Status.OPEN,
        severity=Severity.DEGRADED,
        severity_reasons=(),
        type="",
        queue=Queue.OPERATIONS,
        language="es",
        requester=1,
        requester_name="Ana",
        requester_email="ana@cliente.example",
        requester_phone="",
        subject="lento",
        created_at=AT,
    )


def test_an_incident_knows_its_number() -> None:
    assert incident().number == "INC-100425"


def test_the_live_assignment_of_a_queue_has_it() -> None:
    ended = Assignment(1, Queue.OPERATIONS, 7, AT, AT)
    live = Assignment(2, Queue.OPERATIONS, 8, AT)
    of_desk = Assignment(3, Queue.DESK, 9, AT)
    one = replace(incident(), assignments=(ended, live, of_desk))
    assert one.assigned(Queue.OPERATIONS) is live
    assert one.assigned(Queue.DESK) is of_desk
    assert one.assigned(Queue.DEVELOPMENT) is None


def test_the_promise_that_stands_is_neither_replaced_nor_cancelled() -> None:
    kind = PromiseKind.RESOLUTION
    old = Promise(1, kind, AT, AT, replaced_by=2)
    new = Promise(2, kind, AT, AT)
    cancelled = Promise(3, PromiseKind.FIRST_ATTENTION, AT, AT, cancelled_at=AT)
    one = replace(incident(), promises=(old, cancelled, new))
    assert one.promise(kind) is new
    assert one.promise(PromiseKind.FIRST_ATTENTION) is None

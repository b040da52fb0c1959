"""Places under the caps: no two answers take one, on any number of nodes, and none is taken twice (guarantee 4)."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from desk.base.names import Audience, Channel, OwedKind
from desk.base.shapes import shape_of
from desk.caps import Caps
from desk.commit import Commit
from desk.ledger import leases
from desk.ledger.load import Waiting
from desk.ledger.statements import Run, Steps
from desk.rules.decision import Decision, Owed
from desk.rules.settings import AnswersSettings
from desk.wording.samples import SAMPLES
from tests.ledger.desks import NOON, Open, SetClock, opened

pytestmark = pytest.mark.anyio

LIMITS = AnswersSettings(per_address_per_hour=3, per_address_per_day=0, per_incident_per_day=0, per_minute=0)


async def quiet(_at: datetime) -> None:
    """Tell nobody of a flood."""


def caps_of(commit: Commit, answers: AnswersSettings = LIMITS) -> Caps:
    return Caps(commit, answers, ZoneInfo("America/Mexico_City"), quiet)


def rows(sql: str) -> Steps[list[tuple[object, ...]]]:
    return (yield Run(sql))


async def owe(commit: Commit, count: int) -> list[Waiting]:
    """Write incidents with an acknowledgement each to one address; return these as they are handed on."""

    def owing(decision: Decision) -> Decision:
        (change,) = decision.incidents
        one = Owed(
            id=commit.ids.next("owed"),
            incident=change.after.id,
            kind=OwedKind.ACKNOWLEDGEMENT,
            channel=Channel.EMAIL,
            to="ana@cliente.mx",
            language="es",
            audience=Audience.USER,
            facts={**SAMPLES["acknowledgement"]["open"], "number": change.after.number},
            shape=shape_of(OwedKind.ACKNOWLEDGEMENT),
            due_at=NOON,
        )
        return replace(decision, owed=(one,))

    acts = [await commit.perform(Open(commit, owing)) for _ in range(count)]
    return [Waiting(decision.owed[0], 0) for decision in acts]


async def admitted(caps: Caps, waiting: Sequence[Waiting]) -> list[Waiting]:
    found = await asyncio.gather(*(caps.admit(one) for one in waiting))
    return [one for one in found if one is not None]


async def test_two_nodes_at_once_let_no_more_go_than_there_are_places(engine_url: str) -> None:
    async with opened(engine_url) as one, opened(engine_url, "node-b") as two:
        of_one, of_two = await owe(one, 20), await owe(two, 20)
        both = await asyncio.gather(admitted(caps_of(one), of_one), admitted(caps_of(two), of_two))
        assert len(both[0]) + len(both[1]) == LIMITS.per_address_per_hour
        standing = await one.store.read(rows("SELECT status, count(*) FROM owed GROUP BY status ORDER BY status"))
        assert [tuple(row) for row in standing] == [("delayed", 37), ("queued", 3)]


async def test_a_crash_between_counting_and_sending_counts_nothing_twice(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        waiting = await owe(commit, 4)
        assert len(await admitted(caps_of(commit), waiting[:2])) == 2
    async with opened(engine_url, "node-b") as commit:  # nothing was sent: both are taken up anew
        assert len(await admitted(caps_of(commit), waiting[:2])) == 2
        assert len(await admitted(caps_of(commit), waiting[2:])) == 1, "the third place was still to be had"


async def test_a_row_that_was_tried_is_not_asked_again(engine_url: str) -> None:
    async with opened(engine_url) as commit:
        waiting = await owe(commit, 5)
        assert len(await admitted(caps_of(commit), [replace(one, attempts=1) for one in waiting])) == 5
        assert await commit.store.read(rows("SELECT 1 FROM caps")) == []


async def test_two_nodes_that_wake_what_waited_tell_it_in_one_mail(engine_url: str) -> None:
    clock = SetClock(NOON)
    async with opened(engine_url, clock=clock) as one, opened(engine_url, "node-b", clock=clock) as two:
        await admitted(caps_of(one), await owe(one, 9))
        clock.advance(timedelta(hours=1))
        claim = leases.owed_at(clock.now())
        ids = await one.run(
            leases.take(replace(claim, condition=f"{claim.condition} AND status = 'delayed'"), "node-a")
        )
        woken = await one.store.read(leases.owed(ids))
        assert len(woken) == 6
        both = await asyncio.gather(admitted(caps_of(one), woken[::2]), admitted(caps_of(two), woken[1::2]))
        (carrier,) = (*both[0], *both[1])
        assert len(carrier.owed.facts["incidents"]) == 6
        standing = await one.store.read(rows("SELECT status, count(*) FROM owed GROUP BY status ORDER BY status"))
        assert [tuple(row) for row in standing] == [("merged", 5), ("queued", 4)]


async def test_old_windows_are_forgotten(engine_url: str) -> None:
    clock = SetClock(NOON)
    async with opened(engine_url, clock=clock) as commit:
        caps = caps_of(commit)
        await admitted(caps, await owe(commit, 1))
        clock.advance(timedelta(days=4))
        await admitted(caps, [replace(one, owed=replace(one.owed, due_at=clock.now())) for one in await owe(commit, 1)])
        starts = await commit.store.read(rows("SELECT count(*) FROM caps"))
        assert starts[0][0] == 2, "the row's own and its hour"

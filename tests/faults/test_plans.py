"""Some of the seeded plans, chosen anew with every commit; and the mistakes that only plans on real nodes can notice.

All of them are `python -m tests.faults.plans` (`make faults-long`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines import ENGINES
from tests.faults.grounds import ground
from tests.faults.plans import left_out, played, played_one, summary
from tests.faults.play import Outcome, prepared
from tests.faults.seeds import seed_of_commit
from tests.faults.strikes import all_cells, plan_of
from tests.mutants.guarantees import MUTANTS

pytestmark = pytest.mark.anyio

PLANS = 4
"""On each engine."""
OF_REAL_PROCESSES = [name for name, mutant in MUTANTS.items() if mutant.guarantee in (7, 9)]
"""Mistakes that the simulated world cannot notice: it keeps no bytes on a disk, and its readers are no processes."""
TRIES_MAX = 3
SLOW_COMMIT_S = 0.1
"""With commits that take so long more, several mails come into each batch."""


async def outcomes_on(engine: str, seeds: range, folder: Path) -> list[Outcome]:
    async with ground(engine, folder) as one, prepared(one, folder):
        return [outcome async for outcome in played(one, seeds, folder)]


@pytest.mark.done("faults.1")
async def test_plans_drawn_by_the_commit_lose_and_double_nothing(tmp_path: Path, figure: Callable[[str], None]) -> None:
    first = seed_of_commit()
    seeds = range(first, first + PLANS)
    both = await asyncio.gather(*(outcomes_on(engine, seeds, tmp_path) for engine in ENGINES))
    outcomes = [one for those in both for one in those]
    assert [str(one) for one in outcomes if one.problems] == []
    assert len(outcomes) == PLANS * len(ENGINES)
    figure(f"{len(outcomes)} plans from seed {first}: {summary(outcomes)}")


@pytest.mark.parametrize("mutant", OF_REAL_PROCESSES)
@pytest.mark.done("faults.1")
async def test_plans_notice_the_mistakes_that_the_simulated_world_cannot(
    tmp_path: Path, figure: Callable[[str], None], mutant: str
) -> None:
    async with ground("sqlite", tmp_path) as one, prepared(one, tmp_path):
        for seed in range(1, TRIES_MAX + 1):
            plan = replace(plan_of(seed, one.engine), of_nodes=())  # the load and its hostile mails are enough
            outcome = await played_one(one, plan, tmp_path, mutant, SLOW_COMMIT_S)
            if outcome.problems:
                break
    assert outcome.problems, f"{mutant} was not noticed by {TRIES_MAX} plans"
    figure(f"{mutant} is noticed by seed {seed}: {outcome.problems[0]}")


@pytest.mark.done("faults.1")
def test_seeds_that_follow_one_another_are_dealt_every_cell_of_the_named_list() -> None:
    without = left_out()
    dealt = {
        (engine, strike.fault, strike.step)
        for engine in ENGINES
        for seed in range(75)
        for strike in plan_of(seed, engine, without).strikes
    }
    assert dealt == set(all_cells(without))


@pytest.mark.done("faults.1")
def test_a_plan_is_its_seed_alone() -> None:
    assert plan_of(7, "sqlite") == plan_of(7, "sqlite") != plan_of(8, "sqlite")

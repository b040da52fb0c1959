"""The whole kill plan: every place of both stories on both engines, then the mistakes that it must notice.

Prints each place by its name with what came of it. Ends with 0 when every book balances and no mistake does.

Usage: python -m tests.faults.kill [--engine sqlite|postgres] [--mutant NAME]
"""

# done("house.4"): python -m tests.faults.kill

import asyncio
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.engines import ENGINES, PostgresServer
from tests.faults.books import USER
from tests.faults.databases import Databases, PostgresDatabases, SqliteDatabases
from tests.faults.mutants import MUTANTS
from tests.faults.nodes import SHORT_LEASE_S, Struck
from tests.faults.places import AFTER, Place
from tests.faults.plan import Outcome, Plan, Story

FIGURE = "figure: "


def main() -> int:
    parser = ArgumentParser()
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="")
    args = parser.parse_args()
    is_good = True
    for engine in args.engine or ENGINES:
        with tempfile.TemporaryDirectory(prefix="ventanilla-faults-") as name, databases(engine, Path(name)) as ours:
            is_good &= asyncio.run(_run(ours, Path(name), args.mutant))
    return 0 if is_good else 1


@contextmanager
def databases(engine: str, folder: Path) -> Iterator[Databases]:
    """The databases of an engine; PostgreSQL's server ends with the block. Raises PostgresAbsent."""
    if engine == "sqlite":
        yield SqliteDatabases(folder)
        return
    server = PostgresServer()
    try:
        server.start()
        yield PostgresDatabases(server)
    finally:
        server.stop()


async def targets_of(plan: Plan, stories: Sequence[Story], mutant: str = "") -> list[tuple[Story, Place]]:
    """Return every place of stories; without a mistake their books must balance when nobody is killed."""
    targets = []
    for story in stories:
        places, outcome = await plan.places(story, mutant)
        assert mutant or not outcome.problems, str(outcome)
        targets += [(story, place) for place in places]
    return targets


async def with_mutant(plan: Plan, story: Story, mutant: str) -> list[Outcome]:
    """Strike the places of a story that matter to a mistake."""
    matters_at = MUTANTS[mutant].matters_at
    targets = [target for target in await targets_of(plan, [story], mutant) if matters_at(target[1])]
    assert targets, f"{mutant}: no place that matters was passed"
    return await plan.strike_all(targets, mutant)


async def _run(ours: Databases, folder: Path, mutant: str) -> bool:
    plan = Plan(ours, folder)
    try:
        stories = await plan.prepare()
        is_good = await _strike_everything(plan, stories, mutant)
        if not mutant:
            is_good &= await _with_the_shipped_lease(plan, stories[0])
            is_good &= await _mistakes_are_noticed(plan, stories[0])
    finally:
        await ours.close()
    return is_good


async def _strike_everything(plan: Plan, stories: Sequence[Story], mutant: str) -> bool:
    began = time.monotonic()
    engine = plan.databases.engine
    if engine == "postgres":
        print(
            f"postgres: struck nodes write leases of {SHORT_LEASE_S} s instead of 30 s, so that the next need not wait"
        )
    targets = await targets_of(plan, stories, mutant)
    print(f"{engine}: {len(targets)} places: {_counted(targets)}", flush=True)
    outcomes = await plan.strike_all(targets, mutant)
    bad = [outcome for outcome in outcomes if outcome.problems]
    minutes = (time.monotonic() - began) / 60
    copies = sum(outcome.copies for outcome in outcomes)
    print(
        f"{FIGURE}{engine}: {len(outcomes)} places struck ({_counted(targets)}), {len(bad)} out of balance,"
        f" {copies} mails at the relay a second time with the same bytes, {minutes:.1f} min"
    )
    for outcome in bad:
        print(f"out of balance: {outcome}")
    return not bad


async def _with_the_shipped_lease(plan: Plan, story: Story) -> bool:
    """Strike once after the arrival's commit and once after the answer was sent, with the lease as shipped."""
    if plan.databases.engine == "sqlite":
        return True
    names = ("commit: +keys +blobs +arrivals", f"relay> content To: <{USER}>")
    places = [Place(AFTER, name, 1) for name in names]
    outcomes = await asyncio.gather(*(plan.strike(story, Struck(place, lease_s=None)) for place in places))
    for outcome in outcomes:
        print(f"with the shipped lease: {outcome}", flush=True)
    print(f"{FIGURE}postgres: {len(outcomes)} places struck with the shipped lease of 30 s")
    return not any(outcome.problems for outcome in outcomes)


async def _mistakes_are_noticed(plan: Plan, story: Story) -> bool:
    is_good = True
    for name in MUTANTS:
        print(f"with the mistake {name!r}:", flush=True)
        outcomes = await with_mutant(plan, story, name)
        noticed = sum(bool(outcome.problems) for outcome in outcomes)
        print(f"{FIGURE}{plan.databases.engine}: mistake {name!r} noticed at {noticed} of {len(outcomes)} places")
        is_good &= noticed == len(outcomes)
    return is_good


def _counted(targets: list[tuple[Story, Place]]) -> str:
    names = [story.name for story, _ in targets]
    return ", ".join(f"{names.count(name)} of {name}" for name in dict.fromkeys(names))


if __name__ == "__main__":
    sys.exit(main())

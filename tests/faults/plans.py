"""The seeded plans: real nodes under load, struck by every fault of the named list, their books counted.

Prints each plan as it ends, then a table of faults, steps and engines. Ends with 0 when every book balances, every cell
of the named list was struck, and a mail was in flight at each strike.

Usage: python -m tests.faults.plans [--plans N] [--seed N] [--engine sqlite|postgres]… [--mutant NAME] [--keep FOLDER]
"""

# done("faults.1"): python -m tests.faults.plans

import asyncio
import signal
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.engines import ENGINES
from tests.faults.grounds import Ground, ground, may_fill
from tests.faults.play import Outcome, Play, prepared
from tests.faults.seeds import seed_of_commit
from tests.faults.strikes import Fault, Plan, Step, all_cells, plan_of
from tests.mutants.guarantees import MUTANTS

FIGURE = "figure: "
PLANS = 160
"""Of both engines together."""
WHOLE = 150
"""So many plans leave no cell of the named list empty: fewer are a sample, of which that is not asked."""


def main() -> int:
    args = _parsed()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers, nodes and disks go away with it
    engines = tuple(args.engine or ENGINES)
    first, each = (args.seed, args.plans or 1) if args.seed is not None else (seed_of_commit(), args.plans or 0)
    each = each or PLANS // len(engines)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ventanilla-plans-") as name:
        folder = args.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        outcomes = asyncio.run(_run(engines, range(first, first + each), folder, args.mutant))
    print(table(outcomes))
    bad = [one for one in outcomes if one.problems]
    missing = empty_cells(outcomes) if len(outcomes) >= WHOLE else []
    for cell in missing:
        print(f"never struck: {', '.join(cell)}")
    print(
        f"{FIGURE}{len(outcomes)} plans, seeds {first} to {first + each - 1} on {' and '.join(engines)}:"
        f" {len(bad)} out of balance; {summary(outcomes)}; {(time.monotonic() - began) / 60:.1f} min"
    )
    for one in bad:
        print(f"out of balance: {one.again}")
    return 1 if bad or missing else 0


async def played(ground_: Ground, seeds: Iterable[int], folder: Path, mutant: str = "") -> AsyncIterator[Outcome]:
    """Play the plans of seeds on a prepared ground, one after the other."""
    for seed in seeds:
        yield await played_one(ground_, plan_of(seed, ground_.engine, left_out()), folder, mutant)


async def played_one(ground_: Ground, plan: Plan, folder: Path, mutant: str = "", slow_s: float = 0.0) -> Outcome:
    """Play one plan, its logs in a folder named after it."""
    mine = folder / f"{plan.engine}-{plan.seed}"
    mine.mkdir()
    return await Play(ground_, plan, mine, mutant, slow_s).play()


async def _told(outcomes: AsyncIterator[Outcome]) -> list[Outcome]:
    """Print outcomes as they come, and return them all."""
    told = []
    async for one in outcomes:
        print(one, flush=True)
        told.append(one)
    return told


def left_out() -> frozenset[Fault]:
    """Return the faults that cannot be made on this machine."""
    return frozenset() if may_fill() else frozenset({Fault.DISK_FULL})


def empty_cells(outcomes: Iterable[Outcome]) -> list[tuple[str, Fault, Step]]:
    """Return the cells of the named list that nothing struck."""
    struck = _counted(outcomes)
    return [cell for cell in all_cells() if not struck[cell]]


def table(outcomes: Sequence[Outcome]) -> str:
    """Return how often each fault struck at each step, on each engine."""
    struck = _counted(outcomes)
    rows = dict.fromkeys((fault, step) for _, fault, step in all_cells())
    cells = set(all_cells())
    lines = [f"{'fault':42} {'step':36} " + " ".join(f"{engine:>8}" for engine in ENGINES)]
    for fault, step in rows:
        shown = (str(struck[engine, fault, step]) if (engine, fault, step) in cells else "none" for engine in ENGINES)
        lines.append(f"{fault:42} {step:36} " + " ".join(f"{one:>8}" for one in shown))
    return "\n".join(lines)


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the sums of plans in one line."""
    flying = [count for one in outcomes for _, count in one.in_flight]
    return (
        f"{len(flying)} strikes, {min(flying, default=0)} to {max(flying, default=0)} mails in flight at each,"
        f" {sum(one.letters for one in outcomes)} mails, {sum(one.repeated for one in outcomes)} repeated deliveries,"
        f" {sum(one.copies for one in outcomes)} mails at the relay a second time with the same bytes"
    )


def _counted(outcomes: Iterable[Outcome]) -> Counter[tuple[str, Fault, Step]]:
    return Counter((one.plan.engine, strike.fault, strike.step) for one in outcomes for strike, _ in one.in_flight)


async def _run(engines: Sequence[str], seeds: range, folder: Path, mutant: str) -> list[Outcome]:
    """Play the seeds on every engine, the engines beside each other."""
    async with AsyncExitStack() as stack:
        grounds = [await stack.enter_async_context(ground(engine, folder)) for engine in engines]
        for one in grounds:
            await stack.enter_async_context(prepared(one, folder))
        outcomes = await asyncio.gather(*(_told(played(one, seeds, folder, mutant)) for one in grounds))
    return [one for those in outcomes for one in those]


def _parsed() -> Namespace:
    parser = ArgumentParser()
    parser.add_argument("--plans", type=int, help="how many seeds on each engine")
    parser.add_argument("--seed", type=int, help="the first seed; without it: taken from the commit")
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), default="")
    parser.add_argument("--keep", type=Path, help="a folder in which logs are left")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

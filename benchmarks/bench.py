"""What an answered mail costs, in one run with what it is compared to: a bare aiosmtpd sink, and Postfix relaying it.

Rounds are interleaved, so that what else happens on the machine meets all alike; medians are over rounds. The service
runs as it is shipped; what must differ is printed. A last round of its own has the meter on: its table of stages says
where the CPU goes, the figures in all come from the rounds without it. Exit 1 when an answer is missing or doubled,
with --judge also when that line of docs/DONE.md is missed.

Usage: python -m benchmarks.bench [--mails N] [--rounds R] [--engine sqlite|postgres|both] [--json FILE] [--judge LINE]
"""

# done("house.2"): python -m benchmarks.bench --rounds 1 --engine sqlite --judge house.2
# done("house.5"): python -m benchmarks.bench --judge house.5
# done("faults.7"): python -m benchmarks.bench --engine sqlite --judge faults.7

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median, quantiles

from benchmarks.mix import Mail, mix
from benchmarks.postfix import PostfixAbsent
from benchmarks.runs import PACED_LOAD, House, Run, run_bare, run_house, run_postfix
from tests.engines import PostgresAbsent, PostgresServer

MAILS = 1000
ROUNDS = 3
IDLE_MAILS = 50
IDLE_SEED = 2
PACED_SEED = 4
CPU_MS_MAX = 4.0
"""Of an answered mail, in all our processes (docs/DONE.md, house.5)."""
SHARE_OF_BARE_MIN = 0.5
IDLE_S_MAX = 0.3
"""Median from the 250 to the acknowledgement at the relay on an idle machine (house.2)."""
PACED_P99_S_MAX = 0.1
"""To the 250, at 0.7 of the maximal load on SQLite (faults.7)."""
BUDGET: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("DATA", 0.5, ("DATA",)),
    ("arrival", 0.15, ("arrival",)),
    ("hop to a reader", 0.2, ("hop to a reader", "reader's side")),
    ("reading", 0.5, ("reading",)),
    ("triage", 0.4, ("triage",)),
    ("decide and write", 0.4, ("decide and write", "load", "write", "note as sent", "checkpoint")),
    ("compose", 0.2, ("compose",)),
    ("submit both", 0.6, ("submit",)),
)
"""Lines of DESIGN 8's budget in ms a mail, and the stages of the meter that belong to each."""


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    mails, paced, idle = mix(options.mails), mix(options.mails, PACED_SEED), mix(IDLE_MAILS, IDLE_SEED)
    print(f"{len(mails)} mails, {sum(len(mail.raw) for mail in mails) / 1e6:.1f} MB, {options.rounds} rounds;", end=" ")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} from other work at the start")
    runs = asyncio.run(_all_runs(options, mails, paced, idle))
    metered = [run for run in runs if run.stages]
    rounds = [run for run in runs if not run.stages]
    _tell_settings(runs)
    _tell_medians(rounds)
    for run in metered:
        _tell_stages(run)
    missed = _judge(rounds)
    wrong = [f"{run.name}: {problem}" for run in runs for problem in run.wrong]
    for problem in wrong:
        print(f"WRONG {problem}")
    if options.json:
        options.json.write_text(json.dumps([asdict(run) for run in runs]))
    return 1 if wrong or options.judge in missed else 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.bench", description=__doc__.partition("\n")[0])
    parser.add_argument("--mails", type=int, default=MAILS, metavar="N")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="R")
    parser.add_argument("--engine", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument(
        "--judge", choices=("house.2", "house.5", "faults.7"), help="fail when this line of docs/DONE.md is missed"
    )
    parser.add_argument("--profile", default="", metavar="FILE", help="only one run, with a profile of the main thread")
    return parser.parse_args(arguments)


async def _all_runs(
    options: argparse.Namespace, mails: Sequence[Mail], paced: Sequence[Mail], idle: Sequence[Mail]
) -> list[Run]:
    if options.profile:
        return [await run_house(mails, House(profile=options.profile))]
    runs: list[Run] = []
    async with _postgres(options.engine) as server:
        for place in range(options.rounds):
            is_last = place == options.rounds - 1
            runs.append(_tell(await run_bare(mails)))
            for house in _houses(options.engine, server):
                runs.append(_tell(await run_house(mails, house, paced, idle if is_last else ())))
            if (relayed := await _postfix(mails)) is not None:
                runs.append(_tell(relayed))
        for house in _houses(options.engine, server):
            runs.append(_tell(await run_house(mails, replace(house, name=f"{house.name}, metered", is_metered=True))))
    return runs


def _houses(engine: str, server: PostgresServer | None) -> list[House]:
    houses = [House("ventanilla, sqlite")] if engine != "postgres" else []
    if server is not None:
        houses.append(House("ventanilla, postgres", server.fresh_database(), server.pid))
    return houses


@asynccontextmanager
async def _postgres(engine: str) -> AsyncIterator[PostgresServer | None]:
    """A PostgreSQL that syncs; None when it is not asked for, or not at hand."""
    if engine == "sqlite":
        yield None
        return
    try:
        server = PostgresServer(durable=True)
        await asyncio.to_thread(server.start)
    except PostgresAbsent as absent:
        print(f"skipped: ventanilla on PostgreSQL: {absent}")
        yield None
        return
    try:
        yield server
    finally:
        await asyncio.to_thread(server.stop)


async def _postfix(mails: Sequence[Mail]) -> Run | None:
    try:
        return await run_postfix(mails)
    except PostfixAbsent as absent:
        print(f"skipped: the comparison with Postfix: {absent}")
        return None


def _tell(run: Run) -> Run:
    """Print one run's line and return it."""
    print(f"  {_line(run.name, [run])}", flush=True)
    return run


def _line(name: str, runs: Sequence[Run]) -> str:
    def middle(figure: Callable[[Run], float]) -> float:
        return median(figure(run) for run in runs)

    text = f"{name:30} {middle(lambda run: run.rate):7.0f}/s  CPU {middle(lambda run: run.cpu_ms):5.2f} ms a mail"
    text += f"  250 p50 {_ms(middle(lambda run: median(run.to_250)))} p99 {_ms(middle(lambda run: _p99(run.to_250)))}"
    if all(run.to_answer for run in runs):
        text += f"  out p50 {_ms(middle(lambda run: median(run.to_answer)))}"
        text += f" p99 {_ms(middle(lambda run: _p99(run.to_answer)))}"
    if any(run.database_s for run in runs):
        text += f"  (the server: {middle(lambda run: run.database_s / run.count * 1000):.2f} ms more)"
    return text


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100)[98] if len(values) > 1 else values[0]


def _tell_settings(runs: Sequence[Run]) -> None:
    print("\nSettings that differ from the shipped ones (as the service tells them); all else as shipped:")
    for run in {run.name: run for run in runs if run.given}.values():
        print(f"  {run.name}: " + ", ".join(f"{key} = {value}" for key, value in run.given.items()))


def _tell_medians(rounds: Sequence[Run]) -> None:
    names = list(dict.fromkeys(run.name for run in rounds))
    print("\nMedians over the rounds:")
    for name in names:
        print("  " + _line(name, [run for run in rounds if run.name == name]))


def _tell_stages(run: Run) -> None:
    """Print where a mail's CPU goes, by the lines of DESIGN 8's budget."""
    ms = {name: seconds / run.count * 1000 for name, seconds in run.stages.items()}
    ms["reader's side"] = ms.pop("reader") - ms.get("reading", 0.0) - ms.get("triage", 0.0)
    print(f"\nCPU ms a mail by stage ({run.name}; the meter itself is in it):")
    counted = 0.0
    for name, allowed, stages in BUDGET:
        spent = sum(ms.get(stage, 0.0) for stage in stages)
        counted += spent
        parts = " + ".join(f"{stage} {ms[stage]:.2f}" for stage in stages if stage in ms) if len(stages) > 1 else ""
        mark = "over its line" if spent > allowed else ""
        print(f"  {name:18} {spent:5.2f}   line {allowed:4.2f}  {mark:14} {parts}".rstrip())
    print(f"  {'elsewhere':18} {run.cpu_ms - counted:5.2f}")
    print(f"  {'in all':18} {run.cpu_ms:5.2f}   line {sum(allowed for _, allowed, _ in BUDGET):4.2f}")


def _judge(rounds: Sequence[Run]) -> set[str]:
    """Print the figures that were promised, and return the lines of docs/DONE.md that are missed."""
    bare = median(run.rate for run in rounds if run.name.startswith("bare")) if rounds else 0.0
    postfix = [run.cpu_ms for run in rounds if run.name == "Postfix"]
    missed: set[str] = set()
    print()
    for name in dict.fromkeys(run.name for run in rounds if run.name.startswith("ventanilla")):
        runs = [run for run in rounds if run.name == name]
        cpu_ms, share = median(run.cpu_ms for run in runs), median(run.rate for run in runs) / bare
        told = f"{cpu_ms:.2f} ms CPU an answered mail (at most {CPU_MS_MAX}), {share:.2f} of the bare sink's rate"
        told += f" (at least {SHARE_OF_BARE_MIN})"
        if postfix:
            told += f", {cpu_ms / median(postfix):.1f} times Postfix's CPU"
        print(f"figure: {name}: {told}")
        idle = [waited for run in runs for waited in run.idle_s]
        print(f"figure: {name}: idle, from 250 to the acknowledgement {_ms(median(idle))} in the median of {len(idle)}")
        if cpu_ms > CPU_MS_MAX or share < SHARE_OF_BARE_MIN:
            missed.add("house.5")
        if median(idle) >= IDLE_S_MAX:
            missed.add("house.2")
        paced = median(_p99(run.paced_to_250) for run in runs)
        print(f"figure: {name}: p99 to the 250 at {PACED_LOAD} of the maximal load {_ms(paced)}")
        if name.endswith("sqlite") and (paced >= PACED_P99_S_MAX or cpu_ms > CPU_MS_MAX):
            missed.add("faults.7")
    return missed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`ventanilla run` in a process that stands still at the steps of a plan until it is continued or killed.

Everything runs as shipped but for waits that are shortened, a clock that can be turned from outside, and a grader that
kills its reader on one subject: what an error in a C library does. A mistake may be put in on purpose.

Usage: python -m tests.faults.planned_node --pipe FD --clock FILE --ports 2525=smtp,… [--stand NTH STEP] … run …
"""

import asyncio
import mmap
import os
import signal
import struct
import sys
from argparse import REMAINDER, ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.faults.places import AFTER, BEFORE, Places
from tests.faults.strikes import PASSED, Step

LEASE_S = 3
AGAIN_S = 0.3
BUSY_MS = 300
PROBE_S = (0.3, 1.0)
OFFSET = struct.Struct("d")
"""What the file that turns the clock holds: seconds that are added to the machine's clock."""


class Stops(Places):
    """Stands still at one step after the other; each is counted from where the one before it was left."""

    def __init__(self, pipe: int, wanted: Sequence[tuple[Step, int]]) -> None:
        super().__init__(pipe, None)
        self._wanted = list(wanted)
        self._count = 0

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        if self._has_begun:
            self._pass(BEFORE, name)
        yield
        if self._has_begun:
            self._pass(AFTER, name)

    def _pass(self, side: str, name: str) -> None:
        with self._lock:
            if not self._wanted or not PASSED[self._wanted[0][0]](side, name):
                return
            step, nth = self._wanted[0]
            self._count += 1
            if self._count < nth:
                return
            self._count = 0
            del self._wanted[0]
            os.write(self._pipe, f"{side}\t{nth}\t{step}\n".encode())
            os.kill(os.getpid(), signal.SIGSTOP)  # all threads at once, until SIGCONT or SIGKILL


def main(arguments: list[str]) -> int:
    args = _parsed(arguments)
    _hurry()
    _turn_clock_by(args.clock)

    import ventanilla.wiring
    from tests.faults.deadly import grader
    from tests.faults.places import hook_all
    from ventanilla.cli import dispatch

    ventanilla.wiring.triage_grader = grader
    if args.slow:
        _slow_down_commits(args.slow)
    if args.mutant:
        import pytest

        from tests.mutants.guarantees import MUTANTS

        MUTANTS[args.mutant].breaks(pytest.MonkeyPatch())
    ports = {int(port): name for port, _, name in (one.partition("=") for one in args.ports.split(","))}
    stands = [(Step(step), int(nth)) for nth, step in args.stand]
    hook_all(Stops(args.pipe, stands), ports)
    return dispatch(args.command)


def _hurry() -> None:
    """Shorten what a plan would only wait for; what happens after it is the same."""
    import desk.due
    import desk.ledger.sqlite
    import intake.email.ingest
    import responders.mail.relays
    import responders.outbox
    from desk.ledger import statements

    statements.LEASE_S = LEASE_S
    desk.due.RENEW_S = 1
    desk.ledger.sqlite.BUSY_TIMEOUT_MS = BUSY_MS
    intake.email.ingest.AGAIN_S = AGAIN_S
    responders.outbox.STORE_AGAIN_S = AGAIN_S
    responders.outbox.RETRY_AFTER = (timedelta(seconds=AGAIN_S),) * len(responders.outbox.RETRY_AFTER)
    responders.outbox.PROBE_S = responders.mail.relays.PROBE_S = PROBE_S


def _slow_down_commits(seconds: float) -> None:
    """Let every commit take its time, as on a busy disk: what comes meanwhile is written together."""
    from desk.commit import Commit

    write_one = Commit._write_one

    async def slowly(self: Commit, changes: list[Any]) -> list[bool]:
        await asyncio.sleep(seconds)
        return await write_one(self, changes)

    Commit._write_one = slowly  # type: ignore[method-assign]


def _turn_clock_by(path: Path) -> None:
    """Let the house's clock be the machine's and what a file says: it may be written while the node runs."""
    from desk.base.clock import WallClock

    with path.open("rb") as file:
        said = mmap.mmap(file.fileno(), OFFSET.size, access=mmap.ACCESS_READ)

    def now(_self: WallClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=OFFSET.unpack_from(said)[0])

    WallClock.now = now  # type: ignore[method-assign]


def _parsed(arguments: list[str]) -> Namespace:
    parser = ArgumentParser()
    parser.add_argument("--pipe", type=int, required=True)
    parser.add_argument("--clock", type=Path, required=True)
    parser.add_argument("--ports", required=True)
    parser.add_argument("--stand", nargs=2, action="append", default=[])
    parser.add_argument("--mutant", default="")
    parser.add_argument("--slow", type=float, default=0.0, help="seconds that a commit takes longer")
    parser.add_argument("command", nargs=REMAINDER)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

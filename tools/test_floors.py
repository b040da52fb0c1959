"""Runs every floor of the tests, quick ones first, and closes on one line: N passed, N failed, N skipped.

A floor is a folder of tests/. A folder that is not in FLOORS fails the run, so that none is forgotten. As root on
Debian and in CI everything the tests need can be installed, so a skipped test there is a failure.

Usage: python -m tools.test_floors [FLOOR…]
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
FLOORS = ("rules", "project", "ledger", "channels", "mails", "stories", "world", "mutants", "faults", "packaging")
# Floors whose tests mostly wait for servers of their own, and how many processes run such a floor's tests side by side.
SIDE_BY_SIDE = {"stories": 2, "mutants": 2}
# What pytest ends with when a folder holds only tests that are left out here (marked long).
NOTHING_COLLECTED = 5
INTERRUPTED = 130
JUNIT_COUNTS = ("tests", "errors", "failures", "skipped")


@dataclass(frozen=True)
class Outcome:
    """What a floor counted. `seconds` is wall time with collection."""

    floor: str
    passed: int
    failed: int
    skipped: int
    seconds: float


def main(wanted: list[str]) -> int:
    forgotten = sorted(folder.name for folder in TESTS.iterdir() if holds_tests(folder) and folder.name not in FLOORS)
    if forgotten:
        print(f"tests/{', tests/'.join(forgotten)}: not among FLOORS in tools/test_floors.py", file=sys.stderr)
        return 1
    outcomes = [run_floor(floor) for floor in FLOORS if holds_tests(TESTS / floor) and (not wanted or floor in wanted)]
    return close(outcomes)


def holds_tests(folder: Path) -> bool:
    return folder.is_dir() and any(folder.rglob("test_*.py"))


def run_floor(floor: str) -> Outcome:
    print(f"--- {floor}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", f"tests/{floor}", "-m", "not long", "-rs", f"--junitxml={report}"]
        if floor in SIDE_BY_SIDE:
            command += [f"--numprocesses={SIDE_BY_SIDE[floor]}", "--dist=worksteal"]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        passed, failed, skipped = counted(report)
    if code not in (0, NOTHING_COLLECTED) and not failed:
        failed = 1  # it died before it could write what failed
    return Outcome(floor, passed, failed, skipped, time.monotonic() - began)


def counted(report: Path) -> tuple[int, int, int]:
    """Return passed, failed (with errors) and skipped of a JUnit report; nothing when there is no report."""
    if not report.exists():
        return 0, 0, 0
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 our own pytest has just written it
    tests, errors, failures, skipped = (sum(int(s.get(key, 0)) for s in suites) for key in JUNIT_COUNTS)
    failed = errors + failures
    return max(0, tests - failed - skipped), failed, skipped


def close(outcomes: list[Outcome]) -> int:
    """Print a line a floor and the closing line; return the exit code."""
    print()
    for one in outcomes:
        print(
            f"{one.floor:10} {one.passed:5} passed {one.failed:4} failed {one.skipped:4} skipped {one.seconds:7.1f} s"
        )
    passed, failed, skipped = (sum(getattr(one, key) for one in outcomes) for key in ("passed", "failed", "skipped"))
    if skipped and must_not_skip():
        print(f"{skipped} skipped: as root on Debian and in CI nothing may be left out; the reasons stand above")
        failed, skipped = failed + skipped, 0
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


def must_not_skip() -> bool:
    return os.environ.get("CI") == "true" or (os.geteuid() == 0 and Path("/etc/debian_version").exists())


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)

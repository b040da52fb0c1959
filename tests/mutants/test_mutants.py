"""Each mutant is run: the plain test stays green, the test beside the mutant fails (DESIGN 8, Proof)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.guarantees import MUTANTS, PLAIN, Mutant

ROOT = Path(__file__).resolve().parents[2]
GUARANTEES = set(range(1, 10))
"""Of DESIGN 1; of 6 what links may do, the consultants' part comes with them."""
RUN_S = 180.0


def run(tests: list[str], mutant: str = "") -> dict[str, str]:
    """Run tests in a process of their own, broken by a mutant, and return each one's outcome in capitals."""
    options = ["-p", "tests.mutants.plugin", "-p", "no:cacheprovider", "-rA", "--tb=line", f"--mutant={mutant}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    outcomes = {}
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        for test in tests:
            if word.isupper() and (rest == test or rest.startswith(f"{test} - ")):
                outcomes[test] = word
    assert set(outcomes) == set(tests), done.stdout + done.stderr
    return outcomes


@pytest.mark.done("house.7")
def test_every_guarantee_of_the_house_has_a_mutant(figure) -> None:
    assert {mutant.guarantee for mutant in MUTANTS.values()} == GUARANTEES
    assert all(mutant.breaks.__doc__ for mutant in MUTANTS.values())
    figure(f"{len(MUTANTS)} mutants")


@pytest.mark.done("house.7")
def test_the_tests_beside_the_mutants_pass_on_the_house_as_it_is() -> None:
    tests = [PLAIN, *dict.fromkeys(mutant.seen_by for mutant in MUTANTS.values())]
    assert set(run(tests).values()) == {"PASSED"}


@pytest.mark.done("house.7")
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_seen_by_its_test_and_not_by_the_plain_one(name: str) -> None:
    mutant: Mutant = MUTANTS[name]
    assert run([PLAIN, mutant.seen_by], name) == {PLAIN: "PASSED", mutant.seen_by: "FAILED"}

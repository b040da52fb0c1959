"""Thousands of lives of the desk in virtual time, each judged by the guarantees (DESIGN 8, Proof)."""

import os
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.seeds import seed_of_commit
from tests.mutants.guarantees import MUTANTS
from tests.world.faults import Fault
from tests.world.guarantees import GUARANTEES, broken
from tests.world.world import Theatre

LIVES = int(os.environ.get("WORLD_LIVES", "5000"))
FIRST_SEED = int(os.environ.get("WORLD_SEED") or seed_of_commit())
"""Other lives with every commit; `WORLD_SEED` plays those of another again."""
MUTANT_FIRST_SEED, MUTANT_LIVES = 1, 400
"""Of mutants the same lives each time: what they show is that the invariants have eyes, not what the house does."""
FAILURES_SHOWN_MAX = 10
JUDGED = frozenset((1, 2, 3, 4, 5, 6, 8))
"""The guarantees whose mutants this world must notice; those of 7 and 9 are for real processes."""
UNSEEN = {
    "the_present_settings_explain_everything": "`why` is asked by a command, and lives have one configuration",
    "silence_needs_no_reason": "`why` is asked by a command",
}
"""Mutants that this world cannot notice, and why: nothing they break happens in it."""


@pytest.mark.done("faults.1")
def test_in_five_thousand_lives_every_guarantee_holds(theatre: Theatre, figure: Callable[[str], None]) -> None:
    struck: Counter[Fault] = Counter()
    mails, failures = 0, []
    begun = time.process_time()
    for seed in range(FIRST_SEED, FIRST_SEED + LIVES):
        life = theatre.play(seed)
        struck.update(life.struck)
        mails += len(life.letters)
        if found := broken(life):
            failures.append(f"python -m tests.world {seed}: {found}")
    cpu_s = time.process_time() - begun
    assert failures == [], "\n".join(failures[:FAILURES_SHOWN_MAX])
    assert [fault for fault in Fault if not struck[fault]] == []
    figure(f"{LIVES} lives from seed {FIRST_SEED}, {mails} mails, {cpu_s:.0f} s of CPU")
    figure(", ".join(f"{fault} {struck[fault]}" for fault in Fault))


def test_a_life_is_its_seed_alone(theatre: Theatre) -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + 20)

    def told() -> list[object]:
        return [[(one.at, one.message_id, one.content) for one in theatre.play(seed).relay.taken] for seed in seeds]

    assert told() == told()


@pytest.mark.done("faults.1")
def test_each_guarantee_of_the_design_is_an_invariant() -> None:
    assert list(GUARANTEES) == list(range(1, 10))


def test_what_this_world_cannot_notice_is_a_mutant_it_need_not() -> None:
    assert all(MUTANTS[name].guarantee in JUDGED for name in UNSEEN)


@pytest.mark.parametrize(
    "name", [name for name, one in MUTANTS.items() if one.guarantee in JUDGED and name not in UNSEEN]
)
@pytest.mark.done("faults.1")
def test_a_mutant_breaks_the_world_by_the_guarantee_it_is_against(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    theatre.forget_readings()
    MUTANTS[name].breaks(monkeypatch)
    try:
        assert any(
            MUTANTS[name].guarantee in broken(theatre.play(seed))
            for seed in range(MUTANT_FIRST_SEED, MUTANT_FIRST_SEED + MUTANT_LIVES)
        ), f"{name} was not noticed in {MUTANT_LIVES} lives"
    finally:
        theatre.forget_readings()

"""A sample of the kill plan, chosen anew with every commit, and the mistakes that the plan must notice.

The whole plan is `python -m tests.faults.kill` (`make faults`).
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.databases import Databases, PostgresDatabases, SqliteDatabases
from tests.faults.kill import targets_of, with_mutant
from tests.faults.mutants import MUTANTS
from tests.faults.plan import Plan
from tests.faults.seeds import commit

pytestmark = [pytest.mark.anyio, pytest.mark.done("house.4")]

SAMPLE = 8


@pytest.fixture(params=["sqlite", "postgres"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Databases:
    if request.param == "sqlite":
        return SqliteDatabases(tmp_path)
    return PostgresDatabases(request.getfixturevalue("postgres"))


async def test_a_kill_at_a_commit_or_a_socket_write_loses_and_doubles_nothing(
    databases: Databases, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    plan = Plan(databases, tmp_path)
    try:
        targets = await targets_of(plan, await plan.prepare())
        chosen = random.Random(commit()).sample(targets, SAMPLE)
        outcomes = await plan.strike_all(chosen)
    finally:
        await databases.close()
    assert [str(one) for one in outcomes if one.problems] == []
    for one in outcomes:
        figure(str(one))


async def test_the_plan_notices_a_reply_too_soon_an_answer_too_late_and_a_sending_not_heard(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    plan = Plan(SqliteDatabases(tmp_path), tmp_path)
    story, _ = await plan.prepare()
    for mutant in MUTANTS:
        outcomes = await with_mutant(plan, story, mutant)
        assert all(one.problems for one in outcomes), [str(one) for one in outcomes]
        figure(f"mistake {mutant!r}: {outcomes[0]}")

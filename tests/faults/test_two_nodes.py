"""A short version of two nodes under load that are killed while the database restarts; whole: `make faults-nodes`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engines import PostgresAbsent, PostgresServer
from tests.faults.two_nodes import Scale, run

pytestmark = pytest.mark.anyio

SHORT = Scale(mails=100, kills=2, restarts=1, waits_for_leases=False)


@pytest.fixture
def durable() -> Iterator[PostgresServer]:
    """A server that keeps what it said was committed, also when it is killed."""
    try:
        server = PostgresServer(durable=True)
    except PostgresAbsent as absent:
        pytest.skip(str(absent))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.mark.done("faults.2")
async def test_two_nodes_that_are_killed_while_the_database_restarts_lose_and_double_nothing(
    durable: PostgresServer, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    tally = await run(SHORT, durable, tmp_path)
    figure(tally.said(SHORT))
    assert tally.problems == []
    assert tally.strikes == SHORT.kills + SHORT.restarts
    assert tally.audit == "No difference."

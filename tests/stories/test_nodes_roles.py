"""Nodes that divide the work: `run --roles intake,responders,board` on one PostgreSQL (CONTRACT 1, DESIGN 8)."""

import asyncio
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.relay import relay
from tests.stories.house import ANA, DESK, FIRST_CONSULTANT, KEY, submit
from tests.stories.nodes import RealNode, real_nodes
from tests.stories.test_deliver import Pipe
from tests.stories.test_real_nodes import count, until_all_is_sent
from tests.stories.test_same_mail import copy_of
from ventanilla.cli import WRONG_USE, dispatch

pytestmark = pytest.mark.anyio

TWO_LOOKS_S = 2.5
OWNED = (
    "SELECT (SELECT count(*) FROM arrivals WHERE leased_by = '{node}')"
    " + (SELECT count(*) FROM owed WHERE leased_by = '{node}')"
)


def seen(port: int, path: str) -> tuple[int, str]:
    """Return status and body of a page."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def name_of(node: RealNode) -> str:
    return str(node.said("ready")[-1]["node"])


async def test_mail_in_by_one_node_goes_out_by_another_and_a_third_shows_the_page(
    postgres_url: str, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    async with relay() as sink, relay() as other_sink:
        intake = RealNode(tmp_path, postgres_url, other_sink.port, roles="intake")
        responders = RealNode(tmp_path, postgres_url, sink.port, roles="responders")
        board = RealNode(tmp_path, postgres_url, other_sink.port, roles="board")
        async with real_nodes(intake, responders, board):
            await asyncio.to_thread(submit, intake.smtp, ANA, DESK, copy_of(1))
            began = time.monotonic()
            await sink.until(2)
            took = time.monotonic() - began
            await until_all_is_sent(postgres_url)
            (answer,) = sink.to(ANA)
            assert len(sink.to(FIRST_CONSULTANT)) == 1
            assert other_sink.taken == []
            figure(f"250 by the node with intake to the answer at the relay by the node with responders: {took:.2f} s")

            assert [listens(one.smtp) for one in (intake, responders, board)] == [True, False, False]
            path = next(word for word in answer.text.split() if "/i/" in word).partition("/i/")[2]
            pages = [(await asyncio.to_thread(seen, one.http, f"/i/{path}"))[0] for one in (intake, responders, board)]
            assert pages == [404, 404, 200]
            for one in (intake, responders, board):
                for page in ("/healthz", "/readyz", "/metrics"):
                    assert (await asyncio.to_thread(seen, one.http, page))[0] == 200, (one.roles, page)
            assert [one.said("ready")[-1]["roles"] for one in (intake, responders, board)] == [
                ["intake"],
                ["responders"],
                ["board"],
            ]
            assert [await one.term() for one in (intake, responders, board)] == [0, 0, 0]
        assert [one.errors() for one in (intake, responders, board)] == [[], [], []]


async def test_a_node_takes_nothing_in_hand_that_its_roles_do_not_carry(postgres_url: str, tmp_path: Path) -> None:
    """Mail waits for the node that reads, answers for the one that sends, and neither is held up by who cannot."""
    async with relay() as sink:
        intake = RealNode(tmp_path, postgres_url, sink.port, roles="intake")
        responders = RealNode(tmp_path, postgres_url, sink.port, roles="responders,board")
        async with real_nodes(intake):
            await asyncio.to_thread(submit, intake.smtp, ANA, DESK, copy_of(1))
            async with asyncio.timeout(10):
                while await count(postgres_url, "SELECT count(*) FROM arrivals WHERE done_at IS NULL"):
                    await asyncio.sleep(0.02)
            assert await count(postgres_url, "SELECT count(*) FROM owed WHERE leased_by IS NULL") == 2
            assert await intake.term() == 0
        async with real_nodes(responders):
            began = time.monotonic()
            await sink.until(2)
            assert time.monotonic() - began < 5, "nobody's lease had to end first"
            await Pipe(tmp_path, postgres_url).take(copy_of(1, message_id="<b@cliente.mx>", text="Otra duda.\r\n"))
            end = time.monotonic() + TWO_LOOKS_S
            while time.monotonic() < end:
                assert await count(postgres_url, OWNED.format(node=name_of(responders))) == 0
                assert await count(postgres_url, "SELECT count(*) FROM arrivals WHERE done_at IS NULL") == 1
                await asyncio.sleep(0.1)
            async with real_nodes(intake):
                await sink.until(4)
                await until_all_is_sent(postgres_url)
                assert await intake.term() == 0
            assert await responders.term() == 0
        assert [one.errors() for one in (intake, responders)] == [[], []]


@pytest.mark.parametrize("roles", ["intake", "responders,board"])
def test_part_of_the_roles_on_a_sqlite_file_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], roles: str
) -> None:
    monkeypatch.setenv("VENTANILLA_DATABASE__URL", f"sqlite://{tmp_path / 'x.db'}")
    monkeypatch.setenv("VENTANILLA_SECRETS__KEY", KEY)
    assert dispatch(["run", "--roles", roles]) == WRONG_USE
    (line,) = capsys.readouterr().err.splitlines()
    assert "database.url is a SQLite file" in line
    assert not (tmp_path / "x.db").exists()


@pytest.mark.parametrize("roles", ["intake,mail", "", "intake,"])
def test_a_word_that_is_no_role_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str], roles: str) -> None:
    assert dispatch(["run", "--roles", roles]) == WRONG_USE
    (line,) = capsys.readouterr().err.splitlines()
    assert "intake,responders,board" in line


async def test_all_roles_by_name_are_one_node_on_a_sqlite_file(sqlite_url: str, tmp_path: Path) -> None:
    async with relay() as sink:
        one = RealNode(tmp_path, sqlite_url, sink.port, roles="board, responders,intake")
        async with real_nodes(one):
            await asyncio.to_thread(submit, one.smtp, ANA, DESK, copy_of(1))
            await sink.until(2)
            assert await one.term() == 0
        assert one.errors() == []

"""Too little disk: in `/healthz`, in a figure, and in one mail to the managers until there is room again."""

import os
from pathlib import Path

import aiohttp
import pytest

from tests.ledger.desks import SetClock
from tests.relay import Relay, relay
from tests.stories.house import TUESDAY_NOON, House, house, written
from tests.stories.test_digest import MANAGER
from tests.stories.test_relay_trouble import problems
from ventanilla.disk import watched_folder

pytestmark = pytest.mark.anyio

WANT = {"VENTANILLA_HEALTH__DISK_FREE": "1000GiB"}
"""More than any machine of tests has free."""
ROOM = {"VENTANILLA_HEALTH__DISK_FREE": "0B"}
TOLD = "Alerta: queda poco disco"


def alerts(sink: Relay) -> list[str]:
    """Return what the manager was told of disks."""
    return [taken.text for taken in sink.to(MANAGER) if str(taken.mail["Subject"]).startswith(TOLD)]


async def metric(one: House, name: str) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{one.http_port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


async def test_a_disk_in_want_stands_in_healthz_and_is_told_once_while_mail_goes_on(engine_url: str) -> None:
    async with house(engine_url, more=WANT, expects=["disk_low"]) as one:
        await one.node.due.look()
        await one.take(written())
        problem = (await problems(one))["disk", "free"]
        assert problem["since"]
        assert "health.disk_free" in problem["why"]
        assert problem["do"]
        seen = os.statvfs(watched_folder(engine_url))
        assert await metric(one, "ventanilla_disk_free_bytes") == pytest.approx(seen.f_bavail * seen.f_frsize, rel=0.05)
        for _ in range(3):
            await one.node.due.look()
        await one.settle()
        (text,) = alerts(one.relay)
        assert "el mínimo configurado es 1000 GB" in text
        assert len(await one.incidents()) == 1


async def test_a_restart_tells_nothing_again_and_a_disk_that_had_room_meanwhile_is_told_anew(engine_url: str) -> None:
    clock = SetClock(TUESDAY_NOON)
    async with relay() as sink:
        for more, told in ((WANT, 1), (WANT, 1), (ROOM, 1), (ROOM, 1), (WANT, 2)):
            async with house(engine_url, more=more, relay_of=sink, clock=clock, expects=["disk_low"]) as one:
                await one.node.due.look()
                await one.settle()
                assert (("disk", "free") in await problems(one)) is (more is WANT)
                assert len(alerts(sink)) == told


def test_the_disk_of_the_file_is_watched_and_with_a_server_that_of_the_nodes_folder(tmp_path: Path) -> None:
    assert watched_folder(f"sqlite://{tmp_path}/desk/ventanilla.db") == tmp_path / "desk"
    assert watched_folder("postgres://desk@db.example/desk") == Path.cwd()

"""A copy made while the service runs, and the desk that goes on from it: docs/MOVE.md, played."""

import asyncio
import fcntl
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from desk.ledger.copies import SKIPPED_A_DAY
from desk.ledger.store import sqlite_path
from tests.engines import PostgresServer
from tests.relay import Relay, relay
from tests.stories.house import ANA, DESK, FIRST_CONSULTANT, KEY, number_in, reply_to, submit, written
from tests.stories.nodes import ROOT, RealNode, real_nodes
from tests.stories.test_real_nodes import Sending, count, rows, until_all_is_sent

pytestmark = pytest.mark.anyio

CARLA = "carla@otro.mx"
"""Whose server takes nothing when the copy is made."""
LONG_AGO = "'2026-01-01 00:00:00+00:00'"
LONG_AFTER = "'2999-01-01 00:00:00+00:00'"
COMMAND_S = 60.0
GOING_ON_S = 120.0
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shell_blocks() -> list[str]:
    """Return the blocks of docs/MOVE.md: copy; restore a file; restore into PostgreSQL."""
    return BLOCK.findall((ROOT / "docs" / "MOVE.md").read_text())


class Operator:
    """Plays the page's commands in a folder, with `ventanilla` and the server's own programs on the PATH."""

    def __init__(self, folder: Path, url: str, programs: Path | None = None) -> None:
        self.folder = folder
        self.url = url
        path = folder / "bin"
        path.mkdir()
        program = path / "ventanilla"
        program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m ventanilla "$@"\n')
        program.chmod(0o755)
        places = (path, programs, "/usr/bin", "/bin")
        self._environment = {"PATH": ":".join(str(place) for place in places if place)}
        (folder / "ventanilla.toml").write_text(f'[database]\nurl = "{url}"\n[secrets]\nkey = "{KEY}"\n')

    def play(self, block: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-ec", block],
            cwd=self.folder,
            env={**self._environment, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_S,
        )

    def back_up(self, path: str) -> subprocess.CompletedProcess[str]:
        return self.play(shell_blocks()[0].replace("copy.db", path))


@pytest.fixture
def operator(engine_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Operator:
    programs = None
    if sqlite_path(engine_url) is None:
        server: PostgresServer = request.getfixturevalue("postgres")
        programs = Path(server.program("pg_dump")).parent
    return Operator(tmp_path, engine_url, programs)


@pytest.fixture
def new_url(engine_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """Where the copy is restored to."""
    if sqlite_path(engine_url) is not None:
        yield f"sqlite://{tmp_path / 'new' / 'ventanilla.db'}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.fresh_database()
    yield url
    server.drop(url)


def restore(operator: Operator, new_url: str) -> None:
    """Play the page's restore, but for the start."""
    copy, move, psql = shell_blocks()
    (operator.folder / "new").mkdir(exist_ok=True)
    if sqlite_path(new_url) is None:
        done = operator.play(psql, NEW_DATABASE=new_url)
    else:
        lines = [line for line in move.splitlines() if line.startswith("cp ")]
        done = operator.play("\n".join(lines))
    assert done.returncode == 0, done.stderr
    assert "ventanilla run --config ventanilla.toml" in move
    assert "ventanilla backup" in copy


def refusing_carla(envelope: object) -> str | None:
    return "451 4.2.1 later" if envelope.rcpt_tos == [CARLA] else None  # type: ignore[attr-defined]


def copy_name(url: str) -> str:
    return "copy.sql" if sqlite_path(url) is None else "copy.db"


def numbers_told(sink: Relay) -> set[str]:
    return {number_in(taken) for taken in sink.taken if taken.recipients != [FIRST_CONSULTANT]}


async def a_life_with_a_copy_in_the_middle(operator: Operator, sink: Relay) -> None:
    """Ana and Carla write; the copy is made under load; the desk goes on, and its machine is lost."""
    sink.answer = refusing_carla
    async with real_nodes(one := RealNode(operator.folder, operator.url, sink.port)):
        for sender in (ANA, CARLA):
            await asyncio.to_thread(submit, one.smtp, sender, DESK, letter(sender))
        async with asyncio.timeout(COMMAND_S):
            while not await count(operator.url, "SELECT count(*) FROM owed WHERE attempts > 0 AND status = 'queued'"):
                await asyncio.sleep(0.05)
        async with Sending(one.smtp).by(3):
            done = await asyncio.to_thread(operator.back_up, copy_name(operator.url))
            assert (done.returncode, done.stderr) == (0, "")
            await until_numbers_are_past_the_copys(operator.url)
        assert one.errors() == []
        await one.kill()


async def until_numbers_are_past_the_copys(url: str) -> None:
    """Wait until the desk has given away numbers that the copy takes for free: those of a block leased after it."""
    (free,) = (await rows(url, "SELECT next_id FROM ids WHERE name = 'incidents'"))[0]
    async with asyncio.timeout(GOING_ON_S):
        while await count(url, "SELECT max(id) FROM incidents") <= free:
            await asyncio.sleep(0.05)


async def test_a_restored_desk_gives_no_number_twice_and_sends_nothing_that_may_have_gone(
    operator: Operator, new_url: str
) -> None:
    async with relay() as sink:
        await a_life_with_a_copy_in_the_middle(operator, sink)
        restore(operator, new_url)
        await change(new_url, f"UPDATE owed SET not_before = {LONG_AGO} WHERE attempts > 0 AND status = 'queued'")
        told, gone = numbers_told(sink), len(sink.taken)
        (last,) = (await rows(operator.url, "SELECT max(id) FROM incidents"))[0]
        waited = "FROM owed WHERE status IN ('queued', 'delayed')"
        may_have_gone = {row[0] for row in await rows(new_url, f"SELECT message_id {waited}")}
        assert may_have_gone
        sink.answer = lambda _: None
        async with real_nodes(two := RealNode(operator.folder / "new", new_url, sink.port)):
            (said,) = two.said("copy_taken_up")
            assert said["held"] == len(may_have_gone)
            await asyncio.to_thread(submit, two.smtp, "eva@otro.mx", DESK, letter("eva@otro.mx"))
            await until_answered(sink, "eva@otro.mx")
            (eva,) = sink.to("eva@otro.mx")
            assert number_in(eva) not in told
            assert await count(new_url, "SELECT max(id) FROM incidents") > last
            held = await rows(new_url, "SELECT o.message_id FROM held h JOIN owed o ON o.id = h.owed_id")
            assert {row[0] for row in held} == may_have_gone
            assert {row[0] for row in await rows(new_url, "SELECT DISTINCT reason FROM held")} == {"restored"}
            assert {str(taken.mail["Message-ID"]) for taken in sink.taken[gone:]} & may_have_gone == set()
            await joins_by_its_old_address(two, sink, new_url)
            assert await two.term() == 0
            assert two.errors() == []
        await is_taken_up_once(operator, new_url, sink)


def letter(sender: str) -> bytes:
    return written("Una duda más.", sender=sender, message_id=f"<{sender}>").as_bytes().replace(b"\n", b"\r\n")


async def until_answered(sink: Relay, address: str) -> None:
    async with asyncio.timeout(COMMAND_S):
        while not sink.to(address):
            await sink.until(len(sink.taken) + 1)


async def joins_by_its_old_address(node: RealNode, sink: Relay, url: str) -> None:
    """Ana replies to the answer that she had before the copy was made."""
    (answer,) = sink.to(ANA)
    incidents = await count(url, "SELECT count(*) FROM incidents")
    reply = reply_to(answer, "Sigue sin funcionar.", sender=ANA, message_id="<a2@cliente.mx>")
    address = answer.mail["Reply-To"].addresses[0].addr_spec
    await asyncio.to_thread(submit, node.smtp, ANA, address, reply)
    async with asyncio.timeout(COMMAND_S):
        while not await count(url, "SELECT count(*) FROM messages WHERE message_id = '<a2@cliente.mx>'"):
            await asyncio.sleep(0.05)
    assert await count(url, "SELECT count(*) FROM incidents") == incidents


async def is_taken_up_once(operator: Operator, url: str, sink: Relay) -> None:
    before = sorted(await rows(url, "SELECT name, next_id FROM ids"))
    async with real_nodes(again := RealNode(operator.folder / "new", url, sink.port)):
        assert again.said("copy_taken_up") == []
        assert await again.term() == 0
    after = sorted(await rows(url, "SELECT name, next_id FROM ids"))
    assert all(later - sooner < SKIPPED_A_DAY for (_, sooner), (_, later) in zip(before, after, strict=True))


async def test_what_is_due_only_after_the_restore_waits_on(operator: Operator, new_url: str) -> None:
    """A mail stored and not yet read is answered by the restored desk; a later row is neither held nor sent."""
    async with relay() as sink:
        async with real_nodes(one := RealNode(operator.folder, operator.url, sink.port)):
            await asyncio.to_thread(submit, one.smtp, ANA, DESK, letter(ANA))
            await until_all_is_sent(operator.url)
            await one.term()
        await change(operator.url, f"UPDATE owed SET status = 'queued', not_before = {LONG_AFTER}")
        delivered = operator.play(
            "ventanilla deliver --config ventanilla.toml <<'END'\n" + letter("eva@otro.mx").decode() + "\nEND"
        )
        assert (delivered.returncode, delivered.stderr) == (0, "")
        assert operator.back_up(copy_name(operator.url)).returncode == 0
        restore(operator, new_url)
        async with real_nodes(two := RealNode(operator.folder / "new", new_url, sink.port)):
            await until_answered(sink, "eva@otro.mx")
            assert [said["held"] for said in two.said("copy_taken_up")] == [0]
            assert await count(new_url, f"SELECT count(*) FROM owed WHERE not_before = {LONG_AFTER}") == 2
            assert await count(new_url, "SELECT count(*) FROM held") == 0
            assert len(sink.to(ANA)) == 1


async def change(url: str, sql: str) -> None:
    """Change rows from beside the nodes."""
    path = sqlite_path(url)
    if path is not None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(sql)
            connection.commit()
        return
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def filled(operator: Operator, mib: int = 0) -> Path:
    """Make the operator's database, with a mail in it and so many MiB of other mails' bytes."""
    assert operator.play("ventanilla deliver --config ventanilla.toml <<'END'\nSubject: x\n\nx\nEND").returncode == 0
    path = sqlite_path(operator.url)
    assert path is not None
    with closing(sqlite3.connect(path)) as connection:
        for n in range(mib):
            connection.execute(
                "INSERT INTO blobs (id, sha256, store, kind, size, created_at, data) "
                "VALUES (?, '', 'db', 'mail', 0, '', ?)",
                (1000 + n, os.urandom(2**20)),
            )
        connection.commit()
    return path


@pytest.fixture
def desk(sqlite_url: str, tmp_path: Path) -> Operator:
    return Operator(tmp_path, sqlite_url)


def test_a_copy_is_whole_its_owners_and_made_as_the_house_makes_files(desk: Operator) -> None:
    filled(desk)
    done = desk.back_up("copy.db")
    copy = desk.folder / "copy.db"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"copy.db: {copy.stat().st_size} bytes")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as ledger:
        pragmas = [
            ledger.execute(f"PRAGMA {name}").fetchone()[0] for name in ("integrity_check", "page_size", "auto_vacuum")
        ]
        assert pragmas == ["ok", 16384, 2]
        assert ledger.execute("SELECT count(*) FROM arrivals").fetchone() == (1,)
    assert not list(desk.folder.glob(".copy.db*"))


def test_a_backup_that_is_killed_leaves_no_copy_and_the_next_one_is_whole(desk: Operator) -> None:
    filled(desk, mib=64)
    part = desk.folder / ".copy.db.part"
    command = [sys.executable, "-m", "ventanilla", "backup", "copy.db", "--config", "ventanilla.toml"]
    with subprocess.Popen(command, cwd=desk.folder, env={"PYTHONPATH": str(ROOT)}) as process:
        while not (part.exists() and part.stat().st_size):
            assert process.poll() is None
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (desk.folder / "copy.db").exists()
    assert part.exists()
    assert desk.back_up("copy.db").returncode == 0
    assert not part.exists()
    with closing(sqlite3.connect(desk.folder / "copy.db")) as ledger:
        assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def assert_nothing_is_written(desk: Operator, done: subprocess.CompletedProcess[str], code: int, reason: str) -> None:
    assert (done.returncode, done.stdout) == (code, "")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(desk.folder.glob(".copy*"))


def test_a_backup_never_writes_over_a_file(desk: Operator) -> None:
    filled(desk)
    (desk.folder / "copy.db").write_text("mine")
    assert_nothing_is_written(desk, desk.back_up("copy.db"), 1, "copy.db is there already")
    assert (desk.folder / "copy.db").read_text() == "mine"


def test_a_second_backup_to_the_same_place_does_not_disturb_the_first(desk: Operator) -> None:
    filled(desk)
    with (desk.folder / ".copy.db.part").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        done = desk.back_up("copy.db")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "another backup is writing copy.db" in done.stderr
    assert not (desk.folder / "copy.db").exists()


def test_what_is_no_database_yet_cannot_be_copied(desk: Operator) -> None:
    assert_nothing_is_written(desk, desk.back_up("copy.db"), 1, "there is no database here yet")


def test_a_copy_that_finds_no_room_is_75_and_leaves_nothing(desk: Operator) -> None:
    filled(desk, mib=4)
    done = desk.play("ulimit -f 1000; " + shell_blocks()[0])
    assert_nothing_is_written(desk, done, 75, "could not be copied")
    assert not (desk.folder / "copy.db").exists()


def test_without_pg_dump_it_is_said_what_is_missing(tmp_path: Path) -> None:
    lone = Operator(tmp_path, "postgres://desk:secret@127.0.0.1:1/desk")
    done = lone.play(shell_blocks()[0], PATH=str(tmp_path / "bin"))
    assert_nothing_is_written(lone, done, 1, "pg_dump is not on the PATH")


def test_a_server_that_is_away_is_75_and_its_password_is_not_told(tmp_path: Path, postgres: PostgresServer) -> None:
    programs = Path(postgres.program("pg_dump")).parent
    lone = Operator(tmp_path, "postgres://desk:secret@127.0.0.1:1/desk", programs)
    done = lone.back_up("copy.sql")
    assert_nothing_is_written(lone, done, 75, "nothing was written, try later: pg_dump: ")
    assert "secret" not in done.stderr

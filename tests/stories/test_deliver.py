"""Mail by the pipe: `ventanilla deliver` as mail systems call it, with a node and without (guarantees 1 and 2)."""

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from desk.ledger.store import sqlite_path
from tests.engines import PostgresServer
from tests.relay import relay
from tests.stories.house import ANA, DESK, FIRST_CONSULTANT, KEY, house, submit, written
from tests.stories.nodes import ROOT, RealNode, real_nodes
from tests.stories.test_real_nodes import count, rows, until_all_is_sent
from tests.stories.test_same_mail import copy_of
from tests.stories.test_ways_in import metric

pytestmark = pytest.mark.anyio

AWAY_S = 60.0
"""CONTRACT 1: 75 within this time."""


class Pipe:
    """Calls `deliver` as a mail system does."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url

    def deliver(
        self, raw: bytes, *words: str, prefix: Sequence[str] = (), limit: Callable[[], None] | None = None, **more: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*prefix, sys.executable, "-m", "ventanilla", "deliver", *words],
            cwd=self._folder,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(ROOT),
                "VENTANILLA_DATABASE__URL": self._url,
                "VENTANILLA_SECRETS__KEY": KEY,
                **more,
            },
            input=raw,
            capture_output=True,
            check=False,
            timeout=AWAY_S,
            preexec_fn=limit,
        )

    async def take(self, raw: bytes, *words: str) -> None:
        """Hand a mail in, which must be taken without a word."""
        done = await asyncio.to_thread(self.deliver, raw, *words)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def piped(raw: bytes, *headers: str) -> bytes:
    """Return a mail as a pipe carries it: LF ends its lines, the mail system's headers stand on top."""
    return "".join(f"{line}\n" for line in headers).encode() + raw.replace(b"\r\n", b"\n")


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the one line a failed call says."""
    assert done.stdout == b""
    (line,) = done.stderr.decode().splitlines()
    return line


@pytest.mark.done("faults.10")
async def test_a_mail_delivered_while_no_service_runs_is_answered_by_the_next_start(
    engine_url: str, tmp_path: Path
) -> None:
    raw = piped(copy_of(1), f"Return-Path: <{ANA}>", f"X-Original-To: {DESK}", "Delivered-To: desk@host.ejemplo.mx")
    async with relay() as sink:
        await Pipe(tmp_path, engine_url).take(raw)
        assert await rows(engine_url, "SELECT transport, envelope_from, recipients FROM arrivals") == [
            ("pipe", ANA, f'["{DESK}"]')
        ]
        async with real_nodes(one := RealNode(tmp_path, engine_url, sink.port)):
            await sink.until(2)
            await until_all_is_sent(engine_url)
            assert await one.term() == 0
            assert one.errors() == []
        assert await count(engine_url, "SELECT count(*) FROM incidents") == 1
        assert len(sink.to(ANA)) == len(sink.to(FIRST_CONSULTANT)) == 1
        ((stored,),) = await rows(engine_url, "SELECT data FROM blobs")
        assert bytes(stored) == raw


async def test_a_running_service_is_told_of_a_delivered_mail_and_answers_it(
    engine_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its look of each second is put off for an hour: only what it is told can make it answer."""
    monkeypatch.setattr("desk.due.LOOK_S", 3600.0)
    monkeypatch.setattr("desk.due.RENEW_S", 3600)
    pipe = Pipe(tmp_path, engine_url)
    async with house(engine_url) as one:
        for n in range(3):
            await pipe.take(piped(copy_of(n, message_id=f"<{n}@cliente.mx>", text=f"Duda {n}.\r\n")))
            await one.relay.until(2 * n + 2, within_s=AWAY_S)
        await one.settle()
        assert len(await one.incidents()) == len(one.relay.to(ANA)) == 3
        assert await metric(one, 'ventanilla_mails_accepted_total{transport="pipe"}') == "3.0"


async def test_the_same_mail_ten_times_by_the_pipe_and_by_smtp_at_once_is_one_incident(
    engine_url: str, tmp_path: Path
) -> None:
    pipe = Pipe(tmp_path, engine_url)
    async with relay() as sink, real_nodes(one := RealNode(tmp_path, engine_url, sink.port)):
        await asyncio.gather(
            *(pipe.take(piped(copy_of(n)), "--sender", ANA, f"--recipient=soporte+p{n}@ejemplo.mx") for n in range(10)),
            *(asyncio.to_thread(submit, one.smtp, ANA, DESK, copy_of(n)) for n in range(10, 13)),
        )
        await sink.until(2)
        await until_all_is_sent(engine_url)
        assert one.errors() == []
        assert await count(engine_url, "SELECT count(*) FROM incidents") == 1
        assert len(sink.to(ANA)) == len(sink.to(FIRST_CONSULTANT)) == 1
        assert await count(engine_url, "SELECT count(*) FROM blobs") == 1
        by = await rows(engine_url, "SELECT transport, count(*) FROM arrivals GROUP BY transport ORDER BY transport")
        assert by == [("pipe", 10), ("smtp", 3)]
        assert await count(engine_url, "SELECT count(DISTINCT recipients) FROM arrivals") == 11


async def test_a_process_that_delivers_one_mail_takes_two_ids_and_no_block(engine_url: str, tmp_path: Path) -> None:
    pipe = Pipe(tmp_path, engine_url)
    for n in range(3):
        await pipe.take(piped(copy_of(n, message_id=f"<{n}@cliente.mx>")))
    assert sorted(await rows(engine_url, "SELECT name, next_id FROM ids")) == [("arrivals", 4), ("blobs", 4)]


def test_a_database_server_that_is_stopped_is_75_and_the_mail_is_taken_when_it_is_back(tmp_path: Path) -> None:
    server = PostgresServer()
    try:
        server.start()
        pipe = Pipe(tmp_path, server.fresh_database())
        assert pipe.deliver(piped(copy_of(1))).returncode == 0
        server.kill()
        done = pipe.deliver(piped(copy_of(2)))
        assert done.returncode == 75
        assert "not stored, try later: database.url postgres://…@127.0.0.1/" in said(done)
        server.start()
        assert pipe.deliver(piped(copy_of(2))).returncode == 0
    finally:
        server.stop()


async def refuse_for_now(pipe: Pipe, url: str, word: str, **how: object) -> None:
    """Deliver a mail, which must be refused for now with one line that holds a word, and leave nothing."""
    done = pipe.deliver(piped(copy_of(2, message_id="<b@cliente.mx>")), **how)  # type: ignore[arg-type]
    assert done.returncode == 75
    assert word in said(done)
    assert await count(url, "SELECT count(*) FROM arrivals") == 1


async def test_a_file_that_another_program_has_locked_is_75(sqlite_url: str, tmp_path: Path) -> None:
    pipe = Pipe(tmp_path, sqlite_url)
    await pipe.take(piped(copy_of(1)))
    path = sqlite_path(sqlite_url)
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        await refuse_for_now(pipe, sqlite_url, "database is locked")


async def test_a_full_disk_is_75(sqlite_url: str, tmp_path: Path) -> None:
    """As the kernel says it to one process: no file may grow any more."""
    pipe = Pipe(tmp_path, sqlite_url)
    await pipe.take(piped(copy_of(1)))

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    await refuse_for_now(pipe, sqlite_url, "not stored, try later: database.url", limit=full)
    await pipe.take(piped(copy_of(2, message_id="<b@cliente.mx>")))


async def test_a_file_that_may_not_be_written_is_75(sqlite_url: str, tmp_path: Path) -> None:
    pipe = Pipe(tmp_path, sqlite_url)
    await pipe.take(piped(copy_of(1)))
    path = sqlite_path(sqlite_url)
    assert path is not None
    path.chmod(0o444)
    # root may write all the same, unless it gives that up
    prefix = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"] if os.geteuid() == 0 else []
    await refuse_for_now(pipe, sqlite_url, "readonly", prefix=prefix)


def test_a_folder_in_the_place_of_the_file_is_75(tmp_path: Path) -> None:
    done = Pipe(tmp_path, f"sqlite://{tmp_path}").deliver(piped(copy_of(1)))
    assert done.returncode == 75
    assert "unable to open database file" in said(done)


REFUSED = {
    "nothing on standard input": (b"", [], "standard input holds no mail"),
    "white space only": (b"From ana@cliente.mx Tue Nov 24\n\r\n \n", [], "standard input holds no mail"),
    "over smtp.max_size": (b"Subject: x\n\n" + b"x" * 1100, [], "larger than smtp.max_size (1024 bytes)"),
    "somebody else's recipient": (b"Subject: x\n\nx", ["--recipient", "a@otro.mx"], "it has soporte@ejemplo.mx"),
    "one of several is not the desk's": (b"Subject: x\n\nx", ["--recipient", DESK, "a@otro.mx"], "'a@otro.mx'"),
    "a sender with a line end": (b"Subject: x\n\nx", ["--sender", "a\n@b"], "--sender"),
}


@pytest.mark.parametrize(("raw", "words", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_mail_of_the_desk_is_1_and_one_line(
    raw: bytes, words: list[str], reason: str, tmp_path: Path
) -> None:
    done = Pipe(tmp_path, f"sqlite://{tmp_path / 'none.db'}").deliver(raw, *words, VENTANILLA_SMTP__MAX_SIZE="1KiB")
    assert done.returncode == 1
    assert reason in said(done)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_configuration_is_78_and_the_mail_is_not_looked_at(tmp_path: Path) -> None:
    done = Pipe(tmp_path, f"sqlite://{tmp_path / 'none.db'}").deliver(b"", VENTANILLA_DESK__ADDRESS="nobody")
    assert done.returncode == 78
    assert "desk.address" in said(done)


def test_on_sqlite_neither_tortoise_nor_the_driver_of_postgresql_is_loaded(tmp_path: Path) -> None:
    """It starts once a mail: they would be half of its time."""
    pipe = Pipe(tmp_path, f"sqlite://{tmp_path / 'ventanilla.db'}")
    assert pipe.deliver(piped(copy_of(1))).returncode == 0
    done = pipe.deliver(piped(copy_of(2)), PYTHONVERBOSE="1")
    loaded = {line.split()[1].strip("'") for line in done.stderr.decode().splitlines() if line.startswith("import ")}
    assert done.returncode == 0
    assert "desk.ledger.sqlite" in loaded
    assert loaded & {"tortoise", "asyncpg", "aiosmtpd", "aiohttp", "jinja2"} == set()


def test_a_line_that_mbox_puts_before_a_mail_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "ventanilla.db"
    raw = piped(written().as_bytes())
    assert (
        Pipe(tmp_path, f"sqlite://{path}").deliver(b"From ana@cliente.mx Tue Nov 24 12:00:00 2026\n" + raw).returncode
        == 0
    )
    with closing(sqlite3.connect(path)) as ledger:
        assert ledger.execute("SELECT data FROM blobs").fetchone() == (raw,)

"""Readers: processes that read mails, die alone, and leave nothing behind (DESIGN 8)."""

import asyncio
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from desk.base.errors import ReaderFailed
from desk.base.grade import Grade
from desk.base.message import Parent
from desk.base.names import MessageKind, Severity
from desk.base.reading_words import ReadingWords
from intake.email.reading import reader
from intake.email.reading.automatic import OwnMail
from intake.email.reading.grading import Classify, Grader
from intake.email.reading.reader import Readers

RAW = b"From: ana@cliente.mx\r\nSubject: Hola\r\nMessage-ID: <a@c.mx>\r\n\r\nNo puedo timbrar.\r\n"
WITH_FILE = (
    b"From: ana@cliente.mx\r\nDate: Tue, 24 Nov 2026 09:00:00 -0600\r\nSubject: Hola\r\n"
    b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nNo puedo timbrar.\r\n--x\r\n"
    b"Content-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment\r\n\r\n1,2\r\n--x--\r\n"
)
WORDS = ReadingWords()


def classify(subject: str, body: str, channel: str) -> Grade:
    """A grader with a will of its own: some texts are deadly."""
    if "muere" in body:
        os._exit(3)
    if "duerme" in body:
        time.sleep(60)
    if "crece" in body:
        bytearray(4 << 30)
    if "falla" in body:
        raise KeyError("a mistake of ours")
    return Grade(Severity.DEGRADED, os.environ.get("VENTANILLA_DESK__NAME", "-"), 1.0, (subject, body, channel))


def deadly() -> Classify:
    return classify


def mail(text: str) -> bytes:
    return RAW.replace(b"No puedo timbrar.", text.encode())


@asynccontextmanager
async def readers(workers: int, grader: Grader | None = None, task_s: float = 10.0) -> AsyncIterator[Readers]:
    made = Readers(workers, WORDS, grader, task_s=task_s)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@pytest.mark.anyio
@pytest.mark.parametrize("workers", [0, 1])
async def test_a_mail_comes_back_read_and_graded(workers: int) -> None:
    async with readers(workers, deadly) as pool:
        result = await pool.read(RAW, envelope_from="ana@cliente.mx")
    assert result.message.text == "No puedo timbrar."
    assert result.message.kind is MessageKind.NEW
    assert result.grade is not None
    assert result.grade.reasons == ("Hola", "No puedo timbrar.", "email")
    assert result.cpu_s >= 0


def test_a_mail_that_was_read_is_the_same_after_its_way_between_processes() -> None:
    parent, own = Parent("<b@desk.mx>", "Hola"), OwnMail(frozenset({"soporte@desk.mx"}))
    task = reader.ReadTask(WITH_FILE, (parent,), own, "ana@cliente.mx")
    result = reader.read_and_grade(task, WORDS, classify)
    assert result.message.attachments
    assert pickle.loads(pickle.dumps(task)) == task
    assert pickle.loads(pickle.dumps(result)) == result


@pytest.mark.anyio
async def test_the_null_sender_of_the_envelope_reaches_the_reader_and_its_mail_is_not_a_persons() -> None:
    async with readers(1) as pool:
        result = await pool.read(RAW, envelope_from="")
    assert result.message.kind is MessageKind.AUTOMATIC
    assert result.grade is None


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["muere", "duerme", "crece", "falla"])
async def test_a_deadly_mail_costs_only_itself(text: str) -> None:
    async with readers(1, deadly, task_s=1.0) as pool:
        with pytest.raises(ReaderFailed):
            await pool.read(mail(text))
        assert (await pool.read(RAW)).message.text == "No puedo timbrar."
        with pytest.raises(ReaderFailed):
            await pool.read(mail(text), alone=True)
        assert (await pool.read(RAW, alone=True)).message.text == "No puedo timbrar."


@pytest.mark.anyio
async def test_without_workers_a_mistake_in_reading_is_the_mails_failure() -> None:
    async with readers(0, deadly) as pool:
        with pytest.raises(ReaderFailed):
            await pool.read(mail("falla"))


@pytest.mark.anyio
async def test_other_mails_go_on_while_one_reader_is_stuck() -> None:
    async with readers(2, deadly, task_s=5.0) as pool:
        stuck = asyncio.create_task(pool.read(mail("duerme")))
        await asyncio.sleep(0)
        results = [await asyncio.wait_for(pool.read(RAW), 3.0) for _ in range(3)]
        assert len(results) == 3
        assert not stuck.done()
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck


@pytest.mark.anyio
async def test_another_reader_stands_in_for_the_only_one_that_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("intake.email.reading.reader.PATIENCE_SECONDS", 0.05)
    async with readers(1, deadly, task_s=3.0) as pool:
        stuck = asyncio.create_task(pool.read(mail("duerme")))
        await asyncio.sleep(0)
        results = await asyncio.gather(*(pool.read(RAW) for _ in range(5)))
        assert [result.message.subject for result in results] == ["Hola"] * 5
        assert not stuck.done()
        with pytest.raises(ReaderFailed):
            await stuck
        assert len(pool.pids) == 1
        assert (await pool.read(RAW)).message.subject == "Hola"


@pytest.mark.anyio
async def test_a_reader_killed_while_idle_takes_no_mail_with_it() -> None:
    async with readers(1) as pool:
        (first,) = pool.pids
        os.kill(first, signal.SIGKILL)
        await until_gone(first)
        assert (await pool.read(RAW)).message.subject == "Hola"
        assert pool.pids != (first,)


@pytest.mark.anyio
async def test_a_mail_read_alone_gets_a_reader_of_its_own() -> None:
    async with readers(1) as pool:
        first = pool.pids
        await pool.read(RAW, alone=True)
        assert pool.pids != first


@pytest.mark.anyio
async def test_a_reader_sits_in_its_own_process_group_and_sees_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENTANILLA_DESK__NAME", "secreto")
    async with readers(1, deadly) as pool:
        (pid,) = pool.pids
        assert os.getpgid(pid) == pid
        assert b"VENTANILLA_" not in environment_of(pid)
        result = await pool.read(RAW)
    assert result.grade is not None
    assert result.grade.language == "-"
    assert os.environ["VENTANILLA_DESK__NAME"] == "secreto"


@pytest.mark.anyio
async def test_a_stopped_reader_leaves_no_process() -> None:
    async with readers(2) as pool:
        pids = pool.pids
    for pid in pids:
        await until_gone(pid)


DESK = """
import asyncio
from desk.base.reading_words import ReadingWords
from intake.email.reading.reader import Readers

async def main() -> None:
    readers = Readers(1, ReadingWords())
    await readers.start()
    print(readers.pids[0], flush=True)
    await asyncio.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_reader_ends_when_the_desk_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "node.py"
    script.write_text(DESK)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, env=environment, text=True) as desk:
        assert desk.stdout is not None
        reader = int(desk.stdout.readline())
        desk.kill()
    asyncio.run(until_gone(reader))


def test_a_reader_whose_desk_is_killed_with_an_answer_unread_ends_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "_settle", lambda _desk: None)
    ours, theirs = socket.socketpair()
    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(reader._serve, theirs, ReadingWords(), None, os.getpid())
        select.select([ours], [], [], 10)
        ours.close()
        assert served.result(10) is None


def environment_of(pid: int) -> bytes:
    """Return the environment a process was started with, as everybody on the machine may see it."""
    return Path(f"/proc/{pid}/environ").read_bytes()


async def until_gone(pid: int) -> None:
    """Wait until a process is there no more; a zombie counts as gone. Fails after ten seconds."""
    async with asyncio.timeout(10):
        while is_running(pid):
            await asyncio.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        is_zombie = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return not is_zombie or len(os.listdir(f"/proc/{pid}/task")) > 1  # a thread that still goes holds the files
    except FileNotFoundError:
        return False

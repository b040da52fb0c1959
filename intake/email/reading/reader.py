"""The readers: processes that turn raw mails into messages, so that no foreign body is parsed in the desk's process.

A reader has one mail at a time, a limit of time a mail and of memory, its own process group, no VENTANILLA_* variable,
and ends when the desk is gone, even by `kill -9`. A mail on which a reader died, ran out of time or of memory is
`ReaderFailed`; the reader is replaced and every other mail goes on. With no workers mails are read in this process,
bounded in bytes and parts, not in time.
"""

import asyncio
import contextlib
import multiprocessing
import os
import resource
import select
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from typing import TypeVar

from pebble import ProcessFuture, ProcessPool

from desk.base.errors import ReaderFailed
from desk.base.grade import Grade
from desk.base.message import Message, Parent
from desk.base.names import Channel, MessageKind
from desk.base.reading_words import ReadingWords
from intake.email.reading.automatic import OwnMail
from intake.email.reading.read import read

TASK_SECONDS = 10.0
"""Wall time for one mail; the slowest honest mail of 40 MB takes half a second."""
GRACE_SECONDS = 5.0
"""How much longer the desk waits for a reader before it takes it for dead."""
CPU_SECONDS = 15
"""CPU time for one mail, kept by the kernel: it ends a reader whose desk is gone in the middle of a hostile mail."""
MEMORY_BYTES = 768 * 1024 * 1024
"""Memory a reader may take beyond what it starts with: a mail of 40 MB needs less than a third."""
START_SECONDS = 30.0
"""Time for a reader to come up."""
IN_THREAD_BYTES = 128 * 1024
"""Without workers: mails above this size are read on a thread, so that the loop goes on meanwhile."""

HIDDEN_PREFIX = "VENTANILLA_"
"""Variables that hold settings, secrets among them: a reader gets none."""
HOME_MODULE = "intake.email.reading.reader_home"
WATCH_SECONDS = 1.0
"""How often a reader looks whether the desk is there, on a system that cannot tell it."""

T = TypeVar("T")
Classify = Callable[[str, str, Channel], Grade]
_GRADED = frozenset({MessageKind.NEW, MessageKind.FOLLOW_UP, MessageKind.AUTOMATIC})


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A mail that was read, its grade (None for a kind that is not graded, or without a grader), CPU seconds it took."""

    message: Message
    grade: Grade | None
    cpu_s: float


@dataclass(frozen=True, slots=True)
class ReadTask:
    """One mail for a reader; see `read` for the parts."""

    raw: bytes
    parents: tuple[Parent, ...] = ()
    own: OwnMail | None = None
    envelope_from: str | None = None


def grade_by_triage(subject: str, body: str, channel: Channel) -> Grade:
    """Grade a text by `desk.triage`: the grader of the shipped configuration, importable in a reader by name."""
    from desk.triage import classify  # noqa: PLC0415 - only readers pay for it

    return classify(subject, body, channel)


def read_and_grade(task: ReadTask, words: ReadingWords, grade: Classify | None) -> ReadResult:
    """Read one mail and grade its new words: what a reader does, and what is done in this process without readers."""
    started = time.process_time()
    message = read(task.raw, task.parents, task.own, words=words, envelope_from=task.envelope_from)
    graded = None
    if grade is not None and message.kind in _GRADED:
        graded = grade(message.subject, message.reply_text, Channel.EMAIL)
    return ReadResult(message, graded, time.process_time() - started)


class Readers:
    """A set of readers. `start` first; `read` from any task of the loop that started it; `stop` ends all processes.

    `grade` must be a module-level function: it travels to the readers by name.
    """

    def __init__(
        self, workers: int, words: ReadingWords, grade: Classify | None = None, *, task_s: float = TASK_SECONDS
    ) -> None:
        self._words = words
        self._grade = grade
        self._task_s = task_s
        self._readers = [_Reader(words, grade) for _ in range(workers)]
        self._idle: asyncio.Queue[_Reader] = asyncio.Queue()

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the process ids of the readers that are up."""
        return tuple(reader.pid for reader in self._readers if reader.pid)

    async def start(self) -> None:
        """Bring all readers up. Raises ReaderFailed when one does not come up within START_SECONDS."""
        for reader in self._readers:
            await reader.start()
            self._idle.put_nowait(reader)

    async def stop(self) -> None:
        """End all readers; a mail that one of them still has is given up."""
        await asyncio.gather(*(reader.stop() for reader in self._readers))

    async def read(
        self,
        raw: bytes,
        parents: tuple[Parent, ...] = (),
        own: OwnMail | None = None,
        *,
        envelope_from: str | None = None,
        alone: bool = False,
    ) -> ReadResult:
        """Read and grade a mail. Raises ReaderFailed when the reader died, ran out of time or of memory on it.

        `alone`: by a fresh reader that has read nothing before, for the second try of a mail whose reader died.
        """
        task = ReadTask(raw, parents, own, envelope_from)
        if not self._readers:
            return await self._here(task)
        reader = await self._idle.get()
        try:
            if alone or not reader.is_alive():
                await reader.replace()
            return await reader.run(task, self._task_s)
        finally:
            self._idle.put_nowait(reader)

    async def _here(self, task: ReadTask) -> ReadResult:
        """Read in this process. Whatever goes wrong is this mail's failure, as it would be in a reader."""
        try:
            if len(task.raw) <= IN_THREAD_BYTES:
                return read_and_grade(task, self._words, self._grade)
            return await asyncio.to_thread(read_and_grade, task, self._words, self._grade)
        except Exception as error:  # noqa: BLE001 - the edge of a reader: one bad mail stops nobody (guarantee 9)
            raise ReaderFailed(f"{type(error).__name__}: {error}") from error


class _Reader:
    """One process and the pool of one that keeps it.

    A pool of its own, because in one pebble pool the death of an idle worker breaks the pool for all.
    """

    def __init__(self, words: ReadingWords, grade: Classify | None) -> None:
        self._settings = (words, grade, os.getpid())
        self._pool: ProcessPool | None = None
        self.pid = 0

    async def start(self) -> None:
        context = _fork_server()
        self._pool = ProcessPool(max_workers=1, initializer=_settle, initargs=self._settings, context=context)
        self.pid = await _result(self._pool.schedule(os.getpid), START_SECONDS)

    def is_alive(self) -> bool:
        """Tell whether the process is there: one that died without a mail would take the next one down with it."""
        if not self.pid or self._pool is None or not self._pool.active:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    async def run(self, task: ReadTask, task_s: float) -> ReadResult:
        assert self._pool is not None, "a reader is started before it reads"
        future = self._pool.schedule(_read_in_reader, args=(task,), timeout=task_s)
        try:
            return await _result(future, task_s + GRACE_SECONDS)
        except (ReaderFailed, asyncio.CancelledError):
            await self.stop()
            raise

    async def replace(self) -> None:
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        pool, pid = self._pool, self.pid
        self._pool, self.pid = None, 0
        if pool is not None:
            await asyncio.to_thread(_end, pool, pid)


async def _result(future: "ProcessFuture[T]", seconds: float) -> T:
    """Return what a reader answers. Raises ReaderFailed for whatever else happens to it, an error in reading included."""
    waiting = asyncio.wrap_future(future)
    await asyncio.wait({waiting}, timeout=seconds)
    if not waiting.done() or waiting.cancelled():
        waiting.cancel()
        raise ReaderFailed(f"a reader did not answer within {seconds:.0f} s")
    error = waiting.exception()
    if error is not None:
        raise ReaderFailed(f"{type(error).__name__}: {error}") from error
    return waiting.result()


def _end(pool: ProcessPool, pid: int) -> None:
    """End a pool and its process at once: a reader has nothing to save."""
    pool.stop()
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    pool.join()


def _fork_server() -> ForkServerContext:
    """Return the context readers are forked from; its server is started, once, without the desk's secrets."""
    context = multiprocessing.get_context("forkserver")
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(HIDDEN_PREFIX)}
    try:
        context.set_forkserver_preload([HOME_MODULE])
        forkserver.ensure_running()
    finally:
        os.environ.update(hidden)
    return context


# What follows runs in a reader.


@dataclass(slots=True)
class _Home:
    """What a reader keeps between mails."""

    words: ReadingWords
    grade: Classify | None


_home: _Home | None = None


def _settle(words: ReadingWords, grade: Classify | None, desk: int) -> None:
    """Settle in a new reader: its own process group, no secrets, bounded memory, an end when the desk is gone."""
    global _home  # noqa: PLW0603 - a reader process serves one `Readers` all its life
    os.setsid()
    for name in [name for name in os.environ if name.startswith(HIDDEN_PREFIX)]:
        del os.environ[name]
    resource.setrlimit(resource.RLIMIT_AS, (_memory_now() + MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with, args=(desk,), daemon=True).start()
    _home = _Home(words, grade)


def _memory_now() -> int:
    """Return the address space this process has, in bytes."""
    with open("/proc/self/statm", "rb") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()


def _end_with(desk: int) -> None:
    """End this process as soon as the desk's is gone, however it went."""
    try:
        watched = os.pidfd_open(desk)
    except ProcessLookupError:
        os._exit(0)
    except OSError:  # a kernel before 5.3, or a sandbox without it
        while _is_there(desk):
            time.sleep(WATCH_SECONDS)
        os._exit(0)
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    poll.poll()
    os._exit(0)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _read_in_reader(task: ReadTask) -> ReadResult:
    assert _home is not None, "a reader settles before it reads"
    allowed = int(time.process_time()) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))
    return read_and_grade(task, _home.words, _home.grade)

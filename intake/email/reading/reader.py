"""The readers: processes that turn raw mails into messages, so that no foreign body is parsed in the desk's process.

A reader has one mail at a time, a limit of time a mail and of memory, its own process group, no VENTANILLA_* variable,
and ends when the desk is gone, even by `kill -9`. A mail on which a reader died, ran out of time or of memory is
`ReaderFailed`; the reader is replaced and every other mail goes on. With no workers mails are read in this process,
bounded in bytes and parts, not in time.

A reader is a process of our own behind a socket pair: a mail of 3 KB there and back costs 0.08 ms in the desk and as
much in the reader. A pebble pool was built first and cost 0.24 and 0.4, with three threads that wake ten times a
second; and the death of an idle worker breaks its pool for all.
"""

import asyncio
import contextlib
import multiprocessing
import os
import pickle
import resource
import select
import socket
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from io import IOBase
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess

from desk.base.discreet import told
from desk.base.errors import ReaderFailed
from desk.base.grade import Grade
from desk.base.memory import give_back_early
from desk.base.message import Message, Parent
from desk.base.names import Channel, MessageKind
from desk.base.reading_words import ReadingWords
from desk.base.travel import travels
from intake.email.reading.automatic import OwnMail
from intake.email.reading.grading import Classify, Grader
from intake.email.reading.read import read

TASK_SECONDS = 10.0
"""Wall time for one mail; the slowest honest mail of 40 MB takes half a second."""
CPU_SECONDS = 15
"""CPU time for one mail, kept by the kernel: it ends a reader whose desk is gone in the middle of a hostile mail."""
PATIENCE_SECONDS = 1.0
"""How long a mail may keep its reader before another stands in, so that no other mail waits for a hostile one."""
STAND_INS_MAX = 4
"""Stand-ins at a time: so many hostile mails at once are a flood, and wait for one another."""
MEMORY_BYTES = 768 * 1024 * 1024
"""Address space a reader may take beyond what it starts with: a mail of 40 MB needs less than a third."""
START_SECONDS = 30.0
"""Time for a reader to come up."""
IN_THREAD_BYTES = 128 * 1024
"""Without workers: mails above this size are read on a thread, so that the loop goes on meanwhile."""
APART_BYTES = 64 * 1024
"""Below this size length and content go to a reader in one write, so that it wakes once."""
LENGTH_BYTES = 8
"""Before a mail stand two lengths, of what is said of it and of its bytes, which nobody copies; else one."""
HIDDEN_PREFIX = "VENTANILLA_"
"""Variables that hold settings, secrets among them: a reader gets none."""
HOME_MODULE = "intake.email.reading.reader_home"
WATCH_SECONDS = 1.0
"""How often a reader looks whether the desk is there, on a system that cannot tell it."""

_GRADED = frozenset({MessageKind.NEW, MessageKind.FOLLOW_UP, MessageKind.AUTOMATIC})


@travels
@dataclass(frozen=True, slots=True)
class ReadResult:
    """A mail that was read, its grade (None for a kind that is not graded, or without a grader), the CPU seconds.

    `triage_s` is the part of `cpu_s` that went into the grade.
    """

    message: Message
    grade: Grade | None
    cpu_s: float
    triage_s: float = 0.0


@travels
@dataclass(frozen=True, slots=True)
class ReadTask:
    """One mail for a reader; see `read` for the parts."""

    raw: bytes
    parents: tuple[Parent, ...] = ()
    own: OwnMail | None = None
    envelope_from: str | None = None


def read_and_grade(task: ReadTask, words: ReadingWords, classify: Classify | None) -> ReadResult:
    """Read one mail and grade its new words: what a reader does, and what is done in this process without readers."""
    started = time.thread_time()
    message = read(task.raw, task.parents, task.own, words=words, envelope_from=task.envelope_from)
    grade, was_read = None, time.thread_time()
    if classify is not None and message.kind in _GRADED:
        grade = classify(message.subject, message.reply_text, Channel.EMAIL)
    ended = time.thread_time()
    return ReadResult(message, grade, ended - started, ended - was_read)


class Readers:
    """A set of readers. `start` first; `read` from any task of the loop that started it; `stop` ends all processes."""

    def __init__(
        self, workers: int, words: ReadingWords, grader: Grader | None = None, *, task_s: float = TASK_SECONDS
    ) -> None:
        self._words = words
        self._grader = grader
        self._classify: Classify | None = None
        self._readers = [_Reader(words, grader, task_s) for _ in range(workers)]
        self._idle: asyncio.Queue[_Reader] = asyncio.Queue()
        self._make = partial(_Reader, words, grader, task_s)
        self._relieved: set[_Reader] = set()
        self._coming: set[asyncio.Task[None]] = set()

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the process ids of the readers that are up."""
        return tuple(reader.pid for reader in self._readers if reader.pid)

    async def start(self) -> None:
        """Bring all readers up. Raises ReaderFailed when one does not come up within START_SECONDS."""
        if not self._readers and self._grader is not None:
            self._classify = self._grader()
        for reader in self._readers:
            await reader.start()
            self._idle.put_nowait(reader)

    async def stop(self) -> None:
        """End all readers; a mail that one of them still has is given up."""
        for task in self._coming:
            task.cancel()
        await asyncio.gather(*self._coming, return_exceptions=True)
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
        patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._relieve, reader)
        try:
            if alone or not reader.is_alive():
                await reader.stop()
                await reader.start()
            return await reader.run(task)
        finally:
            patience.cancel()
            await self._give_back(reader)

    def _relieve(self, slow: "_Reader") -> None:
        """Let another reader stand in for one that has had its mail for long: the mails behind it go on."""
        if len(self._relieved) < STAND_INS_MAX:
            self._relieved.add(slow)
            task = asyncio.get_running_loop().create_task(self._stand_in())
            self._coming.add(task)
            task.add_done_callback(self._coming.discard)

    async def _stand_in(self) -> None:
        reader = self._make()
        self._readers.append(reader)
        with contextlib.suppress(ReaderFailed):  # it is started again for the mail it gets
            await reader.start()
        self._idle.put_nowait(reader)

    async def _give_back(self, reader: "_Reader") -> None:
        """Make a reader idle again, or end it when another has taken its place."""
        if reader not in self._relieved:
            self._idle.put_nowait(reader)
            return
        self._relieved.discard(reader)
        self._readers.remove(reader)
        await reader.stop()

    async def _here(self, task: ReadTask) -> ReadResult:
        """Read in this process. Whatever goes wrong is this mail's failure, as it would be in a reader."""
        try:
            if len(task.raw) <= IN_THREAD_BYTES:
                return read_and_grade(task, self._words, self._classify)
            return await asyncio.to_thread(read_and_grade, task, self._words, self._classify)
        except Exception as error:
            # The edge of a reader: one bad mail stops nobody (guarantee 9).
            raise ReaderFailed(told(error)) from error


class _Reader:
    """The desk's side of one reader: its process and the socket to it."""

    def __init__(self, words: ReadingWords, grader: Grader | None, task_s: float) -> None:
        self._settings = (words, grader, os.getpid())
        self._task_s = task_s
        self._process: ForkServerProcess | None = None
        self._socket: socket.socket | None = None
        self.pid = 0

    async def start(self) -> None:
        """Bring the process up. Raises ReaderFailed when it does not answer in time; it may be started again."""
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        with theirs:
            # A thread, because the fork server may take a moment to come up the first time.
            self._process = await asyncio.to_thread(_launch, theirs, self._settings)
        ready = await self._ask(None, START_SECONDS)
        assert isinstance(ready, int), "a reader first tells its process id"
        self.pid = ready

    def is_alive(self) -> bool:
        """Tell whether the process is there: one that died without a mail would take the next one down with it."""
        if self._socket is None:
            return False
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:  # open, and nothing to say
            return True
        except OSError:
            return False

    async def run(self, task: ReadTask) -> ReadResult:
        """Have a mail read. Raises ReaderFailed, and ends the process, when no result comes back in time."""
        said = pickle.dumps(replace(task, raw=b""), pickle.HIGHEST_PROTOCOL)
        result = await self._ask((said, task.raw), self._task_s)
        assert isinstance(result, ReadResult), "a reader answers a mail with its result"
        return result

    async def _ask(self, mail: tuple[bytes, bytes] | None, seconds: float) -> object:
        """Return what the reader answers; whatever else happens ends the process, for it may be in the middle of it."""
        try:
            async with asyncio.timeout(seconds):
                if mail is not None:
                    await self._tell(*mail)
                answer = await self._hear()
        except TimeoutError as error:
            await self.stop()
            raise ReaderFailed(f"a reader took more than {seconds:.0f} s") from error
        except OSError as error:
            await self.stop()
            raise ReaderFailed("a reader died") from error
        except asyncio.CancelledError:
            await self.stop()
            raise
        if isinstance(answer, str):
            await self.stop()
            raise ReaderFailed(answer)
        return answer

    async def _tell(self, said: bytes, raw: bytes) -> None:
        assert self._socket is not None, "a reader is started before it is told something"
        loop = asyncio.get_running_loop()
        head = b"".join(len(part).to_bytes(LENGTH_BYTES, "big") for part in (said, raw)) + said
        if len(raw) < APART_BYTES:
            await loop.sock_sendall(self._socket, head + raw)
        else:
            await loop.sock_sendall(self._socket, head)
            await loop.sock_sendall(self._socket, raw)

    async def _hear(self) -> object:
        """Return one answer. Raises ConnectionError when the reader is gone before it is complete."""
        assert self._socket is not None, "a reader is started before it answers"
        loop = asyncio.get_running_loop()
        got = bytearray()
        wanted = LENGTH_BYTES
        while len(got) < wanted:
            piece = await loop.sock_recv(self._socket, APART_BYTES)
            if not piece:
                raise ConnectionResetError("the reader closed its end")
            got += piece
            if len(got) >= LENGTH_BYTES:
                wanted = LENGTH_BYTES + int.from_bytes(got[:LENGTH_BYTES], "big")
        answer: object = pickle.loads(memoryview(got)[LENGTH_BYTES:])  # noqa: S301 - from our own process
        return answer

    async def stop(self) -> None:
        """End the process at once: a reader has nothing to save."""
        process, connection = self._process, self._socket
        self._process, self._socket, self.pid = None, None, 0
        if connection is not None:
            connection.close()
        if process is not None:
            await asyncio.to_thread(_end, process)


def _launch(theirs: socket.socket, settings: tuple[ReadingWords, Grader | None, int]) -> ForkServerProcess:
    process = _fork_server().Process(target=_serve, args=(theirs, *settings), name="ventanilla-reader", daemon=True)
    process.start()
    return process


def _end(process: ForkServerProcess) -> None:
    process.kill()
    process.join()
    process.close()


def _fork_server() -> ForkServerContext:
    """Return the context readers are forked from; its server is started, once, without the desk's secrets."""
    context = multiprocessing.get_context("forkserver")
    with _FORKING:
        hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(HIDDEN_PREFIX)}
        try:
            context.set_forkserver_preload([HOME_MODULE])
            forkserver.ensure_running()
        finally:
            os.environ.update(hidden)
    return context


_FORKING = threading.Lock()


# What follows runs in a reader.


def _serve(connection: socket.socket, words: ReadingWords, grader: Grader | None, desk: int) -> None:
    """Read mails as they come until the desk closes the connection or is gone. A failure is told as text, the last.

    A desk that was killed with an answer unread resets the connection: that is no failure either.
    """
    _settle(desk)
    classify = grader() if grader is not None else None
    with (
        contextlib.suppress(ConnectionError),
        connection,
        connection.makefile("rb", buffering=APART_BYTES) as incoming,
    ):
        _send(connection, os.getpid())
        while length := _length(incoming):
            allowed = int(time.process_time()) + 1 + CPU_SECONDS
            resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))
            try:
                _send(connection, read_and_grade(_told(incoming, length), words, classify))
            except Exception as error:  # noqa: BLE001 - the loop head of a reader
                _send(connection, told(error)[:500])
                return


def _length(incoming: IOBase) -> int:
    """Return a length, 0 when the desk has closed the connection."""
    return int.from_bytes(incoming.read(LENGTH_BYTES), "big")


def _told(incoming: IOBase, length: int) -> ReadTask:
    """Return the mail whose first length was read."""
    raw_length = _length(incoming)
    task: ReadTask = pickle.loads(incoming.read(length))  # noqa: S301 - from the desk's own process
    return replace(task, raw=incoming.read(raw_length))


def _send(connection: socket.socket, answer: object) -> None:
    content = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    connection.sendall(len(content).to_bytes(LENGTH_BYTES, "big") + content)


def _settle(desk: int) -> None:
    """Settle in a new reader: its own process group, no secrets, bounded memory, an end when the desk is gone."""
    with contextlib.suppress(PermissionError):  # it is the leader of a group already
        os.setsid()
    for name in [name for name in os.environ if name.startswith(HIDDEN_PREFIX)]:
        del os.environ[name]
    give_back_early()
    resource.setrlimit(resource.RLIMIT_AS, (_memory_now() + MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with, args=(desk,), daemon=True).start()


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

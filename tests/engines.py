"""The two engines for tests: a SQLite file, and a PostgreSQL server of the tests' own.

`engine_url` gives a test a fresh, empty database and runs it once on each engine. The server is started once a session,
on loopback and a free port, by whoever first asks; it ends with the session, and with the test process however that
dies. It never touches a PostgreSQL that is on the machine already.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, cycle
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tools import system_packages

ENGINES = ("sqlite", "postgres")
IN_MEMORY = "memory"
MEMORY_URL = "memory://"
"""The store of the simulated world (tests/world/store.py), as `tests.ledger.desks.opened` knows it."""
OWNER = "ventanilla"
# The user that Debian's package makes: the server refuses to run as root.
SERVER_USER = "postgres"
FOLDER_PREFIX = "ventanilla-postgres-"
START_TRIES = 3
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.02
CONNECTIONS_MAX = 200
PORTS = range(10_000, 32_768)
"""Below what Linux gives to clients (net.ipv4.ip_local_port_range)."""
PORT_SHARES = 4
# Loss on a power cut is proven elsewhere (tests/faults); here a database lives for one test.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "64MB",
    "max_connections": str(CONNECTIONS_MAX),
    "listen_addresses": "127.0.0.1",
}


class PostgresAbsent(Exception):
    """No PostgreSQL can be started here; the text says what is missing."""


class PostgresServer:
    """A server in a temporary folder. `start` it, ask for fresh databases, `stop` it."""

    def __init__(self, *, durable: bool = False) -> None:
        """`durable` keeps fsync on, for tests that kill the server itself."""
        self._settings = {**SETTINGS, **({"fsync": "on", "full_page_writes": "on"} if durable else {})}
        self._programs = _programs()
        self._serial = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        remove_leftovers()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
        if os.geteuid() == 0:
            shutil.chown(self.folder, SERVER_USER, SERVER_USER)

    @property
    def pid(self) -> int:
        """The server's main process; the others are its children."""
        assert self._process, "the server was not started"
        return self._process.pid

    def program(self, name: str) -> str:
        """Return where a client's program of the server's own version is, e.g. `pg_dump`."""
        return str(Path(self._programs["psql"]).with_name(name))

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Make the cluster when there is none yet, and return once it answers."""
        if not self._data.exists():
            options = ("-U", OWNER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
            self._finish("initdb", "-D", str(self._data), *options)
        is_new = not self.port
        for _ in range(START_TRIES):
            self.port = free_port() if is_new else self.port
            if self._launch():
                return
        raise PostgresAbsent(f"PostgreSQL does not start: {self._log()[-500:]}")

    def fresh_database(self) -> str:
        """Create an empty database and return its address."""
        name = f"test_{next(self._serial)}"
        self._sql(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def url(self, name: str) -> str:
        """Return the address of a database.

        Without TLS: cancelled while it asks the server about TLS, asyncpg leaves a future with an error nobody awaits.
        """
        return f"postgres://{OWNER}@127.0.0.1:{self.port}/{name}?sslmode=disable"

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._sql(f"DROP DATABASE IF EXISTS {database_of(url)} WITH (FORCE)")

    def kill(self) -> None:
        """End every process of the server as a power cut would; `start` brings it back on its port."""
        assert self._process, "the server was not started"
        main = self.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        for pid in (main, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(STOP_TIMEOUT_S)

    def halt(self) -> None:
        """End the server as an upgrade does: a fast shutdown; `start` brings it back on its port."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def stop(self) -> None:
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _launch(self) -> bool:
        """Start the server process; tell whether it came up (a port may have been taken meanwhile)."""
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = ["-D", str(self._data), "-k", str(self.folder), "-p", str(self.port), *settings]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*as_server_user(), *dying_with_us(), self._programs["postgres"], *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        end = time.monotonic() + START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < end:
            if self._psql("SELECT 1").returncode == 0:
                return True
            time.sleep(POLL_S)
        return False

    def _sql(self, statement: str) -> None:
        result = self._psql(statement)
        assert result.returncode == 0, result.stderr

    def _psql(self, statement: str) -> subprocess.CompletedProcess[str]:
        address = ("-h", str(self.folder), "-p", str(self.port), "-U", OWNER, "-d", "postgres")
        options = ("-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement)
        return subprocess.run([self._programs["psql"], *address, *options], capture_output=True, text=True, check=False)

    def _finish(self, program: str, *arguments: str) -> None:
        command = [*as_server_user(), self._programs[program], *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder)
        if result.returncode:
            raise PostgresAbsent(f"{program} failed: {result.stderr.strip()[-500:]}")

    def _log(self) -> str:
        log = self.folder / "log"
        return log.read_text(errors="replace") if log.exists() else "no log"


def _programs() -> dict[str, str]:
    """Return where each program of PostgreSQL is, all of one version. Raises PostgresAbsent with what to install."""
    server = system_packages.find("postgres")
    if server is None:
        raise PostgresAbsent("no PostgreSQL on this machine: apt-get install postgresql")
    folder = Path(server).resolve().parent
    programs = {name: folder / name for name in ("postgres", "initdb", "psql")}
    missing = [str(path) for path in programs.values() if not path.exists()]
    if missing:
        raise PostgresAbsent(f"PostgreSQL is incomplete: {', '.join(missing)} is missing")
    return {name: str(path) for name, path in programs.items()}


def as_server_user() -> list[str]:
    """Return the words before a command that make it run as the server's user, when we are root."""
    return ["setpriv", f"--reuid={SERVER_USER}", f"--regid={SERVER_USER}", "--init-groups"] if os.geteuid() == 0 else []


def dying_with_us() -> list[str]:
    """Return the words before a command that stop it when this process dies, be it by SIGKILL."""
    return ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []


def database_of(url: str) -> str:
    """Return the name of the database that an address leads to."""
    return urlsplit(url).path.removeprefix("/")


def free_port() -> int:
    """Return a port nobody listens on. None comes twice in a run, and the system gives none of them to a client."""
    while True:
        port = next(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _own_ports() -> Iterator[int]:
    """Yield ports below those that clients are given, from a place by chance; tests side by side have shares."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = range(PORTS.start + worker % PORT_SHARES, PORTS.stop, PORT_SHARES)
    place = random.randrange(len(share))
    return cycle((*share[place:], *share[:place]))


_PORTS = _own_ports()


def remove_leftovers() -> None:
    """Delete the folders of test processes that died without their finalisers."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        owner = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The session's PostgreSQL. Skips where there is none: a failure as root and in CI (tools/test_floors.py)."""
    try:
        server = PostgresServer()
    except PostgresAbsent as absent:
        pytest.skip(str(absent))
    try:
        server.start()
        yield server
    except PostgresAbsent as absent:
        pytest.skip(str(absent))
    finally:
        server.stop()


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server of one test, which may stop it, and which syncs."""
    server = PostgresServer(durable=True)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    url = postgres.fresh_database()
    yield url
    postgres.drop(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Where a SQLite file may be made; there is none yet."""
    return f"sqlite://{tmp_path / 'ventanilla.db'}"


@pytest.fixture(params=ENGINES)
def engine_url(request: pytest.FixtureRequest) -> str:
    """A fresh database on each engine: a test that takes it runs on both."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=(*ENGINES, IN_MEMORY))
def store_url(request: pytest.FixtureRequest) -> str:
    """A fresh database behind each store there is, also the one in memory: for tests that go by `opened` alone."""
    return MEMORY_URL if request.param == IN_MEMORY else str(request.getfixturevalue(f"{request.param}_url"))

"""Nodes as processes of their own: started as shipped or to be struck, killed by SIGKILL, stopped by SIGTERM."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.engines import free_port
from tests.faults.places import Place

ROOT = Path(__file__).resolve().parents[2]
KEY = "a key of tests, thirty-two letters or more"
LOOK_S = 0.01
START_S = 60.0
END_S = 15.0
"""Longest wait for a node to end, and for its readers to follow."""
SHORT_LEASE_S = 1
"""The lease that a struck node writes on PostgreSQL, where the shipped one is 30 s."""


@dataclass(frozen=True)
class Ports:
    """Who listens where."""

    smtp: int
    http: int
    relay: int
    postgres: int

    def named(self) -> str:
        pairs = {self.smtp: "smtp", self.http: "http", self.relay: "relay", self.postgres: "postgres"}
        return ",".join(f"{port}={name}" for port, name in pairs.items() if port)


@dataclass(frozen=True)
class Struck:
    """How a node is to be struck: at which place (None: only tell them), with which mistake, with which lease."""

    at: Place | None = None
    mutant: str = ""
    lease_s: int | None = SHORT_LEASE_S

    def words(self, ports: Ports, pipe: int) -> list[str]:
        """Return the module and its options that make a node so."""
        words = ["tests.faults.struck_node", "--pipe", str(pipe), "--ports", ports.named()]
        if self.at is not None:
            words += ["--at", self.at.when, str(self.at.nth), self.at.name]
        if self.mutant:
            words += ["--mutant", self.mutant]
        if self.lease_s is not None:
            words += ["--lease", str(self.lease_s)]
        return words


class Watched(Protocol):
    """How a node is to be started that tells on a pipe what it passes."""

    def words(self, ports: Ports, pipe: int) -> list[str]: ...


@dataclass
class RunningNode:
    """A node's process, what it logs, and the places it tells."""

    process: subprocess.Popen[bytes]
    log: Path
    pipe: int | None = None
    _told: bytearray = field(default_factory=bytearray)

    @property
    def port(self) -> int:
        """Return where it takes mail, as it says itself."""
        return int(next(event["smtp"] for event in self.events() if event["event"] == "ready"))

    def is_ready(self) -> bool:
        return b'"ready"' in self.log.read_bytes()

    def events(self) -> list[dict[str, str]]:
        """Return what it has logged. A line that is no event is a traceback, and told as an error."""
        lines = self.log.read_text(errors="replace").splitlines(keepends=True)
        return [_event(line) for line in lines if line.endswith("\n")]

    def errors(self) -> list[str]:
        return [str(event) for event in self.events() if event["level"] in ("error", "critical")]

    def places(self) -> list[Place]:
        """Return the places told so far."""
        assert self.pipe is not None
        try:
            while piece := os.read(self.pipe, 65536):
                self._told += piece
        except BlockingIOError:
            pass
        return [Place.of_line(line) for line in self._told.decode().splitlines(keepends=True) if line.endswith("\n")]

    def forget_places(self) -> None:
        """Begin anew with the places that will be told from here on."""
        self._told.clear()

    async def kill(self) -> list[str]:
        """Send SIGKILL to the node that stands still at its place; return what was not as it must be."""
        problems = []
        pid = self.process.pid
        state = await asyncio.to_thread(os.waitid, os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if state is None or state.si_code != os.CLD_STOPPED:
            problems.append(f"the node did not stand still at its place: {state}")
        children = descendants(pid)
        os.killpg(pid, signal.SIGKILL)
        await until(lambda: self.process.poll() is not None, END_S)
        if self.process.returncode != -signal.SIGKILL:
            problems.append(f"the node ended with {self.process.returncode}, not by SIGKILL")
        if not await until(lambda: not any(map(is_alive, children)), END_S):
            problems.append("readers outlive their node")
        self.close()
        return problems

    async def stop(self) -> list[str]:
        """End the node as an operator does; return what was not as it must be."""
        self.process.send_signal(signal.SIGTERM)
        is_over = await until(lambda: self.process.poll() is not None, END_S)
        if not is_over:
            self.process.kill()
        code = self.process.wait()
        self.close()
        return [] if is_over and code == 0 else [f"SIGTERM ended the node with {code}: {self.errors()}"]

    def close(self) -> None:
        """End it if it is there yet; may be called again."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.pipe is not None:
            os.close(self.pipe)
            self.pipe = None


def _event(line: str) -> dict[str, str]:
    try:
        event: dict[str, str] = json.loads(line)
    except ValueError:
        return {"event": line.rstrip(), "level": "error"}
    return event


async def start(
    folder: Path, url: str, ports: Ports, struck: Watched | None = None, prefix: Sequence[str] = ()
) -> RunningNode:
    """Start a node on a database and return once its door is open; `prefix` is put before its command."""
    config = folder / "node.toml"
    config.write_text(
        f'[database]\nurl = "{url}"\n[secrets]\nkey = "{KEY}"\n[smtp]\nport = {ports.smtp}\n'
        f'[http]\nport = {ports.http}\n[relay]\nport = {ports.relay}\n[health]\ndisk_free = "0B"\n'  # small disks
    )
    node = _launched([*prefix, sys.executable, "-m"], ["run", "--config", str(config)], struck, ports)
    await until(lambda: node.process.poll() is not None or node.is_ready(), START_S)
    if node.process.poll() is not None or not node.is_ready():
        node.close()
        raise AssertionError(f"a node does not start: {node.log.read_text(errors='replace')[-2000:]}")
    return node


def _launched(program: list[str], run: list[str], struck: Watched | None, ports: Ports) -> RunningNode:
    log = Path(run[-1]).with_name("struck.log" if struck else "node.log")
    pipe, inner = os.pipe() if struck else (None, None)
    module = ["ventanilla"] if struck is None or inner is None else struck.words(ports, inner)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*program, *module, *run],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=() if inner is None else (inner,),
        )
    if pipe is not None and inner is not None:
        os.close(inner)
        os.set_blocking(pipe, False)
    return RunningNode(process, log, pipe)


def fresh_ports(relay: int, postgres: int) -> Ports:
    return Ports(free_port(), free_port(), relay, postgres)


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those they have: fork server, readers."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that has ended and that nobody waits for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until(is_so: Callable[[], bool], within_s: float) -> bool:
    """Look until something is so; False when it was not within the time."""
    end = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(LOOK_S)
    return True

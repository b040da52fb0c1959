"""The service under measurement: a process of its own in a temporary folder, in its shipped configuration.

What differs from the defaults is what a benchmark cannot do without: free ports, a key, a place for the data, no caps.
The service itself tells the differences, in its first log line.
"""

import asyncio
import json
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cpu import own_seconds, tree_seconds

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 20.0
POLL_S = 0.02
LOG_END = 6000
"""Characters of the log that are told when something went wrong."""
CONFIG = """\
[secrets]
key = "a key of the benchmark, thirty-two letters or more"
[database]
url = "{url}"
[smtp]
port = {smtp}
[http]
port = {http}
[relay]
port = {relay}
[answers]
per_address_per_hour = 0
per_address_per_day = 0
per_incident_per_day = 0
per_minute = 0
"""


class ServiceFailed(Exception):
    """The service did not come up, or did not end as it should; the text holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds so far: all processes, those of the readers, and by stage (empty without the meter)."""

    total_s: float
    readers_s: float
    stages: dict[str, float]

    def since(self, before: "Cost") -> "Cost":
        stages = {name: spent - before.stages.get(name, 0.0) for name, spent in self.stages.items()}
        return Cost(self.total_s - before.total_s, self.readers_s - before.readers_s, stages)


class Service:
    """One node. `start` returns when its `ready` is in the log; `stop` when it has ended on SIGTERM."""

    def __init__(self, relay_port: int, url: str = "", *, is_metered: bool = False, profile: str = "") -> None:
        """`url`: of an empty PostgreSQL database; without one a fresh SQLite file."""
        self.folder = Path(tempfile.mkdtemp(prefix="ventanilla-bench-"))
        self.port, http = free_ports(2)
        self._config = self.folder / "ventanilla.toml"
        url = url or f"sqlite://{self.folder / 'ventanilla.db'}"
        self._config.write_text(CONFIG.format(url=url, smtp=self.port, http=http, relay=relay_port))
        self._meter = self.folder / "meter.jsonl"
        self._log = self.folder / "log.jsonl"
        self._is_metered = is_metered or bool(profile)
        self._profile = profile
        self._process: asyncio.subprocess.Process | None = None
        self.given: dict[str, str] = {}

    @property
    def pid(self) -> int:
        assert self._process is not None, "the service was started"
        return self._process.pid

    async def start(self) -> None:
        """Start it. Raises ServiceFailed."""
        command = ["-m", "ventanilla", "run", "--config", str(self._config)]
        if self._is_metered:
            command = ["-m", "benchmarks.metered_node", str(self._meter), str(self._config)]
            command += ["--profile", self._profile] if self._profile else []
        with self._log.open("wb") as log:
            python = (sys.executable, "-X", "faulthandler")  # tells where it stands when it must be ended by SIGABRT
            self._process = await asyncio.create_subprocess_exec(*python, *command, stdout=log, stderr=log)
        await self._until(lambda: any(event["event"] == "ready" for event in self.events()), START_TIMEOUT_S)
        self.given = next(event["given"] for event in self.events() if event["event"] == "settings_loaded")

    async def stop(self) -> None:
        """End it by SIGTERM and take its folder away. Raises ServiceFailed when it ends otherwise than by 0."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
            except TimeoutError:
                self._process.send_signal(signal.SIGABRT)
                await self._process.wait()
        code, end = self._process.returncode, self._log.read_text(errors="replace")[-LOG_END:]
        shutil.rmtree(self.folder, ignore_errors=True)
        if code != 0:
            raise ServiceFailed(f"the service ended with {code}: {end}")

    async def cost(self) -> Cost:
        """Return what it has cost so far."""
        stages = await self._stages() if self._is_metered else {}
        total = tree_seconds(self.pid)
        return Cost(total, total - own_seconds(self.pid), stages)

    def events(self) -> list[dict[str, Any]]:
        """Return the log so far; a line that is being written is left out."""
        whole = self._log.read_text(errors="replace").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def troubles(self) -> list[str]:
        """Return the errors and warnings of the log, without those about settings that have no effect yet."""
        bad = [event for event in self.events() if event["level"] not in ("info", "debug")]
        return [json.dumps(event, ensure_ascii=False) for event in bad if event["event"] != "setting_without_effect"]

    async def _stages(self) -> dict[str, float]:
        """Ask the metered node for its figures so far."""
        before = self._meter_lines()
        assert self._process is not None, "the service was started"
        self._process.send_signal(signal.SIGUSR1)
        await self._until(lambda: len(self._meter_lines()) > len(before), STOP_TIMEOUT_S)
        stages: dict[str, float] = json.loads(self._meter_lines()[-1])["stages"]
        return stages

    def _meter_lines(self) -> list[str]:
        return self._meter.read_text().rpartition("\n")[0].splitlines() if self._meter.exists() else []

    async def _until(self, is_so: Callable[[], bool], within_s: float) -> None:
        assert self._process is not None, "the service was started"
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while not is_so():
            if self._process.returncode is not None or loop.time() > end:
                raise ServiceFailed(f"the service does not answer: {self._log.read_text(errors='replace')[-LOG_END:]}")
            await asyncio.sleep(POLL_S)


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()

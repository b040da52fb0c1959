"""Real nodes for stories: `python -m ventanilla run --config FILE` as its own process, that can be killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engines import free_port
from tests.stories.house import KEY

ROOT = Path(__file__).resolve().parents[2]
UNBOUNDED = "[answers]\nper_address_per_hour = 0\nper_address_per_day = 0\n"
"""Many stories have one address write many mails in one hour."""
START_S = 90.0
"""A busy machine starts several nodes slowly."""
LOOK_S = 0.02


@dataclass
class RealNode:
    """A node's process. `start` it, `kill` it as a power cut would, `term` it as a service manager does."""

    folder: Path
    url: str
    relay_port: int
    workers: int = 1
    roles: str = ""
    more: str = UNBOUNDED
    key: str = KEY
    smtp: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        return self.folder / f"node-{self.smtp}.toml"

    @property
    def log(self) -> Path:
        return self.folder / f"node-{self.smtp}.log"

    async def start(self, until: str = "ready") -> None:
        """Start the process and return once it says that it is ready, or another event of its start."""
        before = len(self.said(until))
        process = await self.begin()
        async with asyncio.timeout(START_S):
            while len(self.said(until)) == before:
                assert process.poll() is None, self.log.read_text()
                await asyncio.sleep(LOOK_S)

    async def begin(self) -> subprocess.Popen[bytes]:
        """Start the process and return at once."""
        self.config.write_text(
            f'[database]\nurl = "{self.url}"\n[secrets]\nkey = "{self.key}"\n[smtp]\nport = {self.smtp}\n'
            f"[relay]\nport = {self.relay_port}\n[http]\nport = {self.http}\n{self.more}"
        )
        self.process = await asyncio.to_thread(self._launch)
        return self.process

    def _launch(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ventanilla", "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*command, "--workers", str(self.workers), *(["--roles", self.roles] if self.roles else [])],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def kill(self) -> None:
        """End the process as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(self.process.wait)

    async def term(self) -> int:
        """Ask the process to end and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, START_S)

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return the log's lines of an event."""
        if not self.log.exists():
            return []
        lines = (json.loads(line) for line in self.log.read_text().splitlines() if _is_whole(line))
        return [line for line in lines if line.get("event") == event]

    def errors(self) -> list[str]:
        """Return what was logged as an error, and what is no log line at all."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if not line.startswith("{") or '"level": "error"' in line]


def _is_whole(line: str) -> bool:
    """Tell whether a line of the log is an event; the last one may be in the middle of being written."""
    return line.startswith("{") and line.endswith("}")


@asynccontextmanager
async def real_nodes(*nodes: RealNode) -> AsyncIterator[None]:
    """Start the nodes; at the end none is left."""
    try:
        await asyncio.gather(*(one.start() for one in nodes))
        yield
    finally:
        for one in nodes:
            if one.process is not None and one.process.poll() is None:
                await one.kill()

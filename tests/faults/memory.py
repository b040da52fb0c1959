"""What a node takes of the machine's memory: its process, the fork server and the readers, looked at all the while.

PSS counts a page that processes share once in all, so the sum over a node's processes is what the machine lacks.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.nodes import descendants

MIB = 1024 * 1024
LOOK_S = 0.05
BUDGET_BYTES = 512 * MIB
"""What a node of the shipped settings has to do with, whatever it is sent."""


@dataclass
class Memory:
    """The most that a node was seen to take, and how often it was looked at."""

    peak: int = 0
    looks: int = 0
    parts: list[int] = field(default_factory=list)

    def see(self, parts: list[int]) -> None:
        self.looks += 1
        if sum(parts) > self.peak:
            self.peak, self.parts = sum(parts), parts

    def __str__(self) -> str:
        return f"{self.peak // MIB} MiB at most ({' + '.join(str(one // MIB) for one in self.parts)})"


def taken_by(pid: int) -> list[int]:
    """Return the bytes (PSS) of a process and of each that it has started."""
    return [_pss(one) for one in (pid, *descendants(pid))]


def _pss(pid: int) -> int:
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _look(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return taken_by(pid)
    return []


@asynccontextmanager
async def watched(pid: int) -> AsyncIterator[Memory]:
    """Look at a node's memory every LOOK_S while the block runs."""
    memory = Memory()

    async def look_on() -> None:
        while True:
            memory.see(await asyncio.to_thread(_look, pid))
            await asyncio.sleep(LOOK_S)

    looking = asyncio.create_task(look_on())
    try:
        yield memory
    finally:
        looking.cancel()
        await asyncio.wait([looking])
    assert memory.looks, "nobody looked"

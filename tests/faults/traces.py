"""System calls as strace tells them: a file a thread, put in order by the machine's clock."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TRACED = "fsync,fdatasync,pwrite64,sendto,recvfrom"
SHOWN = 20_000
"""Bytes shown of what is written: a mail stands in one page of the log."""
OPTIONS = ("-ff", "-yy", "-ttt", "-T", "-s", str(SHOWN), "-e", f"trace={TRACED}", "-e", "signal=none")
LINE = re.compile(
    r"(?P<at>\d+\.\d+) (?P<name>\w+)\(\d+<(?P<file>.*?)>+(?:, (?P<rest>.*))?\)"
    r" += (?P<result>-?\d+).*<(?P<took>\d+\.\d+)>$"
)


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that succeeded: begun, ended (seconds of the clock), on what, with which bytes."""

    begun: float
    ended: float
    thread: int
    name: str
    file: str
    rest: str

    @property
    def is_flush(self) -> bool:
        return self.name in ("fsync", "fdatasync")


def strace(prefix: Path) -> list[str]:
    """Return the words before a command that trace it; the command keeps its process id."""
    return ["strace", "-D", "-o", str(prefix), *OPTIONS]


def attached(prefix: Path, pids: Iterable[int]) -> list[str]:
    """Return the command that traces processes which run, and what they start."""
    return ["strace", "-o", str(prefix), *OPTIONS, *(word for pid in pids for word in ("-p", str(pid)))]


def calls(prefix: Path) -> list[Call]:
    """Return all calls of a trace in the order in which they ended."""
    found = []
    for path in prefix.parent.glob(f"{prefix.name}.*"):
        for line in path.read_text(errors="replace").splitlines():
            if (one := LINE.match(line)) and int(one["result"]) >= 0:
                begun, rest = float(one["at"]), one["rest"] or ""
                ended = begun + float(one["took"])
                found.append(Call(begun, ended, int(path.suffix[1:]), one["name"], one["file"], rest))
    return sorted(found, key=lambda call: call.ended)


def first(found: Iterable[Call], name: str, words: str, *, after: float = 0) -> Call:
    """Return the first call of a name whose bytes hold some words, begun after an instant."""
    return next(call for call in found if call.name == name and words in call.rest and call.begun >= after)

"""CPU time of processes, as the kernel counts it: a process with everything it has started, ended ones included."""

import os
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def tree_seconds(root: int) -> float:
    """Return the CPU seconds of a process and all its descendants, and of those that ended and were waited for."""
    return sum(times for _, times in _tree(root))


def own_seconds(pid: int) -> float:
    """Return the CPU seconds of one process alone, its threads included."""
    user, system = _stat(pid)[11:13]
    return (int(user) + int(system)) * TICK_S


def _tree(root: int) -> list[tuple[int, float]]:
    parents: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = _stat(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):  # it ended while we looked
            continue
        pid = int(folder.name)
        parents.setdefault(int(stat[1]), []).append(pid)
        seconds[pid] = sum(map(int, stat[11:15])) * TICK_S
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append((pid, seconds.get(pid, 0.0)))
        left += parents.get(pid, ())
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on: state, parent, … utime (12th), stime, cutime, cstime."""
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()

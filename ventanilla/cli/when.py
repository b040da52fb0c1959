"""`ventanilla when [--at TIME] [--severity N] [--json]`: what would be promised to someone writing then (CONTRACT 1).

Promises: the times are those an incident opened at that instant would be given, by the same calendar and the same
targets; a TIME without offset is local in `desk.timezone`; `when -` answers each line before it reads the next, and a
line that is no time gives `{"at", "error"}` and the rest goes on. Never: opens the database or a socket.
"""

import json
import sys
from argparse import Namespace
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from desk.base.errors import OutsideCalendar
from desk.base.names import PromiseKind, Severity
from ventanilla.cli._instants import HOW_TO_WRITE, instant_of

if TYPE_CHECKING:
    from desk.rules.calendar import Calendar
    from desk.rules.deadlines import Target
    from desk.wording.counting import Counting
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

FROM_STDIN = "-"
ECHO_MAX = 200
"""Characters of a bad line that its answer repeats."""


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("when", help="show what would be promised to someone who writes now, or at a time")
    times = command.add_mutually_exclusive_group()
    times.add_argument("lines", nargs="?", choices=[FROM_STDIN], help="- reads one TIME a line, answers in JSON lines")
    times.add_argument("--at", metavar="TIME", help="when they write; without offset it is the desk's local time")
    command.add_argument("--severity", type=int, choices=[one.value for one in Severity], help="3 is the gravest")
    command.add_argument("--json", action="store_true", help="the whole object")


def run(args: Namespace, settings: "Settings") -> int:
    """Print what would be promised; 1 when a line was no time. Raises OutsideCalendar, TemplateBroken."""
    from desk.base.clock import WallClock
    from ventanilla.cli import GOOD, WRONG_USE

    promised = _promised(settings, args.severity)
    if args.lines == FROM_STDIN:
        return _answer_lines(promised)
    at = WallClock().now() if args.at is None else instant_of(args.at, promised.zone)
    if at is None:
        print(f"ventanilla when: --at {args.at}: {HOW_TO_WRITE}", file=sys.stderr)
        return WRONG_USE
    if args.json:
        print(json.dumps(promised.answer(at), ensure_ascii=False))
        return GOOD
    for line in promised.told(at):
        print(line)
    return GOOD


@dataclass(frozen=True, slots=True)
class Promised:
    """Answers what is promised to whoever writes at an instant, for one severity or for none."""

    calendar: "Calendar"
    target: "Target"
    severity: int | None
    counting: "Counting"

    @property
    def zone(self) -> ZoneInfo:
        return self.calendar.zone

    def answer(self, at: datetime) -> dict[str, Any]:
        """Return the object of CONTRACT 1. Raises OutsideCalendar."""
        dues = self._dues(at)
        return {
            "at": self._written(at),
            "severity": self.severity,
            **{kind: self._written(due) for due, kind in dues},
            "explanation": self._explanation(at, dues),
        }

    def told(self, at: datetime) -> list[str]:
        """Return the same as lines for a person. Raises OutsideCalendar."""
        dues = self._dues(at)
        return list(self.counting.told(at, dues, self._explanation(at, dues)))

    def _dues(self, at: datetime) -> list[tuple[datetime, str]]:
        return [(self.calendar.due(at, self.target.minutes(kind)), kind.value) for kind in PromiseKind]

    def _explanation(self, at: datetime, dues: list[tuple[datetime, str]]) -> list[str]:
        """Return how the longer of the two is counted; the shorter ends on its way."""
        longest = max(self.target.minutes(kind) for kind in PromiseKind)
        return self.counting.explained(self.calendar.explain(at, longest), dues)

    def _written(self, instant: datetime) -> str:
        return instant.astimezone(self.zone).isoformat(timespec="seconds")


def _promised(settings: "Settings", severity: int | None) -> Promised:
    from desk.rules.calendar import Calendar
    from desk.rules.deadlines import Targets
    from desk.wording.counting import Counting

    zone = ZoneInfo(settings.desk.timezone)
    override = Path(settings.desk.templates) if settings.desk.templates else None
    return Promised(
        calendar=Calendar.from_settings(settings.calendar, zone),
        target=Targets.from_settings(settings.promises).of(None if severity is None else Severity(severity)),
        severity=severity,
        counting=Counting(settings.desk.language, zone, override),
    )


def _answer_lines(promised: Promised) -> int:
    from ventanilla.cli import GOOD, PROBLEM

    code = GOOD
    for line in iter(sys.stdin.buffer.readline, b""):
        written = line.decode("utf-8", "replace").strip()
        answer = _answer(promised, written)
        if "error" in answer:
            code = PROBLEM
        print(json.dumps(answer, ensure_ascii=False), flush=True)
    return code


def _answer(promised: Promised, written: str) -> dict[str, Any]:
    at = instant_of(written, promised.zone)
    if at is None:
        return {"at": written[:ECHO_MAX], "error": f"no time: {HOW_TO_WRITE}"}
    try:
        return promised.answer(at)
    except OutsideCalendar as outside:
        return {"at": written[:ECHO_MAX], "error": str(outside)}

"""`ventanilla triage`: grades reports given as JSON lines, as the service grades mails and calls (CONTRACT 1).

Promises: one line out for each line in, in the same order, flushed at once, so that a program may ask and wait for each
answer; a line that is no report gets `{"error"}` and the rest goes on. Never: opens the database or a socket.
"""

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from desk.triage import Triage
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

CHANNELS = ("email", "phone")
FIELDS = ("subject", "body", "channel")


class NotAReport(ValueError):
    """A line is not what this command reads; the text says what is wrong with it."""


def add(commands: "Commands") -> None:
    """Declare the command."""
    commands.add_parser("triage", help="grade reports: JSON lines {subject, body, channel} on standard input")


def run(args: Namespace, settings: "Settings") -> int:  # noqa: ARG001 - this command has no arguments
    """Answer each line of standard input; 1 when a line was no report."""
    from desk.triage import load
    from ventanilla.cli import GOOD, PROBLEM

    triage = load(settings.triage.mode, Path(settings.desk.templates) if settings.desk.templates else None)
    code = GOOD
    for line in iter(sys.stdin.buffer.readline, b""):
        answer: dict[str, object]
        try:
            answer = _graded(triage, _report(line))
        except NotAReport as mistake:
            answer = {"error": str(mistake)}
            code = PROBLEM
        print(json.dumps(answer, ensure_ascii=False), flush=True)
    return code


def _report(line: bytes) -> tuple[str, str, str]:
    """Return subject, body and channel of a line. Raises NotAReport saying what is wrong."""
    try:
        report = json.loads(line.strip())
    except (ValueError, RecursionError) as mistake:
        raise NotAReport(f"not JSON: {mistake}") from mistake
    if not isinstance(report, dict):
        raise NotAReport("not an object; write {subject, body, channel}")
    for name in FIELDS:
        if not isinstance(report.get(name), str):
            raise NotAReport(f"{name} is missing or no text")
    if report["channel"] not in CHANNELS:
        raise NotAReport(f"channel must be one of {', '.join(CHANNELS)}")
    return report["subject"], report["body"], report["channel"]


def _graded(triage: "Triage", report: tuple[str, str, str]) -> dict[str, object]:
    grade = triage.classify(*report)
    return {
        "severity": grade.severity.value,
        "language": grade.language,
        "confidence": grade.confidence,
        "reasons": list(grade.reasons),
    }

"""`ventanilla inspect [FILE…]`: what the service makes of mails, one JSON object a line (CONTRACT 1).

Promises: answers in the order it was asked, each line as soon as it is made; a file that cannot be read gives
`{"file", "error"}` and the rest goes on. Never: changes anything, touches the database or asks the network.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

FROM_STDIN = "-"


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("inspect", help="show what the service makes of mails, changing nothing")
    command.add_argument(
        "files", nargs="*", metavar="FILE", help="mails to read; - reads file names from standard input"
    )


def run(args: Namespace, settings: "Settings") -> int:
    """Print one object a mail; 1 when a file could not be read."""
    from ventanilla.cli import GOOD, PROBLEM

    inspect = _inspector(settings)
    code = GOOD
    for file in _files(args.files or [FROM_STDIN]):
        try:
            raw = Path(file).read_bytes()
        except (OSError, ValueError) as error:
            answer = {"file": file, "error": getattr(error, "strerror", None) or str(error)}
            code = PROBLEM
        else:
            answer = {"file": file, **inspect(raw)}
        print(json.dumps(answer, ensure_ascii=False), flush=True)
    return code


def _files(named: list[str]) -> Iterator[str]:
    """Yield the files named; `-` stands for the lines of standard input, each answered before the next is read."""
    for name in named:
        if name == FROM_STDIN:
            yield from (line for one in sys.stdin if (line := one.rstrip("\r\n")))
        else:
            yield name


def _inspector(settings: "Settings") -> Callable[[bytes], dict[str, Any]]:
    """Return what reads a raw mail into the printable object, with all words loaded once."""
    from desk.base.names import Channel
    from desk.base.reading_words import load_reading_words
    from intake.email.reading.automatic import OwnMail
    from intake.email.reading.describe import describe
    from intake.email.reading.grading import triage_grader
    from intake.email.reading.read import read

    override = Path(settings.desk.templates) if settings.desk.templates else None
    words = load_reading_words(override)
    classify = triage_grader(settings.triage.mode, override)
    own = OwnMail(frozenset(address.lower() for address in (settings.desk.address, *settings.desk.aliases)))

    def inspect(raw: bytes) -> dict[str, Any]:
        message = read(raw, own=own, words=words)
        grade = classify(message.subject, message.reply_text, Channel.EMAIL)
        described = describe(message)
        described["language"] = grade.language
        described["severity"] = grade.severity.value
        described["severity_reasons"] = list(grade.reasons)
        return described

    return inspect

"""Where reading gets its grader from: triage is loaded where mails are read, never in the desk's process."""

from collections.abc import Callable
from pathlib import Path

from desk.base.grade import Grade

Classify = Callable[[str, str, str], Grade]
Grader = Callable[[], Classify]
"""Makes the classifier where it is used: a module-level function, or a `partial` of one, because it travels by name."""


def triage_grader(mode: str, override: Path | None = None) -> Classify:
    """Return the classifier of `desk.triage` in a mode (`triage.mode`), with the words of all language folders.

    Raises TemplateMissing or TemplateBroken naming the file.
    """
    # Imported here: the desk's process imports this module and grades nothing.
    from desk import triage  # noqa: PLC0415

    return triage.load(mode, override).classify

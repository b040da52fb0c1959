"""Where reading gets its grader from: triage is loaded where mails are read, never in the desk's process."""

from collections.abc import Callable
from pathlib import Path

from desk.base.grade import Grade

Classify = Callable[[str, str, str], Grade]
Grader = Callable[[], Classify]
"""Makes the classifier where it is used: a module-level function, or a `partial` of one, because it travels by name."""
FILE = "triage.toml"


def triage_grader(mode: str, override: Path | None = None) -> Classify:
    """Return the classifier of `desk.triage` in a mode (`triage.mode`), with the words of all language folders.

    Raises TemplateMissing or TemplateBroken naming the file.
    """
    # Imported here: the desk's process imports this module and grades nothing.
    from desk.base.languages import languages, load_toml  # noqa: PLC0415
    from desk.triage import Triage  # noqa: PLC0415

    def table(code: str) -> dict[str, object]:
        laid_over = override is not None and (override / code / FILE).is_file()
        return load_toml(code, FILE, override if laid_over else None)

    return Triage({code: table(code) for code in languages()}, mode).classify


def grade_by_triage() -> Classify:
    """Return the classifier with the shipped words and mode."""
    from desk.triage import classify  # noqa: PLC0415 - as above

    return classify

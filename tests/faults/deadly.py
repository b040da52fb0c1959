"""A grader whose reader dies on one subject, as on an error in a C library; every other mail is graded as shipped."""

import os
import signal
from pathlib import Path

from desk.base.grade import Grade
from desk.base.names import Channel
from intake.email.reading.grading import Classify, triage_grader

POISON = "poison"


def grader(mode: str, override: Path | None = None) -> Classify:
    """Stand in for `triage_grader`; it is loaded in the reader itself."""
    classify = triage_grader(mode, override)

    def deadly(subject: str, text: str, channel: Channel) -> Grade:
        if subject == POISON:
            os.kill(os.getpid(), signal.SIGKILL)
        return classify(subject, text, channel)

    return deadly

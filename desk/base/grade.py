"""What triage says of a text."""

from dataclasses import dataclass

from desk.base.names import Question, Severity
from desk.base.travel import travels


@travels
@dataclass(frozen=True, slots=True)
class Grade:
    """Severity with its reasons (plain sentences, first the one that decided), language and confidence 0–1.

    `questions` is what a report that says nothing leaves open; `asks_status` tells that a text only asks how things
    stand.
    """

    severity: Severity
    language: str
    confidence: float
    reasons: tuple[str, ...]
    questions: tuple[Question, ...] = ()
    asks_status: bool = False

"""What triage says of a text."""

from dataclasses import dataclass

from desk.base.names import Severity


@dataclass(frozen=True, slots=True)
class Grade:
    """Severity with its reasons (plain sentences, first the one that decided), language and confidence 0–1."""

    severity: Severity
    language: str
    confidence: float
    reasons: tuple[str, ...]

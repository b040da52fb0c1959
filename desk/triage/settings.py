"""The settings of triage: severity and language of a text."""

from dataclasses import dataclass

from desk.base.kinds import choice
from desk.base.setting import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageSettings:
    """How texts are graded."""

    mode: str = setting(
        "careful",
        "`careful` grades up on doubt, so that no outage waits; `balanced` takes the likelier grade.",
        choice("careful", "balanced"),
    )

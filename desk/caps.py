"""Caps on answers, so that no loop and no flood makes the desk a nuisance (guarantee 4)."""

from dataclasses import dataclass

from desk.base.kinds import integer
from desk.base.setting import setting

CAP = integer(0, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersSettings:
    """Caps on acknowledgements and status answers. 0 is no cap; what is over is merged or delayed, never dropped."""

    per_address_per_hour: int = setting(3, "Answers to one address in an hour of the clock.", CAP, later="faults")
    per_address_per_day: int = setting(10, "Answers to one address in a day.", CAP, later="faults")
    per_incident_per_day: int = setting(2, "Acknowledgements of one incident in a day.", CAP, later="faults")
    per_minute: int = setting(600, "Answers in a minute, to all together.", CAP, later="faults")

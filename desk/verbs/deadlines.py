"""The act of an incident whose time has come."""

from dataclasses import dataclass
from datetime import datetime

from desk.commit import Commit
from desk.ledger import load
from desk.rules import deadlines
from desk.rules.decision import Decision
from desk.rules.incident import Incident
from desk.rules.numbers import number_of


@dataclass(frozen=True, slots=True)
class FallDue:
    """Notes what fell due on one incident and sets its next waking."""

    commit: Commit
    incident: int

    @property
    def lanes(self) -> tuple[str, ...]:
        return (number_of(self.incident),)

    async def load(self) -> Incident:
        incident = await self.commit.store.read(load.incident(self.incident))
        assert incident is not None, "an incident is never deleted while it can wake"
        return incident

    def decide(self, facts: Incident, now: datetime) -> Decision:
        return deadlines.fall_due(facts, now)

"""The acts of an erasure: one an incident, and at last the person. Each is whole; what was cut short is begun again."""

from dataclasses import dataclass
from datetime import datetime

from desk.commit import Commit
from desk.ledger import load
from desk.ledger.person import Holding
from desk.rules import erasing
from desk.rules.decision import Decision
from desk.rules.erasing import Subject
from desk.rules.incident import Incident
from desk.rules.numbers import number_of


@dataclass(frozen=True, slots=True)
class ForgetIncident:
    """Takes a person out of one incident."""

    commit: Commit
    incident: int
    subject: Subject

    @property
    def lanes(self) -> tuple[str, ...]:
        return (number_of(self.incident),)

    async def load(self) -> Incident:
        incident = await self.commit.store.read(load.incident(self.incident))
        assert incident is not None, "an incident is never deleted"
        return incident

    def decide(self, facts: Incident, now: datetime) -> Decision:
        return erasing.forget_incident(facts, self.subject, now)


@dataclass(frozen=True, slots=True)
class ForgetPerson:
    """Takes away who they are."""

    subject: Subject

    @property
    def lanes(self) -> tuple[str, ...]:
        return self.subject.addresses

    async def load(self) -> None:
        return None

    def decide(self, _facts: None, now: datetime) -> Decision:
        return erasing.forget_person(self.subject.people, self.subject.addresses, now)


async def forget(commit: Commit, held: Holding) -> None:
    """Forget a person. Raises StoreAway, ActLost; then it is to be done again."""
    for incident in (*held.own, *held.joined):
        await commit.perform(ForgetIncident(commit, incident, held.subject))
    await commit.perform(ForgetPerson(held.subject))

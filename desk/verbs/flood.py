"""The act that tells a manager of a flood, and who is told: every manager of the roster."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import structlog

from desk.base.errors import ActLost
from desk.commit import Commit
from desk.ledger import load
from desk.rules import flood
from desk.rules.decision import Decision
from desk.rules.desk import Desk
from desk.rules.flood import FloodFacts
from desk.rules.routing import Consultant, managers

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TellFlood:
    """One manager told that answers were over their cap."""

    commit: Commit
    desk: Desk
    to: Consultant
    at: datetime
    limit: int

    @property
    def lanes(self) -> tuple[str, ...]:
        return (f"flood {self.to.id}",)

    async def load(self) -> FloodFacts:
        key = flood.flood_key(self.desk.calendar.day_of(self.at), self.to.id)
        taken = await self.commit.store.read(load.key(key))
        return FloodFacts(self.desk, self.commit.ids, self.to, self.at, self.limit, is_taken=taken is not None)

    def decide(self, facts: FloodFacts, now: datetime) -> Decision:
        return flood.flood(facts, now)


class Floods:
    """Owes each manager one mail on a day with a flood.

    The day this node has told is remembered; that nothing is told twice is seen to by the key in the ledger.
    """

    def __init__(self, commit: Commit, consultants: Sequence[Consultant], desk: Desk, limit: int) -> None:
        self._commit = commit
        self._managers = managers(consultants)
        self._desk = desk
        self._limit = limit
        self._day: date | None = None

    async def tell(self, at: datetime) -> None:
        """Owe what is to be owed for a flood at this instant. Raises StoreAway; then the next that is over tells."""
        day = self._desk.calendar.day_of(at)
        if day == self._day:
            return
        for manager in self._managers:
            await self._tell(manager, at)
        self._day = day

    async def _tell(self, manager: Consultant, at: datetime) -> None:
        try:
            decision = await self._commit.perform(TellFlood(self._commit, self._desk, manager, at, self._limit))
        except ActLost:
            log.info("act_lost", day=self._desk.calendar.day_of(at).isoformat())
            return
        if decision.owed:
            log.warning("flood_told", owed=decision.owed[0].id)

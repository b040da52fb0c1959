"""The act of the daily summary, and who it is owed to: every manager of the roster."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import structlog

from desk.base.errors import ActLost
from desk.commit import Commit
from desk.ledger import load, summary
from desk.ledger.statements import Steps
from desk.rules import digest
from desk.rules.decision import Decision
from desk.rules.desk import Desk
from desk.rules.digest import DigestFacts, Opening, Standing
from desk.rules.routing import Consultant, managers

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SumUp:
    """One day's summary to one manager."""

    commit: Commit
    desk: Desk
    to: Consultant
    opening: Opening

    @property
    def lanes(self) -> tuple[str, ...]:
        return (f"digest {self.opening.day} {self.to.id}",)

    async def load(self) -> DigestFacts:
        is_taken, standing = await self.commit.store.read(self._known())
        return DigestFacts(self.desk, self.commit.ids, self.to, self.opening, is_taken=is_taken, standing=standing)

    def decide(self, facts: DigestFacts, now: datetime) -> Decision:
        return digest.digest(facts, now)

    def _known(self) -> Steps[tuple[bool, Standing]]:
        taken = yield from load.key(digest.digest_key(self.opening.day, self.to.id))
        standing = yield from summary.standing(self.opening.at, self.opening.before)
        return taken is not None, standing


class Digests:
    """Owes each manager the summary of a support day once its hours have begun.

    What this node has looked at is remembered; that nothing is told twice is seen to by the key in the ledger.
    """

    def __init__(self, commit: Commit, consultants: Sequence[Consultant], desk: Desk) -> None:
        self._commit = commit
        self._managers = managers(consultants)
        self._desk = desk
        self._day: date | None = None

    async def look(self) -> None:
        """Owe what is to be owed by now. Raises StoreAway; then the next look begins anew."""
        calendar, now = self._desk.calendar, self._commit.clock.now()
        if not self._managers or calendar.day_of(now) == self._day:
            return
        opening = digest.opening_to_tell(calendar, now)
        if opening is None:
            return
        for manager in self._managers:
            await self._sum_up(manager, opening)
        self._day = opening.day

    async def _sum_up(self, manager: Consultant, opening: Opening) -> None:
        try:
            decision = await self._commit.perform(SumUp(self._commit, self._desk, manager, opening))
        except ActLost:
            log.info("act_lost", day=opening.day.isoformat())
            return
        if decision.owed:
            log.info("digest_owed", day=opening.day.isoformat(), owed=decision.owed[0].id)

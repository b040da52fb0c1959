"""The act of a mail of ours that will not be delivered, and where the outbox hands it in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from desk.base.names import OwedStatus
from desk.commit import Commit
from desk.ledger import load
from desk.ledger.load import Waiting
from desk.ledger.statements import Steps
from desk.rules import undelivered
from desk.rules.decision import Decision
from desk.rules.desk import Desk
from desk.rules.incident import Incident
from desk.rules.numbers import number_of
from desk.rules.routing import Roster
from desk.rules.undelivered import Next, Undelivered, UndeliveredFacts
from desk.verbs.roster import RosterBook

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EndDelivery:
    """What one undelivered mail changes."""

    commit: Commit
    book: RosterBook
    desk: Desk
    undelivered: Undelivered

    @property
    def lanes(self) -> tuple[str, ...]:
        owed = self.undelivered.owed
        return (number_of(owed.incident) if owed.incident is not None else f"owed {owed.id}",)

    async def load(self) -> UndeliveredFacts:
        roster = await self.book.roster()
        is_waiting, incident, first_mails = await self.commit.store.read(self._known(roster))
        known = Next(self.desk, roster, self.commit.ids, first_mails)
        return UndeliveredFacts(self.undelivered, known, incident, is_waiting)

    def decide(self, facts: UndeliveredFacts, now: datetime) -> Decision:
        return undelivered.end(facts, now)

    def _known(self, roster: Roster) -> Steps[tuple[bool, Incident | None, Mapping[str, str]]]:
        owed = self.undelivered.owed
        is_waiting = yield from load.is_owed_waiting(owed.id)
        if owed.incident is None:
            return is_waiting, None, {}
        incident = yield from load.incident(owed.incident)
        first_mails = yield from load.first_mails_to(owed.incident, [one.email for one in roster.consultants])
        return is_waiting, incident, first_mails


class Undeliveries:
    """Ends owed rows that will not be delivered."""

    def __init__(self, commit: Commit, book: RosterBook, desk: Desk) -> None:
        self._commit = commit
        self._book = book
        self._desk = desk

    async def end(self, waiting: Waiting, status: OwedStatus, reply: str) -> None:
        """Write that a row will never be taken, and all that follows. Raises StoreAway, ActLost."""
        ended = Undelivered(waiting.owed, status, waiting.attempts + 1, reply)
        decision = await self._commit.perform(EndDelivery(self._commit, self._book, self._desk, ended))
        for owed in decision.owed:
            log.warning("notice_passed_on", instead_of=waiting.owed.id, by=owed.id)

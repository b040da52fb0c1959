"""The act of a mail that would tell a time too late, and where the outbox has a row looked at before it goes out."""

from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from desk.base.errors import OutsideCalendar
from desk.base.names import EventKind
from desk.commit import Commit
from desk.ledger import load
from desk.ledger.load import Waiting
from desk.ledger.statements import Steps
from desk.rules.decision import Decision
from desk.rules.desk import Desk
from desk.rules.incident import Incident
from desk.rules.late import TIMED, LateFacts, earliest_told, in_doubt, tell_in_time
from desk.rules.numbers import number_of

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TellInTime:
    """What a late mail changes of one incident that it tells of."""

    commit: Commit
    desk: Desk
    waiting: Waiting
    incident: int

    @property
    def lanes(self) -> tuple[str, ...]:
        return (number_of(self.incident),)

    async def load(self) -> LateFacts:
        present, incident = await self.commit.store.read(self._known())
        assert incident is not None, "what is owed about an incident is erased before it is"
        has_left = any(one.data_sent or one.is_doubtful for one in (self.waiting, present) if one is not None)
        owed = None if present is None else present.owed
        return LateFacts(owed, has_left, incident, self.desk, self.commit.ids)

    def decide(self, facts: LateFacts, now: datetime) -> Decision:
        return tell_in_time(facts, now)

    def _known(self) -> Steps[tuple[Waiting | None, Incident | None]]:
        present = yield from load.owed_waiting(self.waiting.owed.id)
        incident = yield from load.incident(self.incident)
        return present, incident


class Lates:
    """Looks at each row before its content leaves."""

    def __init__(self, commit: Commit, desk: Desk) -> None:
        self._commit = commit
        self._desk = desk
        self._minute: datetime | None = None
        self._earliest = datetime.max
        """What `earliest_told` says in that minute: it is asked for every mail."""

    async def look(self, waiting: Waiting) -> Waiting:
        """Return the row as it may go out now: no time in it has passed unless its content may have left before.

        Raises StoreAway, ActLost.
        """
        if waiting.owed.kind not in TIMED:
            return waiting
        try:
            doubtful = in_doubt(waiting.owed, self._told_from(self._commit.clock.now()))
            for incident in doubtful:
                self._note(await self._commit.perform(TellInTime(self._commit, self._desk, waiting, incident)))
        except OutsideCalendar as nowhere:
            log.warning("late_uncounted", cause=str(nowhere))
            return waiting
        return await self._again(waiting) if doubtful else waiting

    def _told_from(self, now: datetime) -> datetime:
        minute = now.replace(second=0, microsecond=0)
        if minute != self._minute:
            self._earliest, self._minute = earliest_told(self._desk.calendar, now), minute
        return self._earliest

    async def _again(self, waiting: Waiting) -> Waiting:
        """Return the row as the ledger has it: what was written may have been written by a commit not heard of."""
        present = await self._commit.store.read(load.owed_waiting(waiting.owed.id))
        return waiting if present is None else replace(waiting, owed=present.owed)

    @staticmethod
    def _note(decision: Decision) -> None:
        for event in decision.events:
            if event.kind is EventKind.PROMISE_REVISED:
                log.warning("promise_revised", number=number_of(event.incident), told=event.text, why=event.why)

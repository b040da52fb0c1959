"""The acts of the held room: a person's verdict over one item, and the mail that tells the managers what waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from desk.base.errors import ActLost, UnknownHeld
from desk.base.names import Verdict
from desk.commit import Commit
from desk.ledger import held as room
from desk.ledger import load
from desk.ledger.statements import Steps
from desk.rules import held, waiting
from desk.rules.decision import Decision
from desk.rules.desk import Desk
from desk.rules.held import KeptItem
from desk.rules.incident import Incident
from desk.rules.routing import Consultant, managers
from desk.rules.waiting import AlertFacts

log = structlog.get_logger()

IDS_MAX = 16
"""Managers that one act writes to: no act takes more ids than a node has at hand (`commit.RESERVE`)."""


@dataclass(frozen=True, slots=True)
class DecideHeld:
    """Somebody releases or discards a held item. Raises UnknownHeld, AlreadyDecided, CannotRelease."""

    commit: Commit
    item: int
    verdict: Verdict
    by: str

    @property
    def lanes(self) -> tuple[str, ...]:
        return (f"held {self.item}",)

    async def load(self) -> tuple[KeptItem, Incident | None]:
        return await self.commit.store.read(self._known())

    def decide(self, facts: tuple[KeptItem, Incident | None], now: datetime) -> Decision:
        item, incident = facts
        return held.decide(item, incident, self.verdict, self.by, now)

    def _known(self) -> Steps[tuple[KeptItem, Incident | None]]:
        item = yield from room.item(self.item)
        if item is None:
            raise UnknownHeld(f"{self.item}: no held item has this id; `ventanilla held list` shows them")
        incident = (yield from load.incident(item.incident)) if item.incident is not None else None
        return item, incident


@dataclass(frozen=True, slots=True)
class TellHeld:
    """What the managers have not heard of, in one mail to each."""

    commit: Commit
    desk: Desk
    managers: Sequence[Consultant]

    @property
    def lanes(self) -> tuple[str, ...]:
        return ("held alert",)

    async def load(self) -> AlertFacts:
        untold = await self.commit.store.read(room.untold())
        return AlertFacts(self.desk, self.commit.ids, self.managers, untold)

    def decide(self, facts: AlertFacts, now: datetime) -> Decision:
        return waiting.alert(facts, now)


class Alerts:
    """Owes the managers a mail about held items once the first of them has waited long enough, in support hours."""

    def __init__(self, commit: Commit, consultants: Sequence[Consultant], desk: Desk) -> None:
        self._commit = commit
        self._managers = managers(consultants)[:IDS_MAX]
        self._desk = desk

    async def look(self) -> None:
        """Owe what is to be owed by now. Raises StoreAway; then the next look begins anew."""
        now = self._commit.clock.now()
        if not self._managers or not await self._commit.store.read(room.is_tell_due(now)):
            return
        if not self._desk.calendar.is_open(now):  # no node ran when it was due: the next opening is soon enough
            return
        try:
            decision = await self._commit.perform(TellHeld(self._commit, self._desk, self._managers))
        except ActLost:
            log.info("act_lost", part="held")
            return
        if decision.owed:
            log.info("held_told", managers=len(decision.owed))

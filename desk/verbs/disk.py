"""The act that tells the managers of a disk that is nearly full, and that notes when it has room again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from desk.base.errors import ActLost
from desk.commit import Commit
from desk.ledger import load
from desk.rules import disk
from desk.rules.decision import Decision
from desk.rules.desk import Desk
from desk.rules.disk import DiskFacts, Room
from desk.rules.routing import Consultant, managers
from desk.verbs.held import IDS_MAX

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DiskChanged:
    """A disk that had room is in want, or has room again."""

    commit: Commit
    desk: Desk
    managers: Sequence[Consultant]
    place: str
    room: Room
    is_low: bool

    @property
    def lanes(self) -> tuple[str, ...]:
        return (f"disk {self.place}",)

    async def load(self) -> DiskFacts:
        changes = await self.commit.store.read(load.keys_beginning(disk.keys_of(self.place)))
        return DiskFacts(self.desk, self.commit.ids, self.managers, self.place, changes, self.room)

    def decide(self, facts: DiskFacts, now: datetime) -> Decision:
        return disk.changed(facts, self.is_low, now)


class Disks:
    """Owes the managers one mail about a disk in want.

    What this node has seen is remembered; that nothing is told twice is seen to by the keys in the ledger.
    """

    def __init__(self, commit: Commit, consultants: Sequence[Consultant], desk: Desk, place: str) -> None:
        self._commit = commit
        self._managers = managers(consultants)[:IDS_MAX]
        self._desk = desk
        self._place = place
        self._was_low: bool | None = None

    async def note(self, room: Room) -> None:
        """Owe what is to be owed about what is free now. Raises StoreAway; then the next call begins anew."""
        is_low = disk.is_low(room, self._was_low)
        if is_low is None or is_low is self._was_low:
            return
        act = DiskChanged(self._commit, self._desk, self._managers, self._place, room, is_low)
        try:
            decision = await self._commit.perform(act)
        except ActLost:
            log.info("act_lost", part="disk")
            return
        self._was_low = is_low
        if decision.key is None:  # another start has said it
            return
        if is_low:
            log.error("disk_low", free=room.free, wanted=room.wanted, managers=len(decision.owed))
        else:
            log.info("disk_has_room", free=room.free)

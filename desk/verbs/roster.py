"""The roster as acts need it: who is on it, and how many incidents each has (a soft fact, kept for a while)."""

from collections import Counter
from datetime import datetime, timedelta

from desk.base.clock import Clock
from desk.ledger import load
from desk.ledger.store import Store
from desk.rules.decision import Decision
from desk.rules.routing import Consultant, Roster

LOAD_FOR = timedelta(seconds=5)
"""How long counted loads stand; in between this node adds what it assigned itself."""


class RosterBook:
    """Gives the roster with present loads without asking the database for every mail."""

    def __init__(self, consultants: tuple[Consultant, ...], store: Store, clock: Clock) -> None:
        self._consultants = consultants
        self._store = store
        self._clock = clock
        self._load: Counter[int] = Counter()
        self._counted_at: datetime | None = None

    async def roster(self) -> Roster:
        """Return the roster; loads are at most LOAD_FOR old. Raises StoreAway."""
        now = self._clock.now()
        if self._counted_at is None or abs(now - self._counted_at) > LOAD_FOR:
            self._counted_at = now
            self._load = Counter(await self._store.read(load.open_load()))
        return Roster(self._consultants, self._load)

    def note(self, decision: Decision) -> None:
        """Add what a committed decision assigned."""
        for change in decision.incidents:
            known = {one.id for one in change.before.assignments} if change.before else set()
            self._load.update(one.consultant for one in change.after.assignments if one.id not in known)

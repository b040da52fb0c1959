"""The roster as acts need it: who is on it, and how many incidents each has (a soft fact, kept for a while)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from desk.base.clock import Clock
from desk.commit import Commit
from desk.ledger import load
from desk.ledger.save import Change, Written
from desk.ledger.store import Store
from desk.rules.decision import Decision
from desk.rules.routing import Consultant, Roster

LOAD_FOR = timedelta(seconds=5)
"""How long counted loads stand; in between this node adds what it assigned itself."""


def key_of(email: str) -> str:
    """Return the stable key of a consultant: the address they were first known by."""
    return email.lower()


async def enrol(roster: Sequence[Consultant], commit: Commit) -> tuple[Consultant, ...]:
    """Write the configured roster and return it with the ids of the ledger; who is not on it any more has left.

    Raises StoreAway.
    """
    known = await commit.store.read(load.consultant_ids())
    rows: list[Written] = [
        ("consultant", (key_of(one.email), one.email, one.name, one.queue, one.role, one.order)) for one in roster
    ]
    gone = known.keys() - {key_of(one.email) for one in roster}
    rows += [("consultant_left", (commit.clock.now(), key)) for key in sorted(gone)]
    await commit.write(Change(tuple(rows)))
    ids = await commit.store.read(load.consultant_ids())
    return tuple(replace(one, id=ids[key_of(one.email)]) for one in roster)


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

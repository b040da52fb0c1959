"""What the ledger's tests stand on: a clock that is set, an open desk, incidents and acts as plain values."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from desk.base.names import BY_MACHINE, Channel, EventKind, Queue, Severity, Status
from desk.commit import Commit
from desk.ledger import load
from desk.ledger.store import Store, migrate, open_store
from desk.rules.decision import Decision, Event, Ids, IncidentChange
from desk.rules.incident import Incident
from tests.engines import MEMORY_URL
from tests.world.store import memory_store

NOON = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)


class SetClock:
    """A clock that stands where it is put."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by


@asynccontextmanager
async def opened(url: str, node: str = "node-a", clock: SetClock | None = None) -> AsyncIterator[Commit]:
    """A migrated database with one node on it; MEMORY_URL is a new one in memory each time."""
    clock = clock or SetClock()
    store = await (memory_store() if url == MEMORY_URL else _opened(url, clock))
    commit = Commit(store, clock, node)
    try:
        yield commit
    finally:
        await commit.drain()
        await store.close()


async def _opened(url: str, clock: SetClock) -> Store:
    await migrate(url, clock.now())
    return await open_store(url)


def incident(number: int, version: int = 1) -> Incident:
    """A bare incident."""
    return Incident(
        id=number,
        version=version,
        channel=Channel.EMAIL,
        status=Status.OPEN,
        severity=Severity.QUESTION,
        severity_reasons=(),
        type="",
        queue=Queue.DESK,
        language="es",
        requester=None,
        requester_name="",
        requester_email="",
        requester_phone="",
        subject="",
        created_at=NOON,
    )


@dataclass(frozen=True)
class Open:
    """Opens an incident."""

    commit: Commit
    change: Callable[[Decision], Decision] = lambda decision: decision

    lanes = ()

    async def load(self) -> Ids:
        return self.commit.ids

    def decide(self, facts: Ids, now: datetime) -> Decision:
        one = incident(facts.next("incidents"))
        event = Event(one.id, EventKind.OPENED, now, BY_MACHINE, "")
        return self.change(Decision(incidents=(IncidentChange(None, one),), events=(event,)))


@dataclass(frozen=True)
class Note:
    """Adds one event to an incident: every act bumps its version."""

    commit: Commit
    incident: int
    text: str = ""

    @property
    def lanes(self) -> tuple[str, ...]:
        return (str(self.incident),)

    async def load(self) -> Incident:
        found = await self.commit.store.read(load.incident(self.incident))
        assert found is not None
        return found

    def decide(self, facts: Incident, now: datetime) -> Decision:
        after = replace(facts, version=facts.version + 1)
        event = Event(facts.id, EventKind.NOTED, now, BY_MACHINE, self.text)
        return Decision(incidents=(IncidentChange(facts, after),), events=(event,))

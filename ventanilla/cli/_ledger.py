"""What the commands that look into the ledger share: how it is opened, and how its absence is told.

Promises: a database that is away or not to date is one sentence that says what, where and what to do. Never: shows the
password of its URL.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from desk.base.clock import WallClock
from desk.base.errors import NotMigrated, StoreAway, UnknownNumber

if TYPE_CHECKING:
    from desk.commit import Commit
    from desk.ledger.reading import Reader
    from desk.views.export import Look
    from desk.wording.terminal import Terminal
    from ventanilla.settings import Settings


@contextmanager
def explained(settings: "Settings") -> Iterator[None]:
    """Say of a database that is away or not to date which it is and what to do. Raises StoreAway, NotMigrated."""
    from ventanilla.settings import effective

    where = f"database.url {effective(settings)['database.url']}"
    try:
        yield
    except StoreAway as away:
        raise StoreAway(f"{where}: {_one_line(away)}; start the database, or correct database.url") from away
    except NotMigrated as old:
        raise NotMigrated(f"{where}: {_one_line(old)}") from old


@asynccontextmanager
async def opened(settings: "Settings") -> "AsyncIterator[tuple[Reader, Look]]":
    """The ledger open for reading, seen from the desk's zone and from now. Raises StoreAway, NotMigrated."""
    from desk.ledger import reading
    from desk.views.export import Look

    with explained(settings):
        async with reading.opened(settings.database.url, pooled=settings.database.pooled) as reader:
            yield reader, Look(ZoneInfo(settings.desk.timezone), WallClock().now())


@asynccontextmanager
async def written(settings: "Settings") -> "AsyncIterator[Commit]":
    """The ledger open for acts that make no rows of their own, beside whatever nodes are at work on it.

    Raises StoreAway, NotMigrated.
    """
    from desk.commit import Commit
    from desk.ledger.store import open_store

    async with opened(settings):
        pass  # a database that is not there, or not to date, is told before anything opens it for writing
    with explained(settings):
        store = await open_store(settings.database.url, pooled=settings.database.pooled)
        commit = Commit(store, WallClock(), node="", tables=())
        try:
            yield commit
        finally:
            await commit.drain()
            await store.close()


def in_zone(settings: "Settings", at: datetime) -> str:
    """Return an instant as it is exported."""
    return at.astimezone(ZoneInfo(settings.desk.timezone)).isoformat(timespec="seconds")


def override(settings: "Settings") -> Path | None:
    """Return the folder of the operator's own words, None without one."""
    return Path(settings.desk.templates) if settings.desk.templates else None


def incident_id(words: Sequence[str]) -> int:
    """Return the id of the number that was typed, in any spelling. Raises UnknownNumber."""
    from desk.rules.numbers import id_of

    written = " ".join(words)
    found = id_of(written)
    if found is None:
        raise UnknownNumber(f"{written}: no incident's number; is a digit wrong? They look like INC-100425")
    return found


def terminal(settings: "Settings") -> "Terminal":
    """Return the words of the desk's language. Raises TemplateMissing, TemplateBroken."""
    from desk.wording.terminal import Terminal

    return Terminal(settings.desk.language, override(settings))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())

"""The books: every accepted mail against its incident, message or held item, every opened incident against its answer.

Promises: each difference is yielded with what is missing; a mail without its act yet is none; works beside a running
service. Never: writes, or holds more than a page in memory.
"""

from collections.abc import AsyncIterator, Callable

from desk.base.signs import PERSONS, sign_of
from desk.ledger import audit
from desk.ledger.audit import Difference, Missing, Page, Sums, Unacknowledged
from desk.ledger.reading import Reader
from desk.ledger.statements import Steps
from desk.rules.acknowledgement import is_answerable


async def sums(reader: Reader) -> Sums:
    """Return how many there are of each. Raises StoreAway."""
    return await reader.run(audit.sums())


async def differences(reader: Reader) -> AsyncIterator[Difference]:
    """Yield what is missing: of mails, then of answers. Raises StoreAway."""
    for load in (audit.arrivals, _unanswered, audit.unheld):
        async for one in _paged(reader, load):
            yield one


async def head(reader: Reader, blob: int, length: int) -> bytes:
    """Return the first bytes of a stored mail; none when it is kept no more. Raises StoreAway."""
    return await reader.run(audit.head(blob, length))


async def _paged(reader: Reader, load: Callable[[int], Steps[Page]]) -> AsyncIterator[Difference]:
    last: int | None = 0
    while last is not None:
        page = await reader.run(load(last))
        for one in page.found:
            yield one
        last = page.last


def _unanswered(after: int) -> Steps[Page]:
    rows = yield from audit.unacknowledged(after)
    found = tuple(
        Difference(Missing.ACKNOWLEDGEMENT, row.message_id, row.incident, blob=row.blob)
        for row in rows
        if _is_owed_an_answer(row)
    )
    return Page(found, rows[-1].incident if len(rows) == audit.PAGE_MAX else None)


def _is_owed_an_answer(row: Unacknowledged) -> bool:
    """Tell whether the opening mail was a person's who can be written to: the rule of `opening`, from what it left."""
    return sign_of(row.why).sign in PERSONS and is_answerable(row.address)

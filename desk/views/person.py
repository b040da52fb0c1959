"""All that is held of one person: who they are, their incidents whole, held items, loose mails, the raw mails.

Promises: objects are those of the contract (CONTRACT 3), with a `{"person"}` before and a `{"mail"}` for each stored
mail after them; memory stays what one incident and one mail need. Never: writes.
"""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from desk.ledger.load import instant
from desk.ledger.person import Holding, holding
from desk.ledger.reading import Reader
from desk.ledger.statements import Run, Steps
from desk.ledger.tables import HeldRow, OwedRow
from desk.views.export import Look, Object, held_object, incident, outgoing


@dataclass(frozen=True, slots=True)
class StoredMail:
    """A mail as it came; `raw` None once retention or an erasure took its bytes."""

    said: Object
    raw: bytes | None


async def held_of(reader: Reader, contact: str) -> Holding:
    """Return what is held of whom an address or number leads to. Raises StoreAway."""
    return await reader.run(holding(contact))


async def objects(reader: Reader, look: Look, held: Holding) -> AsyncIterator[Object]:
    """Yield the person, their incidents and those they took part in, held items, outgoing rows of no incident."""
    yield {"person": {"names": list(held.names), "addresses": list(held.subject.addresses)}}
    for one in sorted((*held.own, *held.joined)):
        yield await incident(reader, look, one)
    for item in held.held:
        for row in await _rows(reader, HeldRow, item):
            yield {"held": held_object(row, look)}
    for owed in held.loose:
        for row in await _rows(reader, OwedRow, owed):
            yield {"outgoing": outgoing(row, look)}


async def mails(reader: Reader, look: Look, arrivals: Iterable[int]) -> AsyncIterator[StoredMail]:
    """Yield the stored mails, one after another. Raises StoreAway."""
    for arrival in arrivals:
        yield await reader.run(_mail(arrival, look))


async def _rows(reader: Reader, table: Any, row: int) -> list[Any]:
    return await reader.snapshot(lambda: table.filter(id=row).values())


def _mail(arrival: int, look: Look) -> Steps[StoredMail]:
    rows = yield Run(
        "SELECT a.id, a.received_at, a.transport, a.envelope_from, a.recipients, a.peer, b.sha256, b.data "
        "FROM arrivals a JOIN blobs b ON b.id = a.blob_id WHERE a.id = ?",
        (arrival,),
    )
    one, at, transport, sender, recipients, peer, sha256, raw = rows[0]
    said = {
        "id": one,
        "at": look.at(instant(at)),
        "transport": transport,
        "envelope_from": sender,
        "recipients": json.loads(recipients),
        "peer": peer,
        "sha256": sha256,
    }
    return StoredMail(said, None if raw is None else bytes(raw))

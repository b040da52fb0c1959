"""The held room as a person sees it: what waits, and one item whole: where it came from, where its raw mail is.

Promises: an item is of one moment; the object of the contract is in it unchanged. Never: writes, or reads what a mail
says.
"""

import json
from dataclasses import dataclass
from typing import Any

from desk.base.errors import UnknownHeld
from desk.ledger.reading import Reader
from desk.ledger.tables import ArrivalRow, Blob, HeldRow, OwedRow
from desk.views.export import Look, Object, held_object, outgoing

_ARRIVAL = ("id", "received_at", "transport", "peer", "authenticated_as", "envelope_from", "recipients")


@dataclass(frozen=True, slots=True)
class HeldWhole:
    """A held item as an object, and the bytes of its mail; None when it is no mail, or they are kept no more."""

    object: Object
    raw: bytes | None


async def whole(reader: Reader, look: Look, held_id: int) -> HeldWhole:
    """Return one held item, decided or not. Raises UnknownHeld, StoreAway."""

    async def read() -> HeldWhole | None:
        row = await HeldRow.filter(id=held_id).first().values()
        return None if row is None else await _whole(row, look)

    found = await reader.snapshot(read)
    if found is None:
        raise UnknownHeld(f"{held_id}: no held item has this id; `ventanilla held list` shows them")
    return found


async def _whole(row: Any, look: Look) -> HeldWhole:
    blob = await Blob.filter(id=row["blob_id"]).first().values()
    arrival = await ArrivalRow.filter(id=row["arrival_id"]).first().values(*_ARRIVAL)
    owed = await OwedRow.filter(id=row["owed_id"]).first().values()
    raw = None if blob is None or blob["data"] is None else bytes(blob["data"])
    found = {
        **held_object(row, look),
        "explanation": row["explanation"],
        "tell_at": look.at(row["tell_at"]),
        "told_at": look.at(row["told_at"]),
        "decided_at": look.at(row["decided_at"]),
        "decided_by": row["decided_by"],
        "verdict": row["verdict"],
        "arrival": None if arrival is None else _arrival(arrival, look),
        "raw": None if raw is None else {"blob": blob["id"], "sha256": blob["sha256"], "size": blob["size"]},
        "outgoing": None if owed is None else {**outgoing(owed, look), "last_reply": owed["last_reply"]},
    }
    return HeldWhole(found, raw)


def _arrival(row: Any, look: Look) -> Object:
    return {**row, "received_at": look.at(row["received_at"]), "recipients": json.loads(row["recipients"])}

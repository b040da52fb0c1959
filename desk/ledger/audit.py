"""What was accepted against what became of it, as reading steps: what nothing accounts for is loaded page by page.

Promises: a page is judged at one moment, so that a mail that has its act meanwhile is no difference; memory is a page's
however many mails there are. Never: reads a body.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from desk.base.names import Channel, Direction, EventKind, OwedKind, OwedStatus
from desk.ledger.statements import Run, Steps, places
from desk.rules.reception import same_key

PAGE_MAX = 500
"""Rows not accounted for that are loaded at a time."""


class Missing(StrEnum):
    """What there should be of an accepted mail and is not."""

    INCIDENT = "incident"
    MESSAGE = "message"
    OUTCOME = "outcome"
    FIRST = "first"
    ACKNOWLEDGEMENT = "acknowledgement"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is missing. `message_id` is the accepted mail's where the ledger still knows it, else `blob` holds
    the mail; `incident` is the one it belongs to."""

    missing: Missing
    message_id: str
    incident: int | None = None
    arrival: int | None = None
    blob: int | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """How many there are of each. `waiting` mails have no act yet: they are no difference."""

    accepted: int
    waiting: int
    repeated: int
    incidents: int
    messages: int
    held: int
    acknowledgements: int
    unsent: int


@dataclass(frozen=True, slots=True)
class Page:
    """Differences, and after which id the next page begins; None at the end."""

    found: tuple[Difference, ...]
    last: int | None


def sums() -> Steps[Sums]:
    """Count what was accepted and what there is of it."""
    accepted, waiting = yield from _counted("count(*), count(*) - count(done_at) FROM arrivals")
    (repeated,) = yield from _counted("count(*) FROM arrivals a JOIN keys k ON k.key = a.key WHERE k.ref <> a.id")
    (incidents,) = yield from _counted("count(*) FROM incidents WHERE channel = ?", Channel.EMAIL)
    (messages,) = yield from _counted("count(*) FROM messages WHERE direction = ? AND channel = ?", *_MAIL_IN)
    (held,) = yield from _counted("count(*) FROM held WHERE arrival_id IS NOT NULL")
    acknowledgements, unsent = yield from _counted(
        f"count(*), count(CASE WHEN status IN ('{OwedStatus.QUEUED}', '{OwedStatus.DELAYED}') THEN 1 END) "
        "FROM owed WHERE kind = ?",
        OwedKind.ACKNOWLEDGEMENT,
    )
    return Sums(accepted, waiting, repeated, incidents, messages, held, acknowledgements, unsent)


_MAIL_IN = (Direction.IN, Channel.EMAIL)


def _counted(what: str, *parameters: object) -> Steps[Any]:
    rows = yield Run(f"SELECT {what}", parameters)
    return rows[0]


_FIRST_OF_ITS_KEY = "(k.ref IS NULL OR k.ref = a.id)"
_UNACCOUNTED = (
    "SELECT a.id, a.blob_id, a.incident_id, i.id, k.ref, min(m.message_id) FROM arrivals a "
    "LEFT JOIN keys k ON k.key = a.key LEFT JOIN arrivals f ON f.id = k.ref "
    "LEFT JOIN incidents i ON i.id = a.incident_id "
    f"LEFT JOIN messages m ON m.blob_id = a.blob_id AND m.direction = '{Direction.IN}' "
    "LEFT JOIN held h ON h.arrival_id = a.id "
    "WHERE a.id > ? AND a.done_at IS NOT NULL AND (f.id IS NULL AND k.ref IS NOT NULL "
    f"OR {_FIRST_OF_ITS_KEY} AND (a.incident_id IS NOT NULL AND i.id IS NULL OR m.id IS NULL AND h.id IS NULL)) "
    f"GROUP BY a.id, a.blob_id, a.incident_id, i.id, k.ref ORDER BY a.id LIMIT {PAGE_MAX}"
)
"""Arrivals that have had their act, and neither incident and message nor a held item; copies without their first."""


def arrivals(after: int) -> Steps[Page]:
    """Load the arrivals with greater ids that nothing accounts for."""
    rows = yield Run(_UNACCOUNTED, (after,))
    same = yield from _same([row[0] for row in rows])
    found = []
    for arrival, blob, incident, standing, first, message_id in rows:
        missing = _missing(arrival, incident, standing, first)
        if missing in (Missing.MESSAGE, Missing.OUTCOME) and arrival in same:
            continue
        found.append(Difference(missing, message_id or "", incident, arrival, blob))
    return Page(tuple(found), rows[-1][0] if len(rows) == PAGE_MAX else None)


def _missing(arrival: int, incident: int | None, standing: int | None, first: int | None) -> Missing:
    if first is not None and first != arrival:
        return Missing.FIRST
    if incident is None:
        return Missing.OUTCOME
    return Missing.INCIDENT if standing is None else Missing.MESSAGE


def _same(ids: list[int]) -> Steps[set[int]]:
    """Load which of these arrivals ended as a copy of another mail, by the key they took."""
    if not ids:
        return set()
    keys = {same_key(arrival).hex(): arrival for arrival in ids}
    rows = yield Run(f"SELECT key FROM keys WHERE key IN ({places(len(keys))})", tuple(keys))
    return {keys[row[0]] for row in rows}


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """An incident of mail that has no acknowledgement. `why` says who wrote: a machine is owed none."""

    incident: int
    address: str
    why: str
    message_id: str
    blob: int | None


def unacknowledged(after: int) -> Steps[list[Unacknowledged]]:
    """Load incidents of mail with greater ids that have no acknowledgement, PAGE_MAX at most."""
    rows = yield Run(
        "SELECT i.id, i.requester_email, e.why, m.message_id, m.blob_id FROM incidents i "
        f"JOIN events e ON e.incident_id = i.id AND e.kind = '{EventKind.OPENED}' "
        f"LEFT JOIN owed o ON o.incident_id = i.id AND o.kind = '{OwedKind.ACKNOWLEDGEMENT}' "
        "LEFT JOIN messages m ON m.id = (SELECT min(id) FROM messages n "
        f"WHERE n.incident_id = i.id AND n.direction = '{Direction.IN}') "
        f"WHERE i.id > ? AND i.channel = ? AND o.id IS NULL ORDER BY i.id LIMIT {PAGE_MAX}",
        (after, Channel.EMAIL),
    )
    return [Unacknowledged(row[0], row[1], row[2], row[3] or "", row[4]) for row in rows]


def unheld(after: int) -> Steps[Page]:
    """Load acknowledgements with greater ids that ended unsent and that no held item tells a person of."""
    rows = yield Run(
        "SELECT o.id, o.incident_id, o.in_reply_to FROM owed o LEFT JOIN held h ON h.owed_id = o.id "
        f"WHERE o.id > ? AND o.kind = '{OwedKind.ACKNOWLEDGEMENT}' "
        f"AND o.status IN ('{OwedStatus.REFUSED}', '{OwedStatus.GIVEN_UP}') AND h.id IS NULL "
        f"ORDER BY o.id LIMIT {PAGE_MAX}",
        (after,),
    )
    found = tuple(Difference(Missing.HELD, row[2], row[1]) for row in rows)
    return Page(found, rows[-1][0] if len(rows) == PAGE_MAX else None)


def head(blob: int, length: int) -> Steps[bytes]:
    """Load the first bytes of a stored mail; none once retention or an erasure took them."""
    rows = yield Run("SELECT substr(data, 1, ?) FROM blobs WHERE id = ?", (length, blob))
    return bytes(rows[0][0] or b"") if rows else b""

"""The objects that other programs read (CONTRACT 3): incidents whole, held items, what is owed outside any incident.

Promises: names, order and values are those of the contract; an object is of one moment; reading is by batches, so that
memory does not grow with the ledger. Never: writes, or stands in a transaction while whoever reads takes their time.

What an instant `since` leaves out: incidents that were opened before it and to which nothing happened since (no event,
no message either way, nothing owed or sent); held items and loose outgoing rows that are older. An incident that is
left in is printed whole.
"""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from tortoise.expressions import Q
from tortoise.models import Model
from tortoise.queryset import QuerySet

from desk.base.errors import UnknownNumber
from desk.base.names import Direction, EventKind, PromiseKind, Queue, Status
from desk.ledger.reading import Reader
from desk.ledger.tables import (
    AssignmentRow,
    AttachmentRow,
    CallRow,
    ConsultantRow,
    EventRow,
    HeldRow,
    IncidentRow,
    MessageRow,
    OwedRow,
    ParticipantRow,
    PauseRow,
    PromiseRow,
)
from desk.rules.deadlines import status_of
from desk.rules.incident import Pause, Promise
from desk.rules.numbers import number_of

BATCH = 100
"""Rows read at a time."""
NAMING_AN_INSTANT = (EventKind.PROMISE_MADE, EventKind.PROMISE_REVISED, EventKind.PROMISE_BROKEN)
"""Events whose text is `kind: instant`, written by the rules in UTC."""

Row = Mapping[str, Any]
Object = dict[str, Any]
Parts = Mapping[int, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Look:
    """How a read model is seen: the zone its times are written in, and the instant (UTC) promises are judged at."""

    zone: ZoneInfo
    now: datetime

    def at(self, instant: datetime | None) -> str | None:
        """Return an instant of the ledger as the contract writes it."""
        return None if instant is None else instant.astimezone(self.zone).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which incidents: all that are not closed, of one queue, with anything new since an instant."""

    is_open: bool = False
    queue: Queue | None = None
    since: datetime | None = None


ALL = Chosen()


async def everything(reader: Reader, look: Look, since: datetime | None = None) -> AsyncIterator[Object]:
    """Yield all there is: incidents by number, then held items, then outgoing rows of no incident. Raises StoreAway."""
    async for one in incidents(reader, look, Chosen(since=since)):
        yield one
    async for row in undecided(reader, since):
        yield {"held": held_object(row, look)}
    async for row in _by_batches(reader, _loose(since)):
        yield {"outgoing": outgoing(row, look)}


async def incidents(reader: Reader, look: Look, chosen: Chosen = ALL) -> AsyncIterator[Object]:
    """Yield incidents by number, each whole. Raises StoreAway."""
    last: int | None = 0
    while last is not None:
        objects, last = await reader.snapshot(partial(_batch, look, chosen, last))
        for one in objects:
            yield one


async def incident(reader: Reader, look: Look, incident_id: int) -> Object:
    """Return one incident whole. Raises UnknownNumber, StoreAway."""

    async def read() -> list[Object]:
        return await _objects(await IncidentRow.filter(id=incident_id).values(), look)

    found = await reader.snapshot(read)
    if not found:
        raise UnknownNumber(f"{number_of(incident_id)}: no incident has this number")
    return found[0]


async def _batch(look: Look, chosen: Chosen, after: int) -> tuple[list[Object], int | None]:
    """Return the next incidents, and after which id to go on; None at the end."""
    rows = await wanted(chosen, after).limit(BATCH).values()
    fresh = await _with_news(rows, chosen.since)
    return await _objects(fresh, look), rows[-1]["id"] if len(rows) == BATCH else None


def wanted(chosen: Chosen, after: int) -> QuerySet[IncidentRow]:
    """Return the query of incidents with greater ids, in order; `since` is not judged by it."""
    query = IncidentRow.filter(id__gt=after).order_by("id")
    if chosen.is_open:
        query = query.exclude(status=Status.CLOSED)
    return query if chosen.queue is None else query.filter(queue=chosen.queue)


async def consultants() -> dict[int, str]:
    """Return everybody's address by id, also of those who left: history keeps the name."""
    return dict(await ConsultantRow.all().values_list("id", "email"))


async def by_incident(model: type[Model], ids: Sequence[int], *fields: str, order: str = "id") -> Parts:
    """Return the rows of one table by incident, those of each in order."""
    rows = await model.filter(incident_id__in=ids).order_by(order, "id").values("incident_id", *fields)
    return grouped(rows, "incident_id")


def grouped(rows: Iterable[Row], key: str) -> Parts:
    """Return rows by the value of a column; one that is not there has none."""
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[key]].append(row)
    return found


async def _with_news(rows: Sequence[Row], since: datetime | None) -> Sequence[Row]:
    if since is None or not rows:
        return rows
    since = since.astimezone(UTC)
    ids = [row["id"] for row in rows if row["created_at"] < since]
    fresh = {row["id"] for row in rows if row["created_at"] >= since}
    for model, is_new in (
        (EventRow, Q(at__gte=since)),
        (MessageRow, Q(at__gte=since)),
        (OwedRow, Q(created_at__gte=since) | Q(sent_at__gte=since)),
    ):
        found = await model.filter(is_new, incident_id__in=ids).distinct().values_list("incident_id", flat=True)
        fresh.update(found)
    return [row for row in rows if row["id"] in fresh]


async def _objects(rows: Sequence[Row], look: Look) -> list[Object]:
    """Return incidents whole, by a fixed number of queries however many they are."""
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    addresses = await consultants()
    parts: dict[str, Parts] = {
        "assignments": await by_incident(AssignmentRow, ids, "queue", "consultant_id", "since", "until", order="since"),
        "participants": await by_incident(ParticipantRow, ids, "address"),
        "promises": await by_incident(PromiseRow, ids, *Promise.__slots__, order="made_at"),
        "pauses": await by_incident(PauseRow, ids, *Pause.__slots__, order="since"),
        "messages": await by_incident(MessageRow, ids, *_MESSAGE, order="at"),
        "calls": await by_incident(CallRow, ids, *_CALL, order="started_at"),
        "events": await by_incident(EventRow, ids, "kind", "at", "by", "text", "why", order="version"),
        "outgoing": await by_incident(OwedRow, ids, *_OUTGOING, order="created_at"),
    }
    attached = await _attachments(ids)
    return [
        _object(row, {name: found.get(row["id"], ()) for name, found in parts.items()}, attached, addresses, look)
        for row in rows
    ]


async def _attachments(ids: Sequence[int]) -> Parts:
    rows = AttachmentRow.filter(message__incident_id__in=ids).order_by("id")
    return grouped(await rows.values("message_id", "name", "type", "size"), "message_id")


def _object(
    row: Row, parts: Mapping[str, Sequence[Row]], attached: Parts, addresses: Mapping[int, str], look: Look
) -> Object:
    pauses = tuple(Pause(**_without_incident(one)) for one in parts["pauses"])
    promises = [promise_of(one) for one in parts["promises"]]
    return {
        "number": number_of(row["id"]),
        "channel": row["channel"],
        "status": row["status"],
        "severity": row["severity"],
        "severity_reasons": json.loads(row["severity_reasons"]),
        "type": row["type"],
        "queue": row["queue"],
        "language": row["language"],
        "requester": {
            "email": row["requester_email"],
            "phone": row["requester_phone"],
            "name": row["requester_name"],
        },
        "subject": row["subject"],
        "created_at": look.at(row["created_at"]),
        "response_due": look.at(due(promises, PromiseKind.FIRST_ATTENTION)),
        "resolution_due": look.at(due(promises, PromiseKind.RESOLUTION)),
        "first_response_at": look.at(row["first_response_at"]),
        "resolved_at": look.at(row["resolved_at"]),
        "told_at": look.at(row["told_at"]),
        "closed_at": look.at(row["closed_at"]),
        "closed_by": row["closed_by"],
        "cause": row["cause"],
        "solution": row["solution"],
        "assignments": [_assignment(one, addresses, look) for one in parts["assignments"]],
        "participants": [one["address"] for one in parts["participants"]],
        "mentions": [number_of(one) for one in json.loads(row["mentions"])],
        "promises": [_promise(one, pauses, look) for one in promises],
        "pauses": [{"from": look.at(one.since), "until": look.at(one.until), "why": one.why} for one in pauses],
        "messages": [_message(one, attached.get(one["id"], ()), look) for one in parts["messages"]],
        "calls": [_call(one, look) for one in parts["calls"]],
        "events": [_event(one, look) for one in parts["events"]],
        "outgoing": [outgoing(one, look) for one in parts["outgoing"]],
    }


def due(promises: Iterable[Promise], kind: PromiseKind) -> datetime | None:
    """Return the time of a kind that was told last; before any was told, the one that is about to be."""
    promise = latest_told(promises, kind)
    return None if promise is None else promise.due


def latest_told(promises: Iterable[Promise], kind: PromiseKind) -> Promise | None:
    """Return the promise of a kind that was told last; before any was told, the one that is about to be."""
    of_kind = [promise for promise in promises if promise.kind is kind]
    if told := [(one.told_at, one.id, one) for one in of_kind if one.told_at is not None]:
        return max(told)[2]
    return next((one for one in of_kind if one.replaced_by is None and one.cancelled_at is None), None)


def promise_of(row: Row) -> Promise:
    """Return a row of promises, read with the names of Promise, as the rules know it."""
    return Promise(**{**_without_incident(row), "kind": PromiseKind(row["kind"])})


def _without_incident(row: Row) -> Object:
    return {name: value for name, value in row.items() if name != "incident_id"}


def _assignment(row: Row, addresses: Mapping[int, str], look: Look) -> Object:
    return {
        "queue": row["queue"],
        "consultant": addresses[row["consultant_id"]],
        "since": look.at(row["since"]),
        "until": look.at(row["until"]),
    }


def _promise(promise: Promise, pauses: tuple[Pause, ...], look: Look) -> Object:
    return {
        "kind": promise.kind.value,
        "made_at": look.at(promise.made_at),
        "due": look.at(promise.due),
        "told_at": look.at(promise.told_at),
        "status": status_of(promise, look.now, pauses).value,
        "kept_at": look.at(promise.kept_at),
    }


_MESSAGE = (
    "id", "at", "direction", "channel", "audience", "sender", "recipients", "subject", "text", "reply_text",
    "message_id",
)  # fmt: skip


def _message(row: Row, attachments: Sequence[Row], look: Look) -> Object:
    return {
        "at": look.at(row["at"]),
        "direction": row["direction"],
        "channel": row["channel"],
        "audience": row["audience"],
        "from": row["sender"],
        "to": json.loads(row["recipients"]),
        "subject": row["subject"],
        "text": row["text"],
        "reply_text": row["text"] if row["direction"] == Direction.OUT else row["reply_text"],
        "message_id": row["message_id"],
        "attachments": [{name: one[name] for name in ("name", "type", "size")} for one in attachments],
    }


_CALL = (
    "started_at", "direction", "caller", "callee", "purpose", "outcome", "bridged_to", "seconds", "recording__sha256",
)  # fmt: skip


def _call(row: Row, look: Look) -> Object:
    """`recording` is the SHA-256 of the kept bytes, null without any."""
    return {
        "at": look.at(row["started_at"]),
        "direction": row["direction"],
        "from": row["caller"],
        "to": row["callee"],
        "purpose": row["purpose"],
        "outcome": row["outcome"],
        "bridged_to": row["bridged_to"],
        "seconds": row["seconds"],
        "recording": row["recording__sha256"],
    }


def _event(row: Row, look: Look) -> Object:
    text = row["text"]
    if row["kind"] in NAMING_AN_INSTANT:
        kind, _, instant = text.partition(": ")
        text = f"{kind}: {look.at(datetime.fromisoformat(instant))}"
    return {"kind": row["kind"], "at": look.at(row["at"]), "by": row["by"], "text": text, "why": row["why"]}


_OUTGOING = ("kind", "address", "status", "attempts", "message_id", "in_reply_to", "due_at", "sent_at")


def outgoing(row: Row, look: Look) -> Object:
    """Return an owed row as the contract writes it."""
    return {
        "kind": row["kind"],
        "to": row["address"],
        "status": row["status"],
        "attempts": row["attempts"],
        "message_id": row["message_id"],
        "in_reply_to": row["in_reply_to"],
        "due_at": look.at(row["due_at"]),
        "sent_at": look.at(row["sent_at"]),
    }


def undecided(reader: Reader, since: datetime | None = None) -> AsyncIterator[Row]:
    """Yield the held items, oldest first. What was decided is held no longer: a released mail stands in its incident.

    Raises StoreAway.
    """
    query = HeldRow.filter(decided_at=None)
    return _by_batches(reader, query if since is None else query.filter(at__gte=since.astimezone(UTC)))


def held_object(row: Row, look: Look) -> Object:
    """Return a held item as the contract writes it."""
    return {
        "id": row["id"],
        "at": look.at(row["at"]),
        "reason": row["reason"],
        "kind": row["kind"],
        "from": row["sender"],
        "to": json.loads(row["recipients"]),
        "subject": row["subject"],
        "message_id": row["message_id"],
        "number": None if row["incident_id"] is None else number_of(row["incident_id"]),
    }


def _loose(since: datetime | None) -> QuerySet[OwedRow]:
    query = OwedRow.filter(incident_id=None)
    if since is None:
        return query
    since = since.astimezone(UTC)
    return query.filter(Q(created_at__gte=since) | Q(sent_at__gte=since))


async def _by_batches(reader: Reader, query: QuerySet[Any]) -> AsyncIterator[Row]:
    last = 0
    while True:
        batch = query.filter(id__gt=last).order_by("id").limit(BATCH)
        rows: list[Row] = await reader.snapshot(lambda batch=batch: batch.values())  # type: ignore[misc]
        for row in rows:
            yield row
        if len(rows) < BATCH:
            return
        last = rows[-1]["id"]

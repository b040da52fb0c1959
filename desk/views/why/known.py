"""What the ledger knows of an incident, as `why` needs it: rows read once, events put together by their act."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from desk.base.because import Doer
from desk.base.names import EventKind
from desk.base.signs import SignFound, sign_of
from desk.ledger.tables import (
    ArrivalRow,
    AssignmentRow,
    ConsultantRow,
    EventRow,
    HeldRow,
    IncidentRow,
    MessageRow,
    OwedRow,
    PauseRow,
    PromiseRow,
)
from desk.rules.incident import Pause, Promise
from desk.views.export import promise_of

Row = Mapping[str, Any]

_OWED = (
    "id", "kind", "channel", "address", "audience", "facts", "status", "attempts", "message_id", "created_at",
    "due_at", "not_before", "sent_at", "last_reply",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Act:
    """The events of one act, in order."""

    events: tuple[Row, ...]

    def kinds(self) -> set[str]:
        return {event["kind"] for event in self.events}

    def of(self, kind: EventKind) -> list[Row]:
        return [event for event in self.events if event["kind"] == kind]


@dataclass(frozen=True, slots=True)
class Known:
    """An incident with everything that tells why. `copies` are when further copies of its mails came in."""

    incident: Row
    consultants: Mapping[int, Row]
    assignments: Sequence[Row]
    promises: Sequence[Promise]
    pauses: Sequence[Pause]
    acts: Sequence[Act]
    owed: Sequence[Row]
    held: Sequence[Row]
    copies: Sequence[datetime]

    @property
    def opened_by(self) -> SignFound:
        """By which sign it was known who wrote the first mail."""
        opened = [event for act in self.acts for event in act.of(EventKind.OPENED)]
        return sign_of(opened[0]["why"] if opened else "")

    def events(self, *kinds: EventKind) -> list[Row]:
        """Return all events of some kinds, in order."""
        return [event for act in self.acts for event in act.events if event["kind"] in kinds]

    def who(self, by: str) -> Doer:
        """Return who did something, with the name the incident or the roster has for the address."""
        if by.lower() == self.incident["requester_email"].lower():
            return Doer(by, self.incident["requester_name"])
        named = [one["name"] for one in self.consultants.values() if one["email"].lower() == by.lower()]
        return Doer(by, named[0] if named else "")

    def telling(self, promise: int) -> list[Row]:
        """Return the owed rows whose facts tell a promise."""
        return [row for row in self.owed if promise in json.loads(row["facts"]).get("promises", ())]


async def known(incident_id: int) -> Known | None:
    """Read what is known of an incident; None when there is none. To be called within a snapshot."""
    incident = await IncidentRow.filter(id=incident_id).first().values()
    if incident is None:
        return None
    of_it = {"incident_id": incident_id}
    events = await EventRow.filter(**of_it).order_by("version", "n").values()
    pauses = await PauseRow.filter(**of_it).order_by("since", "id").values(*Pause.__slots__)
    return Known(
        incident=incident,
        consultants={one["id"]: one for one in await ConsultantRow.all().values("id", "email", "name", "queue")},
        assignments=await AssignmentRow.filter(**of_it).order_by("since", "id").values(),
        promises=[
            promise_of(row)
            for row in await PromiseRow.filter(**of_it).order_by("made_at", "id").values(*Promise.__slots__)
        ],
        pauses=[Pause(**row) for row in pauses],
        acts=[Act(tuple(of_act)) for _, of_act in groupby(events, key=lambda event: event["version"])],
        owed=await OwedRow.filter(**of_it).order_by("created_at", "id").values(*_OWED),
        held=await HeldRow.filter(owed_id=None, **of_it).order_by("at", "id").values(),
        copies=await _copies(incident_id),
    )


async def _copies(incident_id: int) -> list[datetime]:
    """Return when further copies of its mails came in: every arrival of their bytes or of their text but the first."""
    messages = set(await MessageRow.filter(incident_id=incident_id).values_list("blob_id", flat=True)) - {None}
    by_text = await ArrivalRow.filter(incident_id=incident_id).values_list("blob_id", flat=True)
    arrivals = await ArrivalRow.filter(blob_id__in=[*messages, *by_text]).order_by("received_at", "id").values()
    firsts: set[int] = set()
    copies = []
    for arrival in arrivals:
        blob = arrival["blob_id"]
        if blob in messages and blob not in firsts:
            firsts.add(blob)
        else:
            copies.append(arrival["received_at"])
    return copies

"""Telling the managers that a disk is nearly full: once until it has room again, however often the node starts.

Each change from room to want and back is a key, counted: an odd number of them says that the managers were told.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from desk.rules.decision import Decision, Ids
from desk.rules.desk import Desk
from desk.rules.mail import told
from desk.rules.routing import Consultant
from desk.rules.waiting import alerts

DISK_KEY = b"v"
"""First octet of the key of such a change: apart from those of others."""
PLACE_OCTETS = 8
"""Of the digest of a place, in its keys: a desk has a handful of places."""
ROOM_ABOVE = 1.1
"""Share of what is wanted from which a disk has room again: what swings about the limit is one story."""
TEMPLATE = "disk"


@dataclass(frozen=True, slots=True)
class Room:
    """What is free on a disk and what is wanted, in octets; `machine` is whose disk it is."""

    free: int
    wanted: int
    machine: str


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """Everything the rule may know. `changes` is how often the place went from room to want or back."""

    desk: Desk
    ids: Ids
    managers: Sequence[Consultant]
    place: str
    changes: int
    room: Room


def is_low(room: Room, was_low: bool | None) -> bool | None:
    """Tell whether a disk is in want; between want and room it stays what it was, None when nobody knows."""
    if room.free < room.wanted:
        return True
    return False if room.free >= room.wanted * ROOM_ABOVE else was_low


def keys_of(place: str) -> bytes:
    """Return what the keys of a place begin with."""
    return DISK_KEY + hashlib.sha256(place.encode()).digest()[:PLACE_OCTETS]


def changed(facts: DiskFacts, low: bool, now: datetime) -> Decision:
    """Return the mails owed because a disk is in want, or the end of that; nothing when it is known already."""
    if (facts.changes % 2 == 1) is low:
        return Decision()
    key = keys_of(facts.place) + str(facts.changes).encode()
    words = {
        "template": TEMPLATE,
        "at": told(now),
        "machine": facts.room.machine,
        "free": facts.room.free,
        "wanted": facts.room.wanted,
    }
    owed = alerts(facts.desk, facts.ids, facts.managers, words, now) if low else ()
    return Decision(key=key, owed=owed)

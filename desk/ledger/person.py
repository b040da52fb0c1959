"""Everything that leads to a person, as reading steps: for whoever asks what is held of them, and to forget them."""

from collections.abc import Sequence
from dataclasses import dataclass

from desk.base.names import Status
from desk.ledger.statements import Run, Steps, places
from desk.rules.erasing import Subject

PHONE_CHARACTERS = "+0123456789"


@dataclass(frozen=True, slots=True)
class Holding:
    """What is held of a person: incidents of their own and which of these are open, incidents they took part in, stored
    mails, held items, and mails of theirs that have no act yet. `named` are messages of other incidents that name an
    address of theirs."""

    subject: Subject
    names: tuple[str, ...] = ()
    own: tuple[int, ...] = ()
    open: tuple[int, ...] = ()
    joined: tuple[int, ...] = ()
    arrivals: tuple[int, ...] = ()
    held: tuple[int, ...] = ()
    loose: tuple[int, ...] = ()
    waiting: int = 0
    named: int = 0
    is_consultant: bool = False

    @property
    def known_by(self) -> str:
        """The address or number that led to the person."""
        return self.subject.addresses[0]

    @property
    def is_empty(self) -> bool:
        parts = (self.subject.people, self.own, self.joined, self.arrivals, self.held, self.loose)
        return not (any(parts) or self.waiting)


def as_stored(contact: str) -> str:
    """Return an address or a number as contact points hold it."""
    contact = contact.strip()
    return contact.lower() if "@" in contact else "".join(c for c in contact if c in PHONE_CHARACTERS)


def holding(contact: str) -> Steps[Holding]:
    """Load what is held of the person whom an address or number leads to, by all of theirs."""
    people, addresses, names = yield from _known(as_stored(contact))
    those, them = places(len(addresses)), places(max(1, len(people)))
    persons = people or (0,)
    own = yield Run(
        f"SELECT id, status FROM incidents WHERE requester_id IN ({them}) OR lower(requester_email) IN ({those}) "
        f"OR requester_phone IN ({those}) ORDER BY id",
        (*persons, *addresses, *addresses),
    )
    is_own = {row[0] for row in own}
    took_part = yield from _ids(
        f"SELECT incident_id FROM participants WHERE person_id IN ({them}) "
        f"UNION SELECT incident_id FROM messages WHERE lower(sender) IN ({those}) "
        f"UNION SELECT incident_id FROM owed WHERE incident_id IS NOT NULL AND lower(address) IN ({those}) "
        "UNION SELECT incident_id FROM calls WHERE incident_id IS NOT NULL "
        f"AND (caller IN ({those}) OR callee IN ({those}))",
        (*persons, *addresses, *addresses, *addresses, *addresses),
    )
    held = yield from _ids(f"SELECT id FROM held WHERE lower(sender) IN ({those}) ORDER BY id", addresses)
    arrivals = yield from _arrivals(addresses)
    loose = yield from _ids(
        f"SELECT id FROM owed WHERE incident_id IS NULL AND lower(address) IN ({those}) ORDER BY id", addresses
    )
    waiting = yield Run(
        f"SELECT count(*) FROM arrivals WHERE done_at IS NULL AND lower(envelope_from) IN ({those})", addresses
    )
    named = yield from _named(addresses, is_own)
    roster = yield Run(f"SELECT count(*) FROM consultants WHERE lower(email) IN ({those})", addresses)
    return Holding(
        subject=Subject(people, addresses),
        names=names,
        own=tuple(row[0] for row in own),
        open=tuple(row[0] for row in own if row[1] != Status.CLOSED),
        joined=tuple(sorted(set(took_part) - is_own)),
        arrivals=arrivals,
        held=held,
        loose=loose,
        waiting=waiting[0][0],
        named=named,
        is_consultant=bool(roster[0][0]),
    )


def everybody() -> Steps[tuple[str, ...]]:
    """Load every address and number of whoever wrote, called or was written to: for a list of erasures alone."""
    parts = (f"SELECT {column} AS address FROM {table}" for table, column in _ADDRESSES)
    rows = yield Run(f"SELECT address FROM ({' UNION '.join(parts)}) everybody WHERE address <> '' ORDER BY address")
    return tuple(row[0] for row in rows)


_ADDRESSES = (
    ("contact_points", "address"),
    ("incidents", "lower(requester_email)"),
    ("incidents", "requester_phone"),
    ("messages", "lower(sender)"),
    ("held", "lower(sender)"),
    ("arrivals", "lower(envelope_from)"),
    ("owed", "lower(address)"),
    ("calls", "caller"),
    ("calls", "callee"),
)
"""Where somebody stands by address or number."""


def _known(contact: str) -> Steps[tuple[tuple[int, ...], tuple[str, ...], tuple[str, ...]]]:
    """Load the rows of `people` that a contact leads to, all their addresses with it first, and their names."""
    people = yield from _ids("SELECT person_id FROM contact_points WHERE address = ? ORDER BY person_id", (contact,))
    if not people:
        return (), (contact,), ()
    points = yield Run(
        f"SELECT address FROM contact_points WHERE person_id IN ({places(len(people))}) ORDER BY id", people
    )
    names = yield Run(f"SELECT name FROM people WHERE id IN ({places(len(people))}) ORDER BY id", people)
    addresses = dict.fromkeys((contact, *(row[0] for row in points)))
    return people, tuple(addresses), tuple(row[0] for row in names if row[0])


def _arrivals(addresses: Sequence[str]) -> Steps[tuple[int, ...]]:
    """Load the mails that came from a person: by their envelope, as a message of theirs, or held."""
    those = places(len(addresses))
    return (
        yield from _ids(
            f"SELECT id FROM arrivals WHERE lower(envelope_from) IN ({those}) "
            f"UNION SELECT a.id FROM messages m JOIN arrivals a ON a.blob_id = m.blob_id "
            f"WHERE lower(m.sender) IN ({those}) "
            "UNION SELECT arrival_id FROM held "
            f"WHERE lower(sender) IN ({those}) AND arrival_id IS NOT NULL ORDER BY 1",
            (*addresses, *addresses, *addresses),
        )
    )


def _named(addresses: Sequence[str], own: set[int]) -> Steps[int]:
    """Count the messages, in incidents that are not the person's, that name an address and are not from it."""
    count = 0
    for address in addresses:
        rows = yield Run(
            "SELECT incident_id, count(*) FROM messages WHERE (lower(recipients) LIKE ? OR lower(text) LIKE ?) "
            "AND lower(sender) <> ? GROUP BY incident_id",
            (f"%{address}%", f"%{address}%", address),
        )
        count += sum(row[1] for row in rows if row[0] not in own)
    return count


def _ids(sql: str, parameters: Sequence[object]) -> Steps[tuple[int, ...]]:
    rows = yield Run(sql, parameters)
    return tuple(row[0] for row in rows)

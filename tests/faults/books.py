"""The books: what the relay took and what the database holds must say that nothing was lost and nothing doubled."""

from collections import defaultdict
from dataclasses import dataclass

from tests.faults.databases import Databases
from tests.relay import Relay, Taken

USER = "ana@cliente.mx"
INCOMING = "SELECT incident_id, message_id FROM messages WHERE direction = 'in' ORDER BY id"
OWED = "SELECT incident_id, kind, status, message_id FROM owed ORDER BY id"
OTHERS = (
    "SELECT (SELECT count(*) FROM incidents), (SELECT count(*) FROM held),"
    " (SELECT count(*) FROM promises WHERE told_at IS NULL),"
    " (SELECT count(*) FROM events) - (SELECT sum(version) FROM incidents)"
)
SENT = "SELECT message_id FROM owed WHERE status = 'sent'"


@dataclass(frozen=True)
class Expected:
    """What one story leaves behind: messages of its one incident, and mails at the relay from where it began."""

    incoming: tuple[str, ...]
    owed: tuple[str, ...]
    to_user: int
    to_consultants: int


async def problems_of(databases: Databases, url: str, expected: Expected, relay: Relay, sent: set[str]) -> list[str]:
    """Count, and return a sentence for each thing that is wrong. `sent` are the Message-IDs whose sending was committed
    before the kill: those must not have come again."""
    found = await _problems_in_database(databases, url, expected)
    return found + _problems_at_relay(relay, expected, sent)


async def _problems_in_database(databases: Databases, url: str, expected: Expected) -> list[str]:
    incoming = [tuple(row) for row in await databases.rows(url, INCOMING)]
    owed = [tuple(row) for row in await databases.rows(url, OWED)]
    incidents, held, untold, _ = (await databases.rows(url, OTHERS))[0]
    found = []
    if incidents != 1:
        found.append(f"{incidents} incidents instead of 1")
    if tuple(sorted(message_id for _, message_id in incoming)) != tuple(sorted(expected.incoming)):
        found.append(f"messages that came in: {[message_id for _, message_id in incoming]}")
    if tuple(sorted(kind for _, kind, _, _ in owed)) != tuple(sorted(expected.owed)):
        found.append(f"owed: {[kind for _, kind, _, _ in owed]} instead of {list(expected.owed)}")
    if unsent := [kind for _, kind, status, _ in owed if status != "sent"]:
        found.append(f"not sent: {unsent}")
    if len({incident for incident, *_ in (*incoming, *owed)}) > 1:
        found.append("messages and mails of more than one incident")
    if held:
        found.append(f"{held} held items")
    if untold and not unsent:
        found.append(f"{untold} promises were not told")
    return found


def _problems_at_relay(relay: Relay, expected: Expected, sent: set[str]) -> list[str]:
    by_id: defaultdict[str, list[Taken]] = defaultdict(list)
    for taken in relay.taken:
        by_id[str(taken.mail["Message-ID"])].append(taken)
    to_user = sum(copies[0].recipients == [USER] for copies in by_id.values())
    found = []
    if to_user != expected.to_user:
        found.append(f"{to_user} distinct acknowledgements at the relay instead of {expected.to_user}")
    if len(by_id) - to_user != expected.to_consultants:
        found.append(f"{len(by_id) - to_user} distinct notices at the relay instead of {expected.to_consultants}")
    for message_id, copies in by_id.items():
        if len({one.content for one in copies}) > 1:
            found.append(f"{message_id} was sent with different bytes")
        if message_id in sent and len(copies) > 1:
            found.append(f"{message_id} was sent again though its sending was committed")
        if len(copies) > 2:
            found.append(f"{message_id} was sent {len(copies)} times after one kill")
    return found


def copies_of(relay: Relay) -> int:
    """Return how many mails the relay took a second time."""
    return len(relay.taken) - len({str(taken.mail["Message-ID"]) for taken in relay.taken})

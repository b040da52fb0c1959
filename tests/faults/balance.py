"""The books of a plan: each letter against its arrivals, its incident or held item, and its answer at the relay."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.faults.grounds import Ground
from tests.faults.letters import ANSWERED, Kind, Letter
from tests.relay import Taken

ARRIVALS = "SELECT a.incident_id, a.done_at, b.data FROM arrivals a JOIN blobs b ON b.id = a.blob_id"
MESSAGES = "SELECT m.incident_id, b.data FROM messages m JOIN blobs b ON b.id = m.blob_id WHERE m.direction = 'in'"
HELD = "SELECT b.data FROM held h JOIN arrivals a ON a.id = h.arrival_id JOIN blobs b ON b.id = a.blob_id"
OWED = "SELECT incident_id, kind, status, message_id FROM owed"
INCIDENTS = "SELECT count(*) FROM incidents"
DOUBTFUL = frozenset({Kind.HOSTILE, Kind.REFUSED})
"""Kinds that may be held."""


@dataclass(frozen=True)
class Found:
    """What a ledger holds: arrivals and messages by the bytes they point to, held bytes, owed rows."""

    arrivals: Mapping[bytes, list[tuple[int | None, bool]]]
    messages: Mapping[bytes, list[int]]
    held: Sequence[bytes]
    owed: Sequence[tuple[int | None, str, str, str]]
    incidents: int


async def found_in(ground: Ground, url: str) -> Found:
    """Look into a ledger that no node writes to."""
    arrivals: defaultdict[bytes, list[tuple[int | None, bool]]] = defaultdict(list)
    messages: defaultdict[bytes, list[int]] = defaultdict(list)
    for incident, done_at, data in await ground.rows(url, ARRIVALS):
        arrivals[bytes(data)].append((incident, done_at is not None))
    for incident, data in await ground.rows(url, MESSAGES):
        messages[bytes(data)].append(incident)
    held = [bytes(row[0]) for row in await ground.rows(url, HELD)]
    owed: list[Any] = [tuple(row) for row in await ground.rows(url, OWED)]
    ((incidents,),) = await ground.rows(url, INCIDENTS)
    return Found(arrivals, messages, held, owed, incidents)


def problems_of(letters: Sequence[Letter], found: Found, taken: Sequence[Taken]) -> list[str]:
    """Return a sentence for each thing that is wrong."""
    known = {raw for one in letters for raw in one.raws}
    strange = [raw for raw in found.arrivals if raw not in known]
    problems = [f"bytes are kept that nobody sent: {raw[:60]!r}…" for raw in strange]
    for one in letters:
        problems += [f"{one}: {what}" for what in (*_accepted(one, found), *_became(one, found))]
        if one.kind in ANSWERED:
            problems += [f"{one}: {what}" for what in _answered(one, found, taken)]
    opened = sum(one.kind is not Kind.FOLLOW_UP and not _is_held(one, found) for one in letters)
    if found.incidents != opened:
        problems.append(f"{found.incidents} incidents of {opened} letters that open one")
    return [*problems, *_sent(found, taken)]


def repeated(letters: Iterable[Letter], found: Found) -> int:
    """Return how many arrivals were of a mail that had come before."""
    return sum(max(0, len(_arrivals(one, found)) - 1) for one in letters)


def copies_of(taken: Sequence[Taken]) -> int:
    """Return how many mails the relay took a second time."""
    return len(taken) - len({str(one.mail["Message-ID"]) for one in taken})


def _accepted(one: Letter, found: Found) -> list[str]:
    """Each 250 is an arrival of its own, done; what was not heard of may be one more."""
    arrivals = _arrivals(one, found)
    problems = []
    if not one.heard <= len(arrivals) <= one.handed_over:
        problems.append(f"{one.heard} times told 250, {len(arrivals)} arrivals, {one.handed_over} times handed over")
    if not all(is_done for _, is_done in arrivals):
        problems.append("an arrival has no act")
    if len({incident for incident, _ in arrivals if incident is not None}) > 1:  # a copy points to the first's bytes
        problems.append("its arrivals point to several incidents")
    return problems


def _became(one: Letter, found: Found) -> list[str]:
    """One message of one incident, or held; of a follow-up: of its parent's incident."""
    messages = [incident for raw in one.raws for incident in found.messages.get(raw, [])]
    if _is_held(one, found):
        return [] if one.kind in DOUBTFUL and not messages else ["is held"]
    if one.kind is Kind.REFUSED:
        return ["is not held though its row is refused"]
    if len(messages) != 1:
        return [f"is {len(messages)} messages"]
    if one.parent is not None and messages != found.messages.get(one.parent.raw):
        return ["is not in the incident it belongs to"]
    return []


def _answered(one: Letter, found: Found, taken: Sequence[Taken]) -> list[str]:
    """One acknowledgement, and no other, came to the sender."""
    incidents = found.messages.get(one.raw, [])
    ours = [row for row in found.owed if row[0] in incidents and row[1] == "acknowledgement"]
    others = {row[3] for row in found.owed if row[1] == "revised_promise"}  # the clock jumped past what was told
    came = {str(mail.mail["Message-ID"]) for mail in taken if mail.recipients == [one.sender]} - others
    if len(ours) != 1 or ours[0][2] != "sent":
        return [f"its acknowledgements: {ours}"]
    return [] if came == {ours[0][3]} else [f"{len(came)} answers by Message-ID came: {came}"]


def _sent(found: Found, taken: Sequence[Taken]) -> list[str]:
    """What the relay has was owed and is sent; what came again came with the same bytes."""
    contents: defaultdict[str, set[bytes]] = defaultdict(set)
    for mail in taken:
        contents[str(mail.mail["Message-ID"])].add(mail.content)
    sent = {message_id for *_, status, message_id in found.owed if status == "sent"}
    problems = [f"{name} was sent with different bytes" for name, those in contents.items() if len(those) > 1]
    problems += [f"{name} was sent and nobody owed it" for name in contents.keys() - sent]
    return [*problems, *(f"{name} is marked as sent and never came" for name in sent - contents.keys())]


def _arrivals(one: Letter, found: Found) -> list[tuple[int | None, bool]]:
    return [arrival for raw in one.raws for arrival in found.arrivals.get(raw, [])]


def _is_held(one: Letter, found: Found) -> bool:
    return any(raw in found.held for raw in one.raws)

"""The guarantees as invariants: what must hold at the end of every life, each under the number it has in DESIGN 1.

A life is judged by what its senders were told, what its relay took and what stands in its ledger: nothing here asks the
house what it thinks. Each function yields a sentence for each thing that is wrong.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

from desk.ledger.load import instant
from tests.oracle import MEXICAN, Oracle
from tests.world.faults import Fault
from tests.world.mails import ANSWERED, INTO_ANOTHER, MACHINES, Fate, Letter
from tests.world.world import Life

NINE_TO_SEVEN = (9 * 60, 19 * 60)
MINUTES = {"first_attention": 2 * 60, "resolution": 8 * 60}
"""What the shipped desk promises, in open minutes."""
REVISE_MINUTES = 4 * 60
AHEAD_MINUTES = 30
"""The steps by which a late mail puts a time off, and how far ahead one must be to be told."""
PER_ADDRESS_PER_HOUR = 3
EXPLAINED = frozenset(("added", "automatic", "assigned", "flagged", "linked", "noted", "promise_broken", "status_sent"))
"""Kinds of events that say why, always."""
EXPECTED_ERRORS = frozenset(("delivery_refused", "delivery_given_up"))
OPENING = frozenset((Fate.OPENS, Fate.OPENS_UNANSWERED))


@dataclass(frozen=True)
class Row:
    """A row of a table by the names of its columns."""

    values: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.values[name]


class Books:
    """A life's ledger, and which mail is which."""

    def __init__(self, life: Life) -> None:
        self.life = life
        for table in ("arrivals", "messages", "held", "incidents", "owed", "promises", "events"):
            setattr(self, table, self._table(table))

    arrivals: list[Row]
    messages: list[Row]
    held: list[Row]
    incidents: list[Row]
    owed: list[Row]
    promises: list[Row]
    events: list[Row]

    def _table(self, name: str) -> list[Row]:
        cursor = self.life.database.connection.execute(f"SELECT * FROM {name} ORDER BY id")
        names = [column[0] for column in cursor.description]
        return [Row(dict(zip(names, values, strict=True))) for values in cursor]

    @cached_property
    def blobs(self) -> dict[int, bytes]:
        return dict(self.life.database.rows("SELECT id, data FROM blobs"))

    @cached_property
    def by_blob(self) -> dict[int, list[Row]]:
        """What became of each raw mail: messages and held items."""
        found: defaultdict[int, list[Row]] = defaultdict(list)
        for row in (*(one for one in self.messages if one.direction == "in"), *self.held):
            if row.blob_id is not None:
                found[row.blob_id].append(row)
        return found

    def outcomes(self, letter: Letter) -> list[Row]:
        """Return every message and held item that a letter's copies became."""
        blobs = [blob for blob, raw in self.blobs.items() if raw in letter.copies]
        return [row for blob in blobs for row in self.by_blob[blob]]

    def is_first(self, row: Row) -> bool:
        """Tell whether an incident was opened by a message. Ids tell no order: each node gives out its own."""
        return bool(row.at == next(one.created_at for one in self.incidents if one.id == row.incident_id))

    def owed_of(self, incident: int, kind: str) -> list[Row]:
        return [one for one in self.owed if one.incident_id == incident and one.kind == kind]

    def opened_by(self, letter: Letter) -> int | None:
        """Return the incident whose first message a letter is."""
        for row in self.outcomes(letter):
            if is_message(row) and self.is_first(row):
                return int(row.incident_id)
        return None

    def answered_in(self, letter: Letter) -> int | None:
        """Return the incident in which a letter must have its answer."""
        if letter.fate is Fate.SHARES:
            return next((row.incident_id for row in self.outcomes(letter) if is_message(row)), None)
        return self.opened_by(letter) if letter.fate is Fate.OPENS else letter.incident


def is_message(row: Row) -> bool:
    """Tell a message from a held item."""
    return "direction" in row.values


def nothing_accepted_is_lost(books: Books) -> Iterator[str]:
    """Guarantee 1: whoever was told that a mail is kept finds it as it was, and something came of it."""
    stored = set(books.blobs.values())
    for letter in books.life.letters:
        if not letter.was_accepted:
            continue
        if not stored.intersection(letter.copies):
            yield f"{letter.message_id} was accepted and its bytes are not there"
        elif not books.outcomes(letter):
            yield f"{letter.message_id} was accepted and is neither a message nor held"
    yield from (f"arrival {one.id} waits for ever" for one in books.arrivals if one.done_at is None)
    if not books.life.is_quiet:
        waiting = [(one.kind, one.status) for one in books.owed if one.status in ("queued", "delayed")]
        yield f"the desk does not come to rest: {waiting}"


def nothing_happens_twice(books: Books) -> Iterator[str]:
    """Guarantee 2: a mail becomes one thing; a mail of ours has one Message-ID, one content, and goes out once."""
    for letter in books.life.letters:
        outcomes = books.outcomes(letter)
        if len(outcomes) > 1 and not letter.is_unreadable:
            yield f"{letter.message_id} became {len(outcomes)} things"
    yield from _copies_of_anothers(books)
    known = {one.message_id for one in books.owed}
    contents: defaultdict[str, set[bytes]] = defaultdict(set)
    for taken in books.life.relay.taken:
        contents[taken.message_id].add(taken.content)
    times = Counter(taken.message_id for taken in books.life.relay.taken)
    for message_id, count in times.items():
        if message_id not in known:
            yield f"{message_id} went out and nobody owed it"
        if len(contents[message_id]) > 1:
            yield f"{message_id} went out with {len(contents[message_id])} contents"
        if count > 1 + books.life.relay.may_repeat[message_id]:
            yield f"{message_id} went out {count} times, {books.life.relay.may_repeat[message_id]} of them excused"
    for incident in books.incidents:
        for kind in ("acknowledgement",):
            if len(books.owed_of(incident.id, kind)) > 1:
                yield f"incident {incident.id} owes {kind} more than once"


def _copies_of_anothers(books: Books) -> Iterator[str]:
    """Two people's mails are never one, whatever their Message-IDs."""
    senders: defaultdict[bytes, set[str]] = defaultdict(set)
    for letter in books.life.letters:
        for raw in letter.copies:
            senders[raw].add(letter.sender if letter.envelope_from is None else letter.envelope_from)
    for one in books.arrivals:
        if one.envelope_from not in senders[books.blobs[one.blob_id]]:
            yield f"arrival {one.id} from {one.envelope_from} counts as a copy of another's mail"


def the_answer_is_part_of_the_incident(books: Books) -> Iterator[str]:
    """Guarantee 3: no incident ever stands there with nothing owed; each answer goes out, or a person sees it."""
    yield from (f"incident {incident} stood there with nothing owed" for incident in books.life.bare)
    for letter in books.life.letters:
        if letter.fate not in ANSWERED or letter.is_unreadable or not books.outcomes(letter):
            continue
        incident = books.answered_in(letter)
        kind = "status" if letter.fate is Fate.ASKS else "acknowledgement"
        answers = books.owed_of(incident, kind) if incident is not None else []
        if not [one for one in answers if one.in_reply_to == letter.message_id]:
            yield f"{letter.message_id} ({letter.fate}) has no {kind}"
    sent = {taken.message_id for taken in books.life.relay.taken}
    seen = {one.owed_id for one in books.held}
    for one in books.owed:
        if one.status == "sent" and one.message_id not in sent:
            yield f"owed {one.id} counts as sent and the relay never had it"
        if one.status in ("refused", "given_up", "held") and one.id not in seen:
            yield f"owed {one.id} is {one.status} and nobody sees it"


def a_machine_is_never_answered(books: Books) -> Iterator[str]:
    """Guarantee 4: nothing is said to a machine, its words are not a user's, and answers keep their caps."""
    for letter in books.life.letters:
        if not letter.by_machine:
            continue
        for row in books.outcomes(letter):
            incident = row.incident_id
            said = [one for one in books.owed if one.incident_id == incident and one.audience == "user"]
            if letter.fate is Fate.OPENS_UNANSWERED and said:
                yield f"{letter.message_id} of a machine is answered: {[one.kind for one in said]}"
            if letter.fate is Fate.NOTED and not letter.is_unreadable and row.values.get("audience") != "internal":
                yield f"{letter.message_id} of a machine is taken for its user's words"
        if letter.message_id and [
            one for one in books.owed if one.audience == "user" and one.in_reply_to == letter.message_id
        ]:
            yield f"{letter.message_id} of a machine has an answer"
    yield from (f"a mail went to {one.recipient}" for one in books.life.relay.taken if one.recipient in MACHINES)
    yield from _over_the_caps(books)


def _over_the_caps(books: Books) -> Iterator[str]:
    """Count answers by hour of the clock; one that was turned to has answers which an earlier hour let go."""
    turned = {after.replace(minute=0, second=0, microsecond=0) for _, after in books.life.jumped}
    answers = {one.message_id: one for one in books.owed if one.kind in ("acknowledgement", "status")}
    in_hour: Counter[tuple[str, datetime]] = Counter()
    for message_id, at in books.life.relay.first_tried.items():
        hour = at.replace(minute=0, second=0, microsecond=0)
        if message_id in answers and hour not in turned and at - hour > timedelta(seconds=30):
            in_hour[answers[message_id].address, hour] += 1
    for (address, hour), count in in_hour.items():
        if count > PER_ADDRESS_PER_HOUR:
            yield f"{address} was answered {count} times in the hour of {hour}"
    if any(after < before for before, after in books.life.jumped):
        return
    slots = Counter(
        (one.incident_id, one.due_at[:13])
        for one in books.owed
        if one.kind == "status" and one.status not in ("merged", "cancelled")
    )
    yield from (
        f"incident {incident}: {count} status answers for {hour}"
        for (incident, hour), count in slots.items()
        if count > 1
    )


def the_time_told_is_a_promise(books: Books) -> Iterator[str]:
    """Guarantee 5: what was told is what is stored is what the calendar says, no time is told that had passed; what
    passed unkept is noted once."""
    now = books.life.ended_at
    broken = Counter((one.incident_id, one.text) for one in books.events if one.kind == "promise_broken")
    before = {one.replaced_by: one for one in books.promises if one.replaced_by is not None}
    created = {one.id: one.created_at for one in books.incidents}
    for one in books.promises:
        by_calendar = _by_calendar(one, before.get(one.id), created[one.incident_id])
        if by_calendar != _at(one.due):
            yield f"incident {one.incident_id}: {one.kind} is due {one.due}, by the calendar {by_calendar}"
        times = broken[one.incident_id, f"{one.kind}: {_at(one.due).isoformat()}"]
        stood = one.replaced_by is None or one.broken_at is not None
        if times != (1 if stood and _at(one.due) <= now else 0):
            yield f"incident {one.incident_id}: {one.kind} of {one.due} was noted as broken {times} times"
        if bool(times) != (one.broken_at is not None):
            yield f"incident {one.incident_id}: {one.kind} is marked otherwise than noted"
    yield from _told_otherwise(books)


def _by_calendar(promise: Row, before: Row | None, created: Any) -> datetime:
    """Return when a promise is due: by its severity, or by steps from one told too late."""
    if before is None:
        return datetime.fromisoformat(oracle().due(_at(created), MINUTES[promise.kind]))
    earliest = datetime.fromisoformat(oracle().due(_at(promise.made_at), AHEAD_MINUTES))
    due, steps = _at(before.due), 0
    while due < earliest or not steps:
        steps += 1
        due = datetime.fromisoformat(oracle().due(_at(before.due), steps * REVISE_MINUTES))
    return due


def _told_otherwise(books: Books) -> Iterator[str]:
    """Yield what answers tell that was not promised, or had passed when their content first left."""
    due: defaultdict[tuple[int, str], list[datetime]] = defaultdict(list)
    for one in books.promises:
        due[one.incident_id, one.kind].append(_at(one.due))
    told_anew = {(one.incident_id, kind) for one in books.owed for kind in MINUTES if _tells_anew(one, kind)}
    for one in books.owed:
        left = books.life.relay.first_left.get(one.message_id)
        for incident, part in _told(one):
            for kind in MINUTES:
                time = None if part.get(kind) is None else _at(part[kind])
                if time is None or (incident, kind) not in due:
                    continue
                if time not in due[incident, kind]:
                    yield f"owed {one.id} tells {kind} {time}, promised is {due[incident, kind]}"
                is_late = left is not None and time <= left and one.kind != "status"
                if is_late and (incident, kind) not in told_anew:
                    yield f"owed {one.id} told {kind} {time} at {left}"


def _tells_anew(one: Row, kind: str) -> bool:
    """Tell whether a mail of its own tells a new time: a row whose node was gone may have left, and goes as it is."""
    return one.kind == "revised_promise" and json.loads(one.facts)[kind] is not None


def _told(one: Row) -> list[tuple[int, Mapping[str, Any]]]:
    """Return what a mail to a user tells of times, by incident."""
    if one.kind not in ("acknowledgement", "status", "revised_promise"):
        return []
    facts = json.loads(one.facts)
    return [(_id(each["number"]), each) for each in facts.get("incidents", ())] or [(one.incident_id, facts)]


def _id(number: str) -> int:
    return int(re.sub(r"\D", "", number)[:-1])


def _apart(books: Books) -> Iterator[str]:
    """Yield the Message-IDs of one user whose mails, all read, are not of one incident. Two nodes may each decide one
    of them in the same instant."""
    if books.life.struck[Fault.NODES_RACE]:
        return
    shared: defaultdict[str, list[Letter]] = defaultdict(list)
    for letter in books.life.letters:
        if letter.fate is Fate.SHARES:
            shared[letter.message_id].append(letter)
    for message_id, letters in shared.items():
        found = {row.incident_id for letter in letters for row in books.outcomes(letter)}
        if len(found) > 1 and not any(letter.is_unreadable for letter in letters):
            yield f"{message_id} is in the incidents {sorted(found)}"


def nobody_speaks_for_another(books: Books) -> Iterator[str]:
    """Guarantee 6: a mail joins the incident it may join and no other; a look changes nothing."""
    for letter in books.life.letters:
        for row in books.outcomes(letter):
            incident = row.incident_id
            if (
                letter.fate in INTO_ANOTHER
                and is_message(row)
                and incident != letter.incident
                and not letter.is_unreadable
            ):
                yield f"{letter.message_id} ({letter.fate}) is in {incident} and not in {letter.incident}"
            if letter.fate in OPENING and is_message(row) and not books.is_first(row):
                yield f"{letter.message_id} from {letter.sender} speaks in {incident}, which is another's"
            if letter.fate is Fate.HELD and is_message(row) and not letter.is_unreadable:
                yield f"{letter.message_id} from {letter.sender} must be held and is in {incident}"
    yield from _apart(books)
    if books.life.looked[0] != books.life.looked[1]:
        yield "looking at a status page changes the ledger"


def mail_is_bytes(books: Books) -> Iterator[str]:
    """Guarantee 7: what is kept is what came."""
    came = {raw for letter in books.life.letters for raw in letter.copies}
    yield from (f"blob {blob} is nothing that came" for blob, raw in books.blobs.items() if raw not in came)


def everything_is_explained(books: Books) -> Iterator[str]:
    """Guarantee 8: each version of an incident has its events, and each event that needs a reason has one."""
    numbered: defaultdict[int, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for one in books.events:
        numbered[one.incident_id][one.version].append(one.n)
        if one.kind in EXPLAINED and not one.why:
            yield f"incident {one.incident_id}: {one.kind} does not say why"
    for incident in books.incidents:
        versions = numbered[incident.id]
        if sorted(versions) != list(range(1, incident.version + 1)):
            yield f"incident {incident.id} is at version {incident.version}, events stand at {sorted(versions)}"
        yield from (f"incident {incident.id}: events {sorted(n)}" for n in versions.values() if len(set(n)) != len(n))
    for letter in books.life.letters:
        opened = books.opened_by(letter) if letter.fate is Fate.OPENS_UNANSWERED else None
        if opened is not None and not [
            one for one in books.events if one.incident_id == opened and one.kind == "opened" and one.why
        ]:
            yield f"incident {opened}: nothing says why it was not answered"


def one_bad_message_stops_nobody(books: Books) -> Iterator[str]:
    """Guarantee 9: no act fails, no loop meets what it does not know."""
    yield from (f"{error} was logged" for error in sorted(set(books.life.errors)) if error not in EXPECTED_ERRORS)


GUARANTEES: Mapping[int, Callable[[Books], Iterator[str]]] = dict(
    enumerate(
        (
            nothing_accepted_is_lost,
            nothing_happens_twice,
            the_answer_is_part_of_the_incident,
            a_machine_is_never_answered,
            the_time_told_is_a_promise,
            nobody_speaks_for_another,
            mail_is_bytes,
            everything_is_explained,
            one_bad_message_stops_nobody,
        ),
        1,
    )
)


def broken(life: Life) -> dict[int, list[str]]:
    """Return what each guarantee says against a life; nothing where all hold."""
    books = Books(life)
    said = {number: list(guarantee(books)) for number, guarantee in GUARANTEES.items()}
    return {number: sentences for number, sentences in said.items() if sentences}


@lru_cache(1)
def oracle() -> Oracle:
    """A second opinion on the shipped desk's calendar."""
    return Oracle("America/Mexico_City", {day: [NINE_TO_SEVEN] for day in range(5)}, MEXICAN)


def _at(value: Any) -> datetime:
    moment = instant(value)
    assert moment is not None
    return moment

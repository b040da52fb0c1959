"""Why the first message opened an incident, and why every later one was added, noted, or kept apart."""

import json
from collections.abc import Iterator
from datetime import datetime

from desk.base.because import Because, Say, Word, because
from desk.base.names import Channel, EventKind, ThreadBy, Verdict
from desk.base.signs import PERSONS, UNREADABLE, sign_of
from desk.rules.numbers import number_of
from desk.views.why.known import Known, Row

HELD_NOW = {
    None: Say.HELD,
    Verdict.RELEASED: Say.RELEASED,
    Verdict.DISCARDED: Say.HELD_DISCARDED,
    Verdict.ERASED: Say.HELD_ERASED,
}
"""What is said of a mail that was held, by what became of it."""


def thread(known: Known) -> Iterator[Because]:
    """Yield what tied each message to the incident, in the order in which they came."""
    yield from _opened(known)
    later = [*_later(known), *_copies(known), *_held(known)]
    yield from (one for _, one in sorted(later, key=lambda pair: pair[0]))


def _opened(known: Known) -> Iterator[Because]:
    incident = known.incident
    if incident["channel"] == Channel.PHONE:
        yield because(Say.OPENED_BY_CALL)
        return
    mentions = ", ".join(map(number_of, json.loads(incident["mentions"])))
    table = "opened_beside" if mentions else "opened_alone"
    yield because(Say.OPENED, reason=Word(table, incident["thread_reason"], {"numbers": mentions}))
    opened_by = known.opened_by
    if opened_by.sign in UNREADABLE:
        yield because(Say.UNREADABLE, sign=opened_by)
    elif opened_by.sign is not None and opened_by.sign not in PERSONS:
        yield because(Say.WRITTEN_BY_MACHINE, sign=opened_by)


def _later(known: Known) -> Iterator[tuple[datetime, Because]]:
    for event in known.events(
        EventKind.ADDED, EventKind.FLAGGED, EventKind.NOTED, EventKind.AUTOMATIC, EventKind.BOUNCED
    ):
        yield from ((event["at"], one) for one in _told_by(known, event))


def _told_by(known: Known, event: Row) -> Iterator[Because]:
    at, why = event["at"], event["why"]
    match event["kind"]:
        case EventKind.ADDED:
            yield because(Say.JOINED, at=at, who=known.who(event["text"]), reason=Word("joined_by", why))
        case EventKind.FLAGGED:
            yield because(Say.FLAGGED, who=known.who(event["text"]))
        case EventKind.NOTED if why in set(ThreadBy):
            yield because(Say.NOTED, at=at, who=known.who(event["by"]), reason=Word("joined_by", why))
        case EventKind.AUTOMATIC:
            yield because(Say.AUTOMATIC, at=at, who=known.who(event["by"]), sign=sign_of(why))
        case EventKind.BOUNCED if event["text"]:
            address, _, status = event["text"].partition(" ")
            yield because(Say.BOUNCED, at=at, address=f"{address} ({status})" if status else address)
            if why:
                yield because(Say.BOUNCED_WORDS, text=why)
        case EventKind.BOUNCED:
            yield because(Say.BOUNCED_SOMETHING, at=at, sign=sign_of(why))


def _copies(known: Known) -> Iterator[tuple[datetime, Because]]:
    yield from ((at, because(Say.COPIED, at=at)) for at in known.copies)


def _held(known: Known) -> Iterator[tuple[datetime, Because]]:
    for item in known.held:
        say = HELD_NOW[item["verdict"]]
        reason = Word("held", item["reason"])
        yield item["at"], because(say, at=item["at"], who=known.who(item["sender"]), reason=reason)

"""Why an incident is graded as it is, where the work on it stands, and who has it."""

import json
from collections.abc import Iterator

from desk.base.because import MOVES, Because, Say, StoredReason, Word, because
from desk.base.names import EventKind, OwedKind, Queue
from desk.views.why.known import Known, Row


def severity(known: Known) -> Iterator[Because]:
    """Yield the severity, what it was graded by, and what changed it since."""
    incident = known.incident
    grade = incident["severity"]
    yield because(Say.GRADED, severity=grade, words=Word("severity", grade))
    reasons = json.loads(incident["severity_reasons"])
    if reasons:
        yield because(Say.GRADED_AT_OPENING, at=incident["created_at"])
        yield from (because(Say.REASON, reason=StoredReason(reason)) for reason in reasons)
    else:
        yield because(Say.NO_REASON)
    for event in known.events(EventKind.REGRADED):
        yield because(Say.REGRADED, at=event["at"], by=known.who(event["by"]), text=event["text"])


def queue(known: Known) -> Iterator[Because]:
    """Yield why the work stands in its queue, who has it for which, and by what rule they were chosen."""
    incident = known.incident
    now = Queue(incident["queue"])
    if incident["queue_reason"]:
        yield because(Say.QUEUE_REASON, reason=Word("queue_reason", incident["queue_reason"]))
    for event in known.events(*MOVES):
        move = Word("moved", event["kind"])
        yield because(Say.MOVED, at=event["at"], by=known.who(event["by"]), move=move, text=event["text"])
    yield because(Say.QUEUE_NOW, queue=Word("queue", now))
    yield from (_assigned(known, one) for one in known.assignments)
    if known.assignments:
        yield because(Say.CHOSEN)
    is_kept = any(one["queue"] == Queue.DESK and one["until"] is None for one in known.assignments)
    if is_kept and now is not Queue.DESK:
        yield because(Say.DESK_KEEPS, queue=Word("queue", now))
    for address in _forewarned(known):
        yield because(Say.FOREWARNED, queue=Word("queue", Queue.DEVELOPMENT), who=known.who(address))


def _assigned(known: Known, one: Row) -> Because:
    who = known.who(known.consultants[one["consultant_id"]]["email"])
    values = {"who": who, "queue": Word("queue", one["queue"]), "since": one["since"]}
    return because(Say.HAS, **values) if one["until"] is None else because(Say.HAD, **values, until=one["until"])


def _forewarned(known: Known) -> list[str]:
    """Return who of development was told before development had it (DESIGN 3, Severity)."""
    people = {one["email"].lower() for one in known.consultants.values() if one["queue"] == Queue.DEVELOPMENT}
    had_since = [one["since"] for one in known.assignments if one["queue"] == Queue.DEVELOPMENT]
    notices = [row for row in known.owed if row["kind"] == OwedKind.NOTICE and row["address"].lower() in people]
    before = [row["address"] for row in notices if not had_since or row["created_at"] < min(had_since)]
    return list(dict.fromkeys(before))

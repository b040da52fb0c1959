"""What was said to whom about an incident, what waits and for what, and why a message got no answer (guarantee 4)."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from desk.base.because import Because, Say, Word, because
from desk.base.names import Audience, Channel, EventKind, OwedKind, OwedStatus, Verdict
from desk.base.signs import PERSONS, UNREADABLE, sign_of
from desk.rules.informing import ASKED, ONCE_AN_HOUR
from desk.views.why.known import Act, Known, Row

ENDED: Mapping[str, Say] = {
    OwedStatus.SENT: Say.SENT,
    OwedStatus.DELAYED: Say.DELAYED,
    OwedStatus.MERGED: Say.MERGED,
    OwedStatus.HELD: Say.HELD_BACK,
    OwedStatus.REFUSED: Say.REFUSED,
    OwedStatus.GIVEN_UP: Say.GIVEN_UP,
    OwedStatus.BOUNCED: Say.CAME_BACK,
    OwedStatus.CANCELLED: Say.DROPPED,
}
"""How an owed row stands, but for one that is queued."""
STATUS: Mapping[str, Say] = {ASKED: Say.STATUS_AT_ONCE, ONCE_AN_HOUR: Say.STATUS_LATER}
"""Why a question how things stand is answered when it is."""
ANSWERED = frozenset({EventKind.STATUS_SENT, EventKind.REOPENED})
"""What an act holds beside the words that were added when the user is written to."""


def answers(known: Known, now: datetime) -> Iterator[Because]:
    """Yield the answer to the first message or why there is none; then all that followed, in order."""
    yield from _unanswered_first(known)
    users_first = sorted(known.owed, key=lambda row: row["audience"] != Audience.USER)
    owed = [(row["created_at"], _owed(row, now)) for row in users_first]
    later = [*owed, *_unanswered(known)]
    yield from (one for _, one in sorted(later, key=lambda pair: pair[0]))


def _owed(row: Row, now: datetime) -> Because:
    say = _queued(row, now) if row["status"] == OwedStatus.QUEUED else ENDED[row["status"]]
    return because(
        say,
        mail=Word("mail", row["kind"]),
        to=row["address"],
        at=row["sent_at"] or row["not_before"],
        message_id=row["message_id"],
        attempts=row["attempts"],
        reply=row["last_reply"],
        cap=Word("cap", row["last_reply"]),
    )


def _queued(row: Row, now: datetime) -> Say:
    if row["attempts"]:
        return Say.RETRIED
    return Say.PLANNED if row["not_before"] > now else Say.WAITING


def _unanswered_first(known: Known) -> Iterator[Because]:
    """Yield why the message that opened the incident was not answered; nothing when it was."""
    is_answered = any(row["kind"] == OwedKind.ACKNOWLEDGEMENT for row in known.owed)
    if is_answered or known.incident["channel"] != Channel.EMAIL:
        return
    opened_by = known.opened_by
    if opened_by.sign in UNREADABLE:
        yield because(Say.UNANSWERED_UNREADABLE, sign=opened_by)
    elif opened_by.sign is None or opened_by.sign in PERSONS:
        yield because(Say.UNANSWERED_ADDRESS, address=known.incident["requester_email"])
    else:
        yield because(Say.UNANSWERED_MACHINE, sign=opened_by)


def _unanswered(known: Known) -> Iterator[tuple[datetime, Because]]:
    for act in known.acts:
        yield from _unanswered_by(known, act)
    yield from ((at, because(Say.UNANSWERED_COPY, at=at)) for at in known.copies)
    for item in known.held:
        if item["verdict"] != Verdict.RELEASED:
            yield item["at"], because(Say.UNANSWERED_HELD, at=item["at"], who=known.who(item["sender"]))


def _unanswered_by(known: Known, act: Act) -> Iterator[tuple[datetime, Because]]:
    """Yield why the message of an act was not answered, or not at once. A bounce of many addresses is one message."""
    for event in act.of(EventKind.ADDED):
        who = known.who(event["text"])
        if not act.kinds() & ANSWERED:
            yield event["at"], because(Say.UNANSWERED_FOLLOW_UP, at=event["at"], who=who)
        for status in act.of(EventKind.STATUS_SENT):
            due = datetime.fromisoformat(status["text"]) if status["text"] else event["at"]
            if (say := STATUS.get(status["why"])) is not None:
                yield event["at"], because(say, at=event["at"], who=who, due=due)
    for event in act.of(EventKind.AUTOMATIC):
        yield event["at"], because(Say.UNANSWERED_AUTOMATIC, at=event["at"], sign=sign_of(event["why"]))
    for event in act.of(EventKind.BOUNCED)[:1]:
        yield event["at"], because(Say.UNANSWERED_BOUNCE, at=event["at"])

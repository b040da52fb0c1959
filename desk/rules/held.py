"""What is kept for a person to decide: with its reason, its raw mail and where it came from (DESIGN 4, Words).

A released item goes on where it stopped: a mail's arrival is decided once more without the reason that was overruled,
an owed row is tried again. Each item is decided once, by a key (DESIGN 4, the act). Nothing here answers anybody.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from desk.base.errors import AlreadyDecided, CannotRelease, OutsideCalendar
from desk.base.message import Arrival
from desk.base.names import BY_MACHINE, EventKind, HeldReason, MessageKind, OwedKind, Verdict
from desk.base.signs import Sign
from desk.rules.calendar import Calendar
from desk.rules.decision import Decision, Event, HeldDecided, HeldItem, Ids, IncidentChange, WentOn
from desk.rules.incident import Incident
from desk.rules.mail import MailFacts

UNREAD = "unread"
"""The kind of a held arrival that no rule has seen."""
HELD_KEY = b"h"
"""First octet of the key of a decision: apart from those of mails and summaries."""
GATHER_MINUTES = 14
"""Support minutes in which what is held gathers for one mail: the managers hear within fifteen (DESIGN 6)."""
DOUBTS = frozenset(
    {
        HeldReason.SEVERAL_FROM,
        HeldReason.FORGED_ADDRESS,
        HeldReason.REUSED_ID,
        HeldReason.ACT_FAILED,
        HeldReason.REFUSED,
        HeldReason.GIVEN_UP,
        HeldReason.BOUNCED,
        HeldReason.RESTORED,
    }
)
"""Reasons for which a person may be waiting. Lists, loops, own mail, strangers' bounces, and what is over the day's cap
of an address that had all its answers are in the daily summary."""
NOBODY_WAITS = frozenset({MessageKind.BOUNCE, OwedKind.ALERT, OwedKind.DIGEST})
"""Kinds that no person wrote or asked for; a mail about held items that was refused must not call for the next."""
MISREAD = frozenset({HeldReason.LIST, HeldReason.LOOP, HeldReason.OWN_MAIL, HeldReason.SEVERAL_FROM})
"""Reasons for which reading forbade an answer: whoever overrules them says that a person wrote."""

READ_AS = {
    MessageKind.LIST: frozenset({HeldReason.LIST}),
    MessageKind.LOOP: frozenset({HeldReason.LOOP, HeldReason.OWN_MAIL}),
}
"""Which of these reasons a kind of mail is held for: overruled, the mail is a person's."""


@dataclass(frozen=True, slots=True)
class Headline:
    """What the header block alone says of a mail that no rule has seen."""

    sender: str
    subject: str
    message_id: str


@dataclass(frozen=True, slots=True)
class KeptItem:
    """A held item as it stands. `has_raw` tells whether the bytes of its mail are still there."""

    id: int
    reason: str
    arrival: int | None
    owed: int | None
    incident: int | None
    has_raw: bool
    decided_at: datetime | None
    decided_by: str
    verdict: str


def hold(facts: MailFacts, reason: HeldReason, now: datetime) -> Decision:
    """A mail that must not act by itself: kept, answered by nobody."""
    message = facts.message
    item = HeldItem(
        id=facts.ids.next("held"),
        at=now,
        reason=reason,
        kind=message.kind,
        sender=message.sender.address or facts.arrival.envelope_from,
        to=facts.arrival.recipients,
        subject=message.subject,
        message_id=message.message_id,
        explanation=message.reason,
        incident=facts.incident.id if facts.incident else None,
        blob=facts.arrival.blob,
        arrival=facts.arrival.id,
        tell_at=tell_at(reason, message.kind, facts.desk.calendar, now),
    )
    return Decision(key=facts.key, done=facts.arrival.id, rows=(item,))


def hold_failed(
    arrival: Arrival, explanation: str, headline: Headline, ids: Ids, *, calendar: Calendar, now: datetime
) -> Decision:
    """A mail whose act failed alone, again and again: held with its reason, so that it stops nobody (guarantee 9)."""
    item = HeldItem(
        id=ids.next("held"),
        at=now,
        reason=HeldReason.ACT_FAILED,
        kind=UNREAD,
        sender=headline.sender or arrival.envelope_from,
        to=arrival.recipients,
        subject=headline.subject,
        message_id=headline.message_id,
        explanation=explanation,
        blob=arrival.blob,
        arrival=arrival.id,
        tell_at=tell_at(HeldReason.ACT_FAILED, UNREAD, calendar, now),
    )
    return Decision(done=arrival.id, rows=(item,))


def tell_at(reason: str, kind: str, calendar: Calendar, now: datetime) -> datetime | None:
    """Return when the managers are told of an item: within support hours; None when the daily summary is enough."""
    if reason not in DOUBTS or kind in NOBODY_WAITS:
        return None
    try:
        return calendar.next_opening(calendar.due(now, GATHER_MINUTES))
    except OutsideCalendar:  # what is held must not fail to be held; the summary tells of it
        return None


def tell_restored_at(kind: str, now: datetime) -> datetime | None:
    """Return when the managers are told of a mail that a restored copy holds back: whoever it is for has waited since
    the loss, so nothing gathers first."""
    return None if kind in NOBODY_WAITS else now


# What a person decides


def decide(item: KeptItem, incident: Incident | None, verdict: Verdict, by: str, now: datetime) -> Decision:
    """Return what a verdict changes. `incident` is the item's, None without one.

    A mail that is released is told on the timeline by its own act (`went_on`). Raises AlreadyDecided, CannotRelease.
    """
    if item.decided_at is not None:
        raise AlreadyDecided(item.id, item.verdict, item.decided_by, item.decided_at)
    is_mail = item.arrival is not None
    if is_mail and verdict is Verdict.RELEASED and not item.has_raw:
        raise CannotRelease(f"held item {item.id}: its raw mail is kept no more; discard it")
    if item.reason == HeldReason.BOUNCED and verdict is Verdict.RELEASED:
        raise CannotRelease(f"held item {item.id}: the mail went out and came back; write to them, and discard it")
    row = HeldDecided(item.id, verdict, by, now, item.arrival, item.owed)
    key = HELD_KEY + str(item.id).encode()
    if incident is None or (is_mail and verdict is Verdict.RELEASED):
        return Decision(key=key, rows=(row,))
    after = replace(incident, version=incident.version + 1)
    event = Event(incident.id, EventKind.HELD, now, BY_MACHINE, _who(item.id, by), verdict)
    return Decision(incidents=(IncidentChange(incident, after),), key=key, rows=(row,), events=(event,))


def _who(item: int, by: str) -> str:
    """Return the text of an event that tells who decided which item."""
    return f"{item}: {by}"


# How a released mail goes on


def let_go(facts: MailFacts) -> MailFacts:
    """Return the facts of a released mail. Whoever released it as a person's says that it may be answered; nobody, and
    this desk itself, are not answered all the same (guarantee 4)."""
    if not facts.overruled & MISREAD:
        return facts
    signer = facts.desk.signer
    is_ours = signer.is_own_sender(facts.message.sender.address) or signer.is_own_sender(facts.requester.address)
    may_auto_reply = bool(facts.arrival.envelope_from.strip("<> ")) and not is_ours
    message = replace(facts.message, may_auto_reply=may_auto_reply)
    if facts.overruled & READ_AS.get(message.kind, frozenset()):
        message = replace(message, kind=MessageKind.NEW, reason=Sign.PERSON.reason())
    return replace(facts, message=message)


def went_on(facts: MailFacts, decision: Decision, now: datetime) -> Decision:
    """Return what a released mail became, with who released it on the timeline. Its key was taken when it was held."""
    release = facts.arrival.release
    assert release is not None, "only a released mail goes on"
    if facts.seen is not None and decision.key == facts.key:
        decision = replace(decision, key=None)
    if not decision.incidents:
        return _joined_elsewhere(facts, decision)
    incident = decision.incidents[0].after.id
    event = Event(incident, EventKind.HELD, now, BY_MACHINE, _who(release.item, release.by), Verdict.RELEASED)
    row = WentOn(facts.arrival.id, incident, facts.key)
    return replace(decision, rows=(*decision.rows, row), events=(*decision.events, event))


def _joined_elsewhere(facts: MailFacts, decision: Decision) -> Decision:
    """Another copy of the mail became an incident meanwhile: the held item says which."""
    if not facts.is_same or not facts.seen:
        return decision
    return replace(decision, rows=(*decision.rows, WentOn(facts.arrival.id, facts.seen, facts.key)))

"""Which mail is what: the table of DESIGN 7. One mail in, one decision out; each way is a rule of its own chapter."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from desk.base.names import HeldReason, MessageKind, ThreadBy
from desk.rules import conversation, held, informing, opening, reuse
from desk.rules.decision import Decision, SameMail
from desk.rules.mail import SAME_KEY, STRONG, MailFacts, may_add


class Way(StrEnum):
    """What can become of a mail. A sentence of DESIGN 7's table each."""

    SAME = "same"
    OWN = "own"
    BOUNCE = "bounce"
    STRAY_BOUNCE = "stray_bounce"
    FORGED_BOUNCE = "forged_bounce"
    SEVERAL_FROM = "several_from"
    LIST = "list"
    LOOP = "loop"
    UNREADABLE = "unreadable"
    MACHINE_JOINS = "machine_joins"
    MACHINE_OPENS = "machine_opens"
    FORGED_CONSULTANT = "forged_consultant"
    REUSED_ID = "reused_id"
    FLAGGED = "flagged"
    CONSULTANT_WRITES = "consultant_writes"
    ASKS = "asks"
    JOINS = "joins"
    OPENS = "opens"


HELD_FOR: Mapping[Way, HeldReason] = {
    Way.OWN: HeldReason.OWN_MAIL,
    Way.STRAY_BOUNCE: HeldReason.FOREIGN_BOUNCE,
    Way.FORGED_BOUNCE: HeldReason.FORGED_ADDRESS,
    Way.SEVERAL_FROM: HeldReason.SEVERAL_FROM,
    Way.LIST: HeldReason.LIST,
    Way.LOOP: HeldReason.LOOP,
    Way.FORGED_CONSULTANT: HeldReason.FORGED_ADDRESS,
    Way.REUSED_ID: HeldReason.REUSED_ID,
}


def way_of(facts: MailFacts) -> Way:
    """Return what a mail becomes. The first line that fits wins; one whose reason a person overruled is passed over."""
    message, thread = facts.message, facts.thread
    if facts.is_same:
        return Way.SAME
    if message.kind is MessageKind.BOUNCE:
        return _way_of_bounce(facts)
    for way, fits in _KEPT_APART:
        if HELD_FOR[way] not in facts.overruled and fits(facts):
            return way
    if facts.is_unreadable:
        return Way.UNREADABLE
    if message.kind is MessageKind.AUTOMATIC:
        return Way.MACHINE_JOINS if facts.incident else Way.MACHINE_OPENS
    if facts.consultant and facts.incident and thread.by in STRONG:
        return Way.CONSULTANT_WRITES
    if facts.consultant and thread.is_forged and HELD_FOR[Way.FORGED_CONSULTANT] not in facts.overruled:
        return Way.FORGED_CONSULTANT
    if thread.by is ThreadBy.SAME_MESSAGE_ID:
        return Way.OPENS if reuse.is_graver(facts) else Way.FLAGGED
    if not may_join(facts):
        return _way_of_new(facts)
    return Way.ASKS if informing.asks_status(facts) else Way.JOINS


def _way_of_new(facts: MailFacts) -> Way:
    """Return what a person's mail becomes that joins nothing: held under another's Message-ID, else an incident."""
    is_held = reuse.is_anothers_id(facts) and HeldReason.REUSED_ID not in facts.overruled
    return Way.REUSED_ID if is_held else Way.OPENS


def _way_of_bounce(facts: MailFacts) -> Way:
    """Return what a bounce becomes; one of nothing of ours that a person released is an alarm like any machine's."""
    if facts.incident is not None:
        return Way.BOUNCE
    way = Way.FORGED_BOUNCE if facts.thread.is_forged else Way.STRAY_BOUNCE
    return way if HELD_FOR[way] not in facts.overruled else Way.MACHINE_OPENS


def is_own(facts: MailFacts) -> bool:
    """Tell whether the mail is our own come back: by Message-ID, or by From = the desk (DESIGN 7)."""
    signer, message = facts.desk.signer, facts.message
    if message.kind is MessageKind.BOUNCE:
        return False
    return signer.read_message_id(message.message_id) is not None or signer.is_own_sender(message.sender.address)


def _has_several_senders(facts: MailFacts) -> bool:
    return len(facts.message.senders) > 1


def _is_of_kind(kind: MessageKind) -> Callable[[MailFacts], bool]:
    return lambda facts: facts.message.kind is kind


def may_join(facts: MailFacts) -> bool:
    """Tell whether the sender may add to the incident that the mail names (`may_add`)."""
    return may_add(facts.thread, facts.incident, facts.message.sender.address, facts.desk)


def same_mail(facts: MailFacts) -> Decision:
    """A further copy whose bytes differ: its arrival ends with the incident of the first, and owes nothing.

    The key says for ever that it was one: nothing else tells it from a mail whose message was lost (`audit`).
    """
    return Decision(key=same_key(facts.arrival.id), done=facts.arrival.id, rows=(SameMail(facts.seen or None),))


def same_key(arrival: int) -> bytes:
    """Return the key that an arrival takes which ended as a copy of another mail."""
    return SAME_KEY + str(arrival).encode()


def receive(facts: MailFacts, now: datetime) -> Decision:
    """Return what a mail changes: the one rule that the act of a mail names."""
    if facts.arrival.release is None:
        return _receive(facts, now)
    return held.went_on(facts, _receive(held.let_go(facts), now), now)


def _receive(facts: MailFacts, now: datetime) -> Decision:
    way = way_of(facts)
    if way is Way.SAME:
        return same_mail(facts)
    if way is Way.REUSED_ID:
        facts = reuse.of_anothers(facts)
    if way in HELD_FOR:
        return held.hold(facts, HELD_FOR[way], now)
    return RULES[way](facts, now)


RULES: Mapping[Way, Callable[[MailFacts, datetime], Decision]] = {
    Way.BOUNCE: conversation.bounce,
    Way.MACHINE_JOINS: conversation.note_machine,
    Way.CONSULTANT_WRITES: conversation.keep_internal,
    Way.ASKS: informing.answer_status,
    Way.FLAGGED: conversation.join_flagged,
    Way.JOINS: conversation.join,
    Way.UNREADABLE: opening.open_unreadable,
    Way.MACHINE_OPENS: opening.open_for_machine,
    Way.OPENS: opening.open_for_user,
}

_KEPT_APART: Sequence[tuple[Way, Callable[[MailFacts], bool]]] = (
    (Way.OWN, is_own),
    (Way.SEVERAL_FROM, _has_several_senders),
    (Way.LIST, _is_of_kind(MessageKind.LIST)),
    (Way.LOOP, _is_of_kind(MessageKind.LOOP)),
)
"""Ways of mail that is kept apart whatever it answers, in order."""

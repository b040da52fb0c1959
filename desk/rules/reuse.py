"""One Message-ID over other words: a program that numbers badly, or somebody who writes in another's name (DESIGN 7).

A person who takes part in the incident of the earlier mail adds to it, flagged and unanswered, so that nobody is mailed
because somebody else repeats a Message-ID; a graver mail opens an incident of its own, which is answered, for nothing
regrades the first. What anybody else writes under it is held, but for the very words: two programs may give one
Message-ID to two people's mails. A tie by which the sender may join anyway comes before. Machines and bounces are as
ever.
"""

from collections.abc import Sequence
from dataclasses import replace

from desk.base.message import Message
from desk.base.names import MessageKind, ThreadBy
from desk.rules.desk import Desk
from desk.rules.incident import Incident
from desk.rules.mail import STRONG, MailFacts, Namesake, Thread, may_add
from desk.rules.routing import Roster

PEOPLES = frozenset({MessageKind.NEW, MessageKind.FOLLOW_UP})
"""Kinds of mail whose Message-ID is looked up."""


def is_looked_up(message: Message, thread: Thread, roster: Roster) -> bool:
    """Tell whether it is to be known which mails came before under the Message-ID of this one. A consultant who answers
    a mail of ours works on an incident, whatever the Message-ID."""
    sender = message.sender.address
    is_work = thread.by in STRONG and roster.by_address(sender) is not None
    return message.kind in PEOPLES and bool(message.message_id and sender) and not is_work


def tie(
    thread: Thread, incident: Incident | None, namesakes: Sequence[Namesake], message: Message, desk: Desk
) -> tuple[Thread, Incident | None]:
    """Return thread and incident of a mail: those it names, or of a namesake that is its sender's own."""
    sender = message.sender.address
    if may_add(thread, incident, sender, desk):
        return thread, incident
    own = next((one for one in namesakes if _is_own(one, sender)), None)
    if own is None:
        return thread, incident
    tied = Thread(own.incident.id, ThreadBy.SAME_MESSAGE_ID, is_reply=thread.is_reply, is_forged=thread.is_forged)
    return tied, own.incident


def is_graver(facts: MailFacts) -> bool:
    """Tell whether a mail is graver than the incident whose Message-ID it repeats."""
    return facts.incident is not None and facts.grade.severity.value > facts.incident.severity.value


def is_anothers_id(facts: MailFacts) -> bool:
    """Tell whether the Message-ID is that of others' mails, of which none says the same."""
    words = _words(facts.message.text)
    return bool(facts.namesakes) and all(_words(one.text) != words for one in facts.namesakes)


def of_anothers(facts: MailFacts) -> MailFacts:
    """Return the facts of a mail that is held for another's Message-ID: it is kept with the incident of that one."""
    return replace(facts, incident=facts.namesakes[0].incident)


def _is_own(earlier: Namesake, sender: str) -> bool:
    """Tell whether a sender wrote the earlier mail, or takes part in its incident."""
    return earlier.sender.lower() == sender.lower() or earlier.incident.has_participant(sender)


def _words(text: str) -> str:
    """Return a text without white space, as the message key takes it: relays break lines anew."""
    return "".join(text.split())

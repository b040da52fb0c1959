"""What waits for a person, told to the managers: the lines of the daily summary, and a mail of its own for doubts.

Whatever is held because a person may be waiting is told within fifteen support minutes, many in one mail, by every
manager's mail in one act (DESIGN 6). An item is told once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.base.names import Audience, Channel, OwedKind
from desk.base.shapes import shape_of
from desk.rules.decision import Decision, HeldTold, Ids, Owed
from desk.rules.desk import Desk
from desk.rules.routing import Consultant

ALERT_KEY = b"w"
"""First octet of the key of a mail about held items: apart from those of mails, summaries and verdicts."""
LISTED_MAX = 20
"""Held items, and late incidents, that a mail lists; of the others it tells how many there are."""
TOLD_MAX = 1_000
"""Held items that one mail tells of: those beyond are told by the next."""
SUBJECT_MAX = 200
"""Characters of a subject in it."""
TEMPLATE = "held"
"""The alert's words."""


@dataclass(frozen=True, slots=True)
class WaitingItem:
    """A held item that nobody has decided yet. `to` is whom a mail of ours was for, "" of any other."""

    id: int
    reason: str
    sender: str
    subject: str
    at: datetime
    to: str = ""


@dataclass(frozen=True, slots=True)
class Untold:
    """What the managers have not heard of, the oldest first, and how many items wait in all."""

    items: tuple[WaitingItem, ...]
    waiting: int


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """Everything the rule may know."""

    desk: Desk
    ids: Ids
    managers: Sequence[Consultant]
    untold: Untold


def alert(facts: AlertFacts, now: datetime) -> Decision:
    """Return the mails owed to all managers about what they have not heard of; nothing when there is nothing.

    The key is that of the latest item told: an item is told once, so no later mail has the same.
    """
    items = facts.untold.items
    if not items:
        return Decision()
    told = _told(facts.untold, now)
    owed = alerts(facts.desk, facts.ids, facts.managers, told, now)
    row = HeldTold(tuple(item.id for item in items), now)
    return Decision(key=ALERT_KEY + str(items[-1].id).encode(), rows=(row,), owed=owed)


def _told(untold: Untold, now: datetime) -> dict[str, Any]:
    items = untold.items
    return {
        "at": now.isoformat(),
        "template": TEMPLATE,
        "held": [{**listed(one), "to": one.to} for one in items[:LISTED_MAX]],
        "held_more": max(0, len(items) - LISTED_MAX),
        "earlier": max(0, untold.waiting - len(items)),
    }


def listed(one: WaitingItem) -> Mapping[str, Any]:
    """Return a held item as the mails to managers list it."""
    return {
        "id": one.id,
        "reason": one.reason,
        "from": one.sender,
        "subject": one.subject[:SUBJECT_MAX],
        "at": one.at.isoformat(),
    }


def alerts(
    desk: Desk, ids: Ids, managers: Sequence[Consultant], words: Mapping[str, Any], now: datetime
) -> tuple[Owed, ...]:
    """Return the same alert to each of these managers, by name."""
    return tuple(
        to_manager(desk, ids, one, OwedKind.ALERT, facts={**words, "to_name": one.name}, now=now) for one in managers
    )


def to_manager(
    desk: Desk, ids: Ids, to: Consultant, kind: OwedKind, *, facts: Mapping[str, Any], now: datetime
) -> Owed:
    """Return a mail of no incident that the desk owes to a manager of its own accord."""
    owed_id = ids.next("owed")
    return Owed(
        id=owed_id,
        incident=None,
        kind=kind,
        channel=Channel.EMAIL,
        to=to.email,
        language=to.language or desk.language,
        audience=Audience.INTERNAL,
        facts=facts,
        due_at=now,
        message_id=desk.signer.message_id(None, owed_id),
        envelope_from=desk.signer.bounce_address(owed_id),
        shape=shape_of(kind),
    )

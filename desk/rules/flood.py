"""Telling a manager that answers to all together are over their cap: once a day of the desk, however long it lasts."""

from dataclasses import dataclass
from datetime import date, datetime

from desk.base.names import OwedKind
from desk.rules.decision import Decision, Ids
from desk.rules.desk import Desk
from desk.rules.mail import told
from desk.rules.routing import Consultant
from desk.rules.waiting import to_manager

FLOOD_KEY = b"f"
"""First octet of the key of such a mail: apart from those of others."""
TEMPLATE = "flood"


@dataclass(frozen=True, slots=True)
class FloodFacts:
    """Everything the rule may know. `at` is when the cap was reached; `is_taken` that this person was told that day."""

    desk: Desk
    ids: Ids
    to: Consultant
    at: datetime
    limit: int
    is_taken: bool


def flood_key(day: date, person: int) -> bytes:
    """Return the key of a day's mail to a consultant."""
    return FLOOD_KEY + f"{day.isoformat()}|{person}".encode()


def flood(facts: FloodFacts, now: datetime) -> Decision:
    """Return the mail owed to a manager; nothing when it was owed before."""
    if facts.is_taken:
        return Decision()
    words = {"template": TEMPLATE, "at": told(facts.at), "to_name": facts.to.name, "limit": facts.limit}
    owed = to_manager(facts.desk, facts.ids, facts.to, OwedKind.ALERT, facts=words, now=now)
    return Decision(key=flood_key(facts.desk.calendar.day_of(facts.at), facts.to.id), owed=(owed,))

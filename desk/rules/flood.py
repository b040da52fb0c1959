"""Telling a manager that answers to all together are over their cap: once a day of the desk, however long it lasts."""

from dataclasses import dataclass
from datetime import date, datetime

from desk.base.names import Audience, Channel, OwedKind
from desk.base.shapes import shape_of
from desk.rules.decision import Decision, Ids, Owed
from desk.rules.desk import Desk
from desk.rules.mail import told
from desk.rules.routing import Consultant

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
    owed_id = facts.ids.next("owed")
    owed = Owed(
        id=owed_id,
        incident=None,
        kind=OwedKind.ALERT,
        channel=Channel.EMAIL,
        to=facts.to.email,
        language=facts.to.language or facts.desk.language,
        audience=Audience.INTERNAL,
        facts={"template": TEMPLATE, "at": told(facts.at), "to_name": facts.to.name, "limit": facts.limit},
        due_at=now,
        message_id=facts.desk.signer.message_id(None, owed_id),
        envelope_from=facts.desk.signer.bounce_address(owed_id),
        shape=shape_of(OwedKind.ALERT),
    )
    return Decision(key=flood_key(facts.desk.calendar.day_of(facts.at), facts.to.id), owed=(owed,))

"""The daily summary to a manager: what is open, late and held as the day's support hours begin (DESIGN 2, Supervisor).

It tells how things stood at the opening, also when it is made later: what came since belongs to the next one. Once a
support day and person, by a key that is taken once (DESIGN 4, the act). A day with nothing to tell has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from desk.base.names import OwedKind, Queue, Severity
from desk.rules.calendar import Calendar
from desk.rules.decision import Decision, Ids
from desk.rules.desk import Desk
from desk.rules.numbers import number_of
from desk.rules.routing import Consultant
from desk.rules.waiting import SUBJECT_MAX, WaitingItem, listed, to_manager

DIGEST_KEY = b"d"
"""First octet of the key of a summary: apart from those of a mail."""
LOOK_BACK_DAYS = 31
"""How far back the support day before is looked for."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The first opening of a support day, and that of the support day before."""

    day: date
    at: datetime
    before: datetime


@dataclass(frozen=True, slots=True)
class LateIncident:
    """An incident with a promise that passed unkept. `due` is the earliest of them."""

    id: int
    severity: Severity
    queue: Queue
    due: datetime
    subject: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stood at an opening. `late` and `held` are LISTED_MAX at most, the counts are of all."""

    opened: int
    open: Mapping[Queue, int]
    late: tuple[LateIncident, ...]
    late_count: int
    held: tuple[WaitingItem, ...]
    held_count: int


@dataclass(frozen=True, slots=True)
class DigestFacts:
    """Everything the rule may know. `is_taken` tells that this person has had this day's."""

    desk: Desk
    ids: Ids
    to: Consultant
    opening: Opening
    is_taken: bool
    standing: Standing


def digest_key(day: date, person: int) -> bytes:
    """Return the key of a day's summary to a consultant."""
    return DIGEST_KEY + f"{day.isoformat()}|{person}".encode()


def opening_to_tell(calendar: Calendar, now: datetime) -> Opening | None:
    """Return the opening that a summary made now tells of: today's, once it has passed.

    None on a day without support hours and before they begin: after days without a node only the present day has one.
    """
    day = calendar.day_of(now)
    at = _opening_of(calendar, day)
    if at is None or at > now:
        return None
    earlier = (_opening_of(calendar, day - timedelta(days=back)) for back in range(1, LOOK_BACK_DAYS + 1))
    before = next((opens for opens in earlier if opens is not None), at - timedelta(days=LOOK_BACK_DAYS))
    return Opening(day, at, before)


def _opening_of(calendar: Calendar, day: date) -> datetime | None:
    """Return when a day's support hours begin, None when it has none."""
    opens = calendar.next_opening(datetime.combine(day, time(), calendar.zone).astimezone(UTC))
    return opens if calendar.day_of(opens) == day else None


def digest(facts: DigestFacts, now: datetime) -> Decision:
    """Return the summary owed to a manager; nothing when it was owed before or has nothing to tell."""
    standing = facts.standing
    if facts.is_taken or not (standing.open or standing.late_count or standing.held_count):
        return Decision()
    owed = to_manager(facts.desk, facts.ids, facts.to, OwedKind.DIGEST, facts=_told(facts), now=now)
    return Decision(key=digest_key(facts.opening.day, facts.to.id), owed=(owed,))


def _told(facts: DigestFacts) -> dict[str, Any]:
    standing, opening = facts.standing, facts.opening
    return {
        "at": opening.at.isoformat(),
        "day": opening.day.isoformat(),
        "to_name": facts.to.name,
        "opened": standing.opened,
        "open": [{"queue": queue.value, "count": standing.open[queue]} for queue in Queue if queue in standing.open],
        "late": [_late(one) for one in standing.late],
        "late_more": standing.late_count - len(standing.late),
        "held": [listed(one) for one in standing.held],
        "held_more": standing.held_count - len(standing.held),
    }


def _late(one: LateIncident) -> Mapping[str, Any]:
    return {
        "number": number_of(one.id),
        "severity": one.severity.value,
        "queue": one.queue.value,
        "due": one.due.isoformat(),
        "subject": one.subject[:SUBJECT_MAX],
    }

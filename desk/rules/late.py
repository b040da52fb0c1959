"""Late mails: a time that passed before its mail could leave is told anew (guarantee 5; DESIGN 9, Answers and caps).

Promises: no mail to a user tells a time that passed, or is about to, before its content first leaves, and what it tells
instead is the promise that the desk is judged by. Once its content may be with the other side a mail says the same
bytes for ever, and a mail of its own tells the new time. Never: moves a time that is not late, was kept, or stands
still.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from desk.base.names import BY_MACHINE, EventKind, OwedKind, PromiseKind, Status
from desk.base.shapes import shape_of
from desk.rules.acknowledgement import told_days
from desk.rules.calendar import Calendar
from desk.rules.deadlines import is_paused, noted, wake_at
from desk.rules.decision import Decision, Event, Ids, IncidentChange, Owed, Retold
from desk.rules.desk import Desk
from desk.rules.incident import Incident, Promise
from desk.rules.informing import standing
from desk.rules.mail import told
from desk.rules.numbers import id_of

AHEAD_MINUTES = 30
"""Open minutes by which a time must be ahead to be told by a late mail."""
TIMED = frozenset({OwedKind.ACKNOWLEDGEMENT, OwedKind.STATUS, OwedKind.REVISED_PROMISE})
"""What tells a user times."""
MAIL_WAITED = "mail_waited"
"""Why a promise was revised: the mail that tells it could not leave in time."""

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LateFacts:
    """What the rule may know: a row about to be carried (None when it has ended) and one of the incidents it tells of.

    `has_left` tells that the other side may have its content.
    """

    owed: Owed | None
    has_left: bool
    incident: Incident
    desk: Desk
    ids: Ids


def earliest_told(calendar: Calendar, now: datetime) -> datetime:
    """Return the earliest time that a late mail may tell. Raises OutsideCalendar."""
    return calendar.due(now, AHEAD_MINUTES)


def in_doubt(owed: Owed, earliest: datetime) -> tuple[int, ...]:
    """Return the incidents of which a row tells a time before `earliest`: whether it is late their promises say."""
    doubtful = (part for part in _parts(owed.facts) if any(time < earliest for time in _times(part).values()))
    found = (id_of(part["number"]) for part in doubtful)
    return tuple(incident for incident in found if incident is not None)


def tell_in_time(facts: LateFacts, now: datetime) -> Decision:
    """Revise the promises of an incident that a row would tell too late, and have the new times told. Raises
    OutsideCalendar.

    A row whose content has not left tells them itself; it also takes up a time that another mail gave meanwhile.
    """
    owed, before = facts.owed, facts.incident
    if owed is None:
        return Decision()
    part = next(one for one in _parts(owed.facts) if one["number"] == before.number)
    late = [promise for promise in _told_by(facts, part) if _is_late(promise, facts, part, now)]
    revised = {promise.id: _revised(promise, facts, now) for promise in late}
    after, events = _with_new_times(before, revised, now)
    decision = Decision(incidents=(IncidentChange(before, after),) if revised else (), events=events)
    if facts.has_left:
        return replace(decision, owed=tuple(_own_mail(facts, owed, after, revised, now)))
    if revised or _is_outdated(part, before):
        return replace(decision, rows=(Retold(owed.id, _retold(facts, owed, after, revised, now)),))
    return decision


def _parts(facts: Facts) -> tuple[Facts, ...]:
    """Return what a mail tells, incident by incident: one that stands for several has a part for each."""
    return tuple(facts.get("incidents", ())) or (facts,)


def _times(part: Facts) -> dict[PromiseKind, datetime]:
    """Return the times that are told of an incident."""
    return {kind: datetime.fromisoformat(part[kind]) for kind in PromiseKind if part.get(kind)}


def _told_by(facts: LateFacts, part: Facts) -> Iterator[Promise]:
    """Yield the promises that are told; of what has left only those that nobody gave another time since."""
    for kind, time in _times(part).items():
        promise = facts.incident.promise(kind)
        if promise is not None and (promise.due == time or not facts.has_left):
            yield promise


def _is_late(promise: Promise, facts: LateFacts, part: Facts, now: datetime) -> bool:
    """Tell whether a time has passed, or is nearly there, since it was to be told.

    A time that was told before is late only if it passed since this mail was owed: an answer to «¿cómo va?» says
    honestly what had passed when it was asked for, and what was about to.
    """
    incident, calendar = facts.incident, facts.desk.calendar
    if promise.kept_at is not None or incident.status is Status.CLOSED or is_paused(promise, incident.pauses):
        return False
    since = promise.made_at if promise.told_at is None else datetime.fromisoformat(part["at"])
    if promise.due <= now:
        return since < promise.due
    is_near = promise.due < earliest_told(calendar, now)
    return is_near and calendar.open_minutes(since, promise.due) >= AHEAD_MINUTES


def _revised(promise: Promise, facts: LateFacts, now: datetime) -> Promise:
    """Return the promise that stands from now on: the first of old time + k × revise_by that is far enough ahead. The
    steps that are skipped count as one revision."""
    calendar, step = facts.desk.calendar, facts.desk.targets.revise_by
    missing = calendar.open_minutes(promise.due, earliest_told(calendar, now))
    steps = max(1, -(-missing // step))
    due = calendar.due(promise.due, steps * step)
    made_at = now.replace(second=0, microsecond=0)
    return Promise(id=facts.ids.next("promises"), kind=promise.kind, made_at=made_at, due=due)


def _with_new_times(
    before: Incident, revised: Mapping[int, Promise], now: datetime
) -> tuple[Incident, tuple[Event, ...]]:
    """Return the incident with its new promises, and its events: what passed is noted as broken first."""
    if not revised:
        return before, ()
    promises, broken = noted(before, now)
    replaced = (replace(one, replaced_by=revised[one.id].id) if one.id in revised else one for one in promises)
    after = replace(before, version=before.version + 1, promises=(*replaced, *revised.values()))
    events = tuple(
        Event(after.id, EventKind.PROMISE_REVISED, now, BY_MACHINE, f"{one.kind}: {one.due.isoformat()}", MAIL_WAITED)
        for one in revised.values()
    )
    return replace(after, wake_at=wake_at(after)), (*broken, *events)


def _is_outdated(part: Facts, incident: Incident) -> bool:
    """Tell whether another mail gave an incident other times since this one was decided."""
    for kind, time in _times(part).items():
        promise = incident.promise(kind)
        if promise is not None and promise.due != time:
            return True
    return False


def _retold(facts: LateFacts, owed: Owed, after: Incident, revised: Mapping[int, Promise], now: datetime) -> Facts:
    """Return the facts of a row with the times that stand now, said as of now."""
    kept = [one for one in owed.facts.get("promises", ()) if one not in revised]
    common = {"promises": [*kept, *(one.id for one in revised.values())], "retold_at": told(now)}
    if owed.kind is OwedKind.STATUS:
        return {**standing(facts.desk, after, owed.facts["name"], now), **common}
    if "incidents" in owed.facts:
        parts = [_with_times(one, after) if one["number"] == after.number else one for one in owed.facts["incidents"]]
        return {**owed.facts, **common, "incidents": parts, "at": told(now)}
    return {**_as_of(now, _with_times(owed.facts, after), facts.desk.calendar), **common}


def _with_times(part: Facts, incident: Incident) -> dict[str, Any]:
    changed = {kind.value: incident.promise(kind) for kind in _times(part)}
    return {**part, **{kind: told(promise.due) for kind, promise in changed.items() if promise is not None}}


def _as_of(now: datetime, part: Facts, calendar: Calendar) -> dict[str, Any]:
    """Return facts that are read as of now: the day they are seen from, and what of it has passed."""
    known = {**part, "at": told(now)}
    opening = part.get("next_opening")
    if opening is not None and datetime.fromisoformat(opening) <= now:
        known["next_opening"] = None
    resolution = _times(part).get(PromiseKind.RESOLUTION)
    if "closed" in part and resolution is not None:
        known["closed"] = told_days(calendar.closed_between(now, resolution))
    return known


def _own_mail(
    facts: LateFacts, owed: Owed, after: Incident, revised: Mapping[int, Promise], now: datetime
) -> Iterator[Owed]:
    """Yield the mail that tells the new times of one that said others, and may have arrived."""
    if not revised:
        return
    owed_id, signer, desk = facts.ids.next("owed"), facts.desk.signer, facts.desk
    due = {one.kind: one.due for one in revised.values()}
    resolution = due.get(PromiseKind.RESOLUTION)
    yield replace(
        owed,
        id=owed_id,
        incident=after.id,
        kind=OwedKind.REVISED_PROMISE,
        facts={
            "number": after.number,
            "at": told(now),
            "name": owed.facts["name"],
            "first_attention": told(due.get(PromiseKind.FIRST_ATTENTION)),
            "resolution": told(resolution),
            "closed": told_days(desk.calendar.closed_between(now, resolution)) if resolution else [],
            "status_url": signer.status_url(desk.public_url, after.id, now),
            "promises": [one.id for one in revised.values()],
        },
        due_at=now,
        not_before=None,
        message_id=signer.message_id(after.id, owed_id),
        envelope_from=signer.bounce_address(owed_id),
        shape=shape_of(OwedKind.REVISED_PROMISE),
    )

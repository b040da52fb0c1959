"""A ledger as plain values: an incident that has one of everything, a bare one, held items, a loose outgoing row."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from desk.base.message import Attachment
from desk.base.names import (
    BY_MACHINE,
    BY_USER,
    Audience,
    Channel,
    Direction,
    EventKind,
    HeldReason,
    OwedKind,
    PersonRole,
    PromiseKind,
    Queue,
    Role,
    Severity,
)
from desk.claims import Claims, Sent
from desk.commit import Commit
from desk.ledger.load import Waiting
from desk.ledger.statements import Run, Steps
from desk.rules.decision import Decision, Event, HeldItem, Ids, IncidentChange, NewPerson, Owed, StoredMessage
from desk.rules.incident import Assignment, Incident, Participant, Pause, Promise
from desk.rules.routing import Consultant
from desk.verbs.roster import enrol
from tests.ledger.desks import NOON, incident

LAURA, RAUL = "laura@ejemplo.mx", "raul@ejemplo.mx"
ANA = "ana@cliente.mx"
MINUTE = timedelta(minutes=1)
SENT_AT = NOON + MINUTE
FIRST_DUE, OLD_DUE, NEW_DUE = (NOON + timedelta(hours=hours) for hours in (2, 8, 12))


@dataclass(frozen=True)
class Plain:
    """An act whose decision is made of fresh ids and the instant alone."""

    commit: Commit
    make: Callable[[Ids, datetime], Decision]

    lanes = ()

    async def load(self) -> Ids:
        return self.commit.ids

    def decide(self, facts: Ids, now: datetime) -> Decision:
        return self.make(facts, now)


@dataclass(frozen=True)
class Filled:
    """What stands in the ledger: the ids of the whole incident and of the bare one."""

    whole: int
    bare: int


async def fill(commit: Commit) -> Filled:
    """Write everything, the outgoing mail sent a minute after noon."""
    await commit.reserve()
    laura, raul = await enrol((_consultant(LAURA, Queue.DESK, 0), _consultant(RAUL, Queue.OPERATIONS, 1)), commit)
    bare = await commit.perform(Plain(commit, _bare))
    other = bare.incidents[0].after.id
    whole = await commit.perform(Plain(commit, lambda ids, now: _whole(ids, now, (laura, raul), other)))
    await _send(commit, whole.owed[0], whole.incidents[0].after)
    await commit.perform(Plain(commit, lambda ids, now: _apart(ids, now, whole.incidents[0].after.id)))
    return Filled(whole.incidents[0].after.id, other)


def _consultant(email: str, queue: Queue, order: int) -> Consultant:
    return Consultant(0, email.partition("@")[0].title(), email, queue, Role.CONSULTANT, order)


def _bare(ids: Ids, now: datetime) -> Decision:
    one = replace(incident(ids.next("incidents")), subject="sin nada")
    return Decision(
        incidents=(IncidentChange(None, one),), events=(Event(one.id, EventKind.OPENED, now, BY_MACHINE, ""),)
    )


def _whole(ids: Ids, now: datetime, consultants: tuple[Consultant, Consultant], other: int) -> Decision:
    laura, raul = consultants
    person = ids.next("people")
    revised, first, resolution = (ids.next("promises") for _ in range(3))
    one = replace(
        incident(ids.next("incidents")),
        severity=Severity.DEGRADED,
        severity_reasons=("dice «lento»",),
        queue=Queue.OPERATIONS,
        requester=person,
        requester_name="Ana Ruiz",
        requester_email=ANA,
        subject="El portal está muy lento",
        participants=(Participant(person, ANA, "Ana Ruiz", PersonRole.REQUESTER),),
        assignments=(
            Assignment(ids.next("assignments"), Queue.DESK, laura.id, NOON),
            Assignment(ids.next("assignments"), Queue.OPERATIONS, raul.id, NOON + MINUTE),
        ),
        promises=(
            Promise(first, PromiseKind.FIRST_ATTENTION, NOON, FIRST_DUE),
            Promise(resolution, PromiseKind.RESOLUTION, NOON, OLD_DUE, told_at=NOON, replaced_by=revised),
            Promise(revised, PromiseKind.RESOLUTION, NOON + MINUTE, NEW_DUE),
        ),
        pauses=(Pause(ids.next("pauses"), NOON, NOON + MINUTE, "asked"),),
        mentions=(other,),
    )
    part = Attachment("pantalla.png", "image/png", 1200, 10, 1700, "base64")
    said = StoredMessage(
        id=ids.next("messages"),
        incident=one.id,
        at=NOON,
        direction=Direction.IN,
        channel=Channel.EMAIL,
        audience=Audience.USER,
        sender=ANA,
        sender_name="Ana Ruiz",
        to=("soporte@ejemplo.mx",),
        subject=one.subject,
        text="Hola.\n\nEl portal está lento.",
        reply_text="El portal está lento.",
        message_id="<m1@cliente.mx>",
        attachments=(part,),
    )
    events = (
        Event(one.id, EventKind.OPENED, now, BY_USER, one.subject, "why not"),
        Event(one.id, EventKind.PROMISE_MADE, now, BY_MACHINE, f"first_attention: {FIRST_DUE.isoformat()}"),
    )
    return Decision(
        incidents=(IncidentChange(None, one),),
        rows=(NewPerson(person, "Ana Ruiz", Channel.EMAIL, ANA, "mail", now), said),
        events=events,
        owed=(_acknowledgement(ids, one, (first, revised)),),
    )


def _acknowledgement(ids: Ids, one: Incident, promises: tuple[int, ...]) -> Owed:
    return Owed(
        id=ids.next("owed"),
        incident=one.id,
        kind=OwedKind.ACKNOWLEDGEMENT,
        channel=Channel.EMAIL,
        to=ANA,
        language="es",
        audience=Audience.USER,
        facts={"number": one.number, "promises": promises},
        due_at=NOON,
        message_id="<a1@ejemplo.mx>",
        in_reply_to="<m1@cliente.mx>",
    )


async def _send(commit: Commit, owed: Owed, one: Incident) -> None:
    claims = Claims(commit, timedelta(days=365))
    answer = StoredMessage(
        id=commit.ids.next("messages"),
        incident=one.id,
        at=SENT_AT,
        direction=Direction.OUT,
        channel=Channel.EMAIL,
        audience=Audience.USER,
        sender="soporte@ejemplo.mx",
        sender_name="",
        to=(ANA,),
        subject=f"[{one.number}]",
        text="Recibimos su reporte.",
        reply_text="Recibimos su reporte.",
        message_id=owed.message_id,
    )
    assert await claims.sent(Waiting(owed, 0), Sent(SENT_AT, "250 ok", answer, owed.facts["promises"]))


def _apart(ids: Ids, now: datetime, whole: int) -> Decision:
    """Two held items, one of an incident, and a row that no incident owns."""
    item = HeldItem(
        id=ids.next("held"),
        at=now,
        reason=HeldReason.LIST,
        kind="list",
        sender="lista@ejemplo.org",
        to=("soporte@ejemplo.mx",),
        subject="Boletín",
        message_id="<l1@ejemplo.org>",
        explanation="List-Id",
    )
    tied = replace(item, id=ids.next("held"), reason=HeldReason.FORGED_ADDRESS, incident=whole)
    alert = Owed(
        id=ids.next("owed"),
        incident=None,
        kind=OwedKind.ALERT,
        channel=Channel.EMAIL,
        to="jefa@ejemplo.mx",
        language="es",
        audience=Audience.INTERNAL,
        facts={},
        due_at=NOON,
    )
    return Decision(rows=(item, tied), owed=(alert,))


async def run(commit: Commit, sql: str, *parameters: object) -> None:
    """Change something by hand that no rule changes yet."""

    def steps() -> Steps[None]:
        yield Run(sql, parameters)

    await commit.store.write(steps())


async def release(commit: Commit, held: str) -> None:
    """Mark the held items of a reason as decided."""
    await run(commit, "UPDATE held SET decided_at = at, verdict = 'released' WHERE reason = ?", held)

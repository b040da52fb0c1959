"""What the tests of rules decide about: a desk, its roster, and a mail as facts. Each builder takes what it varies."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from desk.base.grade import Grade
from desk.base.message import Arrival, Mailbox, Message
from desk.base.names import MessageKind, Queue, Role, Severity, Transport
from desk.rules.addresses import AddressMode, Signer
from desk.rules.calendar import Calendar
from desk.rules.deadlines import Targets
from desk.rules.desk import Desk
from desk.rules.mail import MailFacts
from desk.rules.routing import Consultant, Roster
from desk.rules.settings import CalendarSettings, PromisesSettings

NOON = datetime(2026, 11, 24, 18, 0, 30, tzinfo=UTC)
"""12:00:30 in Mexico City, a working Tuesday."""
ADDRESS = "soporte@ejemplo.mx"
ANA = Mailbox("Ana Ruiz", "ana@cliente.mx")

DESK = Desk(
    calendar=Calendar.from_settings(CalendarSettings(), ZoneInfo("America/Mexico_City")),
    targets=Targets.from_settings(PromisesSettings()),
    signer=Signer((b"a key of tests, thirty-two letters or more",), ADDRESS, AddressMode.PLUS, ("ayuda@ejemplo.mx",)),
    language="es",
    public_url="https://soporte.ejemplo.mx",
)
ROSTER = Roster(
    tuple(
        Consultant(order + 1, f"Consultant of {queue}", f"{queue}@ejemplo.com", queue, Role.CONSULTANT, order)
        for order, queue in enumerate(Queue)
    ),
    {},
)


@dataclass
class Counted:
    """Ids, each table's from 10000 on."""

    given: Counter[str] = field(default_factory=Counter)

    def next(self, table: str) -> int:
        self.given[table] += 1
        return 9_999 + self.given[table]


def mail(text: str = "¿Cómo descargo mi factura?", **changes: Any) -> Message:
    """A person's mail."""
    plain = Message(
        message_id="<m1@cliente.mx>",
        sender=ANA,
        senders=(ANA,),
        reply_to=(),
        to=(Mailbox("", ADDRESS),),
        cc=(),
        subject="Duda",
        date=None,
        in_reply_to=(),
        references=(),
        kind=MessageKind.NEW,
        reason="",
        may_auto_reply=True,
        text=text,
        reply_text=text,
        digest=b"digest",
    )
    return replace(plain, **changes)


def grade(**changes: Any) -> Grade:
    return replace(Grade(Severity.QUESTION, "es", 0.8, ("Pregunta cómo usar el portal.",)), **changes)


def facts(message: Message, at: datetime = NOON, **changes: Any) -> MailFacts:
    """The facts of a mail that came at an instant, on a desk that knows nothing of it."""
    arrival = Arrival(1, Transport.SMTP, message.sender.address, (ADDRESS,), "127.0.0.1", at, 1)
    plain = MailFacts(arrival, message, grade(), DESK, ROSTER, Counted())
    return replace(plain, **changes)

"""What is promised depends on severity and calendar only: not on who writes, what about, or who is there to read it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.base.kinds import CLOSURE
from desk.base.message import Mailbox
from desk.base.names import PromiseKind, Severity
from desk.rules.calendar import Calendar
from desk.rules.deadlines import Target, Targets
from desk.rules.mail import MailFacts
from desk.rules.opening import open_for_user
from desk.rules.routing import Roster
from tests.rules.facts import DESK, ROSTER, facts, grade, mail

TARGETS = Targets(
    Target(120, 480),
    {Severity.QUESTION: Target(600, 1440), Severity.DEGRADED: Target(90, 601), Severity.OUTAGE: Target(1, 45)},
    240,
)
CLOSED = (CLOSURE.read("2026-12-24 14:00/24:00 Nochebuena"), CLOSURE.read("2026-12-28/2026-12-31 inventario"))
CALENDARS = [
    Calendar.of(ZoneInfo("America/Mexico_City"), dict.fromkeys(range(5), ((540, 1140),)), "MX", CLOSED),
    Calendar.of(ZoneInfo("Europe/Madrid"), {5: ((1200, 1440),), 6: ((0, 200),), 0: ((540, 840), (930, 1140))}),
]
ARRIVED = st.integers(0, 365 * 86_400).map(lambda second: datetime(2026, 7, 1, tzinfo=UTC) + timedelta(seconds=second))
WORDS = st.text(max_size=40)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=10)


@st.composite
def mails(draw: st.DrawFn) -> MailFacts:
    """A mail of anybody about anything, to a desk with any load; its grade, desk and arrival are set by the test."""
    sender = Mailbox(draw(WORDS), f"{draw(NAMES)}@{draw(NAMES)}.example")
    message = mail(draw(WORDS), subject=draw(WORDS), sender=sender, senders=(sender,))
    load = draw(st.dictionaries(st.sampled_from([one.id for one in ROSTER.consultants]), st.integers(0, 50)))
    return facts(
        message,
        grade=grade(language=draw(st.sampled_from(["es", "en", "und"])), confidence=draw(st.floats(0, 1))),
        roster=Roster(ROSTER.consultants, load),
        person=draw(st.none() | st.integers(1, 99)),
        others=tuple(draw(st.lists(st.integers(10_000, 10_099), max_size=5))),
    )


def promised(told: MailFacts, severity: Severity, calendar: Calendar, at: datetime, delay: int) -> list[object]:
    """Return what is promised to a mail that is decided some seconds after it arrived."""
    told = replace(
        told,
        arrival=replace(told.arrival, received_at=at),
        grade=replace(told.grade, severity=severity),
        desk=replace(DESK, calendar=calendar, targets=TARGETS),
    )
    decision = open_for_user(told, at + timedelta(seconds=delay))
    return [(one.kind, one.made_at, one.due) for one in decision.incidents[0].after.promises]


@pytest.mark.done("words.1")
@given(mails(), st.sampled_from(Severity), st.sampled_from(CALENDARS), ARRIVED, st.integers(0, 100_000))
def test_what_is_promised_depends_on_severity_and_calendar_only(
    told: MailFacts, severity: Severity, calendar: Calendar, at: datetime, delay: int
) -> None:
    assert promised(told, severity, calendar, at, delay) == [
        (kind, at.replace(second=0), calendar.due(at, TARGETS.of(severity).minutes(kind))) for kind in PromiseKind
    ]

"""The settings that decisions rest on: calendar, promises, routing, contact, answers, roster, types, service, and
maintenance."""

# ruff: noqa: RUF009 (what these calls return is a dataclass field)

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from desk.base.kinds import (
    ABSENCE,
    ADDRESS,
    ASCENDING,
    CLOSURE,
    DIALLED,
    EXTENSION,
    FLAG,
    HOLIDAYS,
    HOURS,
    IDENTIFIER,
    LANGUAGE,
    LOCAL_TIME,
    NAME,
    PHONE,
    TEXT,
    Closure,
    HoursSpan,
    Span,
    choice,
    duration,
    integer,
    list_of,
    maybe,
    member,
    number,
    optional,
    span,
)
from desk.base.names import Queue, Role, Severity
from desk.base.setting import named, part, required, setting

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The keys of `[calendar.hours]`, in the order of `date.weekday()`."""
PROMISE = span("1m", "365d")
WAIT = span("0m", "365d")


def _open(day: str) -> Any:
    return setting([], f"Open hours on {day}; [] is closed.", HOURS)


CAP = integer(0, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersSettings:
    """Caps on acknowledgements and status answers. 0 is no cap; what is over waits, is merged or held, never lost."""

    per_address_per_hour: int = setting(3, "Answers to one address in an hour of the clock.", CAP)
    per_address_per_day: int = setting(10, "Answers to one address in a day.", CAP)
    per_incident_per_day: int = setting(2, "Acknowledgements of one incident in a day.", CAP)
    per_minute: int = setting(600, "Answers in a minute, to all together.", CAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursSettings:
    """Support hours of each weekday, in local time. A file that names this table replaces it whole."""

    mon: tuple[HoursSpan, ...] = _open("Mondays")
    tue: tuple[HoursSpan, ...] = _open("Tuesdays")
    wed: tuple[HoursSpan, ...] = _open("Wednesdays")
    thu: tuple[HoursSpan, ...] = _open("Thursdays")
    fri: tuple[HoursSpan, ...] = _open("Fridays")
    sat: tuple[HoursSpan, ...] = _open("Saturdays")
    sun: tuple[HoursSpan, ...] = _open("Sundays")

    def of(self, weekday: int) -> tuple[HoursSpan, ...]:
        """Return the open spans of a weekday, 0 = Monday, in order and apart from one another."""
        spans: tuple[HoursSpan, ...] = getattr(self, WEEKDAYS[weekday])
        return spans


NINE_TO_SEVEN = (HoursSpan(9 * 60, 19 * 60),)
OFFICE_HOURS = HoursSettings(
    mon=NINE_TO_SEVEN, tue=NINE_TO_SEVEN, wed=NINE_TO_SEVEN, thu=NINE_TO_SEVEN, fri=NINE_TO_SEVEN
)
"""Monday to Friday, nine to seven (process section 3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarSettings:
    """When the desk is open. Every promise is counted in open minutes of this calendar."""

    holidays: str = setting(
        "MX", 'Country, or country and region, whose holidays are closed; "" for none.', optional(HOLIDAYS)
    )
    closures: tuple[Closure, ...] = setting(
        [],
        'Further closed days, ranges or hours, each with its reason: "2026-12-24 14:00/24:00 Nochebuena".',
        list_of(CLOSURE),
    )
    hours: HoursSettings = part(HoursSettings, default=OFFICE_HOURS, is_whole=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityPromiseSettings:
    """Promises of one severity (NAME is 1, 2 or 3); what is left out is as in `[promises]`."""

    first_attention: Span | None = setting("", "Support time to the first attention.", maybe(PROMISE))
    resolution: Span | None = setting("", "Support time to the resolution.", maybe(PROMISE))


@dataclass(frozen=True, slots=True, kw_only=True)
class PromisesSettings:
    """What users are promised, in support time (process section 3)."""

    first_attention: Span = setting("2h", "Support time to the first attention.", PROMISE)
    resolution: Span = setting("8h", "Support time to the resolution.", PROMISE)
    remind_at: tuple[float, ...] = setting(
        [0.5, 0.75], "Parts of a promise after which its consultant is reminded.", ASCENDING, later="climb"
    )
    revise_by: Span = setting(
        "4h",
        "Support time by which a time is put off that passed before its mail could leave, as often as it takes.",
        PROMISE,
    )
    severity: Mapping[str, SeverityPromiseSettings] = named(SeverityPromiseSettings, choice("1", "2", "3"))

    def first_attention_of(self, severity: Severity) -> Span:
        """Return the support time to the first attention of a severity."""
        own = self.severity.get(str(severity.value))
        return (own and own.first_attention) or self.first_attention

    def resolution_of(self, severity: Severity) -> Span:
        """Return the support time to the resolution of a severity."""
        own = self.severity.get(str(severity.value))
        return (own and own.resolution) or self.resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """How incidents travel between the queues."""

    handover_after: Span = setting(
        "15m", "How long after opening an outage is handed over to development by itself.", WAIT, later="climb"
    )
    resolution_hops: str = setting(
        "confirm",
        "Whether cause and solution climb back by a consultant's `ok` or by themselves.",
        choice("confirm", "automatic"),
        later="climb",
    )
    outage_call: tuple[str, ...] = setting(
        [], "Numbers called once, at any hour, for an outage.", list_of(DIALLED), later="telling"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSettings:
    """How users are told a solution, and when silence closes an incident. A `d` is a support day."""

    call_attempts: tuple[Span, ...] = setting(
        ["0m", "15m", "60m"], "When a caller is called back with the solution.", list_of(WAIT), later="telling"
    )
    auto_close_after: Span = setting("5d", "Silence after which an incident is closed.", WAIT, later="climb")
    reopen_within: timedelta = setting(
        "30d",
        "Calendar days within which a reply reopens a closed incident.",
        duration("0d", "3650d"),
        later="consultants",
    )
    remind_waiting: tuple[Span, ...] = setting(
        ["1d", "3d"], "When a user who was asked something is reminded.", list_of(WAIT), later="climb"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsultantSettings:
    """Who works here, in contact order: the order in which work and calls are offered to equals."""

    name: str = setting("", "Name, as users and colleagues read it.", TEXT)
    email: str = required("Address the notices go to.", ADDRESS)
    queue: Queue = required("Queue the person works for.", member(Queue))
    role: Role = setting("consultant", "A manager gets work only when nobody else is there.", member(Role))
    phone: str = setting("", "Number that users are told to call; empty: they are not.", optional(PHONE))
    extension: str = setting("", "Extension behind that number.", optional(EXTENSION))
    language: str = setting("", "Language of the mails to this person; empty: that of the desk.", optional(LANGUAGE))
    aliases: tuple[str, ...] = setting([], "Further addresses this person writes from.", list_of(ADDRESS))
    absent: tuple[tuple[date, date], ...] = setting(
        [], 'First and last day of each absence: "2026-12-20/2027-01-04".', list_of(ABSENCE)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeSettings:
    """Types of incident (process 2.3), counted in the report. `request` and `complaint` are always there."""

    name: str = required("Word for the type, as `#tipo` takes it.", IDENTIFIER)
    words: tuple[str, ...] = setting([], "Words that mean this type.", list_of(NAME))
    attributable: bool = setting(True, "Whether its outages count in the availability index.", FLAG)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """The service that is supported (process section 3)."""

    availability_goal: float = setting(99.3, "Availability promised, in percent.", number(0, 100), later="climb")


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceSettings:
    """Planned work, announced by phone and in acknowledgements. Times are of the desk's zone."""

    start: datetime = required("Local time at which the work begins.", LOCAL_TIME)
    end: datetime = required("Local time at which it ends.", LOCAL_TIME)
    text: str = setting("", "What users are told of it.", TEXT)

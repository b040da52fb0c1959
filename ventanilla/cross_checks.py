"""What settings must be to each other: the mistakes that no single key shows.

Promises: each check yields every mistake of its matter, with the key to change. A check is left out when a section it
rests on holds a mistake already, so that one slip is not told twice. Never: asks network or database.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from connections.settings import OauthSettings
from desk.base.errors import OutsideCalendar, Problem, SettingsInvalid
from desk.base.languages import languages
from desk.base.names import Queue
from desk.rules.addresses import LOCAL_PART_MAX, AddressMode, longest_local_part
from desk.rules.calendar import HORIZON_DAYS, Calendar
from desk.rules.deadlines import support_minutes
from desk.rules.settings import WEEKDAYS
from responders.mail.settings import RelayServerSettings

if TYPE_CHECKING:
    from ventanilla.settings import Settings

KNOWN_HOLIDAYS = ("", "MX")
"""Codes known to be there without loading the library of holidays, which takes long to start."""
ONE_DAY, YEAR = timedelta(days=1), timedelta(days=365)
CLOSED_DAYS_MIN = 26
"""Fewer closed days leave one of the 52 days that a year has of each weekday, whatever its holidays."""
HOLIDAYS_TAKE = 2
"""Part of all support hours that holidays and closures surely leave: one in so many."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A key, its value as text ("" when saying it helps nobody), and what it must be."""

    key: str
    value: str
    allowed: str


Check = Callable[["Settings"], Iterator[Mistake]]


def cross_problems(
    settings: "Settings", wheres: Mapping[str, str], wrong_keys: set[str], default: str
) -> list[Problem]:
    """Return what every check finds.

    `wheres` tells where each key was given, `wrong_keys` what is known to be wrong already; `default` is the shipped
    file, which is never to blame: the mistake is in what the operator gave.
    """
    wrong = {key.partition(".")[0] for key in wrong_keys}
    found = [mistake for sections, check in CHECKS if not wrong & set(sections) for mistake in check(settings)]
    given = {key: where for key, where in wheres.items() if where != default}
    return [Problem(_where(one.key, given, settings.source), one.key, one.value, one.allowed) for one in found]


def _where(key: str, given: Mapping[str, str], source: str) -> str:
    """Return where the operator gave a key, else something in it, else something beside it, else the file of all."""
    if key in given:
        return given[key]
    beside = key.rpartition(".")[0] or key
    near = [where for table in (key, beside) for known, where in given.items() if known.startswith(f"{table}.")]
    return near[0] if near else source


def _every_queue_has_somebody(settings: "Settings") -> Iterator[Mistake]:
    for queue in Queue:
        if not any(one.queue is queue for one in settings.consultants):
            yield Mistake("consultants", "", f'queue "{queue}" has nobody; add a [[consultants]] row of that queue')


def _each_address_is_of_one(settings: "Settings") -> Iterator[Mistake]:
    desk = {address.lower() for address in (settings.desk.address, *settings.desk.aliases)}
    seen: dict[str, str] = {}
    for place, consultant in enumerate(settings.consultants):
        for key, address in _addresses(f"consultants.{place}", consultant.email, consultant.aliases):
            if address.lower() in desk:
                yield Mistake(key, f'"{address}"', "is the desk's own address; a consultant needs one of their own")
            elif address.lower() in seen:
                yield Mistake(key, f'"{address}"', f"stands in {seen[address.lower()]} too; each address once")
            seen.setdefault(address.lower(), key)


def _addresses(key: str, email: str, aliases: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    yield f"{key}.email", email
    for alias in aliases:
        yield f"{key}.aliases", alias


def _signed_addresses_fit(settings: "Settings") -> Iterator[Mistake]:
    local = settings.desk.address.rpartition("@")[0]
    longest = longest_local_part(local)
    if settings.desk.reply_address == AddressMode.PLUS and longest > LOCAL_PART_MAX:
        allowed = len(local.encode()) - (longest - LOCAL_PART_MAX)
        yield Mistake(
            "desk.address",
            f'"{settings.desk.address}"',
            f"has signed reply addresses of {longest} octets left of the @, {LOCAL_PART_MAX} are possible: use at most "
            f'{allowed} octets there, or desk.reply_address = "catchall" or "plain"',
        )


def _languages_are_there(settings: "Settings") -> Iterator[Mistake]:
    own = settings.desk.templates
    known = sorted({*languages(), *(languages(Path(own)) if own else ())})
    asked = [("desk.language", settings.desk.language)]
    asked += [(f"consultants.{place}.language", one.language) for place, one in enumerate(settings.consultants)]
    asked += [(f"tutorials.{place}.language", one.language) for place, one in enumerate(settings.tutorials)]
    for key, language in asked:
        if language and language not in known:
            yield Mistake(key, f'"{language}"', f"must be a language there are words in: {', '.join(known)}")


def _calendar_opens(settings: "Settings") -> Iterator[Mistake]:
    if not any(settings.calendar.hours.of(day) for day in range(len(WEEKDAYS))):
        yield Mistake("calendar.hours", "", "must hold one open minute in a week at least")
        return
    closures = settings.calendar.closures
    if sum((one.last - one.first).days + 1 for one in closures) < CLOSED_DAYS_MIN:
        return
    try:
        calendar = Calendar.from_settings(settings.calendar, ZoneInfo(settings.desk.timezone))
    except ValueError:
        return  # unknown holidays, which a check of their own tells
    for closure in sorted(closures, key=lambda one: one.first):
        if shut := _shut_for_a_year(calendar, closure.first):
            yield Mistake("calendar.closures", shut, "must leave one open minute in a year at least")
            return


def _shut_for_a_year(calendar: Calendar, day: date) -> str:
    """Return the first and the last day of a year or more without support time around a day, "" when there is none."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=calendar.zone)
    try:
        before = calendar.shift(noon, -1)
        after = calendar.next_opening(noon)
    except OutsideCalendar:
        return str(day)
    if after - before < YEAR:
        return ""
    return f"{calendar.day_of(before) + ONE_DAY}/{calendar.day_of(after) - ONE_DAY}"


def _promises_are_within_reach(settings: "Settings") -> Iterator[Mistake]:
    hours = settings.calendar.hours
    a_week = sum(span.end - span.start for day in range(len(WEEKDAYS)) for span in hours.of(day))
    reach = a_week * (HORIZON_DAYS // len(WEEKDAYS)) // HOLIDAYS_TAKE
    own = [(f"promises.severity.{name}", one) for name, one in settings.promises.severity.items()]
    for key, one in (("promises", settings.promises), *own):
        for name in ("first_attention", "resolution"):
            span = getattr(one, name)
            if a_week and span is not None and support_minutes(span) > reach:
                yield Mistake(
                    f"{key}.{name}", f'"{span}"', f"must be within reach: calendar.hours hold {a_week} min a week"
                )


def _holidays_are_known(settings: "Settings") -> Iterator[Mistake]:
    code = settings.calendar.holidays
    if code in KNOWN_HOLIDAYS:
        return
    from holidays import list_supported_countries  # noqa: PLC0415 (slow to start, and seldom needed here)

    country, _, subdivision = code.partition("-")
    known = list_supported_countries()
    if country not in known:
        yield Mistake("calendar.holidays", f'"{code}"', 'must be a country whose holidays are known, like "MX", or ""')
    elif subdivision and subdivision not in known[country]:
        regions = ", ".join(known[country])
        allowed = (
            f"must name a region of {country}: {regions}" if regions else f'must be "{country}": it has no regions'
        )
        yield Mistake("calendar.holidays", f'"{code}"', allowed)


def _ports_are_apart(settings: "Settings") -> Iterator[Mistake]:
    doors = (
        ("smtp", settings.smtp.host, settings.smtp.port),
        ("lmtp", settings.lmtp.host, settings.lmtp.port),
        ("http", settings.http.host, settings.http.port),
    )
    taken: dict[tuple[str, int], str] = {}
    for name, host, port in doors:
        if port and (host, port) in taken:
            yield Mistake(f"{name}.port", str(port), f"is the port of {taken[host, port]} too; choose another")
        taken.setdefault((host, port), name)


def _logins_are_whole(settings: "Settings") -> Iterator[Mistake]:
    relays: list[tuple[str, RelayServerSettings]] = [("relay", settings.relay)]
    if settings.relay.fallback:
        relays.append(("relay.fallback", settings.relay.fallback))
    for key, relay in relays:
        yield from _login(settings, key, relay.username, relay.password, relay.oauth)
    for place, mailbox in enumerate(settings.imap):
        key = f"imap.{place}"
        yield from _login(settings, key, mailbox.username, mailbox.password, mailbox.oauth)
        if mailbox.internal and not mailbox.internal_domains:
            yield Mistake(f"{key}.internal_domains", "", "must name the domains that internal mail is believed of")


def _login(settings: "Settings", key: str, username: str, password: str, oauth: str) -> Iterator[Mistake]:
    if username and not password and not oauth:
        yield Mistake(f"{key}.password", "", f"is missing: {key}.username needs a password or oauth")
    if password and oauth:
        yield Mistake(f"{key}.oauth", f'"{oauth}"', "and password exclude each other; keep one of them")
    if (password or oauth) and not username:
        yield Mistake(f"{key}.username", "", "is missing: there is a password or oauth without it")
    if oauth and oauth not in settings.oauth:
        known = ", ".join(settings.oauth) or "there is none"
        yield Mistake(f"{key}.oauth", f'"{oauth}"', f"must be the NAME of an [oauth.NAME] table: {known}")


def _mailboxes_have_names(settings: "Settings") -> Iterator[Mistake]:
    seen: set[str] = set()
    for place, mailbox in enumerate(settings.imap):
        if mailbox.label in seen:
            yield Mistake(f"imap.{place}.name", f'"{mailbox.label}"', "is another mailbox's name too; give it its own")
        seen.add(mailbox.label)


def _providers_are_whole(settings: "Settings") -> Iterator[Mistake]:
    for name, provider in settings.oauth.items():
        yield from _provider(f"oauth.{name}", provider)


def _provider(key: str, provider: OauthSettings) -> Iterator[Mistake]:
    if not provider.client_id:
        yield Mistake(f"{key}.client_id", "", "is missing: the provider gives one for each application")
    if provider.provider == "google" and provider.flow == "device_code":
        yield Mistake(
            f"{key}.flow", '"device_code"', 'must be "authorization_code": Google\'s device flow has no scope for mail'
        )
    urls = {
        "authorize_url": provider.authorize_url,
        "token_url": provider.token_url,
        "device_url": provider.device_url,
    }
    for name, url in urls.items():
        if url and urlsplit(url).scheme == "http" and not is_loopback(urlsplit(url).hostname or ""):
            yield Mistake(f"{key}.{name}", f'"{url}"', "must begin with https://; http is for loopback only")
    needed = {"authorization_code": ("authorize_url", "token_url"), "device_code": ("device_url", "token_url")}
    for name in needed.get(provider.flow, ("token_url",)) if provider.provider == "custom" else ():
        if not urls[name]:
            yield Mistake(f"{key}.{name}", "", f'is missing: provider "custom" with flow "{provider.flow}" needs it')


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's own, without asking DNS."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _pairs_are_whole(settings: "Settings") -> Iterator[Mistake]:
    groups = (
        ("smtp", settings.smtp, ("certificate", "key")),
        ("dkim", settings.dkim, ("domain", "selector", "key_file")),
        ("twilio", settings.twilio, ("account_sid", "auth_token", "number")),
    )
    for section, values, names in groups:
        given = [name for name in names if getattr(values, name)]
        for name in names:
            if given and name not in given:
                yield Mistake(f"{section}.{name}", "", f"is missing: {section}.{given[0]} means nothing without it")


def _certificate_serves(settings: "Settings") -> Iterator[Mistake]:
    if not settings.smtp.certificate or not settings.smtp.key:
        return
    from connections.tls import server_context  # noqa: PLC0415 (ssl is slow to load, and only this asks for it)

    try:
        server_context(settings.smtp.certificate, settings.smtp.key, "smtp")
    except SettingsInvalid as invalid:
        if isinstance(invalid.__cause__, PermissionError):
            return  # the service may read the key, others who run a command need not: `run` tells it
        for problem in invalid.problems:
            yield Mistake(problem.key, problem.value, problem.allowed)


def _windows_end_after_they_start(settings: "Settings") -> Iterator[Mistake]:
    for place, window in enumerate(settings.maintenance):
        if window.end <= window.start:
            yield Mistake(f"maintenance.{place}.end", f"{window.end:%Y-%m-%d %H:%M}", "must be after start")


def _names_are_once(settings: "Settings") -> Iterator[Mistake]:
    lists = (
        ("smtp.accounts", "username", [one.username for one in settings.smtp.accounts]),
        ("types", "name", [one.name for one in settings.types]),
    )
    for section, key, names in lists:
        for place, name in enumerate(names):
            if name.lower() in (other.lower() for other in names[:place]):
                yield Mistake(f"{section}.{place}.{key}", f'"{name}"', "stands there twice; each once")


def _stores_agree(settings: "Settings") -> Iterator[Mistake]:
    is_sqlite = settings.database.url.startswith("sqlite:")
    if is_sqlite and settings.database.listen_url:
        yield Mistake("database.listen_url", "", "is for PostgreSQL; database.url names SQLite")
    if is_sqlite and settings.database.pooled:
        yield Mistake("database.pooled", "true", "is for PostgreSQL; database.url names SQLite")


def _hunt_lasts_a_call(settings: "Settings") -> Iterator[Mistake]:
    if settings.phone.hunt_limit < settings.phone.dial_timeout:
        yield Mistake("phone.hunt_limit", "", "must be at least phone.dial_timeout, or no adviser is rung to the end")


CHECKS: tuple[tuple[tuple[str, ...], Check], ...] = (
    (("consultants",), _every_queue_has_somebody),
    (("consultants", "desk"), _each_address_is_of_one),
    (("desk",), _signed_addresses_fit),
    (("desk", "consultants", "tutorials"), _languages_are_there),
    (("calendar", "desk"), _calendar_opens),
    (("calendar", "promises"), _promises_are_within_reach),
    (("calendar",), _holidays_are_known),
    (("smtp", "lmtp", "http"), _ports_are_apart),
    (("relay", "imap", "oauth"), _logins_are_whole),
    (("imap",), _mailboxes_have_names),
    (("oauth",), _providers_are_whole),
    (("smtp", "dkim", "twilio"), _pairs_are_whole),
    (("smtp",), _certificate_serves),
    (("maintenance",), _windows_end_after_they_start),
    (("smtp", "types"), _names_are_once),
    (("database",), _stores_agree),
    (("phone",), _hunt_lasts_a_call),
)
"""Each check with the sections it rests on."""

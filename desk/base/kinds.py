"""The kinds of values a setting can have: each reads what TOML or the environment holds, or says what is allowed.

Promises: a kind's `read` returns a plain value or raises Unfit with words for the operator. Never: prints, guesses, or
touches the network. FILE and FOLDER look whether the path exists, nothing else does I/O.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

LOCAL_PART_MAX = 64
"""Octets left of the @ (RFC 5321 §4.5.3.1.1)."""
ADDRESS_MAX = 254
"""Octets of a whole address (RFC 5321 §4.5.3.1.3, less the angle brackets)."""
PORT_MAX = 65535
DAY_MINUTES = 24 * 60
DAYS_MAX = 36500
"""No duration is longer: beyond it `datetime` runs out of years."""
TEXT_MAX = 2000
CLOSURE_DAYS_MAX = 366
YEAR_MIN, YEAR_MAX = 2000, 2900
"""Years of closures and absences: what lies outside is a slip of the pen, and beyond what the calendar knows."""

Network = IPv4Network | IPv6Network


class Unfit(Exception):
    """A value that a kind cannot take; the text says what is allowed."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How one sort of value is read.

    `allowed` completes "must be …"; `is_list` tells that a text from the environment is taken apart at commas; `mask`
    shows a value without what must not be seen (None: a secret is not shown at all); `from_text` makes of a variable's
    text what TOML would hold.
    """

    allowed: str
    read: Callable[[Any], T]
    is_list: bool = False
    mask: Callable[[T], str] | None = None
    from_text: Callable[[str], Any] = str


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A duration that remembers its unit: `days` are support days, `time` is what the section says (CONTRACT 4: support
    time in `promises`, wall time in `routing` and `contact`)."""

    days: int = 0
    time: timedelta = timedelta()

    def __str__(self) -> str:
        days = f"{self.days}d" if self.days else ""
        return days + (shown_duration(self.time) if self.time or not days else "")


@dataclass(frozen=True, slots=True, order=True)
class HoursSpan:
    """Open minutes of a day: from `start` up to, not with, `end`; minutes after local midnight, 0–1440."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{shown_minute(self.start)}-{shown_minute(self.end)}"


@dataclass(frozen=True, slots=True)
class Closure:
    """Days on which the desk is closed: `first` to `last`, each from minute `start` to `end`; `text` says why."""

    first: date
    last: date
    start: int = 0
    end: int = DAY_MINUTES
    text: str = ""

    @property
    def is_whole_day(self) -> bool:
        return self.start == 0 and self.end == DAY_MINUTES

    def __str__(self) -> str:
        days = str(self.first) if self.first == self.last else f"{self.first}/{self.last}"
        hours = "" if self.is_whole_day else f" {shown_minute(self.start)}/{shown_minute(self.end)}"
        return f"{days}{hours} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A host and a port, as `trust.resolver` names them."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def shown_minute(minute: int) -> str:
    """Return a minute after midnight as the settings write it, 1440 as "24:00"."""
    return f"{minute // 60:02}:{minute % 60:02}"


def shown_duration(value: timedelta) -> str:
    """Return a duration in the largest unit that holds it whole."""
    seconds = int(value.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s" if seconds else "0m"


def _words(value: Any, allowed: str) -> str:
    if not isinstance(value, str):
        raise Unfit(allowed)
    return value


def _text(value: Any) -> str:
    words = _words(value, "must be text in quotes")
    if len(words) > TEXT_MAX or any(ord(character) < ord(" ") or character == "\x7f" for character in words):
        raise Unfit(f"must be one line of text, at most {TEXT_MAX} characters, without control characters")
    return words


def _matching(pattern: str, allowed: str) -> Callable[[Any], str]:
    expression = re.compile(pattern)

    def read(value: Any) -> str:
        words = _text(value)
        if not expression.fullmatch(words):
            raise Unfit(allowed)
        return words

    return read


def matching(pattern: str, allowed: str) -> Kind[str]:
    """Return the kind of texts that a pattern matches whole; `allowed` says it in words."""
    return Kind(allowed, _matching(pattern, f"must be {allowed}"))


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit("must be true or false")
    return value


def _boolean_of(text: str) -> Any:
    return {"true": True, "false": False}.get(text.strip().lower(), text)


def _number_of(text: str) -> Any:
    for number in (int, float):
        try:
            return number(text.strip())
        except ValueError:
            continue
    return text


def integer(low: int, high: int) -> Kind[int]:
    """Return the kind of whole numbers from `low` to `high`."""
    allowed = f"a whole number from {low} to {high}"

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Unfit(f"must be {allowed}")
        return value

    return Kind(allowed, read, from_text=_number_of)


def number(low: float, high: float) -> Kind[float]:
    """Return the kind of numbers from `low` to `high`."""
    allowed = f"a number from {low:g} to {high:g}"

    def read(value: Any) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise Unfit(f"must be {allowed}")
        return float(value)

    return Kind(allowed, read, from_text=_number_of)


def choice(*words: str) -> Kind[str]:
    """Return the kind of a few fixed words."""
    quoted = [f'"{word}"' for word in words]
    allowed = " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))

    def read(value: Any) -> str:
        if value not in words or not isinstance(value, str):
            raise Unfit(f"must be {allowed}")
        return value

    return Kind(allowed, read)


def member(words: type[E]) -> Kind[E]:
    """Return the kind of a closed set of words, read as its member."""
    one_of = choice(*words)
    return Kind(one_of.allowed, lambda value: words(one_of.read(value)))


def optional(kind: Kind[str]) -> Kind[str]:
    """Return the kind that also takes "", which means none."""

    def read(value: Any) -> str:
        return "" if value == "" else kind.read(value)

    return Kind(f'{kind.allowed}, or "" for none', read, mask=kind.mask)


def maybe(kind: Kind[T]) -> Kind[T | None]:
    """Return the kind that also takes "", read as None."""

    def read(value: Any) -> T | None:
        return None if value == "" else kind.read(value)

    return Kind(f'{kind.allowed}, or "" for none', read, from_text=kind.from_text)


def list_of(kind: Kind[T]) -> Kind[tuple[T, ...]]:
    """Return the kind of lists; a wrong element is named in the reason."""

    def read(value: Any) -> tuple[T, ...]:
        if not isinstance(value, list | tuple):
            raise Unfit(f'must be a list, e.g. ["…", "…"], each {kind.allowed}')
        return tuple(_element(kind, place, element) for place, element in enumerate(value, start=1))

    return Kind(f"a list, each {kind.allowed}", read, is_list=True, from_text=kind.from_text)


def _element(kind: Kind[T], place: int, element: Any) -> T:
    try:
        return kind.read(element)
    except Unfit as unfit:
        raise Unfit(f"element {place} {unfit}") from unfit


_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")
_DURATION_WORDS = 'a duration like "90s", "15m", "2h", "5d" or "1h30m"'


def _units(value: Any) -> tuple[int, int]:
    """Return the days and the seconds beside them."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or not any(match.groups()):
        raise Unfit(f"must be {_DURATION_WORDS}")
    days, hours, minutes, seconds = (int(amount or 0) for amount in match.groups())
    rest = hours * 3600 + minutes * 60 + seconds
    if days + rest // 86400 > DAYS_MAX:
        raise Unfit(f"must be at most {DAYS_MAX}d")
    return days, rest


def duration(low: str, high: str) -> Kind[timedelta]:
    """Return the kind of wall-time durations from `low` to `high`."""
    bounds = tuple(timedelta(days=days, seconds=rest) for days, rest in (_units(low), _units(high)))
    allowed = f"{_DURATION_WORDS}, from {low} to {high}"

    def read(value: Any) -> timedelta:
        days, rest = _units(value)
        found = timedelta(days=days, seconds=rest)
        if not bounds[0] <= found <= bounds[1]:
            raise Unfit(f"must be {allowed}")
        return found

    return Kind(allowed, read)


def span(low: str, high: str) -> Kind[Span]:
    """Return the kind of spans from `low` to `high`, each unit kept as it was written."""
    bounds = tuple(days * 86400 + rest for days, rest in (_units(low), _units(high)))
    allowed = f"{_DURATION_WORDS}, from {low} to {high}"

    def read(value: Any) -> Span:
        days, rest = _units(value)
        if not bounds[0] <= days * 86400 + rest <= bounds[1]:
            raise Unfit(f"must be {allowed}")
        if rest % 60:
            raise Unfit("must be whole minutes: times told are whole minutes")
        return Span(days, timedelta(seconds=rest))

    return Kind(allowed, read)


_SIZES = {"B": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_SIZE = re.compile(r"(\d{1,12}) ?(B|kB|MB|GB|KiB|MiB|GiB)")


def size_in_bytes(value: Any) -> int:
    """Return a size in bytes, or raise Unfit."""
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        return int(match[1]) * _SIZES[match[2]]
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise Unfit('must be a size like "512KiB", "40MiB" or "1GiB"')


def size(low: str, high: str) -> Kind[int]:
    """Return the kind of sizes in bytes from `low` to `high`."""
    bounds = size_in_bytes(low), size_in_bytes(high)
    allowed = f'a size like "40MiB", from {low} to {high}'

    def read(value: Any) -> int:
        found = size_in_bytes(value)
        if not bounds[0] <= found <= bounds[1]:
            raise Unfit(f"must be {allowed}")
        return found

    return Kind(allowed, read)


_LOCAL_PART = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+")
_DOMAIN = re.compile(r"(?=.{1,253}$)(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)*[^\W_](?:[\w-]{0,61}[^\W_])?")


def _address(value: Any) -> str:
    words = _text(value)
    local, at, domain = words.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local) or not _DOMAIN.fullmatch(domain):
        raise Unfit('must be one bare mail address like "soporte@ejemplo.mx"')
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise Unfit("must not have two dots together, or one at an end, left of the @")
    if len(local.encode()) > LOCAL_PART_MAX or len(words.encode()) > ADDRESS_MAX:
        raise Unfit(f"must have at most {LOCAL_PART_MAX} octets left of the @ and {ADDRESS_MAX} in all")
    return f"{local}@{domain.lower()}"


def _host(value: Any) -> str:
    words = _text(value)
    if not words or not (_DOMAIN.fullmatch(words) or _is_network(words)):
        raise Unfit('must be a host name or an IP address, without port, like "127.0.0.1" or "mail.ejemplo.mx"')
    return words


def _is_network(words: str) -> bool:
    try:
        ip_network(words)
    except ValueError:
        return False
    return "/" not in words


def _network(value: Any) -> Network:
    words = _text(value)
    try:
        return ip_network(words)
    except ValueError as wrong:
        try:
            meant = ip_network(words, strict=False)
        except ValueError:
            raise Unfit('must be an address or a network like "10.1.2.3", "10.0.0.0/8" or "::1"') from wrong
        raise Unfit(f'must name the network itself, "{meant}", or one address without "/"') from wrong


def _split(value: Any, allowed: str) -> SplitResult:
    words = _text(value)
    try:
        parts = urlsplit(words)
        _ = parts.port
    except ValueError as wrong:
        raise Unfit(allowed) from wrong
    if " " in words:
        raise Unfit(allowed)
    return parts


def _url(value: Any) -> str:
    allowed = 'must be an address like "https://mesa.ejemplo.mx", without user, password, "?" or "#"'
    parts = _split(value, allowed)
    has_more = parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in ("http", "https") or not parts.hostname or has_more:
        raise Unfit(allowed)
    return str(value).rstrip("/")


def _link(value: Any) -> str:
    parts = _split(value, 'must be an address like "https://ejemplo.mx/ayuda"')
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.password:
        raise Unfit('must be an address like "https://ejemplo.mx/ayuda"')
    return str(value)


_DATABASE_WORDS = 'must be "sqlite://PATH" or "postgres://user:pass@host/db"'


def _database(value: Any) -> str:
    parts = _split(value, _DATABASE_WORDS)
    if parts.scheme == "sqlite" and (parts.netloc or parts.path.strip("/")) and not parts.query:
        return str(value)
    return _postgres(value)


def _postgres(value: Any) -> str:
    parts = _split(value, _DATABASE_WORDS)
    named = parts.path.strip("/") and (parts.hostname or "host=" in parts.query)
    if parts.scheme not in ("postgres", "postgresql") or not named:
        raise Unfit(_DATABASE_WORDS)
    return str(value)


def _masked_database(value: str) -> str:
    parts = urlsplit(value)
    return value if parts.scheme == "sqlite" else f"{parts.scheme}://…@{parts.hostname or ''}{parts.path}"


def _file(value: Any) -> str:
    words = _text(value)
    if not Path(words).is_file():
        raise Unfit("must name a file that exists (relative paths count from the current folder)")
    return words


def _folder(value: Any) -> str:
    words = _text(value)
    if not Path(words).is_dir():
        raise Unfit("must name a folder that exists (relative paths count from the current folder)")
    return words


def _zone(value: Any) -> str:
    words = _text(value)
    try:
        ZoneInfo(words)
    except (KeyError, ValueError, OSError) as wrong:
        raise Unfit('must be a time zone of the IANA list, like "America/Mexico_City"') from wrong
    return words


_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|(24):(00)")


def _minute(words: str) -> int:
    match = _TIME.fullmatch(words)
    if match is None:
        raise Unfit('must be a local time from "00:00" to "24:00"')
    return int(match[1] or match[3]) * 60 + int(match[2] or match[4])


def _hours_span(value: Any) -> HoursSpan:
    first, dash, last = _text(value).partition("-")
    if not dash:
        raise Unfit('must be a span of local time like "09:00-19:00"')
    start, end = _minute(first.strip()), _minute(last.strip())
    if start >= end:
        raise Unfit(
            'must end after it starts; write local time, e.g. "09:00-19:00"; for a night write it until "24:00" '
            'and go on with "00:00-…" on the next day'
        )
    return HoursSpan(start, end)


def _hours(value: Any) -> tuple[HoursSpan, ...]:
    spans = list_of(HOURS_SPAN).read(value)
    for before, after in pairwise(spans):
        if after.start < before.end:
            raise Unfit(f"must hold its spans in order and apart: {after} begins before {before} ends")
    return spans


def _day(words: str) -> date:
    try:
        found = date.fromisoformat(words)
    except ValueError as wrong:
        raise Unfit('must begin with a day like "2026-12-24"') from wrong
    if len(words) != len("2026-12-24"):
        raise Unfit('must begin with a day like "2026-12-24"')
    return found


def _days(words: str) -> tuple[date, date]:
    first, slash, last = words.partition("/")
    found = _day(first), _day(last) if slash else _day(first)
    if found[1] < found[0]:
        raise Unfit("must not end before it begins")
    if not YEAR_MIN <= found[0].year <= found[1].year <= YEAR_MAX:
        raise Unfit(f"must lie in the years {YEAR_MIN} to {YEAR_MAX}")
    return found


def _closure(value: Any) -> Closure:
    days, _, rest = _text(value).strip().partition(" ")
    first, last = _days(days)
    if (last - first).days >= CLOSURE_DAYS_MAX:
        raise Unfit(f"must be shorter than {CLOSURE_DAYS_MAX} days")
    hours, _, text = rest.strip().partition(" ")
    if not re.match(r"\d\d?:\d\d", hours):
        return Closure(first, last, text=rest.strip())
    begin, _, finish = hours.partition("/")
    start, end = _minute(begin), _minute(finish)
    if start >= end:
        raise Unfit("must have hours that end after they start")
    return Closure(first, last, start, end, text.strip())


def _absence(value: Any) -> tuple[date, date]:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value, value
    return _days(_text(value).strip())


def _local_time(value: Any) -> datetime:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as wrong:
            raise Unfit('must be a local time like "2026-11-28 22:00"') from wrong
    if not isinstance(value, datetime) or value.tzinfo is not None:
        raise Unfit('must be a local time like "2026-11-28 22:00", without zone: it is that of desk.timezone')
    return value


def _since(value: Any) -> str:
    if isinstance(value, date):
        value = value.isoformat()
    words = _text(value)
    if words == "now":
        return words
    try:
        datetime.fromisoformat(words)
    except ValueError:
        try:
            _units(words)
        except Unfit:
            raise Unfit('must be "now", a day like "2026-11-01", or how far back, like "7d"') from None
    return words


def _endpoint(value: Any) -> Endpoint:
    words = _text(value)
    host, _, port = words.rpartition(":") if words.count(":") == 1 or words.startswith("[") else (words, "", "53")
    host = host.strip("[]")
    if not _is_network(host) or not port.isdigit() or not 0 < int(port) <= PORT_MAX:
        raise Unfit('must be an IP address, with a port if it is not 53, like "127.0.0.1:5353"')
    return Endpoint(host, int(port))


def _ascending(value: Any) -> tuple[float, ...]:
    parts = list_of(number(0, 1)).read(value)
    if list(parts) != sorted(set(parts)):
        raise Unfit("must be numbers from 0 to 1 that ascend, like [0.5, 0.75]")
    return parts


def _secret(low: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        words = _text(value)
        if len(words) < low:
            raise Unfit(f"must have at least {low} characters; `ventanilla init` makes a file with a fresh key")
        return words

    return read


KEY_MIN = 16
TEXT: Kind[str] = Kind("text in one line", _text)
NAME: Kind[str] = matching(r"\S(.*\S)?", "text in one line that is not empty")
FLAG: Kind[bool] = Kind("true or false", _boolean, from_text=_boolean_of)
PORT = integer(0, PORT_MAX)
ADDRESS: Kind[str] = Kind('a bare mail address like "soporte@ejemplo.mx"', _address)
DOMAIN = matching(_DOMAIN.pattern, 'a domain like "ejemplo.mx"')
HOST: Kind[str] = Kind("a host name or an IP address, without port", _host)
NETWORK: Kind[Network] = Kind('an address or a network like "10.0.0.0/8"', _network)
URL: Kind[str] = Kind('an address like "https://mesa.ejemplo.mx"', _url)
LINK: Kind[str] = Kind('an address like "https://ejemplo.mx/ayuda"', _link)
DATABASE: Kind[str] = Kind('"sqlite://PATH" or "postgres://user:pass@host/db"', _database, mask=_masked_database)
POSTGRES: Kind[str] = Kind('"postgres://user:pass@host/db"', _postgres, mask=_masked_database)
FILE: Kind[str] = Kind("the path of a file", _file)
FOLDER: Kind[str] = Kind("the path of a folder", _folder)
ZONE: Kind[str] = Kind('a time zone of the IANA list, like "America/Mexico_City"', _zone)
LANGUAGE = matching(r"[a-z]{2,3}", 'an ISO 639-1 code, like "es"')
COUNTRY = matching(r"[A-Z]{2}", 'an ISO 3166-1 code, like "MX"')
HOLIDAYS = matching(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", 'an ISO 3166 code, like "MX" or "ES-MD"')
PHONE = matching(r"\+?[0-9][0-9 ().-]{2,30}", 'a telephone number, like "55 5264 9000" or "+525552649000"')
DIALLED = matching(
    r"\+[0-9]{6,15}([wWpP,]*[0-9*#]*)*", 'a number to dial, like "+525552649000w0" (w waits half a second)'
)
EXTENSION = matching(r"[0-9*#]{1,12}", 'digits, like "205"')
IDENTIFIER = matching(r"[A-Za-z0-9_.-]{1,64}", "letters, digits, dot, dash and underscore, at most 64")
LABEL = matching(r"[A-Za-z0-9_-]{1,64}", "letters, digits, dash and underscore, at most 64")
HEADER = matching(r"[A-Za-z0-9-]{1,64}(: ?.{1,100})?", 'a header, with a value if one counts: "X-Spam-Flag: YES"')
HOURS_SPAN: Kind[HoursSpan] = Kind('a span of local time like "09:00-19:00"', _hours_span)
HOURS: Kind[tuple[HoursSpan, ...]] = Kind('spans of local time in order, like ["09:00-19:00"]', _hours, is_list=True)
CLOSURE: Kind[Closure] = Kind('a closed day, like "2026-12-24 14:00/24:00 Nochebuena"', _closure)
ABSENCE: Kind[tuple[date, date]] = Kind('first and last day, like "2026-12-20/2027-01-04"', _absence)
LOCAL_TIME: Kind[datetime] = Kind('a local time like "2026-11-28 22:00"', _local_time)
SINCE: Kind[str] = Kind('"now", a day like "2026-11-01", or how far back, like "7d"', _since)
ENDPOINT: Kind[Endpoint] = Kind('an IP address, with a port if it is not 53, like "127.0.0.1:5353"', _endpoint)
ASCENDING: Kind[tuple[float, ...]] = Kind(
    "a list of numbers from 0 to 1, ascending", _ascending, True, None, _number_of
)
KEY: Kind[str] = Kind(f"at least {KEY_MIN} characters", _secret(KEY_MIN))


def shown(value: Any) -> str:
    """Return a value that was read as the settings would write it."""
    match value:
        case bool():
            return str(value).lower()
        case timedelta():
            return shown_duration(value)
        case (date(), date()):
            return f"{value[0]}/{value[1]}"
        case tuple():
            return "[" + ", ".join(shown(element) for element in value) + "]"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case None:
            return ""
    return str(value)

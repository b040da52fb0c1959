"""Collects every room's settings, loads them from files and environment, and explains them (CONTRACT 4).

Promises: `load` returns settings that hold together, or raises SettingsInvalid with every mistake at once, one line
each, naming file or variable, key, value and what is allowed. Never: shows a secret, opens a socket, asks the network,
or fills a gap by a guess. Rooms are given their own dataclass, never the whole.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from connections.settings import OauthSettings, TwilioSettings
from desk.base.errors import Problem, SettingsInvalid
from desk.base.kinds import LABEL, Unfit, choice, duration, shown, size
from desk.base.setting import Part, Setting, Shape, declarations, default_of, named, part, rows, setting
from desk.base.shared import DeskSettings, HttpSettings, SecretsSettings
from desk.ledger.settings import DatabaseSettings, RetentionSettings
from desk.rules.settings import (
    AnswersSettings,
    CalendarSettings,
    ConsultantSettings,
    ContactSettings,
    MaintenanceSettings,
    PromisesSettings,
    RoutingSettings,
    ServiceSettings,
    TypeSettings,
)
from desk.triage.settings import TriageSettings
from desk.wording.settings import PrivacySettings, TutorialSettings
from intake.email.settings import ImapSettings, LmtpSettings, SmtpSettings, TrustSettings
from intake.phone.settings import PhoneSettings
from responders.mail.settings import DkimSettings, RelaySettings
from ventanilla.cross_checks import cross_problems, is_loopback
from ventanilla.layers import (
    PLACEHOLDERS,
    PREFIX,
    SEPARATOR,
    Leaf,
    Table,
    environment_layer,
    file_layer,
    lay_over,
    shown_value,
)

# ruff: noqa: RUF009 (what these calls return is a dataclass field)

INSTALLED = Path(__file__).parent / "_data" / "config" / "ventanilla.toml"
CHECKOUT = Path(__file__).parent.parent / "config" / "ventanilla.toml"
EXAMPLE_DOMAIN = "ejemplo.mx"
NOT_SHOWN = "(not shown)"
LATER: Mapping[str, str] = {
    "phone": "the telephone",
    "reading": "reading mail as the world sends it",
    "consultants": "consultants who work by replying",
    "climb": "incidents that climb and come back, promises that are kept",
    "telling": "telling the user by phone first, then by mail",
    "mailboxes": "mailboxes, OAuth2, DKIM and the doctor",
}
"""What keys whose feature is not there yet come with, in the order in which it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorSettings:
    """The check that walks the whole way of a mail."""

    every: timedelta = setting("15m", "How often it runs by itself.", duration("1m", "7d"), later="mailboxes")


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings:
    """When the node says that it is not well."""

    disk_free: int = setting(
        "1GiB",
        "Free disk below which it is trouble: in `/healthz`, and in one mail to the managers until it has room again. "
        "It is the disk of the SQLite file; with PostgreSQL that of the folder in which the node runs.",
        size("0B", "1000GiB"),
    )
    sms_after: timedelta = setting(
        "30m", "When no mail could leave for so long, managers get an SMS.", duration("1m", "7d"), later="phone"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """Log events on standard error."""

    level: str = setting(
        "info", "The least grave events that are written.", choice("info", "debug", "warning", "error")
    )
    format: str = setting("json", "JSON lines for programs, text for people.", choice("json", "text"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings. `source` is the file they came from; `given` holds the dotted keys that the operator set."""

    database: DatabaseSettings = part(DatabaseSettings)
    desk: DeskSettings = part(DeskSettings)
    smtp: SmtpSettings = part(SmtpSettings)
    lmtp: LmtpSettings = part(LmtpSettings)
    imap: tuple[ImapSettings, ...] = rows(ImapSettings, later="mailboxes")
    relay: RelaySettings = part(RelaySettings)
    oauth: Mapping[str, OauthSettings] = named(OauthSettings, LABEL, later="mailboxes")
    dkim: DkimSettings = part(DkimSettings)
    http: HttpSettings = part(HttpSettings)
    twilio: TwilioSettings = part(TwilioSettings)
    phone: PhoneSettings = part(PhoneSettings)
    maintenance: tuple[MaintenanceSettings, ...] = rows(MaintenanceSettings, later="telling")
    secrets: SecretsSettings = part(SecretsSettings)
    trust: TrustSettings = part(TrustSettings)
    calendar: CalendarSettings = part(CalendarSettings)
    promises: PromisesSettings = part(PromisesSettings)
    routing: RoutingSettings = part(RoutingSettings)
    triage: TriageSettings = part(TriageSettings)
    types: tuple[TypeSettings, ...] = rows(TypeSettings, later="climb")
    service: ServiceSettings = part(ServiceSettings)
    tutorials: tuple[TutorialSettings, ...] = rows(TutorialSettings)
    contact: ContactSettings = part(ContactSettings)
    answers: AnswersSettings = part(AnswersSettings)
    retention: RetentionSettings = part(RetentionSettings)
    privacy: PrivacySettings = part(PrivacySettings)
    doctor: DoctorSettings = part(DoctorSettings)
    health: HealthSettings = part(HealthSettings)
    log: LogSettings = part(LogSettings)
    consultants: tuple[ConsultantSettings, ...] = rows(ConsultantSettings)
    source: str = ""
    given: frozenset[str] = frozenset()


T = TypeVar("T")


def default_file() -> Path:
    """Return the file of defaults: in an installed wheel, or in the checkout."""
    return INSTALLED if INSTALLED.is_file() else CHECKOUT


def load(config: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of the default file, `config` over it and the environment over both.

    Raises SettingsInvalid with every Problem. Whether they suffice for `run` says `first_start_problems`.
    """
    problems: list[Problem] = []
    table = file_layer(default_file(), Settings, problems)
    given: set[str] = set()
    if config is not None:
        operators = file_layer(config, Settings, problems)
        given |= {key for key, _ in _leaves(operators)}
        lay_over(table, operators, Settings)
    given |= environment_layer(table, environ, Settings, problems)
    reading = _Reading(problems, {key: leaf.where for key, leaf in _leaves(table)})
    settings = reading.read(Settings, table, "", source=str(config or default_file()), given=frozenset(given))
    assert settings is not None, "no section is required"
    wrong = {problem.key for problem in problems}
    problems += cross_problems(settings, reading.wheres, wrong, str(default_file()))
    if problems:
        raise SettingsInvalid(tuple(dict.fromkeys(problems)))
    return settings


def _leaves(table: Table, key: str = "") -> Iterator[tuple[str, Leaf]]:
    for name, entry in table.entries.items():
        match entry:
            case Leaf():
                yield f"{key}{name}", entry
            case Table():
                yield from _leaves(entry, f"{key}{name}.")
            case list():
                for place, row in enumerate(entry):
                    yield from _leaves(row, f"{key}{name}.{place}.")


@dataclass(frozen=True, slots=True)
class _Reading:
    """Reads a laid out Table into dataclasses, collecting what its kinds refuse."""

    problems: list[Problem]
    wheres: dict[str, str]

    def read(self, declares: type[T], table: Table, key: str, **more: Any) -> T | None:
        """Return the dataclass, wrong values replaced by defaults; None when a required key is missing or wrong."""
        values: dict[str, Any] = more
        for name, declared in declarations(declares).items():
            entry, dotted = table.entries.get(name), f"{key}{name}"
            if isinstance(declared, Setting):
                self._read_setting(declared, entry, dotted, table.where, values)
            elif entry is not None:
                values[name] = self._read_part(declared, entry, dotted, default_of(declares, name))
        complete = all(
            name in values
            for name, one in declarations(declares).items()
            if isinstance(one, Setting) and one.is_required
        )
        return declares(**values) if complete else None

    def _read_setting(
        self,
        declared: Setting,
        entry: "Leaf | Table | list[Table] | None",
        key: str,
        where: str,
        values: dict[str, Any],
    ) -> None:
        name = key.rpartition(".")[2]
        if isinstance(entry, Leaf):
            try:
                values[name] = declared.kind.read(entry.value)
            except Unfit as unfit:
                self.problems.append(
                    Problem(entry.where, key, NOT_SHOWN if declared.is_secret else shown_value(entry.value), str(unfit))
                )
        elif declared.is_required:
            self.problems.append(Problem(where, key, "", f"is missing; it must be {declared.kind.allowed}"))

    def _read_part(self, declared: Part, entry: "Leaf | Table | list[Table]", key: str, default: Any) -> Any:
        if isinstance(entry, list):
            found = [self.read(declared.declares, row, f"{key}.{place}.") for place, row in enumerate(entry)]
            return tuple(row for row in found if row is not None)
        assert isinstance(entry, Table), f"{key} is laid out as a table"
        if declared.shape is Shape.TABLE:
            return self.read(declared.declares, entry, f"{key}.") or default
        return self._read_names(declared, entry, key)

    def _read_names(self, declared: Part, table: Table, key: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, entry in table.entries.items():
            assert isinstance(entry, Table), f"{key}.{name} is laid out as a table"
            assert declared.names is not None, f"{key} is declared with the kind of its names"
            try:
                declared.names.read(name)
            except Unfit as unfit:
                self.problems.append(Problem(entry.where, f"{key}.{name}", "", f"its name {unfit}"))
                continue
            found[name] = self.read(declared.declares, entry, f"{key}.{name}.")
            assert found[name] is not None, f"{key} has no required key"
        return found


def effective(settings: Settings) -> dict[str, str]:
    """Return every setting as it counts, by dotted key; secrets are masked."""
    return {key: _shown_effective(declared, value) for key, declared, value in _walk(settings, "")}


def secret_values(settings: Settings) -> tuple[str, ...]:
    """Return every secret there is, for logs to mask; of a database URL its password."""
    found: list[str] = []
    for _, declared, value in _walk(settings, ""):
        if declared.is_secret:
            found += value if isinstance(value, tuple) else [_password_of(value) if declared.kind.mask else value]
    return tuple(secret for secret in found if secret)


def _password_of(url: str) -> str:
    return urlsplit(url).password or ""


def _shown_effective(declared: Setting, value: Any) -> str:
    if not declared.is_secret or not value:
        return shown(value)
    return declared.kind.mask(value) if declared.kind.mask else NOT_SHOWN


def _walk(values: Any, key: str) -> Iterator[tuple[str, Setting, Any]]:
    """Yield key, declaration and value of every setting there is."""
    for name, declared in declarations(type(values)).items():
        value, dotted = getattr(values, name), f"{key}{name}"
        if isinstance(declared, Setting):
            yield dotted, declared, value
        elif isinstance(value, tuple):
            for place, row in enumerate(value):
                yield from _walk(row, f"{dotted}.{place}.")
        elif isinstance(value, Mapping):
            for one, table in value.items():
                yield from _walk(table, f"{dotted}.{one}.")
        elif value is not None:
            yield from _walk(value, f"{dotted}.")


def first_start_problems(settings: Settings) -> tuple[Problem, ...]:
    """Return why `run` must not start with settings that are sound in themselves.

    Without a key nothing can be signed. With a relay that is not on loopback, the address and roster shipped as
    examples would send users' mails to a stranger's domain.
    """
    problems = []
    if not settings.secrets.key:
        allowed = (
            "is missing: `ventanilla init` writes a file with a fresh key; start with `ventanilla run --config FILE`"
        )
        problems.append(Problem(settings.source, "secrets.key", "", allowed))
    fallback = settings.relay.fallback
    hosts = [settings.relay.host, *([fallback.host] if fallback else [])]
    strange = [host for host in hosts if not is_loopback(host)]
    if strange:
        problems += _example_problems(settings, strange[0])
    return tuple(problems)


def _example_problems(settings: Settings, relay: str) -> Iterator[Problem]:
    why = f"is the example that is shipped, and mail leaves by {relay}"
    desk = [one for one in (settings.desk.address, *settings.desk.aliases) if _is_example(one)]
    people = [one for row in settings.consultants for one in (row.email, *row.aliases) if _is_example(one)]
    if desk:
        yield Problem(settings.source, "desk.address", f'"{desk[0]}"', f"{why}: write the address of your desk")
    if people:
        yield Problem(
            settings.source, "consultants", f'"{people[0]}"', f"{why}: write your own people as [[consultants]]"
        )


def _is_example(address: str) -> bool:
    return address.rpartition("@")[2] == EXAMPLE_DOMAIN


@dataclass(frozen=True, slots=True)
class LaterKey:
    """A key that was set although its feature is not there yet; `comes_with` names the piece of work."""

    key: str
    comes_with: str


def later_keys_set(settings: Settings) -> tuple[LaterKey, ...]:
    """Return the keys that the operator set to something and that have no effect yet: one WARNING each at `run`.

    Rows count as one: `consultants.phone`, not one key a person.
    """
    found: dict[str, str] = {}
    for key in sorted(settings.given):
        _note_later(settings, key.split("."), found)
    return tuple(LaterKey(key, comes_with) for key, comes_with in found.items())


def _note_later(settings: Settings, path: list[str], found: dict[str, str]) -> None:
    """Follow a given key down the declarations; note the first thing on its way that comes later."""
    values: Any = settings
    spoken: list[str] = []
    while path:
        name, *path = path
        declared = declarations(type(values))[name]
        spoken.append(name)
        value = getattr(values, name)
        if declared.later and (isinstance(declared, Part) or value != default_of(type(values), name)):
            found[".".join(spoken)] = declared.later
        if declared.later or isinstance(declared, Setting):
            return
        values = value
        if declared.shape is not Shape.TABLE:
            values = value[int(path[0])] if declared.shape is Shape.ROWS else value[path[0]]
            path = path[1:]


@dataclass(frozen=True, slots=True)
class Explained:
    """One key as the reference tells it: its table's header, its variable, its default as TOML, what it declares."""

    header: str
    key: str
    variable: str
    default: Any
    declared: Setting
    later: str


def explain() -> Iterator[Explained]:
    """Yield every key there is, table by table, in the order of the contract."""
    yield from _explain(Settings, Settings(), "", PREFIX, "")


def _explain(declares: type, values: Any, header: str, prefix: str, later: str) -> Iterator[Explained]:
    parts: list[tuple[str, Part]] = []
    for key, declared in declarations(declares).items():
        if isinstance(declared, Part):
            parts.append((key, declared))
        else:
            default = _default_as_toml(declared, getattr(values, key, None))
            yield Explained(header, key, prefix + key.upper(), default, declared, later or declared.later)
    for key, inner in parts:
        name = f"{header.strip('[]')}.{key}".lstrip(".")
        headers = {Shape.TABLE: f"[{name}]", Shape.ROWS: f"[[{name}]]", Shape.NAMED: f"[{name}.NAME]"}
        variable = f"{prefix}{key.upper()}{SEPARATOR}{PLACEHOLDERS[inner.shape]}"
        below = getattr(values, key, None) if inner.shape is Shape.TABLE else None
        yield from _explain(inner.declares, below, headers[inner.shape], variable, later or inner.later)


def _default_as_toml(declared: Setting, value: Any) -> Any:
    """Return the declared default, or that which the part around it gives."""
    if value is None or declared.is_required or value == declared.kind.read(declared.default):
        return declared.default
    return [shown(element) for element in value] if declared.kind.is_list else shown(value)

"""Settings: every key of the contract with its default, laid over by file and environment, and explained."""

import tomllib
from datetime import date, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from desk.base.kinds import Closure, Endpoint, HoursSpan, Span
from desk.base.names import Queue, Role, Severity
from intake.email.settings import SmtpAccountSettings, SmtpSettings
from tools import settings_reference
from ventanilla.settings import (
    LATER,
    Settings,
    default_file,
    effective,
    explain,
    first_start_problems,
    later_keys_set,
    load,
    secret_values,
)

KEY = "0123456789abcdef0123456789abcdef"

CONTRACT = """
[database] url pooled listen_url
[desk] address aliases reply_address name language timezone templates operator
[smtp] host port max_size max_recipients max_sessions certificate key proxy
[[smtp.accounts]] username password
[lmtp] host port
[[imap]] name host port username password oauth folder tls ca_file poll done_folder since junk authserv_id internal
[[imap]] internal_domains hops
[relay] host port username password oauth tls ca_file envelope
[relay.fallback] host port username password oauth tls ca_file envelope
[oauth.NAME] provider flow client_id client_secret tenant scope authorize_url token_url device_url ca_file
[dkim] domain selector key_file
[http] host port public_url inside
[twilio] account_sid auth_token auth_token_secondary number api_base
[phone] description countries calls_per_number_per_hour sms_per_hour dial_timeout hunt_limit fallback_number
[[maintenance]] start end text
[secrets] key previous
[trust] authserv_id relays spam_header resolver lists forms blocked_domains
[calendar] holidays closures
[calendar.hours] mon tue wed thu fri sat sun
[promises] first_attention resolution remind_at revise_by
[promises.severity.NAME] first_attention resolution
[routing] handover_after resolution_hops outage_call
[triage] mode
[[types]] name words attributable
[service] availability_goal
[[tutorials]] title url topics language
[contact] call_attempts auto_close_after reopen_within remind_waiting
[answers] per_address_per_hour per_address_per_day per_incident_per_day per_minute
[retention] raw recordings
[privacy] notice_url version
[doctor] every
[health] disk_free sms_after
[log] level format
[[consultants]] name email queue role phone extension language aliases absent
"""
"""The keys of CONTRACT 4, typed from it."""


def written(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_declared_keys_are_those_of_the_contract() -> None:
    lines = [line.rpartition("]") for line in CONTRACT.strip().splitlines()]
    contract = {(f"{header}]", key) for header, _, keys in lines for key in keys.split()}
    assert {(one.header, one.key) for one in explain()} == contract


def test_the_shipped_file_holds_every_default_as_declared() -> None:
    shipped = tomllib.loads(default_file().read_text(encoding="utf-8"))
    declared: dict[str, Any] = {}
    for one in explain():
        names = one.header.strip("[]").split(".")
        if one.header.startswith("[[") or "NAME" in names or "fallback" in names:
            continue
        table = declared
        for name in names:
            table = table.setdefault(name, {})
        if one.default != [] or names[-1] != "hours":
            table[one.key] = one.default
    del shipped["consultants"]
    assert shipped == declared


def test_settings_without_any_file_are_those_of_the_shipped_file_but_for_its_roster() -> None:
    loaded, plain = effective(load(None, {})), effective(Settings())
    assert {key: value for key, value in loaded.items() if not key.startswith("consultants.")} == plain


def test_the_shipped_desk_is_that_of_the_process() -> None:
    settings = load(None, {})
    people = [(one.queue, one.role, one.extension) for one in settings.consultants]
    assert people == [
        (Queue.DESK, Role.CONSULTANT, "205"),
        (Queue.DESK, Role.CONSULTANT, "206"),
        (Queue.DESK, Role.MANAGER, "100"),
        (Queue.OPERATIONS, Role.CONSULTANT, ""),
        (Queue.DEVELOPMENT, Role.CONSULTANT, ""),
    ]
    assert all(one.email.endswith("@ejemplo.mx") for one in settings.consultants)
    assert settings.calendar.hours.of(4) == (HoursSpan(540, 1140),)
    assert settings.calendar.hours.of(5) == ()
    assert settings.promises.first_attention_of(Severity.OUTAGE) == Span(time=timedelta(hours=2))
    assert settings.promises.resolution_of(Severity.QUESTION) == Span(time=timedelta(hours=8))


def test_the_reference_page_is_equal_to_the_code() -> None:
    assert settings_reference.PAGE.read_text(encoding="utf-8") == settings_reference.page(), (
        "run `python -m tools.settings_reference`"
    )


def test_every_key_says_in_a_sentence_what_it_does() -> None:
    for one in explain():
        assert one.declared.text.endswith("."), one.variable
        assert len(one.declared.text) > 10, one.variable
        assert not one.later or one.later in LATER, one.variable


def test_every_kind_of_value_is_read(tmp_path: Path) -> None:
    own = written(
        tmp_path,
        """
        [desk]
        address = "Ayuda@EJEMPLO.com"
        timezone = "Europe/Madrid"
        [smtp]
        max_size = "1KiB"
        proxy = ["10.0.0.0/8", "::1"]
        [calendar]
        holidays = "ES-MD"
        closures = ["2026-12-24", "2026-12-24 14:00/24:00 Nochebuena", "2026-12-28/2026-12-31 inventario"]
        [calendar.hours]
        sat = ["09:00-14:00", "16:00-24:00"]
        [promises]
        resolution = "1d2h"
        [promises.severity.3]
        first_attention = "30m"
        [contact]
        reopen_within = "10d"
        call_attempts = ["0m", "1d"]
        [trust]
        resolver = "127.0.0.1:5353"
        [[maintenance]]
        start = "2026-11-28 22:00"
        end = 2026-11-29T02:00:00
        [[consultants]]
        email = "ana@ejemplo.com"
        queue = "desk"
        absent = ["2026-12-20/2027-01-04"]
        [[consultants]]
        email = "beto@ejemplo.com"
        queue = "operations"
        [[consultants]]
        email = "cora@ejemplo.com"
        queue = "development"
        """,
    )
    settings = load(own, {})
    assert settings.desk.address == "Ayuda@ejemplo.com"
    assert settings.smtp.max_size == 1024
    assert settings.smtp.proxy == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert settings.calendar.closures == (
        Closure(date(2026, 12, 24), date(2026, 12, 24)),
        Closure(date(2026, 12, 24), date(2026, 12, 24), 840, 1440, "Nochebuena"),
        Closure(date(2026, 12, 28), date(2026, 12, 31), text="inventario"),
    )
    assert settings.calendar.hours.of(0) == ()
    assert settings.calendar.hours.sat == (HoursSpan(540, 840), HoursSpan(960, 1440))
    assert settings.promises.resolution == Span(days=1, time=timedelta(hours=2))
    assert settings.promises.first_attention_of(Severity.OUTAGE) == Span(time=timedelta(minutes=30))
    assert settings.promises.resolution_of(Severity.OUTAGE) == Span(days=1, time=timedelta(hours=2))
    assert settings.contact.reopen_within == timedelta(days=10)
    assert settings.contact.call_attempts == (Span(), Span(days=1))
    assert settings.trust.resolver == Endpoint("127.0.0.1", 5353)
    assert settings.maintenance[0].end == datetime(2026, 11, 29, 2)
    assert settings.consultants[0].absent == ((date(2026, 12, 20), date(2027, 1, 4)),)


def test_environment_lies_over_file_and_file_over_default(tmp_path: Path) -> None:
    own = written(tmp_path, '[smtp]\nport = 1025\nmax_recipients = 7\n[desk]\naliases = ["ayuda@ejemplo.mx"]\n')
    settings = load(
        own, {"VENTANILLA_SMTP__PORT": "3025", "VENTANILLA_CALENDAR__HOURS__MON": "10:00-12:00,13:00-14:00"}
    )
    assert (settings.smtp.port, settings.smtp.max_recipients, settings.smtp.max_sessions) == (3025, 7, 200)
    assert settings.desk.aliases == ("ayuda@ejemplo.mx",)
    assert settings.calendar.hours.mon == (HoursSpan(600, 720), HoursSpan(780, 840))
    assert settings.calendar.hours.tue == (HoursSpan(540, 1140),)


def test_a_file_that_names_the_hours_replaces_them_whole(tmp_path: Path) -> None:
    hours = load(written(tmp_path, '[calendar.hours]\nsat = ["10:00-14:00"]\n'), {}).calendar.hours
    assert [bool(hours.of(day)) for day in range(7)] == [False, False, False, False, False, True, False]


def test_a_list_in_the_environment_is_separated_by_commas_or_a_toml_array() -> None:
    by_commas = load(None, {"VENTANILLA_DESK__ALIASES": "a@ejemplo.mx, b@ejemplo.mx"})
    by_array = load(None, {"VENTANILLA_DESK__ALIASES": '["a@ejemplo.mx", "b@ejemplo.mx"]'})
    assert by_commas.desk.aliases == by_array.desk.aliases == ("a@ejemplo.mx", "b@ejemplo.mx")
    assert load(None, {"VENTANILLA_HTTP__INSIDE": ""}).http.inside == ()
    assert load(None, {"VENTANILLA_PROMISES__REMIND_AT": "0.25,1"}).promises.remind_at == (0.25, 1.0)


def test_rows_by_environment_change_a_row_and_add_the_next() -> None:
    settings = load(
        None,
        {
            "VENTANILLA_CONSULTANTS__0__EMAIL": "ana@ejemplo.com",
            "VENTANILLA_CONSULTANTS__5__EMAIL": "beto@ejemplo.com",
            "VENTANILLA_CONSULTANTS__5__QUEUE": "operations",
            "VENTANILLA_SMTP__ACCOUNTS__0__USERNAME": "ana@ejemplo.com",
            "VENTANILLA_SMTP__ACCOUNTS__0__PASSWORD": "largo y secreto",
        },
    )
    assert settings.consultants[0].email == "ana@ejemplo.com"
    assert settings.consultants[0].extension == "205"
    assert settings.consultants[5].queue is Queue.OPERATIONS
    assert settings.smtp.accounts == (SmtpAccountSettings(username="ana@ejemplo.com", password="largo y secreto"),)


def test_more_than_ten_rows_by_environment_come_in_the_order_of_their_numbers() -> None:
    environ = {}
    for place in range(5, 12):
        environ[f"VENTANILLA_CONSULTANTS__{place}__EMAIL"] = f"persona{place}@ejemplo.com"
        environ[f"VENTANILLA_CONSULTANTS__{place}__QUEUE"] = "desk"
    assert [one.email for one in load(None, environ).consultants[10:]] == [
        "persona10@ejemplo.com",
        "persona11@ejemplo.com",
    ]


def test_named_tables_by_environment() -> None:
    settings = load(
        None,
        {
            "VENTANILLA_OAUTH__CORREO__CLIENT_ID": "abc",
            "VENTANILLA_OAUTH__CORREO__FLOW": "authorization_code",
            "VENTANILLA_PROMISES__SEVERITY__3__RESOLUTION": "4h",
            "VENTANILLA_RELAY__FALLBACK__HOST": "127.0.0.2",
        },
    )
    assert settings.oauth["correo"].client_id == "abc"
    assert settings.promises.resolution_of(Severity.OUTAGE) == Span(time=timedelta(hours=4))
    assert settings.relay.fallback is not None
    assert (settings.relay.fallback.host, settings.relay.fallback.port) == ("127.0.0.2", 25)


def test_a_secret_may_be_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    assert load(None, {"VENTANILLA_SECRETS__KEY_FILE": str(tmp_path / "key")}).secrets.key == KEY


def test_secrets_stand_in_no_repr_and_no_effective_setting(tmp_path: Path) -> None:
    own = written(
        tmp_path,
        f"""
        [database]
        url = "postgres://mesa:canario-uno@db.ejemplo.com/mesa"
        [secrets]
        key = "{KEY}"
        previous = ["canario-dos-que-es-largo"]
        [relay]
        username = "mesa"
        password = "canario-tres"
        [[smtp.accounts]]
        username = "ana@ejemplo.com"
        password = "canario-cuatro"
        """,
    )
    settings = load(own, {})
    shown = repr(settings) + repr(effective(settings))
    secrets = secret_values(settings)
    assert set(secrets) == {KEY, "canario-uno", "canario-dos-que-es-largo", "canario-tres", "canario-cuatro"}
    assert not [secret for secret in secrets if secret in shown]
    assert effective(settings)["database.url"] == "postgres://…@db.ejemplo.com/mesa"
    assert effective(settings)["relay.password"] == "(not shown)"


def test_every_secret_key_is_declared_secret() -> None:
    named = {one.variable for one in explain() if one.key in {"password", "client_secret", "auth_token", "previous"}}
    named |= {"VENTANILLA_SECRETS__KEY", "VENTANILLA_DATABASE__URL", "VENTANILLA_DATABASE__LISTEN_URL"}
    named |= {"VENTANILLA_TWILIO__AUTH_TOKEN_SECONDARY"}
    assert {one.variable for one in explain() if one.declared.is_secret} == named


def test_dataclasses_are_constructible_with_plain_arguments() -> None:
    assert SmtpSettings(port=0).port == 0
    assert Settings(smtp=SmtpSettings(max_recipients=3)).smtp.max_recipients == 3


def test_a_start_without_a_key_names_init() -> None:
    (problem,) = first_start_problems(load(None, {}))
    assert problem.key == "secrets.key"
    assert "ventanilla init" in problem.allowed


def test_a_start_with_the_shipped_relay_and_a_key_is_good() -> None:
    assert first_start_problems(load(None, {"VENTANILLA_SECRETS__KEY": KEY})) == ()


def test_the_shipped_example_address_and_roster_are_refused_when_mail_leaves_the_machine() -> None:
    environ = {"VENTANILLA_SECRETS__KEY": KEY, "VENTANILLA_RELAY__HOST": "smtp.ejemplo.com"}
    assert [one.key for one in first_start_problems(load(None, environ))] == ["desk.address", "consultants"]
    environ |= {"VENTANILLA_DESK__ADDRESS": "soporte@ejemplo.com"}
    assert [one.key for one in first_start_problems(load(None, environ))] == ["consultants"]
    environ |= {f"VENTANILLA_CONSULTANTS__{place}__EMAIL": f"p{place}@ejemplo.com" for place in range(5)}
    assert first_start_problems(load(None, environ)) == ()


def test_a_fallback_relay_that_is_not_on_this_machine_counts_too() -> None:
    environ = {"VENTANILLA_SECRETS__KEY": KEY, "VENTANILLA_RELAY__FALLBACK__HOST": "smtp.ejemplo.com"}
    assert [one.key for one in first_start_problems(load(None, environ))] == ["desk.address", "consultants"]


def test_keys_whose_feature_is_not_there_are_named_once_when_they_are_set(tmp_path: Path) -> None:
    mailbox = '[[imap]]\nhost = "h"\nusername = "{}"\npassword = "p"\n'
    own = written(
        tmp_path,
        '[trust]\nspam_header = "X-Spam-Flag: YES"\n[routing]\nresolution_hops = "confirm"\n'
        '[relay.fallback]\nhost = "127.0.0.2"\n' + mailbox.format("a") + mailbox.format("b"),
    )
    found = later_keys_set(load(own, {"VENTANILLA_DOCTOR__EVERY": "1h", "VENTANILLA_SMTP__PORT": "3025"}))
    assert [one.key for one in found] == ["doctor.every", "imap", "trust.spam_header"]
    assert {one.comes_with for one in found} <= set(LATER)


def test_nothing_is_named_later_when_nothing_was_set() -> None:
    assert later_keys_set(load(None, {})) == ()


def test_every_later_word_is_one_that_is_used() -> None:
    assert {one.later for one in explain() if one.later} == set(LATER)

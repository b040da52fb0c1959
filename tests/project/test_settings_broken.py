"""Broken configurations: each is refused for its own reason, in one line: where, which key, what is allowed."""

from pathlib import Path

import pytest

from desk.base.errors import SettingsInvalid
from ventanilla.settings import load

ROSTER = "".join(f'[[consultants]]\nemail = "{queue}@a.mx"\nqueue = "{queue}"\n' for queue in ("desk", "operations"))
WHOLE_ROSTER = ROSTER + '[[consultants]]\nemail = "development@a.mx"\nqueue = "development"\n'

BROKEN = {
    "port out of range": ("[smtp]\nport = 65536", "smtp.port 65536: must be a whole number from 0 to 65535"),
    "port as text": ('[http]\nport = "8080"', 'http.port "8080": must be a whole number'),
    "port as truth": ("[http]\nport = true", "http.port true: must be a whole number"),
    "relay port 0": ("[relay]\nport = 0", "relay.port 0: must be a whole number from 1 to 65535"),
    "unknown key": ("[smtp]\nprot = 25", "smtp.prot 25: no such key; the nearest is smtp.port"),
    "unknown table": ("[smpt]\nport = 25", "smpt: no such key; the nearest is smtp"),
    "key of another table": (
        "[smtp]\npublic_url = 1",
        "smtp.public_url 1: no such key; the nearest is http.public_url",
    ),
    "unknown key of a row": (WHOLE_ROSTER + 'emial = "x"', "consultants.2.emial"),
    "table where rows must be": (
        "[consultants]\nemail = 1",
        "consultants: is an array of tables: write [[consultants]]",
    ),
    "rows where a table must be": ("[[smtp]]\nport = 1", "smtp: is a table: write [smtp]"),
    "value where a table must be": ("smtp = 1", "smtp: is a table: write [smtp]"),
    "bad address": ('[desk]\naddress = "Mesa <soporte@a.mx>"', 'desk.address "Mesa <soporte@a.mx>": must be one bare'),
    "address without domain": ('[desk]\naddress = "soporte"', 'desk.address "soporte": must be one bare mail address'),
    "address too long to sign": (f'[desk]\naddress = "{"x" * 30}@a.mx"', "64 are possible: use at most 18 octets"),
    "bad alias": ('[desk]\naliases = ["a@a.mx", "b"]', "desk.aliases [a@a.mx, b]: element 2 must be one bare mail"),
    "list as text": ('[desk]\naliases = "a@a.mx"', 'desk.aliases "a@a.mx": must be a list'),
    "name with a line break": ('[desk]\nname = "a\\nb"', 'desk.name "a·b": must be one line of text'),
    "empty name": ('[desk]\nname = ""', 'desk.name "": must be text in one line that is not empty'),
    "unknown zone": ('[desk]\ntimezone = "America/Mexico"', "must be a time zone of the IANA list"),
    "zone that climbs out": ('[desk]\ntimezone = "../etc/passwd"', "must be a time zone of the IANA list"),
    "unknown language": (
        '[desk]\nlanguage = "xx"',
        'desk.language "xx": must be a language there are words in: en, es',
    ),
    "word that is no choice": ('[desk]\nreply_address = "minus"', 'must be "plus", "catchall" or "plain"'),
    "templates that are nowhere": (
        '[desk]\ntemplates = "/nope"',
        'desk.templates "/nope": must name a folder that exists',
    ),
    "certificate that is nowhere": ('[smtp]\ncertificate = "/nope"\nkey = "/nope"', "smtp.certificate"),
    "size without unit": ('[smtp]\nmax_size = "40"', 'smtp.max_size "40": must be a size like'),
    "size too small": ('[smtp]\nmax_size = "1B"', 'must be a size like "40MiB", from 1KiB to 2GiB'),
    "duration in words": ('[routing]\nhandover_after = "a while"', "routing.handover_after"),
    "duration as a number": ("[doctor]\nevery = 15", "doctor.every 15: must be a duration like"),
    "duration too long": ('[doctor]\nevery = "999999999d"', "must be at most 36500d"),
    "promise of seconds": ('[promises]\nresolution = "8h30s"', "must be whole minutes"),
    "promise of nothing": ('[promises]\nresolution = "0m"', "promises.resolution"),
    "promise of severity 4": (
        '[promises.severity.4]\nresolution = "1h"',
        'promises.severity.4: its name must be "1", "2"',
    ),
    "reminders that descend": ("[promises]\nremind_at = [0.75, 0.5]", "promises.remind_at [0.75, 0.5]: must ascend"),
    "reminder after the end": ("[promises]\nremind_at = [0.5, 1.5]", "element 2 must be a number from 0 to 1"),
    "hours that end before they start": ('[calendar.hours]\nmon = ["09:00-08:00"]', "must end after it starts"),
    "hours past midnight": ('[calendar.hours]\nmon = ["22:00-02:00"]', 'write it until "24:00"'),
    "hours that overlap": ('[calendar.hours]\nmon = ["09:00-14:00", "13:00-19:00"]', "13:00-19:00 begins before"),
    "hours out of order": ('[calendar.hours]\nmon = ["16:00-19:00", "09:00-14:00"]', "in order and apart"),
    "hours that are none": ('[calendar.hours]\nmon = ["9-19"]', 'must be a local time from "00:00" to "24:00"'),
    "hour 25": ('[calendar.hours]\nmon = ["09:00-25:00"]', 'must be a local time from "00:00" to "24:00"'),
    "unknown weekday": ('[calendar.hours]\nlunes = ["09:00-19:00"]', "calendar.hours.lunes"),
    "never open": ("[calendar.hours]\nmon = []", "calendar.hours: must hold one open minute in a week at least"),
    "closed for more than a year": (
        '[calendar]\nclosures = ["2026-01-01/2026-12-31", "2027-01-01/2027-06-30"]',
        "calendar.closures 2026-01-01/2027-06-30: must leave one open minute in a year",
    ),
    "closure longer than a year": ('[calendar]\nclosures = ["2026-01-01/2030-01-01"]', "must be shorter than 366 days"),
    "closure that is no day": ('[calendar]\nclosures = ["Navidad"]', 'must begin with a day like "2026-12-24"'),
    "closure on 30 February": ('[calendar]\nclosures = ["2026-02-30"]', "must begin with a day"),
    "closure backwards": ('[calendar]\nclosures = ["2026-12-31/2026-12-24"]', "must not end before it begins"),
    "unknown holidays": ('[calendar]\nholidays = "ZZ"', 'calendar.holidays "ZZ": must be a country whose holidays'),
    "unknown region": ('[calendar]\nholidays = "ES-ZZ"', 'calendar.holidays "ES-ZZ": must name a region of ES: AN'),
    "holidays in words": ('[calendar]\nholidays = "Mexico"', 'must be an ISO 3166 code, like "MX" or "ES-MD"'),
    "network with host bits": ('[http]\ninside = ["10.1.2.3/8"]', 'must name the network itself, "10.0.0.0/8"'),
    "network in words": ('[http]\ninside = ["intranet"]', "element 1 must be an address or a network"),
    "public address without scheme": ('[http]\npublic_url = "mesa.a.mx"', "http.public_url"),
    "database of another engine": (
        '[database]\nurl = "mysql://a/b"',
        'database.url (not shown): must be "sqlite://PATH"',
    ),
    "LISTEN beside SQLite": ('[database]\nlisten_url = "postgres://h/b"', "database.listen_url: is for PostgreSQL"),
    "queue without anybody": (ROSTER, 'consultants: queue "development" has nobody'),
    "consultant without address": ('[[consultants]]\nqueue = "desk"', "consultants.0.email: is missing"),
    "consultant without queue": ('[[consultants]]\nemail = "a@a.mx"', "consultants.0.queue: is missing"),
    "unknown queue": (WHOLE_ROSTER.replace('"desk"', '"mesa"'), 'consultants.0.queue "mesa": must be "desk"'),
    "address of two": (
        WHOLE_ROSTER + 'aliases = ["DESK@a.mx"]',
        'aliases "DESK@a.mx": stands in consultants.0.email too',
    ),
    "consultant with the desk's address": (
        f'[desk]\naddress = "desk@a.mx"\n{WHOLE_ROSTER}',
        'consultants.0.email "desk@a.mx": is the desk\'s own address',
    ),
    "absence that is none": (WHOLE_ROSTER + 'absent = ["agosto"]', "consultants.2.absent"),
    "google with device_code": (
        '[oauth.correo]\nprovider = "google"\nclient_id = "a"',
        'oauth.correo.flow "device_code": must be "authorization_code"',
    ),
    "tokens over http": (
        '[oauth.correo]\nprovider = "custom"\nclient_id = "a"\nflow = "client_credentials"\ntoken_url = "http://a.mx/t"',
        "http is for loopback only",
    ),
    "own provider without endpoints": (
        '[oauth.correo]\nprovider = "custom"\nclient_id = "a"\nflow = "client_credentials"',
        "oauth.correo.token_url: is missing",
    ),
    "relay with an unknown provider": (
        '[relay]\nusername = "a"\noauth = "correo"',
        'relay.oauth "correo": must be the NAME of an [oauth.NAME] table: there is none',
    ),
    "user without password": ('[relay]\nusername = "a"', "relay.password: is missing"),
    "mailbox without login": ('[[imap]]\nhost = "h"\nusername = "u"', "imap.0.password: is missing"),
    "two mailboxes of one name": (
        '[[imap]]\nhost = "h"\nusername = "u"\npassword = "p"\n' * 2,
        'imap.1.name "u/INBOX": is another mailbox\'s name too',
    ),
    "first contact in words": (
        '[[imap]]\nhost = "h"\nusername = "u"\npassword = "p"\nsince = "ayer"',
        'imap.0.since "ayer": must be "now"',
    ),
    "half a signature": ('[dkim]\ndomain = "a.mx"', "dkim.selector: is missing"),
    "half a certificate": (f'[smtp]\ncertificate = "{__file__}"', "smtp.key: is missing"),
    "same port twice": ("[http]\nport = 2525", "http.port 2525: is the port of smtp too"),
    "cap below zero": ("[answers]\nper_minute = -1", "answers.per_minute -1: must be a whole number from 0"),
    "work that ends before it starts": (
        '[[maintenance]]\nstart = "2026-11-29 02:00"\nend = "2026-11-28 22:00"',
        "maintenance.0.end 2026-11-28 22:00: must be after start",
    ),
    "work in another zone": (
        '[[maintenance]]\nstart = "2026-11-29T02:00:00Z"\nend = "2026-11-28 22:00"',
        "without zone: it is that of desk.timezone",
    ),
    "type twice": ('[[types]]\nname = "a"\n[[types]]\nname = "A"', 'types.1.name "A": stands there twice'),
    "key that is short": ('[secrets]\nkey = "corta"', "secrets.key (not shown): must have at least 16 characters"),
    "resolver by name": ('[trust]\nresolver = "dns.a.mx"', "trust.resolver"),
    "goal over 100": ("[service]\navailability_goal = 101", "service.availability_goal 101"),
    "number that cannot be dialled": ('[routing]\noutage_call = ["55 5264"]', "element 1 must be a number to dial"),
}


def refused(config: Path | None, environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsInvalid) as invalid:
        load(config, environ)
    return [str(problem) for problem in invalid.value.problems]


@pytest.mark.parametrize(("text", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_refused_for_the_right_reason(text: str, reason: str, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text, encoding="utf-8")
    lines = refused(own, {})
    assert [line for line in lines if reason in line and line.startswith(f"{own}: ")], lines
    assert all("\n" not in line for line in lines)


OF_TWO_KEYS = {"certificate that is nowhere", "half a signature"}
ALONE = sorted(set(BROKEN) - OF_TWO_KEYS)


@pytest.mark.parametrize("name", ALONE)
def test_one_slip_is_told_once(name: str, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(BROKEN[name][0], encoding="utf-8")
    keys = {line.split(": ")[1].split(" ")[0] for line in refused(own, {})}
    assert len(keys) == 1, keys


VARIABLES = {
    "unknown": (
        {"VENTANILLA_SMTP_PORT": "1"},
        "VENTANILLA_SMTP_PORT: variable: no such setting; the nearest is VENTANILLA_SMTP__PORT",
    ),
    "unknown key": ({"VENTANILLA_SMTP__PROT": "1"}, "the nearest is VENTANILLA_SMTP__PORT"),
    "unknown key of a row": (
        {"VENTANILLA_CONSULTANTS__0__EMIAL": "1"},
        "VENTANILLA_CONSULTANTS__0__EMIAL: variable: no such setting; the nearest is VENTANILLA_CONSULTANTS__0__EMAIL",
    ),
    "a table, not a key": ({"VENTANILLA_SMTP": "1"}, "VENTANILLA_SMTP: variable: no such setting"),
    "too deep": ({"VENTANILLA_SMTP__PORT__X": "1"}, "VENTANILLA_SMTP__PORT__X: variable: no such setting"),
    "empty part": ({"VENTANILLA_": "1"}, "VENTANILLA_: variable: no such setting"),
    "wrong value": (
        {"VENTANILLA_SMTP__PORT": "many"},
        'VENTANILLA_SMTP__PORT: smtp.port "many": must be a whole number',
    ),
    "wrong truth": ({"VENTANILLA_DATABASE__POOLED": "perhaps"}, 'database.pooled "perhaps": must be true or false'),
    "gap between rows": ({"VENTANILLA_CONSULTANTS__7__EMAIL": "a@a.mx"}, "the next one of consultants is 5"),
    "row without number": ({"VENTANILLA_CONSULTANTS__A__EMAIL": "a@a.mx"}, "is the number of a row, from 0"),
    "row that is not whole": (
        {"VENTANILLA_CONSULTANTS__5__EMAIL": "a@a.mx"},
        "VENTANILLA_CONSULTANTS__5__EMAIL: consultants.5.queue: is missing",
    ),
    "secret file that is nowhere": (
        {"VENTANILLA_SECRETS__KEY_FILE": "/nope"},
        "VENTANILLA_SECRETS__KEY_FILE: secrets.key: names a file that cannot be read: No such file or directory",
    ),
    "secret twice": (
        {"VENTANILLA_SECRETS__KEY": "0" * 32, "VENTANILLA_SECRETS__KEY_FILE": "/nope"},
        "secrets.key: is given by VENTANILLA_SECRETS__KEY too",
    ),
    "file of what is no secret": ({"VENTANILLA_DESK__NAME_FILE": __file__}, "no such setting"),
}


@pytest.mark.parametrize(("environ", "reason"), VARIABLES.values(), ids=VARIABLES.keys())
def test_a_broken_variable_is_refused_for_the_right_reason(environ: dict[str, str], reason: str) -> None:
    lines = refused(None, environ)
    assert len(lines) == 1
    assert reason in lines[0]


def test_a_wrong_path_variable_of_dkim_is_the_key_itself_not_a_secret_file() -> None:
    lines = refused(None, {"VENTANILLA_DKIM__KEY_FILE": "/nope"})
    assert 'VENTANILLA_DKIM__KEY_FILE: dkim.key_file "/nope": must name a file that exists' in lines[0]


FILES = {
    "no TOML": ("[smtp]\nport 25\n", ":2: not TOML: Expected '=' after a key in a key/value pair"),
    "cut short": ('[desk]\nname = "a', ":2: not TOML: "),
    "a key twice": ("[smtp]\nport = 1\nport = 2\n", ":3: not TOML: "),
    "a table twice": ("[smtp]\n[smtp]\n", ":2: not TOML: "),
    "no UTF-8": ("[desk]\n# \udcff", ": file: is not UTF-8 on line 2; save it as UTF-8"),
    "nested without end": (f"x = {'[' * 5000}", ":1: not TOML: "),
}


@pytest.mark.parametrize(("text", "reason"), FILES.values(), ids=FILES.keys())
def test_a_file_that_cannot_be_read_is_one_line_with_file_and_line(text: str, reason: str, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_bytes(text.encode("utf-8", "surrogateescape"))
    (line,) = refused(own, {})
    assert line.startswith(f"{own}{reason}")
    assert "\n" not in line


def test_a_missing_file_a_folder_and_a_huge_file_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.toml", {}) == [
        f"{tmp_path}/none.toml: file: cannot be read: No such file or directory"
    ]
    assert refused(tmp_path, {}) == [f"{tmp_path}: file: cannot be read: Is a directory"]
    assert refused(Path("/dev/zero"), {}) == ["/dev/zero: file: is larger than 4 MiB"]


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_bytes(b"\xef\xbb\xbf[smtp]\nport = 3025\n")
    assert load(own, {}).smtp.port == 3025


def test_all_mistakes_of_file_and_environment_are_told_at_once(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[smtp]\nport = 99999\nprot = 1\n[desk]\ntimezone = "Nowhere"\n[relay]\nusername = "a"\n')
    lines = refused(own, {"VENTANILLA_HTTP__PORT": "x", "VENTANILLA_NOPE": "x"})
    for reason in ("smtp.port", "smtp.prot", "desk.timezone", "relay.password", "http.port", "VENTANILLA_NOPE"):
        assert [line for line in lines if reason in line], (reason, lines)


CANARY = "canario-que-nadie-ve"
LEAKS = {
    "key misspelt": f'[relay]\npasword = "{CANARY}"',
    "secret in a table of none": f'[desk]\npassword = "{CANARY}"',
    "table misspelt": f'[secretos]\nkey = "{CANARY}"',
    "secret at the top": f'password = "{CANARY}"',
    "list as a text": f'[secrets]\nprevious = "{CANARY}"',
    "list with a wrong one": f'[secrets]\nprevious = ["{CANARY}", "corta"]',
    "text as a list": f'[relay]\npassword = ["{CANARY}"]',
    "database of another engine": f'[database]\nurl = "mysql://mesa:{CANARY}@db/mesa"',
    "login in a host": f'[relay]\nhost = "mesa:{CANARY}@smtp.a.mx"',
    "login in an address": f'[http]\npublic_url = "https://mesa:{CANARY}@a.mx"',
    "secret beside a mistake": f'[[smtp.accounts]]\nusername = "nobody"\npassword = "{CANARY}"',
    "TOML cut short": f'[relay]\npassword = "{CANARY}',
}


@pytest.mark.parametrize("text", LEAKS.values(), ids=LEAKS.keys())
def test_a_secret_is_in_no_line_about_a_mistake(text: str, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    assert CANARY not in "\n".join(refused(own, {}))


def test_a_secret_in_a_misspelt_variable_is_not_repeated() -> None:
    assert CANARY not in "\n".join(refused(None, {"VENTANILLA_RELAY__PASWORD": CANARY, "VENTANILLA_SECRETS__KEY": "x"}))

"""Broken configurations: each is refused for its own reason, in one line: where, which key, what is allowed."""

import os
import re
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from desk.base.errors import SettingsInvalid
from desk.base.languages import folders
from ventanilla.cli import dispatch
from ventanilla.settings import load

KEPT = tomllib.loads((Path(__file__).parent / "broken_settings.toml").read_text(encoding="utf-8"))
BROKEN: dict[str, dict[str, Any]] = {one["name"]: one for one in KEPT["file"]}
VARIABLES: dict[str, dict[str, Any]] = {one["name"]: one for one in KEPT["variable"]}
BROKEN_MIN = 40
NO_KEY = re.compile(r"no such (key|setting)(?!; the nearest is \S+$)")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's file, not written yet, in an environment without settings."""
    for name in os.environ:
        if name.startswith("VENTANILLA_"):
            monkeypatch.delenv(name)
    return tmp_path / "own.toml"


SOUND = """
[desk]
timezone = "Europe/Madrid"
[calendar]
holidays = "ES-MD"
closures = [
    "2026-12-24", "2026-12-24 14:00/24:00 Nochebuena", "2026-12-28/2026-12-31 inventario", "2027-01-01/2027-11-30",
]
[calendar.hours]
mon = ["00:00-02:00", "09:00-14:00", "14:00-24:00"]
[promises.severity.1]
resolution = "365d"
[[tutorials]]
title = "Cómo timbrar"
url = "https://a.mx/timbrar"
"""


def refused(config: Path | None, environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsInvalid) as invalid:
        load(config, environ)
    return [str(problem) for problem in invalid.value.problems]


def started(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, list[str]]:
    """Start a command that would do well with a sound configuration; return its code, its output and its complaints."""
    code = dispatch(["when", "--json", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err.splitlines()


@pytest.mark.done("words.4")
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_with_exactly_its_lines(
    name: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own.write_text(BROKEN[name]["text"].replace("{file}", str(own)), encoding="utf-8")
    expected = [line.replace("{file}", str(own)) for line in BROKEN[name]["says"]]
    assert started(capsys, "--config", str(own)) == (78, "", expected)


@pytest.mark.done("words.4")
@pytest.mark.parametrize("name", VARIABLES)
def test_a_broken_variable_is_refused_with_exactly_its_line(
    name: str, own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for variable, value in VARIABLES[name]["environ"].items():
        monkeypatch.setenv(variable, value)
    assert started(capsys) == (78, "", VARIABLES[name]["says"])


@pytest.mark.done("words.4")
def test_forty_broken_configurations_are_kept_and_unknown_keys_name_the_nearest(figure: Callable[[str], None]) -> None:
    every = [one["says"] for one in (*BROKEN.values(), *VARIABLES.values())]
    slips = len(KEPT["file"]) + len(KEPT["variable"])
    assert len(every) == slips, "two of one name"
    assert slips >= BROKEN_MIN
    assert not [line for says in every for line in says if NO_KEY.search(line)]
    nearest = sum("the nearest is" in line for says in every for line in says)
    figure(f"{slips} broken configurations, each refused with 78 and exactly its lines; {nearest} name the nearest key")


@pytest.mark.done("words.4")
def test_every_line_names_where_it_was_given_the_key_and_its_value() -> None:
    """What has no value to show is a key that is missing, a table, or a secret's."""
    for name, one in BROKEN.items():
        for line in one["says"]:
            assert re.match(r"\{file\}: [a-z0-9_.]+( \S.*)?: \S", line), name
    for name, one in VARIABLES.items():
        for line in one["says"]:
            assert line.split(":")[0] in one["environ"], name


def test_a_configuration_that_none_of_this_is_wrong_with_starts(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own.write_text(SOUND, encoding="utf-8")
    code, out, complaints = started(capsys, "--config", str(own))
    assert (code, complaints) == (0, [])
    assert out.startswith('{"at": ')


def test_a_language_of_the_operators_own_folder_is_a_language(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(folders() / "en", own.parent / "words" / "fr")
    own.write_text(f'[desk]\nlanguage = "fr"\ntemplates = "{own.parent}/words"\n')
    code, _, complaints = started(capsys, "--config", str(own))
    assert (code, complaints) == (0, [])


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

"""The frame of the command line: exit codes, one line an error, only the asked command imported; and `init`."""

import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ventanilla.cli import dispatch
from ventanilla.settings import first_start_problems, load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("VENTANILLA_"):
            monkeypatch.delenv(name)
    return tmp_path


def ventanilla(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own, with nothing in its environment but what is given."""
    home = str(Path(__file__).parents[2])
    return subprocess.run(
        [sys.executable, "-m", "ventanilla", *arguments],
        cwd=folder,
        env={"PYTHONPATH": home, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_init_writes_a_file_that_run_can_start_with(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["init"]) == 0
    path = folder / "ventanilla.toml"
    settings = load(path, {})
    assert first_start_problems(settings) == ()
    assert len(settings.secrets.key) == 64
    assert settings.secrets.key not in capsys.readouterr().out
    assert settings.given == {"secrets.key"}


def test_init_writes_for_its_owner_only(folder: Path) -> None:
    former = os.umask(0)
    try:
        assert dispatch(["init", "own.toml"]) == 0
    finally:
        os.umask(former)
    assert stat.S_IMODE((folder / "own.toml").stat().st_mode) == 0o600


def test_init_never_writes_over_another_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "own.toml").write_text("mine")
    assert dispatch(["init", "own.toml"]) == 1
    assert (folder / "own.toml").read_text() == "mine"
    assert capsys.readouterr().err == "ventanilla: own.toml is there already; nothing was written\n"


def test_init_never_writes_through_a_link(folder: Path) -> None:
    (folder / "own.toml").symlink_to(folder / "elsewhere")
    assert dispatch(["init", "own.toml"]) == 1
    assert not (folder / "elsewhere").exists()


def test_two_inits_make_two_keys(folder: Path) -> None:
    dispatch(["init", "a.toml"])
    dispatch(["init", "b.toml"])
    keys = [tomllib.loads((folder / name).read_text())["secrets"]["key"] for name in ("a.toml", "b.toml")]
    assert keys[0] != keys[1]


def test_init_into_a_folder_that_is_not_there_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["init", "nope/own.toml"]) == 1
    assert capsys.readouterr().err == "ventanilla: nope/own.toml: No such file or directory\n"
    assert not list(folder.iterdir())


def test_every_example_of_the_start_file_is_a_sound_setting(folder: Path) -> None:
    dispatch(["init", "own.toml"])
    lines = (folder / "own.toml").read_text().splitlines()
    ends = next(place for place, line in enumerate(lines) if line.startswith("# 5."))
    examples = [line.removeprefix("# ") for line in lines[:ends] if line.startswith(("# ", "[", "key"))]
    settings = [line for line in examples if line.startswith("[") or " = " in line]
    own = folder / "filled.toml"
    own.write_text(
        "\n".join(line for line in settings if "postgres:" not in line).replace('password = ""', 'password = "x"')
    )
    assert load(own, {}).calendar.closures[0].text == "Nochebuena"


WRONG_USES = {
    "no command": ([], "ventanilla: which command? One of "),
    "unknown command": (["inti"], "ventanilla: no command 'inti'; did you mean init?"),
    "command like no other": (["xyzzy"], "ventanilla: no command 'xyzzy'; there are "),
    "config before the command": (["--config", "a", "init"], "ventanilla: --config FILE comes after the command"),
    "unknown option": (["init", "--force"], "ventanilla: unrecognized arguments: --force"),
    "too many arguments": (["init", "a", "b"], "ventanilla: unrecognized arguments: b"),
    "option without value": (["init", "--config"], "ventanilla init: argument --config: expected one argument"),
}


@pytest.mark.parametrize(("arguments", "reason"), WRONG_USES.values(), ids=WRONG_USES.keys())
def test_wrong_use_is_one_line_and_2(
    arguments: list[str], reason: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dispatch(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(reason)
    assert error.count("\n") == 1
    assert not list(folder.iterdir())


def test_a_broken_configuration_is_78_before_anything_is_done(folder: Path) -> None:
    done = ventanilla(folder, "init", VENTANILLA_SMTP__PORT="x", VENTANILLA_HTTP__PORT="y")
    assert done.returncode == 78
    assert sorted(done.stderr.splitlines()) == [
        'VENTANILLA_HTTP__PORT: http.port "y": must be a whole number from 0 to 65535',
        'VENTANILLA_SMTP__PORT: smtp.port "x": must be a whole number from 0 to 65535',
    ]
    assert not list(folder.iterdir())


def test_a_missing_configuration_file_is_78(folder: Path) -> None:
    done = ventanilla(folder, "init", "--config", "nope.toml")
    assert (done.returncode, done.stderr) == (78, "nope.toml: file: cannot be read: No such file or directory\n")


def test_help_names_every_command_and_is_0(folder: Path) -> None:
    done = ventanilla(folder, "--help")
    assert done.returncode == 0
    assert "init" in done.stdout
    assert done.stderr == ""


def test_only_the_command_asked_for_is_imported_and_nothing_slow(folder: Path) -> None:
    asked = (
        "import sys; from ventanilla.cli import dispatch; dispatch(['init']); print(*sorted(sys.modules), sep='\\n')"
    )
    home = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=folder, env={"PYTHONPATH": home}, capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.splitlines())
    assert {name for name in modules if name.startswith("ventanilla.cli.")} == {"ventanilla.cli.init"}
    assert not modules & {"holidays", "tortoise", "aiohttp", "aiosmtpd", "asyncpg", "jinja2", "asyncio", "pebble"}


def test_a_reader_who_has_seen_enough_is_no_error(folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    home = str(Path(__file__).parents[2])
    with os.fdopen(write, "w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "ventanilla", "init"],
            cwd=folder,
            env={"PYTHONPATH": home},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_output_is_utf_8_whatever_the_locale(folder: Path) -> None:
    done = ventanilla(folder, "init", "señal.toml", PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert done.stdout.startswith("señal.toml has a fresh key")

"""The wheel as a stranger installs it: every room, template and default is inside, and it works from any folder."""

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("ventanilla", "intake", "responders", "board", "connections", "desk", "sandbox")
TIMEOUT_S = 60


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def ventanilla(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The console script of an environment that holds the wheel and borrows our dependencies, not our checkout."""
    home = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", str(home), cwd=home)
    python = home / "bin" / "python"
    options = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", str(python), "install", *options, str(wheel), cwd=home)
    (site,) = (home / "lib").glob("python3*/site-packages")
    # A folder named in a .pth is put on the path, but its own .pth files are not read: so no editable install.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return str(home / "bin" / "ventanilla")


def run(*command: str, cwd: Path, text: str = "") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VENTANILLA_", "PYTHON"))}
    result = subprocess.run(
        command, cwd=cwd, env=environment, input=text, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result


def test_the_wheel_holds_every_room_every_template_and_the_defaults(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "ls-files", *ROOMS, "templates", "config"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    wanted = {f"ventanilla/_data/{name}" if name.startswith(("templates/", "config/")) else name for name in listed}
    assert sorted(wanted - inside) == []


def test_the_installed_wheel_is_not_the_checkout(ventanilla: str, tmp_path: Path) -> None:
    python = str(Path(ventanilla).with_name("python"))
    where = run(python, "-c", "import ventanilla; print(ventanilla.__file__)", cwd=tmp_path).stdout
    assert not Path(where).is_relative_to(ROOT)


def test_the_installed_command_explains_itself_from_any_folder(ventanilla: str, tmp_path: Path) -> None:
    assert "demo" in run(ventanilla, "--help", cwd=tmp_path).stdout


def test_the_installed_command_writes_a_configuration_with_a_key_of_its_own(ventanilla: str, tmp_path: Path) -> None:
    run(ventanilla, "init", cwd=tmp_path)
    written = tmp_path / "ventanilla.toml"
    assert written.stat().st_mode & 0o777 == 0o600
    assert "key" in written.read_text()


def test_the_installed_command_grades_a_text(ventanilla: str, tmp_path: Path) -> None:
    line = json.dumps({"subject": "Nadie puede timbrar", "body": "El servicio no responde.", "channel": "email"})
    graded = json.loads(run(ventanilla, "triage", cwd=tmp_path, text=line + "\n").stdout)
    assert graded["severity"] == 3
    assert graded["language"] == "es"

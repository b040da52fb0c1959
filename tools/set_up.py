"""Makes `.venv` from the lock files, and this checkout installed in it.

Runs on the system's Python before anything is installed, so it uses the standard library alone. What is downloaded is
checked against the hashes of the lock files; the checkout itself is installed without the network. A stamp over the
lock files and the project file makes every later run a look at one file.

Usage: python3 -m tools.set_up run|dev
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tools import system_packages

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
PYTHON_MIN = (3, 11)
LOCKS = {
    "run": ("requirements.lock", "requirements-build.lock"),
    "dev": ("requirements-dev.lock",),
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in LOCKS:
        print("usage: python3 -m tools.set_up run|dev", file=sys.stderr)
        return 2
    if sys.version_info < PYTHON_MIN:
        print(
            f"Python {sys.version.split()[0]} is too old: Ventanilla needs 3.11; try make PYTHON=python3.11",
            file=sys.stderr,
        )
        return 1
    kind = arguments[0]
    if is_ready(kind):
        return 0
    print(f"setting up {VENV.name} ({kind})", flush=True)
    try:
        set_up(kind)
    except subprocess.CalledProcessError as failed:
        print(f"set-up failed at: {' '.join(map(str, failed.cmd))}", file=sys.stderr)
        return 1
    return 0


def is_ready(kind: str) -> bool:
    """Tell whether the environment holds what the lock files say. One made for development also serves to run."""
    kinds = ("dev",) if kind == "dev" else ("run", "dev")
    return PYTHON.exists() and any(
        stamp(each).is_file() and stamp(each).read_text() == fingerprint(each) for each in kinds
    )


def set_up(kind: str) -> None:
    make_environment()
    locks = [part for lock in LOCKS[kind] for part in ("--requirement", lock)]
    pip("install", "--require-hashes", *locks)
    # The build back end came with the lock, so this step needs neither the network nor an environment of its own.
    pip("install", "--no-deps", "--no-build-isolation", "--no-index", "--editable", ".")
    stamp(kind).write_text(fingerprint(kind))


def make_environment() -> None:
    if PYTHON.exists() and runs(PYTHON):
        return
    system_packages.ensure_venv_module()
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)


def runs(python: Path) -> bool:
    """Tell whether an environment's interpreter still starts: a moved checkout or an upgraded system breaks it."""
    try:
        return subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def pip(*arguments: str) -> None:
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check")
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    subprocess.run([PYTHON, "-m", "pip", *arguments, *quiet], check=True, cwd=ROOT, env=environment)


def fingerprint(kind: str) -> str:
    """Return a digest over everything the environment is made from, and where it stands."""
    digest = hashlib.sha256(f"{ROOT} {sysconfig.get_python_version()}".encode())
    for name in (*LOCKS[kind], "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def stamp(kind: str) -> Path:
    return VENV / f"{kind}.stamp"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Installs the programs the tests need from Debian's packages: as root, otherwise it says what will be skipped.

Standard library alone: it runs before anything is installed. A program that is there is never touched, and no service
is started: the tests start their own servers.

Usage: python3 -m tools.system_packages
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

POSTGRES_FOLDERS = "/usr/lib/postgresql"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Need:
    """A program, the package that brings it, and what cannot be tested without it."""

    program: str
    package: str
    used_by: str


NEEDS = (
    Need("postgres", "postgresql", "every test on PostgreSQL"),
    Need("postfix", "postfix", "the comparison with Postfix in `make bench`"),
    Need("chromium", "chromium", "how mails and pages look in a browser"),
    Need("strace", "strace", "the test that sees an fsync before the 250"),
)


def main() -> int:
    missing = [need for need in NEEDS if not find(need.program)]
    if not missing:
        return 0
    if may_install():
        print("installing " + " ".join(need.package for need in missing), flush=True)
        if not install(need.package for need in missing):
            return 1
        missing = [need for need in NEEDS if not find(need.program)]
    for need in missing:
        print(f"skipped: {need.used_by}: {need.program} is not installed (as root: apt-get install {need.package})")
    return 1 if missing and may_install() else 0


def find(program: str) -> str | None:
    """Return where a program is, looking also where Debian keeps PostgreSQL's (they are on nobody's PATH)."""
    versions = sorted(Path(POSTGRES_FOLDERS).glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), SYSTEM_PATH, *map(str, versions)])
    return shutil.which(program, path=path)


def may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get", path=SYSTEM_PATH) is not None


def install(packages: Iterable[str]) -> bool:
    """Install packages without a question asked and without starting their services; tell whether it went well."""
    environment = {**os.environ, "PATH": SYSTEM_PATH, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        result = subprocess.run(
            ["apt-get", "-qq", *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            print(f"apt-get {' '.join(command)} failed:\n{result.stdout}", file=sys.stderr)
            return False
    return True


def ensure_venv_module() -> None:
    """Bring `python3 -m venv` to a Debian that ships Python without it; ends the program when it cannot."""
    if importlib.util.find_spec("ensurepip"):
        return
    package = f"python3.{sys.version_info.minor}-venv"
    if not (may_install() and install([package])):
        sys.exit(f"this Python cannot make environments: as root, apt-get install {package}")


if __name__ == "__main__":
    sys.exit(main())

"""Writes the three lock files: exact versions with the hashes of every file, and no registry's address.

`requirements.lock` runs the product, `requirements-build.lock` installs a checkout, `requirements-dev.lock` is both and
what the tests need. Versions change only here, on purpose: read the difference before committing it. The resolver lives
in an environment of its own that is thrown away.
"""

import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = "pyproject.toml"
RESOLVER = "uv>=0.9,<1"
# An editable install needs it; the build back end asks for it only while building (see docs/adr/0003).
EDITABLE = "editables>=0.5"
OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--quiet",
    "--upgrade",
)


def main() -> int:
    build_needs = [*tomllib.loads((ROOT / PROJECT).read_text())["build-system"]["requires"], EDITABLE]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", RESOLVER], check=True)
        resolver = [str(python), "-m", "uv", "pip", "compile", *OPTIONS]
        resolve(resolver, "requirements-dev.lock", PROJECT, "--group=dev")
        held = "--constraint=requirements-dev.lock"
        resolve(resolver, "requirements.lock", PROJECT, held)
        resolve(resolver, "requirements-build.lock", "-", held, wanted="\n".join(build_needs))
    return 0


def resolve(resolver: list[str], lock: str, *arguments: str, wanted: str = "") -> None:
    command = [*resolver, *arguments, f"--output-file={lock}"]
    subprocess.run(command, check=True, cwd=ROOT, input=wanted, text=True, stdout=subprocess.DEVNULL)
    print(f"{lock}: {(ROOT / lock).read_text().count('==')} packages")


if __name__ == "__main__":
    sys.exit(main())

"""Proves the first promise as a stranger would meet it: a fresh clone, a fresh HOME, an empty environment.

`run` starts `make run`, writes a mail over SMTP and waits for its answer in Spanish. `ci` runs `.ci/run` in such a
clone. Both print how long it took. Committed state only: what is not committed is not cloned.

Usage: python -m tools.clean_clone run|ci
"""

import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

from tools.system_packages import SYSTEM_PATH

# done("house.1"): python -m tools.clean_clone run
# done("house.1"): python -m tools.clean_clone ci
# done("house.6"): python -m tools.clean_clone ci
# done("faults.6"): python -m tools.clean_clone ci

ROOT = Path(__file__).resolve().parent.parent
SET_UP_MAX_S = 300.0
FIRST_ANSWER_MAX_S = 60.0
CI_MAX_S = 1200.0
"""The whole run's bound since the faults' floors are in it (faults.6); house.6 asked for fifteen minutes before."""
STOP_MAX_S = 15.0
POLL_S = 0.1
# Words of the Spanish acknowledgement's quote delimiter, which the contract fixes.
SPANISH = "Responda por encima de esta línea"


def main(arguments: list[str]) -> int:
    pieces = {"run": answers_a_mail, "ci": passes_ci}
    if len(arguments) != 1 or arguments[0] not in pieces:
        print("usage: python -m tools.clean_clone run|ci", file=sys.stderr)
        return 2
    with clone() as (tree, environment):
        return pieces[arguments[0]](tree, environment)


@contextmanager
def clone() -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a clone of what is committed, and the environment of somebody who has nothing."""
    with tempfile.TemporaryDirectory(prefix="ventanilla-clone-") as folder:
        tree, home = Path(folder, "ventanilla"), Path(folder, "home")
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(tree)], check=True)
        yield tree, {"HOME": str(home), "PATH": SYSTEM_PATH}


def answers_a_mail(tree: Path, environment: dict[str, str]) -> int:
    http, smtp = free_port(), free_port()
    settings = {"VENTANILLA_HTTP__PORT": str(http), "VENTANILLA_SMTP__PORT": str(smtp)}
    began = time.monotonic()
    with subprocess.Popen(
        ["make", "run"], cwd=tree, env={**environment, **settings}, start_new_session=True
    ) as service:
        try:
            up = wait_for(lambda: is_ready(http), began + SET_UP_MAX_S, service)
            write_mail(smtp)
            answered = wait_for(lambda: is_answered(http), up + FIRST_ANSWER_MAX_S, service)
            os.killpg(service.pid, signal.SIGTERM)
            service.wait(STOP_MAX_S)
        finally:
            if service.poll() is None:
                os.killpg(service.pid, signal.SIGKILL)
    changed = subprocess.run(
        ["git", "status", "--porcelain"], cwd=tree, capture_output=True, text=True, check=True
    ).stdout
    print(
        f"figure: service up {up - began:.1f} s after make run, set-up included; answered {answered - up:.2f} s later"
    )
    if changed:
        print(f"the demo left something in the checkout:\n{changed}")
    return 1 if changed else 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(is_so: Callable[[], bool], end: float, service: subprocess.Popen[bytes]) -> float:
    """Return when it was so. Ends the program when the service ended or time is up."""
    while time.monotonic() < end:
        if is_so():
            return time.monotonic()
        if service.poll() is not None:
            sys.exit(f"make run ended with {service.returncode}")
        time.sleep(POLL_S)
    sys.exit("the service did not get there in time")


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except OSError:  # not yet listening, or an answer that is no 200
        return False


def write_mail(port: int) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Ana Ruiz <ana@cliente.example>", "soporte@ejemplo.mx"
    mail["Subject"], mail["Message-ID"] = "No puedo timbrar", "<clean-clone@cliente.example>"
    mail.set_content("Buenos días: desde las nueve no puedo timbrar facturas. Gracias.")
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as session:
        session.send_message(mail)


def is_answered(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/demo/mails", timeout=5) as answer:
        mails = json.load(answer)
    answers = [mail for mail in mails if mail["in_reply_to"] == "<clean-clone@cliente.example>"]
    return any(SPANISH in mail["text"] and "INC-" in mail["subject"] for mail in answers)


def passes_ci(tree: Path, environment: dict[str, str]) -> int:
    began = time.monotonic()
    command = ["bash", ".ci/run"]
    code = subprocess.run(command, cwd=tree, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
    seconds = time.monotonic() - began
    print(f"figure: make check test from a clean clone: {seconds:.0f} s, exit {code}")
    return 0 if code == 0 and seconds <= CI_MAX_S else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

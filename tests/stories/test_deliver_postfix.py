"""`ventanilla deliver` behind a real Postfix, as its transport pipe(8) calls it: what it takes, what Postfix keeps."""

import json
import shlex
import shutil
import smtplib
import sqlite3
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from benchmarks.postfix import Postfix, PostfixAbsent
from tests.engines import free_port
from tests.stories.nodes import ROOT
from tests.stories.test_same_mail import copy_of
from tools import system_packages

USER = "nobody"
"""pipe(8) runs no program as root."""
MAIN_CF = """\
default_transport = ventanilla
minimal_backoff_time = 1s
"""
MASTER_CF = """\
pickup unix n - n 60 1 pickup
flush unix n - n 1000? 0 flush
ventanilla unix - n n - - pipe
  flags=R user={user} argv={program} --sender ${{sender}} --recipient ${{recipient}}
"""
WITHIN_S = 30.0
LOOK_S = 0.2


def interpreter() -> str:
    """Return a Python that USER may run: ours, else one of the same version on the path of the system's users.

    One that stands in somebody's home is closed to all others.
    """
    system = f"/usr/bin/python3.{sys.version_info.minor}"
    for python in (sys.executable, system):
        command = ["runuser", "-u", USER, "--", python, "-c", ""]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return python
    pytest.skip(f"the user {USER} may run neither {sys.executable} nor {system}")


class Desk:
    """A folder of the user that delivers, with the database in it, and the Postfix before it."""

    def __init__(self, postfix: Postfix) -> None:
        self.postfix = postfix
        self.folder = postfix.folder / "desk"
        self.ledger = self.folder / "ventanilla.db"
        self.folder.mkdir()
        shutil.chown(self.folder, USER)
        program = postfix.folder / "deliver"
        modules = shlex.quote(f"{ROOT}:{sysconfig.get_path('purelib')}")
        program.write_text(
            f"#!/bin/sh\nPYTHONPATH={modules} VENTANILLA_DATABASE__URL=sqlite://{self.ledger} "
            f'exec {shlex.quote(interpreter())} -m ventanilla deliver "$@"\n'
        )
        program.chmod(0o755)
        config = postfix.folder / "config"
        with (config / "main.cf").open("a") as main:
            main.write(MAIN_CF)
        with (config / "master.cf").open("a") as master:
            master.write(MASTER_CF.format(user=USER, program=program))

    def send(self, sender: str, *recipients: str, n: int = 1) -> None:
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=WITHIN_S) as client:
            client.sendmail(sender, recipients, copy_of(n, message_id=f"<{n}@cliente.mx>"))

    def flush(self) -> None:
        """Let Postfix try again what it kept, as its administrator does."""
        config = str(self.postfix.folder / "config")
        subprocess.run([system_packages.find("postqueue"), "-c", config, "-f"], check=True)

    def log(self) -> str:
        return (self.postfix.folder / "log" / "mail.log").read_text()

    def arrivals(self) -> list[tuple[str, str, str]]:
        if not self.ledger.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as ledger:
            try:
                return ledger.execute(
                    "SELECT transport, envelope_from, recipients FROM arrivals ORDER BY id"
                ).fetchall()
            except sqlite3.OperationalError:
                return []  # it is just being made

    def until(self, is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + WITHIN_S
        while not is_so():
            assert time.monotonic() < end, self.log()
            time.sleep(LOOK_S)


@pytest.fixture
def desk() -> Iterator[Desk]:
    try:
        postfix = Postfix(free_port(), free_port())
    except PostfixAbsent as absent:
        pytest.skip(str(absent))
    try:
        one = Desk(postfix)
        postfix.start()
        yield one
    except PostfixAbsent as absent:
        pytest.skip(str(absent))
    finally:
        postfix.stop()


@pytest.mark.done("faults.10")
def test_postfix_hands_over_mail_with_its_envelope_and_bounces_with_none(desk: Desk) -> None:
    desk.send("ana@cliente.mx", "soporte@ejemplo.mx", "soporte+facturas@ejemplo.mx")
    desk.until(lambda: len(desk.arrivals()) == 1)
    desk.send("", "soporte@ejemplo.mx", n=2)
    desk.until(lambda: len(desk.arrivals()) == 2)
    first, second = desk.arrivals()
    assert first[:2] == ("pipe", "ana@cliente.mx")
    assert set(json.loads(first[2])) == {"soporte@ejemplo.mx", "soporte+facturas@ejemplo.mx"}
    assert second == ("pipe", "", '["soporte@ejemplo.mx"]')


@pytest.mark.done("faults.10")
def test_postfix_keeps_a_mail_while_the_database_is_away_and_sends_back_one_that_is_not_the_desks(desk: Desk) -> None:
    desk.folder.chmod(0o500)
    desk.send("ana@cliente.mx", "soporte@ejemplo.mx")
    desk.until(lambda: "status=deferred" in desk.log())
    assert "not stored, try later" in desk.log()
    desk.send("ana@cliente.mx", "otra@ejemplo.mx", n=2)
    desk.until(lambda: "status=bounced" in desk.log())
    assert "no address of this desk" in desk.log()
    desk.folder.chmod(0o700)
    desk.until(lambda: desk.flush() or len(desk.arrivals()) == 1)
    assert desk.arrivals() == [("pipe", "ana@cliente.mx", '["soporte@ejemplo.mx"]')]

"""A Postfix of the benchmark's own, relaying what it is given: the measure of what a mail costs a good mail server.

It lives in a temporary folder with a main.cf and master.cf of its own, on loopback ports, and ends with `stop`. One
that runs on the machine already is never touched. It needs root, as Postfix does.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tools import system_packages

START_TIMEOUT_S = 15.0
POLL_S = 0.05
MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
myhostname = mta.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{relay_port}
disable_dns_lookups = yes
smtpd_peername_lookup = no
message_size_limit = 104857600
alias_maps =
alias_database =
local_recipient_maps =
"""
MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class PostfixAbsent(Exception):
    """No Postfix can be started here; the text says why."""


class Postfix:
    """One instance. `start` returns when it takes mail; `pid` is the master's."""

    def __init__(self, port: int, relay_port: int) -> None:
        """Raises PostfixAbsent."""
        program = system_packages.find("postfix")
        if program is None:
            raise PostfixAbsent("Postfix is not installed (as root: apt-get install postfix)")
        if os.geteuid() != 0:
            raise PostfixAbsent("Postfix starts as root only")
        self._program = program
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="ventanilla-postfix-"))
        self.folder.chmod(0o755)
        self.pid = 0
        self._write(relay_port)

    def _write(self, relay_port: int) -> None:
        for name in ("config", "queue", "data", "log"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix", "postfix")
        values = {"folder": self.folder, "port": self.port, "relay_port": relay_port}
        (self.folder / "config" / "main.cf").write_text(MAIN_CF.format(**values))
        (self.folder / "config" / "master.cf").write_text(MASTER_CF.format(**values))

    def start(self) -> None:
        """Start it. Raises PostfixAbsent with what it said when it does not come up."""
        said = self._run("start")
        end = time.monotonic() + START_TIMEOUT_S
        place = self.folder / "queue" / "pid" / "master.pid"
        while time.monotonic() < end:
            if place.exists() and place.read_text().strip():
                self.pid = int(place.read_text())
                return
            time.sleep(POLL_S)
        self.stop()
        raise PostfixAbsent(f"Postfix does not start: {said[-500:]}")

    def stop(self) -> None:
        self._run("stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, order: str) -> str:
        command = [self._program, "-c", str(self.folder / "config"), order]
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        return result.stdout

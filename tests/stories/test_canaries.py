"""Canaries: no password, key, token, PIN, address or word of a mail leaves a node by its log, its figures or a refusal.

A real node at log level debug goes through what works and what fails; then everything it said is searched.
"""

import asyncio
import base64
import json
import os
import re
import signal
import smtplib
import subprocess
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from desk.ledger.store import sqlite_path
from desk.rules.addresses import Signer
from desk.rules.numbers import id_of
from tests.channels.fake_relay import FakeRelay, fake_relay
from tests.engines import PostgresServer
from tests.faults.nodes import descendants
from tests.stories.house import DESK, KEY, submit, written
from tests.stories.nodes import UNBOUNDED, RealNode, real_nodes
from tests.stories.test_move import change

pytestmark = pytest.mark.anyio

RELAY = ("mesa-relevo", "canario-del-relevo")
ACCOUNT = ("programa@cliente.example", "canario-de-la-cuenta")
EVA = "eva@canario.example"
OLD_KEY = "canario: a former key of thirty-two letters"
DATABASE = "canario-de-la-base"
TYPED = "canario-mal-tecleado"
BODY = "canarioverde"
SUBJECT = "canarioazul"
NAME = "canarioquiroga"
POISON = "canariorojo"
"""In a mail that the database refuses to take."""
LATER_S = 60.0
LOOK_S = 0.05
CONTENT_OF_A_DSN = "Content-Type: text/plain\r\nSubject: Undelivered\r\nFrom: <>\r\nMessage-ID: <dsn@otro.mx>\r\n\r\n"


@dataclass
class Guarded(RealNode):
    """A node with every secret that a configuration holds. `replies` is all that it said by SMTP and HTTP."""

    replies: list[str] = field(default_factory=list)

    def _launch(self) -> subprocess.Popen[bytes]:
        text = self.config.read_text()
        login = f'username = "{RELAY[0]}"\npassword = "{RELAY[1]}"\n'
        for section, lines in {"[secrets]\n": f'previous = ["{OLD_KEY}"]\n', "[relay]\n": login}.items():
            text = text.replace(section, section + lines)
        self.config.write_text(text)
        return super()._launch()

    async def until(self, event: str, count: int = 1) -> None:
        async with asyncio.timeout(LATER_S):
            while len(self.said(event)) < count:
                await asyncio.sleep(LOOK_S)

    async def get(self, path: str) -> None:
        self.replies.append(await asyncio.to_thread(_get, f"http://127.0.0.1:{self.http}{path}"))

    async def say_http(self, request: bytes) -> None:
        """Send bytes that are no sound request; the library's 400 tells its sender which ones, and nobody else."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.http)
        writer.write(request)
        assert b" 400 " in await asyncio.wait_for(reader.read(), LATER_S)
        writer.close()

    async def converse(self, *lines: str) -> None:
        """Say lines by SMTP, each after the reply to the one before."""
        self.replies += await asyncio.to_thread(_converse, self.smtp, lines)

    async def look(self) -> None:
        for path in ("/metrics", "/healthz", "/readyz"):
            await self.get(path)


def _get(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=LATER_S) as reply:
            return str(reply.read().decode())
    except urllib.error.HTTPError as refused:
        return f"{refused.headers}{refused.read().decode()}"


def _converse(port: int, lines: tuple[str, ...]) -> list[str]:
    with smtplib.SMTP("127.0.0.1", port, timeout=LATER_S) as client:
        return [repr(client.docmd(line)) for line in lines]


def login(password: str) -> str:
    return "AUTH PLAIN " + base64.b64encode(f"\0{ACCOUNT[0]}\0{password}".encode()).decode()


def of_eva(name: str, more: str = "") -> EmailMessage:
    return written(
        f"Dice {BODY} y se cierra. {more}",
        subject=f"No abre {SUBJECT}",
        sender=f"Eva {NAME} <{EVA}>",
        message_id=f"<{name}@canario.example>",
    )


async def hand_in(node: Guarded, name: str, more: str = "") -> None:
    await asyncio.to_thread(submit, node.smtp, EVA, DESK, of_eva(name, more).as_bytes(policy=policy.SMTP))


@dataclass(frozen=True)
class Signs:
    """What only Eva may know: by her answer."""

    tokens: tuple[str, ...]
    page: str
    pin: str


def signs_in(mails: list[bytes], heard: list[str]) -> Signs:
    """Read tokens, link and PIN out of what the relay was given."""
    text = b"\n".join(mails).replace(b"=\r\n", b"").decode()
    replies = re.findall(r"soporte\+\d+\.([0-9a-z]{20,})@", text)
    bounces = re.findall(r"soporte\+b\.\d+\.([0-9a-z]{20,})@", "\n".join(heard))
    ((page, number),) = {(found[0], found[1]) for found in re.findall(r"(/i/((?:\d+))\.[0-9a-z.]+)", text)}
    incident = id_of(f"INC-{number}")
    assert replies
    assert bounces
    assert incident is not None
    return Signs(
        (*set(replies), *set(bounces), page.rpartition(".")[2]), page, Signer((KEY.encode(),), DESK).pin(incident)
    )


MORE = f"""{UNBOUNDED}[log]
level = "debug"
[[smtp.accounts]]
username = "{ACCOUNT[0]}"
password = "{ACCOUNT[1]}"
"""


def with_password(url: str) -> str:
    """Return the URL of a database with a password in it, where one can be: this server asks for none."""
    return url if sqlite_path(url) is not None else url.replace("@", f":{DATABASE}@", 1)


async def refuse_to_take(url: str) -> None:
    """Have the database refuse a message by its words; PostgreSQL quotes the whole row (`Failing row contains`)."""
    if sqlite_path(url) is None:
        await change(url, f"ALTER TABLE messages ADD CHECK (text NOT LIKE '%{POISON}%')")
        return
    await change(
        url,
        f"CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN NEW.text LIKE '%{POISON}%' "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END",
    )


@asynccontextmanager
async def database_away(url: str, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Have the disk full for what comes in, or stop the server, while the block runs."""
    if sqlite_path(url) is not None:
        full = "SELECT RAISE(ABORT, 'database or disk is full')"
        await change(url, f"CREATE TRIGGER away BEFORE INSERT ON arrivals BEGIN {full}; END")
        yield
        await change(url, "DROP TRIGGER away")
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    await asyncio.to_thread(server.halt)
    try:
        yield
    finally:
        server.start()  # in this thread: the server ends with the one that started it


async def logins(node: Guarded, sink: FakeRelay) -> None:
    """Log in rightly and wrongly, at the desk and at the relay, which says back what it was sent."""
    await node.converse("EHLO eva.test", login(ACCOUNT[1]), f"MAIL FROM:<{ACCOUNT[0]}>", f"RCPT TO:<{DESK}>", "RSET")
    await node.converse("EHLO eva.test", login(TYPED), "AUTH PLAIN =", f"VRFY {EVA}")
    await node.until("login_refused")
    sent = base64.b64encode("\0".join(("", *RELAY)).encode()).decode()
    sink.replies["AUTH"] = f"535 5.7.8 {RELAY[1]} is wrong: {sent}"
    sink.drop_all()
    await hand_in(node, "e2")
    await node.until("relay_not_reached")
    await node.look()
    del sink.replies["AUTH"]


async def wrong_tokens(node: Guarded, signs: Signs) -> None:
    """Come by addresses and links that are nearly right, and ask with bytes that are no request."""
    for token in signs.tokens:
        wrong = ("a" if token[-1] != "a" else "b").join((token[:-1], ""))
        await node.converse(
            "EHLO otro.test", "MAIL FROM:<>", f"RCPT TO:<soporte+b.1.{wrong}@ejemplo.mx>", f"RCPT TO:<{token}@otro.mx>"
        )
        await node.get(f"/i/{wrong}")
    wrong_bounce = f"soporte+b.1.{signs.tokens[0][:-1]}7@ejemplo.mx"
    await asyncio.to_thread(submit, node.smtp, "", wrong_bounce, f"{CONTENT_OF_A_DSN}{BODY}\r\n".encode())
    await node.until("mail_kept")
    await node.get(f"{signs.page[:-1]}{'a' if signs.page[-1] != 'a' else 'b'}")
    await node.get("/i/" + "x" * 5000)
    await node.say_http(f"GET {signs.page} HTTP/1.1\r\nHost: x\r\nBad Header {signs.page}: {BODY}\r\n\r\n".encode())
    await node.say_http(f"{signs.page} {BODY}\r\n\r\n".encode())


async def reader_killed(node: Guarded) -> None:
    """Stop the reader, have it handed a mail, kill it."""
    assert node.process is not None
    mails = 0
    async with asyncio.timeout(LATER_S):
        while not node.said("reader_failed"):
            readers = [one for child in descendants(node.process.pid) for one in descendants(child)]
            for one in readers:
                os.kill(one, signal.SIGSTOP)
            mails += 1
            stored = len(node.said("arrival_stored"))
            await hand_in(node, f"r{mails}")
            await node.until("arrival_stored", stored + 1)
            await node.get("/metrics")  # a turn of the node's loop: the mail is on its way
            for one in readers:
                os.kill(one, signal.SIGKILL)
            await node.until("incident_opened", len(node.said("incident_opened")) + (not node.said("reader_failed")))


async def act_failing(node: Guarded, url: str) -> None:
    await refuse_to_take(url)
    await hand_in(node, "p1", POISON)
    await node.until("act_failed")
    await node.look()


def found_in(text: str, secrets: dict[str, str]) -> list[str]:
    lower = text.lower()
    return [name for name, secret in secrets.items() if secret.lower() in lower]


def without_numbers(log: str) -> str:
    """Return a log without the figures in which any four digits may stand."""
    return re.sub(r'"(at|pid|size|port|smtp|http|node|arrival)":("[^"]*"|\d+)', "", log)


@pytest.mark.done("faults.8")
async def test_no_secret_and_no_word_of_a_mail_stands_in_what_a_node_says(
    engine_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    sink = FakeRelay(offers=["AUTH PLAIN LOGIN", "8BITMIME"], login=RELAY)
    url = with_password(engine_url)
    async with fake_relay(sink), real_nodes(node := Guarded(tmp_path, url, sink.port, more=MORE)):
        await hand_in(node, "e1")
        await node.until("delivery_sent", 2)
        signs = signs_in(sink.mails, sink.heard)
        await node.look()
        await logins(node, sink)
        await wrong_tokens(node, signs)
        await reader_killed(node)
        async with database_away(engine_url, request):
            await node.converse("EHLO a.test", f"MAIL FROM:<{EVA}>", f"RCPT TO:<{DESK}>")
            with pytest.raises(smtplib.SMTPDataError) as refused:
                await hand_in(node, "e7")
            node.replies.append(str(refused.value))
            await node.look()
        await hand_in(node, "e8")
        await act_failing(node, engine_url)
        assert await node.term() == 0
    log, said = node.log.read_text(), "\n".join(node.replies)
    secrets = {
        "key": KEY, "old key": OLD_KEY, "database": DATABASE, "relay": RELAY[1], "account": ACCOUNT[1], "typed": TYPED,
        "body": BODY, "subject": SUBJECT, "name": NAME, "address": EVA, "poison": POISON,
        "relay in base64": base64.b64encode(RELAY[1].encode()).decode()[2:-4],
        "relay as sent": base64.b64encode("\0".join(("", *RELAY)).encode()).decode()[-12:-4],
        **{f"token {n}": token for n, token in enumerate(signs.tokens)},
    }  # fmt: skip
    assert found_in(log, secrets) == []
    assert found_in(said, secrets) == []
    assert re.findall(rf"(?<!\d){signs.pin}(?!\d)", without_numbers(log) + said) == []
    assert {"login_refused", "relay_not_reached", "reader_failed", "act_failed", "batch_isolated"} <= events_of(log)
    assert "535" in said
    assert "451" in said
    assert "ventanilla_mails_accepted_total" in said


def events_of(log: str) -> set[str]:
    return {json.loads(line)["event"] for line in log.splitlines()}

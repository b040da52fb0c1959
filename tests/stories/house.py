"""The house for stories: a node in this process on a real database, a relay, a client that speaks SMTP.

Whatever is logged as ERROR fails the story, unless the story names it in `expects`.
"""

import asyncio
import json
import re
import smtplib
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from functools import cache
from typing import Any

import structlog

from desk.ledger.statements import Run, Steps
from desk.rules.numbers import id_of
from desk.wording.wording import Wording
from tests.engines import free_port
from tests.ledger.desks import SetClock
from tests.relay import Relay, Taken, relay
from ventanilla import wiring
from ventanilla.settings import Settings, load
from ventanilla.wiring import Node, Start, node

TUESDAY_NOON = datetime(2026, 11, 24, 18, 0, 30, tzinfo=UTC)
"""12:00:30 in Mexico City, a working day."""
KEY = "a key of tests, thirty-two letters or more"
DESK = "soporte@ejemplo.mx"
ANA = "ana@cliente.mx"
FIRST_CONSULTANT = "asesor1@ejemplo.mx"
"""Who has the desk's first incident, by the shipped roster."""


@dataclass
class House:
    """What a story acts on and looks at."""

    relay: Relay
    node: Node
    clock: SetClock
    port: int
    http_port: int
    events: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, mail: EmailMessage | bytes, *, sender: str = ANA, to: str = DESK) -> None:
        """Hand a mail in by SMTP; returns after the 250."""
        content = mail if isinstance(mail, bytes) else mail.as_bytes(policy=policy.SMTP)
        await asyncio.to_thread(submit, self.port, sender, to, content)

    async def take(self, mail: EmailMessage | bytes, *, sender: str = ANA, to: str = DESK) -> None:
        """Hand a mail in and wait until everything it causes has happened."""
        await self.send(mail, sender=sender, to=to)
        await self.settle()

    async def settle(self, within_s: float = 10) -> None:
        """Wait until nothing accepted waits for its act and no attempt is under way."""
        async with asyncio.timeout(within_s):
            while not (self.node.ingest.is_idle and self.node.outbox.is_idle):
                await asyncio.sleep(0.005)

    async def jump(self, by: timedelta) -> None:
        """Let time pass, and everything fall due that does."""
        self.clock.advance(by)
        await self.node.due.look()
        await self.settle()

    async def rows(self, sql: str, *parameters: object) -> list[Any]:
        """Return rows of the ledger."""
        return await self.node.commit.store.read(_rows(sql, parameters))

    async def count(self, sql: str, *parameters: object) -> int:
        rows = await self.rows(sql, *parameters)
        return int(rows[0][0])

    async def incidents(self) -> list[int]:
        """Return the ids of all incidents, the oldest first."""
        return [row[0] for row in await self.rows("SELECT id FROM incidents ORDER BY id")]

    async def incident(self) -> int:
        """Return the id of the only incident there is."""
        (one,) = await self.incidents()
        return int(one)

    async def mentions(self, incident: int) -> list[int]:
        (row,) = await self.rows("SELECT mentions FROM incidents WHERE id = ?", incident)
        return list(json.loads(row[0]))

    async def timeline(self, incident: int) -> list[str]:
        """Return the kinds of an incident's events in order."""
        rows = await self.rows("SELECT kind FROM events WHERE incident_id = ? ORDER BY version, n", incident)
        return [row[0] for row in rows]

    async def held(self) -> list[str]:
        """Return the reasons of all held items, the oldest first."""
        return [row[0] for row in await self.rows("SELECT reason FROM held ORDER BY id")]

    def said(self, event: str) -> list[dict[str, Any]]:
        """Return the log's lines of an event."""
        return [line for line in self.events if line["event"] == event]

    def answer_to(self, address: str = ANA) -> Taken:
        """Return the only mail an address was sent."""
        (one,) = self.relay.to(address)
        return one


def number_in(taken: Taken) -> str:
    """Return the incident number in a mail's subject; its check digit is right."""
    found = re.search(r"INC-\d+", str(taken.mail["Subject"]))
    assert found is not None, taken.mail["Subject"]
    assert id_of(found[0]) is not None, found[0]
    return found[0]


def reply_address(taken: Taken) -> str:
    """Return the signed address an answer to a mail goes to."""
    (address,) = taken.mail["Reply-To"].addresses
    return str(address.addr_spec)


def reply_to(taken: Taken, text: str, *, sender: str, message_id: str, subject: str = "", **headers: str) -> bytes:
    """Return the answer that a mail program makes of a mail: its address, its subject, its quote, its thread."""
    quote = "\n".join(f"> {line}" for line in taken.text.splitlines())
    mail = written(
        f"{text}\n\nEl mar, 24 nov 2026 a las 12:00, Mesa de Servicio escribió:\n{quote}\n",
        subject=subject or f"Re: {taken.mail['Subject']}",
        sender=sender,
        message_id=message_id,
        to=reply_address(taken),
        **{"In_Reply_To": str(taken.mail["Message-ID"]), "References": str(taken.mail["Message-ID"]), **headers},
    )
    return mail.as_bytes(policy=policy.SMTP)


def _rows(sql: str, parameters: tuple[object, ...]) -> Steps[list[Any]]:
    return (yield Run(sql, parameters))


def submit(port: int, sender: str, to: str, content: bytes) -> None:
    """One mail over SMTP, by the standard library's client."""
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.sendmail(sender, [to], content)


def submit_raw(port: int, sender: str, to: str, stuffed: bytes) -> str:
    """One mail over SMTP, its content written as it is, and the reply to it. `stuffed` ends in CR LF . CR LF."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client, client.makefile("rb") as replies:
        commands = (b"", b"EHLO client.test\r\n", b"MAIL FROM:<%s> BODY=8BITMIME\r\n" % sender.encode())
        for command in (*commands, b"RCPT TO:<%s>\r\n" % to.encode(), b"DATA\r\n", stuffed):
            client.sendall(command)
            while (reply := replies.readline())[3:4] == b"-":
                pass
        return reply.decode().strip()


def written(
    text: str = "Buenos días, ¿cómo descargo mi factura de octubre?",
    *,
    subject: str = "Duda",
    sender: str = "Ana Ruiz <ana@cliente.mx>",
    message_id: str = "<m1@cliente.mx>",
    to: str = DESK,
    **headers: str,
) -> EmailMessage:
    """A mail as a person's program writes it. `headers` have _ for -."""
    mail = EmailMessage()
    if sender:
        mail["From"] = sender
    mail["To"] = to
    mail["Subject"] = subject
    mail["Date"] = "Tue, 24 Nov 2026 12:00:00 -0600"
    if message_id:
        mail["Message-ID"] = message_id
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail


def settings_of(url: str, ports: Mapping[str, int], more: Mapping[str, str] | None = None) -> Any:
    """The shipped configuration on loopback ports and a given database."""
    return load(None, environment(url, ports, more))


def environment(url: str, ports: Mapping[str, int], more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that lay loopback ports and a database over the shipped configuration.

    Stories write many mails from one address in one minute: what an address may be sent is not bounded unless asked.
    """
    return {
        "VENTANILLA_DATABASE__URL": url,
        "VENTANILLA_SECRETS__KEY": KEY,
        "VENTANILLA_ANSWERS__PER_ADDRESS_PER_HOUR": "0",
        "VENTANILLA_ANSWERS__PER_ADDRESS_PER_DAY": "0",
        **{f"VENTANILLA_{name.upper()}__PORT": str(port) for name, port in ports.items()},
        **(more or {}),
    }


@cache
def _shipped_words(language: str, timezone: str) -> Wording:
    shipped = settings_of("sqlite://unused", {}, {"VENTANILLA_DESK__LANGUAGE": language})
    return check_words(replace(shipped, desk=replace(shipped.desk, timezone=timezone)))


def words_checked_once(settings: Settings) -> Wording:
    """The shipped words, checked by the first house alone: every start of a real node checks them again (0.35 s)."""
    if settings.desk.templates:
        return check_words(settings)
    return _shipped_words(settings.desk.language, settings.desk.timezone)


check_words = wiring.checked_wording
wiring.checked_wording = words_checked_once


@asynccontextmanager
async def house(
    url: str,
    *,
    workers: int = 0,
    expects_errors: bool = False,
    expects: Iterable[str] = (),
    more: Mapping[str, str] | None = None,
    clock: SetClock | None = None,
    relay_of: Relay | None = None,
) -> AsyncIterator[House]:
    """A standing house; drained when the block ends.

    `expects` names the events that may be logged as errors. `clock` and `relay_of` are those of another house before
    it, for stories of a restart.
    """
    events: list[dict[str, Any]] = []
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, _keeping(events)])
    clock = clock or SetClock(TUESDAY_NOON)
    try:
        async with _relay(relay_of) as sink:
            ports = {"smtp": free_port(), "http": free_port(), "relay": sink.port}
            async with node(settings_of(url, ports, more), clock, Start(workers=workers)) as standing:
                one = House(sink, standing, clock, ports["smtp"], ports["http"], events)
                yield one
                await one.settle()
    finally:
        structlog.reset_defaults()
    errors = [event for event in events if event["level"] in ("error", "critical")]
    unexpected = [event for event in errors if event["event"] not in set(expects)]
    assert expects_errors or not unexpected, unexpected


@asynccontextmanager
async def _relay(standing: Relay | None) -> AsyncIterator[Relay]:
    if standing is not None:
        yield standing
        return
    async with relay() as one:
        yield one


def _keeping(events: list[dict[str, Any]]) -> Any:
    def keep(_logger: Any, level: str, event: dict[str, Any]) -> dict[str, Any]:
        events.append({**event, "level": "error" if level == "exception" else level})
        raise structlog.DropEvent

    return keep

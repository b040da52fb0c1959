"""The house for stories: a node in this process on a real database, a relay, a client that speaks SMTP.

Whatever is logged as ERROR fails the story, unless the story expects it.
"""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from typing import Any

import structlog

from desk.ledger.statements import Run, Steps
from tests.engines import free_port
from tests.ledger.desks import SetClock
from tests.relay import Relay, relay
from ventanilla.settings import load
from ventanilla.wiring import Node, Start, node

TUESDAY_NOON = datetime(2026, 11, 24, 18, 0, 30, tzinfo=UTC)
"""12:00:30 in Mexico City, a working day."""
KEY = "a key of tests, thirty-two letters or more"


@dataclass
class House:
    """What a story acts on and looks at."""

    relay: Relay
    node: Node
    clock: SetClock
    port: int
    http_port: int
    events: list[dict[str, Any]] = field(default_factory=list)

    async def send(
        self, mail: EmailMessage | bytes, *, sender: str = "ana@cliente.mx", to: str = "soporte@ejemplo.mx"
    ) -> None:
        """Hand a mail in by SMTP; returns after the 250."""
        content = mail if isinstance(mail, bytes) else mail.as_bytes(policy=policy.SMTP)
        await asyncio.to_thread(submit, self.port, sender, to, content)

    async def settle(self, within_s: float = 10) -> None:
        """Wait until nothing accepted waits for its act and no attempt is under way."""
        async with asyncio.timeout(within_s):
            while not (self.node.ingest.is_idle and self.node.outbox.is_idle):
                await asyncio.sleep(0.005)

    async def rows(self, sql: str, *parameters: object) -> list[Any]:
        """Return rows of the ledger."""
        return await self.node.commit.store.read(_rows(sql, parameters))

    async def count(self, sql: str, *parameters: object) -> int:
        rows = await self.rows(sql, *parameters)
        return int(rows[0][0])


def _rows(sql: str, parameters: tuple[object, ...]) -> Steps[list[Any]]:
    return (yield Run(sql, parameters))


def submit(port: int, sender: str, to: str, content: bytes) -> None:
    """One mail over SMTP, by the standard library's client."""
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.sendmail(sender, [to], content)


def written(
    text: str = "Buenos días, ¿cómo descargo mi factura de octubre?",
    *,
    subject: str = "Duda",
    sender: str = "Ana Ruiz <ana@cliente.mx>",
    message_id: str = "<m1@cliente.mx>",
    **headers: str,
) -> EmailMessage:
    """A mail as a person's program writes it. `headers` have _ for -."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = "soporte@ejemplo.mx"
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
    environ = {
        "VENTANILLA_DATABASE__URL": url,
        "VENTANILLA_SECRETS__KEY": KEY,
        **{f"VENTANILLA_{name.upper()}__PORT": str(port) for name, port in ports.items()},
        **(more or {}),
    }
    return load(None, environ)


@asynccontextmanager
async def house(
    url: str, *, workers: int = 0, expects_errors: bool = False, more: Mapping[str, str] | None = None
) -> AsyncIterator[House]:
    """A standing house; drained when the block ends."""
    events: list[dict[str, Any]] = []
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, _keeping(events)])
    clock = SetClock(TUESDAY_NOON)
    try:
        async with relay() as sink:
            ports = {"smtp": free_port(), "http": free_port(), "relay": sink.port}
            async with node(settings_of(url, ports, more), clock, Start(workers=workers)) as standing:
                one = House(sink, standing, clock, ports["smtp"], ports["http"], events)
                yield one
                await one.settle()
    finally:
        structlog.reset_defaults()
    errors = [event for event in events if event["level"] in ("error", "critical")]
    assert expects_errors or not errors, errors


def _keeping(events: list[dict[str, Any]]) -> Any:
    def keep(_logger: Any, level: str, event: dict[str, Any]) -> dict[str, Any]:
        events.append({**event, "level": "error" if level == "exception" else level})
        raise structlog.DropEvent

    return keep

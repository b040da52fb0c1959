"""Helpers of the tests that talk SMTP: a listener on a free port and a client that speaks in raw bytes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from desk.base.message import Delivery
from intake.email.limits import is_loopback
from intake.email.settings import SmtpSettings
from intake.email.smtp import SmtpListener

PATIENCE_S = 10.0
OURS = ("soporte@ejemplo.mx",)


class Store:
    """Keeps what the listener hands on; a test may make it wait, or fail with an error."""

    def __init__(self) -> None:
        self.kept: list[Delivery] = []
        self.may_finish = asyncio.Event()
        self.may_finish.set()
        self.has_begun = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self, delivery: Delivery) -> None:
        self.has_begun.set()
        await self.may_finish.wait()
        if self.error is not None:
            raise self.error
        self.kept.append(delivery)


class Door:
    """A listener that stands, with its store and the clients that came."""

    def __init__(self, listener: SmtpListener, store: Store) -> None:
        self.listener = listener
        self.store = store
        self.clients: list[Client] = []

    async def knock(self) -> "Client":
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        self.clients.append(Client(reader, writer))
        return self.clients[-1]

    async def until_sessions(self, count: int) -> None:
        """Let the loop turn until so many sessions are open."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.listener.sessions) != count:
                await asyncio.sleep(0)


class Client:
    """One raw connection. `say` sends a line and returns the reply, `hear` reads one reply of any number of lines."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), PATIENCE_S)

    async def hear_line(self) -> str:
        return (await asyncio.wait_for(self.reader.readline(), PATIENCE_S)).decode()

    async def hear(self) -> str:
        lines = []
        while True:
            line = await self.hear_line()
            lines.append(line.rstrip("\r\n"))
            if line[3:4] != "-":
                return "\n".join(lines)

    async def say(self, line: str) -> str:
        await self.send(line.encode() + b"\r\n")
        return await self.hear()

    async def greet(self) -> str:
        await self.hear()
        return await self.say("EHLO cliente.example")

    async def envelope(self, sender: str = "ana@cliente.example", recipient: str = "soporte@ejemplo.mx") -> None:
        """Come as far as the 354."""
        assert (await self.say(f"MAIL FROM:<{sender}>")).startswith("250")
        assert (await self.say(f"RCPT TO:<{recipient}>")).startswith("250")
        assert (await self.say("DATA")).startswith("354")

    async def hear_all(self) -> bytes:
        """Read until the server closes."""
        return await asyncio.wait_for(self.reader.read(), PATIENCE_S)

    async def hear_rest(self) -> bytes:
        """Read until the end, however it comes: a cut with bytes unread makes TCP reset, and nothing is heard."""
        try:
            return await self.hear_all()
        except ConnectionError:
            return b""

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):  # the server may have cut it first
            await asyncio.wait_for(self.writer.wait_closed(), PATIENCE_S)


def is_ours(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}".lower() in OURS


@asynccontextmanager
async def open_door(
    is_exempt: Callable[[str], bool] = is_loopback,
    bind_port: int = 0,
    *,
    kind: type[SmtpListener] = SmtpListener,
    tls: ssl.SSLContext | None = None,
    **limits: Any,
) -> AsyncIterator[Door]:
    """A listener with the given limits; at the end it is stopped and nothing of it may be left."""
    store = Store()
    listener = kind(
        SmtpSettings(**limits), is_ours, store, "mail.ejemplo.mx", is_exempt=is_exempt, tls=tls, bind_port=bind_port
    )
    await listener.start()
    door = Door(listener, store)
    try:
        yield door
    finally:
        for client in door.clients:
            await client.close()
        store.may_finish.set()
        await listener.stop(drain_s=1.0)
        assert not listener.sessions
        assert listener.budget.held == 0

"""A relay that tears its connection, hangs or refuses, each once and at a set pass of a step; otherwise it obliges."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from tests.faults.strikes import Fault, Step, Strike
from tests.relay import Relay

HANG_S = 1.5
"""How long it says nothing before its connection goes away; a node waits far longer."""
TORN_S = 5.0
"""A session whose connection was torn is cancelled within this time."""
REFUSED = {Step.BEFORE_DATA: "450 4.2.0 try again later", Step.AFTER_DATA: "451 4.3.0 try again later"}


@dataclass
class UnrulyRelay(Relay):
    """The relay of a plan. `strikes` are due; `struck` is called with each when it strikes."""

    strikes: list[Strike] = field(default_factory=list)
    struck: Callable[[Strike], None] = lambda _strike: None
    _passed: Counter[Step] = field(default_factory=Counter)

    def session(self, loop: asyncio.AbstractEventLoop) -> SMTP:
        return _Session(self, hostname="relay.test", loop=loop, enable_SMTPUTF8=True)

    def due(self, step: Step) -> Strike | None:
        """Count a pass of a step and return what strikes there."""
        self._passed[step] += 1
        for strike in self.strikes:
            if strike.step == step and strike.nth <= self._passed[step]:
                self.strikes.remove(strike)
                self.struck(strike)
                return strike
        return None

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        strike = self.due(Step.BEFORE_DATA)
        if strike is not None:
            return await misbehaved(server, strike)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        strike = self.due(Step.AFTER_DATA)
        if strike is None:
            return await super().handle_DATA(server, session, envelope)
        if strike.fault is not Fault.RELAY_REFUSES:
            await super().handle_DATA(server, session, envelope)  # it has the mail, and does not get to say so
        return await misbehaved(server, strike)


class _Session(SMTP):
    """A session that may tear once the first line of a mail has come."""

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        strike = self.event_handler.due(Step.IN_DATA)
        if strike is None:
            await super().smtp_DATA(arg)
            return
        await self.push("354 go on")
        await self._reader.readline()
        await misbehaved(self, strike)


async def misbehaved(server: SMTP, strike: Strike) -> str:
    """Refuse in words, or let the connection go: at once, or after a silence."""
    if strike.fault is Fault.RELAY_REFUSES:
        return REFUSED[strike.step]
    if strike.fault is Fault.RELAY_HANGS:
        await asyncio.sleep(HANG_S)
    assert isinstance(server.transport, asyncio.WriteTransport)
    server.transport.abort()
    await asyncio.sleep(TORN_S)
    raise AssertionError("a torn session goes on")

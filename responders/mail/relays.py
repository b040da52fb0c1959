"""The relay and its fallback as one way out (CONTRACT 4, `[relay.fallback]`).

Promises: an attempt goes to the first relay while that can be reached, and to the fallback when the first is away or
did not take this mail before its content was said; a first relay that is away is probed, and preferred once it is back.
Never: gives the fallback a mail whose content the first may have, or one that was refused for good.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import structlog

from desk.base.errors import DeliveryLater
from desk.base.trouble import Trouble
from responders.mail.sender import Sender

log = structlog.get_logger()

PROBE_S = (5.0, 30.0)
"""First and longest wait before a first relay that is away is asked again, while the fallback carries."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a relay said when it took a mail, and which one: `relay` or `relay.fallback`."""

    reply: str
    relay: str


class Relays:
    """One or two relays. `send` may be called by any number of tasks; `run` probes the first while it is away."""

    def __init__(self, first: Sender, fallback: Sender | None = None) -> None:
        self.taken: Counter[str] = Counter()
        """Mails taken, by relay."""
        self._first = first
        self._fallback = fallback
        self._is_away = asyncio.Event()

    @property
    def is_on_fallback(self) -> bool:
        """Tell whether the first relay is away and the fallback carries."""
        return self._is_away.is_set()

    def troubles(self, _now: datetime) -> list[Trouble]:
        """Return what is wrong here: that the fallback carries."""
        if not self.is_on_fallback:
            return []
        why = "the relay cannot be reached or turns everybody down; its fallback carries the mails"
        return [Trouble("relay", "fallback", why, "start it, or correct [relay]; it is used again once it is back")]

    async def send(self, envelope_from: str, recipient: str, content: bytes, *, may_have_left: bool = False) -> Taken:
        """Submit one mail by whichever relay takes it.

        `may_have_left` tells that an earlier attempt sent the content: then it is the first relay's alone. Raises what
        `Sender.send` raises; `is_alone` of a DeliveryLater tells that only such a mail must wait.
        """
        if self._fallback is None:
            return await self._by(self._first, envelope_from, recipient, content)
        try:
            return await self._by(self._first, envelope_from, recipient, content)
        except DeliveryLater as later:
            if not later.data_sent and (not later.counts or later.code <= 0):
                self._note_away(later)
            if may_have_left and not later.counts:
                raise DeliveryLater(str(later), code=later.code, counts=False, is_alone=True) from later
            if may_have_left or later.data_sent:
                raise
            refused = later
        # What a relay says of one mail may name whose mailbox it is: that is kept with the mail, not in the log.
        cause = refused.code if refused.counts else str(refused)
        log.info("relay_passed_over", relay=self._first.name, by=self._fallback.name, cause=cause)
        try:
            return await self._by(self._fallback, envelope_from, recipient, content)
        except DeliveryLater as later:
            if refused.counts and not later.counts:
                raise refused from later  # one of the two spoke of this mail: that is an attempt
            raise

    async def run(self) -> None:
        """Probe the first relay whenever it is away, until cancelled."""
        while True:
            await self._is_away.wait()
            wait = PROBE_S[0]
            while self._is_away.is_set():
                await asyncio.sleep(wait)
                await self._probe()
                wait = min(wait * 2, PROBE_S[1])

    async def close(self) -> None:
        """Say goodbye on all idle connections."""
        await self._first.close()
        if self._fallback is not None:
            await self._fallback.close()

    async def _by(self, sender: Sender, envelope_from: str, recipient: str, content: bytes) -> Taken:
        reply = await sender.send(envelope_from, recipient, content)
        self.taken[sender.name] += 1
        return Taken(reply, sender.name)

    async def _probe(self) -> None:
        try:
            await self._first.probe()
        except DeliveryLater as later:
            log.info("relay_not_reached", relay=self._first.name, cause=str(later))
            return
        self._first.is_away = False
        self._is_away.clear()
        log.warning("relay_back", relay=self._first.name)

    def _note_away(self, later: DeliveryLater) -> None:
        if self._is_away.is_set():
            return
        self._first.is_away = True
        self._is_away.set()
        log.warning("relay_away", relay=self._first.name, probe_s=PROBE_S[0], cause=str(later))

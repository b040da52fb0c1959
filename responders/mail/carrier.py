"""Mail as a way out: an owed row becomes bytes, and the bytes go to the relay.

Promises: the same row gives the same bytes at every attempt; few mails with big attachments are in memory at once; a
mail that the relay takes only without its attachments goes without them, and says so. Never: waits for the ledger with
a connection to the relay in hand.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext

from desk.base.errors import DeliveryLater, DeliveryRefused, StoreAway
from desk.base.meter import metered, stage
from desk.rules.decision import Owed
from desk.wording.wording import Wording
from responders.mail.attachments import Carried, Part, carried_of
from responders.mail.compose import MailIdentity, compose
from responders.mail.sender import Sender
from responders.mail.session import TOO_BIG
from responders.outbox import Delivered

Stretch = Callable[[int, int, int], Awaitable[bytes | None]]
"""Gives the bytes of a stored mail from start to before end. Raises StoreAway."""

LIGHT_BYTES_MAX = 256 * 1024
"""Bytes of a stored mail below which any number of attempts may hold them: the outbox bounds those."""
HEAVY_MAX = 2
"""Mails with more that are on their way at once: some three times their bytes each, while the relay takes them."""


class MailCarrier:
    """Composes and submits."""

    def __init__(self, sender: Sender, identity: MailIdentity, wording: Wording, stretch: Stretch) -> None:
        self._sender = sender
        self._identity = identity
        self._wording = wording
        self._stretch = stretch
        self._heavy = asyncio.Semaphore(HEAVY_MAX)

    @metered("submit")
    async def deliver(self, owed: Owed) -> Delivered:
        """Send what is owed. Raises DeliveryLater, DeliveryRefused."""
        carried = carried_of(owed.facts)
        if carried is None:
            return await self._submit(owed)
        async with self._heavy if carried.length > LIGHT_BYTES_MAX else nullcontext():
            parts = await self._parts(carried)
            try:
                return await self._submit(owed, parts)
            except DeliveryRefused as refused:
                if refused.code != TOO_BIG or not parts:
                    raise
            return await self._submit(owed)

    async def _parts(self, carried: Carried) -> Sequence[Part]:
        """Return the attachments; none when the mail they came in is not kept any more."""
        try:
            stretch = await self._stretch(carried.blob, carried.start, carried.end)
        except StoreAway as away:
            raise DeliveryLater(f"the attachments cannot be had now: {away}") from away
        return () if stretch is None else carried.parts(stretch)

    async def _submit(self, owed: Owed, parts: Sequence[Part] = ()) -> Delivered:
        with stage("compose"):
            composed = compose(owed, self._identity, self._wording, parts)
        reply = await self._sender.send(composed.envelope_from, composed.recipient, composed.content)
        return Delivered(reply, self._identity.address, composed.subject, composed.text)

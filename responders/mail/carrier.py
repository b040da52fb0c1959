"""Mail as a way out: an owed row becomes bytes, and the bytes go to the relay.

Promises: the same row gives the same bytes at every attempt; few mails with big attachments are in memory at once; a
mail that the relay takes only without its attachments goes without them, and says so. Never: waits for the ledger with
a connection to the relay in hand.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext

import structlog

from desk.base.errors import DeliveryLater, DeliveryRefused, StoreAway
from desk.base.meter import metered, stage
from desk.rules.decision import Owed
from desk.wording.wording import Wording
from responders.mail.attachments import Carried, Part, carried_of
from responders.mail.compose import MailIdentity, compose
from responders.mail.relays import Relays
from responders.mail.session import speaks_of_content
from responders.outbox import Delivered

log = structlog.get_logger()

Stretch = Callable[[int, int, int], Awaitable[bytes | None]]
"""Gives the bytes of a stored mail from start to before end. Raises StoreAway."""

LIGHT_BYTES_MAX = 256 * 1024
"""Bytes of a stored mail below which any number of attempts may hold them: the outbox bounds those."""
HEAVY_MAX = 2
"""Mails with more that are on their way at once: some three times their bytes each, while the relay takes them."""


class MailCarrier:
    """Composes and submits."""

    def __init__(self, relays: Relays, identity: MailIdentity, wording: Wording, stretch: Stretch) -> None:
        self._relays = relays
        self._identity = identity
        self._wording = wording
        self._stretch = stretch
        self._heavy = asyncio.Semaphore(HEAVY_MAX)

    @metered("submit")
    async def deliver(self, owed: Owed, *, may_have_left: bool) -> Delivered:
        """Send what is owed. Raises DeliveryLater, DeliveryRefused."""
        carried = carried_of(owed.facts)
        if carried is None:
            return await self._submit(owed, may_have_left=may_have_left)
        async with self._heavy if carried.length > LIGHT_BYTES_MAX else nullcontext():
            parts = await self._parts(carried)
            try:
                return await self._submit(owed, parts, may_have_left=may_have_left)
            except DeliveryRefused as refused:
                if not parts or not speaks_of_content(refused):
                    raise
                log.warning("attachments_left_out", parts=len(parts), code=refused.code)
            return await self._submit(owed, may_have_left=may_have_left)

    async def _parts(self, carried: Carried) -> Sequence[Part]:
        """Return the attachments; none when the mail they came in is not kept any more."""
        try:
            stretch = await self._stretch(carried.blob, carried.start, carried.end)
        except StoreAway as away:
            raise DeliveryLater(f"the attachments cannot be had now: {away}") from away
        return () if stretch is None else carried.parts(stretch)

    async def _submit(self, owed: Owed, parts: Sequence[Part] = (), *, may_have_left: bool) -> Delivered:
        with stage("compose"):
            composed = compose(owed, self._identity, self._wording, parts)
        taken = await self._relays.send(
            composed.envelope_from, composed.recipient, composed.content, may_have_left=may_have_left
        )
        return Delivered(taken.reply, self._identity.address, composed.subject, composed.text, taken.relay)

"""Mail as a way out: an owed row becomes bytes, and the bytes go to the relay."""

from desk.base.meter import metered, stage
from desk.rules.decision import Owed
from desk.wording.wording import Wording
from responders.mail.compose import MailIdentity, compose
from responders.mail.sender import Sender
from responders.outbox import Delivered


class MailCarrier:
    """Composes and submits. The same row gives the same bytes at every attempt."""

    def __init__(self, sender: Sender, identity: MailIdentity, wording: Wording) -> None:
        self._sender = sender
        self._identity = identity
        self._wording = wording

    @metered("submit")
    async def deliver(self, owed: Owed) -> Delivered:
        """Send what is owed. Raises DeliveryLater, DeliveryRefused."""
        with stage("compose"):
            composed = compose(owed, self._identity, self._wording)
        reply = await self._sender.send(composed.envelope_from, composed.recipient, composed.content)
        return Delivered(reply, self._identity.address, composed.subject, composed.text)

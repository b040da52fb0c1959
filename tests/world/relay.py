"""The relay of a life: takes, refuses, tears, keeps what it took. It stands where `responders.mail.sender` stands."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from desk.base.errors import DeliveryLater, DeliveryRefused
from tests.world.faults import Fault, Place
from tests.world.process import Process

_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>]+>)", re.MULTILINE)
REPLY = "250 2.0.0 taken"
LEAVES = (None, Fault.SLOW_RELAY, Fault.TORN_IN_DATA)
"""What may strike before the content of a mail, and lets it leave."""


@dataclass(frozen=True)
class Taken:
    """A mail the relay took, from which process and when by the wall clock."""

    at: datetime
    process: Process
    message_id: str
    recipient: str
    content: bytes


class Relay:
    """What stands outside. `may_repeat` counts by Message-ID how often the desk could not know that it was taken."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.may_repeat: Counter[str] = Counter()
        self.first_tried: dict[str, datetime] = {}
        self.first_left: dict[str, datetime] = {}
        """When the content of a mail first left for the relay."""


class WorldSender:
    """A process's way to the relay: the `send` of `responders.mail.sender.Sender`."""

    def __init__(self, relay: Relay, process: Process) -> None:
        self._relay = relay
        self._process = process

    name = "relay"

    async def send(self, _envelope_from: str, recipient: str, content: bytes) -> str:
        """Hand a mail over. Raises DeliveryLater, DeliveryRefused."""
        found = _MESSAGE_ID.search(content)
        assert found is not None, "every mail of ours has a Message-ID"
        message_id = found[1].decode()
        process, now = self._process, self._process.clock.now()
        self._relay.first_tried.setdefault(message_id, now)
        fault = await process.meet(Place.SUBMIT)
        if fault in LEAVES:
            self._relay.first_left.setdefault(message_id, now)
        _raise_for(fault)
        self._relay.taken.append(Taken(process.clock.now(), process, message_id, recipient, content))
        if await process.meet(Place.TAKEN) is Fault.TORN_AFTER_DATA:
            self._relay.may_repeat[message_id] += 1
            raise DeliveryLater("torn", data_sent=True)
        return REPLY


def _raise_for(fault: Fault | None) -> None:
    match fault:
        case Fault.REFUSED_NOW:
            raise DeliveryLater("451 4.7.1 later", code=451)
        case Fault.REFUSED_FOR_GOOD:
            raise DeliveryRefused("550 5.1.1 no such user", code=550)
        case Fault.RELAY_AWAY:
            raise DeliveryLater("cannot be reached", counts=False)
        case Fault.TORN_BEFORE_DATA:
            raise DeliveryLater("torn")
        case Fault.TORN_IN_DATA:
            raise DeliveryLater("torn", data_sent=True)

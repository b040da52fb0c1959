"""What of ours a mail answers (DESIGN 7, Whose it is): from envelope and bounded header block alone, before it is read.

Sought in this order: signed addresses in envelope, X-Original-To, Delivered-To, To and Cc; signed Message-IDs in
In-Reply-To and References; the Message-ID of any message of the ledger; the number in the subject. Whether the sender
may join is for the rules.
"""

from dataclasses import dataclass

from desk.base.message import Message, Parent
from desk.base.names import MessageKind, ThreadBy
from desk.ledger import load
from desk.ledger.load import KnownMessage
from desk.ledger.statements import Steps
from desk.rules.addresses import BadSignature, SignedAddress, Signer
from desk.rules.mail import NO_THREAD, Thread
from desk.rules.numbers import numbers_in
from intake.email.reading.headers import HeaderBlock


@dataclass(frozen=True, slots=True)
class Found:
    """The thread of a mail and the texts of ours that it answers, the nearest first."""

    thread: Thread
    parents: tuple[Parent, ...] = ()


NOTHING = Found(NO_THREAD)


def find(signer: Signer, recipients: tuple[str, ...], block: HeaderBlock) -> Steps[Found]:
    """Load the thread that envelope and headers name. A mail that names nothing of ours asks the database nothing."""
    addresses = tuple(dict.fromkeys((*recipients, *block.recipients)))
    bounce_of = _bounce(signer, addresses)
    signed = _signed(signer, addresses)
    known = (yield from load.messages_by_id(block.answered)) if block.answered else []
    parents = load.parents_of(known)
    if isinstance(bounce_of, int):
        incident = yield from load.owed_incident(bounce_of)
        return Found(Thread(incident=incident, by=ThreadBy.SIGNED_ADDRESS, bounce_of=bounce_of), parents)
    is_forged = bounce_of is not None or isinstance(signed, BadSignature)
    numbers = numbers_in(block.subject)
    by_id = _by_message_id(signer, block, known)
    if isinstance(signed, SignedAddress):
        is_reply = by_id.incident == signed.incident or signed.incident in numbers
        return Found(Thread(signed.incident, ThreadBy.SIGNED_ADDRESS, signed.person, is_reply), parents)
    if by_id.incident is not None:
        return Found(Thread(by_id.incident, by_id.by, is_reply=True, is_forged=is_forged), parents)
    if numbers:
        return Found(Thread(numbers[0], ThreadBy.NUMBER, is_reply=True, is_forged=is_forged), parents)
    return Found(Thread(is_forged=is_forged), parents) if is_forged or parents else NOTHING


def of_bounce(signer: Signer, found: Thread, message: Message) -> Thread:
    """Return the thread of a bounce that came to no bounce address: by the mail of ours that it brings back.

    What names something already, or forges it, stays as it was found.
    """
    if message.kind is not MessageKind.BOUNCE or found.incident is not None or found.is_forged:
        return found
    incidents = (signer.read_message_id(message_id) for message_id in message.returned_message_ids)
    return next((Thread(one, ThreadBy.SIGNED_MESSAGE_ID, is_reply=True) for one in incidents if one), found)


def _signed(signer: Signer, addresses: tuple[str, ...]) -> SignedAddress | BadSignature | None:
    """Return the first address with a right token; else the first whose token is wrong."""
    read = [found for address in addresses if (found := signer.read_address(address)) is not None]
    return next((one for one in read if isinstance(one, SignedAddress)), read[0] if read else None)


def _bounce(signer: Signer, addresses: tuple[str, ...]) -> int | BadSignature | None:
    read = [found for address in addresses if (found := signer.read_bounce(address)) is not None]
    return next((one for one in read if isinstance(one, int)), read[0] if read else None)


def _by_message_id(signer: Signer, block: HeaderBlock, known: list[KnownMessage]) -> Thread:
    for message_id in block.answered:
        incident = signer.read_message_id(message_id)
        if incident:
            return Thread(incident, ThreadBy.SIGNED_MESSAGE_ID)
    return Thread(known[0].incident, ThreadBy.KNOWN_MESSAGE_ID) if known else NO_THREAD

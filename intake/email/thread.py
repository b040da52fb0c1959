"""What of ours a mail answers (DESIGN 7, Whose it is): from envelope and bounded header block alone, before it is read.

Sought in this order: signed addresses in envelope, To, Cc, Delivered-To and X-Original-To; signed Message-IDs in
In-Reply-To and References; the Message-ID of any message of the ledger; the number in the subject. Once the mail was
read, its words count too (`of_message`). Whether the sender may join is for the rules.
"""

from dataclasses import dataclass, replace

from desk.base.message import Message, Parent
from desk.base.names import MessageKind, ThreadBy
from desk.ledger import load
from desk.ledger.load import KnownMessage
from desk.ledger.statements import Steps
from desk.rules.addresses import BadSignature, SignedAddress, Signer
from desk.rules.mail import NO_THREAD, STRONG, Thread
from desk.rules.numbers import bare_numbers_in, numbers_in
from intake.email.reading.headers import HeaderBlock

PEOPLES = frozenset({MessageKind.NEW, MessageKind.FOLLOW_UP})
WORDS_MAX = 16 * 1024
"""Characters of a text in which numbers are sought."""


@dataclass(frozen=True, slots=True)
class Found:
    """What envelope and headers name: a thread; the mail of ours whose bounce address was written to, and its incident;
    the texts of ours that are answered, the nearest first."""

    thread: Thread = NO_THREAD
    parents: tuple[Parent, ...] = ()
    owed: int | None = None
    owed_incident: int | None = None


def find(signer: Signer, recipients: tuple[str, ...], block: HeaderBlock) -> Steps[Found]:
    """Load the thread that envelope and headers name. A mail that names nothing of ours asks the database nothing."""
    addresses = tuple(dict.fromkeys((*recipients, *block.recipients)))
    bounced, signed = _bounce(signer, addresses), _signed(signer, addresses)
    known = (yield from load.messages_by_id(block.answered)) if block.answered else []
    is_forged = isinstance(bounced, BadSignature) or isinstance(signed, BadSignature)
    thread = _tie(signer, block, signed if isinstance(signed, SignedAddress) else None, known)
    if isinstance(bounced, int):
        incident = yield from load.owed_incident(bounced)
        return Found(thread, load.parents_of(known), bounced, incident)
    if thread.incident is None and is_forged:
        thread = Thread(is_forged=True)
    return Found(thread, load.parents_of(known))


def _tie(signer: Signer, block: HeaderBlock, signed: SignedAddress | None, known: list[KnownMessage]) -> Thread:
    numbers = numbers_in(block.subject)
    by_id = _by_message_id(signer, block, known)
    if signed is not None:
        is_reply = by_id.incident == signed.incident or signed.incident in numbers
        return Thread(signed.incident, ThreadBy.SIGNED_ADDRESS, signed.person, is_reply)
    if by_id.incident is not None:
        return replace(by_id, is_reply=True)
    return Thread(numbers[0], ThreadBy.NUMBER, is_reply=True) if numbers else NO_THREAD


def of_message(signer: Signer, found: Found, message: Message) -> Thread:
    """Return the thread of a mail once it was read: a bounce's is the mail it brings back, a person's may stand in
    words, a machine's only where it answers a mail of ours."""
    if message.kind is MessageKind.BOUNCE:
        return _of_bounce(signer, found, message)
    if message.kind not in PEOPLES:
        strong = found.thread if found.thread.by in STRONG else Thread(is_forged=found.thread.is_forged)
        return strong if strong.incident is not None else _to_bounce_address(found, strong)
    return _of_words(_to_bounce_address(found, found.thread), message)


def _of_bounce(signer: Signer, found: Found, message: Message) -> Thread:
    if found.owed is not None:
        return Thread(found.owed_incident, ThreadBy.SIGNED_ADDRESS, is_reply=True, owed=found.owed)
    if found.thread.is_forged:
        return found.thread
    incidents = (signer.read_message_id(message_id) for message_id in message.returned_message_ids)
    strong = found.thread if found.thread.by in STRONG else NO_THREAD
    return next((Thread(one, ThreadBy.SIGNED_MESSAGE_ID, is_reply=True) for one in incidents if one), strong)


def _to_bounce_address(found: Found, thread: Thread) -> Thread:
    """What is no bounce and came to a bounce address speaks of the incident of that mail, and proves nothing."""
    if thread.incident is not None or found.owed_incident is None:
        return thread
    return Thread(found.owed_incident, ThreadBy.SIGNED_ADDRESS)


def _of_words(thread: Thread, message: Message) -> Thread:
    """Take the numbers in a person's words into account: the text's, then bare digits of the subject."""
    numbers = numbers_in(message.reply_text[:WORDS_MAX]) + numbers_in(message.text[:WORDS_MAX])
    if thread.incident is not None:
        return replace(thread, is_reply=thread.is_reply or thread.incident in numbers)
    if numbers:
        return replace(thread, incident=numbers[0], by=ThreadBy.NUMBER, is_reply=True)
    digits = bare_numbers_in(message.subject)
    return replace(thread, incident=digits[0], by=ThreadBy.DIGITS, is_reply=True) if digits else thread


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

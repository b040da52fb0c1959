"""The way in by a pipe: one mail on standard input, as Postfix's pipe(8), procmail or fetchmail hand it over.

Promises: what is read is bounded, and its bytes are kept as they came, whatever their line ends; only the line that
mbox puts before a mail is no part of it. Never: stores anything itself, or refuses a mail for what its headers say.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from desk.base.errors import MailNotTaken
from desk.base.message import Delivery
from desk.base.names import Transport
from intake.email.reading.addresses import addresses
from intake.email.reading.decode import header_text
from intake.email.reading.headers import HeaderBlock

ADDRESS_SIZE_MAX = 320
"""Characters of an envelope address: 64 for the local part, 255 for the domain, and the @."""
RECIPIENT_FIELDS = ("x-original-to", "delivered-to")
"""Where a mail system writes for whom it delivers."""
NULL_SENDERS = ("", "mailer-daemon")
"""How a mail system tells the null sender: empty, or by the name that Postfix puts for it when it starts a program."""

_MBOX_LINE = re.compile(rb"From [^\n]*\n")


@dataclass(frozen=True, slots=True)
class Told:
    """What the command line says of the envelope. `sender` None and no `recipients`: the headers say it."""

    sender: str | None = None
    recipients: tuple[str, ...] = ()


def read_mail(stream: BinaryIO, size_max: int) -> bytes:
    """Return the mail on a stream, read to its end. Raises MailNotTaken for none, or one over `size_max` bytes."""
    raw = stream.read(size_max + 1)
    if len(raw) > size_max:
        raise MailNotTaken(f"the mail is larger than smtp.max_size ({size_max} bytes); nothing was stored")
    line = _MBOX_LINE.match(raw)
    raw = raw[line.end() :] if line else raw
    if not raw.strip():
        raise MailNotTaken("standard input holds no mail; nothing was stored")
    return raw


def delivery_of(
    raw: bytes, block: HeaderBlock, told: Told, is_ours: Callable[[str], bool], desk_address: str
) -> Delivery:
    """Return a mail with its envelope: what the command line tells, else what the mail system wrote in the headers.

    Without either it is from its From and for the desk: whoever pipes it here means so. Raises MailNotTaken for an
    address told that cannot be taken.
    """
    recipients = _told_recipients(told, is_ours, desk_address) or _written_recipients(block, is_ours)
    return Delivery(
        transport=Transport.PIPE,
        envelope_from=_written_sender(block) if told.sender is None else _told_sender(told.sender),
        recipients=recipients or (desk_address,),
        peer="",
        raw=raw,
    )


def _told_sender(sender: str) -> str:
    if not _is_usable(sender):
        raise MailNotTaken(f'--sender {sender!r}: an address of at most {ADDRESS_SIZE_MAX} characters, or ""')
    return _address(sender)


def _told_recipients(told: Told, is_ours: Callable[[str], bool], desk_address: str) -> tuple[str, ...]:
    found = dict.fromkeys(map(_address, told.recipients))
    for address in found:
        if not _is_usable(address) or not is_ours(address):
            raise MailNotTaken(
                f"--recipient {address!r}: no address of this desk; it has {desk_address}, desk.aliases, "
                "and what stands after a + in them"
            )
    return tuple(found)


def _written_sender(block: HeaderBlock) -> str:
    written = header_text(block.headers.first("return-path"))
    return _address(written) if block.headers.has("return-path") and _is_usable(written) else block.sender


def _written_recipients(block: HeaderBlock, is_ours: Callable[[str], bool]) -> tuple[str, ...]:
    """Return those of our addresses that the mail system delivered for. It may have known the desk by another name."""
    fields = (value for name in RECIPIENT_FIELDS for value in block.headers.all(name))
    found = dict.fromkeys(box.address for value in fields for box in addresses(value))
    return tuple(address for address in found if _is_usable(address) and is_ours(address))


def _address(written: str) -> str:
    """Return an address without its angle brackets; "" is the null sender."""
    address = written.strip().removeprefix("<").removesuffix(">").strip()
    return "" if address.lower() in NULL_SENDERS else address


def _is_usable(address: str) -> bool:
    return len(address) <= ADDRESS_SIZE_MAX and address.isprintable()

"""The attachments of one mail: what the page lists, and the bytes of each (DESIGN 9, the mail that went without them).

Promises: what is listed is what can be had, in the order it stood in the mail; a file's bytes are those that were
attached, decoded; names are safe to save under. Never: writes, or looks into a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from desk.base.file_names import safe_name
from desk.base.transfer import decode_transfer
from desk.ledger import leases
from desk.ledger.attached import AttachedMail, File, attached_mail
from desk.ledger.statements import Steps
from desk.rules.addresses import AttachmentsToken
from desk.rules.mail import told
from desk.rules.numbers import number_of

WHOLE = 0
"""Stands for the whole mail where a file is named by its place, from 1 on."""
MAIL_TYPE = "message/rfc822"
MAIL_ENDING = ".eml"
ENCODED_AS_IT_IS = ""

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Download:
    """A file that can be had: its safe name, and its encoded bytes in the raw mail."""

    name: str
    encoding: str
    encoded: bytes

    def content(self) -> bytes:
        """Return the file. It takes a tenth of a second for the largest: not for the event loop."""
        return decode_transfer(self.encoded, self.encoding)


def files_of(opened: AttachmentsToken) -> Steps[AttachedMail | None]:
    """Load a mail with its attachments, the whole mail before them; None when there is none. For `Store.read`."""
    mail = yield from attached_mail(opened.incident, opened.blob)
    if mail is None:
        return None
    whole = File(number_of(opened.incident) + MAIL_ENDING, MAIL_TYPE, mail.size, 0, mail.size, ENCODED_AS_IT_IS)
    return AttachedMail(mail.received, mail.size, mail.is_kept, (whole, *mail.files))


def shown(opened: AttachmentsToken, mail: AttachedMail, token: str) -> Facts:
    """Return the facts of the page, those of docs/TEMPLATES.md; `token` is the one that opened it."""
    told_of = {"number": number_of(opened.incident), "received": told(mail.received)}
    if not mail.is_kept:
        return told_of
    whole, *files = (_told(file, f"{token}/{place}") for place, file in enumerate(mail.files))
    return {**told_of, "files": files, **{f"whole_{name}": whole[name] for name in ("name", "size", "href")}}


def download(opened: AttachmentsToken, file: File) -> Steps[Download | None]:
    """Load a file; None when its mail is kept no more. For `Store.read`."""
    encoded = yield from leases.stretch(opened.blob, file.start, file.end)
    return None if encoded is None else Download(safe_name(file.name), file.encoding, encoded)


def _told(file: File, href: str) -> Facts:
    return {"name": safe_name(file.name), "type": file.type, "size": file.size, "href": href}

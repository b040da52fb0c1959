"""By what reading knows who wrote a mail: the closed set, each with the form it takes in `Message.reason`.

Promises: whatever reading gives as a reason is made here, and can be told apart again from its stored text, so that
`why` says it in words. A form changes only together with the way to read the old one: reasons stand in the ledger.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Sign(StrEnum):
    """What of a mail says what it is. `{}` stands for what the mail says there."""

    PERSON = "written by a person"
    REPLY = "In-Reply-To or References"
    AUTO_SUBMITTED = "Auto-Submitted: {}"
    PRECEDENCE = "Precedence: {}"
    SUPPRESS = "X-Auto-Response-Suppress: {}"
    REPORT_TYPE = "Content-Type: {}"
    NULL_SENDER = "envelope: null sender"
    NULL_RETURN_PATH = "Return-Path: null sender"
    OWN_MESSAGE_ID = "Message-ID: one that this desk gave out"
    OWN_ADDRESS = "From: {} is an address of this desk"
    HOPS = "Received: more than {} of them"
    ROBOT = "From: {} is a robot's address"
    NO_SENDER = "From: no address that can be read"
    SUBJECT = "Subject: {}"
    DELIVERY_REPORT = "a delivery report (RFC 3464)"
    FAILED_RECIPIENTS = "X-Failed-Recipients"
    EMPTY = "no subject, no text, no attachment"
    READER_KILLED = "reader_killed"
    HEADER = "{}: {}"
    """Any other header that only machines and lists write; the last, for the forms above look like it."""

    def reason(self, *found: object) -> str:
        """Return the reason of a mail that bears this sign, with what it says there."""
        return self.value.format(*found)


UNREADABLE = frozenset({Sign.NO_SENDER, Sign.EMPTY, Sign.READER_KILLED})
"""Signs of a mail that nobody could make anything of."""
PERSONS = frozenset({Sign.PERSON, Sign.REPLY})
"""Signs of a mail that a person wrote."""


@dataclass(frozen=True, slots=True)
class SignFound:
    """A sign as it stood in a mail. `found` is the mail's own text, "" when the sign shows none; `sign` is None for a
    reason of another version's."""

    sign: Sign | None
    found: str


def sign_of(reason: str) -> SignFound:
    """Return the sign that a reason tells of."""
    for sign, form in _FORMS:
        if match := form.fullmatch(reason):
            return SignFound(sign, reason if sign is Sign.HEADER else "".join(match.groups()))
    return SignFound(None, reason)


def _form(sign: Sign) -> re.Pattern[str]:
    if sign is Sign.HEADER:
        return re.compile(r"[\w-]+: ?.*", re.DOTALL)
    return re.compile(re.escape(sign.value).replace(re.escape("{}"), "(.*)"), re.DOTALL)


_FORMS = tuple((sign, _form(sign)) for sign in Sign)

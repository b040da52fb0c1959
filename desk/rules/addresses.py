"""Signed addresses, Message-IDs, status links, PINs: what ties mail, page and call to an incident (CONTRACT 2).

A token is valid only for what it was made for; it says who may answer, never who did: the sender is authenticated
elsewhere. Nothing here asks whether incident or person exist. Addresses are compared in lower case, for relays and mail
programs change it on the way. The key is passed in; it is never printed and stands in no value made here.
"""

import re
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from hmac import compare_digest, digest

from desk.base.names import Purpose
from desk.rules.numbers import digits_of, id_of

LOCAL_PART_MAX = 64
"""Octets of a local part (RFC 5321 §4.5.3.1.1)."""
MAC_BYTES = 16
"""128 bits of HMAC-SHA256: a guess is hopeless, and the local part stays short."""
MAC_LENGTH = 26
"""The same in base32 without padding."""
INCIDENT_DIGITS_MAX = 10
"""Digits of a number in an address, the check digit included."""
PERSON_ID_MAX = 36**6 - 1
"""Ids of people and consultants take six characters of base 36 at most."""
OWED_ID_MAX = 10**13 - 1
TOKEN_MAX = 2 + 6 + MAC_LENGTH
"""Characters of a reply token: purpose, kind of person, its id, MAC."""
REPLY_EXTENSION_MAX = INCIDENT_DIGITS_MAX + 1 + TOKEN_MAX
"""Octets of `<digits>.<token>`, the longest of the three signed extensions."""
PIN_DIGITS = 4
STATUS_LINK_DAYS = 90
"""Days a link to the status page opens: twice the week of silence that closes a case and the month in which it can be
reopened, and some; short enough that a mailbox lost years later opens nothing."""
STATUS_TOKEN_MAX = 64
"""Characters of a link's token that are looked at; ours have INCIDENT_DIGITS_MAX + 1 + 4 + 1 + MAC_LENGTH, and one to
attachments 14 more."""
STATUS_PATH = "/i/"
"""Where the status page lives (CONTRACT 5)."""
ATTACHMENTS_LINK_DAYS = 30
"""Days a link to a mail's attachments opens: nearly every incident is closed by then, and a consultant's mailbox that
somebody else reads later gives away no user's files."""
ATTACHMENTS_PATH = "/a/"
"""Where the attachments of a mail can be had."""
NO_INCIDENT = 0
"""Stands for the incident in a Message-ID of ours that belongs to none, as a digest's."""

_TOKEN_FORM_MIN = 16
"""A token that lost characters still has our form, so that it is told from a plain subaddress."""
_TOKEN_FORM_MAX = 64

_TOKEN_FORM = rf"[0-9a-z]{{{_TOKEN_FORM_MIN},{_TOKEN_FORM_MAX}}}"
_REPLY = re.compile(rf"([0-9]{{2,20}})\.({_TOKEN_FORM})")
_BOUNCE = re.compile(rf"b\.([0-9]{{1,20}})\.({_TOKEN_FORM})")
_PROBE = re.compile(rf"probe\.{_TOKEN_FORM}")
_TOKEN = re.compile(rf"([{''.join(Purpose)}])([cp])([1-9a-z][0-9a-z]{{0,5}})([a-z2-7]{{{MAC_LENGTH}}})")
_MESSAGE_ID = re.compile(
    rf"\s*<?([0-9]{{1,20}})\.([0-9a-z]{{1,13}})\.([a-z2-7]{{{MAC_LENGTH}}})@[^@\s<>]{{1,255}}>?\s*",
    re.IGNORECASE | re.ASCII,
)
_STATUS = re.compile(rf"([0-9]{{2,20}})\.([1-9a-z][0-9a-z]{{0,4}})\.([a-z2-7]{{{MAC_LENGTH}}})")
_ATTACHMENTS = re.compile(
    rf"([0-9]{{2,20}})\.([1-9a-z][0-9a-z]{{0,12}})\.([1-9a-z][0-9a-z]{{0,4}})\.([a-z2-7]{{{MAC_LENGTH}}})"
)
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


class AddressMode(StrEnum):
    """How the desk can be answered (CONTRACT 2): by subaddress, by any local part, or at the bare address only."""

    PLUS = "plus"
    CATCHALL = "catchall"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class SignedAddress:
    """A reply address whose token is right. `person` is "p" or "c" and an id: of `people` or of `consultants`."""

    incident: int
    person: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class BadSignature:
    """An address in our form that this desk did not make, or made with a key it no longer knows."""

    address: str


@dataclass(frozen=True, slots=True)
class StatusToken:
    """The token of a status link that is right and may still be used."""

    incident: int


@dataclass(frozen=True, slots=True)
class ExpiredToken:
    """The token of a status link that was right until its day passed."""

    incident: int


@dataclass(frozen=True, slots=True)
class AttachmentsToken:
    """The token of a link to a mail's attachments that is right and may still be used: the mail is the raw `blob`."""

    incident: int
    blob: int


def person_ref(person: int) -> str:
    """Return how a reply address names a person of `people`."""
    return f"p{person}"


def consultant_ref(consultant: int) -> str:
    """Return how a reply address names a consultant."""
    return f"c{consultant}"


def status_link(public_url: str, token: str) -> str:
    """Return the address of the status page that a token opens."""
    return f"{public_url.rstrip('/')}{STATUS_PATH}{token}"


def longest_local_part(local: str) -> int:
    """Return the octets of the longest signed local part at a desk's local part; "" stands for a catch-all."""
    return len(local.encode()) + 1 + REPLY_EXTENSION_MAX if local else REPLY_EXTENSION_MAX


@dataclass(frozen=True)
class Signer:
    """Makes and reads the desk's addresses. The first key signs, all verify (`secrets.previous`)."""

    keys: tuple[bytes, ...]
    address: str
    mode: AddressMode = AddressMode.PLUS
    aliases: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Signer({self.address!r}, {self.mode})"

    @cached_property
    def _own(self) -> dict[str, tuple[str, ...]]:
        """Local parts of the desk by domain, in lower case."""
        own: dict[str, tuple[str, ...]] = {}
        for address in (self.address, *self.aliases):
            local, _, domain = address.lower().rpartition("@")
            own[domain] = (*own.get(domain, ()), local)
        return own

    @cached_property
    def _place(self) -> tuple[str, str]:
        """What stands before and after an extension in the desk's address."""
        local, _, domain = self.address.rpartition("@")
        return (f"{local}+" if self.mode is AddressMode.PLUS else "", f"@{domain}")

    def _mac(self, key: bytes, facts: str) -> str:
        return b32encode(digest(key, facts.encode(), "sha256")[:MAC_BYTES])[:MAC_LENGTH].decode().lower()

    def _is_mac(self, mac: str, facts: str) -> bool:
        return any(compare_digest(self._mac(key, facts), mac) for key in self.keys)

    def _extended(self, extension: str) -> str:
        """Return the desk's address with an extension; without it where the mail system takes none."""
        before, after = self._place
        return self.address if self.mode is AddressMode.PLAIN else f"{before}{extension}{after}"

    def reply_token(self, incident_id: int, person: str, purpose: Purpose) -> str:
        """Return the token that lets a person answer about an incident, TOKEN_MAX characters at most.

        `person` is a `person_ref` or a `consultant_ref`.
        """
        number = int(person[1:])
        assert person[0] in "cp", f"no reference of a person: {person}"
        assert 0 < number <= PERSON_ID_MAX, "the id is too long for an address"
        mac = self._mac(self.keys[0], _reply_facts(incident_id, person, purpose))
        return f"{purpose}{person[0]}{_to_base36(number)}{mac}"

    def reply_address(self, incident_id: int, person: str, purpose: Purpose) -> str:
        """Return the address a person's answer about an incident goes to; in plain mode the bare desk address."""
        digits = digits_of(incident_id)
        assert len(digits) <= INCIDENT_DIGITS_MAX, "the number is too long for an address"
        return self._extended(f"{digits}.{self.reply_token(incident_id, person, purpose)}")

    def bounce_address(self, owed_id: int) -> str:
        """Return the envelope sender of an owed mail, to which its bounces come back."""
        assert 0 < owed_id <= OWED_ID_MAX, "the id is too long for an address"
        return self._extended(f"b.{owed_id}.{self._mac(self.keys[0], f'bounce|{owed_id}')}")

    def message_id(self, incident_id: int | None, owed_id: int) -> str:
        """Return the signed Message-ID of an owed mail, with its angle brackets; None: it belongs to no incident."""
        incident = incident_id or NO_INCIDENT
        digits = digits_of(incident) if incident else str(NO_INCIDENT)
        mac = self._mac(self.keys[0], _message_facts(incident, owed_id))
        return f"<{digits}.{_to_base36(owed_id)}.{mac}{self._place[1]}>"

    def pin(self, incident_id: int) -> str:
        """Return the PIN of an incident, PIN_DIGITS digits. It is derived: nothing is stored, and it never changes."""
        return _pin(self.keys[0], incident_id)

    def is_pin(self, incident_id: int, pin: str) -> bool:
        """Tell whether a PIN is the incident's, by any key; how often one may try is not judged here."""
        given = pin.encode(errors="replace")
        return any(compare_digest(_pin(key, incident_id).encode(), given) for key in self.keys)

    def status_token(self, incident_id: int, expires: date) -> str:
        """Return the token of the status page, `<digits>.<day>.<MAC>`; it opens it up to and including that day."""
        mac = self._mac(self.keys[0], _status_facts(incident_id, expires))
        return f"{digits_of(incident_id)}.{_to_base36(expires.toordinal())}.{mac}"

    def read_status_token(self, token: str, today: date) -> StatusToken | ExpiredToken | BadSignature:
        """Return what a token of the status page opens, in any case; whether the incident exists is not asked."""
        match = _form_of(_STATUS, token)
        incident = id_of(match[1]) if match else None
        expires = _day_of(match[2]) if match else None
        if match is None or incident is None or expires is None:
            return BadSignature(token[:STATUS_TOKEN_MAX])
        if not self._is_mac(match[3], _status_facts(incident, expires)):
            return BadSignature(token)
        return StatusToken(incident) if today <= expires else ExpiredToken(incident)

    def status_url(self, public_url: str, incident_id: int, now: datetime) -> str:
        """Return the link to an incident's status page that is told now, "" while the desk has no public address."""
        expires = now.date() + timedelta(days=STATUS_LINK_DAYS)
        return status_link(public_url, self.status_token(incident_id, expires)) if public_url else ""

    def attachments_token(self, incident_id: int, blob: int, expires: date) -> str:
        """Return the token of a mail's attachments, `<digits>.<blob>.<day>.<MAC>`; it opens up to and with that day."""
        mac = self._mac(self.keys[0], _attachments_facts(incident_id, blob, expires))
        return f"{digits_of(incident_id)}.{_to_base36(blob)}.{_to_base36(expires.toordinal())}.{mac}"

    def read_attachments_token(self, token: str, today: date) -> AttachmentsToken | None:
        """Return what a token of attachments opens, in any case; None when we did not make it, or its day passed.

        Whether incident and mail exist is not asked.
        """
        match = _form_of(_ATTACHMENTS, token)
        incident = id_of(match[1]) if match else None
        expires = _day_of(match[3]) if match else None
        if match is None or incident is None or expires is None:
            return None
        blob = int(match[2], 36)
        is_ours = self._is_mac(match[4], _attachments_facts(incident, blob, expires))
        return AttachmentsToken(incident, blob) if is_ours and today <= expires else None

    def attachments_url(self, public_url: str, incident_id: int, blob: int, now: datetime) -> str:
        """Return the link to a mail's attachments that is told now, "" while the desk has no public address."""
        if not public_url:
            return ""
        expires = now.date() + timedelta(days=ATTACHMENTS_LINK_DAYS)
        return f"{public_url.rstrip('/')}{ATTACHMENTS_PATH}{self.attachments_token(incident_id, blob, expires)}"

    def read_address(self, address: str) -> SignedAddress | BadSignature | None:
        """Return what a reply address says. None: it is none of ours in form."""
        extension, is_certain = self._extension(address)
        match = _REPLY.fullmatch(extension) if extension else None
        if match is None:
            return None
        return self._read_reply(match[1], match[2]) or (BadSignature(address) if is_certain else None)

    def read_bounce(self, address: str) -> int | BadSignature | None:
        """Return the owed row a bounce address was made for. None: it is none of ours in form."""
        extension, is_certain = self._extension(address)
        match = _BOUNCE.fullmatch(extension) if extension else None
        if match is None:
            return None
        owed = int(match[1])
        if match[1] == str(owed) and self._is_mac(match[2], f"bounce|{owed}"):
            return owed
        return BadSignature(address) if is_certain else None

    def read_message_id(self, message_id: str) -> int | None:
        """Return the incident of a Message-ID this desk made, NO_INCIDENT when it belongs to none; None: not ours.

        Brackets may be missing, and its domain is not looked at: the desk may have moved since.
        """
        match = _MESSAGE_ID.fullmatch(message_id)
        if match is None:
            return None
        incident = NO_INCIDENT if match[1] == str(NO_INCIDENT) else id_of(match[1])
        if incident is None or not self._is_mac(match[3].lower(), _message_facts(incident, int(match[2], 36))):
            return None
        return incident

    def is_desk_address(self, address: str) -> bool:
        """Tell whether mail to an address is for the desk: RCPT takes it (CONTRACT 2)."""
        local, _, domain = address.lower().rpartition("@")
        own = self._own.get(domain)
        if own is None or not local:
            return False
        if any(local == base or local.startswith(f"{base}+") for base in own):
            return True
        return self._catches_all(domain) and any(form.fullmatch(local) for form in (_REPLY, _BOUNCE, _PROBE))

    def is_own_sender(self, address: str) -> bool:
        """Tell whether a From is the desk itself: such mail is our own, come back (guarantee 4)."""
        return self.is_desk_address(address)

    def _extension(self, address: str) -> tuple[str, bool]:
        """Return the part of an address that may be signed ("" without one), and whether it stands where only ours do.

        A catch-all's form is read in every mode, because the mode may have changed since; but in the others the same
        form may be somebody's mailbox, so that only a right token makes it ours.
        """
        local, _, domain = address.lower().rpartition("@")
        own: Sequence[str] = self._own.get(domain, ())
        base, _, extension = local.rpartition("+")
        if base:
            return (extension, True) if base in own else ("", False)
        return (local, self._catches_all(domain)) if own and local not in own else ("", False)

    def _catches_all(self, domain: str) -> bool:
        return self.mode is AddressMode.CATCHALL and f"@{domain}" == self._place[1].lower()

    def _read_reply(self, digits: str, token: str) -> SignedAddress | None:
        incident, parts = id_of(digits), _TOKEN.fullmatch(token)
        if incident is None or parts is None:
            return None
        purpose, person = Purpose(parts[1]), f"{parts[2]}{int(parts[3], 36)}"
        if not self._is_mac(parts[4], _reply_facts(incident, person, purpose)):
            return None
        return SignedAddress(incident, person, purpose)


def _reply_facts(incident: int, person: str, purpose: Purpose) -> str:
    return f"reply|{incident}|{person}|{purpose}"


def _status_facts(incident: int, expires: date) -> str:
    return f"status|{incident}|{expires.isoformat()}"


def _attachments_facts(incident: int, blob: int, expires: date) -> str:
    return f"attachments|{incident}|{blob}|{expires.isoformat()}"


def _form_of(form: re.Pattern[str], token: str) -> re.Match[str] | None:
    """Return a link's token taken apart, in any case; None when it has not the form."""
    return form.fullmatch(token.lower()) if len(token) <= STATUS_TOKEN_MAX and token.isascii() else None


def _day_of(digits: str) -> date | None:
    """Return the day that a token's digits count to, None when there is none."""
    day = int(digits, 36)
    return date.fromordinal(day) if date.min.toordinal() <= day <= date.max.toordinal() else None


def _pin(key: bytes, incident: int) -> str:
    """Return digits of an HMAC taken as a number: 64 bits over 10,000 leave no digit noticeably more likely."""
    drawn = int.from_bytes(digest(key, f"pin|{incident}".encode(), "sha256")[:8])
    return f"{drawn % 10**PIN_DIGITS:0{PIN_DIGITS}d}"


def _message_facts(incident: int, owed: int) -> str:
    return f"message|{incident}|{owed}"


def _to_base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _BASE36[digit] + digits
    return digits or "0"

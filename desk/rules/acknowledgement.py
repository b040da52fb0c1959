"""The answer that tells the number and the times, and its facts, frozen (process 2.1; guarantee 3).

Promises: what it tells are the very promises of the incident; of the mail it answers it repeats bare addresses in copy
and nothing else, because an answer that says a stranger's words sends his advertisement (DESIGN 2, User by mail).
"""

import re
from datetime import datetime
from typing import Any

from desk.base.kinds import shown_minute
from desk.base.message import Attachment
from desk.base.names import LANGUAGE_UNKNOWN, Audience, Channel, OwedKind, PromiseKind, Purpose
from desk.base.shapes import shape_of
from desk.rules.addresses import person_ref
from desk.rules.calendar import ClosedDays
from desk.rules.decision import Owed
from desk.rules.incident import Incident, Promise
from desk.rules.mail import MailFacts, references_of, told
from desk.rules.tutorials import fitting

COPIED_MAX = 5
"""People in copy that are named; of the rest the number is told."""
ADDRESS_MAX = 254
"""Octets of an address that can be answered (RFC 5321 §4.5.3.1.3, without the brackets)."""

_PLAIN_ADDRESS = re.compile(r"[\w.+&'=-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
"""An address that says nothing but who has it: no blank, bracket, quote, slash or control fits."""


def acknowledgement(facts: MailFacts, incident: Incident, person: int, now: datetime) -> Owed:
    """Return the acknowledgement of an incident that a mail opened."""
    owed_id = facts.ids.next("owed")
    signer = facts.desk.signer
    return Owed(
        id=owed_id,
        incident=incident.id,
        kind=OwedKind.ACKNOWLEDGEMENT,
        channel=Channel.EMAIL,
        to=facts.requester.address,
        language=language_of(facts, incident),
        audience=Audience.USER,
        facts=_facts(facts, incident, now),
        due_at=now,
        message_id=signer.message_id(incident.id, owed_id),
        in_reply_to=facts.message.message_id,
        references=references_of(facts),
        reply_to=signer.reply_address(incident.id, person_ref(person), Purpose.TO_USER),
        envelope_from=signer.bounce_address(owed_id),
        shape=shape_of(OwedKind.ACKNOWLEDGEMENT),
    )


def language_of(facts: MailFacts, incident: Incident) -> str:
    """Return the language a user is answered in: the mail's, else the incident's, else the desk's."""
    spoken = (facts.grade.language, incident.language)
    return next((language for language in spoken if language != LANGUAGE_UNKNOWN), facts.desk.language)


def is_answerable(address: str) -> bool:
    """Tell whether an address can be written to at all."""
    local, at, domain = address.rpartition("@")
    return (
        bool(local and at and domain) and len(address.encode()) <= ADDRESS_MAX and not set(address) & set(" \t<>\r\n")
    )


def attached(facts: MailFacts) -> tuple[Attachment, ...]:
    """Return what somebody attached: what is shown inside the text may be a signature's picture."""
    return tuple(one for one in facts.message.attachments if not one.inline)


def told_days(days: tuple[ClosedDays, ...]) -> list[dict[str, Any]]:
    """Return closed days as frozen facts hold them; of hours that are closed, from when and until when."""
    return [_told_days(one) for one in days]


def _told_days(one: ClosedDays) -> dict[str, Any]:
    hours = ("", "") if one.is_whole else (shown_minute(one.start), shown_minute(one.end))
    return {
        "reason": one.reason.value,
        "first": one.first.isoformat(),
        "last": one.last.isoformat(),
        "from": hours[0],
        "until": hours[1],
        "name": one.name,
    }


def _facts(facts: MailFacts, incident: Incident, now: datetime) -> dict[str, Any]:
    desk = facts.desk
    at = facts.arrival.counted_from
    is_open = desk.calendar.is_open(at)
    due: dict[PromiseKind, Promise] = {promise.kind: promise for promise in incident.promises}
    resolution = due[PromiseKind.RESOLUTION].due
    return {
        "number": incident.number,
        "severity": incident.severity.value,
        "at": told(at),
        "first_attention": told(due[PromiseKind.FIRST_ATTENTION].due),
        "resolution": told(resolution),
        "closed": told_days(desk.calendar.closed_between(at, resolution)),
        "name": facts.requester.name,
        "open": is_open,
        "next_opening": None if is_open else told(desk.calendar.next_opening(at)),
        "contacts": [{"name": one.name, "phone": one.phone, "extension": one.extension} for one in desk.contacts],
        "operator": desk.operator,
        "pin": desk.signer.pin(incident.id),
        "status_url": desk.signer.status_url(desk.public_url, incident.id, now),
        "privacy_url": desk.privacy_url,
        "privacy_version": desk.privacy_version,
        "reopened": False,
        "promises": [promise.id for promise in incident.promises],
        **_of_the_mail(facts, language_of(facts, incident)),
    }


def _of_the_mail(facts: MailFacts, language: str) -> dict[str, Any]:
    """Return what the mail itself calls for: whom it left out, what may help meanwhile, what it did not say."""
    message = facts.message
    copied = _copied(facts)
    tutorials = fitting(facts.desk.tutorials, (message.subject, message.reply_text), language)
    return {
        "copied": copied[:COPIED_MAX],
        "copied_more": max(0, len(copied) - COPIED_MAX),
        "tutorials": [{"title": one.title, "url": one.url} for one in tutorials],
        "questions": [] if attached(facts) else list(facts.grade.questions),
    }


def _copied(facts: MailFacts) -> list[str]:
    """Return who else the mail went to, once each: neither the desk nor who works here, nor who is answered."""
    answered = {facts.message.sender.address.lower(), facts.requester.address.lower()}
    others: dict[str, str] = {}
    for mailbox in (*facts.message.to, *facts.message.cc):
        address = mailbox.address
        is_plain = len(address.encode()) <= ADDRESS_MAX and _PLAIN_ADDRESS.fullmatch(address) is not None
        if is_plain and address.lower() not in answered and not _is_ours(facts, address):
            others.setdefault(address.lower(), address)
    return list(others.values())


def _is_ours(facts: MailFacts, address: str) -> bool:
    return facts.desk.signer.is_desk_address(address) or facts.roster.by_address(address) is not None

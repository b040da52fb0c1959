"""The notice that tells a consultant of an incident, or of new words in it: its facts, frozen (DESIGN 2, Consultant).

What a mail had attached is named here by spans of its raw blob; whoever sends the notice copies them. Every list is
bounded: a notice is read on a phone, and its facts are a row of the ledger.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from desk.base.message import Attachment
from desk.base.names import Audience, Channel, Direction, OwedKind, PromiseKind, Purpose, Queue
from desk.base.shapes import shape_of
from desk.base.transfer import UU_ENCODINGS, UU_MAX
from desk.rules.addresses import AddressMode, consultant_ref
from desk.rules.decision import Owed
from desk.rules.incident import Incident
from desk.rules.mail import NEW, Earlier, MailFacts, Standing, told
from desk.rules.numbers import number_of
from desk.rules.routing import Consultant, Roster

NOTICE_TEXT_MAX = 8_000
"""Characters of the user's words that a notice carries; the whole text stays in the incident."""
ATTACHMENTS_MAX = 50
"""Attachments a notice names, and the most that travel with it."""
ATTACHED_BYTES_MAX = 20 * 1024 * 1024
"""Encoded bytes of attachments that travel with a notice: most mail systems take 25 MB in all."""
DECORATION_BYTES_MAX = 8 * 1024
"""An image inside the text that is no larger is a signature's; a picture of a screen is."""
ENCODED_GROWTH = 3, 2
"""At most so much longer is what has to be written in base64, line ends included."""
OTHERS_MAX = 5
"""Further open incidents of the requester that a notice names."""
EARLIER_TEXT_MAX = 400
"""Characters of an earlier message."""

_COPIED = frozenset({"base64", "quoted-printable"})
_ACTIONS_BY_QUEUE = {Queue.DEVELOPMENT: ("take",)}
_ACTIONS = ("take", "escalate")


def notice(facts: MailFacts, incident: Incident, to: Consultant, now: datetime, standing: Standing = NEW) -> Owed:
    """Return the notice of an incident to a consultant."""
    owed_id = facts.ids.next("owed")
    signer = facts.desk.signer
    first = (facts.first_mails or {}).get(to.email, "")
    reply_to = signer.reply_address(incident.id, consultant_ref(to.id), Purpose.USER_WORDS)
    return Owed(
        id=owed_id,
        incident=incident.id,
        kind=OwedKind.NOTICE,
        channel=Channel.EMAIL,
        to=to.email,
        language=to.language or facts.desk.language,
        audience=Audience.INTERNAL,
        facts={
            **_told(facts, incident),
            **_words(facts),
            **_offered(facts, incident, to),
            **_attachments(facts, incident),
            "attachments_url": _attachments_url(facts, incident, now),
            "answer_to": reply_to,
            "to_name": to.name,
            "added": standing.is_added,
            "automatic": standing.is_automatic,
            "unreached": [],
        },
        due_at=now,
        message_id=signer.message_id(incident.id, owed_id),
        references=(first,) if first else (),
        reply_to=reply_to,
        envelope_from=signer.bounce_address(owed_id),
        shape=shape_of(OwedKind.NOTICE),
    )


def _told(facts: MailFacts, incident: Incident) -> dict[str, Any]:
    """Return what the incident is and what was promised."""
    first, last = incident.promise(PromiseKind.FIRST_ATTENTION), incident.promise(PromiseKind.RESOLUTION)
    return {
        "number": incident.number,
        "severity": incident.severity.value,
        "severity_reasons": list(incident.severity_reasons),
        "queue": incident.queue.value,
        "at": told(facts.arrival.counted_from),
        "first_attention": told(first.due) if first and incident.first_response_at is None else None,
        "resolution": told(last.due) if last else None,
        "language": incident.language,
        "others": [number_of(one) for one in facts.others if one != incident.id][:OTHERS_MAX],
        "dossier": [seen for one in facts.dossier if (seen := _earlier(one, facts.roster))],
    }


def _words(facts: MailFacts) -> dict[str, Any]:
    """Return what was written, and by whom."""
    message = facts.message
    words = message.reply_text or message.text
    return {
        "name": message.sender.name,
        "email": message.sender.address,
        "subject": message.subject,
        "text": words[:NOTICE_TEXT_MAX],
        "more": len(words) > NOTICE_TEXT_MAX,
    }


def _offered(facts: MailFacts, incident: Incident, to: Consultant) -> dict[str, Any]:
    """Return what the consultant can do with it."""
    signer = facts.desk.signer
    is_plain = signer.mode is AddressMode.PLAIN
    assigned = incident.assigned(incident.queue)
    return {
        "assigned": assigned is not None and assigned.consultant == to.id,
        "reply_goes_to": "",
        "actions": list(_ACTIONS_BY_QUEUE.get(incident.queue, _ACTIONS)),
        "answer_key": signer.reply_token(incident.id, consultant_ref(to.id), Purpose.USER_WORDS) if is_plain else "",
    }


def _earlier(message: Earlier, roster: Roster) -> Mapping[str, Any] | None:
    """Return an earlier message, None for a machine's: internal, and no consultant wrote it."""
    consultant = roster.by_address(message.sender)
    if consultant is None and message.audience is Audience.INTERNAL:
        return None
    words = " ".join(message.text.split())
    return {
        "at": told(message.at),
        "who": consultant.name if consultant else message.sender_name or message.sender,
        "own": consultant is not None or message.direction is Direction.OUT,
        "text": words if len(words) <= EARLIER_TEXT_MAX else words[: EARLIER_TEXT_MAX - 1].rstrip() + "…",
    }


def _attachments(facts: MailFacts, incident: Incident) -> dict[str, Any]:
    """Return what was attached, what of it travels (`carried`, by spans of the raw mail) and what does not."""
    attachments = _whole(facts, incident) if facts.is_unreadable else facts.message.attachments
    left = ATTACHED_BYTES_MAX
    carried: list[Attachment] = []
    left_out: list[str] = []
    for one in filter(_is_worth_sending, attachments):
        weight = _weight(one)
        if weight <= left and len(carried) < ATTACHMENTS_MAX:
            left -= weight
            carried.append(one)
        else:
            left_out.append(one.name)
    return {
        "attachments": [
            {"name": one.name, "type": one.type, "size": one.size} for one in attachments[:ATTACHMENTS_MAX]
        ],
        "attached": [one.name for one in carried],
        "left_out": left_out[:ATTACHMENTS_MAX],
        "carried": {"blob": facts.arrival.blob, "parts": [_span(one) for one in carried]} if carried else None,
    }


def _attachments_url(facts: MailFacts, incident: Incident, now: datetime) -> str:
    """Return where the attachments can be had, for the mail that goes without them; "" when there are none."""
    if not facts.is_unreadable and not facts.message.attachments:
        return ""
    return facts.desk.signer.attachments_url(facts.desk.public_url, incident.id, facts.arrival.blob, now)


def _whole(facts: MailFacts, incident: Incident) -> tuple[Attachment, ...]:
    """Return a mail that nobody could read as an attachment: as it came, of a type that no program unpacks."""
    size = len(facts.arrival.raw)
    whole = Attachment(f"{incident.number}.eml", "application/octet-stream", size, 0, size, "binary")
    return (whole,)


def _is_worth_sending(one: Attachment) -> bool:
    is_decoration = one.inline and one.type.startswith("image/") and one.size <= DECORATION_BYTES_MAX
    return not is_decoration


def _weight(one: Attachment) -> int:
    """Return the bytes an attachment takes at most in the notice; what cannot be decoded whole does not fit."""
    length = one.end - one.start
    if one.encoding in UU_ENCODINGS and length > UU_MAX:
        return ATTACHED_BYTES_MAX + 1
    grown, of = ENCODED_GROWTH
    return length if one.encoding in _COPIED else length * grown // of


def _span(one: Attachment) -> Mapping[str, Any]:
    return {
        "name": one.name,
        "type": one.type,
        "charset": one.charset,
        "start": one.start,
        "end": one.end,
        "encoding": one.encoding,
    }

"""Is this mail a report that delivery failed, for whom, and for good? By its machine-readable part (RFC 3464), else by
what mail servers write in words. Bounded: a report names at most RECIPIENTS_MAX people.
"""

import re
from dataclasses import dataclass

from desk.base.message import BounceRecipient, Mailbox
from desk.base.reading_words import ReadingWords
from desk.base.signs import Sign
from desk.base.transfer import decode_transfer
from intake.email.reading.addresses import addresses, mailbox
from intake.email.reading.automatic import begins_with, compiled
from intake.email.reading.decode import decode_words, header_text, one_line
from intake.email.reading.headers import message_id, message_ids
from intake.email.reading.walk import HEADER_BLOCK_MAX, Headers, Part, Walked, encoding_of, fields_of, header_fields

RECIPIENTS_MAX = 100
STATUS_BYTES_MAX = 128 * 1024
"""Bytes of a delivery-status part that are read."""
TEXT_MAX = 32 * 1024
"""Characters of a report in words that are read."""
DIAGNOSTIC_MAX = 500

_BLANK = re.compile(rb"\n[ \t\r]*\n")
_DAEMON = re.compile(
    r"(?:mailer[-_.]?daemon|postmaster|mail[-_.]?delivery|mdaemon|mail[-_.]?daemon|mail[-_.]?system|bounces?)\b", re.I
)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_CODE = re.compile(r"(?<![\d.:/-])([45]\d\d)[ -](?=\S)")
_ADDRESS = re.compile(r"[\w.+=%&'/-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_RETURNED = re.compile(
    r"(?im)^[ \t>|]*(?:return-path:|received:[ \t]*(?:from|by|\()|message-id:[ \t]*<|dkim-signature:|mime-version:|"
    r"-{2,}.{0,60}(?:copy of|original|returned|message headers|below this line|unsent|mensaje)|"
    r".{0,30}(?:original message|mensaje original).{0,30}(?:follows|header|below|attached|encabezado)?:?[ \t]*$)"
)
_RETURNED_ID = re.compile(r"(?im)^[ \t>|]*message-id:\s*(<[^<>\s]{1,990}>)")
_HEADER_TYPES = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers")
_MESSAGE_TYPES = ("message/rfc822", "message/global")
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")


@dataclass(frozen=True, slots=True)
class Bounce:
    """A report of failed or late delivery, and the Message-IDs of what it returns."""

    recipients: tuple[BounceRecipient, ...]
    returned: tuple[str, ...]
    reason: str


def find_bounce(
    walked: Walked, sender: Mailbox, subject: str, text: str, *, null_sender: bool, words: ReadingWords
) -> Bounce | None:
    """Return what a report of failed delivery says; None when the mail is none. `text` is the mail's text."""
    reported = [found for part in walked.leaves if part.type in _STATUS_TYPES for found in _status_part(walked, part)]
    if reported:
        kept = [found for found in reported if found.permanent or found.status[:1] != "2"]
        if not kept:
            return None
        return Bounce(_distinct(kept), _returned(walked, text), Sign.DELIVERY_REPORT.reason())
    named = walked.headers.first("x-failed-recipients")
    if named:
        failed = tuple(_in_words(box.address, text, words) for box in addresses(named))[:RECIPIENTS_MAX]
        return Bounce(failed, _returned(walked, text), Sign.FAILED_RECIPIENTS.reason())
    if not (null_sender or _is_daemon(sender, walked.headers)):
        return None
    if not (begins_with(subject, words.bounce_subject_patterns) or _says_failed(text, words)):
        return None
    return Bounce(_named_in(text, sender, words), _returned(walked, text), Sign.SUBJECT.reason(one_line(subject, 80)))


def _is_daemon(sender: Mailbox, headers: Headers) -> bool:
    """Tell whether the sender is a mail system; many write a From without an address (`MAILER-DAEMON`, `<>`)."""
    name = sender.name or header_text(headers.first("from")[:200]).strip('<>" ')
    return bool(_DAEMON.match(sender.address) or _DAEMON.match(name.replace(" ", "-")))


def _says_failed(text: str, words: ReadingWords) -> bool:
    patterns = words.bounce_text_patterns
    return bool(patterns) and compiled(patterns).search(text[:TEXT_MAX]) is not None


def _status_part(walked: Walked, part: Part) -> list[BounceRecipient]:
    """Return the recipients of a delivery-status part that were not delivered to; a delivered one has status 2."""
    body = walked.view[part.start : min(part.end, part.start + STATUS_BYTES_MAX)]
    body = decode_transfer(body, encoding_of(part.headers)).replace(b"\r\n", b"\n")
    found = []
    for block in _BLANK.split(body, maxsplit=2 * RECIPIENTS_MAX):
        headers, _ = fields_of(block.strip(b"\r\n") + b"\n")
        recipient = _recipient(headers)
        if recipient is not None:
            found.append(recipient)
    return found


def _typed(value: bytes) -> str:
    """Return the text behind the type of a delivery-status field (`rfc822; a@b` gives `a@b`)."""
    text = decode_words(header_text(value[:2000]))
    return (text.partition(";")[2] or text).strip()


def _recipient(headers: Headers) -> BounceRecipient | None:
    action = header_text(headers.first("action")).lower().split(" ")[0]
    address = ""
    for name in ("final-recipient", "original-recipient", "x-actual-recipient"):
        box = mailbox("", _typed(headers.first(name)).split(" ")[0]) if headers.has(name) else None
        if box is not None:
            address = box.address
            break
    if not address:
        return None
    diagnostic = one_line(_typed(headers.first("diagnostic-code")), DIAGNOSTIC_MAX)
    status = _status_of(header_text(headers.first("status")), diagnostic)
    if action in ("delivered", "relayed", "expanded"):
        status = "2.0.0"
    is_final = not action.startswith("delay") and status[:1] != "2"
    return BounceRecipient(address, is_final and status[:1] != "4", status, diagnostic, is_final)


def _status_of(status: str, diagnostic: str) -> str:
    """Return the enhanced status code (RFC 3463), the diagnostic's when the field itself tells only the class."""
    own = _STATUS.search(status)
    told = _STATUS.search(diagnostic)
    if own and not own[1].endswith(".0.0"):
        return own[1]
    if told:
        return told[1]
    code = _CODE.search(diagnostic + " .")
    return own[1] if own else f"{code[1][0]}.0.0" if code else ""


def _distinct(recipients: list[BounceRecipient]) -> tuple[BounceRecipient, ...]:
    return tuple({found.address.lower(): found for found in reversed(recipients[:RECIPIENTS_MAX])}.values())[::-1]


def _report_of(text: str) -> str:
    """Return the report itself, without the mail it returns."""
    text = text[:TEXT_MAX]
    returned = _RETURNED.search(text)
    return text[: returned.start()] if returned and _ADDRESS.search(text, 0, returned.start()) else text


def _named_in(text: str, sender: Mailbox, words: ReadingWords) -> tuple[BounceRecipient, ...]:
    """Return the people a report in words names: those on a line of their own or in brackets before anything else."""
    report = _report_of(text)
    skip = sender.address.lower()
    found: dict[str, None] = {}
    weaker: dict[str, None] = {}
    for match in _ADDRESS.finditer(report):
        address = match[0].strip(".'").lower()
        if address == skip or _DAEMON.match(address):
            continue
        before = report[max(0, match.start() - 40) : match.start()].rpartition("\n")[2].strip(" \t<\"'([>*-")
        after = report[match.end() : match.end() + 3].strip()
        strong = not before.strip("<") or (
            before.lower().endswith((":", "to", "for", "user")) and not after[:1].isalpha()
        )
        (found if strong else weaker).setdefault(match[0].strip(".'"))
        if len(found) >= RECIPIENTS_MAX:
            break
    chosen = found or dict.fromkeys(list(weaker)[:1])
    return tuple(_in_words(address, report, words) for address in chosen)


def _in_words(address: str, report: str, words: ReadingWords) -> BounceRecipient:
    """Return a recipient with what the report says about failing: a status, else a reply code, else its words."""
    at = max(0, report.lower().find(address.lower()))
    near = report[at : at + 2000]
    status = _status_of(m[0] if (m := _STATUS.search(near) or _STATUS.search(report)) else "", near)
    late = bool(words.delayed_text_patterns) and compiled(words.delayed_text_patterns).search(report) is not None
    permanent = not late and status[:1] != "4"
    return BounceRecipient(address, permanent, status, is_final=not late)


def _returned(walked: Walked, text: str) -> tuple[str, ...]:
    """Return the Message-IDs of what a report returns: of its parts, else of header lines in its text."""
    ids: dict[str, None] = {}
    for part in walked.leaves:
        if part.type in _HEADER_TYPES:
            limit = min(part.end, part.start + HEADER_BLOCK_MAX)
            body = decode_transfer(walked.view[part.start : limit], encoding_of(part.headers))
            headers = header_fields(body, 0, len(body), HEADER_BLOCK_MAX)[0]
        elif part.type in _MESSAGE_TYPES:
            headers = header_fields(walked.view, part.start, part.end, HEADER_BLOCK_MAX)[0]
        else:
            continue
        ids.update(dict.fromkeys(filter(None, (message_id(headers), *message_ids(headers, "references")))))
    if not ids:
        ids = dict.fromkeys(_RETURNED_ID.findall(text[:TEXT_MAX])[:10])
    return tuple(ids)

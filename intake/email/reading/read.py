"""The one way from a raw mail to a `Message`. Never raises on bad mail: what could not be read stands in
`Message.defects`; kind BROKEN only when there is nothing to work with. It does no I/O and needs no clock.
"""

import binascii
import hashlib
import re
from dataclasses import dataclass, field
from itertools import islice

from desk.base.message import Attachment, Mailbox, Message, Parent
from desk.base.names import MessageKind
from desk.base.reading_words import ReadingWords
from desk.base.signs import Sign
from desk.base.transfer import UU_ENCODINGS, decode_transfer
from intake.email.reading.addresses import ADDRESS_HEADER_MAX, addresses
from intake.email.reading.automatic import OwnMail, Verdict, who_wrote
from intake.email.reading.bounce import Bounce, find_bounce
from intake.email.reading.decode import (
    base64_runs,
    decode_charset,
    decode_header,
    decode_words,
    header_text,
    one_line,
    parameters,
    safe_name,
)
from intake.email.reading.headers import SUBJECT_MAX, date_of, identity, message_id, message_ids
from intake.email.reading.html_text import HTML_MAX, html_to_text
from intake.email.reading.reply_text import reply_text
from intake.email.reading.walk import Headers, Part, Walked, encoding_of, header_fields, walk

TEXT_MAX = 256 * 1024
"""Characters of text that are kept of one mail."""
ATTACHMENTS_MAX = 200
"""Attachments of one mail that are listed."""
DEFECTS_MAX = 20
FROM_FIELDS_MAX = 5
"""From fields that are read; one is allowed."""

_ENCODINGS = frozenset({"", "7bit", "8bit", "binary", "base64", "quoted-printable"})
_SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_UU_BEGIN = re.compile(rb"(?m)^begin [0-7]{3,4} ([^\r\n]{1,200})\r?\n(?=[!-`])")
_UU_END = re.compile(rb"(?m)^end[ \t]*\r?(?:\n|\Z)")
_PERSONS = (MessageKind.NEW, MessageKind.FOLLOW_UP)
_NO_MAILBOX = Mailbox("", "")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,120}\Z")
_CHARSET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}\Z")


def read(
    raw: bytes,
    parents: tuple[Parent, ...] = (),
    own: OwnMail | None = None,
    *,
    words: ReadingWords = ReadingWords(),  # noqa: B008 - frozen
    envelope_from: str | None = None,
) -> Message:
    """Read a raw mail. Never raises on bad mail: what could not be read is listed in `Message.defects`.

    `parents` are the mails of ours that it answers, `own` is how our own mail is known, `envelope_from` is "" for the
    null sender and None when the envelope is not known. Message-IDs keep their angle brackets.
    """
    walked = walk(raw)
    headers = walked.headers
    content = _Content(walked, list(walked.defects))
    content.gather()
    text = content.text()
    named = _named(headers, content.defects)
    null_sender = _is_null(envelope_from, headers)
    bounce = find_bounce(walked, named.sender, named.subject, text, null_sender=null_sender, words=words)
    verdict = who_wrote(headers, named.sender, named.subject, own=own, envelope_from=envelope_from, words=words)
    is_reply = bool(parents or named.in_reply_to or named.references)
    empty = not text.strip() and not content.attachments and not named.subject
    kind, reason = _kind(bounce, verdict, named.sender, empty=empty, is_reply=is_reply)
    return Message(
        message_id=named.message_id,
        sender=named.sender,
        senders=named.senders,
        reply_to=addresses(headers.first("reply-to"), ADDRESS_HEADER_MAX),
        to=_all(headers, "to"),
        cc=_all(headers, "cc"),
        subject=named.subject,
        date=date_of(headers),
        in_reply_to=named.in_reply_to,
        references=named.references,
        kind=kind,
        reason=reason,
        may_auto_reply=kind in _PERSONS and len(named.senders) == 1,
        text=text,
        reply_text=text if bounce else reply_text(text, named.subject, parents, words),
        attachments=tuple(content.attachments),
        bounce=bounce.recipients if bounce else (),
        returned_message_ids=bounce.returned if bounce else (),
        defects=tuple(dict.fromkeys(content.defects))[:DEFECTS_MAX],
        digest=content.digest(_identity(raw, walked, named), text),
    )


@dataclass(frozen=True, slots=True)
class _Named:
    """What the header block alone says of a mail."""

    message_id: str
    senders: tuple[Mailbox, ...]
    subject: str
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]

    @property
    def sender(self) -> Mailbox:
        return self.senders[0] if self.senders else _NO_MAILBOX


def _named(headers: Headers, defects: list[str]) -> _Named:
    """Return what the header block says; what is wrong with From goes to the defects."""
    fields = list(islice(headers.all("from"), FROM_FIELDS_MAX))
    senders = tuple(dict.fromkeys(box for value in fields for box in addresses(value, ADDRESS_HEADER_MAX)))
    if len(senders) > 1:
        defects.append("several addresses in From")
    if len(fields) > 1:
        defects.append("several From fields")
    if any(len(value) > ADDRESS_HEADER_MAX for value in fields):
        defects.append("From too long")
    return _Named(
        message_id=message_id(headers),
        senders=senders,
        subject=decode_header(headers.first("subject"), SUBJECT_MAX),
        in_reply_to=message_ids(headers, "in-reply-to"),
        references=message_ids(headers, "references"),
    )


def _identity(raw: bytes, walked: Walked, named: _Named) -> bytes:
    """Return what names the mail for its key; of one whose header block was cut only the bytes are sure to."""
    if walked.cut:
        return hashlib.sha256(raw).digest()
    return identity(walked.headers, named.message_id, named.sender.address)


def _is_null(envelope_from: str | None, headers: Headers) -> bool:
    if envelope_from is not None:
        return not envelope_from.strip("<> ")
    return headers.has("return-path") and not header_text(headers.first("return-path")).strip("<> ")


def _all(headers: Headers, name: str) -> tuple[Mailbox, ...]:
    return tuple(box for value in headers.all(name) for box in addresses(value))


def _kind(
    bounce: Bounce | None, verdict: Verdict | None, sender: Mailbox, *, empty: bool, is_reply: bool
) -> tuple[MessageKind, str]:
    """Return what the mail is, and the fact that says so."""
    if bounce is not None:
        return MessageKind.BOUNCE, bounce.reason
    if verdict is not None and verdict.kind is MessageKind.LOOP:
        return verdict.kind, verdict.reason
    if not sender.address:
        return MessageKind.BROKEN, Sign.NO_SENDER.reason()
    if verdict is not None:
        return verdict.kind, verdict.reason
    if empty:
        return MessageKind.BROKEN, Sign.EMPTY.reason()
    return (MessageKind.FOLLOW_UP, Sign.REPLY.reason()) if is_reply else (MessageKind.NEW, Sign.PERSON.reason())


@dataclass(slots=True)
class _Content:
    """The leaves of a mail, told apart into text and attachments."""

    walked: Walked
    defects: list[str]
    texts: list[Part] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    spans: list[Part] = field(default_factory=list)
    runs: dict[Part, tuple[bytes, ...]] = field(default_factory=dict)
    """The base64 of attachments, which is both counted and hashed: at most the mail once more."""

    def gather(self) -> None:
        """Tell text from attachments; a mail whose only part is neither is one attachment."""
        for part in self.walked.leaves:
            encoding = encoding_of(part.headers)
            if encoding not in _ENCODINGS and encoding not in UU_ENCODINGS:
                self.defects.append(f"unknown transfer encoding {one_line(encoding, 40)}")
            if part.type in _SIGNATURES and part.within("multipart/signed") is part.parent:
                continue
            if self._is_text(part):
                self.texts.append(part)
            elif len(self.attachments) < ATTACHMENTS_MAX:
                self._attach(part, encoding)
            else:
                self.defects.append("too many attachments")

    def _is_text(self, part: Part) -> bool:
        if part.type not in ("text/plain", "text/html", "text/enriched", "text/x-amp-html", "text"):
            return False
        if not part.headers.has("content-disposition"):
            return not part.params.get("name") or part is self.walked.root
        disposition, params = parameters(part.headers.first("content-disposition"))
        return disposition != "attachment" and not params.get("filename")

    def _attach(self, part: Part, encoding: str) -> None:
        disposition, params = parameters(part.headers.first("content-disposition"))
        name = safe_name(params.get("filename") or params.get("name") or part.params.get("name", ""))
        kind = part.type if _TYPE.match(part.type) else "application/octet-stream"
        charset = part.params.get("charset", "") if kind.startswith("text/") else ""
        self.spans.append(part)
        self.attachments.append(
            Attachment(
                name=name or self._made_name(part, kind),
                type=kind,
                size=self._size(part, encoding),
                start=part.start,
                end=part.end,
                encoding=encoding,
                inline=disposition == "inline" or (part.headers.has("content-id") and disposition != "attachment"),
                content_id=decode_header(part.headers.first("content-id"), 250).strip("<> "),
                charset=charset if _CHARSET.match(charset) else "",
            )
        )

    def _made_name(self, part: Part, kind: str) -> str:
        """Return a name for an attachment without one: the subject of a mail, else its place and type."""
        ending = _ENDINGS.get(kind, "bin")
        if kind == "message/rfc822":
            inner = header_fields(self.walked.view, part.start, part.end, 4096)[0]
            subject = safe_name(decode_header(inner.first("subject"), 100).replace("/", " ").replace("\\", " "))
            return f"{subject}.eml" if subject else f"mail-{len(self.attachments) + 1}.eml"
        return f"attachment-{len(self.attachments) + 1}.{ending}"

    def _size(self, part: Part, encoding: str) -> int:
        """Return the decoded size in bytes. Base64 is counted, not decoded: four characters are three bytes."""
        view = self.walked.view
        if encoding == "base64":
            self.runs[part] = tuple(base64_runs(view, part.start, part.end))
            return sum(map(len, self.runs[part])) * 3 // 4
        if encoding == "quoted-printable" or encoding in UU_ENCODINGS:
            return len(decode_transfer(view[part.start : part.end], encoding))
        return part.end - part.start

    def text(self) -> str:
        """Return the text of the mail: of alternatives the plain one unless it is empty, parts one below the other."""
        plain = {part: self._plain(part) for part in self.texts if part.type != "text/html"}
        spoken = {part.within("multipart/alternative") for part, text in plain.items() if text.strip()} - {None}
        pieces = []
        left = TEXT_MAX
        for part in self.texts:
            if left <= 0:
                break
            text = plain.get(part, "")
            if part.type == "text/html" and part.within("multipart/alternative") not in spoken:
                text = html_to_text(self._decoded(part, HTML_MAX))
            if text.strip():
                pieces.append(text[:left].strip("\n"))
                left -= len(text)
        if left < 0:
            self.defects.append("text cut")
        return "\n\n".join(pieces)

    def _plain(self, part: Part) -> str:
        return self._without_uu(part) or self._decoded(part, TEXT_MAX)

    def _decoded(self, part: Part, limit: int) -> str:
        end = min(part.end, part.start + 3 * limit)
        if end < part.end:
            self.defects.append("text cut")
        encoding = encoding_of(part.headers)
        data = decode_transfer(self.walked.view[part.start : end], encoding)
        return decode_charset(data[: 2 * limit], part.params.get("charset", ""))

    def _without_uu(self, part: Part) -> str:
        """Return the text around uuencoded files, which become attachments; "" when the part has none."""
        view = self.walked.view
        if view.find(b"begin ", part.start, part.end) < 0:
            return ""
        pieces, at = [], part.start
        while (begin := _UU_BEGIN.search(view, at, part.end)) and len(self.attachments) < ATTACHMENTS_MAX:
            end = _UU_END.search(view, begin.end(), part.end)
            if end is None:
                break
            pieces.append(view[at : begin.start()])
            inner = Part(Headers((), {"content-transfer-encoding": b"x-uuencode"}), begin.start(), end.end())
            inner.type, inner.params = "application/octet-stream", {"name": decode_words(header_text(begin[1]))}
            self._attach(inner, "x-uuencode")
            at = end.end()
        if at == part.start:
            return ""
        pieces.append(view[at : part.end][: 3 * TEXT_MAX])
        return decode_charset(b"".join(pieces)[: 3 * TEXT_MAX], part.params.get("charset", "")) or " "

    def digest(self, identity_bytes: bytes, text: str) -> bytes:
        """Return the message key of DESIGN 7: what names the mail, its text without white space, its attachments.

        Attachments go in as base64 without line ends, whatever encoding they came in, so that a relay that re-encodes
        or re-wraps changes nothing, and the common case needs no decoding. The alternative that is not shown as text
        does not count.
        """
        key = hashlib.sha256(identity_bytes)
        key.update("".join(text.split()).encode())
        for part, attachment in zip(self.spans, self.attachments, strict=True):
            key.update(b"\0" + attachment.name.encode() + b"\0")
            self._hash_part(key, part, attachment.encoding)
        return key.digest()

    def _hash_part(self, key: "hashlib._Hash", part: Part, encoding: str) -> None:
        view = self.walked.view
        if encoding == "base64":
            for run in self.runs[part]:
                key.update(run)
            return
        data = decode_transfer(view[part.start : part.end], encoding)
        if part.type.startswith(("text/", "message/")):
            data = data.replace(b"\r\n", b"\n")
        key.update(_as_base64(data))


def _as_base64(data: bytes) -> bytes:
    """Return base64 without line ends and padding: what `base64_runs` yields of the same data."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=")


_ENDINGS = {
    "text/plain": "txt", "text/html": "html", "text/csv": "csv", "text/calendar": "ics", "text/xml": "xml",
    "text/vcard": "vcf", "text/x-vcard": "vcf", "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif",
    "image/bmp": "bmp", "image/tiff": "tif", "image/webp": "webp", "application/pdf": "pdf", "application/zip": "zip",
    "application/xml": "xml", "application/json": "json", "message/delivery-status": "txt",
    "text/rfc822-headers": "txt", "message/disposition-notification": "txt", "audio/mpeg": "mp3", "video/mp4": "mp4",
}  # fmt: skip

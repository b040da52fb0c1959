"""The page of the demo: write a mail to the desk as anybody, read what the desk sent, answer it.

Promises that a GET changes nothing, that foreign text is shown as text only, and that nothing leaves this machine: what
is written here goes by SMTP to the desk, what the desk sends is read from the sink. Never used outside the demo.
"""

import re
from datetime import UTC, tzinfo
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import formatdate, getaddresses, make_msgid
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from sandbox.sink import MailSink, SunkMail

FOLDER = Path(__file__).parent / "page"
FIELD_SIZE_MAX = 1000
TEXT_SIZE_MAX = 200_000
SHOWN_SIZE_MAX = 100_000
SEND_TIMEOUT_S = 30.0
FIELDS = ("from", "to", "subject", "text", "in_reply_to", "references")
CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css"}
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_POLICY = policy.SMTP.clone(max_line_length=998)  # a folded References header is encoded, and threads break


def routes(sink: MailSink, smtp_port: int, desk_address: str, *, zone: tzinfo = UTC) -> list[web.RouteDef]:
    """Return what the demo adds to the web: GET /demo with its files, GET /demo/mails, POST /demo/send.

    smtp_port is the desk's listener on this machine, zone the one in which times are told.
    """
    demo = Demo(sink, smtp_port, desk_address, zone)
    return [
        web.get("/demo", demo.page),
        web.get("/demo/{name:demo\\.(?:js|css)}", demo.file),
        web.get("/demo/mails", demo.mails),
        web.post("/demo/send", demo.send),
    ]


class Demo:
    """The handlers of the page."""

    def __init__(self, sink: MailSink, smtp_port: int, desk_address: str, zone: tzinfo) -> None:
        self._sink = sink
        self._smtp_port = smtp_port
        self._desk_address = desk_address
        self._zone = zone
        self._files = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir() if path.is_file()}
        self._page = self._files["demo.html"].replace("{{desk_address}}", escape(desk_address))
        self._shown: dict[int, dict[str, object]] = {}

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(text=self._page, content_type="text/html", headers=SECURITY)

    async def file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.Response(text=self._files[name], content_type=CONTENT_TYPES[Path(name).suffix], headers=SECURITY)

    async def mails(self, _: web.Request) -> web.Response:
        """Answer with the mails the desk sent, oldest first (CONTRACT 5). Each is parsed once while it is kept."""
        self._shown = {mail.id: self._shown.get(mail.id) or shown(mail, self._zone) for mail in self._sink.mails}
        return web.json_response(list(self._shown.values()), headers=SECURITY)

    async def send(self, request: web.Request) -> web.Response:
        """Write a mail and submit it to the desk. A form gets the page again, JSON `{message_id}` or `{error}`."""
        if not _is_own(request):
            raise web.HTTPForbidden
        wants_json = request.content_type == "application/json"
        try:
            given = await request.json() if wants_json else await request.post()
            mail = _compose({name: str(given.get(name) or "") for name in FIELDS}, self._desk_address)
        except (ValueError, LookupError, AttributeError, MessageError):
            return _answer(400, error="bad_fields")
        try:
            await _submit(mail, self._smtp_port)
        except SMTPResponseException as refusal:
            return _answer(502, error="refused", reply=f"{refusal.code} {refusal.message}")
        except (SMTPException, OSError):
            return _answer(503, error="away")
        if not wants_json:
            raise web.HTTPSeeOther("/demo")
        return _answer(200, message_id=str(mail["Message-ID"]))


def _answer(status: int, **said: str) -> web.Response:
    return web.json_response(said, status=status, headers=SECURITY)


def _is_own(request: web.Request) -> bool:
    """Tell whether a POST comes from our page, or from no browser: a foreign page must not send mail in our name."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def _compose(fields: dict[str, str], desk_address: str) -> EmailMessage:
    """Return the mail of a filled form. Raises ValueError when a field cannot stand in a mail."""
    lines = {name: " ".join(value.split()) for name, value in fields.items() if name != "text"}
    if (
        "@" not in lines["from"]
        or max(map(len, lines.values())) > FIELD_SIZE_MAX
        or len(fields["text"]) > TEXT_SIZE_MAX
    ):
        raise ValueError("a field is missing or too long")
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = lines["from"]
    mail["To"] = lines["to"] or desk_address
    mail["Subject"] = lines["subject"]
    mail["Date"] = formatdate(usegmt=True)
    mail["Message-ID"] = make_msgid(domain="demo.invalid")
    if lines["in_reply_to"]:
        mail["In-Reply-To"] = lines["in_reply_to"]
        mail["References"] = lines["references"] or lines["in_reply_to"]
    mail.set_content(fields["text"].replace("\r\n", "\n"), cte="quoted-printable")
    return mail


async def _submit(mail: EmailMessage, smtp_port: int) -> None:
    client = SMTP(
        hostname="127.0.0.1", port=smtp_port, start_tls=False, timeout=SEND_TIMEOUT_S, local_hostname="demo.invalid"
    )
    try:
        await client.connect()
        await client.mail(_addresses(str(mail["From"]))[0])
        for recipient in _addresses(str(mail["To"])):
            await client.rcpt(recipient)
        await client.data(mail.as_bytes())
    finally:
        client.close()


def _addresses(header: str) -> list[str]:
    found = [address for _, address in getaddresses([header]) if "@" in address]
    if not found:
        raise SMTPResponseException(553, "no address")
    return found


def shown(mail: SunkMail, zone: tzinfo) -> dict[str, object]:
    """Return a mail as `/demo/mails` shows it. Never raises on a broken mail: what cannot be read is empty."""
    message = message_from_bytes(mail.content, policy=policy.default)

    def header(name: str) -> str:
        try:
            return _clean(str(message.get(name, "")))
        except (ValueError, LookupError, IndexError, AttributeError, MessageError):  # what its parser cannot read
            return ""

    sender = [address for _, address in getaddresses([header("From")]) if address]
    return {
        "id": mail.id,
        "at": mail.at.astimezone(zone).isoformat("T", "milliseconds"),
        "from": sender[0] if sender else mail.envelope_from,
        "to": list(mail.recipients),
        "subject": header("Subject"),
        "text": _body(message, "plain"),
        "html": _body(message, "html"),
        "message_id": header("Message-ID").strip(),
        "in_reply_to": header("In-Reply-To").strip(),
        "reply_to": header("Reply-To").strip(),
        "references": header("References").strip(),
    }


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    if part is None:
        return ""
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    try:
        text = raw.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        text = raw.decode("latin-1")
    return _clean(text.replace("\r\n", "\n"))[:SHOWN_SIZE_MAX]


def _clean(text: str) -> str:
    return re.sub("[\ud800-\udfff\x00]", "\N{REPLACEMENT CHARACTER}", text)

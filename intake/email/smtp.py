"""The door for mail by SMTP: aiosmtpd's frame on our own loop, with the content read in blocks.

Promises that 250 after DATA comes only when `store` has returned, that what was sent completely is stored even when its
client has gone, and that every session, mail and byte is bounded. A reply never tells anything of the house's inside.
Nothing that was said before TLS counts after it; a login submits as its own address only, and to the desk only.
Never reads a mail: it hands the bytes on as they came.
"""

import asyncio
import logging
import ssl
from asyncio import StreamReaderProtocol
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from re import IGNORECASE
from re import compile as pattern
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope

from desk.base.errors import ListenerBusy, StoreAway
from desk.base.message import Delivery
from desk.base.names import Transport
from intake.email.content import Content
from intake.email.limits import BufferBudget, SessionLimit, is_in, is_loopback
from intake.email.login import MECHANISMS, Accounts, LoginMalformed, hear_login
from intake.email.proxied import ProxyHeaderUnfit, proxied_source
from intake.email.settings import SmtpSettings

COMMAND_TIMEOUT_S = 300.0
"""Silence after which a session ends; also between two blocks of a mail (RFC 5321 §4.5.3.2 asks for 300)."""

STORE_TIMEOUT_S = 120.0
"""Longest wait for a commit before the client is told to try later; clients wait 600 s (RFC 5321 §4.5.3.2.6)."""

SESSION_MAX_S = 3600.0
"""A session ends after this, whatever it does."""

SESSION_NEW_MAIL_S = 1800.0
"""A session older than this may finish its mail but begin no other: each mail has the rest of the hour."""

CLOSE_GRACE_S = 5.0
"""What a client gets to read the last reply before its connection is cut."""

REFUSAL_MAX = 100
"""Refused commands after which a session ends."""

COMMAND_MAX = 100_000
"""Commands of one kind in a session."""

COMMAND_SIZE_MAX = 1024
"""Bytes of a command line: RFC 5321 §4.5.3.1.4 asks for 512, SIZE, SMTPUTF8 and long addresses want more."""

LOGIN_LINE_MAX = 12_288
"""Bytes of a line of a login (RFC 4954 §4)."""

LOGIN_FAILURE_MAX = 3
"""Failed logins after which a session ends."""

LOGIN_DELAY_S = 1.0
"""What a failed login waits for its answer, so that guessing is slow; only its own session waits."""

TLS_HANDSHAKE_S = 30.0
"""Longest handshake after STARTTLS."""

ADDRESS_SIZE_MAX = 320
"""Characters of an envelope address: 64 for the local part, 255 for the domain, and the @."""

READ_AHEAD = 64 * 1024
"""Bytes taken from a socket at a time; a stream buffers twice as many before it pauses its socket."""

BLOCK_MAX = 64 * 1024
"""Bytes of DATA that are looked at in one go."""

KEEP_ALIVE_S = 1.0
"""Commands and blocks that come faster than this do not reset the timeout each."""

TRY_LATER = "451 4.3.0 Mail cannot be stored now, please try again later"
STORED = "250 2.0.0 Mail stored"
GOODBYE_BUSY = "421 4.3.2 Too many sessions, please try again later"
GOODBYE_CLOSING = "421 4.3.2 Service is closing, please try again later"
GOODBYE_OLD = "421 4.4.2 Session is too old, please connect again"
GOODBYE_SILENT = "421 4.4.2 Session timed out"
GOODBYE_ERRORS = "421 4.7.0 Too many refused commands"
GOODBYE_LOGINS = "421 4.7.0 Too many failed logins"
GOODBYE_PROXY = "421 4.7.0 This address is no proxy of this server"

_PATH = pattern(
    r"(?:FROM|TO):\s*"
    r"(?:<(?:@[^:<>\s]*:)?(?P<path>(?:\"(?:[^\"\\]|\\.)*\"|[^\"<>\s\\])*)>|(?P<bare>[^\"<>\s\\]+))"
    r"(?:\s+(?P<parameters>\S.*))?\Z",
    IGNORECASE,
)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SmtpCounters:
    """What `/metrics` shows of this door. `refused` counts mails and sessions by reason."""

    accepted: int = 0
    sessions: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class SmtpListener:
    """Listens for mail and hands each to `store`.

    `store` returns when the mail is committed and raises StoreAway when it cannot be now. `is_ours` tells whether an
    envelope address is the desk's. Peers that `is_exempt` names are not held to a share of the sessions. STARTTLS is
    offered with `tls`. Doors of one node share a `budget`. `bind_port` overrides the settings' port; 0 there takes a
    free one, and `port` tells which.
    """

    transport = Transport.SMTP

    def __init__(
        self,
        settings: SmtpSettings,
        is_ours: Callable[[str], bool],
        store: Callable[[Delivery], Awaitable[None]],
        hostname: str,
        *,
        is_exempt: Callable[[str], bool] = is_loopback,
        tls: ssl.SSLContext | None = None,
        budget: BufferBudget | None = None,
        bind_port: int | None = None,
    ) -> None:
        self.settings = settings
        self.accounts = Accounts(settings.accounts)
        self.tls = tls
        self.is_ours = is_ours
        self.hostname = hostname
        self.counters = SmtpCounters()
        self.budget = budget or BufferBudget(settings.max_size)
        self.limit = SessionLimit(settings.max_sessions, is_exempt)
        self.is_closing = False
        self.sessions: set[SmtpSession] = set()
        self._store = store
        self._storing: set[asyncio.Task[bool]] = set()
        self.port = settings.port if bind_port is None else bind_port
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Open the door. Raises ListenerBusy when the address cannot be had."""
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd's lines quote what clients say
        host = self.settings.host
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self.session, host, self.port, backlog=self.settings.max_sessions)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ListenerBusy(
                f"{self.transport}.port: cannot listen on {host} port {self.port} ({reason});"
                f" stop the program that holds it, or set another {self.transport}.port"
            ) from error
        self.port = int(self._server.sockets[0].getsockname()[1])
        log.info("listener_started", door=self.transport.value, host=host, port=self.port)

    def session(self) -> "SmtpSession":
        """Return what talks with one client."""
        return SmtpSession(self)

    async def stop(self, drain_s: float) -> None:
        """Close the door, finish within drain_s what is under way, cut the rest: nobody was told 250 for that."""
        if self._server is None or self.is_closing:
            return
        self.is_closing = True
        self._server.close()
        for session in tuple(self.sessions):
            session.leave_if_idle()
        await _settle({session.answering() for session in self.sessions} | self._storing, drain_s)
        for session in tuple(self.sessions):
            session.cut()
        await _settle({session.answering() for session in self.sessions}, CLOSE_GRACE_S)
        log.info("listener_stopped", door=self.transport.value, unfinished=len(self._storing))

    async def take(self, delivery: Delivery, content: Content) -> str:
        """Store a mail and return the reply. The store goes on when the caller is cancelled: the mail was sent."""
        task = asyncio.get_running_loop().create_task(self._stored(delivery))
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)
        task.add_done_callback(lambda _: content.drop())
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                is_stored = await asyncio.shield(task)
        except TimeoutError:
            log.warning("message_refused", reason="store_timeout", size=content.size)
            is_stored = False
        return STORED if is_stored else TRY_LATER

    def refuse(self, reason: str, size: int, peer: str) -> None:
        """Count a mail that was read to its end and not taken."""
        self.counters.refused[reason] += 1
        log.info("message_refused", reason=reason, size=size, peer=peer)

    def refuse_session(self, reason: str, peer: str) -> None:
        """Count a client that was sent away."""
        self.counters.refused[reason] += 1
        log.warning("session_refused", reason=reason, peer=peer)

    async def _stored(self, delivery: Delivery) -> bool:
        size = len(delivery.raw)
        try:
            await self._store(delivery)
        except StoreAway as away:
            self.counters.refused["store_away"] += 1
            log.warning("message_refused", reason="store_away", size=size, cause=str(away))
            return False
        except Exception:  # loop head: what the store did not foresee costs this mail a delay, the door nothing
            self.counters.refused["store_failed"] += 1
            log.exception("store_failed", size=size)
            return False
        self.counters.accepted += 1
        return True


class _CommandSizes(dict[str, int]):
    """aiosmtpd keeps one such dictionary for all sessions and grows it by what clients send; ours says one number."""

    def __missing__(self, command: str) -> int:
        return LOGIN_LINE_MAX if command == "AUTH" else COMMAND_SIZE_MAX


class SmtpSession(SMTP):
    """One client. aiosmtpd reads commands and keeps the timer; the verbs that carry a mail are ours."""

    line_length_limit = READ_AHEAD
    command_size_limit = COMMAND_SIZE_MAX
    greeting = "EHLO"
    ident = "ESMTP"
    counts_repeats = False
    """Whether a recipient that is given again is one more."""

    def __init__(self, listener: SmtpListener) -> None:
        self.command_size_limits = _CommandSizes()
        super().__init__(
            None,
            data_size_limit=listener.settings.max_size,
            enable_SMTPUTF8=True,
            hostname=listener.hostname,
            ident=self.ident,
            timeout=COMMAND_TIMEOUT_S,
            command_call_limit=COMMAND_MAX,
            loop=asyncio.get_running_loop(),
        )
        for verb, is_offered in (("AUTH", bool(listener.accounts)), ("STARTTLS", listener.tls is not None)):
            if not is_offered:
                self._smtp_methods.pop(verb)
        self._listener = listener
        self._wire: asyncio.Transport | None = None
        self._peer: str | None = None
        self._is_from_proxy = self._is_local = self._is_tls = self._in_handshake = False
        self._account = ""
        self._failed_logins = 0
        self._began_at = self._alive_at = self.loop.time()
        self._refusals = self._declared = 0
        self._in_mail = False

    # Connection

    def answering(self) -> "asyncio.Task[None]":
        """Return the task that answers this client; done when it has gone. No property: aiosmtpd reads all members."""
        assert self._handler_coroutine is not None
        return self._handler_coroutine

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        peername = transport.get_extra_info("peername")
        peer = str(peername[0]) if peername else ""
        self._is_from_proxy = is_in(self._listener.settings.proxy, peer)
        limit = self._listener.limit
        if self._listener.is_closing or not limit.enter(peer, speaks_for_others=self._is_from_proxy):
            self._listener.refuse_session("too_many_sessions", peer)
            transport.write(GOODBYE_BUSY.encode() + b"\r\n")
            transport.close()
            return
        transport.max_size = READ_AHEAD  # type: ignore[attr-defined]  # asyncio would take four times as many
        self._wire = transport
        self._peer = peer
        self._is_local = is_loopback(peer)
        self._listener.counters.sessions += 1
        self._listener.sessions.add(self)
        super().connection_made(transport)
        self.answering().add_done_callback(_look_at)

    def connection_lost(self, error: Exception | None) -> None:
        if self._peer is None:
            return
        self._listener.limit.leave(self._peer)
        self._listener.sessions.discard(self)
        self._peer = None
        super().connection_lost(error)

    def eof_received(self) -> bool | None:
        """Go on with what a client sent before it closed its side, and answer: aiosmtpd would cancel it."""
        return StreamReaderProtocol.eof_received(self)

    def leave_if_idle(self) -> None:
        """Say goodbye unless a mail is on its way: that one is finished first."""
        if not self._in_mail:
            self._say_goodbye(GOODBYE_CLOSING)

    def cut(self) -> None:
        """End the connection now."""
        if self._wire is not None:  # under TLS too: its transport may have given up its hold of the connection
            self._wire.abort()
        if self._in_handshake:
            self.connection_lost(None)  # asyncio tells nobody while it shakes hands

    def _say_goodbye(self, reply: str) -> None:
        if self._in_handshake:
            self.cut()
        elif isinstance(self.transport, asyncio.Transport) and not self.transport.is_closing():
            self.transport.write(reply.encode() + b"\r\n")
            self._close()

    def _close(self) -> None:
        assert self.transport is not None
        self.transport.close()
        super()._reset_timeout(CLOSE_GRACE_S)

    async def _handle_client(self) -> None:
        if not self._is_from_proxy or await self._learn_source():
            await super()._handle_client()

    async def _learn_source(self) -> bool:
        """Take as the peer whom the proxy's header names; False when the session ends for it."""
        assert self._peer is not None
        try:
            source = await proxied_source(self._reader, self._peer)
        except ProxyHeaderUnfit as unfit:
            self._listener.refuse_session(f"proxy_header_{unfit}", self._peer)
            self.cut()
            return False
        if not self._listener.limit.pass_on(self._peer, source):
            self._listener.refuse_session("too_many_sessions", source)
            self._say_goodbye(GOODBYE_BUSY)
            return False
        self._peer = source
        self._is_local = self._is_local and is_loopback(source)
        return True

    # Time

    def _reset_timeout(self, duration: float | None = None) -> None:
        now = self.loop.time()
        if duration is None and self._timeout_handle is not None and now - self._alive_at < KEEP_ALIVE_S:
            return
        self._alive_at = now
        left = self._began_at + SESSION_MAX_S - now
        if left > 0:  # else the timer that is set is due, and no command may put it off
            super()._reset_timeout(min(duration or COMMAND_TIMEOUT_S, left))

    def _timeout_cb(self) -> None:
        if self.transport is None:
            return
        if self.transport.is_closing():  # it does not read what it was told last
            self.cut()
        else:
            self._say_goodbye(GOODBYE_SILENT)

    # Replies

    async def push(self, status: str | bytes) -> None:
        if self.transport is None or self.transport.is_closing():
            raise ConnectionResetError("the client has gone")
        reply = status if isinstance(status, bytes) else status.encode("ascii", "backslashreplace")
        self._writer.write(reply + b"\r\n")
        await self._writer.drain()

    async def handle_exception(self, error: Exception) -> str:
        if isinstance(error, asyncio.IncompleteReadError | ConnectionError):  # the client has gone
            if self.transport is not None:
                self._close()
            return GOODBYE_SILENT
        log.error("session_failed", door=self._listener.transport.value, exc_info=error)
        return TRY_LATER

    async def _answer(self, status: str) -> None:
        await self.push(status)
        if status.startswith("421"):
            self._close()
        elif status[0] in "45":
            self._refusals += 1
            if self._refusals > REFUSAL_MAX:
                self._listener.refuse_session("too_many_refusals", self._peer or "")
                self._say_goodbye(GOODBYE_ERRORS)

    # Verbs: aiosmtpd finds them by name

    async def smtp_EHLO(self, hostname: str | None) -> None:  # noqa: N802
        if not hostname:
            await self._answer(f"501 5.5.4 Syntax: {self.greeting} hostname")
            return
        self.envelope = self._create_envelope()
        assert self.session is not None
        self.session.extended_smtp = True
        self.session.host_name = hostname
        await self.push("".join(f"250-{offer}\r\n" for offer in self._offers()) + "250 SMTPUTF8")

    def _offers(self) -> list[str]:
        offers = [self.hostname, f"SIZE {self._listener.settings.max_size}", "8BITMIME", "PIPELINING"]
        if self._listener.tls is not None and not self._is_tls:
            offers.append("STARTTLS")
        if self._may_log_in():
            offers.append(f"AUTH {' '.join(MECHANISMS)}")
        return offers

    async def smtp_PROXY(self, arg: str | None) -> None:  # noqa: N802, ARG002 - whatever it claims
        """Send away who is no proxy and claims to speak for another; 421, for an operator may have to be told first."""
        self._listener.refuse_session("no_proxy", self._peer or "")
        self._say_goodbye(GOODBYE_PROXY)

    async def smtp_STARTTLS(self, arg: str | None) -> None:  # noqa: N802
        assert self._listener.tls is not None
        if arg:
            await self._answer("501 5.5.4 Syntax: STARTTLS")
            return
        if self._is_tls:
            await self._answer("503 5.5.1 TLS is on")
            return
        await self.push("220 2.0.0 Ready to start TLS")
        self._reader._buffer.clear()  # type: ignore[attr-defined]  # commands sent in clear behind it (RFC 3207 §4.2)
        self._in_handshake = True
        try:
            await self._writer.start_tls(self._listener.tls, ssl_handshake_timeout=TLS_HANDSHAKE_S)
        except OSError as error:  # ssl.SSLError is one, and so is a handshake that lasts too long
            self._listener.refuse_session("tls_failed", self._peer or "")
            self.cut()
            raise ConnectionResetError("no TLS came of STARTTLS") from error
        finally:
            self._in_handshake = False
        self.transport = self._writer.transport
        self._reader._transport = self.transport  # type: ignore[attr-defined]  # start_tls leaves it the old one
        self._forget()
        self._is_tls = True

    def _forget(self) -> None:
        """Know nothing of what was said before TLS (RFC 3207 §4.2)."""
        self.session = self._create_session()
        self.envelope = self._create_envelope()
        self._account = ""

    # A login

    def _may_log_in(self) -> bool:
        """Tell whether a password may be sent: over TLS, or without leaving this machine (RFC 4954 §4)."""
        return bool(self._listener.accounts) and (self._is_tls or self._is_local)

    async def smtp_AUTH(self, arg: str | None) -> None:  # noqa: N802
        mechanism, _, initial = (arg or "").partition(" ")
        refusal = self._login_refusal(mechanism)
        if refusal:
            await self._answer(refusal)
            return
        try:
            first = initial.strip().encode("utf-8", "surrogateescape")  # as it came
            credentials = await hear_login(mechanism.upper(), first, self._ask)
        except LoginMalformed:
            await self._answer("501 5.5.2 The login cannot be read")
            return
        self._account = self._listener.accounts.login(credentials)
        if self._account:
            await self.push("235 2.7.0 Logged in")
        else:
            await self._refuse_login()

    def _login_refusal(self, mechanism: str) -> str:
        """Return the reply to a login that must not begin, "" for one that may."""
        assert self.session is not None
        assert self.envelope is not None
        if not self.session.extended_smtp or not self.session.host_name:
            return f"503 5.5.1 Send {self.greeting} first"
        if self._account or self.envelope.mail_from is not None:
            return "503 5.5.1 Not now"
        if not self._may_log_in():
            return "538 5.7.11 A login needs TLS"
        return "" if mechanism.upper() in MECHANISMS else "504 5.5.4 This mechanism is not known"

    async def _ask(self, challenge: str) -> bytes:
        """Send a challenge and return the line that answers it. Raises LoginMalformed when it is too long."""
        await self.push(f"334 {challenge}")
        try:
            line: bytes = await self._reader.readuntil()
        except asyncio.LimitOverrunError:
            self._listener.refuse_session("login_too_long", self._peer or "")
            raise ConnectionResetError("a line that no login has") from None
        self._reset_timeout()
        if len(line) > LOGIN_LINE_MAX:
            raise LoginMalformed
        return line.rstrip(b"\r\n")

    async def _refuse_login(self) -> None:
        self._failed_logins += 1
        log.warning("login_refused", peer=self._peer, failed=self._failed_logins)
        await asyncio.sleep(LOGIN_DELAY_S)
        await self._answer("535 5.7.8 Name or password is wrong")
        if self._failed_logins >= LOGIN_FAILURE_MAX:
            self._listener.refuse_session("too_many_logins", self._peer or "")
            self._say_goodbye(GOODBYE_LOGINS)

    # A mail

    async def smtp_VRFY(self, arg: str | None) -> None:  # noqa: N802, ARG002 - no address is told from another
        await self.push("252 2.5.0 Cannot verify, send mail to find out")

    async def smtp_HELP(self, arg: str | None) -> None:  # noqa: N802, ARG002 - one text for all
        await self.push("214 2.0.0 See RFC 5321")

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802
        await self._answer(self._judge_sender(arg or ""))

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802
        await self._answer(self._judge_recipient(arg or ""))

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802
        assert self.envelope is not None
        if arg:
            await self._answer("501 5.5.4 Syntax: DATA")
            return
        if not self.envelope.rcpt_tos:
            await self._answer("503 5.5.1 Give a recipient first")
            return
        self._in_mail = True
        replies = self.replies_after_content(len(self.envelope.rcpt_tos))
        try:
            status = await self._receive(self.envelope)
        finally:
            self._in_mail = False
            self.envelope = self._create_envelope()
        await self._answer("\r\n".join([status] * replies))
        if self._listener.is_closing:
            self._say_goodbye(GOODBYE_CLOSING)

    def replies_after_content(self, _recipients: int) -> int:
        """Return how many replies follow the content: one for all."""
        return 1

    async def _receive(self, envelope: Envelope) -> str:
        """Read a mail to its end and return the reply: it is stored, or to be sent later, or never."""
        content = Content(self._listener.settings.max_size, self._listener.budget, self._declared)
        try:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._read_blocks(content)
            raw = content.finish()
        except BaseException:  # also cancelled: the client has gone
            content.drop()
            raise
        if content.refusal is not None:
            self._listener.refuse(content.refusal.name.lower(), content.size, self._peer or "")
            return content.refusal.value
        delivery = Delivery(
            self._listener.transport,
            envelope.mail_from or "",
            tuple(dict.fromkeys(envelope.rcpt_tos)),
            self._peer or "",
            raw,
            authenticated_as=self._account,
        )
        self._reset_timeout()
        return await self._listener.take(delivery, content)

    async def _read_blocks(self, content: Content) -> None:
        """Feed content until its end. What follows is the client's next command: it goes back to the stream."""
        while True:
            block = await self._reader.read(BLOCK_MAX)
            if not block:
                raise ConnectionResetError("the client has gone")
            self._reset_timeout()
            rest = content.feed(block)
            if rest is not None:
                self._reader._buffer[:0] = rest  # type: ignore[attr-defined]
                return
            await content.wait_for_room()

    def _judge_sender(self, arg: str) -> str:
        """Return the reply to MAIL; a 250 has set the envelope's sender, "" for the null sender."""
        assert self.session is not None
        assert self.envelope is not None
        if self._listener.is_closing:
            return GOODBYE_CLOSING
        if self.loop.time() - self._began_at > SESSION_NEW_MAIL_S:
            return GOODBYE_OLD
        if not self.session.host_name:
            return f"503 5.5.1 Send {self.greeting} first"
        if self.envelope.mail_from is not None:
            return "503 5.5.1 The sender was given"
        found = _PATH.match(arg)
        if found is None or arg[:5].upper() != "FROM:":
            return "501 5.5.4 Syntax: MAIL FROM:<address>"
        address = found["bare"] or found["path"] or ""
        if not _is_usable(address):
            return "553 5.1.7 Malformed sender address"
        if self._account and address.lower() != self._account.lower():
            return "553 5.7.1 This login may send as its own address only"
        problem = self._parameter_problem(found["parameters"] or "")
        if problem:
            return problem
        self.envelope.mail_from = address
        return "250 2.1.0 Sender ok"

    def _parameter_problem(self, parameters: str) -> str:
        """Return the reply that refuses the parameters of MAIL, "" when they are good (RFC 1870, 6152, 6531, 4954).

        The size they declare is kept, 0 without one.
        """
        self._declared = 0
        for parameter in parameters.upper().split():
            name, _, value = parameter.partition("=")
            if name == "SIZE" and value.isascii() and value.isdigit():
                self._declared = int(value)
                if self._declared > self._listener.settings.max_size:
                    return "552 5.3.4 Message is larger than this server accepts"
            elif name == "AUTH" and self._listener.accounts:
                continue  # who wrote it first, told by somebody who need not be believed
            elif not (name == "BODY" and value in ("7BIT", "8BITMIME")) and parameter != "SMTPUTF8":
                return "555 5.5.4 Parameters are not known"
        return ""

    def _judge_recipient(self, arg: str) -> str:
        """Return the reply to RCPT; a 250 has the recipient in the envelope, once."""
        assert self.envelope is not None
        recipients = self.envelope.rcpt_tos
        if self.envelope.mail_from is None:
            return "503 5.5.1 Give the sender first"
        found = _PATH.match(arg)
        if found is None or arg[:3].upper() != "TO:":
            return "501 5.5.4 Syntax: RCPT TO:<address>"
        if found["parameters"]:
            return "555 5.5.4 Parameters are not known"
        address = found["bare"] or found["path"] or ""
        if not _is_usable(address) or not self._listener.is_ours(address):
            return "550 5.1.1 No such address here"
        if self.counts_repeats or address not in recipients:
            if len(recipients) >= self._listener.settings.max_recipients:
                return "452 4.5.3 Too many recipients"
            recipients.append(address)
        return "250 2.1.5 Recipient ok"


def _is_usable(address: str) -> bool:
    """Tell whether an address can be kept: no control character, no byte that is not UTF-8, of bounded length."""
    return len(address) <= ADDRESS_SIZE_MAX and address.isprintable()


def _look_at(task: "asyncio.Task[Any]") -> None:
    """Take note of how a session's task ended: a client that went away is no error, nothing else gets here."""
    if not task.cancelled() and not isinstance(task.exception(), ConnectionError | None):
        log.error("session_failed", door="smtp", exc_info=task.exception())


async def _settle(tasks: "set[asyncio.Task[Any]]", timeout_s: float) -> None:
    if tasks:
        await asyncio.wait(tasks, timeout=timeout_s)

"""The door for mail by LMTP (RFC 2033): SMTP's, for a mail server on this machine that wants an answer a recipient.

Promises what the door for SMTP does, within the same limits; after the content there is one reply for each RCPT that
was taken, all alike, because a mail is committed once for all of them. Never: offers TLS or a login, or takes the PROXY
protocol: RFC 2033 §1 has it off the network, and `[lmtp]` has no certificate of its own.
"""

import re
from dataclasses import replace

from desk.base.names import Transport
from intake.email.settings import LmtpSettings, SmtpSettings
from intake.email.smtp import SmtpListener, SmtpSession

_WITHOUT_STATUS = re.compile(r"\A([245])\d\d (?!\d\.\d{1,3}\.\d{1,3} )")


def lmtp_door(smtp: SmtpSettings, lmtp: LmtpSettings) -> SmtpSettings:
    """Return the limits of the door for SMTP at LMTP's place, without what is for clients on the network."""
    return replace(smtp, host=lmtp.host, port=lmtp.port, certificate="", key="", proxy=(), accounts=())


class LmtpListener(SmtpListener):
    """Listens for mail by LMTP; its settings are made by `lmtp_door`."""

    transport = Transport.LMTP

    def session(self) -> SmtpSession:
        return LmtpSession(self)


class LmtpSession(SmtpSession):
    """One mail server."""

    greeting = "LHLO"
    ident = "LMTP"
    counts_repeats = True  # RFC 2033 §4.2: a reply for each RCPT that was taken, also of an address given twice

    def __init__(self, listener: SmtpListener) -> None:
        super().__init__(listener)
        for verb in ("EHLO", "HELO"):
            self._smtp_methods.pop(verb)

    async def smtp_LHLO(self, hostname: str | None) -> None:  # noqa: N802
        await self.smtp_EHLO(hostname)

    def _offers(self) -> list[str]:
        return [*super()._offers(), "ENHANCEDSTATUSCODES"]  # RFC 2033 §5 wants it

    def replies_after_content(self, recipients: int) -> int:
        """Return how many replies follow the content: one for each RCPT that was taken."""
        return recipients

    async def push(self, status: str | bytes) -> None:
        """Send a reply; aiosmtpd's own have no enhanced status code, which was promised for all but the greeting."""
        assert self.session is not None
        text = status.decode() if isinstance(status, bytes) else status
        if self.session.host_name:
            text = _WITHOUT_STATUS.sub(lambda code: f"{code[0]}{code[1]}.0.0 ", text, count=1)
        await super().push(text)

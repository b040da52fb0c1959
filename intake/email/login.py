"""Who may submit mail by SMTP after a login: the accounts, and how a client says who it is (RFC 4954, 4616).

Promises: an account is named only for its own password, compared in a time that tells nothing; what a client said of
itself is never logged, nor put into an error. Never: decides what an account may do.
"""

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from secrets import token_bytes

from intake.email.settings import SmtpAccountSettings

MECHANISMS = ("PLAIN", "LOGIN")
ASK_NOTHING = ""
ASK_USERNAME = "VXNlcm5hbWU6"
"""`Username:` in base64, the words that clients of LOGIN know."""
ASK_PASSWORD = "UGFzc3dvcmQ6"  # noqa: S105 -- `Password:` in base64, what clients are asked
CANCEL = b"*"
EMPTY = b"="
"""An initial response of no length (RFC 4954 §4)."""


class LoginMalformed(Exception):
    """What a client sent as its login is no base64, has another form, or was cancelled."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who a client says it is; `acts_for` is another identity it asks to act for, "" for none."""

    username: str
    password: bytes = field(repr=False)
    acts_for: str = ""


class Accounts:
    """The accounts of the settings."""

    def __init__(self, accounts: Iterable[SmtpAccountSettings]) -> None:
        self._kept = {one.username.lower(): (one.username, _digest(one.password.encode())) for one in accounts}
        self._nobody = ("", token_bytes(32))

    def __bool__(self) -> bool:
        return bool(self._kept)

    def login(self, credentials: Credentials) -> str:
        """Return the name of the account whose password this is, as the settings write it; "" when it is nobody's.

        An account acts for itself only.
        """
        name, kept = self._kept.get(credentials.username.lower(), self._nobody)
        is_right = compare_digest(_digest(credentials.password), kept)
        is_itself = credentials.acts_for.lower() in ("", credentials.username.lower())
        return name if is_right and is_itself else ""


async def hear_login(mechanism: str, initial: bytes, ask: Callable[[str], Awaitable[bytes]]) -> Credentials:
    """Have a client say who it is. `initial` is what came with the command, b"" for nothing.

    `ask` sends a challenge and returns the line that answers it.

    Raises LoginMalformed, and what `ask` raises.
    """
    if mechanism == "PLAIN":
        return _plain(_decoded(initial or await ask(ASK_NOTHING)))
    username = _decoded(initial or await ask(ASK_USERNAME))
    return Credentials(_text(username), _decoded(await ask(ASK_PASSWORD)))


def _plain(message: bytes) -> Credentials:
    """Read `acts for NUL username NUL password` (RFC 4616)."""
    parts = message.split(b"\0")
    if len(parts) != 3:  # noqa: PLR2004 -- the form of it, named above
        raise LoginMalformed
    acts_for, username, password = parts
    return Credentials(_text(username), password, _text(acts_for))


def _decoded(line: bytes) -> bytes:
    if line == CANCEL:
        raise LoginMalformed
    if line == EMPTY:
        return b""
    try:
        return b64decode(line, validate=True)
    except binascii.Error:
        raise LoginMalformed from None  # the cause would carry what was sent


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        raise LoginMalformed from None  # the cause would carry what was sent


def _digest(password: bytes) -> bytes:
    """Make passwords of one length, so that comparing them tells none."""
    return sha256(password).digest()

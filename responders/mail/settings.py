"""The settings of the way out: the relay that takes our mail, and the signature on it."""

# ruff: noqa: RUF009 (what these calls return is a dataclass field)

from dataclasses import dataclass

from desk.base.kinds import DOMAIN, FILE, HOST, IDENTIFIER, TEXT, choice, integer, optional
from desk.base.setting import optional_part, setting

RELAY_PORT = integer(1, 65535)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayServerSettings:
    """A relay that is used when the first cannot be reached or fails before DATA; never after a DATA without reply."""

    host: str = setting("127.0.0.1", "Host of the relay.", HOST)
    port: int = setting(25, "Port of the relay.", RELAY_PORT)
    username: str = setting("", "Name of the login; empty: none.", TEXT)
    password: str = setting("", "Its password.", TEXT, secret=True)
    oauth: str = setting(
        "", "Name of an `[oauth.NAME]` table, instead of a password.", optional(IDENTIFIER), later="mailboxes"
    )
    tls: str = setting("none", "`tls` from the first byte, `starttls`, or `none`.", choice("none", "starttls", "tls"))
    ca_file: str = setting("", "Certificates (PEM) that are trusted instead of the system's.", optional(FILE))
    envelope: str = setting(
        "verp",
        "`verp` is a signed bounce sender for each mail; `account` is for relays that allow only the account.",
        choice("verp", "account"),
        later="mailboxes",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings(RelayServerSettings):
    """The relay that takes our mail."""

    fallback: RelayServerSettings | None = optional_part(RelayServerSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimSettings:
    """The signature on what we send."""

    domain: str = setting("", "Domain that signs; empty: nothing is signed.", optional(DOMAIN), later="mailboxes")
    selector: str = setting(
        "", "Selector under which the public key stands in DNS.", optional(IDENTIFIER), later="mailboxes"
    )
    key_file: str = setting("", "Private key (PEM) that signs.", optional(FILE), later="mailboxes")

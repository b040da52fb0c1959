"""The settings of the ways a mail comes in: SMTP, LMTP, mailboxes, and whom they may trust."""

# ruff: noqa: RUF009 (what these calls return is a dataclass field)

from dataclasses import dataclass
from datetime import timedelta

from desk.base.kinds import (
    ADDRESS,
    DOMAIN,
    ENDPOINT,
    FILE,
    HEADER,
    HOST,
    IDENTIFIER,
    NAME,
    NETWORK,
    PORT,
    SINCE,
    TEXT,
    Endpoint,
    Network,
    choice,
    duration,
    integer,
    list_of,
    maybe,
    optional,
    size,
)
from desk.base.setting import required, rows, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpAccountSettings:
    """Who may submit to the desk as an address after a login (PLAIN, LOGIN): over TLS, or from this machine."""

    username: str = required("Address, and name of the login.", ADDRESS)
    password: str = required("Its password.", NAME, secret=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """The SMTP listener that takes mail for the desk."""

    host: str = setting("127.0.0.1", "Address the listener binds to.", HOST)
    port: int = setting(2525, "Port of the listener; 0 is off.", PORT)
    max_size: int = setting("40MiB", "Largest mail taken; over it 552.", size("1KiB", "2GiB"))
    max_recipients: int = setting(100, "Recipients of one mail; over it 452.", integer(1, 10_000))
    max_sessions: int = setting(
        200, "Connections at once, at most a quarter of them from one peer; over it 421.", integer(1, 100_000)
    )
    certificate: str = setting("", "Certificate chain (PEM); with it STARTTLS is offered.", optional(FILE))
    key: str = setting("", "Private key (PEM) of that certificate, without a passphrase.", optional(FILE))
    proxy: tuple[Network, ...] = setting(
        [],
        "Proxies: each of their connections begins with the PROXY protocol (version 1 or 2), and the peer is whom it "
        "names. From anybody else it ends the connection.",
        list_of(NETWORK),
    )
    accounts: tuple[SmtpAccountSettings, ...] = rows(SmtpAccountSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class LmtpSettings:
    """The LMTP listener, for a mail server on the same machine, within the limits of `[smtp]`."""

    host: str = setting("127.0.0.1", "Address the listener binds to.", HOST)
    port: int = setting(0, "Port of the listener; 0 is off.", PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapSettings:
    """Mailboxes that mail is fetched from, and whom the headers of each may vouch for."""

    name: str = setting("", "Name in logs, metrics and doctor; empty: username/folder.", TEXT)
    host: str = required("Host of the mailbox.", HOST)
    port: int = setting(0, "Port; 0: 993 with `tls`, else 143.", PORT)
    username: str = required("Name of the login.", NAME)
    password: str = setting("", "Its password, unless `oauth` is given.", TEXT, secret=True)
    oauth: str = setting("", "Name of an `[oauth.NAME]` table.", optional(IDENTIFIER))
    folder: str = setting("INBOX", "Folder that is watched.", NAME)
    tls: str = setting("none", "`tls` from the first byte, `starttls`, or `none`.", choice("none", "starttls", "tls"))
    ca_file: str = setting("", "Certificates (PEM) that are trusted instead of the system's.", optional(FILE))
    poll: timedelta = setting("60s", "Longest time between two looks, whatever the server says.", duration("1s", "1d"))
    done_folder: str = setting("", "Folder that taken mail is moved to; empty: it is marked as read.", TEXT)
    since: str = setting("now", "What first contact takes: only what comes later, or a backlog too.", SINCE)
    junk: str = setting("watch", "Whether the provider's spam folder is looked through.", choice("watch", "off"))
    authserv_id: str = setting("", "Name in the Authentication-Results headers that are believed.", TEXT)
    internal: str = setting("", "`m365` believes Microsoft's mark of internal mail.", choice("", "m365"))
    internal_domains: tuple[str, ...] = setting([], "Domains that mark may speak for.", list_of(DOMAIN))
    hops: tuple[str, ...] = setting([], "Hosts whose Received lines the provider adds afterwards.", list_of(HOST))

    @property
    def label(self) -> str:
        """The name in logs, metrics and doctor (CONTRACT 4: it defaults to username/folder)."""
        return self.name or f"{self.username}/{self.folder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSettings:
    """Whom mail that comes by SMTP, LMTP and the pipe may be vouched for by. A mailbox has its own."""

    authserv_id: str = setting(
        "", "Name in the Authentication-Results headers that are believed.", TEXT, later="reading"
    )
    relays: tuple[Network, ...] = setting(
        [],
        "Mail servers whose headers are believed; they may hold any number of sessions.",
        list_of(NETWORK),
    )
    spam_header: str = setting(
        "", 'Header by which the trusted server marks spam: "X-Spam-Flag: YES".', optional(HEADER), later="reading"
    )
    resolver: Endpoint | None = setting(
        "", "The only DNS server asked; empty: the system's.", maybe(ENDPOINT), later="reading"
    )
    lists: tuple[str, ...] = setting(
        [], "Groups of the desk's own: mail through them is of people.", list_of(ADDRESS), later="reading"
    )
    forms: tuple[str, ...] = setting(
        [], "Senders of contact forms: their Reply-To is the requester.", list_of(ADDRESS), later="reading"
    )
    blocked_domains: tuple[str, ...] = setting(
        [], "Domains whose mail is held unseen.", list_of(DOMAIN), later="consultants"
    )

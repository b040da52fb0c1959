"""What every rule may know of the desk it decides for: set at start, the same for every act."""

from dataclasses import dataclass

from desk.rules.addresses import Signer
from desk.rules.calendar import Calendar
from desk.rules.deadlines import Targets
from desk.rules.tutorials import Tutorial


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody a user may call when nobody answers, in contact order (process section 1)."""

    name: str
    phone: str
    extension: str


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk: its calendar, what it promises, how it signs, what its mails say of it.

    `language` speaks to whoever's own is not known; `public_url` is where users reach the status page, "" where they
    cannot; `public_domains` are those of mail providers, where sharing a domain makes nobody a colleague.
    """

    calendar: Calendar
    targets: Targets
    signer: Signer
    language: str
    contacts: tuple[Contact, ...] = ()
    operator: str = ""
    public_url: str = ""
    privacy_url: str = ""
    privacy_version: str = ""
    tutorials: tuple[Tutorial, ...] = ()
    public_domains: frozenset[str] = frozenset()

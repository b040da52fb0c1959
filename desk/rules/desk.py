"""What every rule may know of the desk it decides for: set at start, the same for every act."""

from dataclasses import dataclass

from desk.rules.addresses import Signer
from desk.rules.calendar import Calendar
from desk.rules.deadlines import Targets


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody a user may call when nobody answers, in contact order (process section 1)."""

    name: str
    phone: str
    extension: str


@dataclass(frozen=True, slots=True)
class Desk:
    """The desk: its calendar, what it promises, how it signs, what its mails say of it.

    `language` speaks to whoever's own is not known; `public_domains` are those of mail providers, where sharing a
    domain makes nobody a colleague.
    """

    calendar: Calendar
    targets: Targets
    signer: Signer
    language: str
    contacts: tuple[Contact, ...] = ()
    operator: str = ""
    privacy_url: str = ""
    public_domains: frozenset[str] = frozenset()

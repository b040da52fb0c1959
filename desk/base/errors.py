"""One class a situation. `public` may be mailed, spoken or put into an SMTP reply; the cause goes to the log only.

Senders and listeners answer in three words: done, later, never. What is unknown means later.
"""

from dataclasses import dataclass
from datetime import datetime


class VentanillaError(Exception):
    """Base of all situations the house knows."""

    public = "Algo falló; lo estamos revisando."


class StoreAway(VentanillaError):
    """The database cannot be reached or cannot write now (down, disk full, locked too long): try later."""

    public = "Temporarily unable to store mail, please try again later"


class NotMigrated(VentanillaError):
    """The database holds no tables yet, or those of an earlier version; the text says what to do."""


class MailNotTaken(VentanillaError):
    """A mail on standard input is none that can be taken: empty, too big, not for the desk; the text says which."""


class BackupImpossible(VentanillaError):
    """No copy can be made as asked: a file is there already, or a program is missing; the text says which."""


class ErasuresUnreadable(VentanillaError):
    """A list of erasures holds a line that is none; the text says which."""


class AlreadyRunning(VentanillaError):
    """Another node has the SQLite file; the text names it and what to do."""


class ActLost(VentanillaError):
    """An act lost the race five times in a row."""


class DeliveryLater(VentanillaError):
    """The relay did not take the mail now. `code` is its reply, 0 when it never answered; `data_sent` tells whether
    the content may have reached it; `counts` is False when it speaks of no mail but of the relay, and then `is_alone`
    tells that only this mail must wait for it: others may go another way."""

    def __init__(
        self, text: str, *, code: int = 0, data_sent: bool = False, counts: bool = True, is_alone: bool = False
    ) -> None:
        super().__init__(text)
        self.code = code
        self.data_sent = data_sent
        self.counts = counts
        self.is_alone = is_alone


class DeliveryRefused(VentanillaError):
    """The relay refused the mail for good (5xx)."""

    def __init__(self, text: str, *, code: int) -> None:
        super().__init__(text)
        self.code = code


class UnknownHeld(VentanillaError):
    """No held item has this id."""


class AlreadyDecided(VentanillaError):
    """Somebody decided this held item before: what, who and when (UTC)."""

    def __init__(self, item: int, verdict: str, by: str, at: datetime) -> None:
        super().__init__(f"held item {item} was {verdict} by {by} at {at.isoformat(timespec='seconds')}")
        self.item = item
        self.verdict = verdict
        self.by = by
        self.at = at


class CannotRelease(VentanillaError):
    """A held item cannot go on, as its mail is kept no more, or went out and came back; the text says which."""


class UnknownNumber(VentanillaError):
    """No incident has this number, or its check digit is wrong."""


class OutsideCalendar(VentanillaError):
    """An instant, or a promise counted from it, lies beyond the years the calendar knows or its reach."""


class TemplateMissing(VentanillaError):
    """A mail has no template in a language; the text names the files looked for."""


class TemplateBroken(VentanillaError):
    """A file of a language folder cannot be read as what it should be; the text names file and mistake."""


class ReaderFailed(VentanillaError):
    """A reader process died, ran out of time or of memory on a mail."""


class ListenerBusy(VentanillaError):
    """A port is taken; the text names setting, address and what to do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the configuration: where (file or variable), dotted key, value as text, what is allowed."""

    where: str
    key: str
    value: str
    allowed: str

    def __str__(self) -> str:
        value = f" {self.value}" if self.value else ""
        return f"{self.where}: {self.key}{value}: {self.allowed}"


class SettingsInvalid(VentanillaError):
    """The configuration is wrong; `problems` lists every mistake."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

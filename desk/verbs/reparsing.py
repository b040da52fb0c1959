"""The act of a mail that is read again: its views anew, guarded by its incident's version."""

from dataclasses import dataclass
from datetime import datetime

from desk.base.message import Message
from desk.commit import Commit
from desk.ledger.reparse import StoredMail, standing
from desk.rules import reparsing
from desk.rules.decision import Decision
from desk.rules.numbers import number_of
from desk.rules.reparsing import Standing


@dataclass(frozen=True, slots=True)
class RewriteViews:
    """Writes what a stored mail says by the present version."""

    commit: Commit
    mail: StoredMail
    message: Message

    @property
    def lanes(self) -> tuple[str, ...]:
        return (number_of(self.mail.incident),)

    async def load(self) -> Standing:
        return await self.commit.store.read(standing(self.mail))

    def decide(self, facts: Standing, _now: datetime) -> Decision:
        return reparsing.rewrite(facts, self.message)

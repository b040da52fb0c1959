"""The act of a mail: loads what is known of sender, thread and roster, and lets `rules.reception` decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from desk.base.errors import ActLost
from desk.base.grade import Grade
from desk.base.message import Arrival, Message
from desk.base.names import Channel, MessageKind
from desk.commit import Commit
from desk.ledger import dossier, load
from desk.ledger.statements import Steps
from desk.rules import held, reception, reuse
from desk.rules.decision import Decision, Ids, Owed
from desk.rules.desk import Desk
from desk.rules.held import Headline
from desk.rules.incident import Incident
from desk.rules.mail import MESSAGE_KEY, Earlier, MailFacts, Namesake, StatusAnswer, Thread
from desk.rules.numbers import number_of
from desk.rules.routing import Roster
from desk.verbs.roster import RosterBook

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Known:
    seen: int | None
    person: int | None
    thread: Thread
    incident: Incident | None
    first_mails: Mapping[str, str]
    dossier: tuple[Earlier, ...]
    others: tuple[int, ...]
    last_status: StatusAnswer | None
    returned: tuple[Owed, ...]
    namesakes: tuple[Namesake, ...]


@dataclass(frozen=True, slots=True)
class ReceiveMail:
    """What one read mail becomes."""

    commit: Commit
    book: RosterBook
    desk: Desk
    arrival: Arrival
    message: Message
    grade: Grade
    thread: Thread

    @property
    def lanes(self) -> tuple[str, ...]:
        """The incident it speaks of; for a new one the sender, so that a person is made once."""
        if self.thread.incident is not None:
            return (number_of(self.thread.incident),)
        return (self.message.sender.address.lower(),)

    async def load(self) -> MailFacts:
        roster = await self.book.roster()
        known = await self.commit.store.read(self._known(roster))
        return MailFacts(
            arrival=self.arrival,
            message=self.message,
            grade=self.grade,
            desk=self.desk,
            roster=roster,
            ids=self.commit.ids,
            thread=known.thread,
            seen=known.seen,
            incident=known.incident,
            person=known.person,
            first_mails=known.first_mails,
            dossier=known.dossier,
            others=known.others,
            last_status=known.last_status,
            returned=known.returned,
            namesakes=known.namesakes,
        )

    def decide(self, facts: MailFacts, now: datetime) -> Decision:
        return reception.receive(facts, now)

    def _known(self, roster: Roster) -> Steps[_Known]:
        taken = yield from load.key(MESSAGE_KEY + self.message.digest)
        person = yield from load.person(Channel.EMAIL, self.message.sender.address.lower())
        others = (yield from dossier.open_incidents(person.id)) if person else ()
        named = (yield from load.incident(self.thread.incident)) if self.thread.incident is not None else None
        namesakes = (yield from self._namesakes()) if reuse.is_looked_up(self.message, self.thread, roster) else ()
        thread, incident = reuse.tie(self.thread, named, namesakes, self.message, self.desk)
        earlier: tuple[Earlier, ...] = ()
        last_status = None
        returned: tuple[Owed, ...] = ()
        if incident is not None:
            earlier = yield from dossier.latest(incident.id)
            if self.grade.asks_status:
                last_status = yield from load.last_status_answer(incident.id)
            if self.message.kind is MessageKind.BOUNCE:
                of_ours = self.message.returned_message_ids
                returned = yield from load.returned(incident.id, self.thread.owed, of_ours)
        first_mails = yield from _first_mails(incident, roster)
        return _Known(
            seen=taken.ref if taken else None,
            person=person.id if person else None,
            thread=thread,
            incident=incident,
            first_mails=first_mails,
            dossier=earlier,
            others=others,
            last_status=last_status,
            returned=returned,
            namesakes=namesakes,
        )

    def _namesakes(self) -> Steps[tuple[Namesake, ...]]:
        """Load the mails that came before under this Message-ID. Nearly always there is none, at one look."""
        found = yield from load.namesakes(self.message.message_id, self.message.sender.address)
        incidents: dict[int, Incident | None] = {}
        for one in found:
            if one.incident not in incidents:
                incidents[one.incident] = yield from load.incident(one.incident)
        known = ((incidents[one.incident], one) for one in found)
        return tuple(Namesake(incident, one.sender, one.text) for incident, one in known if incident is not None)


def _first_mails(incident: Incident | None, roster: Roster) -> Steps[Mapping[str, str]]:
    """Load the first mail to each consultant who has the incident now."""
    found: dict[str, str] = {}
    for assignment in incident.assignments if incident else ():
        consultant = roster.by_id(assignment.consultant)
        if incident is not None and consultant is not None and assignment.until is None:
            found[consultant.email] = yield from load.first_mail_to(incident.id, consultant.email)
    return found


@dataclass(frozen=True, slots=True)
class HoldArrival:
    """A mail whose act failed alone: held with its reason (guarantee 9)."""

    commit: Commit
    desk: Desk
    arrival: Arrival
    explanation: str
    headline: Headline

    @property
    def lanes(self) -> tuple[str, ...]:
        return (f"arrival {self.arrival.id}",)

    async def load(self) -> Ids:
        return self.commit.ids

    def decide(self, facts: Ids, now: datetime) -> Decision:
        calendar = self.desk.calendar
        return held.hold_failed(self.arrival, self.explanation, self.headline, facts, calendar=calendar, now=now)


class Reception:
    """Where intake hands a mail in: it looks things up for it, receives it, or holds it."""

    def __init__(self, commit: Commit, book: RosterBook, desk: Desk) -> None:
        self.desk = desk
        self._commit = commit
        self._book = book

    async def look_up(self, steps: Steps[R]) -> R:
        """Run reading steps. Raises StoreAway."""
        return await self._commit.store.read(steps)

    async def receive(self, arrival: Arrival, message: Message, grade: Grade, thread: Thread) -> Decision:
        """Carry a read mail to its decision. Raises StoreAway, ActLost, or what was wrong with this act alone.

        Where the act was done before, by a commit that was not heard of or by another node, the decision is empty.
        """
        act = ReceiveMail(self._commit, self._book, self.desk, arrival, message, grade, thread)
        try:
            return await self._commit.perform(act)
        except ActLost:
            if await self.look_up(load.is_arrival_done(arrival.id)):
                return Decision()
            raise

    async def hold(self, arrival: Arrival, explanation: str, headline: Headline) -> Decision:
        """Hold an arrival that no act could be made of. Raises StoreAway."""
        return await self._commit.perform(HoldArrival(self._commit, self.desk, arrival, explanation, headline))

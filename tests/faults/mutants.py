"""The three mistakes that the kill plan must notice, each as a named monkeypatch, and where it shows them.

They are put on the node that is struck; the node that comes after it is the shipped one.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from desk.commit import Commit
from desk.ledger.save import Change
from intake.email.smtp import STORED, SmtpListener
from responders.outbox import Delivered, Outbox
from tests.faults.places import BEFORE, Place


@dataclass(frozen=True)
class Mutant:
    """A mistake, and which places it matters at."""

    name: str
    apply: Callable[[], None]
    matters_at: Callable[[Place], bool]


def _reply_before_commit() -> None:
    async def take(self: SmtpListener, delivery: Any, content: Any) -> str:
        task = asyncio.get_running_loop().create_task(self._stored(delivery))
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)
        task.add_done_callback(lambda _: content.drop())
        return STORED

    SmtpListener.take = take  # type: ignore[method-assign]


def _answer_in_a_second_commit() -> None:
    write = Commit.write

    async def twice(self: Commit, change: Change) -> bool:
        answers = tuple(row for row in change.rows if row[0] == "owed")
        if not answers:
            return await write(self, change)
        rest = tuple(row for row in change.rows if row[0] != "owed")
        return await write(self, replace(change, rows=rest)) and await write(self, Change(answers))

    Commit.write = twice  # type: ignore[method-assign]


def _sent_before_the_relays_250() -> None:
    async def carry(self: Outbox, waiting: Any) -> None:
        owed = waiting.owed
        await self._sent(waiting, Delivered("250 surely", owed.to, "", ""))
        await self._carriers[owed.channel].deliver(owed, may_have_left=False)

    Outbox._carry = carry  # type: ignore[method-assign]


def _is_commit_of(*tables: str) -> Callable[[Place], bool]:
    def is_one(place: Place) -> bool:
        return place.when == BEFORE and place.name == f"commit: {' '.join(f'+{table}' for table in tables)}"

    return is_one


MUTANTS = {
    one.name: one
    for one in (
        Mutant("250 before commit", _reply_before_commit, _is_commit_of("keys", "blobs", "arrivals")),
        Mutant("answer in a second commit", _answer_in_a_second_commit, _is_commit_of("owed")),
        Mutant(
            "sent before the relay's 250",
            _sent_before_the_relays_250,
            lambda place: place.when == BEFORE and place.name.startswith("relay> content"),
        ),
    )
}

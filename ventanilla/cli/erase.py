"""`ventanilla erase ADDRESS|PHONE [--yes]`: forget a person (CONTRACT 1).

Promises: says beforehand what is lost, and what open incidents lose; without --yes it only says so. Incidents keep
number, times and grade, and an event says that words were erased; afterwards no file of the database holds the person.
It works beside a running service, and can be repeated. Never: asks a question that nobody may be there to answer.
"""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from desk.ledger.person import Holding
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

OPEN_LOSES = "it loses what was reported and whom to answer; what waits to be sent about it is cancelled"


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("erase", help="forget a person: names, addresses, words, mails")
    command.add_argument("contact", metavar="ADDRESS|PHONE", help="by whom the person is known; all of theirs goes")
    command.add_argument("--yes", action="store_true", help="do it; without it you are told what would be lost")


def run(args: Namespace, settings: "Settings") -> int:
    """Say what is lost, and with --yes erase it."""
    import asyncio

    from desk.base.errors import StoreAway
    from ventanilla.cli import TRY_LATER

    try:
        return asyncio.run(_erase(settings, args.contact, is_sure=args.yes))
    except StoreAway as away:
        print(f"ventanilla erase: not finished, do it again: {away}", file=sys.stderr)
        return TRY_LATER


async def _erase(settings: "Settings", contact: str, *, is_sure: bool) -> int:
    from desk.base.clock import WallClock
    from desk.commit import Commit
    from desk.ledger.person import holding
    from desk.ledger.store import open_store
    from desk.verbs.erasing import forget
    from ventanilla.cli import GOOD, PROBLEM, TRY_LATER
    from ventanilla.cli._ledger import explained, opened

    async with opened(settings) as (reader, _):  # it must be there and to date
        held = await reader.run(holding(contact))
    if held.is_consultant:
        print(f"ventanilla erase: {contact} is a consultant's address: their acts stand by it", file=sys.stderr)
        return PROBLEM
    for line in _said(held):
        print(line)
    if not is_sure:
        print("Nothing was erased. Add --yes to do it; it cannot be undone.")
        return PROBLEM
    database = settings.database
    with explained(settings):
        store = await open_store(database.url, pooled=database.pooled)
        try:
            await forget(Commit(store, WallClock(), node=""), held)
            await store.rewrite()
            left = await store.read(holding(contact))
        finally:
            await store.close()
    print("Erased.")
    if not left.is_empty:  # a mail of theirs has no act yet, or came in meanwhile
        print("ventanilla erase: do it again: mail of this person is still on its way", file=sys.stderr)
    return GOOD if left.is_empty else TRY_LATER


def _said(held: "Holding") -> list[str]:
    """Return what is lost, a line each."""
    from desk.rules.numbers import number_of

    lines = [
        f"{', '.join(held.subject.addresses)}: {len(held.own)} incidents of theirs, {len(held.joined)} they took part "
        f"in, {len(held.arrivals)} stored mails, {len(held.held)} held items"
    ]
    lines += [f"{number_of(one)} is open: {OPEN_LOSES}" for one in held.open]
    if held.waiting:
        lines.append(f"{held.waiting} mails of theirs wait for their act and stay")
    if held.named:
        lines.append(f"{held.named} messages in incidents of other people name them and stay")
    return lines

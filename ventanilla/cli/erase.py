"""`ventanilla erase ADDRESS|PHONE [--yes]`: forget a person (CONTRACT 1).

Promises: says beforehand what is lost, and what open incidents lose; without --yes it only says so. Incidents keep
number, times and grade, and an event says that words were erased; afterwards no file of the database holds the person.
It works beside a running service, and can be repeated: at once, and with `--again LIST` on a copy of before. Never:
asks a question that nobody may be there to answer, writes who was erased so that it can be read without the desk's key.
"""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from desk.commit import Commit
    from desk.ledger.person import Holding
    from desk.ledger.reading import Reader
    from desk.rules.erasures import Erasure
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

OPEN_LOSES = "it loses what was reported and whom to answer; what waits to be sent about it is cancelled"
NEEDS_KEY = "is missing: the list of erasures is written and read by it"
OWNER_ONLY = 0o600


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("erase", help="forget a person: names, addresses, words, mails")
    whom = command.add_mutually_exclusive_group(required=True)
    whom.add_argument("contact", nargs="?", metavar="ADDRESS|PHONE", help="by whom they are known; all of theirs goes")
    whom.add_argument("--again", type=Path, metavar="LIST", help="on a restored copy: everybody on this list")
    command.add_argument("--list", type=Path, metavar="LIST", help="note the erasure, unreadable, for copies of before")
    command.add_argument("--yes", action="store_true", help="do it; without it you are told what would be lost")


def run(args: Namespace, settings: "Settings") -> int:
    """Say what is lost, and with --yes erase it. Raises ErasuresUnreadable, SettingsInvalid, NotMigrated."""
    import asyncio

    from desk.base.errors import StoreAway
    from ventanilla.cli import TRY_LATER

    keys = _keys(settings) if args.again or args.list else ()
    listed = _read(args.again) if args.again else ()
    try:
        return asyncio.run(_erase(settings, args, keys, listed))
    except StoreAway as away:
        print(f"ventanilla erase: not finished, do it again: {away}", file=sys.stderr)
        return TRY_LATER


async def _erase(settings: "Settings", args: Namespace, keys: Sequence[bytes], listed: Sequence["Erasure"]) -> int:
    from ventanilla.cli import GOOD, PROBLEM
    from ventanilla.cli._ledger import opened

    async with opened(settings) as (reader, _):  # it must be there and to date
        found = await _holdings(reader, [args.contact] if args.contact else await _listed(reader, listed, keys))
    if args.again and not found:
        print("Nobody on the list is in this database.")
        return GOOD
    people = [one for one in found if not one.is_consultant]
    for one in found:
        if one.is_consultant:
            print(
                f"ventanilla erase: {one.known_by} is a consultant's address: their acts stand by it", file=sys.stderr
            )
    for line in (line for one in people for line in _said(one)):
        print(line)
    if not people:
        return PROBLEM
    if not args.yes:
        print("Nothing was erased. Add --yes to do it; it cannot be undone.")
        return PROBLEM
    if args.list:
        _note(args.list, people, keys[0])
    ended = await _forget(settings, people)
    return ended if len(people) == len(found) else PROBLEM


async def _holdings(reader: "Reader", contacts: Sequence[str]) -> list["Holding"]:
    """Return what is held of everybody who is to be forgotten, each person once."""
    from desk.ledger.person import holding

    found: list[Holding] = []
    for contact in contacts:
        if not any(contact in one.subject.addresses for one in found):
            found.append(await reader.run(holding(contact)))
    return found


def _read(path: Path) -> list["Erasure"]:
    """Read a list of erasures. Raises ErasuresUnreadable, OSError."""
    from desk.base.errors import ErasuresUnreadable
    from desk.rules.erasures import read_erasures

    try:
        return list(read_erasures(path.read_text(encoding="utf-8", errors="replace").splitlines()))
    except ErasuresUnreadable as bad:
        raise ErasuresUnreadable(f"{path}: {bad}; nothing was erased") from bad


async def _listed(reader: "Reader", listed: Sequence["Erasure"], keys: Sequence[bytes]) -> Sequence[str]:
    """Return whom of a list of erasures this database still holds."""
    from desk.ledger.copies import copied_at
    from desk.ledger.person import everybody
    from desk.rules.erasures import to_repeat

    return to_repeat(listed, await reader.run(everybody()), keys, await reader.run(copied_at()))


def _note(path: Path, people: Sequence["Holding"], key: bytes) -> None:
    """Add the people to a list, on disk before anything is erased: an erasure that is cut short is begun again."""
    from desk.base.clock import WallClock
    from desk.rules.erasures import erasures_of

    now = WallClock().now()
    lines = [f"{erasure}\n" for one in people for erasure in erasures_of(one.subject.addresses, now, key)]
    with open(path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, OWNER_ONLY)) as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())


async def _forget(settings: "Settings", people: Sequence["Holding"]) -> int:
    """Forget people, and leave no page that remembers them. Raises StoreAway."""
    from desk.base.clock import WallClock
    from desk.commit import Commit
    from desk.ledger.store import open_store
    from ventanilla.cli._ledger import explained

    with explained(settings):
        store = await open_store(settings.database.url, pooled=settings.database.pooled)
        try:
            return await _forget_each(Commit(store, WallClock(), node=""), people)
        finally:
            await store.close()


async def _forget_each(commit: "Commit", people: Sequence["Holding"]) -> int:
    from desk.ledger.person import holding
    from desk.verbs.erasing import forget
    from ventanilla.cli import GOOD, TRY_LATER

    for one in people:
        await forget(commit, one)
    await commit.store.rewrite()
    print("Erased.")
    left = [await commit.store.read(holding(one.known_by)) for one in people]
    if all(one.is_empty for one in left):
        return GOOD
    # A mail of theirs has no act yet, or came in meanwhile.
    print("ventanilla erase: do it again: mail of this person is still on its way", file=sys.stderr)
    return TRY_LATER


def _keys(settings: "Settings") -> tuple[bytes, ...]:
    """Return the desk's keys, the present one first. Raises SettingsInvalid without one."""
    from desk.base.errors import Problem, SettingsInvalid

    if not settings.secrets.key:
        raise SettingsInvalid((Problem(settings.source, "secrets.key", "", NEEDS_KEY),))
    return tuple(key.encode() for key in (settings.secrets.key, *settings.secrets.previous))


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

"""`ventanilla export [--since TIME] [--person ADDRESS|PHONE DIR]`: everything as JSON lines (CONTRACT 1 and 3), or
all that is held of one person, in a folder.

Promises: one object a line, each flushed; whatever the ledger holds, memory stays what a batch needs; works beside a
running service and without one; a folder of one person is for its owner's eyes. Never: changes anything, or writes into
a folder that holds something.
"""

import json
from argparse import Namespace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from desk.ledger.person import Holding
    from desk.ledger.reading import Reader
    from desk.views.export import Look
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("export", help="print everything as JSON lines")
    what = command.add_mutually_exclusive_group()
    what.add_argument("--since", metavar="TIME", help="only what was opened or had anything happen to it since then")
    what.add_argument(
        "--person", nargs=2, metavar=("ADDRESS|PHONE", "DIR"), help="all that is held of one person, into a new folder"
    )


def run(args: Namespace, settings: "Settings") -> int:
    """Print incidents, held items, and outgoing rows of no incident; or write a person's folder."""
    import asyncio
    import sys
    from zoneinfo import ZoneInfo

    from ventanilla.cli import GOOD, WRONG_USE
    from ventanilla.cli._instants import HOW_TO_WRITE, instant_of

    if args.person is not None:
        return asyncio.run(_export_person(settings, args.person[0], Path(args.person[1])))
    since = None
    if args.since is not None:
        since = instant_of(args.since, ZoneInfo(settings.desk.timezone))
        if since is None:
            print(f"ventanilla export: --since {args.since}: {HOW_TO_WRITE}", file=sys.stderr)
            return WRONG_USE
    asyncio.run(_export(settings, since))
    return GOOD


async def _export(settings: "Settings", since: datetime | None) -> None:
    from desk.views.export import everything
    from ventanilla.cli._ledger import opened

    async with opened(settings) as (reader, look):
        async for one in everything(reader, look, since):
            print(json.dumps(one, ensure_ascii=False), flush=True)


OBJECTS = "held.jsonl"
MAILS = "mails"


async def _export_person(settings: "Settings", contact: str, folder: Path) -> int:
    """Write what is held of a person into a folder, which must be new or empty."""
    import sys

    from desk.views.person import held_of
    from ventanilla.cli import GOOD, PROBLEM
    from ventanilla.cli._ledger import opened

    async with opened(settings) as (reader, look):
        held = await held_of(reader, contact)
        if held.is_empty:
            print(f"ventanilla export: {contact}: nothing is held of this person", file=sys.stderr)
            return PROBLEM
        if not _is_made(folder):
            print(f"ventanilla export: {folder} is not empty; name a new folder", file=sys.stderr)
            return PROBLEM
        with _private(folder / OBJECTS).open("w", encoding="utf-8") as file:
            await _write_objects(reader, look, held, file)
            count = await _write_mails(reader, look, held, folder / MAILS, file)
    print(f"{folder}: {len(held.own) + len(held.joined)} incidents, {len(held.held)} held items, {count} mails")
    return GOOD


async def _write_objects(reader: "Reader", look: "Look", held: "Holding", file: "TextIO") -> None:
    from desk.views.person import objects

    async for one in objects(reader, look, held):
        _write_line(file, one)


async def _write_mails(reader: "Reader", look: "Look", held: "Holding", folder: Path, file: "TextIO") -> int:
    """Write each stored mail, and a line that names its file; null for one that is kept no more. Return how many."""
    from desk.views.person import mails

    _is_made(folder)
    count = 0
    async for mail in mails(reader, look, held.arrivals):
        name = None
        if mail.raw is not None:
            name = f"{mail.said['id']}.eml"
            _private(folder / name, mail.raw)
            count += 1
        _write_line(file, {"mail": {**mail.said, "file": name and f"{MAILS}/{name}"}})
    return count


def _is_made(folder: Path) -> bool:
    """Make a folder for its owner's eyes; False: there is something in it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return not any(folder.iterdir())


def _private(path: Path, content: bytes = b"") -> Path:
    """Write a file for its owner's eyes."""
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def _write_line(file: "TextIO", one: object) -> None:
    file.write(json.dumps(one, ensure_ascii=False) + "\n")

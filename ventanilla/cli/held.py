"""`ventanilla held list|show ID|release ID|discard ID`: the held room from the terminal (CONTRACT 1).

Promises: works beside a running service and without one; an item is decided once, whoever else is at it, and whoever
comes second hears who was first. A released mail waits for a node, which makes the act; this command reads no mail but
to show it. Never: answers anybody, or forgets who decided.
"""

import getpass
import json
import os
import sys
from argparse import ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from desk.base.names import Verdict

if TYPE_CHECKING:
    from desk.wording.held_room import HeldRoom
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

ACTIONS = ("list", "show", "release", "discard")
VERDICTS = {"release": Verdict.RELEASED, "discard": Verdict.DISCARDED}
WIDTH = 160
"""Characters of a line when nobody's terminal says otherwise."""
ID_DIGITS_MAX = 18
"""Digits of an id that a database can hold."""


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("held", help="show what waits for a person to decide, and decide it")
    command.add_argument("action", choices=ACTIONS, help="list what waits; show, release or discard one item")
    command.add_argument("id", nargs="?", type=_id, metavar="ID", help="the item's number, as the list shows it")
    command.add_argument("--json", action="store_true", help="list, show: objects, one a line")
    command.add_argument("--raw", action="store_true", help="show: the raw mail, byte for byte, and nothing else")


def run(args: Namespace, settings: "Settings") -> int:
    """Carry one action out. Raises UnknownHeld, CannotRelease, StoreAway, NotMigrated."""
    import asyncio

    from ventanilla.cli import GOOD, WRONG_USE

    if (args.action == "list") != (args.id is None):
        wanted = "takes no ID" if args.id is not None else "wants an ID"
        print(f"ventanilla held {args.action}: {wanted} (`ventanilla held --help` shows how)", file=sys.stderr)
        return WRONG_USE
    if args.action in VERDICTS:
        return asyncio.run(_decide(settings, args.id, VERDICTS[args.action]))
    asyncio.run(_list(settings, as_json=args.json) if args.action == "list" else _show(settings, args))
    return GOOD


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= ID_DIGITS_MAX):
        raise ArgumentTypeError(f"{text!r}: no item's number; `ventanilla held list` shows them")
    return int(text)


async def _list(settings: "Settings", *, as_json: bool) -> None:
    import shutil

    from desk.views.export import held_object, undecided
    from ventanilla.cli._ledger import opened

    words = _words(settings)
    width = shutil.get_terminal_size((WIDTH, 0)).columns
    is_empty = True
    async with opened(settings) as (reader, look):
        async for row in undecided(reader):
            item = held_object(row, look)
            if as_json:
                print(json.dumps({"held": item}, ensure_ascii=False), flush=True)
                continue
            if is_empty:
                print(words.headings(width))
            is_empty = False
            print(words.listed(item, width))
    if is_empty and not as_json:
        print(words.nothing())


async def _show(settings: "Settings", args: Namespace) -> None:
    from desk.base.errors import CannotRelease
    from desk.views.held import whole
    from ventanilla.cli._ledger import opened

    words = _words(settings)
    async with opened(settings) as (reader, look):
        found = await whole(reader, look, args.id)
    if args.raw:
        if found.raw is None:
            raise CannotRelease(f"held item {args.id}: its raw mail is kept no more")
        sys.stdout.buffer.write(found.raw)
        sys.stdout.buffer.flush()
        return
    text = _text_of(settings, found.raw)
    if args.json:
        print(json.dumps({"held": {**found.object, "text": text}}, ensure_ascii=False))
        return
    for shown in words.whole(found.object, text):
        print(shown)


def _text_of(settings: "Settings", raw: bytes | None) -> str:
    """Return the text of a mail as reading finds it, "" without one."""
    if raw is None:
        return ""
    from desk.base.reading_words import load_reading_words
    from intake.email.reading.read import read
    from ventanilla.cli._ledger import override

    return read(raw, words=load_reading_words(override(settings))).text


async def _decide(settings: "Settings", item: int, verdict: Verdict) -> int:
    from desk.base.errors import AlreadyDecided
    from desk.verbs.held import DecideHeld
    from ventanilla.cli import GOOD, PROBLEM
    from ventanilla.cli._ledger import in_zone, written

    words = _words(settings)
    async with written(settings) as commit:
        try:
            await commit.perform(DecideHeld(commit, item, verdict, who()))
        except AlreadyDecided as decided:
            at = in_zone(settings, decided.at)
            print(words.decided(item, decided.verdict, decided.by, at), file=sys.stderr)
            return PROBLEM
    print(words.done(item, verdict))
    return GOOD


def who() -> str:
    """Return who sits at this terminal, by the name the system knows them under."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _words(settings: "Settings") -> "HeldRoom":
    from desk.wording.held_room import HeldRoom
    from ventanilla.cli._ledger import terminal

    return HeldRoom(terminal(settings))

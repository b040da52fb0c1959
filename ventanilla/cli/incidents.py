"""`ventanilla incidents [--open] [--queue Q] [--json]`: the list (CONTRACT 1).

Promises: works beside a running service and without one; with `--json` each incident is the whole object of CONTRACT 3.
Never: changes anything.
"""

import json
from argparse import Namespace
from typing import TYPE_CHECKING

from desk.base.names import Queue

if TYPE_CHECKING:
    from desk.views.export import Chosen
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

WIDTH = 160
"""Characters of a line when nobody's terminal says otherwise."""


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("incidents", help="list incidents")
    command.add_argument("--open", action="store_true", help="only those that are not closed")
    command.add_argument("--queue", choices=[queue.value for queue in Queue], help="only those of one queue")
    command.add_argument("--json", action="store_true", help="whole objects, one a line")


def run(args: Namespace, settings: "Settings") -> int:
    """Print the list."""
    import asyncio

    from desk.views.export import Chosen
    from ventanilla.cli import GOOD

    chosen = Chosen(is_open=args.open, queue=Queue(args.queue) if args.queue else None)
    asyncio.run((_objects if args.json else _table)(settings, chosen))
    return GOOD


async def _objects(settings: "Settings", chosen: "Chosen") -> None:
    from desk.views.export import incidents
    from ventanilla.cli._ledger import opened

    async with opened(settings) as (reader, look):
        async for one in incidents(reader, look, chosen):
            print(json.dumps(one, ensure_ascii=False), flush=True)


async def _table(settings: "Settings", chosen: "Chosen") -> None:
    import shutil
    from dataclasses import asdict

    from desk.views.listing import lines
    from ventanilla.cli._ledger import opened, terminal

    words = terminal(settings)
    width = shutil.get_terminal_size((WIDTH, 0)).columns
    is_empty = True
    async with opened(settings) as (reader, look):
        async for line in lines(reader, chosen):
            if is_empty:
                print(words.headings(width))
            is_empty = False
            print(words.listed(asdict(line), look.zone, width))
    if is_empty:
        print(words.nothing())

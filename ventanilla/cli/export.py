"""`ventanilla export [--since TIME]`: everything as JSON lines (CONTRACT 1 and 3).

Promises: one object a line, each flushed; whatever the ledger holds, memory stays what a batch needs; works beside a
running service and without one. Never: changes anything.
"""

import json
from argparse import Namespace
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("export", help="print everything as JSON lines")
    command.add_argument("--since", metavar="TIME", help="only what was opened or had anything happen to it since then")


def run(args: Namespace, settings: "Settings") -> int:
    """Print incidents, held items, and outgoing rows of no incident."""
    import asyncio
    import sys
    from zoneinfo import ZoneInfo

    from ventanilla.cli import GOOD, WRONG_USE
    from ventanilla.cli._instants import HOW_TO_WRITE, instant_of

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

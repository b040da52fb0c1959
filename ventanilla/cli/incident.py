"""`ventanilla incident NUMBER [--json]`: the dossier of one incident with its timeline (CONTRACT 1).

Promises: the number is taken in any spelling; works beside a running service and without one. Never: changes anything,
or guesses at a number whose check digit is wrong.
"""

import json
from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("incident", help="show one incident with its timeline")
    command.add_argument("number", nargs="+", metavar="NUMBER", help="in any spelling: INC-100425, inc 100425, 100 425")
    command.add_argument("--json", action="store_true", help="the whole object")


def run(args: Namespace, settings: "Settings") -> int:
    """Print the incident. Raises UnknownNumber, StoreAway, NotMigrated."""
    import asyncio

    from ventanilla.cli import GOOD
    from ventanilla.cli._ledger import incident_id

    asyncio.run(_show(settings, incident_id(args.number), as_json=args.json))
    return GOOD


async def _show(settings: "Settings", incident_id: int, *, as_json: bool) -> None:
    from desk.views.export import incident
    from ventanilla.cli._ledger import opened, terminal

    words = terminal(settings)
    async with opened(settings) as (reader, look):
        found = await incident(reader, look, incident_id)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    for shown in words.dossier(found):
        print(shown)

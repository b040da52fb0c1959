"""`ventanilla why NUMBER [--json]`: why this severity, queue, thread, these promises and answers (CONTRACT 1).

Promises: the number is taken in any spelling; works beside a running service and without one; every sentence is in the
desk's language. Never: changes anything, or guesses at a number whose check digit is wrong.
"""

import json
from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from desk.views.why.promises import Measure
    from desk.wording.why import Why
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("why", help="explain severity, queue, thread, promises and answers of an incident")
    command.add_argument("number", nargs="+", metavar="NUMBER", help="in any spelling: INC-100425, inc 100425, 100 425")
    command.add_argument("--json", action="store_true", help="one object, a list of sentences for each part")


def run(args: Namespace, settings: "Settings") -> int:
    """Print the explanation. Raises UnknownNumber, StoreAway, NotMigrated."""
    import asyncio

    from ventanilla.cli import GOOD
    from ventanilla.cli._ledger import incident_id

    asyncio.run(_explain(settings, incident_id(args.number), as_json=args.json))
    return GOOD


async def _explain(settings: "Settings", incident_id: int, *, as_json: bool) -> None:
    from desk.views.why import why
    from ventanilla.cli._ledger import opened

    words = _words(settings)
    async with opened(settings) as (reader, look):
        found = await why(reader, look, _measure(settings), incident_id)
    parts = {part: words.sentences(said, look.now) for part, said in found.parts.items()}
    if as_json:
        print(json.dumps({"number": found.number, **parts}, ensure_ascii=False))
        return
    for shown in words.text(found.number, parts):
        print(shown)


def _measure(settings: "Settings") -> "Measure":
    from zoneinfo import ZoneInfo

    from desk.rules.calendar import Calendar
    from desk.rules.deadlines import Targets
    from desk.views.why.promises import Measure

    calendar = Calendar.from_settings(settings.calendar, ZoneInfo(settings.desk.timezone))
    return Measure(calendar, Targets.from_settings(settings.promises))


def _words(settings: "Settings") -> "Why":
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from desk.wording.why import Why
    from desk.wording.wording import Wording

    zone = ZoneInfo(settings.desk.timezone)
    override = Path(settings.desk.templates) if settings.desk.templates else None
    return Why(Wording(settings.desk.language, zone, override).speech(settings.desk.language), zone, override)

"""`ventanilla audit`: accepted mail against incidents, messages, held items and answers (CONTRACT 1).

Promises: one line a difference, with the accepted mail's Message-ID and what is missing of it; 0 only without any;
works beside a running service and without one. Never: changes anything.
"""

from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from desk.ledger.audit import Difference, Sums
    from desk.ledger.reading import Reader
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings


def add(commands: "Commands") -> None:
    """Declare the command."""
    commands.add_parser("audit", help="hold accepted mail against what became of it")


def run(_args: Namespace, settings: "Settings") -> int:
    """Print each difference, and then how many there are of each thing."""
    import asyncio

    from ventanilla.cli import GOOD, PROBLEM

    return PROBLEM if asyncio.run(_audit(settings)) else GOOD


async def _audit(settings: "Settings") -> int:
    """Return how many differences there are."""
    from desk.views.audit import differences, sums
    from ventanilla.cli._ledger import opened

    count = 0
    async with opened(settings) as (reader, _):
        async for one in differences(reader):
            count += 1
            print(f"{await _named(reader, one)}: {_what(one)}", flush=True)
        for line in _counted(await sums(reader)):
            print(line)
    print(f"{count} differences" if count else "No difference.")
    return count


async def _named(reader: "Reader", one: "Difference") -> str:
    """Return the accepted mail's Message-ID; of one that has none, or is kept no more, the arrival."""
    from desk.views.audit import head
    from intake.email.reading.headers import header_block
    from intake.email.reading.walk import HEADER_BLOCK_MAX

    found = one.message_id
    if not found and one.blob is not None:
        found = header_block(await head(reader, one.blob, HEADER_BLOCK_MAX)).message_id
    return found or f"arrival {one.arrival}"


def _what(one: "Difference") -> str:
    from desk.ledger.audit import Missing
    from desk.rules.numbers import number_of

    number = "" if one.incident is None else number_of(one.incident)
    return {
        Missing.INCIDENT: f"its incident {number} is missing",
        Missing.MESSAGE: f"its message in {number} is missing",
        Missing.OUTCOME: "it became neither an incident nor a held item",
        Missing.FIRST: "it is a further copy, and the first is missing",
        Missing.ACKNOWLEDGEMENT: f"{number} has no acknowledgement",
        Missing.HELD: f"the acknowledgement of {number} ended unsent, and no held item tells a person of it",
    }[one.missing]


def _counted(sums: "Sums") -> tuple[str, str]:
    return (
        f"accepted: {sums.accepted} mails, of which {sums.waiting} wait for their act and {sums.repeated} came again",
        f"found: {sums.incidents} incidents, {sums.messages} messages, {sums.held} held items, "
        f"{sums.acknowledgements} acknowledgements of which {sums.unsent} wait",
    )

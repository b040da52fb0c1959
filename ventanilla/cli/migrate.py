"""`ventanilla migrate`: bring the database's tables to date (CONTRACT 1). `run` does it by itself at its start."""

from argparse import Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings


def add(commands: "Commands") -> None:
    """Declare the command."""
    commands.add_parser("migrate", help="bring the database's tables to date")


def run(_args: Namespace, settings: "Settings") -> int:
    """Print each migration that was applied, or that there was none."""
    import asyncio

    from desk.base.clock import WallClock
    from desk.ledger.store import migrate
    from ventanilla.cli import GOOD
    from ventanilla.cli._ledger import explained

    database = settings.database
    with explained(settings):
        applied = asyncio.run(migrate(database.url, WallClock().now(), pooled=database.pooled))
    for name in applied:
        print(f"applied {name}")
    print("The database is to date.")
    return GOOD

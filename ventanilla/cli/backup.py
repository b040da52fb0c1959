"""`ventanilla backup PATH`: a safe copy of the database, beside a running service and without one (CONTRACT 1).

Promises: the copy is whole or not there, and of one moment; a node that is started on it knows that it is a copy.
Never: writes over another file.
"""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("backup", help="copy the database safely while the service runs")
    command.add_argument("path", type=Path, metavar="PATH", help="the file to make; for PostgreSQL it holds SQL")


def run(args: Namespace, settings: "Settings") -> int:
    """Write the copy and say so. Raises BackupImpossible, NotMigrated."""
    import asyncio
    import sys

    from desk.base.clock import WallClock
    from desk.base.errors import StoreAway
    from desk.ledger.backup import backup
    from ventanilla.cli import GOOD, TRY_LATER

    try:
        asyncio.run(backup(settings.database.url, args.path, WallClock().now()))
    except StoreAway as away:
        sys.stderr.write(f"ventanilla: nothing was written, try later: {' '.join(str(away).split())}\n")
        return TRY_LATER
    print(f"{args.path}: {args.path.stat().st_size} bytes. Keep secrets.key with it: it signs every address.")
    return GOOD

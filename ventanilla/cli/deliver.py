"""`ventanilla deliver [--sender A] [--recipient A]`: one mail on standard input into the desk (CONTRACT 1).

Promises: 0 only after the commit; a database that is away, locked or full is 75 within PATIENCE_S, so that the mail
system keeps the mail and tries again; no service need run, and one that runs takes it up at once. Never: reads what
the mail says, or makes its incident: a node does.
"""

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from desk.base.errors import MailNotTaken, NotMigrated, StoreAway, VentanillaError
from ventanilla.cli import GOOD, TRY_LATER

if TYPE_CHECKING:
    from desk.base.message import Delivery
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

PATIENCE_S = 45.0
"""Longest wait for the database (CONTRACT 1: 75 within 60 s)."""


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("deliver", help="take one mail on standard input, as a mail system hands it over")
    command.add_argument(
        "--sender", metavar="A", help='envelope sender, "" for none; without it the header Return-Path tells'
    )
    command.add_argument(
        "--recipient",
        metavar="A",
        action="extend",
        nargs="+",
        default=[],
        help="envelope recipient, also several; without it the headers X-Original-To and Delivered-To tell",
    )


def run(args: Namespace, settings: "Settings") -> int:
    """Store the mail. Raises MailNotTaken for one that is none of the desk's; whatever else fails is 75."""
    try:
        _deliver(args, settings)
    except MailNotTaken:
        raise
    except VentanillaError as error:
        return _later(str(error))
    except Exception as error:  # noqa: BLE001 -- what nobody foresaw must not make the mail system return the mail
        return _later(f"{type(error).__name__}: {error}")
    return GOOD


def _later(cause: str) -> int:
    sys.stderr.write(f"ventanilla: not stored, try later: {' '.join(cause.split())}\n")
    return TRY_LATER


def _deliver(args: Namespace, settings: "Settings") -> None:
    import asyncio

    from desk.rules.addresses import AddressMode, Signer
    from intake.email.pipe import Told, delivery_of, read_mail
    from intake.email.reading.headers import arrival_key, header_block
    from ventanilla.cli._ledger import explained

    desk = settings.desk
    signer = Signer((), desk.address, AddressMode(desk.reply_address), desk.aliases)  # it signs nothing here
    raw = read_mail(sys.stdin.buffer, settings.smtp.max_size)
    block = header_block(raw)
    told = Told(args.sender, tuple(args.recipient))
    delivery = delivery_of(raw, block, told, signer.is_desk_address, desk.address)
    with explained(settings):
        asyncio.run(_store(settings, delivery, arrival_key(raw, block)))


async def _store(settings: "Settings", delivery: "Delivery", key: bytes) -> None:
    """Store a mail within PATIENCE_S. Raises StoreAway.

    When the time is over nothing is closed: it would wait for what hangs, and the process ends now.
    """
    import asyncio

    from desk.base.clock import WallClock
    from desk.claims import store_left
    from desk.commit import Commit
    from desk.ledger.store import migrate, open_store, sqlite_path

    database, clock = settings.database, WallClock()
    path = sqlite_path(database.url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            if path is not None and not path.exists():
                await migrate(database.url, clock.now())
            store = await open_store(database.url, pooled=database.pooled)
            commit = Commit(store, clock, node="")
            try:
                await store_left(commit, delivery, key, settings.retention.raw)
            except NotMigrated:
                await migrate(database.url, clock.now(), pooled=database.pooled)
                await store_left(commit, delivery, key, settings.retention.raw)
            await store.close()
    except TimeoutError as over:
        raise StoreAway(f"it did not answer within {PATIENCE_S:.0f} s") from over

"""`ventanilla run`: everything, until SIGTERM (CONTRACT 1)."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import TYPE_CHECKING

from desk.base.names import EVERY_ROLE, NodeRole
from ventanilla.cli import GOOD, WRONG_USE

if TYPE_CHECKING:
    from desk.base.clock import Clock
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

WORKERS_MAX = 64
"""Reader processes of one node."""
ONE_NODE = (
    "--roles divides the work among nodes on PostgreSQL, and database.url is a SQLite file, which has one node; "
    "leave --roles out, or name a server in database.url"
)


def add(commands: "Commands") -> None:
    parser = commands.add_parser("run", help="take mail in, answer it, and watch the promises until SIGTERM")
    arguments(parser)
    parser.add_argument(
        "--roles",
        type=_roles,
        default=EVERY_ROLE,
        metavar="ROLE,…",
        help=f"what this one of several nodes on PostgreSQL carries: {', '.join(NodeRole)}; default all",
    )


def arguments(parser: ArgumentParser) -> None:
    """Declare what `run` and `demo` have in common."""
    parser.add_argument(
        "--workers",
        type=_workers,
        default=1,
        metavar="N",
        help="reader processes; 0 reads in the service's own process",
    )


def run(args: Namespace, settings: "Settings") -> int:
    end_at_once_on_signals()
    import asyncio
    import sys

    from desk.base.clock import WallClock
    from desk.base.errors import SettingsInvalid
    from desk.ledger.store import sqlite_path
    from ventanilla.settings import first_start_problems
    from ventanilla.wiring import Start, run_node

    problems = first_start_problems(settings)
    if problems:
        raise SettingsInvalid(problems)
    if args.roles != EVERY_ROLE and sqlite_path(settings.database.url) is not None:
        sys.stderr.write(f"ventanilla run: {ONE_NODE}\n")
        return WRONG_USE
    clock = WallClock()
    begin_log(settings, clock)
    asyncio.run(run_node(settings, clock, Start(workers=args.workers, roles=args.roles)))
    return GOOD


def end_at_once_on_signals() -> None:
    """Until the node listens to signals itself there is nothing to finish: SIGTERM ends with 0."""
    import signal

    def leave(*_: object) -> None:
        raise SystemExit(GOOD)

    signal.signal(signal.SIGTERM, leave)


def begin_log(settings: "Settings", clock: "Clock") -> None:
    """Begin to log: the settings that differ from the defaults, and one warning for each that does nothing yet."""
    import sys

    import structlog

    from ventanilla.logs import set_up
    from ventanilla.settings import effective, later_keys_set, secret_values

    set_up(
        level=settings.log.level,
        form=settings.log.format,
        timezone=settings.desk.timezone,
        clock=clock,
        stream=sys.stderr,
        secrets=secret_values(settings),
    )
    log = structlog.get_logger()
    shown = effective(settings)
    log.info(
        "settings_loaded", source=settings.source, given={key: shown.get(key, "") for key in sorted(settings.given)}
    )
    for later in later_keys_set(settings):
        log.warning("setting_without_effect", setting=later.key, comes_with=later.comes_with)


def _workers(text: str) -> int:
    if not text.isdigit() or int(text) > WORKERS_MAX:
        raise ArgumentTypeError(f"{text!r}: write a number from 0 to {WORKERS_MAX}")
    return int(text)


def _roles(text: str) -> frozenset[NodeRole]:
    words = [word.strip() for word in text.split(",")]
    unknown = [word for word in words if word not in set(NodeRole)]
    if unknown:
        raise ArgumentTypeError(f"{unknown[0]!r} is no role: write some of {','.join(NodeRole)}")
    return frozenset(map(NodeRole, words))

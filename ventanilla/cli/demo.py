"""`ventanilla demo`: the service on a fresh database, with sample consultants and a page to write and read mail.

Promises: everything is on loopback; nothing is left behind, neither in the checkout nor in the temporary folder; no
terminal is needed. Never: sends a mail anywhere but to its own sink.
"""

from argparse import Namespace
from typing import TYPE_CHECKING

from ventanilla.cli import GOOD
from ventanilla.cli.run import arguments, begin_log, end_at_once_on_signals

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.sink import MailSink
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

LOOPBACK = "127.0.0.1"


def add(commands: "Commands") -> None:
    arguments(commands.add_parser("demo", help="try it: the service on this machine with sample consultants"))


def run(args: Namespace, settings: "Settings") -> int:  # noqa: ARG001 -- the demo lays its own over the shipped ones
    end_at_once_on_signals()
    import asyncio
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="ventanilla-demo-") as folder:
        asyncio.run(_demo(Path(folder), args.workers))
    return GOOD


async def _demo(folder: "Path", workers: int) -> None:
    from zoneinfo import ZoneInfo

    from desk.base.clock import WallClock
    from sandbox.demo import routes
    from sandbox.sink import MailSink
    from ventanilla.wiring import Start, run_node

    sink = MailSink(LOOPBACK, 0)
    await sink.start()
    try:
        settings = _settings(folder, sink)
        clock = WallClock()
        begin_log(settings, clock)
        zone = ZoneInfo(settings.desk.timezone)
        pages = tuple(routes(sink, settings.smtp.port, settings.desk.address, zone=zone))
        start = Start(workers=workers, routes=pages, when_ready=lambda: _tell(settings))
        await run_node(settings, clock, start)
    finally:
        await sink.stop()


def _settings(folder: "Path", sink: "MailSink") -> "Settings":
    """Return the demo's settings: the shipped ones, its own roster, this run's folder, sink, key and web address."""
    import os
    import secrets
    from dataclasses import replace

    from ventanilla.settings import default_file, load

    file = folder / "demo.toml"
    table = (
        f'\n[database]\nurl = "sqlite://{folder / "demo.db"}"\n'
        f'\n[relay]\nhost = "{LOOPBACK}"\nport = {sink.port}\n'
        f'\n[secrets]\nkey = "{secrets.token_hex(32)}"\n'
        '\n[log]\nformat = "text"\n'
    )
    file.write_text(default_file().with_name("demo.toml").read_text(encoding="utf-8") + table, encoding="utf-8")
    honoured = {name: os.environ[name] for name in HONOURED if name in os.environ}
    settings = load(file, honoured)
    public_url = f"http://{LOOPBACK}:{settings.http.port}"
    return replace(settings, http=replace(settings.http, public_url=public_url))


HONOURED = ("VENTANILLA_HTTP__PORT", "VENTANILLA_SMTP__PORT")
"""Variables that count in the demo; any other could lead it to a real relay or database."""


def _tell(settings: "Settings") -> None:
    """Say where everything is."""
    page = f"http://{settings.http.host}:{settings.http.port}/demo"
    print(
        "\nVentanilla está lista. / Ventanilla is ready.\n\n"
        f"  Escriba un correo y lea las respuestas / write a mail, read the answers:  {page}\n"
        f"  SMTP: {settings.smtp.host}:{settings.smtp.port}, para / to {settings.desk.address}\n"
        "  Ctrl-C termina; no queda nada. / Ctrl-C ends it; nothing is left behind.\n"
    )

"""`ventanilla run` with the meter on: the shipped service, and what each stage of it costs.

Usage: python -m benchmarks.metered_node METER_FILE CONFIG [--profile FILE]

At SIGUSR1 and at the end it appends a line to METER_FILE: CPU seconds by stage, of the main thread and of the process.
Never: changes what the service does; the stages that the product does not name itself are laid around its methods here.
"""

import cProfile
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiosmtplib.protocol import SMTPProtocol

from desk.base import meter
from desk.commit import Commit
from intake.email.ingest import Ingest
from intake.email.smtp import SmtpListener, SmtpSession
from responders.outbox import Outbox
from ventanilla.cli import dispatch

COROUTINES: tuple[tuple[type, str, str], ...] = (
    (SmtpSession, "_handle_client", "DATA"),
    (SmtpListener, "_stored", "arrival"),
    (Ingest, "_carry", "decide and write"),
    (Commit, "_write_batches", "decide and write"),
    (Outbox, "_carry", "submit"),
    (Outbox, "_sent", "note as sent"),
)
"""Coroutine methods that begin a task or a part of one, and the stage their steps belong to."""
CALLBACKS: tuple[tuple[type, str, str], ...] = (
    (SmtpSession, "data_received", "DATA"),
    (SMTPProtocol, "data_received", "submit"),
)


def main(arguments: list[str]) -> int:
    meter_file, config = Path(arguments[0]), arguments[1]
    profile = cProfile.Profile(time.thread_time) if "--profile" in arguments else None
    meter.switch_on()
    for owner, name, stage in COROUTINES:
        setattr(owner, name, _metered(getattr(owner, name), stage))
    for owner, name, stage in CALLBACKS:
        setattr(owner, name, _charged(getattr(owner, name), stage))
    signal.signal(signal.SIGUSR1, lambda *_: _tell(meter_file, profile))
    code = dispatch(["run", "--config", config])
    _tell(meter_file, None)
    if profile is not None:
        profile.dump_stats(arguments[arguments.index("--profile") + 1])
    return code


def _metered(method: Callable[..., Any], stage: str) -> Callable[..., Any]:
    measured = meter.metered(stage)(method)

    async def run(*args: Any, **kwargs: Any) -> Any:
        return await measured(*args, **kwargs)

    return run


def _charged(method: Callable[..., Any], stage: str) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        with meter.stage(stage):
            return method(*args, **kwargs)

    return run


def _tell(meter_file: Path, profile: cProfile.Profile | None) -> None:
    """Append a line of figures; a profile runs from the first line to the second."""
    figures = {"stages": dict(meter.seconds), "process_s": time.process_time(), "main_s": time.thread_time()}
    with meter_file.open("a") as file:
        file.write(json.dumps(figures) + "\n")
        is_first = file.tell() == len(json.dumps(figures)) + 1
    if profile is not None:
        (profile.enable if is_first else profile.disable)()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

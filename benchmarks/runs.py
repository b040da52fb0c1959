"""One run each of what is compared: a bare sink, the house, Postfix; the same mails over the same connections.

A run's processes are started for it and have ended when it returns. CPU is counted from ready to quiet, so that neither
start nor stop is in it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic

from benchmarks.answers import Answers, answers_to
from benchmarks.cpu import tree_seconds
from benchmarks.load import Sending, send_all, send_paced
from benchmarks.mix import Mail
from benchmarks.postfix import Postfix
from benchmarks.relay import Relay
from benchmarks.service import Service, free_ports

ANSWERS_A_MAIL = 2
"""An acknowledgement and at least one notice."""
QUIET_S = 0.5
"""Nothing more came to the relay for this long, after all that must come."""
STUCK_S = 20.0
"""Nothing came for this long while something is missing."""
LOOK_S = 0.05
PACED_LOAD = 0.7
"""Of the rate at which the house answered the mails that came as fast as it took them."""
IDLE_LOOK_S = 0.01
IDLE_LOOKS_MAX = 1000


@dataclass(slots=True)
class Run:
    """What one run measured, for `count` mails. Latencies in seconds; `others` is cores busy with foreign work."""

    name: str
    count: int
    rate: float
    cpu_s: float
    to_250: list[float]
    to_answer: list[float] = field(default_factory=list)
    paced_to_250: list[float] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    database_s: float = 0.0
    idle_s: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    given: dict[str, str] = field(default_factory=dict)

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a mail."""
        return self.cpu_s / self.count * 1000


@dataclass(frozen=True, slots=True)
class House:
    """Which house is run: its name, the empty database (none: a SQLite file), the pid of the database's server."""

    name: str = "ventanilla"
    url: str = ""
    database_pid: int = 0
    is_metered: bool = False
    profile: str = ""


async def run_bare(mails: Sequence[Mail]) -> Run:
    """Send the mails to aiosmtpd that does nothing."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.bare_sink", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    before = tree_seconds(process.pid)
    sending = await send_all(port, mails)
    cpu_s = tree_seconds(process.pid) - before
    process.stdin.close()
    await process.wait()
    return Run("bare aiosmtpd", len(mails), len(mails) / (sending.last - sending.first), cpu_s, _waits(sending))


async def run_postfix(mails: Sequence[Mail]) -> Run:
    """Have Postfix relay the mails. Raises PostfixAbsent."""
    async with _relay() as relay:
        postfix = Postfix(free_ports(1)[0], relay.port)
        try:
            await asyncio.to_thread(postfix.start)
            before = tree_seconds(postfix.pid)
            sending = await send_all(postfix.port, mails)
            await _all_there(relay, len(mails))
            cpu_s = tree_seconds(postfix.pid) - before
        finally:
            await asyncio.to_thread(postfix.stop)
        arrived = {one.message_id: one.at for one in await relay.report()}
    missing = [mail.message_id for mail in mails if mail.message_id not in arrived]
    took_s = max(arrived.values(), default=sending.last) - sending.first
    run = Run("Postfix", len(mails), len(arrived) / took_s, cpu_s, _waits(sending))
    run.to_answer = [at - sending.begun[one] for one, at in arrived.items() if one in sending.begun]
    run.wrong = [f"Postfix did not relay {one}" for one in missing]
    return run


async def run_house(
    mails: Sequence[Mail], house: House, paced_mails: Sequence[Mail] = (), idle_mails: Sequence[Mail] = ()
) -> Run:
    """Have the service answer the mails; then others at PACED_LOAD; then, on the quiet service, single mails."""
    async with _relay() as relay:
        service = Service(relay.port, house.url, is_metered=house.is_metered, profile=house.profile)
        try:
            await service.start()
            run = await _answered(mails, house, service, relay)
            if paced_mails:
                await _paced(run, paced_mails, service, relay)
            run.idle_s = [await _single(mail, service, relay) for mail in idle_mails]
            run.wrong += service.troubles()
        finally:
            await service.stop()
    return run


async def _answered(mails: Sequence[Mail], house: House, service: Service, relay: Relay) -> Run:
    database = tree_seconds(house.database_pid) if house.database_pid else 0.0
    before = await service.cost()
    sending = await send_all(service.port, mails)
    await _all_there(relay, len(mails) * ANSWERS_A_MAIL)
    cost = (await service.cost()).since(before)
    answers = answers_to(mails, await relay.report())
    took_s = max(answers.last, sending.last) - sending.first
    run = Run(house.name, len(mails), len(answers.noticed) / took_s, cost.total_s, _waits(sending))
    run.to_answer = _waits(sending, answers)
    run.wrong = answers.wrong
    run.given = service.given
    if house.database_pid:
        run.database_s = tree_seconds(house.database_pid) - database
    if cost.stages:
        run.stages = {**cost.stages, "reader": cost.readers_s}
    return run


async def _paced(run: Run, mails: Sequence[Mail], service: Service, relay: Relay) -> None:
    """Send mails at PACED_LOAD of the run's own rate, and note how long each waited for its 250."""
    before = await relay.count()
    sending = await send_paced(service.port, mails, run.rate * PACED_LOAD)
    await _all_there(relay, before + len(mails) * ANSWERS_A_MAIL)
    run.paced_to_250 = _waits(sending)
    run.wrong += answers_to(mails, await relay.report()).wrong


async def _single(mail: Mail, service: Service, relay: Relay) -> float:
    """Send one mail to the quiet service and return the seconds from its 250 to its acknowledgement at the relay."""
    before = await relay.count()
    sending = await send_all(service.port, [mail], connections=1)
    for _ in range(IDLE_LOOKS_MAX):
        if await relay.count() >= before + ANSWERS_A_MAIL:
            break
        await asyncio.sleep(IDLE_LOOK_S)
    return answers_to([mail], await relay.report()).acknowledged[mail.message_id] - sending.last


async def _all_there(relay: Relay, wanted: int) -> None:
    """Wait until the relay has what must come and is quiet, or until nothing comes any more."""
    count, since = -1, monotonic()
    while True:
        now_there = await relay.count()
        if now_there != count:
            count, since = now_there, monotonic()
        if monotonic() - since > (QUIET_S if count >= wanted else STUCK_S):
            return
        await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def _relay() -> AsyncIterator[Relay]:
    relay = await Relay.start()
    try:
        yield relay
    finally:
        await relay.stop()


def _waits(sending: Sending, answers: Answers | None = None) -> list[float]:
    """Return seconds from a mail's MAIL command to its 250, or to its acknowledgement at the relay."""
    ends = sending.accepted if answers is None else answers.acknowledged
    return [at - sending.begun[one] for one, at in ends.items()]

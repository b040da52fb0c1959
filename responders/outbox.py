"""The outbox: carries owed rows to their channel and writes what came of it (guarantee 3; DESIGN 9, Answers and caps).

Promises: `sent` is written only after the other side took it; what was refused now is tried again at set times, what is
refused for good or given up goes to a person; no time that passed is told in a content that leaves first now. Never:
changes what is said once its content may have left, loses a row because the store or the relay is away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Protocol, TypeVar

import structlog

from desk.base.clock import Clock
from desk.base.errors import DeliveryLater, DeliveryRefused, StoreAway
from desk.base.names import Channel, Direction, OwedStatus
from desk.base.trouble import Trouble
from desk.caps import Caps
from desk.claims import Claims, Sent
from desk.ledger.load import Waiting
from desk.rules.decision import Owed, StoredMessage
from desk.verbs.late import Lates
from desk.verbs.undelivered import Undeliveries

log = structlog.get_logger()

R = TypeVar("R")

TOGETHER_MAX = 64
"""Attempts under way at once."""
RETRY_AFTER = (
    timedelta(seconds=15),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
)
"""Waits after the first refusals for now; then RETRY_HOURLY."""
RETRY_HOURLY = timedelta(hours=1)
RETRY_SPREAD = 0.2
"""Share by which a wait is longer or shorter, so that rows do not come back in step."""
GIVE_UP_AFTER = timedelta(hours=48)
PROBE_S = (5.0, 30.0)
"""First and longest wait before a relay that cannot be reached is tried again."""
STORE_AGAIN_S = 0.5
DEFERRED_FOR = timedelta(seconds=20)
"""How long the relay may take nothing, while it puts mails off, before that is trouble."""
SLOW_AFTER = timedelta(seconds=30)
"""How long an attempt may be under way before that is trouble."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a channel says when the other side took it: its reply, what was said in words, and which relay it was."""

    reply: str
    sender: str
    subject: str
    text: str
    relay: str = ""


class Carrier(Protocol):
    """A channel's way out. Raises DeliveryLater or DeliveryRefused."""

    def deliver(self, owed: Owed, *, may_have_left: bool) -> Awaitable[Delivered]:
        """Carry a row; `may_have_left` tells that the other side may have it from an earlier attempt."""
        ...


class Outbox:
    """Takes owed rows as they come and carries each to its channel."""

    def __init__(
        self,
        claims: Claims,
        caps: Caps,
        lates: Lates,
        undeliveries: Undeliveries,
        carriers: Mapping[Channel, Carrier],
        *,
        clock: Clock,
        random: Random,
    ) -> None:
        self._undeliveries = undeliveries
        self._claims = claims
        self._caps = caps
        self._lates = lates
        self._carriers = carriers
        self._clock = clock
        self._random = random
        self._is_reached = asyncio.Event()
        self._is_reached.set()
        self._busy = 0
        self._begun: dict[int, datetime] = {}
        """When each attempt under way began, by owed row."""
        self._put_off_since: datetime | None = None
        """When the relay first put a mail off since it last took one."""
        self._put_off_code = 0

    @property
    def is_idle(self) -> bool:
        """Tell whether no attempt is under way or waits in this node."""
        return not self._busy and not self._claims.owed

    @property
    def is_relay_reached(self) -> bool:
        """Tell whether the other side answered when it was last asked."""
        return self._is_reached.is_set()

    @property
    def attempts_under_way(self) -> int:
        return self._busy

    def troubles(self, now: datetime, waiting: int) -> list[Trouble]:
        """Return what is wrong here: the relay answers nothing, or takes nothing of the rows that wait."""
        found = []
        if self._begun and now - min(self._begun.values()) > SLOW_AFTER:
            why = f"the relay has not answered an attempt within {SLOW_AFTER.seconds} s"
            found.append(Trouble("outbox", "slow", why, "look at the relay's log and load", min(self._begun.values())))
        since = self._put_off_since
        if waiting and since is not None and now - since > DEFERRED_FOR:
            said = f"says {self._put_off_code}" if self._put_off_code > 0 else "breaks off"
            why = f"the relay {said} and has taken no mail since; mails are tried again at set times"
            found.append(Trouble("outbox", "deferred", why, "look at last_reply of `ventanilla export`", since))
        return found

    async def run(self) -> None:
        """Carry owed rows, TOGETHER_MAX at once, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(TOGETHER_MAX):
                group.create_task(self._run_one())

    async def _run_one(self) -> None:
        while True:
            waiting = await self._claims.owed.take()
            self._busy += 1
            structlog.contextvars.bind_contextvars(owed=waiting.owed.id)  # of this task alone, until its next row
            try:
                await self._carry(waiting)
            except Exception:  # loop head: one row that fails must not end the carrying
                log.exception("delivery_failed")
                await self._put_off(waiting, "internal error", data_sent=False)
            finally:
                self._busy -= 1

    async def _carry(self, waiting: Waiting) -> None:
        await self._is_reached.wait()
        admitted = await self._persist(lambda: self._caps.admit(waiting))
        if admitted is None:
            self._claims.put_down(waiting)
            return
        in_time = await self._in_time(admitted)
        if await self._attempt(in_time):
            return
        if self._is_reached.is_set():
            await self._probe(in_time)
        else:  # another found it away meanwhile, and probes
            self._claims.owed.put_first(in_time)

    async def _in_time(self, waiting: Waiting) -> Waiting:
        """Return a row as it may be said now: what waited may tell a time that has passed."""
        return await self._persist(lambda: self._lates.look(waiting))

    async def _probe(self, waiting: Waiting) -> None:
        """Try one row again until the other side can be reached; all others wait for that."""
        self._is_reached.clear()
        wait = PROBE_S[0]
        try:
            while True:
                log.warning("relay_away", probe_s=wait)
                await asyncio.sleep(wait)
                waiting = await self._in_time(waiting)
                if await self._attempt(waiting):
                    return
                wait = min(wait * 2, PROBE_S[1])
        finally:
            self._is_reached.set()

    async def _attempt(self, waiting: Waiting) -> bool:
        """Try a row once and write what came of it; False when the other side could not be reached."""
        owed = waiting.owed
        self._begun[owed.id] = self._clock.now()
        try:
            delivered = await self._carriers[owed.channel].deliver(owed, may_have_left=waiting.data_sent)
        except DeliveryRefused as refused:
            reply = str(refused)
            self._put_off_since = None
            log.error("delivery_refused", kind=owed.kind, code=refused.code)
            await self._end(waiting, OwedStatus.REFUSED, reply)
        except DeliveryLater as later:
            if later.is_alone:
                await self._wait_alone(waiting, str(later))
                return True
            if not later.counts:
                log.info("relay_not_reached", cause=str(later))
                return False
            self._note_put_off(later.code)
            await self._put_off(waiting, str(later), data_sent=later.data_sent)
        else:
            self._put_off_since = None
            await self._sent(waiting, delivered)
        finally:
            del self._begun[owed.id]
        return True

    def _note_put_off(self, code: int) -> None:
        self._put_off_since = self._put_off_since or self._clock.now()
        self._put_off_code = code

    async def _sent(self, waiting: Waiting, delivered: Delivered) -> None:
        now = self._clock.now()
        owed = waiting.owed

        async def write() -> bool:
            await self._claims.reserve()
            sent = Sent(now, delivered.reply, self._message(owed, delivered, now), _promises_told(owed))
            return await self._claims.sent(waiting, sent)

        await self._persist(write)
        log.info("delivery_sent", kind=owed.kind, attempts=waiting.attempts + 1, relay=delivered.relay)

    def _message(self, owed: Owed, delivered: Delivered, now: datetime) -> StoredMessage | None:
        if owed.incident is None:
            return None
        return StoredMessage(
            id=self._claims.new_message_id(),
            incident=owed.incident,
            at=now,
            direction=Direction.OUT,
            channel=owed.channel,
            audience=owed.audience,
            sender=delivered.sender,
            sender_name="",
            to=(owed.to,),
            subject=delivered.subject,
            text=delivered.text,
            reply_text=delivered.text,
            message_id=owed.message_id,
        )

    async def _put_off(self, waiting: Waiting, reply: str, *, data_sent: bool) -> None:
        now = self._clock.now()
        if tried_for(waiting.attempts) >= GIVE_UP_AFTER:
            log.error("delivery_given_up", kind=waiting.owed.kind, attempts=waiting.attempts + 1)
            self._put_off_since = None
            await self._end(waiting, OwedStatus.GIVEN_UP, reply)
            return
        at = retry_at(waiting.attempts, now, self._random)
        log.warning("delivery_deferred", kind=waiting.owed.kind, attempts=waiting.attempts + 1, retry_at=at)
        has_left = data_sent or waiting.data_sent or waiting.is_doubtful
        await self._persist(lambda: self._claims.later(waiting, at, reply, data_sent=has_left, counts=True))

    async def _end(self, waiting: Waiting, status: OwedStatus, reply: str) -> None:
        """End a row that will not be delivered; what follows is decided and written with it."""
        await self._persist(lambda: self._undeliveries.end(waiting, status, reply))
        self._claims.put_down(waiting)

    async def _wait_alone(self, waiting: Waiting, reply: str) -> None:
        """Let a row wait for the one relay that may have its content, while the others go another way."""
        at = self._clock.now() + timedelta(seconds=PROBE_S[1])
        log.warning("delivery_deferred", kind=waiting.owed.kind, attempts=waiting.attempts, retry_at=at)
        await self._persist(lambda: self._claims.later(waiting, at, reply, data_sent=True, counts=False))

    async def _persist(self, write: Callable[[], Awaitable[R]]) -> R:
        """Write a result, however long the store is away: what was said must not be said again."""
        while True:
            try:
                return await write()
            except StoreAway as away:
                log.warning("store_away", part="outbox", cause=str(away))
                await asyncio.sleep(STORE_AGAIN_S)


def tried_for(attempts: int) -> timedelta:
    """Return how long a row has been tried after so many refusals: only time in which the relay spoke counts."""
    return sum(RETRY_AFTER[:attempts], timedelta()) + max(0, attempts - len(RETRY_AFTER)) * RETRY_HOURLY


def retry_at(attempts: int, now: datetime, random: Random) -> datetime:
    """Return when a row refused for now is tried again, `attempts` refusals having gone before this one."""
    wait = RETRY_AFTER[attempts] if attempts < len(RETRY_AFTER) else RETRY_HOURLY
    return now + wait * random.uniform(1 - RETRY_SPREAD, 1 + RETRY_SPREAD)


def _promises_told(owed: Owed) -> tuple[int, ...]:
    return tuple(owed.facts.get("promises", ()))

"""From a delivery to an arrival, and from an arrival to its act (DESIGN 4, A mail).

Promises: `accept` returns when the arrival is committed; every arrival ends in one act, or is held with the reason why
none could be made of it. A mail that kills its reader, or whose act fails alone, delays no other mail. Never: parses a
body in this process.
"""

import asyncio
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace

import structlog

from desk.base.errors import ActLost, ReaderFailed, StoreAway
from desk.base.grade import Grade
from desk.base.message import Arrival, Delivery, Mailbox, Message, Parent
from desk.base.meter import add, metered
from desk.base.names import LANGUAGE_UNKNOWN, MessageKind, Severity
from desk.base.room import Room
from desk.claims import Claims
from desk.rules.decision import Decision, HeldItem
from desk.rules.held import Headline
from desk.verbs.reception import Reception
from intake.email.reading.automatic import OwnMail
from intake.email.reading.headers import HeaderBlock, arrival_key, header_block
from intake.email.reading.reader import Readers, ReadResult
from intake.email.thread import find, of_message

log = structlog.get_logger()

TOGETHER_MAX = 64
"""Arrivals that are on their way to their act at once, the large ones apart."""
LARGE_TOGETHER_MAX = 4
"""Large arrivals (`desk.claims.LARGE_BYTES`) that are on their way at once, as far as their bytes have room."""
LARGE_ROOM_BYTES = 32 * 1024 * 1024
"""Bytes of large arrivals that are read at once; a larger one is read alone. A reader needs three times as many."""
AGAIN_S = 1.0
"""Wait before an arrival is tried again when the store is away."""
ATTEMPT_MAX = 3
"""How often the act of one arrival may fail before it is held."""
READER_KILLED = "reader_killed"
UNGRADED = Grade(Severity.QUESTION, LANGUAGE_UNKNOWN, 0.0, ())


class Ingest:
    """Takes deliveries in and carries arrivals to their acts."""

    def __init__(self, claims: Claims, readers: Readers, reception: Reception) -> None:
        self._claims = claims
        self._readers = readers
        self._reception = reception
        self._signer = reception.desk.signer
        self._own = OwnMail(frozenset(a.lower() for a in (self._signer.address, *self._signer.aliases)))
        self._room = Room(LARGE_ROOM_BYTES)
        self._busy = 0
        self.carried: Counter[str] = Counter()
        """Mails that have their act, by transport: the pipe is no door of a node, its mails are counted here."""

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing that was accepted waits for its act in this node."""
        return not self._busy and not self._claims.arrivals and not self._claims.large_arrivals

    @metered("arrival")
    async def accept(self, delivery: Delivery) -> None:
        """Store a mail; on return it is committed. Raises StoreAway."""
        block = header_block(delivery.raw)
        await self._claims.store(delivery, arrival_key(delivery.raw, block), block)

    async def run(self) -> None:
        """Carry arrivals to their acts, TOGETHER_MAX at once and LARGE_TOGETHER_MAX large ones, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(TOGETHER_MAX):
                group.create_task(self._run_one(is_large=False))
            for _ in range(LARGE_TOGETHER_MAX):
                group.create_task(self._run_one(is_large=True))

    async def _run_one(self, *, is_large: bool) -> None:
        while True:
            arrival = await self._claims.take_arrival(is_large=is_large)
            self._busy += 1
            structlog.contextvars.bind_contextvars(arrival=arrival.id)  # of this task alone, until its next arrival
            try:
                async with self._room.of(arrival.size) if is_large else nullcontext():
                    await self._carry(arrival)
            finally:
                self._busy -= 1

    async def _carry(self, arrival: Arrival) -> None:
        try:
            self._log(await self._act(await self._claims.with_bytes(arrival)))
            self._finish(arrival)
        except (StoreAway, ActLost) as away:
            log.warning("store_away", part="ingest", cause=str(away))
            await asyncio.sleep(AGAIN_S)
            self._claims.put_back(arrival)
        except Exception as error:  # loop head: an act that fails alone is held, every other mail goes on
            log.exception("act_failed", attempt=arrival.attempts + 1)
            await self._again_or_hold(replace(arrival, attempts=arrival.attempts + 1), error)

    async def _again_or_hold(self, arrival: Arrival, error: Exception) -> None:
        if arrival.attempts >= ATTEMPT_MAX:
            try:
                await self._reception.hold(arrival, type(error).__name__, _headline(arrival))
            except (StoreAway, ActLost) as away:
                log.warning("store_away", part="ingest", cause=str(away))
            else:
                self._finish(arrival)
                log.error("mail_held", reason="act_failed")
                return
        await asyncio.sleep(AGAIN_S)
        self._claims.put_back(arrival)

    def _finish(self, arrival: Arrival) -> None:
        self._claims.let_go(arrival)
        if arrival.release is None:  # one that was released was counted when it was held
            self.carried[arrival.transport] += 1

    async def _act(self, arrival: Arrival) -> Decision:
        block = arrival.headers if isinstance(arrival.headers, HeaderBlock) else header_block(arrival.raw)
        found = await self._reception.look_up(find(self._signer, arrival.recipients, block))
        read = await self._read(arrival, found.parents)
        message, grade = (read.message, read.grade or UNGRADED) if read else (_unreadable(arrival, block), UNGRADED)
        thread = of_message(self._signer, found, message)
        return await self._reception.receive(arrival, message, grade, thread)

    @metered("hop to a reader")
    async def _read(self, arrival: Arrival, parents: tuple[Parent, ...]) -> ReadResult | None:
        """Return what a reader made of a mail; one whose reader died is read once more, alone; None after that."""
        for alone in (False, True):
            try:
                read = await self._readers.read(
                    arrival.raw, parents, self._own, envelope_from=arrival.envelope_from, alone=alone
                )
            except ReaderFailed as failed:
                log.warning("reader_failed", alone=alone, cause=str(failed))
            else:
                add("reading", read.cpu_s - read.triage_s)
                add("triage", read.triage_s)
                return read
        return None

    def _log(self, decision: Decision) -> None:
        for change in decision.incidents:
            after = change.after
            if change.before is None:
                log.info(
                    "incident_opened",
                    number=after.number,
                    channel=after.channel,
                    severity=after.severity.value,
                    queue=after.queue,
                )
            else:
                log.info("incident_changed", number=after.number, version=after.version)
        if not decision.incidents:
            log.info("mail_kept", held=any(isinstance(row, HeldItem) for row in decision.rows))


def _headline(arrival: Arrival) -> Headline:
    """What is told of a mail that no act could be made of; its bytes may not be at hand."""
    block = arrival.headers if isinstance(arrival.headers, HeaderBlock) else header_block(arrival.raw)
    return Headline(block.sender, block.subject, block.message_id)


def _unreadable(arrival: Arrival, block: HeaderBlock) -> Message:
    """What is known of a mail whose reader died twice: its headers, and its arrival key for the message key."""
    sender = Mailbox("", block.sender)
    return Message(
        message_id=block.message_id,
        sender=sender,
        senders=(sender,),
        reply_to=(),
        to=(),
        cc=(),
        subject=block.subject,
        date=None,
        in_reply_to=block.in_reply_to,
        references=block.references,
        kind=MessageKind.BROKEN,
        reason=READER_KILLED,
        may_auto_reply=False,
        text="",
        reply_text="",
        defects=(READER_KILLED,),
        digest=arrival_key(arrival.raw, block),
    )

"""Caps on answers, so that no loop and no flood makes the desk a nuisance (guarantee 4; DESIGN 9, Answers and caps).

Promises: an answer is counted once, before its content is first sent, and where that is committed no crash counts it
again; what is over a cap is delayed, merged or held, never dropped. Never: asks anything where nothing bounds a row.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from desk.base.names import Cap, HeldReason, OwedKind
from desk.commit import Commit
from desk.ledger.caps import Asked, Settled, settle
from desk.ledger.load import Waiting
from desk.ledger.save import Change, Written
from desk.rules.caps import MERGING, Fate, Place, booked, places, spans_of
from desk.rules.decision import HeldItem
from desk.rules.settings import AnswersSettings

log = structlog.get_logger()

KEPT = timedelta(days=3)
"""How long a window is remembered: longer than a row is tried (48 hours), and than any window is."""


class Caps:
    """Judges each owed row that is taken to be carried."""

    def __init__(
        self, commit: Commit, answers: AnswersSettings, zone: ZoneInfo, on_flood: Callable[[datetime], Awaitable[None]]
    ) -> None:
        """`on_flood` is called when answers to all together are over their cap: somebody must know."""
        self._commit = commit
        self._limits = {cap: int(getattr(answers, cap)) for cap in Cap}
        self._zone = zone
        self._swept: datetime | None = None
        self._on_flood = on_flood

    async def admit(self, waiting: Waiting) -> Waiting | None:
        """Return the row as it may go out now; None when it waits, is held, or went out in another. Raises StoreAway.

        A row that was tried before was counted then.
        """
        if waiting.is_counted or waiting.attempts:
            return waiting
        now = self._commit.clock.now()
        merges = waiting.owed.kind is OwedKind.ACKNOWLEDGEMENT and waiting.delayed_by in MERGING
        woken = waiting.owed.not_before if merges else None
        needed = places(waiting.owed, self._limits, self._zone, now, woken)
        if not needed:
            return waiting
        if not waiting.delayed_by and await self._commit.write(Change(self._forgotten(now), places=needed)):
            return replace(waiting, is_counted=True)
        return await self._settle(waiting, needed, now, woken)

    async def _settle(
        self, waiting: Waiting, needed: tuple[Place, ...], now: datetime, woken: datetime | None
    ) -> Waiting | None:
        item = None
        if woken is not None:
            await self._commit.reserve()
            item = self._item(waiting, now)
        next_hour = booked(waiting.owed, spans_of(now, self._zone).hour.end)
        asked = Asked(waiting, needed, next_hour, now, self._commit.node, woken, item)
        settled = await self._commit.run(settle(asked))
        _log(settled)
        if settled.missing is not None and settled.missing.cap is Cap.PER_MINUTE:
            await self._on_flood(now)
        return replace(waiting, owed=settled.owed, is_counted=True) if settled.fate is Fate.GO else None

    def _item(self, waiting: Waiting, now: datetime) -> HeldItem:
        owed = waiting.owed
        return HeldItem(
            id=self._commit.ids.next("held"),
            at=now,
            reason=HeldReason.OVER_CAP,
            kind=owed.kind,
            sender=owed.envelope_from,
            to=(owed.to,),
            subject="",
            message_id=owed.message_id,
            explanation=f"answers.{Cap.PER_ADDRESS_PER_DAY} = {self._limits[Cap.PER_ADDRESS_PER_DAY]}",
            incident=owed.incident,
            owed=owed.id,
        )

    def _forgotten(self, now: datetime) -> tuple[Written, ...]:
        """Return the row that forgets old windows: with the first answer of a minute."""
        minute = spans_of(now, self._zone).minute.start
        if minute == self._swept:
            return ()
        self._swept = minute
        return (("caps_forgotten", (now - KEPT,)),)


def _log(settled: Settled) -> None:
    if settled.merged and settled.fate is not Fate.DELAY:
        log.info("answers_merged", count=settled.merged + 1)
    if settled.missing is None:
        return
    if settled.fate is Fate.HOLD:
        log.warning("answer_held", cap=settled.missing.cap)
    else:
        log.warning("answer_delayed", cap=settled.missing.cap, until=settled.missing.until)

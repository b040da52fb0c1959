"""Caps as steps: places in windows, taken under a lock on whoever they bound (DESIGN 4, soft and guarded facts).

Promises: no two answers take one place, on any number of nodes; windows are locked in one order, so that nobody waits
for each other; what becomes of an answer over a cap is written in the transaction that found it so.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from desk.base.names import OwedKind
from desk.ledger.load import OWED_COLUMNS, Waiting, instant, waiting_of
from desk.ledger.save import STATEMENTS, Change, held_rows, to_json
from desk.ledger.statements import Many, Run, Steps, places
from desk.rules.caps import MERGED_MAX, MERGING, Fate, Place, Window, fate_of, full, together
from desk.rules.decision import HeldItem, Owed

_IS_DELAYED = f"status = 'delayed' AND kind = ? AND last_reply IN ({places(len(MERGING))}) AND not_before <= ?"
_MERGING = tuple(sorted(MERGING))


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer that is about to go out, and the places it needs, its own first.

    `woken` is when its time came if it waited for the end of an hour; `next_hour` the window that is booked when it
    waits for the end of this one; `item` what it becomes when it is held.
    """

    waiting: Waiting
    needed: tuple[Place, ...]
    next_hour: Window
    now: datetime
    node: str
    woken: datetime | None = None
    item: HeldItem | None = None

    @property
    def owed(self) -> Owed:
        return self.waiting.owed


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of it: the row as it goes out, or the place it did not get."""

    fate: Fate
    owed: Owed
    missing: Place | None = None
    merged: int = 0


def take_places(changes: Sequence[Change], won: list[bool]) -> Steps[list[bool]]:
    """Return who still wins: those who get all the places they need, in order.

    All that is wanted is taken, which is nearly always right and one statement; what is not to be had is given back.
    """
    wanted = Counter(place.window for change, wins in zip(changes, won, strict=True) if wins for place in change.places)
    if not wanted:
        return won
    after = yield from _take(wanted)
    taken = {window: after[window] - count for window, count in wanted.items()}
    for index, change in enumerate(changes):
        if won[index] and change.places:
            won[index] = full(change.places, taken) is None
            if won[index]:
                _count(taken, change.places)
    yield from _write_counts(after, taken)
    return won


def settle(asked: Asked) -> Steps[Settled]:
    """Decide an answer that did not get its places at once, or whose time has come, and write what becomes of it."""
    owed = asked.owed
    windows = {asked.next_hour, *(place.window for place in asked.needed)}
    counts = yield from _take(dict.fromkeys(windows, 0))
    if not (yield from _is_due(asked)):
        return Settled(Fate.GONE, owed)
    if counts[asked.needed[0].window]:
        return Settled(Fate.GO, owed)
    if owed.kind is OwedKind.STATUS and (yield from _is_replaced(owed)):
        return Settled(Fate.MERGED, owed)
    others = [] if asked.woken is None else (yield from _others(asked))
    missing = full(asked.needed, counts)
    fate = fate_of(owed, missing, asked.woken)
    taken = dict(counts)
    if fate is Fate.DELAY:
        assert missing is not None, "an answer is put off for a place it does not get"
        yield from _put_off(missing, [asked.waiting, *others])
        _book(asked, missing, taken)
    else:
        _count(taken, asked.needed[:1] if fate is Fate.HOLD else asked.needed)
        owed = yield from _told_together(asked, others, fate)
        yield from _put_off_rest(asked, others, taken)
    yield from _write_counts(counts, taken)
    return Settled(fate, owed, missing, len(others))


def _take(wanted: Mapping[Window, int]) -> Steps[dict[Window, int]]:
    """Take places and load how many are taken now, the windows locked in order; one that is not there yet is made."""
    rows = yield Run(
        f"INSERT INTO caps (scope, subject, window_start, count) VALUES {', '.join(['(?, ?, ?, ?)'] * len(wanted))} "
        "ON CONFLICT (scope, subject, window_start) DO UPDATE SET count = caps.count + excluded.count "
        "RETURNING scope, subject, window_start, count",
        [value for window in sorted(wanted) for value in (*window, wanted[window])],
    )
    return {(row[0], row[1], _start(row[2])): row[3] for row in rows}


def _start(value: object) -> datetime:
    start = instant(value)
    assert start is not None, "a window begins"
    return start


def _count(taken: dict[Window, int], needed: Iterable[Place]) -> None:
    for place in needed:
        taken[place.window] += 1


def _write_counts(before: dict[Window, int], after: dict[Window, int]) -> Steps[None]:
    changed = [(after[window], *window) for window in before if after[window] != before[window]]
    if changed:
        yield Many("UPDATE caps SET count = ? WHERE scope = ? AND subject = ? AND window_start = ?", changed)


def _is_due(asked: Asked) -> Steps[bool]:
    """Load, under lock, whether the row still waits and its time has come: another may have told it with its own.

    Who puts a row off takes the lease from it; one that is still leased to this node was due by the clock of then.
    """
    rows = yield Run(
        "SELECT 1 FROM owed WHERE id = ? AND status IN ('queued', 'delayed') "
        "AND (not_before <= ? OR leased_by = ?) {for_update}",
        (asked.owed.id, asked.now, asked.node),
    )
    return bool(rows)


def _is_replaced(owed: Owed) -> Steps[bool]:
    """Let the answer to a later question stand for this one; False where there is none."""
    rows = yield Run(
        "UPDATE owed SET status = 'merged', leased_by = NULL, leased_until = NULL WHERE id = ? AND EXISTS ("
        "SELECT 1 FROM owed o WHERE o.incident_id = ? AND o.kind = ? AND o.address = ? AND o.id > ? "
        "AND o.status IN ('queued', 'delayed', 'sent')) RETURNING id",
        (owed.id, owed.incident, OwedKind.STATUS, owed.to, owed.id),
    )
    return bool(rows)


def _others(asked: Asked) -> Steps[list[Waiting]]:
    """Load, under lock, what waited with an acknowledgement for the same address and may go now."""
    rows = yield Run(
        f"SELECT {OWED_COLUMNS} FROM owed WHERE {_IS_DELAYED} AND lower(address) = lower(?) AND id <> ? "
        f"ORDER BY id LIMIT {MERGED_MAX - 1} {{for_update}}",
        (OwedKind.ACKNOWLEDGEMENT, *_MERGING, asked.now, asked.owed.to, asked.owed.id),
    )
    return [waiting_of(row) for row in rows]


def _put_off(missing: Place, waiting: Sequence[Waiting]) -> Steps[None]:
    """Have answers wait. What waits for the end of an hour keeps that reason through a busy minute."""
    assert missing.cap is not None, "a row's own place bounds nobody"
    keeps = missing.cap not in MERGING
    rows = [(missing.until, (keeps and one.delayed_by) or missing.cap, one.owed.id) for one in waiting]
    yield Many(
        "UPDATE owed SET status = 'delayed', not_before = ?, last_reply = ?, leased_by = NULL, leased_until = NULL "
        "WHERE id = ?",
        rows,
    )


def _book(asked: Asked, missing: Place, taken: dict[Window, int]) -> None:
    if asked.owed.kind is OwedKind.ACKNOWLEDGEMENT and missing.cap in MERGING:
        taken[asked.next_hour] = max(1, taken[asked.next_hour])


def _told_together(asked: Asked, others: Sequence[Waiting], fate: Fate) -> Steps[Owed]:
    """Write the one that goes out, or is held, for all, and that the others went out in it."""
    answers = sorted((asked.owed, *(one.owed for one in others)), key=lambda owed: owed.id)
    owed = asked.owed if asked.woken is None else together(answers, asked.owed, asked.now)
    yield Many(
        "UPDATE owed SET status = 'merged', leased_by = NULL, leased_until = NULL WHERE id = ?",
        [(one.owed.id,) for one in others],
    )
    if fate is Fate.HOLD:
        assert asked.item is not None, "what is held is an item that somebody sees"
        yield Run(
            "UPDATE owed SET status = 'held', facts = ?, leased_by = NULL, leased_until = NULL WHERE id = ?",
            (to_json(owed.facts), owed.id),
        )
        for name, parameters in held_rows(asked.item):
            yield Many(STATEMENTS[name], [parameters])
    else:
        yield Run(
            "UPDATE owed SET status = 'queued', facts = ?, last_reply = '', leased_by = ?, leased_until = {lease} "
            "WHERE id = ?",
            (to_json(owed.facts), asked.node, owed.id),
        )
    return owed


def _put_off_rest(asked: Asked, others: Sequence[Waiting], taken: dict[Window, int]) -> Steps[None]:
    """Have what one mail did not hold wait for the end of this hour."""
    if len(others) < MERGED_MAX - 1:
        return
    yield Run(
        "UPDATE owed SET not_before = ?, leased_by = NULL, leased_until = NULL "
        f"WHERE {_IS_DELAYED} AND lower(address) = lower(?)",
        (asked.next_hour[2], OwedKind.ACKNOWLEDGEMENT, *_MERGING, asked.now, asked.owed.to),
    )
    taken[asked.next_hour] = max(1, taken[asked.next_hour])

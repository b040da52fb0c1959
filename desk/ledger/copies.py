"""A copy of a database knows that it is one, as steps: what its first start does (DESIGN 8).

After the backup the desk went on: it gave numbers away and sent mails of which the copy knows nothing. Promises: no id
of that time is given again, and nothing that may have been sent then is sent by itself. Never: does so twice; the mark
goes in the same commit.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from desk.base.names import HeldReason, OwedStatus
from desk.ledger.leases import WAITING
from desk.ledger.load import instant
from desk.ledger.save import STATEMENTS, held_rows
from desk.ledger.statements import Many, Run, Steps
from desk.rules.decision import HeldItem
from desk.rules.held import tell_restored_at

COPY_KEY = "copy"
"""The key that a backup writes into its copy; `made_at` is when. All other keys are digits of a digest."""
MARK = "INSERT INTO keys (key, ref, made_at) VALUES (?, 0, ?)"
SKIPPED_A_DAY = 100_000
"""Ids of a table that are passed over for each day, begun or whole, since the backup: more than a desk gives in one."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TakenUp:
    """A copy that was taken up: of when it was, and how many mails are held because nobody knows whether they went."""

    made_at: datetime
    held: int


def copied_at() -> Steps[datetime | None]:
    """Load when a copy was made that nobody has taken up yet; None for a database that is none."""
    rows = yield Run("SELECT made_at FROM keys WHERE key = ?", (COPY_KEY,))
    return instant(rows[0][0]) if rows else None


def take_up_copy(now: datetime) -> Steps[TakenUp | None]:
    """Make a copy fit to go on from; None for a database that is none. Of several nodes one does it."""
    rows = yield Run("SELECT made_at FROM keys WHERE key = ? {for_update}", (COPY_KEY,))
    made_at = instant(rows[0][0]) if rows else None
    if made_at is None:
        return None
    days = max(0, (now - made_at) // DAY) + 1
    yield Run("UPDATE ids SET next_id = next_id + ?", (days * SKIPPED_A_DAY,))
    held = yield from _hold_what_may_have_gone(now)
    yield Run("DELETE FROM keys WHERE key = ?", (COPY_KEY,))
    return TakenUp(made_at, held)


def _hold_what_may_have_gone(now: datetime) -> Steps[int]:
    """Hold every owed row whose time has come: until the loss the desk may have sent it. What is due later waits on."""
    may_have_gone = f"{WAITING} AND not_before <= ?"
    owed = yield Run(
        f"SELECT id, incident_id, kind, address, envelope_from, message_id FROM owed WHERE {may_have_gone} ORDER BY id",
        (now,),
    )
    if not owed:
        return 0
    first = yield from _held_ids(len(owed))
    written = []
    for n, (owed_id, incident, kind, address, sender, message_id) in enumerate(owed):
        item = HeldItem(
            id=first + n,
            at=now,
            reason=HeldReason.RESTORED,
            kind=kind,
            sender=sender,
            to=(address,),
            subject="",
            message_id=message_id,
            explanation="",
            incident=incident,
            owed=owed_id,
            tell_at=tell_restored_at(kind, now),
        )
        written += [values for _, values in held_rows(item)]
    yield Many(STATEMENTS["held"], written)
    yield Run(
        f"UPDATE owed SET status = '{OwedStatus.HELD}', leased_by = NULL, leased_until = NULL WHERE {may_have_gone}",
        (now,),
    )
    return len(owed)


def _held_ids(count: int) -> Steps[int]:
    yield Run("INSERT INTO ids (name, next_id) VALUES ('held', 1) ON CONFLICT (name) DO NOTHING")
    rows = yield Run("UPDATE ids SET next_id = next_id + ? WHERE name = 'held' RETURNING next_id", (count,))
    first: int = rows[0][0] - count
    return first

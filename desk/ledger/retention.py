"""Raw mails whose time is over, as steps: their bytes go, their digest, size and everything read from them stay.

Promises: what nobody has decided or read yet keeps its bytes, however old; a step is bounded in mails and bytes. On
SQLite the pages that became free are given back to the file system, a few at a time. Never: deletes a row.
"""

from datetime import datetime

from desk.ledger.statements import Run, Steps, places

MAIL = "mail"
ERASED_MAX = 100
"""Mails erased in one transaction."""
ERASED_BYTES_MAX = 8 * 1024 * 1024
"""Their bytes: each is overwritten, and who stores a mail meanwhile waits. One mail may be bigger."""
PAGES_MAX = 256
"""Pages given back in one transaction: 4 MiB, each moved from the file's end."""
SLACK = 50
"""One page of so many may stay free: the next mails take it, and a file that breathes is not cut each time."""

_UNREAD = "SELECT blob_id FROM arrivals WHERE done_at IS NULL"
_UNDECIDED = "SELECT blob_id FROM held WHERE decided_at IS NULL AND blob_id IS NOT NULL"


def erase_expired(now: datetime) -> Steps[int]:
    """Erase the bytes of raw mails whose retention ended and return how many; ERASED_MAX at most."""
    rows = yield Run(
        "SELECT id, size FROM blobs WHERE expires_at <= ? AND kind = ? "
        f"AND id NOT IN ({_UNREAD}) AND id NOT IN ({_UNDECIDED}) ORDER BY expires_at LIMIT {ERASED_MAX}",
        (now, MAIL),
    )
    ids: list[int] = []
    left = ERASED_BYTES_MAX
    for blob, size in rows:
        if ids and size > left:
            break
        ids.append(blob)
        left -= size
    if ids:
        yield from erase(ids)
    return len(ids)


def erase(blobs: list[int]) -> Steps[None]:
    """Erase the bytes of these blobs; `expires_at` goes with them, so that no look meets them again."""
    yield Run(f"UPDATE blobs SET data = NULL, expires_at = NULL WHERE id IN ({places(len(blobs))})", blobs)


def has_free_pages() -> Steps[bool]:
    """Load whether more of a SQLite file is free than SLACK allows."""
    free = yield Run("PRAGMA freelist_count")
    pages = yield Run("PRAGMA page_count")
    return bool(free[0][0] * SLACK > pages[0][0])


def give_back() -> Steps[None]:
    """Give free pages of a SQLite file back, PAGES_MAX at most.

    One by one: the driver runs a statement without columns a single step, whatever number it names.
    """
    for _ in range(PAGES_MAX):
        yield Run("PRAGMA incremental_vacuum(1)")

"""Whether the store takes what is written, also when nobody writes: it may answer a question and take nothing."""

from contextlib import suppress

from desk.base.errors import StoreAway
from desk.commit import Commit

PROBE_LOOKS = 30
"""Looks of `desk.due`, a second each, between two probes of a store that took the last write."""


class Probe:
    """Writes something that changes nothing: now and then, and at each look while the store is away. A log that grew
    because somebody read for long is cut once they let go of it, also when nobody writes."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._looks = 0

    async def look(self) -> None:
        """Probe when it is time. Raises StoreAway."""
        self._looks += 1
        is_time = self._looks % PROBE_LOOKS == 0
        if is_time or self._commit.away_since is not None:
            await self._commit.probe()
        if is_time and self._commit.store.is_log_large():
            with suppress(StoreAway):  # still in use; the next time is half a minute away
                await self._commit.store.cut_log()

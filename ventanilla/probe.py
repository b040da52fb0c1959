"""Whether the store takes what is written, also when nobody writes: it may answer a question and take nothing."""

from desk.commit import Commit

PROBE_LOOKS = 30
"""Looks of `desk.due`, a second each, between two probes of a store that took the last write."""


class Probe:
    """Writes something that changes nothing: now and then, and at each look while the store is away."""

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._looks = 0

    async def look(self) -> None:
        """Probe when it is time. Raises StoreAway."""
        self._looks += 1
        if self._commit.away_since is not None or self._looks % PROBE_LOOKS == 0:
            await self._commit.probe()

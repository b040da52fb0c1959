"""What bounds the doors for mail: sessions, sessions a peer, bytes held in memory.

Promises that no number here is passed, whatever clients do. Never looks at what a mail says.
"""

from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

BUFFERED_MAILS = 4
"""Mails of the greatest size that may be in memory at once, over all sessions; the next is put off with 452."""

PEER_SHARE = 4
"""One peer holds at most this part of the sessions (DESIGN 9), so that one noisy neighbour leaves room for others."""


class BufferBudget:
    """Bytes of mails held between their first block and the end of their commit."""

    def __init__(self, max_size: int) -> None:
        self.limit = BUFFERED_MAILS * max_size
        self.held = 0

    def take(self, size: int) -> bool:
        """Reserve size bytes. False when they would pass the limit: nothing is reserved then."""
        if self.held + size > self.limit:
            return False
        self.held += size
        return True

    def give(self, size: int) -> None:
        """Return what `take` reserved."""
        self.held -= size
        assert self.held >= 0, "more bytes given back than taken"


class SessionLimit:
    """Open sessions, in all and by peer address. Peers that `is_exempt` names count in all only."""

    def __init__(self, session_max: int, is_exempt: Callable[[str], bool]) -> None:
        self._session_max = session_max
        self._peer_max = max(1, session_max // PEER_SHARE)
        self._is_exempt = is_exempt
        self._by_peer: Counter[str] = Counter()
        self.open = 0

    def enter(self, peer: str) -> bool:
        """Count one more session of peer. False when there is no room: it was not counted and must not `leave`."""
        if self.open >= self._session_max:
            return False
        if self._by_peer[peer] >= self._peer_max and not self._is_exempt(peer):
            return False
        self.open += 1
        self._by_peer[peer] += 1
        return True

    def leave(self, peer: str) -> None:
        """Forget a session that `enter` counted."""
        self.open -= 1
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]


def is_loopback(peer: str) -> bool:
    """Tell whether an address is this machine's own; what is no address is not."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)

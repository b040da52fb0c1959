"""What bounds the doors for mail: sessions, sessions a peer, bytes held in memory.

Promises that no number here is passed, whatever clients do. Never looks at what a mail says.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from desk.base.kinds import Network

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

    def enter(self, peer: str, *, speaks_for_others: bool = False) -> bool:
        """Count one more session of peer. False when there is no room: it was not counted and must not `leave`.

        A proxy, which `speaks_for_others`, has no share: whom it speaks for is told to `pass_on`.
        """
        if self.open >= self._session_max or not (speaks_for_others or self._has_room(peer)):
            return False
        self.open += 1
        self._by_peer[peer] += 1
        return True

    def pass_on(self, proxy: str, source: str) -> bool:
        """Count a session of proxy as one of source, whom it speaks for. False when source has its share: it stays."""
        if source == proxy:
            return True
        if not self._has_room(source):
            return False
        self.leave(proxy)
        self.open += 1
        self._by_peer[source] += 1
        return True

    def _has_room(self, peer: str) -> bool:
        return self._by_peer[peer] < self._peer_max or self._is_exempt(peer)

    def leave(self, peer: str) -> None:
        """Forget a session that `enter` counted."""
        self.open -= 1
        self._by_peer[peer] -= 1
        if not self._by_peer[peer]:
            del self._by_peer[peer]


def is_loopback(peer: str) -> bool:
    """Tell whether an address is this machine's own; what is no address is not."""
    address = _address(peer)
    return address is not None and address.is_loopback


def is_in(networks: Iterable[Network], peer: str) -> bool:
    """Tell whether an address is of one of the networks; what is no address is not."""
    address = _address(peer)
    return address is not None and any(address in network for network in networks)


def exempt_by(networks: Iterable[Network]) -> Callable[[str], bool]:
    """Return what tells whether a peer may hold any number of sessions: this machine, and the networks given."""
    given = tuple(networks)
    return lambda peer: is_loopback(peer) or is_in(given, peer)


def _address(peer: str) -> IPv4Address | IPv6Address | None:
    """Read an address without its zone; an IPv4 address that a socket of IPv6 shows is itself."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address

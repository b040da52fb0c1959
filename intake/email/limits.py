"""What bounds the doors for mail: sessions, sessions a peer, bytes held in memory.

Promises that no number here is passed, whatever clients do; that who sends a large mail slowly keeps nobody from
sending one for longer than TURN_S, and nobody at all from sending a small one. Never looks at what a mail says.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from desk.base.kinds import Network
from desk.base.room import Room

BUFFERED_MAILS = 2
"""Large mails of the greatest size that have room in memory at once, over all sessions; the others wait for it."""

SMALL_BYTES = 64 * 1024
"""Bytes of a mail that its session holds without asking; one that has more is large, and needs room for all of it."""

SMALL_BYTES_MAX = 64 * 1024 * 1024
"""Bytes that all sessions hold without asking; over it 452. The shipped `smtp.max_sessions` come to less than half."""

ROOM_WAIT_S = 120.0
"""How long a large mail waits for room, unread, before it is refused with 452: clients wait 180 s for a block to leave
(RFC 5321 §4.5.3.2.5)."""

TURN_S = 60.0
"""How long a large mail may take to come; after it, while others wait for its room, it is refused with 452."""

TURN_LOOK_S = 1.0
"""How often it is looked then whether others wait."""

DECLARED_PART = 8
"""What is declared by SIZE is exceeded by this part at most: by the dots that are doubled on the way."""

PEER_SHARE = 4
"""One peer holds at most this part of the sessions (DESIGN 9), so that one noisy neighbour leaves room for others."""


class BufferBudget:
    """Bytes of mails held between their first block and the end of their commit."""

    def __init__(self, max_size: int) -> None:
        self.room = Room(BUFFERED_MAILS * max_size)
        self._small = 0

    @property
    def held(self) -> int:
        """Bytes that mails hold, or have room for."""
        return self._small + self.room.held

    def take(self, size: int) -> bool:
        """Hold size bytes of a small mail. False when they would pass the limit: they are not held then."""
        if self._small + size > SMALL_BYTES_MAX:
            return False
        self._small += size
        return True

    def give(self, size: int) -> None:
        """Return what `take` took."""
        self._small -= size
        assert self._small >= 0, "more bytes given back than taken"


class Turn:
    """The room of one large mail, from when it is let in to its commit. `put_off` is called when it comes slowly."""

    def __init__(self, room: Room, put_off: Callable[[], None]) -> None:
        self._room = room
        self._put_off = put_off
        self._timer: asyncio.TimerHandle | None = None
        self.size = 0

    async def begin(self, size: int) -> bool:
        """Wait for room for size bytes in all; False when there was none within ROOM_WAIT_S."""
        try:
            async with asyncio.timeout(ROOM_WAIT_S):
                await self._room.take(size - self.size)
        except TimeoutError:
            return False
        self.size = size
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TURN_S, self._look)
        return True

    def keep(self, size: int) -> None:
        """Note that the mail has come and is of this size: the rest is given back, and nothing hurries it any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._room.give(self.size - size)
        self.size = size

    def end(self) -> None:
        """Give the room back. Twice is once."""
        self.keep(0)

    def _look(self) -> None:
        if self._room.is_wanted:
            self._put_off()
        else:
            self._timer = asyncio.get_running_loop().call_later(TURN_LOOK_S, self._look)


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

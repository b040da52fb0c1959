"""The list of erasures that an operator keeps beside the copies: what a restored copy has to forget again.

A copy that was made before an erasure still holds the person. Promises: the list names nobody to who lacks the desk's
key, and finds them by it in any copy, also by a key of before. Never: finds who only wrote after the erasure, in a copy
made after it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import digest

from desk.base.errors import ErasuresUnreadable

MARK_LENGTH = 64
"""Characters of a mark: SHA-256 in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """One address or number that was forgotten, by its mark, and when (UTC)."""

    at: datetime
    mark: str

    def __str__(self) -> str:
        return f"{self.at.isoformat(timespec='seconds')} {self.mark}"


def mark_of(address: str, key: bytes) -> str:
    """Return what stands for an address or number, as contact points hold it."""
    return digest(key, f"erased|{address}".encode(), "sha256").hex()


def erasures_of(addresses: Iterable[str], at: datetime, key: bytes) -> list[Erasure]:
    """Return what an erasure adds to the list."""
    return [Erasure(at, mark_of(address, key)) for address in addresses]


def read_erasures(lines: Iterable[str]) -> Iterator[Erasure]:
    """Yield the erasures of a list; empty lines are passed over. Raises ErasuresUnreadable naming a bad one."""
    for place, line in enumerate(lines, start=1):
        if not (words := line.split()):
            continue
        try:
            instant, mark = words
            at = datetime.fromisoformat(instant)
            is_mark = len(bytes.fromhex(mark)) * 2 == MARK_LENGTH
        except ValueError as error:
            raise ErasuresUnreadable(f"line {place} is no erasure") from error
        if not is_mark or at.utcoffset() != timedelta(0):
            raise ErasuresUnreadable(f"line {place} is no erasure")
        yield Erasure(at, mark)


def to_repeat(
    listed: Iterable[Erasure], addresses: Iterable[str], keys: Sequence[bytes], copied_at: datetime | None
) -> tuple[str, ...]:
    """Return which addresses of a database are to be forgotten again.

    `copied_at` is when a copy was made that no node has taken up yet: what was erased before it is not in it, and who
    is found wrote again since. None for any other database: then the whole list counts.
    """
    marks = {one.mark for one in listed if copied_at is None or one.at >= copied_at.replace(microsecond=0)}
    return tuple(one for one in addresses if any(mark_of(one, key) in marks for key in keys))

"""What a process asks of its allocator, so that what it has freed is the machine's again.

Promises: nothing but how memory is held changes. Never: fails where the allocator is another than glibc's.
"""

import ctypes

MAPPED_BYTES = 256 * 1024
"""Blocks from this size on are mapped each for itself, and are the machine's again when they are freed."""
ARENAS_MAX = 2
"""Heaps that threads share: each keeps what its largest moment took."""

# The parameters of mallopt(3).
_MMAP_THRESHOLD = -3
_ARENA_MAX = -8


def give_back_early() -> None:
    """Have freed large blocks given back at once; to be called before there are threads.

    glibc raises its threshold to the largest block that was freed, up to 32 MiB: after a few mails of 25 MiB such
    blocks lie in the heap, whose holes nothing gives back (measured: 650 MiB kept by a node with nothing to do).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(_ARENA_MAX, ARENAS_MAX)

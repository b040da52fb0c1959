"""What a log may say where words of other people may stand: neither an address nor what an exception quotes of a mail.

A log is kept, copied and read where `erase` does not reach, so it never holds what would have to be erased. Promises:
class, place and chain of an error are always told. Never: hides a situation of the house, which says what to do.
"""

import re
import sqlite3
from collections.abc import Iterator
from traceback import format_tb

from desk.base.errors import VentanillaError

SOMEBODY = "***@***"
CHAIN_MAX = 10
"""Errors told of one: causes of causes, and the members of groups."""
FRAMES_MAX = 40

_ADDRESS = re.compile(r"[^\s\"'<>()\[\]{},;:=\\@]+@[^\s\"'<>()\[\]{},;:=\\@]+")

_OF_CODE = (
    VentanillaError,
    OSError,  # what the system says, with a path of ours
    sqlite3.Error,  # names tables and columns, never a value
    AssertionError,
    AttributeError,
    ImportError,
    MemoryError,
    NameError,
    RecursionError,
    TypeError,
)
"""Errors whose text speaks of the code or of the system. A ValueError, a KeyError, a refusal of PostgreSQL, a codec and
a parser quote what they were given."""


def told(error: BaseException) -> str:
    """Return an error in one line: its class, and its text where that quotes nobody."""
    text = str(error) if isinstance(error, _OF_CODE) else ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def told_at_length(error: BaseException) -> str:
    """Return an error with where it arose, and what caused it before it: CHAIN_MAX at most, the causes first."""
    parts = [f"{''.join(format_tb(one.__traceback__, limit=-FRAMES_MAX))}{told(one)}" for one in _chain(error)]
    return "\n\nthen\n\n".join(reversed(parts))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, the members of a group, and what caused each; none twice."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < CHAIN_MAX:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        before = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        members = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        waiting += [*members, *([before] if before is not None else [])]


def without_addresses(text: str) -> str:
    """Return a text with every mail address in it masked, also those of the desk itself: none can be told apart."""
    return _ADDRESS.sub(SOMEBODY, text) if "@" in text else text

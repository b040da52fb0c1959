"""Makes plain frozen values cheap to send to another process of ours.

pickle takes a frozen dataclass with slots apart field by field in Python, and puts it together so on the other side. By
its constructor a mail that was read costs two thirds of that, there and back. Never: changes a value.
"""

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def travels(made: type[T]) -> type[T]:
    """Have a dataclass of at least two fields, all of them given to its constructor, pickled by that constructor."""
    taken_apart: Callable[[T], tuple[Any, ...]] = attrgetter(*(field.name for field in fields(made)))  # type: ignore[arg-type]

    def reduced(value: T) -> tuple[type[T], tuple[Any, ...]]:
        return made, taken_apart(value)

    made.__reduce__ = reduced  # type: ignore[assignment, method-assign]
    return made

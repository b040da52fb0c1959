"""How a room declares its settings: a frozen dataclass whose fields are made by `setting`, `part`, `rows` and `named`.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class SmtpSettings:
        \"\"\"The SMTP listener.\"\"\"

        host: str = setting("127.0.0.1", "Address the listener binds to.", HOST)

Promises: a dataclass so declared is constructible with plain keyword arguments, every default is read by the same kind
that reads the operator's value, and `repr` never shows a secret. Never: reads files or the environment
(`ventanilla.settings` does). Attributes are named as the keys of CONTRACT 4.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar, cast

from desk.base.kinds import Kind

T = TypeVar("T")
DECLARED = "ventanilla"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: a sentence saying what happens when it is changed, its kind, its default as TOML would hold it.

    `later` says with which piece of work a key takes effect when its feature is not there yet, "" when it is.
    """

    text: str
    kind: Kind[Any]
    default: Any
    is_required: bool = False
    is_secret: bool = False
    later: str = ""


class Shape(StrEnum):
    """How a dataclass lies in another: a table, an array of tables, or tables under names of the operator's choice."""

    TABLE = "table"
    ROWS = "rows"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class Part:
    """A dataclass of settings inside another. `is_whole`: a file that names it replaces the default whole.

    `names` is the kind of the names in a NAMED part; `is_optional`: absent means None.
    """

    shape: Shape
    declares: type
    names: Kind[Any] | None = None
    is_whole: bool = False
    is_optional: bool = False
    later: str = ""


def setting(default: Any, text: str, kind: Kind[T], *, secret: bool = False, later: str = "") -> T:
    """Declare a key with its default (as TOML would hold it), a sentence and its kind."""
    declared = Setting(text, kind, default, is_secret=secret, later=later)
    return cast(T, _field(declared, kind.read(default), hidden=secret))


def unset(empty: T, text: str, kind: Kind[T], *, secret: bool = False, later: str = "") -> T:
    """Declare a key that need not be given; then its value is `empty`, which the kind itself would refuse."""
    declared = Setting(text, kind, None, is_secret=secret, later=later)
    return cast(T, _field(declared, empty, hidden=secret))


def required(text: str, kind: Kind[T], *, secret: bool = False) -> T:
    """Declare a key that every row must give."""
    declared = Setting(text, kind, None, is_required=True, is_secret=secret)
    return cast(T, field(repr=not secret, metadata={DECLARED: declared}))


def part(declares: type[T], *, default: T | None = None, is_whole: bool = False) -> T:
    """Declare a table inside a table."""
    declared = Part(Shape.TABLE, declares, is_whole=is_whole)
    return cast(T, _field(declared, declares() if default is None else default))


def optional_part(declares: type[T], *, later: str = "") -> T | None:
    """Declare a table that need not be there; then its value is None."""
    return cast(T | None, _field(Part(Shape.TABLE, declares, is_optional=True, later=later), None))


def rows(declares: type[T], *, later: str = "") -> tuple[T, ...]:
    """Declare an array of tables; a file that names it replaces the default whole."""
    return cast(tuple[T, ...], _field(Part(Shape.ROWS, declares, is_whole=True, later=later), ()))


def named(declares: type[T], names: Kind[Any], *, later: str = "") -> Mapping[str, T]:
    """Declare tables under names, like `[oauth.NAME]`."""
    declared = Part(Shape.NAMED, declares, names, later=later)
    return cast(Mapping[str, T], field(default_factory=dict, metadata={DECLARED: declared}))


def declarations(declares: type) -> dict[str, Setting | Part]:
    """Return what a dataclass declares, by key, in the order of the source."""
    return {one.name: one.metadata[DECLARED] for one in fields(declares) if DECLARED in one.metadata}


def default_of(declares: type, key: str) -> Any:
    """Return the value a key has when nobody gives it."""
    found = next(one for one in fields(declares) if one.name == key)
    return found.default if found.default_factory is MISSING else found.default_factory()


def sentence(declares: type) -> str:
    """Return what a dataclass of settings says of itself: its docstring on one line."""
    return " ".join((declares.__doc__ or "").split())


def _field(declared: Setting | Part, value: Any, *, hidden: bool = False) -> Any:
    return field(default=value, repr=not hidden, metadata={DECLARED: declared})

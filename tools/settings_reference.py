"""Writes docs/SETTINGS.md from the declarations of the settings: `python -m tools.settings_reference`.

Promises: the page holds every key, in the contract's order, and nothing that the code does not declare. A test compares
the page with what this makes.
"""

import json
from itertools import groupby
from pathlib import Path

from desk.base.setting import Part, declarations, sentence
from ventanilla.settings import LATER, Explained, Settings, explain

PAGE = Path(__file__).parent.parent / "docs" / "SETTINGS.md"
HEAD = """\
# Settings

Made from the code by `python -m tools.settings_reference`; do not edit.

The shipped defaults (`config/ventanilla.toml`) come first, `--config FILE` lies over them, and variables of the
environment over both. Lists, arrays of tables and `[calendar.hours]` in FILE replace the default whole. All mistakes
are told at once, one line each, and nothing starts (exit 78).

- A variable is named after its key: `[smtp] port` is `VENTANILLA_SMTP__PORT`. Rows are numbered from 0:
  `VENTANILLA_CONSULTANTS__0__EMAIL`; the next number adds a row. A list is a TOML array or is separated by commas. A
  secret may also be read from a file: `VENTANILLA_SECRETS__KEY_FILE=/run/secrets/key`.
- A duration is written `90s`, `15m`, `2h`, `5d` or `1h30m`. In `[promises]` all of it is support time; in `[routing]`
  and `[contact]` a `d` is a support day and the rest is wall time; `contact.reopen_within` is calendar days; elsewhere
  it is wall time.
- A size is written `512KiB`, `40MiB` or `1GiB`. Relative paths count from the current folder.
- What is marked *not in effect yet* is read and judged, but its feature is not there; `run` warns when it is set. It
  comes with one of these:
"""


def page() -> str:
    """Return the whole reference page."""
    later = "".join(f"  - *{name}*: {text}\n" for name, text in LATER.items())
    tables = groupby(explain(), key=lambda one: one.header)
    return HEAD + later + "".join(_table(header, list(keys)) for header, keys in tables)


def _table(header: str, keys: list[Explained]) -> str:
    later = {one.later for one in keys}
    whole = later.pop() if len(later) == 1 else ""
    lines = [f"\n## `{header}`\n", f"{sentence(_declaring(header))}{_later(whole)}\n"]
    lines += [_key(one, "" if whole else one.later) for one in keys]
    return "\n".join(lines) + "\n"


def _later(name: str) -> str:
    return f" *Not in effect yet: comes with {name}.*" if name else ""


def _declaring(header: str) -> type:
    """Return the dataclass that declares a table."""
    declares: type = Settings
    for name in header.strip("[]").removesuffix(".NAME").split("."):
        part = declarations(declares).get(name)
        assert isinstance(part, Part), f"{header} is declared"
        declares = part.declares
    return declares


def _key(one: Explained, later: str) -> str:
    declared = one.declared
    default = "required" if declared.is_required else f"default `{json.dumps(one.default, ensure_ascii=False)}`"
    secret = " A secret." if declared.is_secret else ""
    return f"- **`{one.key}`**: {declared.text} {_capital(declared.kind.allowed)}; {default}.{secret}{_later(later)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")

"""`ventanilla init [FILE]`: one configuration file with a fresh key, to start from.

Promises: the file is readable by its owner only, from its first byte on, and never written over another. Never: shows
the key.
"""

import os
import sys
from argparse import Namespace
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ventanilla.cli import Commands
    from ventanilla.settings import Settings

KEY_BYTES = 32
OWNER_ONLY = 0o600
EMPTY_KEY = 'key = ""'


def add(commands: "Commands") -> None:
    """Declare the command."""
    command = commands.add_parser("init", help="write a configuration file with a fresh key")
    command.add_argument("file", nargs="?", type=Path, default=Path("ventanilla.toml"), metavar="FILE")


def run(args: Namespace, _settings: "Settings") -> int:
    """Write the file; 1 when there is one already."""
    from ventanilla.cli import GOOD, PROBLEM
    from ventanilla.settings import default_file

    path: Path = args.file
    shape = default_file().with_name("start.toml").read_text(encoding="utf-8")
    try:
        _write_new(path, with_key(shape, token_hex(KEY_BYTES)))
    except FileExistsError:
        print(f"ventanilla: {path} is there already; nothing was written", file=sys.stderr)
        return PROBLEM
    print(f"{path} has a fresh key. Fill in desk, relay and consultants, then: ventanilla run --config {path}")
    return GOOD


def with_key(shape: str, key: str) -> str:
    """Return the shipped start file with a key in its one empty place."""
    assert shape.count(EMPTY_KEY) == 1, "the start file has one place for a key"
    return shape.replace(EMPTY_KEY, f'key = "{key}"')


def _write_new(path: Path, text: str) -> None:
    """Write a file that must not be there yet. Raises FileExistsError; a half-written file is taken away again."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w", encoding="utf-8") as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            path.unlink()
            raise

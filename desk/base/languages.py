"""Finds the language folders and reads their TOML files: a language is one folder, and adding one changes no code.

Promises: `folders` finds the shipped folder in a checkout and in an installed wheel alike, without importing the front
door. Never: guesses a language, falls back to another one, or caches what it read.
"""

import tomllib
from pathlib import Path
from typing import Any

from desk.base.errors import TemplateBroken, TemplateMissing

# Where `desk` itself stands: the checkout, or site-packages.
HOME = Path(__file__).resolve().parents[2]
INSTALLED = Path("ventanilla", "_data", "templates")
CHECKOUT = Path("templates")


def folders(home: Path = HOME) -> Path:
    """Return the folder that holds one folder per language. Raises TemplateMissing when the installation has none.

    The wheel's place is looked at first: beside an installed `desk`, a folder `templates` may be anybody's.
    """
    places = [home / INSTALLED, home / CHECKOUT]
    for place in places:
        if place.is_dir():
            return place
    raise TemplateMissing(f"no language folders: looked for {' and '.join(map(str, places))}; reinstall ventanilla")


def languages(root: Path | None = None) -> tuple[str, ...]:
    """Return the names of the language folders under `root` (default: the shipped ones), sorted."""
    root = folders() if root is None else root
    return tuple(sorted(folder.name for folder in root.iterdir() if folder.is_dir() and folder.name[0] not in "._"))


def load_toml(language: str, name: str, root: Path | None = None) -> dict[str, Any]:
    """Return the table in `<root>/<language>/<name>`; `name` with its ending, may hold folders ("mail/phrases.toml").

    Raises TemplateMissing when there is no such file and TemplateBroken when it is not TOML; both name the file.
    """
    path = (folders() if root is None else root) / language / name
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise TemplateMissing(f"{path} is missing") from missing
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise TemplateBroken(f"{path}: {broken}") from broken

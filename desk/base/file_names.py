"""File names of strangers, made safe to be told and to be saved under: in a mail's part, in a download.

Promises: a safe name is one line, holds no path, no control, no direction mark and nothing a file system refuses, is
bounded, and keeps its ending, by which programs know what it is.
"""

import re
from typing import Final
from unicodedata import normalize

NAME_MAX = 200
"""Characters of a safe name."""
ENDING_MAX = 60
"""Characters of an ending that is kept when a name is cut; what is longer is none."""
NAMELESS: Final = "attachment"

# Controls, invisible and direction-changing marks, lone surrogates.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+")
# What no file system, or not every one, takes in a name.
_UNSAFE = re.compile(r'[/\\:*?"<>|]')


def on_one_line(value: str, most: int) -> str:
    """Return text on one line: controls and direction marks are gone, white space is single spaces."""
    if value.isascii() and value.isprintable() and "  " not in value:
        return value[:most].strip()
    return " ".join(_CONTROLS.sub(" ", value).split())[:most].strip()


def safe_name(name: str, most: int = NAME_MAX) -> str:
    """Return a file name without path, marks and what a file system refuses, its ending kept."""
    name = _UNSAFE.sub("_", on_one_line(name, len(name))).strip(". ")
    if len(name) > most:
        stem, dot, ending = name.rpartition(".")
        kept = f"{dot}{ending}" if stem and len(ending) < ENDING_MAX else ""
        name = name[: most - len(kept)] + kept
    return name or NAMELESS


def ascii_name(name: str, most: int = NAME_MAX) -> str:
    """Return a safe name in ASCII: accents are dropped, other letters become a line."""
    if name.isascii():
        return name
    plain = "".join(letter for letter in normalize("NFKD", name) if not "\u0300" <= letter <= "\u036f")
    plain = _UNSAFE.sub("_", plain[:most])
    return "".join(letter if letter.isascii() and letter.isprintable() else "_" for letter in plain)

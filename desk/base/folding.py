"""Folds text to what people mean by it: lower case, without accents and apostrophes.

Promises: what people type on a phone equals what the settings and the language folders write; the time grows with the
text alone. Never: knows a language.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from unicodedata import combining, normalize

# Latin-1 to Latin Extended-B, and the accents that stand alone after their letter.
LETTERS = range(0xA0, 0x250)
ACCENTS = range(0x300, 0x370)
APOSTROPHES = "'\u2019\u02bc`\u00b4"

_WORD = re.compile(r"\w+")


@lru_cache(maxsize=1)
def _folding() -> Mapping[int, str | None]:
    """Letters and their plain form: str.translate is far quicker than normalising each text."""
    plain = {code: normalize("NFKD", chr(code)) for code in LETTERS}
    table: dict[int, str | None] = {
        code: "".join(mark for mark in letters if not combining(mark)).lower() for code, letters in plain.items()
    }
    return table | dict.fromkeys(ACCENTS, None) | dict.fromkeys(map(ord, APOSTROPHES), None)


def fold(text: str) -> str:
    """Return the text in lower case, without accents and apostrophes."""
    return text.lower().translate(_folding())


def spaced_words(text: str) -> str:
    """Return the folded words of a text, each with a blank on both sides: a phrase stands in it as it does in the text
    when its own `spaced_words` do."""
    return f" {' '.join(_WORD.findall(fold(text)))} "

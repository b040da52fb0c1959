"""Turns a text into words: folded to lower case without accents, with the marks that bound a sentence.

Promises: one pass each, no table per text; what people type on a phone equals what they mean. Never: knows a language.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from unicodedata import combining, normalize

SENTENCE_END = "."
QUESTION_END = "?"
COMMA = ","
MARKS = frozenset({SENTENCE_END, QUESTION_END, COMMA})
# Latin-1 to Latin Extended-B, and the accents that stand alone after their letter.
LETTERS = range(0xA0, 0x250)
ACCENTS = range(0x300, 0x370)
APOSTROPHES = "'\u2019\u02bc`\u00b4"

_TOKEN = re.compile(r"[0-9a-z]+|[.!;?,](?=\s|$)|\n[ \t]*\n")


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


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded, and its marks: whatever `mark_of` knows is none of the words."""
    return _TOKEN.findall(fold(text))


def mark_of(token: str) -> str:
    """Return the mark a token of `words_of` is; "" for a word. An empty line ends a sentence."""
    if token[0].isalnum():
        return ""
    return token if token in MARKS else SENTENCE_END

"""Turns a text into words: folded to lower case without accents, with the marks that bound a sentence.

Promises: one pass each, no table per text; what people type on a phone equals what they mean. Never: knows a language.
"""

import re

from desk.base.folding import fold

SENTENCE_END = "."
QUESTION_END = "?"
COMMA = ","
MARKS = frozenset({SENTENCE_END, QUESTION_END, COMMA})

_TOKEN = re.compile(r"[0-9a-z]+|[.!;?,](?=\s|$)|\n[ \t]*\n")


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded, and its marks: whatever `mark_of` knows is none of the words."""
    return _TOKEN.findall(fold(text))


def mark_of(token: str) -> str:
    """Return the mark a token of `words_of` is; "" for a word. An empty line ends a sentence."""
    if token[0].isalnum():
        return ""
    return token if token in MARKS else SENTENCE_END

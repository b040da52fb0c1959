"""Makes foreign text harmless before a template sees it (DESIGN 5): no controls, no direction marks, bounded length.

Promises: what comes out holds no NUL, CR, other control, lone surrogate, invisible or direction-changing mark, and is
no longer than its cap. Never: escapes markup (the HTML templates do) and never changes a letter that people read.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import normalize

# Longest single-line fact, in characters: a link of the settings must fit, a name or subject is shown shorter.
LINE_MAX = 2_000
# Longest fact of several lines, in characters; rules cap earlier, this is the net.
TEXT_MAX = 100_000
# Longest name that a greeting says, in characters and in words: longer ones are no names.
GREETED_NAME_MAX = 40
GREETED_WORDS_MAX = 5
# Facts that may hold several lines; all others become one.
MULTI_LINE = frozenset({"text"})
CUT = "…"
# How many times its cap of a text is searched for what is left of it: most of it may be white space and marks.
SEARCHED = 4

_NEWLINES = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# C0 without tab and newline, DEL, C1; soft hyphen and zero-width space; direction marks, embeddings and isolates;
# byte order mark; interlinear marks; lone surrogates.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_NAME_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?")


def line(text: str, most: int = LINE_MAX) -> str:
    """Return `text` as one line of at most `most` characters, white space as single spaces, marks removed."""
    if len(text) <= most and text.isprintable() and "  " not in text and text[:1] != " " and text[-1:] != " ":
        return text
    return cut(" ".join(_UNWANTED.sub("", _NEWLINES.sub(" ", text[: most * SEARCHED])).split()), most)


def lines(text: str, most: int = TEXT_MAX) -> str:
    """Return `text` with LF line ends, without marks or empty lines around it, cut to `most` characters.

    Tabs stay; a no-break space becomes a space.
    """
    text = cut(text, most).strip("\r\n")
    if "\r" in text:
        text = _NEWLINES.sub("\n", text)
    if "\xa0" in text:
        text = text.replace("\xa0", " ")
    if text.replace("\n", "").isprintable():
        return text
    return _UNWANTED.sub("", _NEWLINES.sub("\n", text))


def cut(text: str, most: int) -> str:
    """Return `text`, or its first `most` - 1 characters and an ellipsis when it is longer."""
    return text if len(text) <= most else text[: most - 1].rstrip() + CUT


def greeted(name: str) -> str:
    """Return a display name that may stand in a greeting, or "" when it does not look like a person's name.

    A stranger chooses it and we mail it, so it must not carry a message or a link: letters, hyphens and apostrophes
    only, a dot at a word's end (Lic.), few words. The sender's own words are never echoed (DESIGN 2).
    """
    words = normalize("NFC", line(name, GREETED_NAME_MAX * 2)).split()
    is_name = 0 < len(words) <= GREETED_WORDS_MAX and all(_NAME_WORD.fullmatch(word) for word in words)
    name = " ".join(words)
    if name.isupper() or name.islower():
        name = name.title()
    return name if is_name and len(name) <= GREETED_NAME_MAX else ""


def harmless(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return frozen facts with every string in them made harmless; keys, numbers and shape stay."""
    return {key: _harmless(value, key) for key, value in facts.items()}


def _harmless(value: Any, key: str) -> Any:
    if isinstance(value, str):
        return lines(value) if key in MULTI_LINE else line(value)
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, Mapping):
        return {name: _harmless(item, name) for name, item in value.items()}
    assert isinstance(value, Sequence), f"the fact {key} is no JSON"
    return [_harmless(item, key) for item in value]

"""What a short text leaves open or only asks: a failure told without a word that helps, and «¿cómo va?».

Both are read with a book of their own (templates/<language>/short.toml), looked into only when a text is short: of a
long one neither can be said. Promises: a text only asks how things stand when every word of it is accounted for, so
that no news is taken for a question; names and numbers around it are not news. Never: knows a language or a word.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from desk.base.errors import TemplateBroken
from desk.base.folding import fold
from desk.base.names import Question
from desk.triage.phrases import NUMBER, UNKNOWN, PhraseBook
from desk.triage.text import Text
from desk.triage.words import MARKS, QUESTION_END, SENTENCE_END, words_of

FILE = "short.toml"
ASKING_WORDS_MAX = 60
"""Words, marks among them, of a text that may only ask how things stand: greeting, question, thanks, signature."""
VAGUE_WORDS_MAX = 25
"""The same of a text that may say nothing of a failure: who writes more has said something."""
SIGNALS = frozenset({"asks", "asks_if", "around", "vague", "helps", "since"})

_QUOTED = re.compile(r"[«»“”\"]|\w/\w")
_REPLY = re.compile(r"\s*\w{2,4}\s*:")
"""How the subject of an answer begins in any language: what follows was said before."""
_ADDRESS_LINE = re.compile(r"\W*(?:\w+\s*[:.]\s*)?(?:\S+@\S+|(?:https?://|www\.)\S+)\W*")
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class ShortWords:
    """A language folder's short.toml, read. `particles` are the small words inside names."""

    book: PhraseBook
    particles: frozenset[str]


def read_short_words(code: str, table: Mapping[str, Any]) -> ShortWords:
    """Make them of a folder's table. Raises TemplateBroken naming what is missing or cannot be understood."""
    try:
        phrases = table["phrases"]
        if phrases.keys() != SIGNALS:
            raise ValueError(f"phrases must be {', '.join(sorted(SIGNALS))}")
        return ShortWords(PhraseBook(table["lists"], phrases), frozenset(table["particles"].split()))
    except (KeyError, ValueError) as mistake:
        raise TemplateBroken(f"{code}/{FILE}: {mistake}") from mistake


def is_answer(subject: str) -> bool:
    """Tell whether a subject begins as that of an answer or a forward."""
    return _REPLY.match(subject) is not None


def questions_of(languages: Sequence[ShortWords], words: Sequence[str], text: str) -> tuple[Question, ...]:
    """Return what a report leaves open: nothing when it names what fails, quotes, counts, or does not speak of failure.

    A function, a code or a number says both what and where; a time alone says only since when.
    """
    if len(words) > VAGUE_WORDS_MAX or _QUOTED.search(text):
        return ()
    read = [Text(one.book, words, one.book.encode(words)) for one in languages]
    if any(NUMBER in one.encoded or _gives(one, "helps") for one in read):
        return ()
    if not any(_gives(one, "vague") for one in read):
        return ()
    is_dated = any(_gives(one, "since") for one in read)
    return (Question.WHICH, Question.WHERE) if is_dated else tuple(Question)


def _gives(text: Text, signal: str) -> bool:
    return next(text.find(signal), None) is not None


def only_asks_status(
    languages: Sequence[ShortWords], subject: str, body: str, words: Sequence[str], is_known: Callable[[str], bool]
) -> bool:
    """Tell whether a mail asks how things stand and says nothing else.

    `words` are the body's; the subject may ask instead, and may not tell news either unless it is that of an answer.
    `is_known` tells the words of the trade, which are nobody's name.
    """
    if len(words) > ASKING_WORDS_MAX:
        return False
    of_subject = [] if is_answer(subject) else words_of(subject)
    if len(of_subject) > ASKING_WORDS_MAX:
        return False
    names = _Names(body, is_known)
    for one in languages:
        head, asked = _Walk(one, of_subject, _NO_NAMES).run(), _Walk(one, words, names).run()
        if head is not None and asked is not None and (head or asked):
            return True
    return False


class _Names:
    """The words of a text that may be a name or stand in a signature, by how they are written."""

    def __init__(self, text: str, is_known: Callable[[str], bool]) -> None:
        self._is_known = is_known
        lines = [line.strip() for line in text.splitlines()]
        self._capital = frozenset(_folded(word for word in _LETTERS.findall(text) if word[0].isupper()))
        self._on_lines = frozenset(_folded(_name_lines(lines)))
        self._titles = frozenset(_folded(_name_lines(line for line in lines if not line.isupper() and " " in line)))
        self._free = frozenset(word for line in lines if _ADDRESS_LINE.fullmatch(line) for word in words_of(line))

    def fits(self, word: str, *, is_after_frame: bool) -> bool:
        """Tell whether a word may be part of a name here: after a greeting or a thanks, or on a line of names."""
        if word in self._free or (is_after_frame and word in self._titles):
            return True
        may_stand = word in self._on_lines or (is_after_frame and word in self._capital)
        return may_stand and not self._is_known(word)


def _name_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield the words of lines on which every longer word begins with a capital."""
    for line in lines:
        found = _LETTERS.findall(line)
        if found and all(word[0].isupper() or len(word) <= len("del") for word in found) and found[0][0].isupper():
            yield from found


def _folded(words: Iterable[str]) -> Iterator[str]:
    return map(fold, words)


_NO_NAMES = _Names("", lambda _word: True)


class _Walk:
    """All ways to read a text as greetings, questions, names and marks, from its first word to its last."""

    def __init__(self, language: ShortWords, words: Sequence[str], names: _Names) -> None:
        self._words = words
        self._names = names
        self._particles = language.particles
        text = Text(language.book, words, language.book.encode(words))
        self._encoded = text.encoded
        self._asks = _ends(text, "asks")
        for start, ends in _ends(text, "asks_if").items():
            self._asks.setdefault(start, set()).update(end for end in ends if self._is_question(end))
        self._around = _ends(text, "around")

    def run(self) -> bool | None:
        """Return whether the text asks; None when it says anything else."""
        if not self._asks and not self._around and self._words:
            return None
        reached: list[set[tuple[bool, bool]]] = [set() for _ in range(len(self._words) + 1)]
        reached[0].add((False, False))
        for place in range(len(self._words)):
            for has_asked, is_after_frame in reached[place]:
                for end, asked, frame in self._steps(place, has_asked, is_after_frame):
                    reached[end].add((asked, frame))
        return any(has_asked for has_asked, _ in reached[-1]) if reached[-1] else None

    def _steps(self, place: int, has_asked: bool, is_after_frame: bool) -> Iterator[tuple[int, bool, bool]]:
        """Yield where the text may be read on from a place, and what is known there."""
        char, word = self._encoded[place], self._words[place]
        if char in MARKS:
            yield place + 1, has_asked, is_after_frame
            return
        yield from ((end, True, False) for end in self._asks.get(place, ()))
        yield from ((end, has_asked, True) for end in self._around.get(place, ()))
        if self._names.fits(word, is_after_frame=is_after_frame) or (is_after_frame and word in self._particles):
            yield place + 1, has_asked, True

    def _is_question(self, end: int) -> bool:
        marks = (char for char in self._encoded[end:] if char in (SENTENCE_END, QUESTION_END))
        return next(marks, SENTENCE_END) == QUESTION_END


def _ends(text: Text, signal: str) -> dict[int, set[int]]:
    """Return where phrases of a signal begin, and each place after one's end."""
    found: dict[int, set[int]] = {}
    for hit in text.find(signal):
        found.setdefault(hit.start, set()).add(hit.end)
    return found


def knows(book: PhraseBook, word: str) -> bool:
    """Tell whether a book has a phrase with this word."""
    return book.encode([word]) not in (UNKNOWN, NUMBER)

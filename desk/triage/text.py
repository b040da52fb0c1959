"""A text as one language reads it: where the phrases of a signal stand in it.

Promises: only phrases all of whose words occur are tried; the same text gives the same places. Never: quotes a
word that the language folder does not name.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from desk.triage.phrases import NUMBER, UNKNOWN, PhraseBook
from desk.triage.words import MARKS

_NO_WORDS = MARKS | {UNKNOWN}
_NOT_QUOTED = frozenset({UNKNOWN, NUMBER})
_WORD = re.compile(r"[^.?,]")


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase found: the signal it stands for, its first word and the one after its last."""

    signal: str
    start: int
    end: int


class Text:
    """`encoded` is what the book made of `words`, one character each."""

    def __init__(self, book: PhraseBook, words: Sequence[str], encoded: str) -> None:
        self.encoded = encoded
        self._book = book
        self._words = words
        self._candidates = book.candidates(set(encoded) - _NO_WORDS)

    def find(self, signal: str) -> Iterator[Hit]:
        """Yield every place where a phrase of the signal stands, phrase by phrase; taking the first one costs least."""
        for phrase in self._candidates.get(signal, ()):
            match = phrase.pattern.search(self.encoded)
            while match is not None:
                yield Hit(signal, *match.span())
                match = phrase.pattern.search(self.encoded, match.start() + 1)

    def is_within(self, signal: str, hit: Hit) -> bool:
        """Tell whether a phrase of the signal begins inside a hit and ends where it ends."""
        return any(
            (match := phrase.pattern.match(self.encoded, place, hit.end)) is not None and match.end() == hit.end
            for phrase in self._candidates.get(signal, ())
            for place in range(hit.start + 1, hit.end)
            if self.encoded[place] in phrase.needs[0]
        )

    def without(self, spans: Iterable[tuple[int, int]]) -> "Text":
        """Return the text with the words of these spans unknown; marks stay."""
        encoded = self.encoded
        for start, end in spans:
            encoded = encoded[:start] + _WORD.sub(UNKNOWN, encoded[start:end]) + encoded[end:]
        return self if encoded == self.encoded else Text(self._book, self._words, encoded)

    def quote(self, hit: Hit) -> str:
        """Return the words of a hit; whatever the folder does not name is "…": a reason never quotes a stranger."""
        places = range(hit.start, hit.end)
        shown = (self._words[place] if self.encoded[place] not in _NOT_QUOTED else "…" for place in places)
        return re.sub(r"…( …)+", "…", " ".join(shown))

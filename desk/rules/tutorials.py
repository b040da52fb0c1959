"""Which of the desk's tutorials fit a question: those one of whose topics the user wrote (process section 6)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from desk.base.folding import spaced_words

NAMED_MAX = 3
"""Tutorials an acknowledgement names: more are a catalogue, not an answer."""
WORDS_MAX = 4_096
"""Characters of a text in which topics are sought: who asks for something says it there."""


@dataclass(frozen=True, slots=True)
class Tutorial:
    """A page that answers a frequent question. `topics` are as `spaced_words` gives them."""

    title: str
    url: str
    topics: tuple[str, ...]
    language: str

    @classmethod
    def of(cls, title: str, url: str, topics: Iterable[str], language: str) -> Self:
        """Return a tutorial with its topics folded, as they are sought; a topic without a word fits nothing."""
        folded = (spaced_words(topic) for topic in topics)
        return cls(title, url, tuple(topic for topic in folded if topic.strip()), language)


def fitting(tutorials: Iterable[Tutorial], texts: Iterable[str], language: str) -> tuple[Tutorial, ...]:
    """Return the tutorials in a language with a topic in one of the texts, in the desk's order, NAMED_MAX at most.

    A topic fits as whole words, whatever their case and accents.
    """
    ours = [one for one in tutorials if one.language == language]
    if not ours:
        return ()
    said = [spaced_words(text[:WORDS_MAX]) for text in texts]
    found = [one for one in ours if any(topic in text for topic in one.topics for text in said)]
    return tuple(found[:NAMED_MAX])

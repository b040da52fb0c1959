"""The language of a text, by the small words it is made of: a table of our own in each language folder.

Promises: linear in the words; neighbours that share words are told apart by those that speak against; in doubt no
language is named, and whoever answers takes the desk's. Never: guesses from letters, keeps anything of a text.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Words of function that make a language certain; fewer leave doubt.
WORDS_MIN = 1
# One word of a neighbour language outweighs two that both share.
NEIGHBOUR_WEIGHT = 2


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language as it is heard: its own words, and those of its neighbours."""

    code: str
    words: frozenset[str]
    against: frozenset[str]

    def score(self, counts: Mapping[str, int]) -> int:
        """How much of a text speaks for this language; negative when a neighbour's words outweigh its own."""
        mine = sum(map(counts.__getitem__, self.words.intersection(counts)))
        return mine - NEIGHBOUR_WEIGHT * sum(map(counts.__getitem__, self.against.intersection(counts)))


def read_tongue(code: str, table: Mapping[str, Any]) -> Tongue:
    """Make a Tongue of the table `[language]` of a folder's triage.toml. Raises KeyError for what is missing."""
    words = frozenset(table["words"].split())
    return Tongue(code, words, frozenset(table["against"].split()) - words)


def heard(tongues: Iterable[Tongue], words: Sequence[str]) -> Tongue | None:
    """Return the language most words speak for; None when none is heard or two are heard equally."""
    counts = Counter(words)
    scores = sorted(((tongue.score(counts), tongue) for tongue in tongues), key=lambda pair: -pair[0])
    best, tongue = scores[0]
    if best < WORDS_MIN or (len(scores) > 1 and scores[1][0] == best):
        return None
    return tongue

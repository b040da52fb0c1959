"""Finds the phrases of a language folder in a text, in time that grows with the text alone.

A text is folded to lower case without accents and becomes a string with **one character a word**; a phrase is a regular
expression over such strings, so that "no .. @opens" needs no knowledge of forms, blanks or spelling of accents. Only
phrases all of whose words occur in the text are tried.

How a phrase is written (templates/<language>/triage.toml):

    word        this word, folded          stem*    every word that begins so       *end     every longer one ending so
    a|b+c|@list one of these; b+c is "b c" @list    an entry of that list (entries are phrases themselves)
    ..          up to three words between, without a comma         ...     up to eight, inside a sentence
    item?       this item or nothing (never the first one)          ^       the beginning of a sentence
    #           a word with a digit in it that no phrase names

Promises: no nested repetition, every gap bounded, so a hostile text costs no more than a plain one of its length.
Never: reads files, knows a language, keeps anything of a text.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_

from desk.triage.words import mark_of

GAPS: Mapping[str, str] = {"..": r"[^.?,]{0,3}?", "...": r"[^.?]{0,8}?"}
START = "^"
NUMBER = "#"
UNKNOWN = "_"
AFTER_Z = "{"
# Words get the characters from here on; nothing below is special to them.
FIRST_CODE = 0x100
LIST_DEPTH_MAX = 4
STEM_LETTERS_MIN = 2


@dataclass(frozen=True, eq=False)
class Phrase:
    """`needs` are the words it cannot do without, the first one first. Compiled once, when all of them were first met:
    most phrases of a folder never are, and a process that grades one text must not wait for them."""

    number: int
    signal: str
    source: str
    needs: tuple[frozenset[str], ...]

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.source)


class Lexicon:
    """Gives each word that a phrase names its character, and each item of a phrase its class of characters."""

    def __init__(self, atoms: Iterable[str]) -> None:
        self._exact: dict[str, str] = {}
        self._stems: dict[str, str] = {}
        self._ends: dict[str, str] = {}
        for number, atom in enumerate(dict.fromkeys(atoms)):
            table = self._stems if atom.endswith("*") else self._ends if atom.startswith("*") else self._exact
            table[atom.strip("*")] = chr(FIRST_CODE + number)
        self._endings = tuple(self._ends)
        self._sorted_exact = sorted(self._exact)
        self._sorted_stems = sorted(self._stems)
        self._stems_of: dict[str, list[str]] = {}
        for stem in sorted(self._stems, key=len, reverse=True):
            self._stems_of.setdefault(stem[:STEM_LETTERS_MIN], []).append(stem)
        self._classes: dict[str, frozenset[str]] = {}

    def encode(self, words: Sequence[str]) -> str:
        exact, character = self._exact, self._character
        characters = {word: exact.get(word) or character(word) for word in set(words)}
        return "".join(map(characters.__getitem__, words))

    def _character(self, word: str) -> str:
        """Return the character of a word that is not listed as it stands."""
        for stem in self._stems_of.get(word[:STEM_LETTERS_MIN], ()):
            if word.startswith(stem):
                return self._stems[stem]
        if not word.isalpha():
            return mark_of(word) or NUMBER
        if word.endswith(self._endings):
            return next(char for end, char in self._ends.items() if word.endswith(end))
        return UNKNOWN

    def class_of(self, atom: str) -> frozenset[str]:
        """Return the characters of all words an atom means: "timbr*" also means the listed word "timbrado"."""
        found = self._classes.get(atom)
        if found is None:
            found = self._classes[atom] = self._class_of(atom)
        return found

    def _class_of(self, atom: str) -> frozenset[str]:
        plain = atom.strip("*")
        if atom == NUMBER:
            return frozenset({NUMBER})
        if atom.endswith("*"):
            exact = {self._exact[word] for word in _beginning(self._sorted_exact, plain)}
            return frozenset(exact | {self._stems[stem] for stem in _beginning(self._sorted_stems, plain)})
        if atom.startswith("*"):
            exact = {char for word, char in self._exact.items() if word.endswith(plain) and word != plain}
            return frozenset(exact | {self._ends[plain]})
        return frozenset({self._exact[plain]})


def _beginning(words: Sequence[str], stem: str) -> Sequence[str]:
    """The words, of a sorted list, that begin so."""
    return words[bisect_left(words, stem) : bisect_left(words, stem + AFTER_Z)]


class PhraseBook:
    """The phrases of one language, compiled. Raises ValueError naming the phrase when one cannot be understood."""

    def __init__(self, lists: Mapping[str, Sequence[str]], phrases: Mapping[str, Sequence[str]]) -> None:
        self._lists = lists
        self._items: dict[str, str] = {}
        self._starts: dict[str, frozenset[str]] = {}
        self._lexicon = Lexicon(
            self._atoms(entry for group in (lists, phrases) for each in group.values() for entry in each)
        )
        self._phrases = [
            self._compile(number, signal, phrase)
            for number, (signal, phrase) in enumerate(
                (name, one) for name, several in phrases.items() for one in several
            )
        ]
        self._all = (1 << len(self._phrases)) - 1
        self._met_by = _met_by(self._phrases)

    def encode(self, words: Sequence[str]) -> str:
        """Return the words as a string with one character each."""
        return self._lexicon.encode(words)

    def candidates(self, present: Set[str]) -> Mapping[str, Sequence[Phrase]]:
        """Return, for each signal, the phrases all of whose words are among the characters `present`."""
        left = self._all
        for needless, met_by in self._met_by:
            left &= reduce(or_, map(met_by.__getitem__, present & met_by.keys()), needless)
        found: dict[str, list[Phrase]] = {}
        while left:
            lowest = left & -left
            phrase = self._phrases[lowest.bit_length() - 1]
            found.setdefault(phrase.signal, []).append(phrase)
            left ^= lowest
        return found

    def _atoms(self, entries: Iterable[str]) -> Iterator[str]:
        for entry in entries:
            for item in entry.split():
                for atom in re.split(r"[|+]", item.removesuffix("?")):
                    if atom not in GAPS and atom not in (START, NUMBER) and not atom.startswith("@"):
                        yield atom

    def _compile(self, number: int, signal: str, phrase: str) -> Phrase:
        items = phrase.split()
        try:
            if items[0].endswith("?") or items[0] in GAPS:
                raise KeyError("it begins with what may be missing")
            pattern = "".join(self._item(item, LIST_DEPTH_MAX) for item in items)
            firm = [item for item in items if item not in GAPS and item != START and not item.endswith("?")]
            needs = tuple(self._firsts(item, LIST_DEPTH_MAX) for item in firm)
            return Phrase(number, signal, pattern, needs)
        except (KeyError, IndexError, RecursionError) as mistake:
            raise ValueError(f"{signal}: {phrase!r}: cannot be understood: {mistake}") from mistake

    def _item(self, item: str, depth: int) -> str:
        found = self._items.get(item)
        if found is None:
            found = self._items[item] = self._pattern_of(item, depth)
        return found

    def _pattern_of(self, item: str, depth: int) -> str:
        if item in GAPS:
            return GAPS[item]
        if item == START:
            return r"(?<![^.?])"
        optional = "?" if item.endswith("?") else ""
        choices = self._choices(item.removesuffix("?"), depth)
        single = frozenset[str]().union(*(choice for choice in choices if isinstance(choice, frozenset)))
        several = [choice for choice in choices if isinstance(choice, str)]
        alternatives = several + ([_class(single)] if single else [])
        if len(alternatives) == 1 and single:
            return alternatives[0] + optional
        return f"(?:{'|'.join(alternatives)}){optional}"

    def _choices(self, item: str, depth: int) -> list[frozenset[str] | str]:
        """An entry of one word becomes a class of characters, a longer one a pattern."""
        if not depth:
            raise RecursionError("lists name each other in a circle")
        found: list[frozenset[str] | str] = []
        for atom in item.split("|"):
            if "+" in atom:
                found.append("".join(self._item(part, depth - 1) for part in atom.split("+")))
            elif atom.startswith("@"):
                for entry in self._lists[atom[1:]]:
                    parts = entry.split()
                    several = len(parts) > 1
                    found += (
                        ["".join(self._item(part, depth - 1) for part in parts)]
                        if several
                        else self._choices(parts[0], depth - 1)
                    )
            else:
                found.append(self._lexicon.class_of(atom))
        return found

    def _firsts(self, item: str, depth: int) -> frozenset[str]:
        """The characters an item can begin with."""
        if item not in self._starts:
            self._starts[item] = self._first_of(item, depth)
        return self._starts[item]

    def _first_of(self, item: str, depth: int) -> frozenset[str]:
        if not depth:
            raise RecursionError("lists name each other in a circle")
        firsts: frozenset[str] = frozenset()
        for atom in (choice.split("+")[0] for choice in item.split("|")):
            if atom.startswith("@"):
                firsts |= frozenset().union(*(self._firsts(e.split()[0], depth - 1) for e in self._lists[atom[1:]]))
            else:
                firsts |= self._lexicon.class_of(atom)
        return firsts


def _met_by(phrases: Sequence[Phrase]) -> list[tuple[int, dict[str, int]]]:
    """Return, for each place among the needs of a phrase, the phrases that need nothing there and those that each
    character is enough for. Sets of phrases are numbers, bit n is the phrase of number n: a text is asked for all
    phrases at once."""
    places: list[tuple[int, dict[str, int]]] = []
    for place in range(max((len(phrase.needs) for phrase in phrases), default=0)):
        needless, met_by = 0, defaultdict[str, int](int)
        for phrase in phrases:
            if place >= len(phrase.needs):
                needless |= 1 << phrase.number
                continue
            for char in phrase.needs[place]:
                met_by[char] |= 1 << phrase.number
        places.append((needless, dict(met_by)))
    return places


def _class(chars: frozenset[str]) -> str:
    """Neighbouring characters as ranges: a quarter of the time to compile."""
    codes = sorted(map(ord, chars))
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    if len(codes) == 1:
        return chr(codes[0])
    return "[" + "".join(chr(a) if a == b else f"{chr(a)}-{chr(b)}" for a, b in ranges) + "]"

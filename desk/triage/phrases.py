"""Finds the phrases of a language folder in a text, in time that grows with the text alone.

A text is folded to lower case without accents and becomes a string with **one character a word**; a phrase is a regular
expression over such strings, so that "no .. @opens" needs no knowledge of forms, blanks or spelling of accents. Only
phrases all of whose words occur in the text are tried, and only where their first word stands.

How a phrase is written (templates/<language>/triage.toml):

    word        this word, folded          stem*    every word that begins so       *end     every word that ends so
    a|b+c|@list one of these; b+c is "b c" @list    an entry of that list (entries are phrases themselves)
    ..          up to three words between, without a comma         ...     up to eight, inside a sentence
    item?       this item or nothing (never the first one)          ^       the beginning of a sentence
    #           a word with a digit in it that no phrase names

Promises: no nested repetition, every gap bounded, so a hostile text costs no more than a plain one of its length.
Never: reads files, knows a language, keeps anything of a text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from unicodedata import combining, normalize

GAPS: Mapping[str, str] = {"..": r"[^.?,]{0,3}?", "...": r"[^.?]{0,8}?"}
START = "^"
NUMBER = "#"
UNKNOWN = "_"
SENTENCE_END = "."
QUESTION_END = "?"
COMMA = ","
MARKS = frozenset({SENTENCE_END, QUESTION_END, COMMA})
# Words get the characters from here on; nothing below is special to them.
FIRST_CODE = 0x100
WORD_LETTERS_MAX = 40
LIST_DEPTH_MAX = 4
STEM_LETTERS_MIN = 2

_DIGIT = re.compile(r"[0-9]")

_TOKEN = re.compile(r"[0-9a-z]+|[.!;?,](?=\s|$)|\n[ \t]*\n")
_APOSTROPHES = dict.fromkeys(map(ord, "'\u2019\u02bc`\u00b4"), None)


@lru_cache(maxsize=1)
def _folding() -> dict[int, str | None]:
    """Letters of the Latin blocks and their plain form: str.translate is far quicker than normalising each text."""
    table: dict[int, str | None] = dict(_APOSTROPHES)
    for code in range(0xA0, 0x250):
        plain = "".join(mark for mark in normalize("NFKD", chr(code)) if not combining(mark)).lower()
        if plain != chr(code):
            table[code] = plain
    table.update(dict.fromkeys(range(0x300, 0x370), None))
    table[ord("¿")] = " "
    return table


def fold(text: str) -> str:
    """Return the text in lower case, without accents and apostrophes: as people type it on a phone."""
    return text.lower().translate(_folding())


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded, with ".", "?" where a sentence ends, and the commas."""
    return [_mark(token) for token in _TOKEN.findall(fold(text))]


def _mark(token: str) -> str:
    if token[0].isalnum():
        return token[:WORD_LETTERS_MAX]
    return token if token in (QUESTION_END, COMMA) else SENTENCE_END


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase found: the signal it stands for, first word and the one after the last, and the words themselves.

    `words` holds words that the folder knows; any other is shown as "…": a reason never quotes a stranger's text.
    """

    signal: str
    start: int
    end: int
    words: str


@dataclass(frozen=True)
class _Phrase:
    """`needs` are the words it cannot do without, the first one first. Compiled once, when all of them were first met:
    most phrases of a folder never are, and a process that grades one text must not wait for them."""

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
        self._stem_max = max(map(len, self._stems), default=0)
        self._classes: dict[str, frozenset[str]] = {}

    def encode(self, words: Sequence[str]) -> str:
        known: dict[str, str] = {mark: mark for mark in MARKS}
        return "".join([known.get(word) or known.setdefault(word, self._character(word)) for word in words])

    def _character(self, word: str) -> str:
        found = self._exact.get(word)
        for length in range(min(len(word), self._stem_max), STEM_LETTERS_MIN - 1, -1) if found is None else ():
            found = self._stems.get(word[:length])
            if found is not None:
                return found
        if found is None:
            found = next((char for end, char in self._ends.items() if word.endswith(end)), None)
        if found is None:
            found = NUMBER if _DIGIT.search(word) else UNKNOWN
        return found

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
            tables = (self._exact, self._stems)
            return frozenset(char for table in tables for word, char in table.items() if word.startswith(plain))
        if atom.startswith("*"):
            ends = {char for word, char in self._exact.items() if word.endswith(plain)}
            return frozenset(ends | {self._ends[plain]})
        return frozenset({self._exact[plain]})


class PhraseBook:
    """The phrases of one language, compiled. Raises ValueError naming the phrase when one cannot be understood."""

    def __init__(self, lists: Mapping[str, Sequence[str]], phrases: Mapping[str, Sequence[str]]) -> None:
        self._lists = lists
        self._items: dict[str, str] = {}
        self._starts: dict[str, frozenset[str]] = {}
        self._lexicon = Lexicon(
            self._atoms(entry for group in (lists, phrases) for each in group.values() for entry in each)
        )
        self._phrases = [self._compile(signal, phrase) for signal, several in phrases.items() for phrase in several]

    def encode(self, words: Sequence[str]) -> str:
        """Return the words as a string with one character each, for `find`."""
        return self._lexicon.encode(words)

    def find(self, encoded: str, words: Sequence[str], signals: frozenset[str]) -> list[Hit]:
        """Return every place where a phrase of these signals stands, in the order of the text."""
        places: dict[str, list[int]] = {}
        for place, char in enumerate(encoded):
            if char == NUMBER or ord(char) >= FIRST_CODE:
                places.setdefault(char, []).append(place)
        present = places.keys()
        hits = [
            Hit(phrase.signal, *match.span(), _quote(encoded, words, *match.span()))
            for phrase in self._phrases
            if phrase.signal in signals and not any(need.isdisjoint(present) for need in phrase.needs)
            for match in _matches(phrase, encoded, places)
        ]
        return sorted(hits, key=lambda hit: (hit.start, -hit.end))

    def _atoms(self, entries: Iterable[str]) -> Iterator[str]:
        for entry in entries:
            for item in entry.split():
                for atom in re.split(r"[|+]", item.removesuffix("?")):
                    if atom not in GAPS and atom not in (START, NUMBER) and not atom.startswith("@"):
                        yield atom

    def _compile(self, signal: str, phrase: str) -> _Phrase:
        items = phrase.split()
        try:
            pattern = "".join(self._item(item, LIST_DEPTH_MAX) for item in items)
            firm = [item for item in items if item not in GAPS and item != START and not item.endswith("?")]
            needs = tuple(self._firsts(item, LIST_DEPTH_MAX) for item in firm)
            return _Phrase(signal, pattern, needs)
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
        return (
            f"(?:{'|'.join(alternatives)}){optional}" if len(alternatives) > 1 else f"(?:{alternatives[0]}){optional}"
        )

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


def _class(chars: frozenset[str]) -> str:
    """Neighbouring characters as ranges: a quarter of the time to compile."""
    codes = sorted(map(ord, chars))
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "[" + "".join(chr(a) if a == b else f"{chr(a)}-{chr(b)}" for a, b in ranges) + "]"


def _matches(phrase: _Phrase, encoded: str, places: Mapping[str, list[int]]) -> Iterator[re.Match[str]]:
    for char in phrase.needs[0] & places.keys():
        for place in places[char]:
            match = phrase.pattern.match(encoded, place)
            if match:
                yield match


def _quote(encoded: str, words: Sequence[str], start: int, end: int) -> str:
    shown = [words[place] if encoded[place] not in (UNKNOWN, NUMBER) else "…" for place in range(start, end)]
    return re.sub(r"…( …)+", "…", " ".join(shown))

"""Reads a text with the words of the language folders and grades it.

Promises and bounds: only the subject's first SUBJECT_MAX and the body's first TEXT_MAX characters are read: who asks
for help says it there. The folders are plain data, so a language more is a folder more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from desk.base.errors import TemplateBroken
from desk.base.grade import Grade
from desk.base.languages import languages, load_toml
from desk.base.names import LANGUAGE_UNKNOWN
from desk.triage.grading import LIKELIER, RULES, Rule, Signal, decide
from desk.triage.phrases import MARKS, QUESTION_END, SENTENCE_END, UNKNOWN, Hit, PhraseBook, words_of

FILE = "triage.toml"
CAREFUL = "careful"
SUBJECT_MAX = 500
TEXT_MAX = 8_192
REASONS_MAX = 6
# Words a hypothesis may run on for when nothing ends the sentence: speech on the phone has no full stops.
HYPOTHESIS_WORDS_MAX = 25
# Words of function that make a language certain; fewer leave doubt.
LANGUAGE_WORDS_MIN = 1

MASKS = frozenset({Signal.ELSEWHERE, Signal.DENIED, Signal.HYPOTHETICAL, Signal.SOLVED, Signal.CONTRAST})
OTHERS = frozenset(Signal) - MASKS
# Signals that change a grade and are therefore named beside the one that decided.
QUALIFIERS = (
    Signal.EVERYBODY,
    Signal.SYSTEMATIC,
    Signal.ONE_ONLY,
    Signal.SOMETIMES,
    Signal.OTHERS_FINE,
    Signal.PROVEN,
    Signal.RETRIED,
)


@dataclass(frozen=True, slots=True)
class Language:
    """A language folder's triage.toml, read: phrases, reasons, and the words that tell the language."""

    code: str
    order: int
    book: PhraseBook
    reasons: Mapping[str, str]
    words: frozenset[str]
    against: frozenset[str]

    def score(self, words: Collection[str]) -> int:
        """How much of a text speaks for this language; negative when a neighbour's words outweigh its own."""
        return sum((word in self.words) - 2 * (word in self.against) for word in words)


def read_language(code: str, table: Mapping[str, Any]) -> Language:
    """Make a Language of a folder's table. Raises TemplateBroken naming what is missing or cannot be understood."""
    try:
        signals: dict[str, Sequence[str]] = {Signal(name): phrases for name, phrases in table["signals"].items()}
        missing = {rule.name for rule in RULES} | {str(signal) for signal in QUALIFIERS}
        missing -= table["reasons"].keys()
        if missing:
            raise ValueError(f"no reason for {', '.join(sorted(missing))}")
        tongue = table["language"]
        return Language(
            code=code,
            order=table["order"],
            book=PhraseBook(table["lists"], signals),
            reasons=dict(table["reasons"]),
            words=frozenset(tongue["words"].split()),
            against=frozenset(tongue["against"].split()),
        )
    except (KeyError, ValueError) as mistake:
        raise TemplateBroken(f"{code}/{FILE}: {mistake}") from mistake


class Triage:
    """Grades texts with the tables it was given: one per language, as read from `<language>/triage.toml`.

    `mode`: "careful" takes a doubtful failure for the graver grade, because a missed outage costs most.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]], mode: str = CAREFUL) -> None:
        known = [read_language(code, table) for code, table in tables.items()]
        self._languages = sorted(known, key=lambda language: language.order)
        self._likelier = {} if mode == CAREFUL else LIKELIER

    def classify(self, subject: str, body: str, channel: str) -> Grade:  # noqa: ARG002 - the channel is part of the contract
        """Return severity, language, confidence and reasons of a report; `body` holds the new words only."""
        words = [*words_of(subject[:SUBJECT_MAX]), SENTENCE_END, *words_of(body[:TEXT_MAX])]
        tongue = self._tongue(words)
        readings = [(language, _read(language.book, words)) for language in ([tongue] if tongue else self._languages)]
        hits = {hit.signal: hit for _, several in reversed(readings) for hit in reversed(several)}
        rule = decide([Signal(signal) for signal in hits])
        speaker = max(readings, key=lambda reading: len(reading[1]))[0]
        return Grade(
            severity=self._likelier.get(rule.name, rule.severity),
            language=tongue.code if tongue else LANGUAGE_UNKNOWN,
            confidence=rule.confidence,
            reasons=_reasons(speaker, rule, hits),
        )

    def _tongue(self, words: Sequence[str]) -> Language | None:
        """The language most words speak for; None when none is heard or two are heard equally."""
        scores = sorted(((language.score(words), language) for language in self._languages), key=lambda pair: -pair[0])
        best, language = scores[0]
        if best < LANGUAGE_WORDS_MIN or (len(scores) > 1 and scores[1][0] == best):
            return None
        return language


def _read(book: PhraseBook, words: Sequence[str]) -> list[Hit]:
    """All signals of a text, after what is denied, supposed or over has been taken out of it."""
    encoded = book.encode(words)
    masks = book.find(encoded, words, MASKS)
    hits = book.find(_masked(encoded, masks), words, OTHERS)
    features = [hit for hit in hits if hit.signal == Signal.FEATURE_FAULT]
    kept = [
        hit
        for hit in hits
        if hit.signal != Signal.CORE_DOWN or not any(_is_nearer(feature, hit) for feature in features)
    ]
    return kept + [hit for hit in masks if hit.signal != Signal.CONTRAST]


def _is_nearer(feature: Hit, core: Hit) -> bool:
    """In "del portal la opción no abre" the option is at fault: its phrase lies inside and ends with the other."""
    return core.start < feature.start < core.end and feature.end == core.end


def _masked(encoded: str, masks: Sequence[Hit]) -> str:
    chars = list(encoded)
    for mask in masks:
        if mask.signal in (Signal.DENIED, Signal.ELSEWHERE):
            _blank(chars, mask.start, mask.end)
        elif mask.signal == Signal.HYPOTHETICAL:
            _blank(chars, mask.start, _sentence_end(encoded, mask.end))
        elif mask.signal == Signal.SOLVED:
            _blank(chars, 0, mask.end)
            contrast = next(
                (other.start for other in masks if other.signal == Signal.CONTRAST and other.start >= mask.end),
                len(chars),
            )
            _blank(chars, mask.end, contrast)
    return "".join(chars)


def _blank(chars: list[str], start: int, end: int) -> None:
    for place in range(start, end):
        if chars[place] not in MARKS:
            chars[place] = UNKNOWN


def _sentence_end(encoded: str, start: int) -> int:
    limit = min(len(encoded), start + HYPOTHESIS_WORDS_MAX)
    return next((place for place in range(start, limit) if encoded[place] in (SENTENCE_END, QUESTION_END)), limit)


def _reasons(speaker: Language, rule: Rule, hits: Mapping[str, Hit]) -> tuple[str, ...]:
    deciding = [next((hits[signal] for signal in one if signal in hits), None) for one in rule.when[:1]]
    first = _sentence(speaker.reasons[rule.name], deciding[0] if deciding else None)
    shown = [signal for signal in QUALIFIERS if signal in hits and rule.when]
    rest = [_sentence(speaker.reasons[signal], hits[signal]) for signal in shown]
    return (first, *rest)[:REASONS_MAX]


def _sentence(reason: str, hit: Hit | None) -> str:
    return f"{reason}: «{hit.words}»." if hit else f"{reason}."


def load(mode: str = CAREFUL, override: Path | None = None) -> Triage:
    """Return the triage of all language folders; a triage.toml in the operator's folder `override` wins over ours.

    Raises TemplateMissing or TemplateBroken naming the file. Takes tens of milliseconds: once a process is enough.
    """
    return Triage({code: load_toml(code, FILE, _root_of(code, override)) for code in languages()}, mode)


def _root_of(code: str, override: Path | None) -> Path | None:
    return override if override is not None and (override / code / FILE).is_file() else None


@cache
def _default() -> Triage:
    return load()


def classify(subject: str, body: str, channel: str) -> Grade:
    """Grade a report with the shipped folders, carefully (see Triage.classify)."""
    return _default().classify(subject, body, channel)

"""Reads a text with the words of the language folders and grades it.

Promises and bounds: only the subject's first SUBJECT_MAX and the body's first TEXT_MAX characters are read: who asks
for help says it there. The folders are plain data, so a language more is a folder more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from desk.base.errors import TemplateBroken
from desk.base.grade import Grade
from desk.base.languages import folders, languages, load_toml
from desk.base.names import LANGUAGE_UNKNOWN, Severity
from desk.triage import short
from desk.triage.grading import LIKELIER, RULES, Rule, Signal, decide
from desk.triage.phrases import PhraseBook
from desk.triage.short import ShortWords
from desk.triage.text import Hit, Text
from desk.triage.tongue import Tongue, heard, read_tongue
from desk.triage.words import QUESTION_END, SENTENCE_END, words_of

FILE = "triage.toml"
SHORT = "short"
"""The key under which a folder's short.toml stands in its table."""
CAREFUL = "careful"
SUBJECT_MAX = 500
TEXT_MAX = 4_096
REASONS_MAX = 6
# Words a hypothesis may run on for when nothing ends the sentence: speech on the phone has no full stops.
HYPOTHESIS_WORDS_MAX = 25
# What a text denies, supposes or tells of another system or of the past is no report of now.
MASKS = (Signal.ELSEWHERE, Signal.DENIED, Signal.HYPOTHETICAL, Signal.SOLVED)
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
    """A language folder read: of triage.toml phrases, reasons and the words that tell the language; its short.toml,
    without which nothing is said of short texts."""

    code: str
    order: int
    book: PhraseBook
    reasons: Mapping[str, str]
    tongue: Tongue
    short: ShortWords | None = None

    def knows(self, word: str) -> bool:
        """Tell whether a word is one of the language's or of the trade."""
        return word in self.tongue.words or short.knows(self.book, word)


class Reading:
    """A text as one language reads it: which signals it gives. Each is looked for when it is asked for, once."""

    def __init__(self, language: Language, words: Sequence[str]) -> None:
        self.language = language
        self._whole = Text(language.book, words, language.book.encode(words))
        masks = [hit for signal in MASKS for hit in self._whole.find(signal)]
        self._text = self._whole.without(_spans(self._whole, masks))
        self._found: dict[str, Hit | None] = {str(signal): None for signal in MASKS}
        self._found |= {mask.signal: mask for mask in reversed(masks)}

    def hit(self, signal: Signal) -> Hit | None:
        """Return where the signal stands; None when the text does not give it."""
        try:
            return self._found[signal]
        except KeyError:
            found = self._found[signal] = next(self._hits(signal), None)
            return found

    def sentence(self, name: str, hit: Hit | None) -> str:
        """Return the folder's reason of this name, with the words that gave it."""
        reason = self.language.reasons[name]
        return f"{reason}: «{self._whole.quote(hit)}»." if hit else f"{reason}."

    def _hits(self, signal: Signal) -> Iterator[Hit]:
        hits = self._text.find(signal)
        if signal != Signal.CORE_DOWN:
            return hits
        # In "del portal la opción no abre" the option is at fault, not the portal.
        return (hit for hit in hits if not self._text.is_within(Signal.FEATURE_FAULT, hit))


def read_language(code: str, table: Mapping[str, Any]) -> Language:
    """Make a Language of a folder's table. Raises TemplateBroken naming what is missing or cannot be understood."""
    try:
        signals: dict[str, Sequence[str]] = {Signal(name): phrases for name, phrases in table["signals"].items()}
        missing = {rule.name for rule in RULES} | {str(signal) for signal in QUALIFIERS}
        missing -= table["reasons"].keys()
        if missing:
            raise ValueError(f"no reason for {', '.join(sorted(missing))}")
        return Language(
            code=code,
            order=table["order"],
            book=PhraseBook(table["lists"], signals),
            reasons=dict(table["reasons"]),
            tongue=read_tongue(code, table["language"]),
            short=short.read_short_words(code, table[SHORT]) if SHORT in table else None,
        )
    except (KeyError, ValueError) as mistake:
        raise TemplateBroken(f"{code}/{FILE}: {mistake}") from mistake


class Triage:
    """Grades texts with the tables it was given: one per language, as read from its folder (see `load`).

    `mode`: "careful" takes a doubtful failure for the graver grade, because a missed outage costs most.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, Any]], mode: str = CAREFUL) -> None:
        known = [read_language(code, table) for code, table in tables.items()]
        self._languages = sorted(known, key=lambda language: language.order)
        self._tongues = [language.tongue for language in self._languages]
        self._short = [language.short for language in self._languages if language.short]
        self._likelier = {} if mode == CAREFUL else LIKELIER

    def classify(self, subject: str, body: str, channel: str) -> Grade:  # noqa: ARG002 - the channel is part of the contract
        """Return severity, language, confidence and reasons of a report; `body` holds the new words only."""
        subject, body = subject[:SUBJECT_MAX], body[:TEXT_MAX]
        of_body = words_of(body)
        words = [*words_of(subject), SENTENCE_END, *of_body]
        tongue = heard(self._tongues, words)
        # The subject of an answer is mostly ours: what is new is the body.
        written_in = (heard(self._tongues, of_body) if short.is_answer(subject) else None) or tongue
        spoken = [one for one in self._languages if tongue is None or one.tongue is tongue]
        readings = [Reading(language, words) for language in spoken]
        rule = decide(lambda signal: any(reading.hit(signal) for reading in readings))
        return Grade(
            severity=self._likelier.get(rule.name, rule.severity),
            language=written_in.code if written_in else LANGUAGE_UNKNOWN,
            confidence=rule.confidence,
            reasons=_reasons(readings, rule),
            questions=short.questions_of([one.short for one in spoken if one.short], words, f"{subject} {body}"),
            asks_status=short.only_asks_status(self._short, subject, body, of_body, self._is_known),
        )

    def _is_known(self, word: str) -> bool:
        return any(language.knows(word) for language in self._languages)


def _spans(text: Text, masks: Sequence[Hit]) -> Iterator[tuple[int, int]]:
    """The words that say nothing of the present, by what each mask means."""
    for mask in masks:
        if mask.signal == Signal.HYPOTHETICAL:
            yield mask.start, _sentence_end(text.encoded, mask.end)
        elif mask.signal == Signal.SOLVED:
            # What was before is over, and what follows too, up to a "but".
            contrasts = [hit.start for hit in text.find(Signal.CONTRAST) if hit.start >= mask.end]
            yield 0, min(contrasts, default=len(text.encoded))
        else:
            yield mask.start, mask.end


def _sentence_end(encoded: str, start: int) -> int:
    limit = min(len(encoded), start + HYPOTHESIS_WORDS_MAX)
    return next((place for place in range(start, limit) if encoded[place] in (SENTENCE_END, QUESTION_END)), limit)


def _reasons(readings: Sequence[Reading], rule: Rule) -> tuple[str, ...]:
    """What decided, then what else was weighed, by the reading that heard it; in doubt by the preferred one."""
    deciding = ((reading, reading.hit(signal)) for one in rule.when[:1] for signal in one for reading in readings)
    speaker, hit = next((pair for pair in deciding if pair[1]), (readings[0], None))
    weighed = QUALIFIERS if rule.severity != Severity.QUESTION else ()
    rest = [speaker.sentence(signal, other) for signal in weighed if (other := speaker.hit(signal))]
    return (speaker.sentence(rule.name, hit), *rest)[:REASONS_MAX]


def load(mode: str = CAREFUL, override: Path | None = None) -> Triage:
    """Return the triage of all language folders; a file in the operator's folder `override` wins over ours, and a
    language that is there alone is read when it says with what words.

    Raises TemplateMissing or TemplateBroken naming the file. Takes tens of milliseconds: once a process is enough.
    """
    ours = languages()
    added = [] if override is None else [one for one in languages(override) if (override / one / FILE).is_file()]
    return Triage({code: _table(code, override) for code in dict.fromkeys((*ours, *added))}, mode)


def _table(code: str, override: Path | None) -> Mapping[str, Any]:
    """Return a folder's triage.toml, and its short.toml under SHORT when there is one."""
    short_root = _root_of(code, short.FILE, override)
    has_short = (short_root / code / short.FILE).is_file()
    return {
        **load_toml(code, FILE, _root_of(code, FILE, override)),
        **({SHORT: load_toml(code, short.FILE, short_root)} if has_short else {}),
    }


def _root_of(code: str, name: str, override: Path | None) -> Path:
    """Return the folder of languages a file is read from: the operator's where it has one."""
    return override if override is not None and (override / code / name).is_file() else folders()


@cache
def _default() -> Triage:
    return load()


def classify(subject: str, body: str, channel: str) -> Grade:
    """Grade a report with the shipped folders, carefully (see Triage.classify)."""
    return _default().classify(subject, body, channel)

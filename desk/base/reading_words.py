"""The words of a language that reading needs: data from `templates/<language>/reading.toml`, merged over all languages.

A mail is read with the words of all languages at once: who writes in Spanish may use a mail program in English.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from desk.base.errors import TemplateBroken
from desk.base.languages import languages, load_toml

FILE = "reading.toml"


@dataclass(frozen=True, slots=True)
class ReadingWords:
    """What quotes, forwards, signatures and machines say, in every language the house speaks.

    Fields that end in `_patterns` are regular expressions, matched without regard to case against text of at most
    a few hundred characters; all others are plain words or sentences.
    """

    delimiters: tuple[str, ...] = ()
    """Our own line "reply above this line": what stands below is the quote."""
    quote_patterns: tuple[str, ...] = ()
    """The line that introduces a quote ("El lun, 5 ene 2026 a las 10:00, X escribió:"), matched at its start."""
    original_markers: tuple[str, ...] = ()
    """What stands between dashes above a quoted mail ("Mensaje original")."""
    forward_markers: tuple[str, ...] = ()
    """What stands above a forwarded mail ("Mensaje reenviado"): what follows is content."""
    forward_prefixes: tuple[str, ...] = ()
    """How the subject of a forward begins ("RV", "Fwd"), without the colon."""
    from_labels: tuple[str, ...] = ()
    """The label of the first line of a quoted header block ("De", "From"), without the colon."""
    header_labels: tuple[str, ...] = ()
    """The labels that follow it ("Para", "Fecha"), without the colon."""
    mail_labels: tuple[str, ...] = ()
    """The labels of it that only mail has ("Asunto", "Enviado"), without the colon."""
    signature_patterns: tuple[str, ...] = ()
    """Lines that a device adds by itself ("Enviado desde mi iPhone")."""
    automatic_subject_patterns: tuple[str, ...] = ()
    """How the subject of an absence note or automatic answer begins."""
    bounce_subject_patterns: tuple[str, ...] = ()
    """How the subject of a report of failed delivery begins."""
    bounce_text_patterns: tuple[str, ...] = ()
    """What a report of failed delivery says in its text when it has no machine-readable part."""
    delayed_text_patterns: tuple[str, ...] = ()
    """What a report says when delivery is only late, not given up."""


def load_reading_words(override: Path | None = None) -> ReadingWords:
    """Return the reading words of all language folders; a file in the operator's folder wins over ours.

    Raises TemplateMissing or TemplateBroken naming the file.
    """
    codes = set(languages()) | (set(languages(override)) if override is not None else set())
    tables = {}
    for code in sorted(codes):
        laid_over = override is not None and (override / code / FILE).is_file()
        tables[code] = load_toml(code, FILE, override if laid_over else None)
        try:
            reading_words(tables[code])
        except ValueError as mistake:
            raise TemplateBroken(f"{code}/{mistake}") from mistake
    return reading_words(*tables.values())


def reading_words(*tables: Mapping[str, Any]) -> ReadingWords:
    """Merge the reading tables of several languages, keeping order and dropping doubles.

    Raises ValueError naming the key when a table holds a key that is not a field, or anything but a list of strings.
    """
    merged: dict[str, dict[str, None]] = {field.name: {} for field in fields(ReadingWords)}
    for table in tables:
        for key, words in table.items():
            if key not in merged:
                raise ValueError(f"{FILE}: {key}: unknown; known are {', '.join(merged)}")
            if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
                raise ValueError(f"{FILE}: {key}: must be a list of words")
            if key.endswith("_patterns"):
                _check_patterns(key, words)
            merged[key].update(dict.fromkeys(words))
    return ReadingWords(**{key: tuple(words) for key, words in merged.items()})


def _check_patterns(key: str, patterns: list[str]) -> None:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as mistake:
            raise ValueError(f"{FILE}: {key}: {pattern}: {mistake}") from mistake

"""Every language says all that the others say: the same files, the same keys, the same facts in each sentence."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from desk.base.languages import folders, languages, load_toml

# What a language has of its own, by file: lists that name each other, and exceptions of its grammar.
ITS_OWN = {"triage.toml": ("lists.",), "short.toml": ("lists.",), "instants.toml": ("clock.articles.",)}
# Files whose words are looked for in foreign text and not said: they have no parts to fill in.
LOOKED_FOR = {"triage.toml", "short.toml", "reading.toml"}
# How a date or a clock time is put together is a language's own affair.
PUT_TOGETHER = {"instants.toml", "calendar.toml"}
PART = re.compile(r"\{(\w+)[^{}]*\}")


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Give each value of a table that is no table itself, under its dotted key."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def said(language: str, file: str) -> dict[str, Any]:
    own = ITS_OWN.get(file, ())
    return {key: value for key, value in leaves(load_toml(language, file)) if not key.startswith(own)}


LANGUAGES = languages()
FIRST = LANGUAGES[0]
OTHERS = LANGUAGES[1:]
TABLES = sorted(name for name in files_of(folders() / FIRST) if name.endswith(".toml"))


@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_the_same_files(language: str) -> None:
    assert files_of(folders() / language) == files_of(folders() / FIRST)


@pytest.mark.parametrize("file", TABLES)
@pytest.mark.parametrize("language", OTHERS)
def test_every_language_has_the_same_keys_of_the_same_kind(language: str, file: str) -> None:
    kinds = [{key: type(value) for key, value in said(code, file).items()} for code in (FIRST, language)]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("file", sorted(set(TABLES) - LOOKED_FOR - PUT_TOGETHER))
@pytest.mark.parametrize("language", OTHERS)
def test_a_sentence_tells_the_same_facts_in_every_language(language: str, file: str) -> None:
    parts = [
        {key: sorted(set(PART.findall(value))) for key, value in said(code, file).items() if isinstance(value, str)}
        for code in (FIRST, language)
    ]
    assert parts[0] == parts[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_empty_or_left_in_the_words_of_another_language(language: str) -> None:
    others = [code for code in LANGUAGES if code != language]
    for file in sorted(set(TABLES) - LOOKED_FOR - PUT_TOGETHER):
        for key, value in said(language, file).items():
            assert value != "", f"{language}/{file}: {key}"
            is_sentence = isinstance(value, str) and len(PART.sub("", value).split()) > 3
            same = [code for code in others if is_sentence and said(code, file).get(key) == value]
            assert same == [], f"{language}/{file}: {key}: {value}"

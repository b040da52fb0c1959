"""The words reading needs come from the language folders, and every mistake in them is told by name."""

import re
from pathlib import Path

import pytest

from desk.base.errors import TemplateBroken
from desk.base.languages import folders, languages, load_toml
from desk.base.reading_words import FILE, load_reading_words, reading_words
from intake.email.reading.read import read


def test_every_language_has_reading_words_and_they_are_merged_in_order() -> None:
    tables = [load_toml(code, FILE) for code in languages()]
    words = load_reading_words()
    assert [one for table in tables for one in table["delimiters"]] == list(words.delimiters)


@pytest.mark.parametrize("code", languages())
def test_every_pattern_of_a_language_is_a_regular_expression(code: str) -> None:
    for key, patterns in load_toml(code, FILE).items():
        if key.endswith("_patterns"):
            for pattern in patterns:
                re.compile(pattern)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"delimitadores": []}, "delimitadores"),
        ({"delimiters": "una"}, "delimiters"),
        ({"delimiters": [""]}, "delimiters"),
        ({"quote_patterns": ["(sin cerrar"]}, "quote_patterns"),
    ],
)
def test_a_mistake_in_a_table_is_told_by_its_key(table: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        reading_words(table)


def test_the_operators_file_wins_over_ours(tmp_path: Path) -> None:
    own = tmp_path / "es"
    own.mkdir()
    (own / FILE).write_text('delimiters = ["== arriba, por favor =="]\n', encoding="utf-8")
    words = load_reading_words(tmp_path)
    assert "== arriba, por favor ==" in words.delimiters
    raw = b"From: a@b.mx\r\n\r\nNuevo.\r\n== arriba, por favor ==\r\nViejo.\r\n"
    assert read(raw, words=words).reply_text == "Nuevo."


def test_a_broken_file_of_the_operator_names_itself(tmp_path: Path) -> None:
    own = tmp_path / "es"
    own.mkdir()
    (own / FILE).write_text("delimiters = 3\n", encoding="utf-8")
    with pytest.raises(TemplateBroken, match=r"es/reading\.toml: delimiters"):
        load_reading_words(tmp_path)


def test_the_shipped_folders_are_found() -> None:
    assert {"es", "en"} <= set(languages(folders()))

"""The language folders are found wherever the house is installed."""

from pathlib import Path

import pytest

from desk.base.errors import TemplateBroken, TemplateMissing
from desk.base.languages import folders, languages, load_toml


def test_the_shipped_languages_are_spanish_and_english() -> None:
    assert {"en", "es"} <= set(languages())


def test_an_installed_house_uses_its_own_folder_and_not_somebody_elses_templates(tmp_path: Path) -> None:
    (tmp_path / "templates" / "xx").mkdir(parents=True)
    (tmp_path / "ventanilla" / "_data" / "templates" / "es").mkdir(parents=True)
    assert languages(folders(tmp_path)) == ("es",)


def test_a_checkout_uses_its_top_folder(tmp_path: Path) -> None:
    (tmp_path / "templates" / "es").mkdir(parents=True)
    assert folders(tmp_path) == tmp_path / "templates"


def test_a_house_without_language_folders_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(TemplateMissing, match="_data"):
        folders(tmp_path)


def test_hidden_folders_and_files_are_no_languages(tmp_path: Path) -> None:
    for name in ("es", ".git", "__pycache__"):
        (tmp_path / name).mkdir()
    (tmp_path / "README").write_text("")
    assert languages(tmp_path) == ("es",)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateMissing, match=r"es.words\.toml is missing"):
        load_toml("es", "words.toml", tmp_path)


@pytest.mark.parametrize("content", [b"a = [", b"\xff\xfe"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "es").mkdir()
    (tmp_path / "es" / "words.toml").write_bytes(content)
    with pytest.raises(TemplateBroken, match=r"words\.toml"):
        load_toml("es", "words.toml", tmp_path)


def test_a_file_is_read_as_a_table(tmp_path: Path) -> None:
    (tmp_path / "es").mkdir()
    (tmp_path / "es" / "words.toml").write_text('greeting = "Buen día"', encoding="utf-8")
    assert load_toml("es", "words.toml", tmp_path) == {"greeting": "Buen día"}

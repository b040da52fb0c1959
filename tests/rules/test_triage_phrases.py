"""The small language phrases are written in means what its description says."""

import pytest

from desk.base.folding import fold
from desk.triage.phrases import PhraseBook
from desk.triage.text import Text
from desk.triage.words import words_of

LISTS = {"thing": ["portal", "web service"], "cannot": ["no @reflexive? puedo|podemos"], "reflexive": ["me", "se"]}


def quotes(phrase: str, text: str) -> list[str]:
    book = PhraseBook(LISTS, {"found": [phrase]})
    words = words_of(text)
    read = Text(book, words, book.encode(words))
    return [read.quote(hit) for hit in read.find("found")]


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("no abre", "No ábre", True),
        ("no abre", "no se abre", False),
        ("no .. abre", "no se me abre", True),
        ("no .. abre", "no uno dos tres cuatro abre", False),
        ("no .. abre", "no, abre", False),
        ("no ... abre", "no, uno dos tres cuatro abre", True),
        ("no ... abre", "no. abre", False),
        ("no ... abre", "no\n\nabre", False),
        ("no ... abre", "no\nabre", True),
        ("timbr* mal", "timbraron mal", True),
        ("timbr* mal", "retimbrar mal", False),
        ("*exception", "System.TimeoutException", True),
        ("no abre|carga|da+servicio", "no da servicio", True),
        ("no abre|carga|da+servicio", "no da", False),
        ("@thing caido", "portal caído", True),
        ("@thing caido", "web service caído", True),
        ("@thing caido", "web caído", False),
        ("@cannot entrar", "no puedo entrar", True),
        ("@cannot entrar", "no se podemos entrar", True),
        ("no me? abre", "no abre", True),
        ("no me? abre", "no me abre", True),
        ("^ fallo", "hola. fallo", True),
        ("^ fallo", "hola, fallo", False),
        ("^ fallo", "fallo", True),
        ("ora #", "ORA-00942", True),
        ("ora #", "ora pro nobis", False),
    ],
)
def test_a_phrase_finds_what_it_says(phrase: str, text: str, found: bool) -> None:
    assert bool(quotes(phrase, text)) is found


def test_a_stem_means_listed_words_too() -> None:
    book = PhraseBook({}, {"short": ["timbr* mal"], "long": ["timbrado"]})
    words = words_of("timbrado mal")
    assert [hit.signal for hit in Text(book, words, book.encode(words)).find("short")] == ["short"]


def test_a_quote_shows_gaps_for_words_nobody_listed_and_for_numbers() -> None:
    assert quotes("no .. abre", "no doña Rosa 55 abre") == ["no … abre"]


def test_words_taken_out_of_a_text_are_found_no_more_and_its_marks_stay() -> None:
    book = PhraseBook({}, {"found": ["no .. abre"]})
    words = words_of("no abre. no abre")
    text = Text(book, words, book.encode(words)).without([(0, 3)])
    assert [hit.start for hit in text.find("found")] == [3]


@pytest.mark.parametrize("phrase", ["me? abre", ".. abre", "no @nothing"])
def test_a_phrase_that_cannot_be_understood_is_named(phrase: str) -> None:
    with pytest.raises(ValueError, match="cannot be understood"):
        PhraseBook(LISTS, {"found": [phrase]})


def test_lists_that_name_each_other_in_a_circle_are_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        PhraseBook({"a": ["@b"], "b": ["@a"]}, {"found": ["@a"]})


def test_folding_keeps_one_spelling_of_what_people_type() -> None:
    assert fold("ÁÉÍÓÚÜÑ d’accord") == "aeiouun daccord"

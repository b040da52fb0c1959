"""What a short text only asks, and what one that says nothing leaves open (DESIGN 2; issue words)."""

from pathlib import Path

import pytest

from desk.base.errors import TemplateBroken
from desk.base.languages import folders, languages, load_toml
from desk.base.names import Question
from desk.triage import classify, load, triage
from desk.triage.short import ASKING_WORDS_MAX, FILE, SIGNALS, read_short_words
from tests.rules.asking import ASKING, NEAR_MISSES

OUR_SUBJECT = "Re: INC-100425 Mesa de Servicio"
WHICH, WHERE, SINCE = Question
ALL = tuple(Question)


def asks(text: str, subject: str = OUR_SUBJECT) -> bool:
    return classify(subject, text, "email").asks_status


def test_there_are_thirty_wordings_and_thirty_near_misses_of_each_language() -> None:
    assert all(len(set(several[code])) >= 30 for several in (ASKING, NEAR_MISSES) for code in ("es", "en"))


@pytest.mark.done("words.7")
@pytest.mark.parametrize("text", [text for several in ASKING.values() for text in several])
def test_a_text_that_only_asks_how_it_stands_is_known(text: str) -> None:
    assert asks(text)


@pytest.mark.done("words.7")
@pytest.mark.parametrize("text", [text for several in NEAR_MISSES.values() for text in several])
def test_a_text_that_says_or_asks_anything_else_is_not_taken_for_it(text: str) -> None:
    assert not asks(text)


@pytest.mark.parametrize(
    ("subject", "text", "expected"),
    [
        ("¿Cómo va mi reporte INC-100425?", "Gracias.", True),
        ("¿Cómo va mi reporte INC-100425?", "", True),
        ("Seguimiento INC-100425", "Buenas tardes, gracias. Laura", True),
        ("INC-100425", "¿Cómo va?", True),
        ("", "¿Cómo va?", True),
        ("RE: Factura que no timbra", "¿Cómo va?", True),
        ("Sigue sin timbrar INC-100425", "¿Cómo va?", False),
        ("RE: ¿Cómo va?", "Gracias.", False),
        ("INC-100425", "", False),
        ("", "", False),
    ],
)
def test_the_subject_may_ask_too_but_tells_no_news(subject: str, text: str, expected: bool) -> None:
    assert asks(text, subject) is expected


@pytest.mark.parametrize(
    "text",
    [
        "Hola Juan, ¿cómo va?\nSaludos\nMa. Laura de la Cruz",
        "¿Cómo va?\n\nLaura",
        "¿CÓMO VA MI REPORTE?\nGRACIAS\nLAURA",
        "¿Cómo va?\nlaura@cliente.mx\nwww.cliente.mx\nCel. 55 1234 5678",
        "Any news?\n\nBest regards,\nPeter Brown\nHead of Billing",
    ],
)
def test_a_greeting_a_name_and_a_signature_are_no_news(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize(
    "text",
    [
        "¿CÓMO VA? URGE",
        "¿Cómo va?\nUrge",
        "Gracias\nSigue sin abrir. ¿Cómo va?",
        "¿Cómo va?\nError 500",
        "Any news? Urgent",
    ],
)
def test_a_word_of_the_trade_is_nobodys_name(text: str) -> None:
    assert not asks(text)


def test_a_long_text_never_only_asks() -> None:
    assert not asks("¿Cómo va? " * ASKING_WORDS_MAX)


@pytest.mark.parametrize("text", ["va " * 30, "Gracias " * 58, "A" * 4000, "\x00¿?\ud800", ", . ? " * 19])
def test_a_hostile_short_text_asks_nothing_and_costs_little(text: str) -> None:
    assert not asks(text)


@pytest.mark.done("words.7")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("me marca error", ALL),
        ("Buenas tardes, me marca error. Gracias.", ALL),
        ("No funciona", ALL),
        ("El sistema no me deja", ALL),
        ("Tengo un problema, ayuda por favor", ALL),
        ("I get an error", ALL),
        ("It doesn't work, please help", ALL),
        ("me marca error desde ayer", (WHICH, WHERE)),
        ("hace rato que no funciona", (WHICH, WHERE)),
        ("I have had a problem since Monday", (WHICH, WHERE)),
        ("me marca error al timbrar", ()),
        ("me marca error al timbrar desde ayer", ()),
        ("me marca error 301", ()),
        ("me marca error CFDI40147", ()),
        ("me marca el error «Tiempo agotado»", ()),
        ('I get the error "not found"', ()),
        ("No puedo cancelar", ()),
        ("¿cómo cancelo una factura?", ()),
        ("¿Cómo evito el error?", ()),
        ("How do I fix the error?", ()),
        ("Buenos días", ()),
        ("Gracias", ()),
        ("Quiero hablar con ventas", ()),
        ("No es urgente", ()),
        ("Ya quedó el problema, gracias", ()),
        ("", ()),
    ],
)
def test_questions_are_asked_only_of_a_report_that_says_nothing(text: str, expected: tuple[Question, ...]) -> None:
    assert classify("", text, "email").questions == expected


FULL_REPORT = (
    "Buenas tardes. En la computadora de la recepción, cada vez que la persona quiere terminar su trabajo, el sistema "
    "muestra un error y hay que empezar todo otra vez; en las demás computadoras no sucede y nadie cambió nada."
)


@pytest.mark.done("words.7")
def test_a_full_report_is_asked_nothing() -> None:
    assert classify("", FULL_REPORT, "email").questions == ()


def test_a_subject_that_says_it_leaves_nothing_open() -> None:
    assert classify("No puedo timbrar", "me marca error", "email").questions == ()
    assert classify("Error", "me marca error", "email").questions == ALL


def test_a_language_laid_in_as_a_folder_asks_and_complains_in_its_own_words(tmp_path: Path) -> None:
    for name in (triage.FILE, FILE):
        text = (folders() / "en" / name).read_text(encoding="utf-8")
        of_french = text.replace('words = """', 'words = """bonjour quoi neuf ca va ').replace("order = 2", "order = 3")
        of_french = of_french.replace("asks = [", 'asks = [\n    "quoi de neuf",').replace(
            '"hi", ', '"hi", "bonjour", ', 1
        )
        (tmp_path / "fr").mkdir(exist_ok=True)
        (tmp_path / "fr" / name).write_text(of_french, encoding="utf-8")
    grade = load(override=tmp_path).classify("", "Bonjour, quoi de neuf ?", "email")
    assert (grade.language, grade.asks_status) == ("fr", True)
    (tmp_path / "fr" / FILE).unlink()
    assert not load(override=tmp_path).classify("", "Bonjour, quoi de neuf ?", "email").asks_status


@pytest.mark.parametrize("code", languages())
def test_every_language_folder_has_words_for_short_texts(code: str) -> None:
    table = load_toml(code, FILE)
    assert set(table["phrases"]) == SIGNALS
    assert read_short_words(code, table).particles


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"phrases": {}}, "phrases must be"),
        ({"lists": {}}, "cannot be understood"),
        ({"particles": None}, "particles"),
    ],
)
def test_a_folder_whose_short_words_are_broken_is_refused_by_name(change: dict[str, object], named: str) -> None:
    table = {key: value for key, value in {**load_toml("es", FILE), **change}.items() if value is not None}
    with pytest.raises(TemplateBroken, match=rf"es/short\.toml: .*{named}"):
        read_short_words("es", table)

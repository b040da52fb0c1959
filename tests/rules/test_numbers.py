"""The number of an incident: what people write, dictate and mistype."""

import pytest

from desk.rules.numbers import NUMBERS_MAX, check_digit, digits_of, id_of, number_of, numbers_in


def test_the_number_is_prefix_id_and_damm_digit() -> None:
    assert number_of(10042) == "INC-100425"
    assert digits_of(10042) == "100425"


def test_the_check_digit_is_that_of_damm() -> None:
    assert check_digit("572") == 4
    assert check_digit("5724") == 0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("INC-100425", id="as printed"),
        pytest.param("inc 100425", id="lower case, blank"),
        pytest.param("INC100425", id="glued"),
        pytest.param("100425", id="bare"),
        pytest.param("100 425", id="in groups"),
        pytest.param("1 0 0 4 2 5", id="dictated"),
        pytest.param("  Inc. no. 100.425 ", id="dots"),
        pytest.param("INC\u2011100425", id="hyphen that does not break"),
        pytest.param("\uff29\uff2e\uff23\uff0d\uff11\uff10\uff10\uff14\uff12\uff15", id="full width"),
        pytest.param("incidente 100425", id="the word"),
    ],
)
def test_a_number_is_known_in_any_spelling(text: str) -> None:
    assert id_of(text) == 10042


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("INC-100426", id="wrong check digit"),
        pytest.param("INC-104025", id="neighbours swapped"),
        pytest.param("0100425", id="a zero before it"),
        pytest.param("", id="nothing"),
        pytest.param("INC-", id="prefix alone"),
        pytest.param("5724", id="below the first id"),
        pytest.param("INC-100425x", id="a letter behind"),
        pytest.param("100425" * 30, id="too long"),
        pytest.param("\u0661\u0660\u0660\u0664\u0662\u0665", id="digits of another script"),
        pytest.param("1" * 19 + "2", id="more digits than an id has"),
    ],
)
def test_what_is_no_number_has_no_id(text: str) -> None:
    assert id_of(text) is None


def test_every_single_wrong_digit_and_swap_is_noticed() -> None:
    for incident in (10000, 10042, 99999, 1234567):
        digits = digits_of(incident)
        for at in range(len(digits)):
            for other in set("0123456789") - {digits[at]}:
                assert check_digit(digits[:at] + other + digits[at + 1 :]) != 0
        for at in range(len(digits) - 1):
            if digits[at] != digits[at + 1]:
                assert check_digit(digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]) != 0


@pytest.mark.parametrize("incident", [10000, 10009, 20457, 999_999_999_999, 10**18 - 1])
def test_number_and_id_are_each_others_inverse(incident: int) -> None:
    assert id_of(number_of(incident)) == incident
    assert numbers_in(f"sobre {number_of(incident)}, gracias") == (incident,)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        pytest.param("Re: [INC-100425] su reporte", (10042,), id="subject"),
        pytest.param("mi inc 100 425 sigue igual", (10042,), id="groups"),
        pytest.param("INC-100425 2 veces", (10042,), id="digits of the sentence behind"),
        pytest.param("INC-100425\n12:40 no hay servicio", (10042,), id="digits on the next line"),
        pytest.param("el incidente n\u00fam. 100425", (10042,), id="the word"),
        pytest.param("EL INCIDENTE N\u00daM. 100425 SIGUE AS\u00cd", (10042,), id="capitals"),
        pytest.param("\ud800 inc 100425", (10042,), id="beside a lone surrogate"),
        pytest.param("INC-100425, INC-100425 e INC-100009", (10042, 10000), id="several, each once"),
        pytest.param("zinc 100425", (), id="end of another word"),
        pytest.param("incluye 100425 pesos", (), id="start of another word"),
        pytest.param("100425", (), id="no prefix"),
        pytest.param("INC-100426", (), id="wrong check digit"),
        pytest.param("INC-1004251", (), id="one digit too many"),
        pytest.param("", (), id="nothing"),
    ],
)
def test_numbers_are_found_behind_the_prefix_only(text: str, ids: tuple[int, ...]) -> None:
    assert numbers_in(text) == ids


def test_a_text_full_of_numbers_gives_a_bounded_list() -> None:
    text = " ".join(number_of(incident) for incident in range(10000, 10100))
    assert len(numbers_in(text)) == NUMBERS_MAX


@pytest.mark.parametrize("piece", ["inc", "inc-", "inc 1 ", "inc" + "1 " * 40, "inc" + "1" * 400, "inc no. "])
def test_a_hostile_text_is_read_once(piece: str) -> None:
    assert numbers_in(piece * (200_000 // len(piece))) in ((), numbers_in(piece))

"""The number of an incident: `INC-`, its id, one Damm check digit (CONTRACT 2).

Pure, linear in the text it reads, and blind to the ledger: it never says whether an incident exists. The Damm digit
notices every single wrong digit and every swap of neighbours, the two slips of dictation and of phone keys.
"""

import re
from functools import lru_cache
from unicodedata import normalize

PREFIX = "INC-"
ID_MIN = 10_000
"""The first id of the ledger: what reads as less is no number of ours."""
ID_DIGITS_MAX = 18
"""Ids are signed integers of 64 bits: eighteen digits always fit."""
NUMBERS_MAX = 20
"""How many different numbers are taken from one text."""
SPELLING_MAX = 100
"""Characters of a number spelled alone; a longer text is no number."""

_CACHED_NUMBERS = 4096
_DIGITS_MIN = len(str(ID_MIN)) + 1

# The totally anti-symmetric quasigroup of order 10 of H. M. Damm's thesis (Marburg 2004).
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)

_DASHES = r"\-\u2010-\u2015\u2212"
_BETWEEN = rf"[\s.:#_/{_DASHES}]"
_GROUPS = rf"[0-9]{{1,19}}(?:[ .\u00a0\u2009\u202f{_DASHES}][0-9]{{1,19}}){{0,18}}(?![0-9])"
# "INC" is what we print; people write the word it stands for as well, and "no." before the digits.
_LEAD = (
    rf"inc(?:idente|idencia|ident)?{_BETWEEN}{{0,4}}(?:n(?:o|um|[\u00da\u00fa]m|\u00ba|\u00b0)\.?{_BETWEEN}{{0,3}})?"
)
_ALONE = re.compile(rf"\s*(?:{_LEAD})?({_GROUPS})\s*")
_AFTER_PREFIX = re.compile(rf"{_LEAD}({_GROUPS})")
_GROUP = re.compile(r"[0-9]+")


def check_digit(digits: str) -> int:
    """Return the Damm digit of ASCII digits; of digits that end in their own check digit it is 0."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][ord(digit) - 48]
    return interim


@lru_cache(_CACHED_NUMBERS)
def digits_of(incident_id: int) -> str:
    """Return id and check digit as digits, as they are spoken, keyed and put into addresses."""
    assert incident_id > 0, "an incident's id is positive"
    digits = str(incident_id)
    return f"{digits}{check_digit(digits)}"


def number_of(incident_id: int) -> str:
    """Return the number people use, e.g. INC-100425 of id 10042."""
    return PREFIX + digits_of(incident_id)


def id_of(text: str) -> int | None:
    """Return the id a number stands for, alone and in any spelling: `INC-100425`, `inc 100425`, `100 425`.

    None when it is no number, its check digit is wrong, or its id is below ID_MIN.
    """
    if len(text) > SPELLING_MAX:
        return None
    plain = text if text.isascii() else normalize("NFKC", text)
    match = _ALONE.fullmatch(plain.lower())
    return _id_of_digits("".join(_GROUP.findall(match[1]))) if match else None


def numbers_in(text: str) -> tuple[int, ...]:
    """Return the ids of the numbers a text mentions behind `INC`, each once, in order, NUMBERS_MAX at most.

    Wrong check digits are passed over. Digits go on over single blanks, dots and dashes; the first group end that
    makes a good number ends it, so that "INC-100425 2 veces" is 10042.
    """
    plain = _ascii_lower(text)
    found: dict[int, None] = {}
    at = plain.find("inc")
    while at >= 0 and len(found) < NUMBERS_MAX:
        end = at + 3
        if not plain[at - 1 : at].isalnum() and (match := _AFTER_PREFIX.match(plain, at)):
            end = match.end()
            if (incident := _first_id(match[1])) is not None:
                found[incident] = None
        at = plain.find("inc", end)
    return tuple(found)


_BARE_GROUPS = re.compile(rf"(?<![0-9]){_GROUPS}")


def bare_numbers_in(text: str) -> tuple[int, ...]:
    """Return the ids of digits that could be a number without its prefix ("folio 100 425"), in order.

    Any tenth figure passes the check digit: only somebody known to the incident is believed to mean it.
    """
    groups = (_first_id(match[0]) for match in _BARE_GROUPS.finditer(text[: SPELLING_MAX * 4]))
    return tuple(dict.fromkeys(found for found in groups if found is not None))[:NUMBERS_MAX]


def _ascii_lower(text: str) -> str:
    """Return a text with its ASCII letters in lower case: `str.lower` costs ten times as much on Spanish text."""
    return (
        text.lower()
        if text.isascii()
        else text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
    )


def _first_id(groups: str) -> int | None:
    """Return the id of the shortest run of whole groups that makes a good number."""
    digits = ""
    for group in _GROUP.findall(groups):
        digits += group
        if (incident := _id_of_digits(digits)) is not None:
            return incident
    return None


def _id_of_digits(digits: str) -> int | None:
    if not _DIGITS_MIN <= len(digits) <= ID_DIGITS_MAX + 1 or digits[0] == "0" or check_digit(digits):
        return None
    return int(digits[:-1])

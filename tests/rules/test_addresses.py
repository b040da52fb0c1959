"""Signed addresses, Message-IDs and links: who forges one gets nowhere, and who answers gets home."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from string import ascii_lowercase, digits

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.base.names import Purpose
from desk.rules.addresses import (
    ATTACHMENTS_LINK_DAYS,
    LOCAL_PART_MAX,
    NO_INCIDENT,
    OWED_ID_MAX,
    PERSON_ID_MAX,
    STATUS_LINK_DAYS,
    STATUS_TOKEN_MAX,
    TOKEN_MAX,
    AddressMode,
    AttachmentsToken,
    BadSignature,
    ExpiredToken,
    SignedAddress,
    Signer,
    StatusToken,
    consultant_ref,
    longest_local_part,
    person_ref,
    status_link,
)

KEY, OTHER = b"k" * 32, b"o" * 32
DESK = "soporte@ejemplo.mx"
DESK_ALIASES = ("ayuda@ejemplo.mx", "Soporte@Viejo.example")
PLUS = Signer((KEY,), DESK, AddressMode.PLUS, DESK_ALIASES)
CATCHALL = Signer((KEY,), DESK, AddressMode.CATCHALL, DESK_ALIASES)
PLAIN = Signer((KEY,), DESK, AddressMode.PLAIN, DESK_ALIASES)
FOR_ANA = SignedAddress(10042, "p123", Purpose.TO_USER)


def reply_to(signer: Signer, signed: SignedAddress = FOR_ANA) -> str:
    return signer.reply_address(signed.incident, signed.person, signed.purpose)


@pytest.mark.parametrize("signer", [PLUS, CATCHALL], ids=["plus", "catchall"])
@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("person", [person_ref(123), consultant_ref(7), person_ref(PERSON_ID_MAX)])
def test_a_reply_address_says_incident_person_and_purpose(signer: Signer, purpose: Purpose, person: str) -> None:
    address = signer.reply_address(10042, person, purpose)
    assert signer.read_address(address) == SignedAddress(10042, person, purpose)
    assert signer.is_desk_address(address)


@pytest.mark.parametrize("change", [str.upper, str.lower, str.title], ids=["upper", "lower", "title"])
def test_an_address_may_change_its_case_on_the_way(change: Callable[[str], str]) -> None:
    assert PLUS.read_address(change(reply_to(PLUS))) == FOR_ANA
    assert PLUS.read_bounce(change(PLUS.bounce_address(77))) == 77
    assert PLUS.read_message_id(change(PLUS.message_id(10042, 77))) == 10042


def test_the_forms_are_those_of_the_contract() -> None:
    assert reply_to(PLUS).startswith("soporte+100425.ap3f")
    assert reply_to(PLUS).endswith("@ejemplo.mx")
    assert reply_to(CATCHALL).startswith("100425.")
    assert reply_to(PLAIN) == DESK
    assert PLUS.bounce_address(77).startswith("soporte+b.77.")
    assert CATCHALL.bounce_address(77).startswith("b.77.")
    assert PLAIN.bounce_address(77) == DESK
    assert PLUS.message_id(10042, 77).startswith("<100425.25.")


def test_the_longest_address_fits_a_local_part() -> None:
    local = "soporte-tecnico"
    signer = Signer((KEY,), f"{local}@ejemplo.mx")
    longest = signer.reply_address(10**9 - 1, consultant_ref(PERSON_ID_MAX), Purpose.COLLEAGUE_WORDS)
    assert len(longest.partition("@")[0]) == longest_local_part(local) <= LOCAL_PART_MAX
    assert len(signer.bounce_address(OWED_ID_MAX).partition("@")[0]) <= longest_local_part(local)
    assert len(signer.reply_token(10042, person_ref(PERSON_ID_MAX), Purpose.TO_USER)) == TOKEN_MAX
    caught = Signer((KEY,), DESK, AddressMode.CATCHALL)
    longest = caught.reply_address(10**9 - 1, consultant_ref(PERSON_ID_MAX), Purpose.COLLEAGUE_WORDS)
    assert len(longest.partition("@")[0]) == longest_local_part("")


@pytest.mark.parametrize(
    ("incident", "person", "purpose"),
    [
        pytest.param(10043, "p123", Purpose.TO_USER, id="another incident"),
        pytest.param(10042, "p124", Purpose.TO_USER, id="another person"),
        pytest.param(10042, "c123", Purpose.TO_USER, id="another kind of person"),
        pytest.param(10042, "p123", Purpose.USER_WORDS, id="another purpose"),
    ],
)
def test_a_token_counts_for_nothing_else(incident: int, person: str, purpose: Purpose) -> None:
    mac = PLUS.reply_token(10042, "p123", Purpose.TO_USER)[-26:]
    forged = PLUS.reply_address(incident, person, purpose).partition("@")[0][:-26] + mac + "@ejemplo.mx"
    assert PLUS.read_address(forged) == BadSignature(forged)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(reply_to(Signer((OTHER,), DESK)), id="another key"),
        pytest.param(reply_to(PLUS).replace("100425", "100426"), id="wrong check digit"),
        pytest.param(reply_to(PLUS).replace("100425", "0100425"), id="a zero before the number"),
        pytest.param(reply_to(PLUS).replace(".ap3f", ".ap03f"), id="a zero before the person"),
        pytest.param(reply_to(PLUS).replace("@", "a@"), id="a letter more"),
        pytest.param(reply_to(PLUS).replace("4@", "@"), id="a letter less"),
        pytest.param(f"soporte+100425.{'a' * 40}@ejemplo.mx", id="invented"),
    ],
)
def test_an_address_of_our_form_that_we_did_not_make_is_told_apart(address: str) -> None:
    assert PLUS.read_address(address) == BadSignature(address)


@pytest.mark.parametrize(
    "address",
    [
        DESK,
        "soporte+ventas@ejemplo.mx",
        "soporte+100425.ventas@ejemplo.mx",
        "ana@cliente.example",
        reply_to(PLUS).replace("ejemplo", "otro"),
        reply_to(PLUS).replace("soporte", "ventas"),
        PLUS.bounce_address(77),
        "",
        "@",
        "soporte+100425." + "a" * 400 + "@ejemplo.mx",
        "soporte+\u0661\u0660." + "a" * 30 + "@ejemplo.mx",
    ],
)
def test_what_has_not_our_form_is_no_signed_address(address: str) -> None:
    assert PLUS.read_address(address) is None


@given(st.integers(0, 35), st.sampled_from("0123456789abcdefghijklmnopqrstuvwxyz"))
@settings(max_examples=60, deadline=None)
def test_no_single_changed_letter_of_a_token_is_believed(at: int, letter: str) -> None:
    local, _, domain = reply_to(PLUS).partition("@")
    at = len(local) - 1 - at % (len(local) - len("soporte+"))
    changed = f"{local[:at]}{letter}{local[at + 1 :]}@{domain}"
    assert changed == reply_to(PLUS) or not isinstance(PLUS.read_address(changed), SignedAddress)


def test_old_keys_still_verify_and_only_the_first_signs() -> None:
    before, after = Signer((OTHER,), DESK), Signer((KEY, OTHER), DESK)
    assert after.read_address(reply_to(before)) == FOR_ANA
    assert after.read_bounce(before.bounce_address(77)) == 77
    assert after.read_message_id(before.message_id(10042, 77)) == 10042
    assert isinstance(before.read_address(reply_to(after)), BadSignature)


def test_addresses_outlive_a_change_of_mode() -> None:
    assert PLUS.read_address(reply_to(CATCHALL)) == FOR_ANA
    assert CATCHALL.read_address(reply_to(PLUS)) == FOR_ANA
    assert PLAIN.read_address(reply_to(PLUS)) == FOR_ANA
    assert PLAIN.read_bounce(CATCHALL.bounce_address(77)) == 77


def test_addresses_outlive_a_move_of_the_desk() -> None:
    moved = Signer((KEY,), "mesa@nuevo.example", AddressMode.PLUS, (DESK,))
    assert moved.read_address(reply_to(PLUS)) == FOR_ANA
    assert moved.read_message_id(PLUS.message_id(10042, 77)) == 10042


def test_without_a_catch_all_a_foreign_mailbox_of_our_domain_is_not_accused() -> None:
    address = f"2026.{'informes' * 3}@ejemplo.mx"
    assert PLUS.read_address(address) is None
    assert CATCHALL.read_address(address) == BadSignature(address)
    assert PLUS.read_bounce(f"b.77.{'a' * 26}@ejemplo.mx") is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (PLUS.bounce_address(77).replace("+b.77", "+b.78"), BadSignature),
        (PLUS.bounce_address(77).replace("+b.77", "+b.077"), BadSignature),
        (Signer((OTHER,), DESK).bounce_address(77), BadSignature),
        (reply_to(PLUS), type(None)),
        (DESK, type(None)),
        ("", type(None)),
    ],
)
def test_a_bounce_address_is_believed_only_when_we_made_it(address: str, expected: type) -> None:
    assert isinstance(PLUS.read_bounce(address), expected)


@pytest.mark.parametrize(
    ("message_id", "incident"),
    [
        pytest.param(PLUS.message_id(10042, 77), 10042, id="ours"),
        pytest.param(PLUS.message_id(10042, 77).strip("<>"), 10042, id="without brackets"),
        pytest.param(f" {PLUS.message_id(10042, 77)}\t", 10042, id="blanks around"),
        pytest.param(PLUS.message_id(None, 77), NO_INCIDENT, id="ours, of no incident"),
        pytest.param(PLUS.message_id(10042, 77).replace(".25.", ".26."), None, id="another owed mail"),
        pytest.param(PLUS.message_id(10042, 77).replace("100425", "0"), None, id="its incident taken away"),
        pytest.param(Signer((OTHER,), DESK).message_id(10042, 77), None, id="another key"),
        pytest.param("<CAF=abc.123@mail.gmail.com>", None, id="foreign"),
        pytest.param("<100425.25." + "\u017f" * 26 + "@ejemplo.mx>", None, id="letters that fold to ASCII"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_a_message_id_tells_its_incident_only_when_we_made_it(message_id: str, incident: int | None) -> None:
    assert PLUS.read_message_id(message_id) == incident


@pytest.mark.parametrize(
    ("address", "plus", "catchall"),
    [
        (DESK, True, True),
        ("SOPORTE@EJEMPLO.MX", True, True),
        ("ayuda@ejemplo.mx", True, True),
        ("soporte@viejo.example", True, True),
        ("soporte+lo.que.sea@ejemplo.mx", True, True),
        ("ayuda+x@ejemplo.mx", True, True),
        (reply_to(CATCHALL), False, True),
        (CATCHALL.bounce_address(77), False, True),
        (f"probe.{'a' * 26}@ejemplo.mx", False, True),
        (f"probe.{'a' * 26}@viejo.example", False, False),
        ("ventas@ejemplo.mx", False, False),
        ("soporte.ventas@ejemplo.mx", False, False),
        ("soportes@ejemplo.mx", False, False),
        ("soporte@ejemplo.mx.otro.example", False, False),
        ("ayuda@viejo.example", False, False),
        ("@ejemplo.mx", False, False),
        ("soporte", False, False),
        ("", False, False),
    ],
)
def test_mail_is_for_the_desk_at_its_addresses_and_nowhere_else(address: str, plus: bool, catchall: bool) -> None:
    assert PLUS.is_desk_address(address) is plus
    assert PLAIN.is_desk_address(address) is plus
    assert CATCHALL.is_desk_address(address) is catchall


def test_the_desk_knows_itself_as_sender() -> None:
    assert PLUS.is_own_sender("Soporte@ejemplo.mx")
    assert PLUS.is_own_sender("ayuda@ejemplo.mx")
    assert not PLUS.is_own_sender("ana@ejemplo.mx")


def test_a_signer_never_shows_its_key() -> None:
    assert "kkkk" not in repr(PLUS)


def test_an_id_that_does_not_fit_is_a_programmers_mistake() -> None:
    with pytest.raises(AssertionError):
        PLUS.reply_address(10**9, "p1", Purpose.TO_USER)
    with pytest.raises(AssertionError):
        PLUS.reply_address(10042, "x1", Purpose.TO_USER)
    with pytest.raises(AssertionError):
        PLUS.bounce_address(OWED_ID_MAX + 1)


LAST_DAY = date(2027, 2, 14)
STATUS = PLUS.status_token(10042, LAST_DAY)


def test_a_status_link_opens_its_incident_up_to_its_last_day_and_says_so_afterwards() -> None:
    assert PLUS.read_status_token(STATUS, LAST_DAY - timedelta(89)) == StatusToken(10042)
    assert PLUS.read_status_token(STATUS, LAST_DAY) == StatusToken(10042)
    assert PLUS.read_status_token(STATUS, LAST_DAY + timedelta(1)) == ExpiredToken(10042)


def test_a_status_token_needs_no_escape_in_a_url_and_survives_a_change_of_case() -> None:
    assert STATUS.startswith("100425.")
    assert set(STATUS) <= set(ascii_lowercase + digits + ".")
    assert PLUS.read_status_token(STATUS.upper(), LAST_DAY) == StatusToken(10042)
    assert len(PLUS.status_token(10**9 - 1, date.max)) <= STATUS_TOKEN_MAX


def test_a_status_link_told_now_opens_for_its_days_at_the_desks_public_address() -> None:
    now = datetime(2026, 11, 16, 23, 59, tzinfo=UTC)
    token = PLUS.status_token(10042, now.date() + timedelta(STATUS_LINK_DAYS))
    assert PLUS.status_url("https://mesa.ejemplo.mx/", 10042, now) == f"https://mesa.ejemplo.mx/i/{token}"
    assert status_link("https://ejemplo.mx/mesa", token) == f"https://ejemplo.mx/mesa/i/{token}"
    assert PLUS.status_url("", 10042, now) == "", "a desk without a public address tells no link"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(PLUS.status_token(10043, LAST_DAY)[:-26] + STATUS[-26:], id="another incident"),
        pytest.param(PLUS.status_token(10042, LAST_DAY + timedelta(1))[:-26] + STATUS[-26:], id="a later day"),
        pytest.param(Signer((OTHER,), DESK).status_token(10042, LAST_DAY), id="another key"),
        pytest.param(STATUS.replace("100425", "100426"), id="wrong check digit"),
        pytest.param("0" + STATUS, id="a zero before the number"),
        pytest.param(STATUS[:-1], id="a letter less"),
        pytest.param(f"{STATUS}.", id="a dot of the sentence"),
        pytest.param(STATUS[:7] + "zzzzz" + STATUS[-27:], id="a day after the end of time"),
        pytest.param(STATUS[:-1] + "\N{KELVIN SIGN}", id="a letter that folds to ASCII"),
        pytest.param(PLUS.reply_token(10042, "p1", Purpose.TO_USER), id="the token of a reply"),
        pytest.param("a" * 100_000, id="long"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_status_token_we_did_not_make_opens_nothing(token: str) -> None:
    assert isinstance(PLUS.read_status_token(token, LAST_DAY), BadSignature)


FILES = PLUS.attachments_token(10042, 77, LAST_DAY)


def test_a_link_to_attachments_opens_its_mail_up_to_its_last_day() -> None:
    for day in (LAST_DAY - timedelta(ATTACHMENTS_LINK_DAYS), LAST_DAY):
        assert PLUS.read_attachments_token(FILES.upper(), day) == AttachmentsToken(10042, 77)
    assert PLUS.read_attachments_token(FILES, LAST_DAY + timedelta(1)) is None
    assert len(PLUS.attachments_token(10**9 - 1, 2**63 - 1, date.max)) <= STATUS_TOKEN_MAX


def test_a_link_to_attachments_told_now_stands_at_the_desks_public_address() -> None:
    now = datetime(2026, 11, 16, 23, 59, tzinfo=UTC)
    token = PLUS.attachments_token(10042, 77, now.date() + timedelta(ATTACHMENTS_LINK_DAYS))
    assert PLUS.attachments_url("https://mesa.ejemplo.mx/", 10042, 77, now) == f"https://mesa.ejemplo.mx/a/{token}"
    assert PLUS.attachments_url("", 10042, 77, now) == ""


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(PLUS.attachments_token(10043, 77, LAST_DAY)[:-26] + FILES[-26:], id="another incident"),
        pytest.param(PLUS.attachments_token(10042, 78, LAST_DAY)[:-26] + FILES[-26:], id="another mail"),
        pytest.param(PLUS.attachments_token(10042, 77, LAST_DAY + timedelta(1))[:-26] + FILES[-26:], id="a later day"),
        pytest.param(Signer((OTHER,), DESK).attachments_token(10042, 77, LAST_DAY), id="another key"),
        pytest.param(STATUS, id="the token of the status page"),
        pytest.param(FILES[:-1], id="a letter less"),
        pytest.param("a" * 100_000, id="long"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_token_of_attachments_we_did_not_make_opens_nothing(token: str) -> None:
    assert PLUS.read_attachments_token(token, LAST_DAY) is None


def test_a_status_link_and_a_pin_outlive_a_change_of_key() -> None:
    before, after = Signer((OTHER,), DESK), Signer((KEY, OTHER), DESK)
    assert after.read_status_token(before.status_token(10042, LAST_DAY), LAST_DAY) == StatusToken(10042)
    assert after.is_pin(10042, before.pin(10042))
    assert after.pin(10042) == PLUS.pin(10042) != before.pin(10042)
    assert not before.is_pin(10042, after.pin(10042))


def test_a_pin_is_four_digits_and_stays_the_same() -> None:
    pins = [PLUS.pin(incident) for incident in range(10_000, 12_000)]
    assert all(len(pin) == 4 and set(pin) <= set(digits) for pin in pins)
    assert pins == [PLUS.pin(incident) for incident in range(10_000, 12_000)]
    assert max(Counter(pins).values()) <= 6, "pins are drawn from all ten thousand"
    assert any(pin.startswith("0") for pin in pins)


@pytest.mark.parametrize("pin", ["", "0", "00000", "\N{ARABIC-INDIC DIGIT ONE}234", "\ud800", "9" * 100_000])
def test_what_is_no_pin_opens_nothing(pin: str) -> None:
    assert not PLUS.is_pin(10042, pin)
    assert PLUS.is_pin(10042, PLUS.pin(10042))

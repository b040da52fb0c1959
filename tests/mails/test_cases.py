"""Kept mails: `cases/NAME.eml`, and beside it `NAME.toml` with why it is kept and what must be read from it."""

import tomllib
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from desk.base.message import Message, Parent
from desk.base.reading_words import load_reading_words
from desk.base.transfer import decode_transfer
from intake.email.reading.automatic import OwnMail
from intake.email.reading.read import read

CASES = sorted(Path(__file__).with_name("cases").glob("*.eml"))
WORDS = load_reading_words()
GIVEN = {"why", "parents", "own", "envelope_from"}


def expected_of(case: Path) -> dict[str, Any]:
    return tomllib.loads(case.with_suffix(".toml").read_text(encoding="utf-8"))


def read_case(case: Path, expected: dict[str, Any]) -> Message:
    parents = tuple(Parent(f"<p{n}@ejemplo.mx>", text) for n, text in enumerate(expected.get("parents", [])))
    own = OwnMail(frozenset(expected["own"])) if "own" in expected else None
    raw = case.read_bytes()
    return read(raw, parents, own, words=WORDS, envelope_from=expected.get("envelope_from"))


def seen(message: Message, key: str) -> Any:
    """Return what a key of a case's expectation speaks of."""
    match key:
        case "sender":
            return {"name": message.sender.name, "address": message.sender.address}
        case "attachments":
            return [{"name": one.name, "type": one.type, "size": one.size} for one in message.attachments]
        case "bounce":
            return [{"address": r.address, "permanent": r.permanent, "status": r.status} for r in message.bounce]
        case "returned":
            return list(message.returned_message_ids)
        case "kind":
            return message.kind.value
    value = getattr(message, key)
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_kept_mail_is_read_as_its_expectation_says(case: Path) -> None:
    expected = expected_of(case)
    message = read_case(case, expected)
    for key, value in expected.items():
        if key.endswith("_contains"):
            text = getattr(message, key.removesuffix("_contains"))
            assert [piece for piece in value if piece not in text] == [], f"{expected['why']}\n{text}"
        elif key not in GIVEN:
            assert seen(message, key) == value, expected["why"]


def test_every_kept_mail_says_why_it_is_kept() -> None:
    assert len(CASES) >= 25
    assert [case.stem for case in CASES if not expected_of(case)["why"].endswith(".")] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_an_attachment_is_measured_without_decoding_as_the_standard_library_decodes_it(case: Path) -> None:
    raw = case.read_bytes()
    decoded = {
        part.get_filename(): len(part.get_payload(decode=True))
        for part in message_from_bytes(raw).walk()
        if part.get_content_disposition() == "attachment" and part.get_filename() and not part.is_multipart()
    }
    message = read_case(case, expected_of(case))
    for attachment in message.attachments:
        if attachment.name in decoded:
            assert attachment.size == decoded[attachment.name]
        content = decode_transfer(raw[attachment.start : attachment.end], attachment.encoding)
        assert len(content) == attachment.size

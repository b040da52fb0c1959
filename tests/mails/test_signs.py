"""Whatever reading gives as the reason of a mail is a sign of the closed set, and every sign is given by some mail."""

from pathlib import Path

import pytest

from desk.base.reading_words import load_reading_words
from desk.base.signs import Sign, sign_of
from intake.email.ingest import READER_KILLED
from intake.email.reading.automatic import HOPS_MAX, OwnMail
from intake.email.reading.read import read

WORDS = load_reading_words()
CASES = sorted((Path(__file__).parent / "cases").glob("*.eml"))
DESK = "soporte@ejemplo.mx"
ANA = b"From: ana@cliente.mx\n"
MAILS: dict[Sign, bytes] = {
    Sign.PERSON: ANA + b"Subject: Hola\n\nHola",
    Sign.REPLY: ANA + b"Subject: Hola\nIn-Reply-To: <1@ejemplo.mx>\n\nHola",
    Sign.AUTO_SUBMITTED: ANA + b"Auto-Submitted: auto-replied\n\nHola",
    Sign.PRECEDENCE: ANA + b"Precedence: bulk\n\nHola",
    Sign.SUPPRESS: ANA + b"X-Auto-Response-Suppress: All\n\nHola",
    Sign.REPORT_TYPE: ANA + b'Content-Type: multipart/report; report-type="disposition-notification"\n\nHola',
    Sign.NULL_SENDER: ANA + b"X-Envelope: null\n\nHola",
    Sign.NULL_RETURN_PATH: ANA + b"Return-Path: <>\n\nHola",
    Sign.OWN_MESSAGE_ID: ANA + b"Subject: ours\n\nHola",
    Sign.OWN_ADDRESS: f"From: {DESK}\n\nHola".encode(),
    Sign.HOPS: ANA + b"Received: from a by b\n" * (HOPS_MAX + 1) + b"\nHola",
    Sign.ROBOT: b"From: no-reply@cliente.mx\n\nHola",
    Sign.NO_SENDER: b"Subject: Hola\n\nHola",
    Sign.SUBJECT: ANA + "Subject: Respuesta automática: Hola\n\nHola".encode(),
    Sign.DELIVERY_REPORT: ANA + b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
    b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
    b"Final-Recipient: rfc822; a@b.mx\nAction: failed\nStatus: 5.1.1\n\n--b--\n",
    Sign.FAILED_RECIPIENTS: ANA + b"X-Failed-Recipients: a@b.mx\n\nHola",
    Sign.EMPTY: ANA + b"\n",
    Sign.HEADER: ANA + b"List-Id: <lista.otro.mx>\n\nHola",
}


def reason_of(sign: Sign) -> str:
    own = OwnMail(frozenset({DESK}), is_ours=sign is Sign.OWN_MESSAGE_ID)
    envelope_from = "" if sign is Sign.NULL_SENDER else None
    return read(MAILS[sign], own=own, words=WORDS, envelope_from=envelope_from).reason


def test_every_sign_is_that_of_a_mail() -> None:
    assert set(MAILS) | {Sign.READER_KILLED} == set(Sign)
    assert sign_of(READER_KILLED).sign is Sign.READER_KILLED


@pytest.mark.parametrize("sign", MAILS)
def test_the_reason_of_a_mail_leads_back_to_its_sign(sign: Sign) -> None:
    assert sign_of(reason_of(sign)).sign is sign


def test_a_sign_keeps_what_the_mail_says_there() -> None:
    assert sign_of(reason_of(Sign.SUBJECT)).found == "Respuesta automática: Hola"
    assert sign_of(reason_of(Sign.ROBOT)).found == "no-reply@cliente.mx"
    assert sign_of(reason_of(Sign.HEADER)).found == "List-Id: <lista.otro.mx>"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_the_reason_of_every_kept_mail_is_a_known_sign(case: Path) -> None:
    own = OwnMail(frozenset({DESK}))
    assert sign_of(read(case.read_bytes(), own=own, words=WORDS).reason).sign is not None

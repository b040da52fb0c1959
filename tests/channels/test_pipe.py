"""The envelope of a mail by the pipe: told on the command line, else written by the mail system into the headers."""

import io

import pytest

from desk.base.errors import MailNotTaken
from desk.base.message import Delivery
from desk.rules.addresses import Signer
from intake.email.pipe import ADDRESS_SIZE_MAX, Told, delivery_of, read_mail
from intake.email.reading.headers import arrival_key, header_block

DESK = "soporte@ejemplo.mx"
ANA = "ana@cliente.mx"
SIGNER = Signer((), DESK, aliases=("ayuda@ejemplo.mx",))
MAIL = f"From: Ana <{ANA}>\nTo: {DESK}\nSubject: Duda\nMessage-ID: <a@cliente.mx>\n\nHola\n"


def delivered(*headers: str, told: Told = Told()) -> Delivery:  # noqa: B008 -- a frozen value
    raw = ("".join(f"{line}\n" for line in headers) + MAIL).encode()
    return delivery_of(raw, header_block(raw), told, SIGNER.is_desk_address, DESK)


SENDERS = {
    "told": (["Return-Path: <b@otro.mx>"], ANA, ANA),
    "told in brackets": ([], f"<{ANA}>", ANA),
    "told as none": (["Return-Path: <b@otro.mx>"], "", ""),
    "told as none in brackets": ([], "<>", ""),
    "told as Postfix writes the null sender": ([], "MAILER-DAEMON", ""),
    "written": (["Return-Path: <b@otro.mx>"], None, "b@otro.mx"),
    "written as none": (["Return-Path: <>"], None, ""),
    "written twice: the last hop's is on top": (["Return-Path: <b@otro.mx>", "Return-Path: <>"], None, "b@otro.mx"),
    "written beyond use": ([f"Return-Path: <{'b' * ADDRESS_SIZE_MAX}@otro.mx>"], None, ANA),
    "not written: the From": ([], None, ANA),
}


@pytest.mark.parametrize(("headers", "told", "sender"), SENDERS.values(), ids=SENDERS.keys())
def test_the_sender_is_whom_the_mail_system_names(headers: list[str], told: str | None, sender: str) -> None:
    assert delivered(*headers, told=Told(told)).envelope_from == sender


RECIPIENTS = {
    "told": (["X-Original-To: ayuda@ejemplo.mx"], (DESK,), (DESK,)),
    "told twice": ([], (DESK, "soporte+x@ejemplo.mx", f"<{DESK}>"), (DESK, "soporte+x@ejemplo.mx")),
    "written": (["X-Original-To: ayuda@ejemplo.mx"], (), ("ayuda@ejemplo.mx",)),
    "written by both": (
        ["Delivered-To: soporte+x@ejemplo.mx", "X-Original-To: <ayuda@ejemplo.mx>"],
        (),
        ("ayuda@ejemplo.mx", "soporte+x@ejemplo.mx"),
    ),
    "the desk under a name of the mail system's own": (["Delivered-To: desk@mx1.ejemplo.mx"], (), (DESK,)),
    "not written": ([], (), (DESK,)),
}


@pytest.mark.parametrize(("headers", "told", "recipients"), RECIPIENTS.values(), ids=RECIPIENTS.keys())
def test_the_recipients_are_those_the_mail_system_names(
    headers: list[str], told: tuple[str, ...], recipients: tuple[str, ...]
) -> None:
    assert delivered(*headers, told=Told(None, told)).recipients == recipients


@pytest.mark.parametrize("told", [Told(None, ("a@otro.mx",)), Told(None, ("",)), Told("a\n@b"), Told("a" * 400)])
def test_an_address_told_that_cannot_be_is_refused(told: Told) -> None:
    with pytest.raises(MailNotTaken):
        delivered(told=told)


def test_the_bytes_are_kept_as_they_came() -> None:
    raw = b"Subject: x\r\n\none\ntwo\r\n\x00\xff"
    assert read_mail(io.BytesIO(raw), len(raw)) == raw
    assert delivery_of(raw, header_block(raw), Told(), SIGNER.is_desk_address, DESK).raw is raw


def test_a_mail_has_one_key_whatever_line_ends_its_door_gave_it() -> None:
    by_pipe, by_smtp = MAIL.encode(), MAIL.replace("\n", "\r\n").encode()
    assert arrival_key(by_pipe, header_block(by_pipe)) == arrival_key(by_smtp, header_block(by_smtp))


def test_a_mail_of_exactly_the_greatest_size_is_taken_and_one_byte_more_is_not() -> None:
    raw = b"Subject: x\n\n" + b"x" * 88
    assert read_mail(io.BytesIO(raw), 100) == raw
    with pytest.raises(MailNotTaken, match="larger than"):
        read_mail(io.BytesIO(raw), 99)


def test_only_the_first_line_is_an_mbox_line() -> None:
    assert read_mail(io.BytesIO(b"From a@b Tue\nFrom: a@b\n\nFrom here\n"), 100) == b"From: a@b\n\nFrom here\n"

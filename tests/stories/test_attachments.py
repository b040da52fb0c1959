"""What a user attached is in the consultant's hands with the notice, byte for byte, over the real protocol."""

from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import Envelope

from desk.ledger.statements import Run, Steps
from tests.ledger.desks import SetClock
from tests.relay import Taken, relay
from tests.stories.house import (
    ANA,
    FIRST_CONSULTANT,
    TUESDAY_NOON,
    House,
    house,
    number_in,
    reply_address,
    written,
)

pytestmark = pytest.mark.anyio

PDF = b"%PDF-1.7\r\n" + bytes(range(256)) * 900
CFDI = '<?xml version="1.0" encoding="UTF-8"?>\n<cfdi:Comprobante Nombre="Ñandú"/>\n'.encode()


def invoice(**of_mail: str) -> EmailMessage:
    """A mail with an invoice as Mexican programs send it: the printed form, and the XML that counts."""
    mail = written("¿Cómo cancelo la factura que adjunto?", **of_mail)
    mail.add_attachment(PDF, maintype="application", subtype="pdf", filename="factura Ñandú.pdf")
    mail.add_attachment(CFDI, maintype="text", subtype="xml", filename="factura.xml")
    return mail


def attached(taken: Taken) -> dict[str | None, bytes]:
    def found() -> Iterator[tuple[str | None, bytes]]:
        for one in taken.mail.iter_attachments():
            data = one.get_payload(decode=True)
            assert isinstance(data, bytes)
            yield one.get_filename(), data

    return dict(found())


def notices(one: House) -> list[Taken]:
    return one.relay.to(FIRST_CONSULTANT)


async def test_an_invoice_and_its_xml_reach_the_consultant_and_not_the_user(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(invoice())
        (notice,) = notices(one)
        assert attached(notice) == {"factura Ñandú.pdf": PDF, "factura.xml": CFDI}
        assert "factura Ñandú.pdf" in notice.text
        assert attached(one.answer_to(ANA)) == {}


async def test_what_a_follow_up_brings_travels_with_its_own_notice(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written("¿Cómo descargo mi factura de octubre?"))
        answer = one.answer_to(ANA)
        assert attached(notices(one)[0]) == {}
        more = EmailMessage()
        for name, value in (
            ("From", ANA), ("To", reply_address(answer)), ("Subject", f"Re: {answer.mail['Subject']}"),
            ("Message-ID", "<m2@cliente.mx>"), ("In-Reply-To", str(answer.mail["Message-ID"])),
        ):  # fmt: skip
            more[name] = value
        more.set_content("Aquí va la pantalla.")
        more.add_attachment(PDF, maintype="image", subtype="png", filename="pantalla.png")
        await one.take(more, to=reply_address(answer))
        _, second = notices(one)
        assert attached(second) == {"pantalla.png": PDF}
        assert "octubre" in second.text, "what was said before stands in the notice"
        assert number_in(second) == number_in(answer)


async def test_a_mail_that_nobody_could_read_is_attached_as_it_came(engine_url: str) -> None:
    raw = b"To: soporte@ejemplo.mx\r\nSubject: \xff\xfe\r\n\r\nsin remitente \xf1\r\n"
    async with house(engine_url) as one:
        await one.take(raw)
        (notice,) = notices(one)
        (kept,) = await one.rows("SELECT data FROM blobs")
        assert attached(notice) == {f"{number_in(notice)}.eml": bytes(kept[0])}


async def test_a_relay_that_takes_no_such_attachment_gets_the_notice_without(engine_url: str) -> None:
    tried: list[int] = []

    def refuse(envelope: Envelope) -> str | None:
        assert isinstance(envelope.content, bytes)
        if envelope.rcpt_tos == [FIRST_CONSULTANT]:
            tried.append(len(envelope.content))
            return "552 5.3.4 message size exceeds fixed limit" if len(envelope.content) > len(PDF) else None
        return None

    async with house(engine_url) as one:
        one.relay.answer = refuse
        await one.take(invoice())
        (notice,) = notices(one)
        assert attached(notice) == {}
        assert "factura Ñandú.pdf" in notice.text
        assert len(tried) == 2
        assert await one.held() == []


async def test_a_mail_that_is_kept_no_more_lets_its_notice_go_and_says_so(engine_url: str) -> None:
    clock = SetClock(TUESDAY_NOON)
    async with relay() as sink:
        sink.answer = lambda envelope: "451 later" if envelope.rcpt_tos == [FIRST_CONSULTANT] else None
        async with house(engine_url, relay_of=sink, clock=clock) as one:
            await one.take(invoice())
            assert notices(one) == []
            await one.node.commit.run(erasing())
            sink.answer = lambda _envelope: None
            await one.jump(timedelta(minutes=1))
            (notice,) = notices(one)
            assert attached(notice) == {}
            assert "factura.xml" in notice.text


def erasing() -> Steps[None]:
    yield Run("UPDATE blobs SET data = NULL")


async def test_every_attempt_and_every_start_says_the_same_bytes(engine_url: str) -> None:
    clock = SetClock(TUESDAY_NOON)
    tried: list[bytes] = []

    def later(envelope: Envelope) -> str | None:
        if envelope.rcpt_tos != [FIRST_CONSULTANT]:
            return None
        assert isinstance(envelope.content, bytes)
        tried.append(envelope.content)
        return "451 later" if len(tried) < 3 else None

    async with relay() as sink:
        sink.answer = later
        async with house(engine_url, relay_of=sink, clock=clock) as one:
            await one.take(invoice())
            await one.jump(timedelta(minutes=1))
        clock.advance(timedelta(hours=1))
        async with house(engine_url, relay_of=sink, clock=clock) as again:
            await again.jump(timedelta(minutes=1))
            assert attached(notices(again)[0]) == {"factura Ñandú.pdf": PDF, "factura.xml": CFDI}
        assert len(tried) == 3
        assert len(set(tried)) == 1


async def test_a_requesters_other_open_incident_is_named_to_the_consultant_alone(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        await one.take(written("¿Y cómo cancelo una factura?", subject="Otra duda", message_id="<m2@cliente.mx>"))
        first, second = one.relay.to(ANA)
        told = [taken.text for taken in one.relay.taken if taken.recipients != [ANA]]
        assert [number_in(first) in text for text in told] == [True, True]
        assert number_in(second) in told[1]
        assert number_in(first) not in second.text

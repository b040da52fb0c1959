"""What readers who knew only the contract found: each story begins with what went wrong."""

import re

import pytest

from tests.stories.house import House, house, written

pytestmark = pytest.mark.anyio


async def opened(one: House) -> tuple[str, str]:
    """Let Ana open an incident; return its number and the address her answer goes to."""
    await one.send(written())
    await one.relay.until(2)
    await one.settle()
    (answer,) = one.relay.to("ana@cliente.mx")
    number = re.search(r"INC-\d+", str(answer.mail["Subject"]))
    assert number is not None
    return number[0], answer.envelope_from


async def test_two_mails_whose_names_lie_beyond_the_header_bound_are_two_incidents(sqlite_url: str) -> None:
    async with house(sqlite_url) as one:
        for n in (1, 2):
            filler = b"X-Long: " + b"y" * 900 + b"\r\n"
            head = (
                b"From: ana@cliente.mx\r\n" + filler * 80 + b"Message-ID: <m%d@cliente.mx>\r\nSubject: %d\r\n" % (n, n)
            )
            await one.send(head + b"\r\nno funciona\r\n")
        await one.settle()
        assert await one.count("SELECT count(*) FROM incidents") == 2


async def test_a_local_part_that_is_too_long_is_never_answered_at_its_tail(sqlite_url: str) -> None:
    async with house(sqlite_url) as one:
        sender = "a" * 60 + "bbbbbbbb@cliente.mx"
        await one.send(written(sender=sender).as_bytes().replace(b"\n", b"\r\n"))
        await one.settle()
        assert [taken for taken in one.relay.taken if taken.recipients[0].endswith("@cliente.mx")] == []


async def test_a_person_who_writes_to_a_bounce_address_is_no_bounce(sqlite_url: str) -> None:
    async with house(sqlite_url) as one:
        _, bounce_address = await opened(one)
        mail = written("Hola, ¿me ayudan con otra cosa?", sender="Leo <leo@otra.mx>", message_id="<m2@otra.mx>")
        await one.send(mail, sender="leo@otra.mx", to=bounce_address)
        await one.settle()
        assert await one.count("SELECT count(*) FROM incidents") == 2
        assert await one.count("SELECT count(*) FROM events WHERE kind = 'bounced'") == 0
        assert len(one.relay.to("leo@otra.mx")) == 1


async def test_the_number_in_the_text_joins_its_requester(sqlite_url: str) -> None:
    async with house(sqlite_url) as one:
        number, _ = await opened(one)
        await one.send(written(f"Sobre el incidente {number}: sigue fallando.", subject="Hola", message_id="<m2@c.mx>"))
        await one.send(written("Sigue igual.", subject=f"folio {number[4:]}", message_id="<m3@c.mx>"))
        await one.settle()
        assert await one.count("SELECT count(*) FROM incidents") == 1
        assert await one.count("SELECT count(*) FROM messages WHERE direction = 'in'") == 3


@pytest.mark.parametrize("headers", [{"Auto_Submitted": "auto-generated"}, {}], ids=["a machine", "a consultant"])
async def test_a_bare_number_lets_no_machine_and_no_consultants_name_into_an_incident(
    sqlite_url: str, headers: dict[str, str]
) -> None:
    async with house(sqlite_url) as one:
        number, _ = await opened(one)
        sender = "alarma@otra.mx" if headers else "asesor1@ejemplo.mx"
        mail = written("texto ajeno", subject=f"Re: {number}", sender=sender, message_id="<m2@otra.mx>", **headers)
        await one.send(mail, sender="alguien@otra.mx")
        await one.settle()
        assert await one.count("SELECT count(*) FROM messages WHERE incident_id = (SELECT min(id) FROM incidents) "
                               "AND direction = 'in'") == 1  # fmt: skip


async def test_a_bounce_marks_the_mail_that_came_back(engine_url: str) -> None:
    async with house(engine_url) as one:
        _, bounce_address = await opened(one)
        report = (
            b"From: MAILER-DAEMON@mx.cliente.mx\r\nTo: x\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
            b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            b"--b\r\nContent-Type: text/plain\r\n\r\nfailed\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
            b"Reporting-MTA: dns; mx.cliente.mx\r\n\r\nFinal-Recipient: rfc822; ana@cliente.mx\r\nAction: %s\r\n"
            b"Status: %s\r\n\r\n--b--\r\n"
        )
        await one.send(report % (b"delayed", b"4.4.7"), sender="", to=bounce_address)
        await one.settle()
        assert await one.count("SELECT count(*) FROM events WHERE kind = 'bounced'") == 0
        await one.send(report % (b"failed", b"5.1.1"), sender="", to=bounce_address)
        await one.settle()
        assert await one.count("SELECT count(*) FROM events WHERE kind = 'bounced'") == 1
        assert await one.rows("SELECT status FROM owed WHERE kind = 'acknowledgement'") == [("bounced",)]

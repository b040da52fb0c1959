"""The same mail again, whatever way it comes, is one incident and one answer (guarantee 2; DESIGN 7, The same mail)."""

import asyncio
import base64
import random

import pytest

from desk.base.because import Part
from tests.relay import relay
from tests.stories.asking_why import explained
from tests.stories.house import ANA, DESK, FIRST_CONSULTANT, House, house, submit, written
from tests.stories.test_held_room import now, released

pytestmark = pytest.mark.anyio

HEADERS = (
    "From: Ana Ruiz <ana@cliente.mx>",
    "To: soporte@ejemplo.mx",
    "Subject: Duda de mi factura",
    "Date: Tue, 24 Nov 2026 12:00:00 -0600",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
)
TEXT = "Buenos días:\r\n\r\n¿Cómo descargo mi factura de octubre?\r\n\r\nAna\r\n"


def copy_of(n: int, *, message_id: str = "<duda@cliente.mx>", text: str = TEXT) -> bytes:
    """One copy: its own Received lines, its own order of headers."""
    chance = random.Random(n)
    headers = [*HEADERS, *([f"Message-ID: {message_id}"] if message_id else [])]
    chance.shuffle(headers)
    received = [
        f"Received: from hop{chance.randrange(1000)}.example by mx{n}.ejemplo.mx\r\n with ESMTP id {n};"
        f" Tue, 24 Nov 2026 12:00:{n:02} -0600"
        for _ in range(1 + n % 3)
    ]
    return ("\r\n".join([*received, *headers]) + "\r\n\r\n" + text).encode()


async def all_at_once(one: House, copies: list[bytes]) -> None:
    await asyncio.gather(*(asyncio.to_thread(submit, one.port, "ana@cliente.mx", DESK, raw) for raw in copies))
    await one.settle()


async def assert_one_incident(one: House) -> None:
    assert await one.count("SELECT count(*) FROM incidents") == 1
    assert await one.count("SELECT count(*) FROM messages WHERE direction = 'in'") == 1
    assert len(one.relay.to("ana@cliente.mx")) == 1
    assert await one.count("SELECT count(*) FROM owed WHERE kind = 'acknowledgement'") == 1
    assert await one.count("SELECT count(*) FROM owed") == len(one.relay.taken) == 2


@pytest.mark.done("house.3")
async def test_the_same_mail_ten_times_at_once_is_one_incident_and_one_answer(engine_url: str) -> None:
    async with house(engine_url) as one:
        await all_at_once(one, [copy_of(n) for n in range(10)])
        await assert_one_incident(one)
        assert await one.count("SELECT count(*) FROM arrivals") == 10
        assert await one.count("SELECT count(*) FROM arrivals WHERE done_at IS NULL") == 0
        assert await one.count("SELECT count(*) FROM blobs") == 1


@pytest.mark.done("house.3")
async def test_the_same_mail_twice_without_message_id_is_one_incident(engine_url: str) -> None:
    async with house(engine_url) as one:
        await all_at_once(one, [copy_of(1, message_id="")])
        await all_at_once(one, [copy_of(2, message_id="")])
        await assert_one_incident(one)


@pytest.mark.done("house.3")
async def test_the_same_message_id_and_text_from_another_sender_is_its_own_incident(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written(), sender="ana@cliente.mx")
        await one.take(written(sender="Beto <beto@otro.mx>"), sender="beto@otro.mx")
        assert len(await one.incidents()) == 2
        assert len(one.relay.to("ana@cliente.mx")) == len(one.relay.to("beto@otro.mx")) == 1
        first, second = await one.incidents()
        assert await one.mentions(second) == []
        assert await one.timeline(first) == await one.timeline(second)


async def test_a_mail_that_a_relay_encoded_anew_is_the_same_mail(engine_url: str) -> None:
    plain = copy_of(1)
    encoded = copy_of(2).replace(b"Content-Transfer-Encoding: 8bit", b"Content-Transfer-Encoding: base64")
    head, _, body = encoded.partition(b"\r\n\r\n")
    encoded = head + b"\r\n\r\n" + base64.encodebytes(body).replace(b"\n", b"\r\n")
    async with house(engine_url) as one:
        await one.take(plain)
        await one.take(encoded)
        await assert_one_incident(one)
        assert await one.count("SELECT count(*) FROM blobs") == 2
        incident = await one.incident()
        assert await one.count("SELECT count(*) FROM arrivals WHERE incident_id = ?", incident) == 2


async def test_the_same_mail_to_two_of_our_addresses_keeps_both_recipients_and_is_one_incident(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(copy_of(1), to=DESK)
        await one.take(copy_of(2), to="soporte+facturas@ejemplo.mx")
        await assert_one_incident(one)
        rows = await one.rows("SELECT recipients FROM arrivals ORDER BY id")
        assert [row[0] for row in rows] == ['["soporte@ejemplo.mx"]', '["soporte+facturas@ejemplo.mx"]']


OTHER_WORDS = "Además quiero saber cómo cambio mi contraseña."
OUTAGE = "Nadie puede timbrar, el sistema está caído."
BETO = "beto@otro.mx"


async def test_other_words_of_the_same_person_under_one_message_id_join_flagged_and_unanswered(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        await one.take(written(OTHER_WORDS))
        incident = await one.incident()
        assert (await one.timeline(incident))[-2:] == ["added", "flagged"]
        assert len(one.relay.to(ANA)) == 1
        _, notice = one.relay.to(FIRST_CONSULTANT)
        assert OTHER_WORDS in notice.text
        await one.take(written(OTHER_WORDS))
        assert await one.count("SELECT count(*) FROM messages WHERE direction = 'in'") == 2
        assert len(one.relay.taken) == 3
        told = await explained(one, engine_url, incident)
        _, joined, flagged, copy = told[Part.THREAD]
        assert joined.endswith("trae el Message-ID de un correo que ya es de este incidente, pero dice otra cosa.")
        assert flagged.startswith("Ese mensaje quedó señalado")
        assert "otra copia" in copy
        assert any("no tuvo acuse" in line for line in told[Part.ANSWERS])


async def test_a_graver_mail_of_the_same_person_under_one_message_id_is_an_incident_and_answered(
    engine_url: str,
) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        await one.take(written(OUTAGE))
        first, second = await one.incidents()
        assert len(one.relay.to(ANA)) == 2
        assert await one.mentions(second) == [first]
        assert "linked" in await one.timeline(second)
        assert "más grave" in (await explained(one, engine_url, second))[Part.THREAD][0]
        await one.take(written(OTHER_WORDS))
        assert (await one.timeline(first))[-1] == "flagged", "the next that is no graver goes to the first"
        assert len(one.relay.to(ANA)) == 2


async def test_other_words_of_anybody_else_under_one_message_id_are_held_until_somebody_decides(
    engine_url: str,
) -> None:
    async with house(engine_url, clock=now()) as one:
        await one.take(written())
        incident, timeline = await one.incident(), await one.timeline(await one.incident())
        await one.take(written(OTHER_WORDS, sender=f"Beto <{BETO}>"), sender=BETO)
        assert await one.held() == ["reused_id"]
        assert await one.count("SELECT count(*) FROM held WHERE tell_at IS NOT NULL") == 1
        assert one.relay.to(BETO) == []
        assert (await one.incidents(), await one.timeline(incident)) == ([incident], timeline)
        told = await explained(one, engine_url, incident)
        assert told[Part.THREAD][1].endswith("trae el Message-ID de un correo de otra persona, pero dice otra cosa.")
        await released(one, engine_url)
        assert len(await one.incidents()) == 2
        assert len(one.relay.to(BETO)) == 1
        assert await one.timeline(incident) == timeline


async def test_a_mail_without_words_is_compared_with_none(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written(""))
        await one.take(written(OTHER_WORDS))
        assert len(await one.incidents()) == len(one.relay.to(ANA)) == 2


async def test_another_text_under_another_message_id_is_another_incident(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(copy_of(1))
        await one.take(copy_of(2, message_id="<otra@cliente.mx>", text="Otra pregunta.\r\n"))
        assert len(await one.incidents()) == 2
        assert len(one.relay.to("ana@cliente.mx")) == 2


async def test_a_mail_that_came_before_a_restart_is_still_the_same_after_it(engine_url: str) -> None:
    async with relay() as sink:
        async with house(engine_url, relay_of=sink) as one:
            await one.take(copy_of(1))
        async with house(engine_url, relay_of=sink) as again:
            await again.take(copy_of(2))
            await assert_one_incident(again)

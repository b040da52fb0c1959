"""The LMTP listener: what it does as SMTP's does, and its one reply for each recipient."""

import asyncio
import smtplib

import pytest

from desk.base.errors import StoreAway
from desk.base.names import Transport
from intake.email.lmtp import LmtpListener, lmtp_door
from intake.email.settings import LmtpSettings, SmtpAccountSettings, SmtpSettings
from tests.channels.smtp_doors import PATIENCE_S, Client, open_door

pytestmark = pytest.mark.anyio

RECIPIENTS = ("soporte@ejemplo.mx", "soporte+100425.abc@ejemplo.mx")


async def envelope(client: Client) -> None:
    """Come as far as the 354, for two recipients."""
    await client.hear()
    await client.say("LHLO mail.ejemplo.mx")
    assert (await client.say("MAIL FROM:<ana@cliente.example>")).startswith("250 ")
    for recipient in RECIPIENTS:
        assert (await client.say(f"RCPT TO:<{recipient}>")).startswith("250 ")
    assert (await client.say("DATA")).startswith("354 ")


async def test_each_recipient_hears_250_only_after_the_store_has_returned() -> None:
    async with open_door(kind=LmtpListener) as door:
        door.store.may_finish.clear()
        client = await door.knock()
        await envelope(client)
        await client.send(b"hola\r\n.\r\nNOOP\r\n")
        await asyncio.wait_for(door.store.has_begun.wait(), PATIENCE_S)
        reply = asyncio.create_task(client.hear())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not reply.done()
        door.store.may_finish.set()
        assert [await reply, await client.hear()] == ["250 2.0.0 Mail stored"] * 2
        assert await client.hear() == "250 2.0.0 OK", "the reply to the next command follows the second, not the first"
        (delivery,) = door.store.kept
    assert (delivery.transport, delivery.recipients) == (Transport.LMTP, RECIPIENTS)
    assert (delivery.raw, delivery.authenticated_as) == (b"hola\r\n", "")
    assert door.listener.counters.accepted == 1


@pytest.mark.parametrize("error", [StoreAway("disk full at /var/lib"), RuntimeError("secret of the house")])
async def test_a_store_that_fails_is_451_for_each_recipient(error: Exception) -> None:
    async with open_door(kind=LmtpListener) as door:
        door.store.error = error
        client = await door.knock()
        await envelope(client)
        await client.send(b"hola\r\n.\r\nNOOP\r\n")
        said = [await client.hear() for _ in range(3)]
        assert [line[:9] for line in said] == ["451 4.3.0", "451 4.3.0", "250 2.0.0"]
        assert "secret" not in "".join(said)


async def test_a_recipient_given_twice_is_answered_twice_and_stored_once() -> None:
    async with open_door(kind=LmtpListener) as door:
        client = await door.knock()
        await client.hear()
        await client.say("LHLO mail.ejemplo.mx")
        await client.say("MAIL FROM:<ana@cliente.example>")
        for _ in range(2):
            assert (await client.say("RCPT TO:<soporte@ejemplo.mx>")).startswith("250 ")
        await client.say("DATA")
        await client.send(b".\r\n")
        assert [await client.hear() for _ in range(2)] == ["250 2.0.0 Mail stored"] * 2
        (delivery,) = door.store.kept
        assert delivery.recipients == ("soporte@ejemplo.mx",)


async def test_a_client_of_the_standard_library_is_understood() -> None:
    def submit(port: int) -> dict[str, tuple[int, bytes]]:
        with smtplib.LMTP("127.0.0.1", port) as client:
            return client.sendmail("ana@cliente.example", [RECIPIENTS[0]], b"Subject: hola\r\n\r\nhola\r\n")

    async with open_door(kind=LmtpListener) as door:
        assert await asyncio.to_thread(submit, door.listener.port) == {}
        assert len(door.store.kept) == 1


def test_its_limits_are_those_of_smtp_and_nothing_of_it_is_for_the_network() -> None:
    account = SmtpAccountSettings(username="ana@cliente.example", password="x")
    smtp = SmtpSettings(max_size=1024, max_recipients=7, max_sessions=9, certificate="a", key="b", accounts=(account,))
    door = lmtp_door(smtp, LmtpSettings(host="127.0.0.2", port=2424))
    assert (door.host, door.port) == ("127.0.0.2", 2424)
    assert (door.max_size, door.max_recipients, door.max_sessions) == (1024, 7, 9)
    assert (door.certificate, door.key, door.proxy, door.accounts) == ("", "", (), ())

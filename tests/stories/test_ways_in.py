"""Other ways in by a socket: LMTP, a login under TLS, a proxy. Each mail is one incident with its answer."""

import asyncio
import smtplib
import socket
import ssl
from email import policy
from pathlib import Path

import aiohttp
import pytest

from tests.certificates import issue
from tests.channels.smtp_doors import Client
from tests.engines import free_port
from tests.stories.house import ANA, DESK, House, house, number_in, written

pytestmark = pytest.mark.anyio

MAIL = written().as_bytes(policy=policy.SMTP)
DOMAIN = DESK.rpartition("@")[2]
PASSWORD = "canario de Ana"
NETWORK = "192.0.2.7"


async def answered(one: House) -> None:
    """See that the only mail is one incident, and that its sender has the answer with its number."""
    await one.settle()
    assert len(await one.incidents()) == 1
    assert number_in(one.answer_to())
    assert await one.count("SELECT count(*) FROM owed WHERE status = 'sent'") == len(one.relay.taken)


async def by_lmtp(port: int, *recipients: str) -> list[str]:
    """Hand the mail in as a mail server does; return the codes to each RCPT, then those after the content."""
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    await client.hear()
    await client.say("LHLO mail.ejemplo.mx")
    await client.say(f"MAIL FROM:<{ANA}>")
    codes = [(await client.say(f"RCPT TO:<{recipient}>"))[:3] for recipient in recipients]
    await client.say("DATA")
    await client.send(MAIL + b".\r\n")
    codes += [(await client.hear())[:3] for code in codes if code == "250"]
    assert (await client.say("QUIT")).startswith("221 ")
    await client.close()
    return codes


async def metric(one: House, name: str) -> str:
    async with aiohttp.ClientSession() as web, web.get(f"http://127.0.0.1:{one.http_port}/metrics") as page:
        (line,) = [line for line in (await page.text()).splitlines() if line.startswith(f"{name} ")]
        return line.rpartition(" ")[2]


@pytest.mark.done("faults.10")
async def test_a_mail_by_lmtp_is_answered_and_the_same_mail_by_smtp_owes_nothing(engine_url: str) -> None:
    port = free_port()
    async with house(engine_url, more={"VENTANILLA_LMTP__PORT": str(port)}) as one:
        (ready,) = one.said("ready")
        assert (ready["smtp"], ready["lmtp"]) == (one.port, port)
        replies, _ = await asyncio.gather(by_lmtp(port, DESK, f"x+{DESK}", f"soporte+x@{DOMAIN}"), one.send(written()))
        assert replies == ["250", "550", "250", "250", "250"], "of three RCPT, and of the two that were taken"
        await answered(one)
        transports = await one.rows("SELECT transport FROM arrivals ORDER BY transport")
        assert [row[0] for row in transports] == ["lmtp", "smtp"]
        assert await metric(one, 'ventanilla_mails_accepted_total{transport="lmtp"}') == "1.0"
        assert await metric(one, 'ventanilla_mails_accepted_total{transport="smtp"}') == "1.0"


async def test_lmtp_is_off_until_it_has_a_port_and_smtp_may_be_off_beside_it(engine_url: str) -> None:
    port = free_port()
    async with house(engine_url, more={"VENTANILLA_LMTP__PORT": str(port), "VENTANILLA_SMTP__PORT": "0"}) as one:
        with pytest.raises(ConnectionRefusedError):
            await one.send(written())
        assert await by_lmtp(port, DESK) == ["250", "250"]
        await answered(one)
    async with house(engine_url) as one:
        assert one.said("ready")[0]["lmtp"] == 0
        assert [line["door"] for line in one.said("listener_started")][-1] == "smtp"


@pytest.mark.done("faults.10")
async def test_a_mail_submitted_by_a_login_under_tls_is_answered_and_known_as_that_account(
    engine_url: str, tmp_path: Path
) -> None:
    certificates = await asyncio.to_thread(issue, tmp_path)

    def submit(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            client.starttls(context=ssl.create_default_context(cafile=str(certificates / "ca.pem")))
            client.login(ANA, PASSWORD)
            with pytest.raises(smtplib.SMTPSenderRefused):
                client.sendmail("jefe@ejemplo.mx", [DESK], b"Subject: otro\r\n\r\n")
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail(ANA, ["otro@cliente.mx"], b"Subject: otro\r\n\r\n")
            client.sendmail(ANA, [DESK], MAIL)

    more = {
        "VENTANILLA_SMTP__CERTIFICATE": str(certificates / "right.pem"),
        "VENTANILLA_SMTP__KEY": str(certificates / "right.key"),
        "VENTANILLA_SMTP__ACCOUNTS__0__USERNAME": ANA,
        "VENTANILLA_SMTP__ACCOUNTS__0__PASSWORD": PASSWORD,
    }
    async with house(engine_url, more=more) as one:
        await asyncio.to_thread(submit, one.port)
        await answered(one)
        assert await one.rows("SELECT transport, authenticated_as FROM arrivals") == [("smtp", ANA)]
        assert PASSWORD not in repr(one.events)


@pytest.mark.done("faults.10")
async def test_a_mail_through_a_proxy_is_answered_and_known_by_its_source(engine_url: str) -> None:
    def submit(port: int) -> None:
        client = _ThroughProxy(timeout=10)
        client.connect("127.0.0.1", port)
        with client:
            client.sendmail(ANA, [DESK], MAIL)

    async with house(engine_url, more={"VENTANILLA_SMTP__PROXY": "127.0.0.0/8"}) as one:
        await asyncio.to_thread(submit, one.port)
        await answered(one)
        assert await one.rows("SELECT peer FROM arrivals") == [(NETWORK,)]


async def test_a_trusted_relay_holds_more_sessions_than_a_stranger_may(engine_url: str) -> None:
    async def heard(port: int, source: str) -> tuple[Client, str]:
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        await client.send(f"PROXY TCP4 {source} 198.51.100.1 40000 25\r\n".encode())
        return client, (await client.hear())[:3]

    more = {
        "VENTANILLA_SMTP__PROXY": "127.0.0.0/8",
        "VENTANILLA_SMTP__MAX_SESSIONS": "8",
        "VENTANILLA_TRUST__RELAYS": f"{NETWORK}/32",
    }
    async with house(engine_url, more=more) as one:
        clients = [await heard(one.port, source) for source in [NETWORK] * 4 + ["203.0.113.9"] * 3]
        assert [word for _, word in clients] == ["220"] * 4 + ["220", "220", "421"]
        assert await metric(one, 'ventanilla_mails_refused_total{reason="too_many_sessions"}') == "1.0"
        for client, _ in clients:
            await client.close()


class _ThroughProxy(smtplib.SMTP):
    """A client whose connection begins as a proxy begins it."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # type: ignore[override]
        connection: socket.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        connection.sendall(f"PROXY TCP4 {NETWORK} 198.51.100.1 40000 25\r\n".encode())
        return connection

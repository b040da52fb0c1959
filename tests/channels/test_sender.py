"""The sender: done, later and never at each verb, kept connections, TLS that verifies."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from desk.base.errors import DeliveryLater, DeliveryRefused, SettingsInvalid
from responders.mail import sender as module
from responders.mail import session
from responders.mail.sender import CONNECTION_MAX, Sender
from responders.mail.settings import RelaySettings
from tests.certificates import issue
from tests.channels.fake_relay import CONTENT, FakeRelay, fake_relay

pytestmark = pytest.mark.anyio

MAIL = b"Subject: INC-100425\r\n\r\n.una linea\r\n.\r\nfin\r\n"


@asynccontextmanager
async def sending(relay: FakeRelay, *, implicit_tls: bool = False, **settings: Any) -> AsyncIterator[Sender]:
    async with fake_relay(relay, implicit_tls=implicit_tls):
        sender = Sender(RelaySettings(port=relay.port, **settings), "mail.ejemplo.mx")
        try:
            yield sender
        finally:
            await sender.close()


async def send(sender: Sender, recipient: str = "ana@cliente.example", content: bytes = MAIL) -> str:
    return await asyncio.wait_for(sender.send("soporte+b.1@ejemplo.mx", recipient, content), 10)


async def test_a_mail_arrives_byte_for_byte_and_the_relays_reply_is_returned() -> None:
    relay = FakeRelay()
    async with sending(relay) as sender:
        assert await send(sender) == "250 2.0.0 queued as 17"
    assert relay.mails == [MAIL.replace(b"\r\n.", b"\r\n..")]
    assert relay.heard[:4] == [
        "EHLO mail.ejemplo.mx",
        f"MAIL FROM:<soporte+b.1@ejemplo.mx> SIZE={len(MAIL)}",
        "RCPT TO:<ana@cliente.example>",
        "DATA",
    ]


async def test_the_null_sender_is_said_as_such() -> None:
    relay = FakeRelay(offers=["HELP"])
    async with sending(relay) as sender:
        await sender.send("", "ana@cliente.example", MAIL)
    assert "MAIL FROM:<>" in relay.heard


async def test_connections_are_kept_and_never_more_than_the_pool() -> None:
    relay = FakeRelay()
    async with sending(relay) as sender:
        await asyncio.gather(*(send(sender) for _ in range(20)))
        await send(sender)
    assert len(relay.mails) == 21
    assert relay.connections <= CONNECTION_MAX
    assert relay.heard.count("QUIT") == relay.connections


async def test_kept_connections_that_the_relay_closed_are_opened_again_quietly() -> None:
    relay = FakeRelay()
    async with sending(relay) as sender:
        await asyncio.gather(*(send(sender) for _ in range(4)))
        relay.drop_all()
        assert (await send(sender)).startswith("250 ")
        assert len(relay.mails) == 5


async def test_a_kept_connection_that_says_421_is_replaced_quietly() -> None:
    relay = FakeRelay()
    async with sending(relay) as sender:
        await send(sender)
        relay.replies["MAIL"] = "421 4.4.2 idle for too long"
        waiting = asyncio.create_task(send(sender))
        while relay.connections == 1:
            await asyncio.sleep(0)
        del relay.replies["MAIL"]
        assert (await waiting).startswith("250 ")
        assert len(relay.mails) == 2


async def test_idle_connections_are_closed_after_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_MAX_S", 0.01)
    relay = FakeRelay()
    async with sending(relay) as sender:
        await send(sender)
        async with asyncio.timeout(5):
            while sender._idle:
                await asyncio.sleep(0)
        assert (await send(sender)).startswith("250 ")
        assert relay.connections == 2


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA", CONTENT])
async def test_a_4xx_is_later_and_the_connection_serves_the_next_mail(moment: str) -> None:
    relay = FakeRelay(replies={moment: "450 4.2.0 greylisted"})
    async with sending(relay) as sender:
        with pytest.raises(DeliveryLater, match=r"^450 4\.2\.0 greylisted$") as later:
            await send(sender)
        assert (later.value.code, later.value.counts) == (450, True)
        assert not later.value.data_sent or moment in ("DATA", CONTENT)
        relay.replies.clear()
        assert (await send(sender)).startswith("250 ")
        assert relay.connections == 1


@pytest.mark.parametrize("offers", [["PIPELINING"], ["HELP"]], ids=["pipelined", "one by one"])
async def test_a_mail_is_the_same_whether_the_relay_takes_commands_together_or_not(offers: list[str]) -> None:
    relay = FakeRelay(offers=offers)
    async with sending(relay) as sender:
        await send(sender)
        await send(sender)
    assert relay.mails == [MAIL.replace(b"\r\n.", b"\r\n..")] * 2
    assert relay.connections == 1


@pytest.mark.parametrize("moment", ["MAIL", "RCPT"])
async def test_a_relay_that_goes_ahead_without_a_recipient_gets_no_content(moment: str) -> None:
    relay = FakeRelay(replies={moment: "550 5.1.1 no such user"}, always_goes_ahead=True)
    async with sending(relay) as sender:
        with pytest.raises(DeliveryRefused, match="no such user"):
            await send(sender)
        relay.replies.clear()
        await send(sender)
    assert len(relay.mails) == 1
    assert relay.connections == 1


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA", CONTENT])
async def test_a_5xx_is_never_and_the_connection_serves_the_next_mail(moment: str) -> None:
    relay = FakeRelay(replies={moment: "550 5.1.1 no such user"})
    async with sending(relay) as sender:
        with pytest.raises(DeliveryRefused, match=r"^550 5\.1\.1 no such user$") as refused:
            await send(sender)
        assert refused.value.code == 550
        relay.replies.clear()
        assert (await send(sender)).startswith("250 ")
        assert relay.connections == 1


@pytest.mark.parametrize("moment", ["CONNECT", "EHLO", "MAIL", "RCPT"])
async def test_a_relay_that_wants_a_login_refuses_no_mail_for_good(moment: str) -> None:
    relay = FakeRelay(replies={moment: "530 5.7.0 authentication required", "HELO": "530 no"})
    async with sending(relay) as sender:
        with pytest.raises(DeliveryLater) as later:
            await send(sender)
        assert (later.value.code, later.value.counts, later.value.data_sent) == (530, False, False)


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA"])
async def test_a_connection_torn_before_the_content_is_later(moment: str) -> None:
    relay = FakeRelay(tears={moment})
    async with sending(relay) as sender:
        with pytest.raises(DeliveryLater) as later:
            await send(sender)
        assert (later.value.code, later.value.counts) == (0, True)
        assert not later.value.data_sent or moment == "DATA"


async def test_a_connection_torn_after_the_content_tells_that_it_may_have_arrived_and_is_not_tried_again() -> None:
    relay = FakeRelay()
    async with sending(relay) as sender:
        await send(sender)
        relay.tears = {CONTENT}
        with pytest.raises(DeliveryLater) as later:
            await send(sender)
        assert (later.value.code, later.value.data_sent) == (0, True)
        assert len(relay.mails) == 2


async def test_a_relay_that_falls_silent_is_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECT_TIMEOUT_S", 0.02)
    for name in ("COMMAND_TIMEOUT_S", "DATA_TIMEOUT_S"):
        monkeypatch.setattr(session, name, 0.02)
    for moment, is_sent in (("CONNECT", False), ("EHLO", False), ("MAIL", False), ("RCPT", False), (CONTENT, True)):
        relay = FakeRelay(hangs={moment})
        async with sending(relay) as sender:
            with pytest.raises(DeliveryLater) as later:
                await send(sender)
            assert (moment, later.value.data_sent) == (moment, is_sent)


async def test_a_relay_that_is_away_costs_no_attempt() -> None:
    async with sending(FakeRelay()) as sender:
        pass
    with pytest.raises(DeliveryLater, match=r"127\.0\.0\.1") as later:
        await send(sender)
    assert (later.value.code, later.value.counts, later.value.data_sent) == (0, False, False)


async def test_the_relays_size_is_obeyed_before_a_word_is_said() -> None:
    relay = FakeRelay(offers=["SIZE 100"])
    async with sending(relay) as sender:
        with pytest.raises(DeliveryRefused) as refused:
            await send(sender, content=b"x" * 101 + b"\r\n")
        assert refused.value.code == 552
        assert not any(line.startswith("MAIL") for line in relay.heard)
        await send(sender, content=b"x" * 98 + b"\r\n")


@pytest.mark.parametrize(
    "address", ["a b@c.example", "a@c.example>\r\nDATA", "a@c.example\nRSET", "<a@c.example>", "a\0@b"]
)
async def test_an_address_that_would_say_more_than_itself_is_refused_unsaid(address: str) -> None:
    relay = FakeRelay()
    async with sending(relay) as sender:
        with pytest.raises(DeliveryRefused):
            await send(sender, recipient=address)
    assert relay.heard == []


async def test_an_address_beyond_ascii_needs_a_relay_that_takes_it() -> None:
    relay = FakeRelay(offers=["SMTPUTF8"])
    async with sending(relay) as sender:
        await send(sender, recipient="maría@cliente.example")
    assert "RCPT TO:<maría@cliente.example>" in relay.heard
    async with sending(FakeRelay()) as sender:
        with pytest.raises(DeliveryRefused):
            await send(sender, recipient="maría@cliente.example")


async def test_a_hostile_reply_is_one_storable_line() -> None:
    relay = FakeRelay(replies={"RCPT": "550-no\r\n550-never\r\n550 \x00\x1b[31m" + "x" * 2000})
    async with sending(relay) as sender:
        with pytest.raises(DeliveryRefused) as refused:
            await send(sender)
    text = str(refused.value)
    assert text.startswith("550 no never ")
    assert text.isprintable()
    assert len(text) < 600


async def test_a_cancelled_send_gives_its_place_back_and_its_connection_up() -> None:
    relay = FakeRelay(hangs={"RCPT"})
    async with sending(relay) as sender:
        waiting = [asyncio.create_task(send(sender)) for _ in range(CONNECTION_MAX)]
        while sum(line.startswith("RCPT") for line in relay.heard) < CONNECTION_MAX:
            await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        relay.hangs.clear()
        assert (await send(sender)).startswith("250 ")
        assert relay.connections == CONNECTION_MAX + 1


async def test_login_is_said_and_a_wrong_password_costs_no_attempt() -> None:
    relay = FakeRelay(offers=["AUTH PLAIN"], login=("soporte", "bien"))
    async with sending(relay, username="soporte", password="bien") as sender:
        assert (await send(sender)).startswith("250 ")
    relay.port = 0
    async with sending(relay, username="soporte", password="mal") as sender:
        with pytest.raises(DeliveryLater) as later:
            await send(sender)
        assert (later.value.code, later.value.counts) == (535, False)
        assert "mal" not in str(later.value)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A throwaway authority (ca.pem), a certificate of it for 127.0.0.1 and one for another name."""
    return issue(tmp_path_factory.mktemp("certificates"))


def server_context(folder: Path, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_tls_with_the_given_authority_carries_the_mail(certificates: Path, tls: str) -> None:
    relay = FakeRelay(offers=["STARTTLS", "PIPELINING"], tls=server_context(certificates, "right"))
    ca_file = str(certificates / "ca.pem")
    async with sending(relay, implicit_tls=tls == "tls", tls=tls, ca_file=ca_file) as sender:
        assert (await send(sender)).startswith("250 ")
        assert (await send(sender)).startswith("250 ")
    assert relay.connections == 1


@pytest.mark.parametrize("tls", ["tls", "starttls"])
@pytest.mark.parametrize(("name", "authority"), [("wrong", "ca.pem"), ("right", "wrong.pem"), ("right", "")])
async def test_a_wrong_certificate_gets_no_mail(certificates: Path, tls: str, name: str, authority: str) -> None:
    relay = FakeRelay(offers=["STARTTLS"], tls=server_context(certificates, name))
    ca_file = str(certificates / authority) if authority else ""
    async with sending(relay, implicit_tls=tls == "tls", tls=tls, ca_file=ca_file) as sender:
        with pytest.raises(DeliveryLater, match=r"(?i)certificate") as later:
            await send(sender)
        assert later.value.counts is False
    assert not any(line.startswith("MAIL") for line in relay.heard)


async def test_starttls_that_is_not_offered_is_never_gone_without() -> None:
    relay = FakeRelay(offers=["SIZE 100000"])
    async with sending(relay, tls="starttls") as sender:
        with pytest.raises(DeliveryLater) as later:
            await send(sender)
        assert later.value.counts is False
    assert not any(line.startswith("MAIL") for line in relay.heard)


async def test_a_file_without_certificates_is_named_at_start(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing")
    with pytest.raises(SettingsInvalid, match=r"relay\.ca_file"):
        Sender(RelaySettings(tls="tls", ca_file=str(empty)), "mail.ejemplo.mx")

"""STARTTLS at the SMTP listener: what it shows, what it forgets, and what it refuses to start with."""

import asyncio
import logging
import smtplib
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from connections.tls import server_context
from desk.base.errors import SettingsInvalid
from intake.email import smtp
from intake.email.settings import SmtpAccountSettings
from tests.certificates import issue
from tests.channels.smtp_doors import PATIENCE_S, Client, open_door

ANA = SmtpAccountSettings(username="ana@cliente.example", password="contraseña")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return issue(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def tls(certificates: Path) -> ssl.SSLContext:
    return server_context(str(certificates / "right.pem"), str(certificates / "right.key"), "smtp")


@pytest.fixture
def trusting(certificates: Path) -> ssl.SSLContext:
    """What a client that knows the authority has."""
    return ssl.create_default_context(cafile=str(certificates / "ca.pem"))


async def protect(client: Client, trusting: ssl.SSLContext) -> None:
    """Go on under TLS after the 220."""
    await asyncio.wait_for(client.writer.start_tls(trusting, server_hostname="127.0.0.1"), PATIENCE_S)


@pytest.mark.anyio
async def test_a_mail_goes_under_tls_byte_for_byte(tls: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    raw = b"Subject: hola\r\n\r\n" + b"x" * 900 + b"\r\n"

    def submit(port: int) -> str:
        with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE_S) as client:
            client.ehlo()
            client.starttls(context=trusting)
            client.sendmail("ana@cliente.example", ["soporte@ejemplo.mx"], raw * 200)
            assert isinstance(client.sock, ssl.SSLSocket)
            return str(client.sock.version())

    async with open_door(tls=tls) as door:
        assert await asyncio.to_thread(submit, door.listener.port) in ("TLSv1.2", "TLSv1.3")
        (delivery,) = door.store.kept
    assert delivery.raw == raw * 200


@pytest.mark.anyio
async def test_starttls_is_offered_with_a_certificate_only_and_once(
    tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with open_door() as door:
        client = await door.knock()
        assert "STARTTLS" not in await client.greet()
        assert (await client.say("STARTTLS")).startswith("500 ")
    async with open_door(tls=tls) as door:
        client = await door.knock()
        assert "250-STARTTLS" in await client.greet()
        assert (await client.say("STARTTLS now")).startswith("501 ")
        assert (await client.say("STARTTLS")).startswith("220 ")
        await protect(client, trusting)
        assert "STARTTLS" not in await client.say("EHLO cliente.example")
        assert (await client.say("STARTTLS")).startswith("503 ")


@pytest.mark.anyio
async def test_nothing_said_before_tls_counts_after_it(tls: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async with open_door(tls=tls, accounts=(ANA,)) as door:
        client = await door.knock()
        await client.greet()
        await client.say("AUTH PLAIN AGFuYUBjbGllbnRlLmV4YW1wbGUAY29udHJhc2XDsWE=")
        assert (await client.say("MAIL FROM:<ana@cliente.example>")).startswith("250 ")
        assert (await client.say("RCPT TO:<soporte@ejemplo.mx>")).startswith("250 ")
        assert (await client.say("STARTTLS")).startswith("220 ")
        await protect(client, trusting)
        assert (await client.say("RCPT TO:<soporte@ejemplo.mx>")).startswith("503 ")
        assert (await client.say("MAIL FROM:<ana@cliente.example>")).startswith("503 5.5.1 Send EHLO")
        await client.say("EHLO cliente.example")
        assert (await client.say("MAIL FROM:<otra@cliente.example>")).startswith("250 "), "the login is forgotten too"


@pytest.mark.anyio
async def test_commands_sent_in_clear_behind_starttls_do_nothing(tls: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    async with open_door(tls=tls) as door:
        client = await door.knock()
        await client.greet()
        injected = b"EHLO evil.example\r\nMAIL FROM:<evil@evil.example>\r\nRCPT TO:<soporte@ejemplo.mx>\r\n"
        await client.send(b"STARTTLS\r\n" + injected)
        assert (await client.hear()).startswith("220 ")
        await protect(client, trusting)
        assert (await client.say("DATA")).startswith("503 "), "the first reply under TLS is to what came under TLS"
        await client.say("EHLO cliente.example")
        assert (await client.say("RCPT TO:<soporte@ejemplo.mx>")).startswith("503 ")


@pytest.mark.anyio
async def test_a_client_that_makes_no_tls_of_it_is_cut_and_others_go_on(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "TLS_HANDSHAKE_S", 0.05)
    async with open_door(tls=tls) as door:
        noisy, silent = await door.knock(), await door.knock()
        for client in (noisy, silent):
            await client.greet()
            assert (await client.say("STARTTLS")).startswith("220 ")
        await noisy.send(b"MAIL FROM:<evil@evil.example>\r\n")
        for client in (noisy, silent):
            assert b"250" not in await client.hear_rest()
        await door.until_sessions(0)
        assert door.listener.counters.refused["tls_failed"] >= 1
        other = await door.knock()
        assert "STARTTLS" in await other.greet()


@pytest.mark.anyio
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
async def test_an_older_tls_than_1_2_is_refused(tls: ssl.SSLContext, certificates: Path) -> None:
    assert tls.minimum_version is ssl.TLSVersion.TLSv1_2
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.load_verify_locations(certificates / "ca.pem")
    async with open_door(tls=tls) as door:
        client = await door.knock()
        await client.greet()
        await client.say("STARTTLS")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await protect(client, old)
        await door.until_sessions(0)


@pytest.mark.anyio
async def test_stopping_says_goodbye_under_tls_and_cuts_who_does_not_go(
    tls: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    async with open_door(tls=tls) as door:
        idle, busy = await door.knock(), await door.knock()
        for client in (idle, busy):
            await client.greet()
            await client.say("STARTTLS")
            await protect(client, trusting)
            await client.say("EHLO cliente.example")
        await busy.envelope()
        await busy.send(b"hola\r\n")
        await asyncio.wait_for(door.listener.stop(drain_s=0.05), PATIENCE_S)
        assert (await idle.hear()).startswith("421 ")
        assert not door.listener.sessions
        assert door.store.kept == []


@pytest.mark.anyio
async def test_stopping_amid_a_handshake_ends_it(tls: ssl.SSLContext) -> None:
    async with open_door(tls=tls) as door:
        client = await door.knock()
        await client.greet()
        assert (await client.say("STARTTLS")).startswith("220 ")
        await asyncio.wait_for(door.listener.stop(drain_s=0.5), PATIENCE_S)
        assert not door.listener.sessions
        assert await client.hear_rest() == b""


@pytest.mark.anyio
async def test_a_client_that_leaves_amid_a_handshake_holds_no_session(tls: ssl.SSLContext) -> None:
    async with open_door(tls=tls) as door:
        client = await door.knock()
        await client.greet()
        assert (await client.say("STARTTLS")).startswith("220 ")
        await client.close()
        await door.until_sessions(0)


def corrupt(certificates: Path, tmp_path: Path) -> dict[str, tuple[Path, Path, str]]:
    """Return pairs that serve nobody, each with what is said of it."""
    right, key = certificates / "right.pem", certificates / "right.key"
    torn = tmp_path / "torn.pem"
    torn.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    broken = tmp_path / "torn.key"
    broken.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    words = tmp_path / "words"
    words.write_text("no es PEM\n")
    return {
        "words for a certificate": (words, key, "smtp.certificate"),
        "a torn certificate": (torn, key, "smtp.certificate"),
        "words for a key": (right, words, "smtp.key"),
        "a torn key": (right, broken, "smtp.certificate"),
        "another's key": (right, certificates / "ca.key", "must be the key of smtp.certificate"),
        "a key under a passphrase": (right, certificates / "sealed.key", "passphrase"),
        "a folder": (right, tmp_path, "smtp.key"),
        "nothing": (tmp_path / "none", key, "smtp.certificate"),
    }


def test_a_pair_that_serves_nobody_is_one_problem_that_names_it(certificates: Path, tmp_path: Path) -> None:
    for name, (certificate, key, said) in corrupt(certificates, tmp_path).items():
        with pytest.raises(SettingsInvalid) as invalid:
            server_context(str(certificate), str(key), "smtp")
        (problem,) = invalid.value.problems
        assert said in str(problem), name
        assert "\n" not in str(problem), name


@pytest.mark.anyio
async def test_a_wrong_password_is_answered_later_and_nobody_else_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(smtp, "LOGIN_DELAY_S", 3600.0)
    caplog.set_level(logging.DEBUG)
    async with open_door(accounts=(ANA,)) as door:
        guesser, other = await door.knock(), await door.knock()
        await guesser.greet()
        await guesser.send(b"AUTH PLAIN AGFuYUBjbGllbnRlLmV4YW1wbGUAY2FuYXJpbw==\r\n")  # the password canario
        await other.greet()
        await other.say("AUTH PLAIN AGFuYUBjbGllbnRlLmV4YW1wbGUAY29udHJhc2XDsWE=")
        await other.envelope()
        assert (await other.say(".")).startswith("250 ")
        await asyncio.wait_for(door.listener.stop(drain_s=0.05), PATIENCE_S)
        assert b"535" not in await guesser.hear_rest()
        (delivery,) = door.store.kept
    assert delivery.authenticated_as == "ana@cliente.example"
    seen = caplog.text + capsys.readouterr().out
    assert "login_refused" in seen
    for secret in ("canario", "Y2FuYXJpbw", "contraseña", "Y29udHJhc2XDsWE"):
        assert secret not in seen


@pytest.mark.anyio
async def test_a_line_that_no_login_has_ends_the_session() -> None:
    async with open_door(accounts=(ANA,)) as door:
        client = await door.knock()
        await client.greet()
        await client.say("AUTH LOGIN")
        assert (await client.say("A" * 20_000)).startswith("501 ")
        await client.say("AUTH LOGIN")
        with suppress(ConnectionError):
            await client.send(b"A" * 200_000)
        assert b"235" not in await client.hear_rest()
        await door.until_sessions(0)

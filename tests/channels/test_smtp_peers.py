"""Who a client is to the listener: its address, whom a proxy names, and what one peer may hold."""

import asyncio
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.email import proxied
from intake.email.limits import SessionLimit, exempt_by
from intake.email.login import Accounts, Credentials, LoginMalformed, hear_login
from intake.email.settings import SmtpAccountSettings
from tests.channels.smtp_doors import open_door

LOOPBACK = (ip_network("127.0.0.0/8"),)
SOURCE = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\n"
OTHER = b"PROXY TCP4 192.0.2.8 198.51.100.1 40000 25\r\n"
BINARY = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x09\xc6\x33\x64\x01\x9c\x40\0\x19"
BINARY_IPV6 = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" + bytes.fromhex("20010db8" + "00" * 11 + "07") * 2 + b"\x9c\x40\0\x19"
)
BINARY_WITH_MORE = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x13\xc0\0\x02\x0a\xc6\x33\x64\x01\x9c\x40\0\x19\x04\0\x04abcd"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("header", "peer"),
    [
        (SOURCE, "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 25\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        (b"PROXY UNKNOWN 192.0.2.7 198.51.100.1 40000 25\r\n", "127.0.0.1"),
        (BINARY, "192.0.2.9"),
        (BINARY_IPV6, "2001:db8::7"),
        (BINARY_WITH_MORE, "192.0.2.10"),
        (BINARY.replace(b"\x21\x11", b"\x20\x00"), "127.0.0.1"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8" + b"/run/x".ljust(108, b"\0") * 2, "127.0.0.1"),
    ],
    ids=["1", "1-ipv6", "1-unknown", "1-unknown-with-addresses", "2", "2-ipv6", "2-with-more", "2-local", "2-unix"],
)
async def test_the_peer_of_a_mail_is_whom_the_proxy_names(header: bytes, peer: str) -> None:
    async with open_door(proxy=LOOPBACK) as door:
        client = await door.knock()
        await client.send(header + b"EHLO cliente.example\r\n")
        assert (await client.hear()).startswith("220 ")
        await client.hear()
        await client.envelope()
        assert (await client.say(".")).startswith("250 ")
        (delivery,) = door.store.kept
    assert delivery.peer == peer


BAD_HEADERS = (
    b"PROXY\r\n",
    b"PROXY TCP4 192.0.2.7\r\n",
    b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 99999\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\n",
    b"PROXY " + b"x" * 5000 + b"\r\n",
    BINARY.replace(b"\x21\x11", b"\x11\x11"),
    BINARY.replace(b"\0\x0c", b"\0\x04"),
    b"GET / HTTP/1.1\r\n\r\n",
)


@pytest.mark.anyio
@pytest.mark.parametrize("header", BAD_HEADERS, ids=lambda header: repr(header[:30]))
async def test_a_bad_header_ends_the_connection_without_a_word(header: bytes) -> None:
    async with open_door(proxy=LOOPBACK) as door:
        client = await door.knock()
        await client.send(header + b"EHLO cliente.example\r\n")
        assert await client.hear_rest() == b""
        await door.until_sessions(0)
        assert door.listener.counters.refused["proxy_header_malformed"] == 1


@pytest.mark.anyio
async def test_a_header_that_does_not_come_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(proxied, "PROXY_TIMEOUT_S", 0.02)
    async with open_door(proxy=LOOPBACK) as door:
        silent, leaving = await door.knock(), await door.knock()
        leaving.writer.write(b"PRO")
        leaving.writer.write_eof()
        assert await silent.hear_rest() == b""
        await door.until_sessions(0)
        assert door.listener.counters.refused == {"proxy_header_late": 1, "proxy_header_cut": 1}
    said = capsys.readouterr().out
    assert "session_refused" in said
    assert "session_failed" not in said


@pytest.mark.anyio
async def test_whom_a_proxy_names_holds_at_most_a_quarter_and_the_proxy_itself_more() -> None:
    async with open_door(is_exempt=lambda _peer: False, proxy=LOOPBACK, max_sessions=8) as door:
        words = []
        for header in (SOURCE, SOURCE, SOURCE, OTHER, OTHER, OTHER):
            client = await door.knock()
            await client.send(header)
            words.append((await client.hear())[:3])
        assert words == ["220", "220", "421", "220", "220", "421"]
        await door.clients[0].say("QUIT")
        await door.until_sessions(3)
        again = await door.knock()
        await again.send(SOURCE)
        assert (await again.hear()).startswith("220 ")


def test_a_share_is_a_quarter_and_exempt_peers_have_none() -> None:
    limit = SessionLimit(8, exempt_by((ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))))
    assert [limit.enter("192.0.2.7") for _ in range(3)] == [True, True, False]
    assert [limit.enter(peer) for peer in ("10.1.1.1",) * 3] == [True] * 3
    assert [limit.enter(peer) for peer in ("127.0.0.1", "::1", "::ffff:10.1.1.1")] == [True] * 3
    assert not limit.enter("2001:db8::7"), "the sessions in all bind everybody"
    limit.leave("192.0.2.7")
    assert limit.enter("192.0.2.7")
    assert limit.open == 8


def test_a_session_passed_on_counts_once_and_stays_where_there_is_no_room() -> None:
    limit = SessionLimit(8, lambda _peer: False)
    for _ in range(2):
        assert limit.enter("10.0.0.1", speaks_for_others=True)
        assert limit.pass_on("10.0.0.1", "192.0.2.7")
    assert limit.enter("10.0.0.1", speaks_for_others=True)
    assert not limit.pass_on("10.0.0.1", "192.0.2.7")
    assert limit.open == 3
    for peer in ("192.0.2.7", "192.0.2.7", "10.0.0.1"):
        limit.leave(peer)
    assert limit.open == 0
    assert limit.enter("192.0.2.7")


ANA = SmtpAccountSettings(username="Ana@cliente.example", password="contraseña")
LINES = st.one_of(st.binary(max_size=40), st.sampled_from([b"AGFuYQB4", b"*", b"=", b"AA==", b"YW5h"]))


@given(st.sampled_from(["PLAIN", "LOGIN"]), LINES, st.lists(LINES, min_size=2, max_size=2))
def test_whatever_a_client_says_is_a_login_or_none(mechanism: str, initial: bytes, lines: list[bytes]) -> None:
    asked: list[str] = []

    async def ask(challenge: str) -> bytes:
        asked.append(challenge)
        return lines[len(asked) - 1]

    async def hear() -> Credentials | None:
        try:
            return await hear_login(mechanism, initial, ask)
        except LoginMalformed:
            return None

    found = asyncio.run(hear())
    assert len(asked) <= len(lines)
    assert found is None or Accounts((ANA,)).login(found) == ""


def test_an_account_is_named_for_its_own_password_only_and_shows_it_nowhere() -> None:
    accounts = Accounts((ANA,))
    right = "contraseña".encode()
    assert accounts.login(Credentials("ANA@cliente.example", right)) == "Ana@cliente.example"
    assert accounts.login(Credentials("ana@cliente.example", right, "ana@cliente.example")) == "Ana@cliente.example"
    for wrong in (
        Credentials("ana@cliente.example", b""),
        Credentials("ana@cliente.example", right + b"x"),
        Credentials("", right),
        Credentials("otra@cliente.example", right),
        Credentials("ana@cliente.example", right, "jefe@ejemplo.mx"),
    ):
        assert accounts.login(wrong) == "", wrong
    assert "contrase" not in repr(Credentials("ana@cliente.example", right))
    assert not Accounts(())

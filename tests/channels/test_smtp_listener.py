"""The SMTP listener: what it takes, what it refuses and in which words, and what it never loses."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

import pytest
from aiosmtpd.smtp import SMTP

from desk.base.errors import ListenerBusy, StoreAway
from desk.base.names import Transport
from intake.email import limits, smtp
from intake.email.limits import BUFFERED_MAILS, SMALL_BYTES, is_loopback
from tests.channels.smtp_doors import PATIENCE_S, Client, Door, open_door

pytestmark = pytest.mark.anyio


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0)


def vanish(client: Client) -> None:
    """Have a client gone at once: a reset, no orderly end."""
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


async def test_a_mail_is_handed_on_byte_for_byte_with_its_envelope() -> None:
    raw = b"Subject: hola\r\n\r\n.una linea\r\n..dos\r\n" + b"x" * 5000 + b"\r\n\xff\x00\xe9\t\r\n\r\n"
    async with open_door() as door:
        client = await door.knock()
        await client.greet()
        await client.envelope(recipient="soporte+100425.abc@ejemplo.mx")
        await client.send(raw.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        assert (await client.hear()).startswith("250 ")
        await client.close()
        (delivery,) = door.store.kept
    assert delivery.raw == raw
    assert delivery.envelope_from == "ana@cliente.example"
    assert delivery.recipients == ("soporte+100425.abc@ejemplo.mx",)
    assert (delivery.transport, delivery.peer) == (Transport.SMTP, "127.0.0.1")


async def test_250_is_said_only_after_the_store_has_returned() -> None:
    async with open_door() as door:
        door.store.may_finish.clear()
        client = await door.knock()
        await client.greet()
        await client.envelope()
        await client.send(b"a\r\n.\r\n")
        await asyncio.wait_for(door.store.has_begun.wait(), PATIENCE_S)
        reply = asyncio.create_task(client.hear())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not reply.done()
        door.store.may_finish.set()
        assert (await reply).startswith("250 ")
        await client.close()


@pytest.mark.parametrize("error", [StoreAway("disk full at /var/lib"), RuntimeError("secret of the house")])
async def test_a_store_that_fails_is_451_and_tells_nothing_of_the_inside(error: Exception) -> None:
    async with open_door() as door:
        door.store.error = error
        client = await door.knock()
        await client.greet()
        await client.envelope()
        reply = await client.say("a\r\n.")
        assert reply.startswith("451 4.3.0 ")
        assert "secret" not in reply
        assert "disk" not in reply
        door.store.error = None
        await client.envelope()
        assert (await client.say("a\r\n.")).startswith("250 ")
        await client.close()
        assert door.listener.counters.accepted == 1


async def test_a_store_that_never_returns_is_451(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "STORE_TIMEOUT_S", 0.01)
    async with open_door() as door:
        door.store.may_finish.clear()
        client = await door.knock()
        await client.greet()
        await client.envelope()
        assert (await client.say("a\r\n.")).startswith("451 ")
        await client.close()


async def test_the_null_sender_is_the_empty_string() -> None:
    async with open_door() as door:
        client = await door.knock()
        await client.greet()
        await client.envelope(sender="")
        assert (await client.say("a\r\n.")).startswith("250 ")
        await client.close()
        assert door.store.kept[0].envelope_from == ""


async def test_a_client_that_half_closes_after_its_mail_loses_nothing_and_hears_the_reply() -> None:
    async with open_door() as door:
        for number in range(20):
            client = await door.knock()
            await client.send(
                b"EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<soporte@ejemplo.mx>\r\nDATA\r\n%d\r\n.\r\n" % number
            )
            client.writer.write_eof()
            said = await client.hear_all()
            assert b"\r\n250 2.0.0 Mail stored" in said
            await client.close()
        assert [delivery.raw for delivery in door.store.kept] == [b"%d\r\n" % number for number in range(20)]


async def test_a_client_that_vanishes_while_its_mail_is_stored_does_not_stop_the_store() -> None:
    async with open_door() as door:
        door.store.may_finish.clear()
        client = await door.knock()
        await client.greet()
        await client.envelope()
        await client.send(b"a\r\n.\r\n")
        await asyncio.wait_for(door.store.has_begun.wait(), PATIENCE_S)
        vanish(client)
        await until(lambda: not door.listener.sessions)
        assert door.listener.budget.held > 0
        door.store.may_finish.set()
        await until(lambda: bool(door.store.kept))


async def test_a_client_that_goes_in_the_middle_of_a_mail_stores_nothing() -> None:
    async with open_door() as door:
        client = await door.knock()
        await client.greet()
        await client.envelope()
        await client.send(b"half a mail\r\n")
        client.writer.write_eof()
        assert await client.hear_all() == b""
        await client.close()
        assert door.store.kept == []


async def test_a_whole_session_in_one_packet_is_answered_in_order() -> None:
    mail = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<soporte@ejemplo.mx>\r\nDATA\r\nhola\r\n.\r\n"
    async with open_door() as door:
        client = await door.knock()
        await client.send(b"EHLO a\r\n" + mail + mail + b"NOOP\r\nQUIT\r\n")
        codes = [line[:3] for line in (await client.hear_all()).decode().splitlines() if line[3:4] == " "]
        await client.close()
        assert codes == ["220", "250", *["250", "250", "354", "250"] * 2, "250", "221"]
        assert len(door.store.kept) == 2


async def test_only_the_desks_addresses_are_taken() -> None:
    async with open_door() as door:
        client = await door.knock()
        await client.greet()
        await client.say("MAIL FROM:<a@b.example>")
        for path in ("<nadie@ejemplo.mx>", "<soporte@otro.mx>", "<>", "<postmaster>", "<soporte@ejemplo.mx\x00>"):
            assert (await client.say(f"RCPT TO:{path}")).startswith("550 "), path
        assert (await client.say("DATA")).startswith("503 ")
        assert (await client.say("RCPT TO:<@relay.example:soporte@ejemplo.mx>")).startswith("250 ")
        await client.close()


async def test_a_mail_of_the_greatest_size_passes_and_one_byte_more_is_552_after_its_end() -> None:
    async with open_door(max_size=1024) as door:
        client = await door.knock()
        assert "250-SIZE 1024" in await client.greet()
        await client.envelope()
        assert (await client.say("x" * 1022 + "\r\n.")).startswith("250 ")
        await client.envelope()
        assert (await client.say("x" * 1023 + "\r\n.")).startswith("552 5.3.4 ")
        await client.envelope()
        assert (await client.say(("x" * 500 + "\r\n") * 2000 + ".")).startswith("552 5.3.4 ")
        assert (await client.say("MAIL FROM:<a@b.example> SIZE=1025")).startswith("552 5.3.4 ")
        assert (await client.say("MAIL FROM:<a@b.example> SIZE=1024")).startswith("250 ")
        await client.close()
        assert [len(delivery.raw) for delivery in door.store.kept] == [1024]
        assert door.listener.counters.refused["too_big"] == 2


async def test_one_recipient_too_many_is_452_and_the_same_one_twice_counts_once() -> None:
    async with open_door(max_recipients=2) as door:
        client = await door.knock()
        await client.greet()
        await client.say("MAIL FROM:<a@b.example>")
        for tag in ("1", "2", "1"):
            assert (await client.say(f"RCPT TO:<soporte+{tag}@ejemplo.mx>")).startswith("250 ")
        assert (await client.say("RCPT TO:<soporte+3@ejemplo.mx>")).startswith("452 4.5.3 ")
        await client.say("DATA")
        assert (await client.say(".")).startswith("250 ")
        await client.close()
        assert door.store.kept[0].recipients == ("soporte+1@ejemplo.mx", "soporte+2@ejemplo.mx")
        assert door.store.kept[0].raw == b""


async def test_one_session_too_many_is_421_and_room_comes_back() -> None:
    async with open_door(max_sessions=2) as door:
        first, second = await door.knock(), await door.knock()
        await first.greet()
        await second.greet()
        third = await door.knock()
        assert (await third.hear_all()).startswith(b"421 4.3.2 ")
        await third.close()
        await first.say("QUIT")
        await first.close()
        await until(lambda: len(door.listener.sessions) == 1)
        fourth = await door.knock()
        assert "SIZE" in await fourth.greet()
        await fourth.close()
        await second.close()


async def test_one_peer_holds_at_most_a_quarter_of_the_sessions() -> None:
    async with open_door(is_exempt=lambda _peer: False, max_sessions=8) as door:
        clients = [await door.knock() for _ in range(3)]
        first_words = [(await client.hear())[:3] for client in clients]
        assert first_words == ["220", "220", "421"]
        for client in clients:
            await client.close()


def test_loopback_is_known_in_every_spelling() -> None:
    assert [is_loopback(peer) for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.8.8")] == [True] * 4
    assert [is_loopback(peer) for peer in ("10.0.0.1", "::ffff:10.0.0.1", "", "localhost")] == [False] * 4


async def test_more_bytes_at_once_than_there_is_room_for_are_452_after_the_end_and_room_comes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "SMALL_BYTES_MAX", 8000)
    async with open_door() as door:
        clients = [await door.knock() for _ in range(3)]
        for client in clients:
            await client.greet()
            await client.envelope()
        for client in clients[:-1]:
            await client.send(LINES * 40)
        await until(lambda: door.listener.budget.held == 8000)
        await clients[-1].send(LINES * 40 + b".\r\n")
        assert (await clients[-1].hear()).startswith("452 4.3.1 ")
        for client in clients[:-1]:
            assert (await client.say(".")).startswith("250 ")
        await clients[-1].envelope()
        await clients[-1].send(LINES * 40 + b".\r\n")
        assert (await clients[-1].hear()).startswith("250 ")


LINES = b"x" * 98 + b"\r\n"
LARGE = LINES * (3 * SMALL_BYTES // len(LINES))
LARGE_MAX = 5 * SMALL_BYTES


async def with_room_taken(door: Door) -> list[Client]:
    """Return clients that have begun as many large mails as have room, of a size that nobody knows."""
    clients = [await door.knock() for _ in range(BUFFERED_MAILS)]
    for client in clients:
        await client.greet()
        await client.envelope()
        await client.send(LARGE)
    await until(lambda: door.listener.budget.held == BUFFERED_MAILS * LARGE_MAX)
    return clients


async def waiting_large(door: Door) -> Client:
    """Return a client that has sent a large mail to its end, which waits for room."""
    client = await door.knock()
    await client.greet()
    await client.envelope()
    await client.send(LARGE + b".\r\n")
    await until(lambda: door.listener.budget.room.is_wanted)
    return client


async def test_a_large_mail_waits_for_room_unread_and_a_small_one_goes_on_meanwhile() -> None:
    async with open_door(max_size=LARGE_MAX) as door:
        first, *_ = await with_room_taken(door)
        waits = await waiting_large(door)
        small = await door.knock()
        await small.greet()
        await small.envelope()
        assert (await small.say("hola\r\n.")).startswith("250 ")
        assert door.listener.budget.room.is_wanted
        assert (await first.say(".")).startswith("250 ")
        assert (await waits.hear()).startswith("250 ")


async def test_a_large_mail_that_no_room_was_found_for_in_time_is_452_and_taken_when_it_is_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "ROOM_WAIT_S", 0.05)
    async with open_door(max_size=LARGE_MAX) as door:
        first, *_ = await with_room_taken(door)
        waits = await waiting_large(door)
        assert (await waits.hear()).startswith("452 4.3.1 ")
        assert (await first.say(".")).startswith("250 ")
        await waits.envelope()
        await waits.send(LARGE + b".\r\n")
        assert (await waits.hear()).startswith("250 ")


async def test_a_large_mail_that_comes_slowly_gives_its_room_to_one_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TURN_S", 0.02)
    monkeypatch.setattr(limits, "TURN_LOOK_S", 0.01)
    async with open_door(max_size=LARGE_MAX) as door:
        slow = await with_room_taken(door)
        await asyncio.sleep(0.1)  # longer than their time: nobody wants their room
        assert door.listener.budget.held == BUFFERED_MAILS * LARGE_MAX
        waits = await waiting_large(door)
        assert (await waits.hear()).startswith("250 ")
        replies = [(await client.say("."))[:3] for client in slow]
        assert "452" in replies
        assert set(replies) <= {"250", "452"}


async def test_a_large_mail_that_tells_its_size_takes_no_more_room_than_it_needs() -> None:
    async with open_door(max_size=2 * LARGE_MAX) as door:
        clients = [await door.knock() for _ in range(BUFFERED_MAILS + 1)]
        for client in clients:
            await client.greet()
            assert (await client.say(f"MAIL FROM:<ana@cliente.example> SIZE={len(LARGE)}")).startswith("250 ")
            assert (await client.say("RCPT TO:<soporte@ejemplo.mx>")).startswith("250 ")
            assert (await client.say("DATA")).startswith("354 ")
            await client.send(LARGE)
        told = len(LARGE) + len(LARGE) // limits.DECLARED_PART
        await until(lambda: door.listener.budget.held == len(clients) * told)
        for client in clients:
            assert (await client.say(".")).startswith("250 ")
        assert [len(delivery.raw) for delivery in door.store.kept] == [len(LARGE)] * len(clients)


async def test_a_client_that_goes_while_its_mail_waits_for_room_leaves_nothing() -> None:
    async with open_door(max_size=LARGE_MAX) as door:
        await with_room_taken(door)
        waits = await waiting_large(door)
        vanish(waits)
        await until(lambda: not door.listener.budget.room.is_wanted)


async def test_a_silent_client_is_told_and_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "COMMAND_TIMEOUT_S", 0.02)
    monkeypatch.setattr(smtp, "CLOSE_GRACE_S", 0.01)
    async with open_door() as door:
        client = await door.knock()
        assert b"421 4.4.2 " in await client.hear_all()
        await client.close()


async def test_blocks_of_a_slow_mail_reset_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "KEEP_ALIVE_S", 0.0)
    async with open_door() as door:
        client = await door.knock()
        await client.greet()
        await client.envelope()
        (session,) = door.listener.sessions
        handles = set()
        for number in range(3):
            await client.send(b"slow\r\n")
            await until(lambda seen=6 * (number + 1): door.listener.budget.held == seen)  # type: ignore[misc]
            handles.add(session._timeout_handle)
        assert len(handles) == 3
        await client.close()


async def test_an_old_session_begins_no_new_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_door() as door:
        client = await door.knock()
        await client.greet()
        monkeypatch.setattr(smtp, "SESSION_NEW_MAIL_S", -1.0)
        assert (await client.say("MAIL FROM:<a@b.example>")).startswith("421 4.4.2 ")
        assert await client.hear_all() == b""
        await client.close()


async def test_no_stream_of_good_commands_keeps_a_session_beyond_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SESSION_MAX_S", 0.05)
    async with open_door() as door:
        client = await door.knock()
        await client.greet()
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):  # a command that crosses the goodbye makes TCP reset and may swallow it
                while (reply := await client.say("NOOP")).startswith("250 "):
                    pass
                assert reply == "" or reply.startswith("421 4.4.2 ")
        await until(lambda: not door.listener.sessions)


async def test_a_client_of_refused_commands_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "REFUSAL_MAX", 3)
    async with open_door() as door:
        client = await door.knock()
        await client.greet()
        await client.say("MAIL FROM:<a@b.example>")
        await client.send(b"RCPT TO:<x@y.example>\r\n" * 10)
        said = (await client.hear_all()).decode().splitlines()
        assert [line[:3] for line in said] == ["550"] * 4 + ["421"]
        await client.close()


async def test_what_clients_say_never_grows_a_shared_table() -> None:
    before = dict(SMTP.command_size_limits)  # a stand-in of another test may have grown it
    async with open_door() as door:
        client = await door.knock()
        for number in range(50):
            await client.say(f"EHLO a{number}")
            await client.send(b"%05d" % number + b"X" * 2000 + b"\r\n")
        await client.say("NOOP")
        (session,) = door.listener.sessions
        assert not session.command_size_limits
        assert before == SMTP.command_size_limits
        await client.close()


async def test_stopping_finishes_the_mail_on_its_way_and_says_goodbye_to_idle_clients() -> None:
    async with open_door() as door:
        idle, busy = await door.knock(), await door.knock()
        await idle.greet()
        await busy.greet()
        await busy.envelope()
        await busy.send(b"hola\r\n")
        await until(lambda: door.listener.budget.held == 6)
        stopping = asyncio.create_task(door.listener.stop(drain_s=5.0))
        assert (await idle.hear_all()).startswith(b"421 4.3.2 ")
        with pytest.raises(ConnectionRefusedError):
            await door.knock()
        await busy.send(b".\r\n")
        assert (await busy.hear()).startswith("250 ")
        assert (await busy.hear_all()).startswith(b"421 4.3.2 ")
        await asyncio.wait_for(stopping, PATIENCE_S)
        assert [delivery.raw for delivery in door.store.kept] == [b"hola\r\n"]
        for client in (idle, busy):
            await client.close()


async def test_stopping_cuts_what_does_not_finish_in_time() -> None:
    async with open_door() as door:
        client = await door.knock()
        await client.greet()
        await client.envelope()
        await client.send(b"hola\r\n")
        await asyncio.wait_for(door.listener.stop(drain_s=0.01), PATIENCE_S)
        assert not door.listener.sessions
        await client.close()
        assert door.store.kept == []


async def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ListenerBusy, match=rf"^smtp\.port: cannot listen on 127\.0\.0\.1 port {port} \(.*\); stop"):
            async with open_door(bind_port=port):
                pass


async def test_a_client_that_reads_no_reply_holds_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "COMMAND_TIMEOUT_S", 0.1)
    monkeypatch.setattr(smtp, "CLOSE_GRACE_S", 0.05)
    async with open_door() as door:
        client: Client = await door.knock()
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        client.writer.write(b"HELP\r\n" * 200_000)
        await until(lambda: door.listener.counters.sessions == 1)
        await until(lambda: not door.listener.sessions)
        client.writer.transport.abort()
        await client.close()

"""The fallback relay: used in each case that the contract names, and never after a content without a reply."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from desk.base.errors import DeliveryLater, DeliveryRefused
from responders.mail import relays as module
from responders.mail import sender, session
from responders.mail.relays import Relays
from responders.mail.sender import Sender
from responders.mail.settings import RelayServerSettings
from tests.channels.fake_relay import CONTENT, FakeRelay, fake_relay
from tests.engines import free_port

pytestmark = pytest.mark.anyio

MAIL = b"Subject: INC-100425\r\n\r\nhola\r\n"
Change = Callable[[FakeRelay], object]


@dataclass
class Pair:
    """Two relays on real sockets, and the way out over them."""

    first: FakeRelay
    second: FakeRelay
    way: Relays

    async def send(self, *, may_have_left: bool = False) -> str:
        """Send a mail and return which relay took it."""
        taken = await asyncio.wait_for(
            self.way.send("b@x.example", "a@y.example", MAIL, may_have_left=may_have_left), 10
        )
        return taken.relay


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_S", (0.02, 0.05))
    monkeypatch.setattr(sender, "CONNECT_TIMEOUT_S", 0.2)
    for name in ("COMMAND_TIMEOUT_S", "DATA_TIMEOUT_S"):
        monkeypatch.setattr(session, name, 0.2)


@asynccontextmanager
async def pair(*, is_first_up: bool = True, **settings: Any) -> AsyncIterator[Pair]:
    """Let two relays stand, `run` going; the first on a port that nobody holds when it is not up."""
    first, second = FakeRelay(), FakeRelay()
    async with AsyncExitStack() as stack:
        if is_first_up:
            await stack.enter_async_context(fake_relay(first))
        else:
            first.port = free_port()
        await stack.enter_async_context(fake_relay(second))
        way = Relays(
            Sender(RelayServerSettings(port=first.port, **settings), "mail.ejemplo.mx"),
            Sender(RelayServerSettings(port=second.port), "mail.ejemplo.mx", "relay.fallback"),
        )
        probing = asyncio.create_task(way.run())
        try:
            yield Pair(first, second, way)
        finally:
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)
            await way.close()


async def until_back(one: Pair) -> None:
    async with asyncio.timeout(10):
        while one.way.is_on_fallback:
            await asyncio.sleep(0.005)


async def test_the_first_relay_carries_while_it_stands() -> None:
    async with pair() as one:
        assert await one.send() == "relay"
        assert one.second.connections == 0


async def test_an_unreachable_relay_is_passed_over_and_preferred_again_once_it_is_back() -> None:
    async with pair(is_first_up=False) as one:
        assert await one.send() == "relay.fallback"
        assert one.way.is_on_fallback
        async with fake_relay(one.first):
            await until_back(one)
            assert await one.send() == "relay"
        assert one.way.taken == {"relay": 1, "relay.fallback": 1}


@pytest.mark.parametrize("moment", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", ["450 4.2.0 not now", "421 4.3.2 going down"])
async def test_a_relay_that_says_4xx_before_the_content_is_passed_over(moment: str, reply: str) -> None:
    async with pair() as one:
        one.first.replies = {moment: reply, "HELO": reply}
        assert await one.send() == "relay.fallback"
        assert (len(one.first.mails), len(one.second.mails)) == (0, 1)


@pytest.mark.parametrize("trouble", ["tears", "hangs"])
@pytest.mark.parametrize("moment", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_relay_that_tears_or_falls_silent_before_the_content_is_passed_over(trouble: str, moment: str) -> None:
    async with pair() as one:
        setattr(one.first, trouble, {moment})
        assert await one.send() == "relay.fallback"
        assert (len(one.first.mails), len(one.second.mails)) == (0, 1)


async def test_a_relay_that_refuses_the_login_is_passed_over() -> None:
    async with pair(username="soporte", password="mal") as one:
        one.first.offers, one.first.login = ["AUTH PLAIN"], ("soporte", "bien")
        assert await one.send() == "relay.fallback"
        assert one.way.is_on_fallback


async def test_a_relay_without_the_tls_that_is_set_is_passed_over() -> None:
    async with pair(tls="starttls") as one:
        assert await one.send() == "relay.fallback"
        assert not any(line.startswith("MAIL") for line in one.first.heard)


@pytest.mark.parametrize("trouble", ["tears", "hangs"])
async def test_a_content_without_a_reply_is_never_given_to_the_fallback(trouble: str) -> None:
    async with pair() as one:
        setattr(one.first, trouble, {CONTENT})
        with pytest.raises(DeliveryLater) as later:
            await one.send()
        assert (later.value.data_sent, one.second.connections) == (True, 0)
        assert len(one.first.mails) == 1


async def test_a_content_that_was_answered_4xx_waits_for_its_own_relay() -> None:
    async with pair() as one:
        one.first.replies = {CONTENT: "451 4.3.0 disk"}
        with pytest.raises(DeliveryLater, match="disk"):
            await one.send()
        assert one.second.connections == 0


@pytest.mark.parametrize("is_first_up", [True, False])
async def test_a_mail_that_the_first_may_have_is_its_alone_and_stops_nobody_else(is_first_up: bool) -> None:
    async with pair(is_first_up=is_first_up) as one:
        if is_first_up:
            one.first.replies = {"RCPT": "450 4.2.0 not now"}
        with pytest.raises(DeliveryLater) as later:
            await one.send(may_have_left=True)
        assert (later.value.counts, later.value.is_alone) == (is_first_up, not is_first_up)
        assert await one.send() == "relay.fallback"
        assert len(one.second.mails) == 1


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA", CONTENT])
async def test_a_refusal_for_good_is_not_asked_of_the_fallback(moment: str) -> None:
    async with pair() as one:
        one.first.replies = {moment: "550 5.1.1 no such user"}
        with pytest.raises(DeliveryRefused):
            await one.send()
        assert one.second.connections == 0


async def test_a_relay_that_is_away_is_not_asked_by_each_mail() -> None:
    async with pair() as one:
        one.first.hangs = {"EHLO"}
        found = await asyncio.gather(*(one.send() for _ in range(60)))
        assert set(found) == {"relay.fallback"}
        assert one.first.connections < 30


@pytest.mark.parametrize(("first", "counts"), [(None, False), ("450 4.2.0 not now", True)])
async def test_with_both_away_rows_wait_but_a_word_about_the_mail_is_an_attempt(
    first: str | None, counts: bool
) -> None:
    async with pair(is_first_up=first is not None) as one:
        one.second.replies = {"CONNECT": "421 no", "EHLO": "421 no"}
        if first is not None:
            one.first.replies = {"RCPT": first}
        with pytest.raises(DeliveryLater) as later:
            await one.send()
        assert (later.value.counts, later.value.is_alone) == (counts, False)


async def test_a_relay_that_greets_but_takes_no_mail_is_not_back() -> None:
    async with pair() as one:
        one.first.replies = {"MAIL": "421 4.3.2 full"}
        assert await one.send() == "relay.fallback"
        async with asyncio.timeout(10):
            while one.first.connections < 4:
                await asyncio.sleep(0.005)
        assert one.way.is_on_fallback
        one.first.replies = {}
        await until_back(one)
        assert await one.send() == "relay"

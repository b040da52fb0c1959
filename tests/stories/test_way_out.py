"""What is owed goes out: later and never apart, the same bytes at every attempt, nothing dropped (DESIGN 9)."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice

import pytest
from aiosmtpd.smtp import Envelope

from desk.ledger.load import instant
from responders.outbox import GIVE_UP_AFTER, RETRY_AFTER, RETRY_HOURLY, RETRY_SPREAD
from tests.engines import free_port
from tests.relay import Relay, relay
from tests.stories.house import ANA, FIRST_CONSULTANT, House, house, written

pytestmark = pytest.mark.anyio

LATER = "451 4.3.0 busy, later"
NEVER = "550 5.1.1 no such user"
A_MOMENT = timedelta(milliseconds=1)
REPLIED = b"Auto-Submitted: auto-replied"


class Refusing:
    """Refuses what goes to Ana, and keeps what it was given."""

    def __init__(self, reply: str) -> None:
        self.reply: str | None = reply
        self.tried: list[bytes] = []

    def __call__(self, envelope: Envelope) -> str | None:
        if envelope.rcpt_tos != [ANA]:
            return None
        assert isinstance(envelope.content, bytes)
        self.tried.append(envelope.content)
        return self.reply

    @property
    def answers(self) -> list[bytes]:
        """The contents that answer her mail; a time that passed meanwhile is told by a mail of its own."""
        return [content for content in self.tried if REPLIED in content]


async def acknowledgement(one: House) -> tuple[str, int, str]:
    """Return status, attempts and last reply of the answer to Ana."""
    (row,) = await one.rows("SELECT status, attempts, last_reply FROM owed WHERE kind = 'acknowledgement'")
    return row[0], row[1], row[2]


async def until_next_attempt(one: House) -> timedelta:
    """Let the time pass until the answer's next attempt; not a moment before it there was none. Return the wait."""
    (row,) = await one.rows("SELECT not_before, attempts FROM owed WHERE kind = 'acknowledgement'")
    at = instant(row[0])
    assert at is not None
    wait = at - one.clock.now()
    await one.jump(wait - A_MOMENT)
    assert (await acknowledgement(one))[1] == row[1]
    await one.jump(A_MOMENT)
    return wait


def waits() -> Iterator[timedelta]:
    yield from RETRY_AFTER
    while True:
        yield RETRY_HOURLY


async def test_an_answer_refused_for_now_goes_again_at_set_times_with_the_same_bytes(engine_url: str) -> None:
    refusing = Refusing(LATER)
    async with house(engine_url) as one:
        one.relay.answer = refusing
        await one.take(written())
        assert await acknowledgement(one) == ("queued", 1, LATER)
        assert len(one.relay.to(FIRST_CONSULTANT)) == 1
        for attempt, expected in zip(range(2, 8), waits(), strict=False):
            wait = await until_next_attempt(one)
            assert expected * (1 - RETRY_SPREAD) <= wait <= expected * (1 + RETRY_SPREAD)
            assert (await acknowledgement(one))[1] == attempt
        refusing.reply = None
        await until_next_attempt(one)
        assert (await acknowledgement(one))[0] == "sent"
        assert len(set(refusing.answers)) == 1
        assert len(refusing.answers) == 8
        assert len([mail for mail in one.relay.to(ANA) if REPLIED in mail.content]) == 1
        assert await one.held() == []


async def test_an_answer_refused_for_now_is_given_up_after_two_days_and_held(engine_url: str) -> None:
    async with house(engine_url, expects=["delivery_given_up"]) as one:
        one.relay.answer = Refusing(LATER)
        began = one.clock.now()
        await one.take(written())
        while (await acknowledgement(one))[0] == "queued":
            await until_next_attempt(one)
        status, attempts, _ = await acknowledgement(one)
        assert status == "given_up"
        expected = sum(islice(waits(), attempts - 1), timedelta())
        assert GIVE_UP_AFTER <= expected < GIVE_UP_AFTER + RETRY_HOURLY
        spread = expected * RETRY_SPREAD
        assert expected - spread <= one.clock.now() - began <= expected + spread
        (row,) = await one.rows("SELECT reason, explanation, owed_id, incident_id FROM held")
        assert (row[0], row[1]) == ("given_up", LATER)
        assert row[2] == await one.count("SELECT id FROM owed WHERE kind = 'acknowledgement'")
        assert row[3] == await one.incident()
        assert await one.count("SELECT count(*) FROM promises WHERE told_at IS NOT NULL") == 0


async def test_an_answer_refused_for_good_is_held_and_never_tried_again(engine_url: str) -> None:
    refusing = Refusing(NEVER)
    async with house(engine_url, expects=["delivery_refused"]) as one:
        one.relay.answer = refusing
        await one.take(written())
        assert await acknowledgement(one) == ("refused", 1, NEVER)
        assert await one.held() == ["refused"]
        assert len(one.relay.to(FIRST_CONSULTANT)) == 1
        await one.jump(timedelta(days=3))
        assert len(refusing.tried) == 1


@pytest.fixture
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responders.outbox.PROBE_S", (0.02, 0.05))


async def probed(one: House, times: int) -> None:
    """Wait until the relay was found away so many times."""
    import asyncio

    async with asyncio.timeout(10):
        while len(one.said("relay_away")) < times:
            await asyncio.sleep(0.005)


async def test_a_relay_that_is_away_costs_no_attempts_and_loses_nothing(engine_url: str, quick_probes: None) -> None:
    absent = Relay(port=free_port())
    async with house(engine_url, relay_of=absent) as one:
        await one.send(written())
        await probed(one, 5)
        one.clock.advance(GIVE_UP_AFTER + timedelta(hours=1))
        await probed(one, 10)
        assert await acknowledgement(one) == ("queued", 0, "")
        async with relay(absent.port) as back:
            await back.until(2)
            await one.settle()
            assert (await acknowledgement(one))[:2] == ("sent", 1)
            assert len(back.to(ANA)) == len(back.to(FIRST_CONSULTANT)) == 1
            assert await one.held() == []


async def test_a_relay_that_turns_everybody_down_is_away(engine_url: str, quick_probes: None) -> None:
    async with house(engine_url) as one:
        one.relay.answer = lambda _envelope: "421 4.3.2 shutting down"
        await one.send(written())
        await probed(one, 4)
        assert await acknowledgement(one) == ("queued", 0, "")
        one.relay.answer = lambda _envelope: None
        await one.relay.until(2)
        await one.settle()
        assert (await acknowledgement(one))[:2] == ("sent", 1)


async def test_what_a_stopped_house_owed_is_sent_by_the_next_one(engine_url: str) -> None:
    refusing = Refusing(LATER)
    async with relay() as sink:
        sink.answer = refusing
        async with house(engine_url, relay_of=sink) as one:
            await one.take(written())
            clock = one.clock
        refusing.reply = None
        clock.advance(timedelta(minutes=1))
        async with house(engine_url, relay_of=sink, clock=clock) as again:
            await again.node.due.look()
            await again.settle()
            assert (await acknowledgement(again))[:2] == ("sent", 2)
        assert len(set(refusing.tried)) == 1
        assert len(sink.to(ANA)) == 1


async def test_a_refused_notice_does_not_stop_the_answer(engine_url: str) -> None:
    def refuse(envelope: Envelope) -> str | None:
        return NEVER if envelope.rcpt_tos == [FIRST_CONSULTANT] else None

    answer: Callable[[Envelope], str | None] = refuse
    async with house(engine_url, expects=["delivery_refused"]) as one:
        one.relay.answer = answer
        await one.take(written())
        assert len(one.relay.to(ANA)) == 1
        assert await one.held() == ["refused"]

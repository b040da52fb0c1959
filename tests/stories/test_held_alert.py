"""The managers hear of held mail behind which somebody may wait: within fifteen support minutes, many in one mail."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from desk.base.names import Verdict
from desk.ledger.copies import COPY_KEY, MARK
from desk.ledger.statements import Run, Steps
from desk.verbs.held import DecideHeld
from tests.ledger.desks import SetClock
from tests.relay import relay
from tests.stories.house import ANA, House, house, written
from tests.stories.test_digest import MANAGER, TWO_MANAGERS, until

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 24, 18, tzinfo=UTC)
EVENING = datetime(2026, 11, 25, 0, 50, tzinfo=UTC)
"""Ten minutes before the desk closes."""
MORNING = datetime(2026, 11, 25, 15, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
SEVERAL = "Ana <ana@cliente.mx>, Beto <beto@otro.mx>"


async def doubtful(one: House, n: int = 1, subject: str = "No abre el portal") -> None:
    """A mail that is held for a doubt."""
    await one.take(written(f"Ayuda {n}", sender=SEVERAL, subject=subject, message_id=f"<d{n}@cliente.mx>"))


async def alerts(one: House) -> int:
    return await one.count("SELECT count(*) FROM owed WHERE kind = 'alert'")


async def test_what_is_held_for_a_doubt_is_told_within_fifteen_minutes_many_in_one_mail(engine_url: str) -> None:
    async with house(engine_url, clock=SetClock(NOON)) as one:
        for n in range(3):
            await doubtful(one, n, f"Asunto {n}")
            await one.jump(timedelta(minutes=2))
        assert one.relay.to(MANAGER) == []
        await until(one, NOON + QUARTER)
        (told,) = one.relay.to(MANAGER)
        ids = [row[0] for row in await one.rows("SELECT id FROM held ORDER BY id")]
        for n, item in enumerate(ids):
            assert f"n.º {item}, de {ANA}: Asunto {n}." in told.text
        assert "dice venir de varios remitentes" in told.text
        assert f"ventanilla held release {ids[0]}" in told.text
        assert str(told.mail["Auto-Submitted"]) == "auto-generated"
        await one.jump(timedelta(hours=3))
        assert len(one.relay.to(MANAGER)) == 1
        await doubtful(one, 9)
        await one.jump(QUARTER)
        assert len(one.relay.to(MANAGER)) == 2
        assert "Además siguen sin decidir 3" in one.relay.to(MANAGER)[1].text


async def test_a_list_a_loop_and_a_strangers_bounce_wait_for_the_daily_summary(engine_url: str) -> None:
    async with house(engine_url, clock=SetClock(NOON)) as one:
        await one.take(written(List_Id="<todos.cliente.mx>"))
        await one.take(written(sender="soporte@ejemplo.mx", message_id="<o@cliente.mx>"))
        await one.jump(timedelta(hours=2))
        assert await one.held() == ["list", "own_mail"]
        assert await alerts(one) == 0
        await until(one, MORNING)
        assert len(one.relay.to(MANAGER)) == 1


async def test_nothing_is_told_outside_support_hours(engine_url: str) -> None:
    async with house(engine_url, clock=SetClock(EVENING)) as one:
        await doubtful(one)
        for _ in range(14):
            await one.jump(timedelta(hours=1))
            assert await alerts(one) == 0
        await until(one, MORNING + QUARTER)
        assert await alerts(one) == 1


async def test_what_would_be_due_as_the_desk_closes_is_told_at_its_opening(engine_url: str) -> None:
    async with house(engine_url, clock=SetClock(EVENING - timedelta(minutes=4))) as one:
        await doubtful(one)
        await until(one, EVENING + timedelta(minutes=10))
        await one.jump(timedelta(seconds=5))
        assert await alerts(one) == 0
        await until(one, MORNING)
        assert await alerts(one) == 1


async def test_when_no_node_ran_at_the_time_it_is_told_at_the_next_opening(engine_url: str) -> None:
    clock = SetClock(NOON)
    async with relay() as sink:
        async with house(engine_url, relay_of=sink, clock=clock) as one:
            await doubtful(one)
        clock.advance(timedelta(hours=9))
        async with house(engine_url, relay_of=sink, clock=clock) as later:
            await later.node.due.look()
            assert await alerts(later) == 0
            await until(later, MORNING)
            assert await alerts(later) == 1


async def test_what_was_decided_in_time_is_told_to_nobody(engine_url: str) -> None:
    async with house(engine_url, clock=SetClock(NOON)) as one:
        await doubtful(one)
        await doubtful(one, 2, "Otro asunto")
        (first, _) = await one.rows("SELECT id FROM held ORDER BY id")
        await one.node.commit.perform(DecideHeld(one.node.commit, first[0], Verdict.DISCARDED, "olga"))
        await one.jump(QUARTER)
        (told,) = one.relay.to(MANAGER)
        assert "Otro asunto" in told.text
        assert "No abre el portal" not in told.text


async def test_every_manager_is_told_in_their_language_and_looks_at_once_tell_once(engine_url: str) -> None:
    async with house(engine_url, clock=SetClock(NOON), more=TWO_MANAGERS) as one:
        await doubtful(one)
        one.clock.advance(QUARTER)
        await asyncio.gather(*(one.node.due.look() for _ in range(5)))
        await one.settle()
        for address, language in (("jefa@mesa.example", "es"), ("boss@mesa.example", "en")):
            (told,) = one.relay.to(address)
            assert told.mail["Content-Language"] == language
        assert one.relay.to("asesora@mesa.example") == []


async def test_a_refused_answer_is_told_and_a_refused_alert_calls_for_no_other(engine_url: str) -> None:
    async with house(engine_url, clock=SetClock(NOON), expects=["delivery_refused"]) as one:
        one.relay.answer = lambda envelope: "554 no" if envelope.rcpt_tos in ([ANA], [MANAGER]) else None
        await one.take(written())
        await one.jump(QUARTER)
        assert await alerts(one) == 1
        assert await one.held() == ["refused", "refused"]
        await one.jump(timedelta(hours=1))
        assert await alerts(one) == 1


async def test_what_a_restored_copy_holds_back_is_told_at_once_in_support_hours(engine_url: str) -> None:
    clock = SetClock(NOON)
    async with relay() as sink:
        async with house(engine_url, relay_of=sink, clock=clock) as one:
            sink.answer = lambda _envelope: "451 4.3.0 later"
            await one.take(written())
            await one.node.commit.run(mark_as_copy(clock.now()))
        clock.advance(timedelta(hours=1))
        sink.answer = lambda _envelope: None
        async with house(engine_url, relay_of=sink, clock=clock) as restored:
            assert await restored.held() == ["restored", "restored"]
            await restored.node.due.look()
            await restored.settle()
            (told,) = sink.to(MANAGER)
            assert "la base se restauró de una copia" in told.text
            assert sink.to(ANA) == []


def mark_as_copy(at: datetime) -> Steps[None]:
    """Do what `backup` does to the file that it writes."""
    yield Run(MARK, (COPY_KEY, at))

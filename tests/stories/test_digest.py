"""The daily summary: each manager hears once a support day what is open, late and held, whatever happened meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.ledger.desks import SetClock
from tests.relay import relay
from tests.stories.house import TUESDAY_NOON, House, house, written

pytestmark = pytest.mark.anyio

MANAGER = "gerente@ejemplo.mx"
WEDNESDAY_NINE = datetime(2026, 11, 25, 15, tzinfo=UTC)
FRIDAY_NOON = datetime(2026, 11, 27, 18, tzinfo=UTC)
TWO_MANAGERS = {
    "VENTANILLA_CONSULTANTS__0__EMAIL": "asesora@mesa.example",
    "VENTANILLA_CONSULTANTS__0__NAME": "Asesora",
    "VENTANILLA_CONSULTANTS__0__QUEUE": "desk",
    "VENTANILLA_CONSULTANTS__1__EMAIL": "jefa@mesa.example",
    "VENTANILLA_CONSULTANTS__1__NAME": "Jefa",
    "VENTANILLA_CONSULTANTS__1__QUEUE": "operations",
    "VENTANILLA_CONSULTANTS__1__ROLE": "manager",
    "VENTANILLA_CONSULTANTS__2__EMAIL": "boss@mesa.example",
    "VENTANILLA_CONSULTANTS__2__NAME": "Boss",
    "VENTANILLA_CONSULTANTS__2__QUEUE": "development",
    "VENTANILLA_CONSULTANTS__2__ROLE": "manager",
    "VENTANILLA_CONSULTANTS__2__LANGUAGE": "en",
}


async def until(one: House, moment: datetime) -> None:
    await one.jump(moment - one.clock.now())


async def summaries(one: House) -> int:
    return await one.count("SELECT count(*) FROM owed WHERE kind = 'digest'")


async def test_a_manager_hears_at_the_opening_what_is_open_late_and_held(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written("Nadie puede timbrar, el portal está caído.", subject="Sistema caído"))
        await one.take(written(message_id="<n@cliente.mx>", List_Id="<novedades.cliente.mx>", subject="Novedades"))
        await until(one, WEDNESDAY_NINE - timedelta(seconds=1))
        assert one.relay.to(MANAGER) == []
        await until(one, WEDNESDAY_NINE)
        (summary,) = one.relay.to(MANAGER)
        number = str(await one.incident())
        assert number in summary.text
        assert "Sistema caído" in summary.text
        assert "Novedades" in summary.text
        assert str(summary.mail["Auto-Submitted"]) == "auto-generated"
        await one.jump(timedelta(hours=3))
        assert len(one.relay.to(MANAGER)) == 1


async def test_a_desk_with_nothing_to_tell_says_nothing(engine_url: str) -> None:
    async with house(engine_url) as one:
        await until(one, WEDNESDAY_NINE)
        assert await summaries(one) == 0


async def test_what_came_after_the_opening_belongs_to_the_next_day(engine_url: str) -> None:
    clock = SetClock(TUESDAY_NOON)
    async with relay() as sink:
        async with house(engine_url, relay_of=sink, clock=clock) as one:
            await one.take(written())
        async with house(engine_url, relay_of=sink, clock=clock) as again:
            await again.node.due.look()
            assert await summaries(again) == 0


async def test_a_restart_tells_no_summary_twice_and_a_long_absence_only_the_present_days(engine_url: str) -> None:
    clock = SetClock(TUESDAY_NOON)
    async with relay() as sink:
        async with house(engine_url, relay_of=sink, clock=clock) as one:
            await one.take(written())
            await until(one, WEDNESDAY_NINE)
            assert await summaries(one) == 1
        async with house(engine_url, relay_of=sink, clock=clock) as again:
            await again.jump(timedelta(minutes=1))
            assert await summaries(again) == 1
        clock.advance(FRIDAY_NOON - clock.now())
        for _ in range(2):
            async with house(engine_url, relay_of=sink, clock=clock) as later:
                await later.jump(timedelta(minutes=1))
                assert await summaries(later) == 2
                assert len(sink.to(MANAGER)) == 2
                assert "viernes 27" in sink.to(MANAGER)[-1].text.lower()


async def test_looks_at_once_and_a_weekend_make_one_summary_a_support_day(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        one.clock.advance(WEDNESDAY_NINE - one.clock.now())
        await asyncio.gather(*(one.node.due.look() for _ in range(5)))
        await one.settle()
        assert len(one.relay.to(MANAGER)) == 1
        for _ in range(6):
            await one.jump(timedelta(days=1))
        assert len(one.relay.to(MANAGER)) == 1 + 4  # thursday, friday, monday, tuesday


async def test_every_manager_hears_it_in_their_language(engine_url: str) -> None:
    async with house(engine_url, more=TWO_MANAGERS) as one:
        await one.take(written())
        await until(one, WEDNESDAY_NINE)
        for address, language in (("jefa@mesa.example", "es"), ("boss@mesa.example", "en")):
            (summary,) = one.relay.to(address)
            assert summary.mail["Content-Language"] == language
        assert one.relay.to("asesora@mesa.example")[1:] == [], "a consultant hears of the incident alone"


async def test_a_clock_that_is_set_back_tells_nothing_twice(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        await until(one, WEDNESDAY_NINE)
        await one.jump(timedelta(days=1))
        await one.jump(timedelta(days=-1))
        await one.jump(timedelta(hours=1))
        assert len(one.relay.to(MANAGER)) == 2

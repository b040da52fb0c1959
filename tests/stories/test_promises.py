"""The time told is a promise: made by the calendar, told, judged, and noted once when it passes (guarantee 5)."""

from datetime import UTC, datetime, timedelta

import pytest

from desk.base.names import PromiseKind
from desk.ledger.load import instant
from tests.ledger.desks import SetClock
from tests.relay import Relay, relay
from tests.stories.house import ANA, FIRST_CONSULTANT, TUESDAY_NOON, House, house, written

pytestmark = pytest.mark.anyio

MANAGER = "gerente@ejemplo.mx"
FRIDAY_EVENING = datetime(2026, 11, 28, 2, 30, tzinfo=UTC)
"""20:30 of Friday the 27th in Mexico City; the desk closed at 19:00."""
SATURDAY = datetime(2026, 11, 28, 18, 0, tzinfo=UTC)
BEFORE_A_HOLIDAY = datetime(2026, 11, 14, 18, 0, tzinfo=UTC)
"""Saturday; Monday the 16th is a statutory holiday (Revolution Day, third Monday of November)."""
FRIDAY_AFTERNOON = datetime(2026, 11, 28, 0, 10, 40, tzinfo=UTC)
"""18:10:40 of Friday the 27th: fifty open minutes are left."""


async def dues(one: House) -> dict[PromiseKind, datetime]:
    rows = await one.rows("SELECT kind, due FROM promises ORDER BY id")
    return {PromiseKind(kind): due for kind, text in rows if (due := instant(text)) is not None}


async def broken(one: House) -> list[str]:
    """Return the kinds of promises whose breaking stands on the timeline."""
    rows = await one.rows("SELECT text FROM events WHERE kind = 'promise_broken' ORDER BY version, n")
    return [row[0].partition(":")[0] for row in rows]


def told(sink: Relay) -> list[str]:
    """Return who was sent a mail about an incident; the daily summary goes to the manager alone."""
    return sorted(taken.recipients[0] for taken in sink.taken if taken.recipients != [MANAGER])


async def test_a_promise_that_passes_unkept_is_noted_once(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        due = await dues(one)
        assert due[PromiseKind.FIRST_ATTENTION] == TUESDAY_NOON.replace(hour=20, second=0)
        await one.jump(due[PromiseKind.FIRST_ATTENTION] - one.clock.now() - timedelta(seconds=1))
        assert await broken(one) == []
        await one.jump(timedelta(seconds=1))
        assert await broken(one) == ["first_attention"]
        await one.jump(timedelta(minutes=1))
        await one.jump(timedelta(minutes=1))
        assert await broken(one) == ["first_attention"]
        await one.jump(due[PromiseKind.RESOLUTION] - one.clock.now())
        await one.jump(timedelta(days=3))
        assert await broken(one) == ["first_attention", "resolution"]
        assert await one.count("SELECT count(*) FROM incidents WHERE wake_at IS NOT NULL") == 0
        assert await one.count("SELECT count(*) FROM promises WHERE broken_at IS NULL") == 0
        assert told(one.relay) == [ANA, FIRST_CONSULTANT]


async def test_promises_that_passed_while_no_node_ran_are_noted_once_at_the_next_start(engine_url: str) -> None:
    clock = SetClock(TUESDAY_NOON)
    async with relay() as sink:
        async with house(engine_url, relay_of=sink, clock=clock) as one:
            await one.take(written())
        clock.advance(timedelta(days=2))
        for _ in range(2):
            async with house(engine_url, relay_of=sink, clock=clock) as again:
                await again.node.due.look()
                await again.node.due.look()
                assert await broken(again) == ["first_attention", "resolution"]
        assert told(sink) == [ANA, FIRST_CONSULTANT]


async def test_two_looks_at_once_note_a_broken_promise_once(engine_url: str) -> None:
    import asyncio

    async with house(engine_url) as one:
        await one.take(written())
        one.clock.advance(timedelta(days=2))
        await asyncio.gather(*(one.node.due.look() for _ in range(5)))
        assert await broken(one) == ["first_attention", "resolution"]


async def test_the_promise_counts_from_the_minute_the_mail_came_not_from_when_it_was_read(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        (made,) = {instant(row[0]) for row in await one.rows("SELECT made_at FROM promises")}
        assert made == TUESDAY_NOON.replace(second=0)
        (told,) = {instant(row[0]) for row in await one.rows("SELECT told_at FROM promises")}
        assert told == TUESDAY_NOON


async def acknowledged(engine_url: str, at: datetime) -> tuple[str, dict[PromiseKind, datetime]]:
    """Return the answer to a mail that comes at an instant, and the promises made."""
    async with house(engine_url, clock=SetClock(at)) as one:
        await one.take(written())
        return one.answer_to(ANA).text, await dues(one)


@pytest.mark.parametrize("at", [FRIDAY_EVENING, SATURDAY], ids=["friday evening", "saturday"])
async def test_who_writes_outside_support_hours_is_told_of_monday(engine_url: str, at: datetime) -> None:
    text, due = await acknowledged(engine_url, at)
    assert due == {
        PromiseKind.FIRST_ATTENTION: datetime(2026, 11, 30, 17, 0, tzinfo=UTC),
        PromiseKind.RESOLUTION: datetime(2026, 11, 30, 23, 0, tzinfo=UTC),
    }
    assert "lunes 30" in text
    assert "11:00" in text
    assert "17:00" in text
    assert "hoy" not in text.lower()


async def test_who_writes_before_a_holiday_monday_is_told_of_tuesday(engine_url: str) -> None:
    text, due = await acknowledged(engine_url, BEFORE_A_HOLIDAY)
    assert due[PromiseKind.FIRST_ATTENTION] == datetime(2026, 11, 17, 17, 0, tzinfo=UTC)
    assert "martes 17" in text
    assert "11:00" in text
    assert "hoy" not in text.lower()


async def test_a_promise_goes_on_where_friday_left_it(engine_url: str) -> None:
    text, due = await acknowledged(engine_url, FRIDAY_AFTERNOON)
    assert due[PromiseKind.FIRST_ATTENTION] == datetime(2026, 11, 30, 16, 10, tzinfo=UTC)
    assert "10:10" in text


@pytest.mark.parametrize("at", [TUESDAY_NOON, SATURDAY], ids=["tuesday", "saturday"])
async def test_an_outage_is_told_to_operations_and_to_development_at_any_hour(engine_url: str, at: datetime) -> None:
    async with house(engine_url, clock=SetClock(at)) as one:
        await one.take(written("Nadie puede timbrar, el portal está caído para todos.", subject="Sistema caído"))
        assert await one.count("SELECT severity FROM incidents") == 3
        rows = await one.rows("SELECT c.queue, c.email FROM consultants c ORDER BY c.position")
        first = dict(reversed([tuple(row) for row in rows]))
        told = sorted(taken.recipients[0] for taken in one.relay.taken if taken.recipients != [ANA])
        assert told == sorted([first["operations"], first["development"]])
        assigned = await one.rows("SELECT queue FROM assignments WHERE until IS NULL ORDER BY id")
        assert [row[0] for row in assigned] == ["desk", "operations"]
        assert len(one.relay.to(ANA)) == 1


async def test_work_goes_to_who_has_the_fewest_open_incidents(engine_url: str) -> None:
    async with house(engine_url) as one:
        for n in range(4):
            sender = f"u{n}@cliente.mx"
            await one.take(written(sender=sender, message_id=f"<w{n}@cliente.mx>"), sender=sender)
        told = [taken.recipients[0] for taken in one.relay.taken if taken.recipients[0].endswith("@ejemplo.mx")]
        people = await one.count("SELECT count(*) FROM consultants WHERE queue = 'desk' AND role = 'consultant'")
        assert told[0] == FIRST_CONSULTANT
        assert len(set(told)) == min(people, 4)

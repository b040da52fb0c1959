"""Answers over a cap are delayed, merged or held, and never dropped (guarantee 4; DESIGN 9, Answers and caps)."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from desk.base.because import Part
from desk.ledger import reading
from desk.ledger.statements import Run, Steps
from desk.rules.numbers import number_of
from desk.views.export import Look, everything
from tests.ledger.desks import SetClock
from tests.relay import Taken
from tests.stories.asking_why import explained
from tests.stories.house import ANA, House, house, number_in, reply_address, reply_to, written

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
MEXICO = ZoneInfo("America/Mexico_City")
NOON = datetime(2026, 11, 24, 18, 0, 30, tzinfo=UTC)
"""12:00:30 in Mexico City: the hour begins, and so does none of its tests on its last minute."""
MANAGER = "gerente@ejemplo.mx"


def caps(**limits: int) -> Mapping[str, str]:
    """Return the variables of the caps: those that are not given are off."""
    every = {"per_address_per_hour": 0, "per_address_per_day": 0, "per_incident_per_day": 0, "per_minute": 0, **limits}
    return {f"VENTANILLA_ANSWERS__{name.upper()}": str(limit) for name, limit in every.items()}


async def open_many(one: House, count: int, *, first: int = 1, sender: str = ANA) -> list[int]:
    """Have somebody open incidents, one mail after the other; return all there are."""
    for n in range(first, first + count):
        mail = written(f"¿Cómo descargo mi factura {n}?", message_id=f"<m{n}@cliente.mx>", sender=sender)
        await one.take(mail, sender=sender)
    return await one.incidents()


async def acknowledged(one: House) -> list[str]:
    """Return how each acknowledgement stands, the oldest first."""
    return [row[0] for row in await one.rows("SELECT status FROM owed WHERE kind = 'acknowledgement' ORDER BY id")]


async def next_hour(one: House) -> None:
    """Let the hour end."""
    now = one.clock.now()
    await one.jump(HOUR - timedelta(minutes=now.minute, seconds=now.second - 1))


async def test_the_fourth_acknowledgement_of_an_hour_waits_and_tells_all_at_its_end(engine_url: str) -> None:
    async with house(engine_url, more=caps(per_address_per_hour=3)) as one:
        opened = await open_many(one, 6)
        assert await acknowledged(one) == ["sent"] * 3 + ["delayed"] * 3
        assert [number_in(taken) for taken in one.relay.to(ANA)] == [number_of(id_) for id_ in opened[:3]]
        await next_hour(one)
        assert sorted(await acknowledged(one)) == ["merged", "merged", "sent", "sent", "sent", "sent"]
        *_, last = one.relay.to(ANA)
        assert len(one.relay.to(ANA)) == 4
        assert all(number_of(id_) in last.text for id_ in opened[3:])
        assert not any(number_of(id_) in last.text for id_ in opened[:3])
        assert await one.count("SELECT count(*) FROM promises WHERE told_at IS NULL") == 0


async def test_a_mail_for_several_takes_the_place_of_one_in_its_hour(engine_url: str) -> None:
    async with house(engine_url, more=caps(per_address_per_hour=2)) as one:
        await open_many(one, 4)
        one.clock.advance(HOUR)
        await open_many(one, 2, first=5)  # before anybody has looked for what waits
        assert await acknowledged(one) == ["sent"] * 2 + ["delayed"] * 2 + ["sent", "delayed"]
        await one.jump(timedelta(seconds=1))
        assert sorted((await acknowledged(one))[2:4]) == ["merged", "sent"]
        assert len(one.relay.to(ANA)) == 4, "two of the first hour, two of the second"


async def test_one_that_waits_alone_goes_as_itself_and_speaks_of_its_own_day(engine_url: str) -> None:
    night = SetClock(datetime(2026, 11, 25, 5, 30, tzinfo=UTC))  # Tuesday 23:30: the next opening is tomorrow's
    async with house(engine_url, more=caps(per_address_per_hour=1), clock=night) as one:
        await open_many(one, 2)
        await next_hour(one)
        assert await acknowledged(one) == ["sent", "sent"]
        first, second = one.relay.to(ANA)
        assert "mañana, miércoles 25 de noviembre, antes de las 11:00" in first.text
        assert "hoy, miércoles 25 de noviembre, antes de las 11:00" in second.text
        assert number_in(first) != number_in(second)


async def test_over_the_cap_of_a_day_one_mail_tells_all_and_then_a_person_decides(engine_url: str) -> None:
    async with house(engine_url, more=caps(per_address_per_day=2), expects=["answer_held"]) as one:
        await open_many(one, 4)
        await next_hour(one)
        assert sorted(await acknowledged(one)) == ["merged", "sent", "sent", "sent"]
        await open_many(one, 2, first=5)
        await next_hour(one)
        assert sorted((await acknowledged(one))[4:]) == ["held", "merged"]
        assert await one.held() == ["over_cap"]
        (item,) = await one.rows("SELECT explanation, incident_id, owed_id FROM held")
        assert item[0] == "answers.per_address_per_day = 2"
        assert item[1] in await one.incidents()
        assert len(one.relay.to(ANA)) == 3
        one.clock.advance(timedelta(days=1))
        await open_many(one, 1, first=7)
        assert (await acknowledged(one))[-1] == "sent", "another day"


async def test_why_and_the_export_say_that_an_answer_waits_went_with_another_or_is_held(engine_url: str) -> None:
    limits = caps(per_address_per_hour=1, per_address_per_day=1)
    async with house(engine_url, more=limits) as one:
        opened = await open_many(one, 3)
        waits = await said_of(one, engine_url, opened[2])
        assert "esa dirección ya recibió el máximo de respuestas de una hora" in waits
        assert "a las 13:00" in waits
        await next_hour(one)
        (merged,) = await one.rows("SELECT incident_id FROM owed WHERE status = 'merged'")
        assert "lo que decía fue en otro correo" in await said_of(one, engine_url, merged[0])
        opened = await open_many(one, 1, first=4)
        await next_hour(one)
        assert "espera a que alguien decida" in await said_of(one, engine_url, opened[3])
        async with reading.opened(engine_url) as reader:
            found = [each async for each in everything(reader, Look(MEXICO, one.clock.now()))]
        standing = [row["status"] for each in found for row in each.get("outgoing", ()) if row["to"] == ANA]
        assert sorted(standing) == ["held", "merged", "sent", "sent"]


async def said_of(one: House, url: str, incident: int) -> str:
    """Return what `why` says of an incident's answers."""
    return " ".join((await explained(one, url, incident))[Part.ANSWERS])


async def test_what_a_person_releases_goes_out_whatever_the_caps_say(engine_url: str) -> None:
    async with house(engine_url, more=caps(per_address_per_day=1)) as one:
        await open_many(one, 2)
        await next_hour(one)
        opened = await open_many(one, 2, first=3)
        await next_hour(one)
        (held,) = await one.rows("SELECT owed_id FROM held")
        await one.node.commit.store.write(release(held[0]))
        await one.jump(timedelta(seconds=1))
        assert sorted((await acknowledged(one))[2:]) == ["merged", "sent"]
        *_, last = one.relay.to(ANA)
        assert all(number_of(id_) in last.text for id_ in opened[2:])


def release(owed: int) -> Steps[None]:
    yield Run("UPDATE owed SET status = 'queued' WHERE id = ?", (owed,))


async def test_other_addresses_and_notices_are_not_bounded_by_it(engine_url: str) -> None:
    async with house(engine_url, more=caps(per_address_per_hour=1)) as one:
        await open_many(one, 3)
        await open_many(one, 1, first=4, sender="eva@otro.mx")
        assert await acknowledged(one) == ["sent", "delayed", "delayed", "sent"]
        assert await one.count("SELECT count(*) FROM owed WHERE kind = 'notice' AND status = 'sent'") == 4


async def test_a_capital_letter_makes_no_other_address(engine_url: str) -> None:
    async with house(engine_url, more=caps(per_address_per_hour=1)) as one:
        await open_many(one, 1)
        await open_many(one, 1, first=2, sender="ANA@Cliente.MX")
        assert await acknowledged(one) == ["sent", "delayed"]


async def test_over_the_cap_of_all_answers_wait_for_the_next_minute_and_the_manager_is_told_once(
    engine_url: str,
) -> None:
    async with house(engine_url, more=caps(per_minute=2)) as one:
        for n in range(5):
            await open_many(one, 1, first=n, sender=f"p{n}@cliente{n}.mx")
        assert await acknowledged(one) == ["sent"] * 2 + ["delayed"] * 3
        await one.jump(timedelta(minutes=1))
        assert sorted(await acknowledged(one)) == ["delayed"] + ["sent"] * 4
        await one.jump(timedelta(minutes=1))
        assert await acknowledged(one) == ["sent"] * 5
        (told,) = one.relay.to(MANAGER)
        assert "2 respuestas en un minuto" in told.text
        assert told.mail["Auto-Submitted"] == "auto-generated"


async def test_a_status_answer_over_the_cap_gives_way_to_that_to_the_latest_question(engine_url: str) -> None:
    async with house(engine_url, more=caps(per_address_per_hour=1)) as one:
        await open_many(one, 1)
        (answer,) = one.relay.to(ANA)
        for n in (2, 3):
            await ask(one, answer, n)
        assert await statuses(one) == ["delayed", "queued"]
        await next_hour(one)
        assert await statuses(one) == ["merged", "sent"]
        assert one.relay.to(ANA)[-1].mail["In-Reply-To"] == "<q3@cliente.mx>"


async def test_a_status_answer_that_waited_takes_no_acknowledgement_with_it(engine_url: str) -> None:
    async with house(engine_url, more=caps(per_address_per_hour=2)) as one:
        await open_many(one, 2)
        await ask(one, one.relay.to(ANA)[0], 3)
        opened = await open_many(one, 2, first=4)
        assert await statuses(one) == ["delayed"]
        await next_hour(one)
        assert sorted(await acknowledged(one)) == ["merged", "sent", "sent", "sent"]
        assert await statuses(one) == ["sent"]
        _, _, *later = one.relay.to(ANA)
        assert len(later) == 2
        assert [all(number_of(id_) in taken.text for id_ in opened[2:]) for taken in later].count(True) == 1


async def ask(one: House, answer: Taken, n: int) -> None:
    mail = reply_to(answer, "¿Cómo va mi reporte?", sender="Ana Ruiz <ana@cliente.mx>", message_id=f"<q{n}@cliente.mx>")
    await one.take(mail, to=reply_address(answer))


async def statuses(one: House) -> list[str]:
    return [row[0] for row in await one.rows("SELECT status FROM owed WHERE kind = 'status' ORDER BY id")]


async def test_many_at_once_take_no_more_places_than_there_are(engine_url: str) -> None:
    async with house(engine_url, more=caps(per_address_per_hour=3)) as one:
        mails = [written(f"¿Factura {n}?", message_id=f"<m{n}@cliente.mx>") for n in range(20)]
        await asyncio.gather(*(one.send(mail) for mail in mails))
        await one.settle()
        assert sorted(await acknowledged(one)) == ["delayed"] * 17 + ["sent"] * 3
        await next_hour(one)
        assert sorted(await acknowledged(one)) == ["merged"] * 16 + ["sent"] * 4
        assert all(
            number_of(id_) in "".join(taken.text for taken in one.relay.to(ANA)) for id_ in await one.incidents()
        )


async def test_a_restart_counts_on_and_loses_nothing_that_waits(engine_url: str) -> None:
    limits = caps(per_address_per_hour=2)
    clock = SetClock(NOON)
    async with house(engine_url, more=limits, clock=clock) as one:
        await open_many(one, 3)
    async with house(engine_url, more=limits, clock=clock) as one:
        await open_many(one, 1, first=4)
        assert await acknowledged(one) == ["sent"] * 2 + ["delayed"] * 2
        await next_hour(one)
        assert sorted(await acknowledged(one)) == ["merged"] + ["sent"] * 3


async def test_without_caps_nothing_is_asked_and_nothing_waits(engine_url: str) -> None:
    async with house(engine_url, more=caps()) as one:
        await open_many(one, 12)
        assert await acknowledged(one) == ["sent"] * 12
        assert await one.count("SELECT count(*) FROM caps") == 0

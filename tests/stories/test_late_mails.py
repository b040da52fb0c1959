"""A mail that waited tells no time that passed: it tells the next one that can be kept, and that is the promise."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from desk.base.because import Part
from desk.ledger import reading
from desk.views.export import Look, incident
from tests.channels.fake_relay import CONTENT, FakeRelay, fake_relay
from tests.engines import free_port
from tests.relay import Relay, Taken, relay
from tests.stories.asking_why import explained
from tests.stories.house import ANA, House, house, number_in, reply_to, written
from tests.stories.test_relay_trouble import quick_probes  # noqa: F401 -- a fixture

pytestmark = pytest.mark.anyio

ZONE = ZoneInfo("America/Mexico_City")
FIVE_HOURS = timedelta(hours=5)


async def exported(one: House, url: str) -> dict[str, Any]:
    """Return the only incident as `export` writes it now."""
    async with reading.opened(url) as reader:
        return await incident(reader, Look(ZONE, one.clock.now()), await one.incident())


def first_attentions(found: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Return each first attention of an incident: its time of the day, how it stands, whether it was told."""
    of_kind = [each for each in found["promises"] if each["kind"] == "first_attention"]
    return [(each["due"][11:16], each["status"], each["told_at"] is not None) for each in of_kind]


@asynccontextmanager
async def closed_for(url: str, closed: timedelta) -> AsyncIterator[tuple[House, Relay]]:
    """A house whose relay was closed while a mail waited for its answer, and is open again."""
    absent = Relay(port=free_port())
    async with house(url, relay_of=absent) as one:
        await one.send(written())
        async with asyncio.timeout(10):
            while not one.said("relay_away"):
                await asyncio.sleep(0.005)
        one.clock.advance(closed)
        async with relay(absent.port) as back:
            await back.until(2)
            await one.settle()
            yield one, back


def to_ana(back: Relay) -> Taken:
    (answer,) = back.to(ANA)
    return answer


async def test_after_five_hours_of_a_closed_relay_the_first_mail_tells_a_time_to_come(engine_url: str) -> None:
    async with closed_for(engine_url, FIVE_HOURS) as (one, back):
        answer = to_ana(back)
        assert "Primera atención: hoy, martes 24 de noviembre, antes de las 18:00." in answer.text
        assert "Solución: mañana, miércoles 25 de noviembre, antes de las 10:00." in answer.text
        assert "14:00" not in answer.text
        assert parsedate_to_datetime(str(answer.mail["Date"])) == one.clock.now().replace(microsecond=0)
        found = await exported(one, engine_url)
        assert first_attentions(found) == [("14:00", "broken", False), ("18:00", "running", True)]
        assert found["response_due"][11:16] == "18:00"
        kinds = [each["kind"] for each in found["events"]]
        assert kinds.index("promise_broken") < kinds.index("promise_revised")
        (event,) = [each for each in found["events"] if each["kind"] == "promise_revised"]
        assert event["text"].startswith("first_attention: 2026-11-24T18:00:00-06:00")
        assert event["why"] == "mail_waited"
        assert [each["kind"] for each in found["outgoing"]].count("revised_promise") == 0
        assert await one.count("SELECT count(*) FROM owed WHERE status <> 'sent'") == 0


async def test_a_time_less_than_half_an_hour_ahead_is_not_told_any_more(engine_url: str) -> None:
    async with closed_for(engine_url, timedelta(hours=1, minutes=45)) as (one, back):
        assert "Primera atención: hoy, martes 24 de noviembre, antes de las 18:00." in to_ana(back).text
        found = await exported(one, engine_url)
        assert first_attentions(found) == [("14:00", "revised", False), ("18:00", "running", True)]
        await one.jump(timedelta(minutes=20))
        found = await exported(one, engine_url)
        assert "promise_broken" not in [each["kind"] for each in found["events"]]


async def test_what_is_not_late_goes_as_it_was(engine_url: str) -> None:
    async with closed_for(engine_url, timedelta(hours=1, minutes=25)) as (one, back):
        assert "Primera atención: hoy, martes 24 de noviembre, antes de las 14:00." in to_ana(back).text
        found = await exported(one, engine_url)
        assert first_attentions(found) == [("14:00", "running", True)]
        assert await one.count("SELECT count(*) FROM promises") == 2


async def test_over_night_both_times_are_told_anew_in_steps_of_open_hours(engine_url: str) -> None:
    async with closed_for(engine_url, timedelta(hours=28)) as (one, back):
        text = to_ana(back).text
        found = await exported(one, engine_url)
        told = {each["kind"]: each["due"] for each in found["promises"] if each["told_at"]}
        assert told == {"first_attention": "2026-11-26T10:00:00-06:00", "resolution": "2026-11-25T18:00:00-06:00"}
        assert "Primera atención: mañana, jueves 26 de noviembre, antes de las 10:00." in text
        assert "Solución: hoy, miércoles 25 de noviembre, antes de las 18:00." in text


async def test_why_says_that_the_mail_could_not_leave_in_time(engine_url: str) -> None:
    async with closed_for(engine_url, FIVE_HOURS) as (one, _back):
        said = (await explained(one, engine_url, await one.incident()))[Part.PROMISES]
        assert any(
            "no pudo salir a tiempo, y se dio otra hora: hoy, martes 24 de noviembre, antes de las 18:00" in each
            for each in said
        ), said
        assert any("se le sumaron 4 h de servicio, porque el correo que lo decía" in each for each in said), said


async def test_a_content_that_may_have_arrived_goes_again_and_a_mail_of_its_own_tells_the_new_time(
    engine_url: str,
) -> None:
    wrong = FakeRelay(tears={CONTENT}, offers=["PIPELINING"])
    async with fake_relay(wrong), house(engine_url, relay_of=Relay(port=wrong.port)) as one:
        await one.take(written())
        assert len(wrong.mails) == 2
        wrong.tears.clear()
        await one.jump(FIVE_HOURS)
        assert await one.count("SELECT count(*) FROM owed WHERE status <> 'sent'") == 0
        others = [mail for mail in wrong.mails[2:] if mail not in wrong.mails[:2]]
        assert sorted(wrong.mails[:2]) == sorted(mail for mail in wrong.mails[2:] if mail not in others)
        own = Taken("", [ANA], *others)
        assert "Primera atención: hoy, martes 24 de noviembre, antes de las 18:00." in own.text
        assert number_in(own)
        found = await exported(one, engine_url)
        assert first_attentions(found)[-1] == ("18:00", "running", True)
        assert [each["kind"] for each in found["events"]].count("promise_revised") == 1
        (row,) = [each for each in found["outgoing"] if each["kind"] == "revised_promise"]
        assert (row["status"], row["to"]) == ("sent", ANA)


async def test_a_status_answer_that_waited_says_how_it_stands_when_it_leaves(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        first = one.answer_to(ANA)
        port = one.relay.port
    absent = Relay(port=free_port())
    assert port != absent.port
    async with house(engine_url, relay_of=absent, clock=one.clock) as again:
        await again.send(reply_to(first, "¿Cómo va?", sender=ANA, message_id="<m2@cliente.mx>"))
        async with asyncio.timeout(10):
            while not again.said("relay_away"):
                await asyncio.sleep(0.005)
        again.clock.advance(FIVE_HOURS)
        async with relay(absent.port) as back:
            await back.until(1)
            await again.settle()
            text = to_ana(back).text
            assert "Primera atención: hoy, martes 24 de noviembre, antes de las 18:00" in text
            assert "con lo que sabíamos hoy, martes 24 de noviembre, a las 17:00" in text
            rows = await again.rows("SELECT facts FROM owed WHERE kind = 'status'")
            assert json.loads(rows[0][0])["promises"]
            assert first_attentions(await exported(again, engine_url))[-1] == ("18:00", "running", True)

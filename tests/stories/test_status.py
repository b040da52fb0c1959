"""«¿Cómo va?» is answered from the ledger at once, once an incident and hour; news never is (DESIGN 2 and 9)."""

from datetime import UTC, datetime, timedelta

import pytest

from desk.base.names import Question
from desk.rules.numbers import number_of
from tests.ledger.desks import SetClock
from tests.relay import Taken
from tests.rules.asking import ASKING, NEAR_MISSES
from tests.stories.house import ANA, FIRST_CONSULTANT, House, house, number_in, reply_address, reply_to, written

pytestmark = pytest.mark.anyio

ASK = "Buenas tardes, ¿cómo va mi reporte? Gracias, Ana"
ANA_BY_NAME = "Ana Ruiz <ana@cliente.mx>"
OPENING = {"es": "Buenos días, ¿cómo descargo mi factura?", "en": "Good morning, how do I download my invoice?"}


async def opened(one: House) -> Taken:
    """Have Ana open an incident; return its acknowledgement."""
    await one.take(written(OPENING["es"]))
    return one.answer_to(ANA)


async def ask(one: House, answer: Taken, text: str = ASK, *, n: int = 2, **headers: str) -> None:
    """Have Ana answer a mail of ours."""
    mail = reply_to(answer, text, sender=ANA_BY_NAME, message_id=f"<m{n}@cliente.mx>", **headers)
    await one.take(mail, to=reply_address(answer))


async def statuses(one: House) -> list[str]:
    """Return how each status answer stands, the oldest first."""
    return [row[0] for row in await one.rows("SELECT status FROM owed WHERE kind = 'status' ORDER BY id")]


@pytest.mark.done("words.7")
@pytest.mark.parametrize("language", ASKING)
async def test_each_wording_is_answered_once_from_the_ledger(engine_url: str, language: str) -> None:
    async with house(engine_url) as one:
        for n, text in enumerate(ASKING[language]):
            first, second = await asked(one, language, n, text)
            incident = (await one.incidents())[-1]
            assert number_in(second) == number_in(first) == number_of(incident), text
            assert (await one.timeline(incident))[-2:] == ["added", "status_sent"], text
        assert await statuses(one) == ["sent"] * len(ASKING[language])


@pytest.mark.done("words.7")
@pytest.mark.parametrize("language", NEAR_MISSES)
async def test_each_near_miss_reaches_the_assigned_and_is_not_answered(engine_url: str, language: str) -> None:
    async with house(engine_url) as one:
        for n, text in enumerate(NEAR_MISSES[language]):
            assert len(await asked(one, language, n, text)) == 1, text
            assert (await one.timeline((await one.incidents())[-1]))[-1] == "added", text
        assert await statuses(one) == []
        told = await one.count("SELECT count(*) FROM owed WHERE kind = 'notice'")
        assert told == 2 * len(NEAR_MISSES[language])


async def asked(one: House, language: str, n: int, text: str) -> list[Taken]:
    """Have somebody open an incident and answer its acknowledgement; return what that person was sent."""
    address = f"p{n}@cliente{n}.mx"
    await one.take(written(OPENING[language], sender=address, message_id=f"<a{n}@cliente{n}.mx>"), sender=address)
    answer = one.relay.to(address)[0]
    more = reply_to(answer, text, sender=address, message_id=f"<b{n}@cliente{n}.mx>")
    await one.take(more, sender=address, to=reply_address(answer))
    return one.relay.to(address)


async def test_the_answer_says_how_it_stands_and_the_question_is_kept(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        notices = len(one.relay.to(FIRST_CONSULTANT))
        await ask(one, answer)
        _, told = one.relay.to(ANA)
        assert told.mail["In-Reply-To"] == "<m2@cliente.mx>"
        assert told.mail["Auto-Submitted"] == "auto-replied"
        assert "14:00" in told.text, "the first attention promised"
        assert "10:00" in told.text, "the resolution promised, next morning"
        assert reply_address(told) == reply_address(answer)
        assert len(one.relay.to(FIRST_CONSULTANT)) == notices
        (kept,) = await one.rows("SELECT reply_text FROM messages WHERE message_id = '<m2@cliente.mx>'")
        assert kept[0] == ASK
        (event,) = await one.rows("SELECT \"by\", text, why FROM events WHERE kind = 'status_sent'")
        assert event == ("machine", "", "asked")


async def test_it_is_answered_in_the_language_it_is_asked_in(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        await ask(one, answer, "Hi, any news? Thanks, Ana")
        assert "##- Please reply above this line -##" in one.relay.to(ANA)[-1].text


async def test_a_question_by_the_number_alone_is_answered_too(engine_url: str) -> None:
    async with house(engine_url) as one:
        number = number_in(await opened(one))
        await one.take(written("¿Hay noticias?", subject=f"Sobre {number}", message_id="<m2@cliente.mx>"))
        assert await statuses(one) == ["sent"]
        assert number_in(one.relay.to(ANA)[-1]) == number


async def test_a_question_with_news_is_an_ordinary_follow_up(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        await ask(one, answer, "¿Cómo va? Sigue sin timbrar y urge.")
        assert len(one.relay.to(ANA)) == 1
        assert "Sigue sin timbrar y urge" in one.relay.to(FIRST_CONSULTANT)[-1].text


async def test_later_questions_of_an_hour_get_one_answer_at_its_end(engine_url: str) -> None:
    clock = SetClock(datetime(2026, 11, 24, 18, 10, tzinfo=UTC))
    async with house(engine_url, clock=clock) as one:
        answer = await opened(one)
        for n in (2, 3, 4):
            await ask(one, answer, n=n)
        assert await statuses(one) == ["sent", "merged", "queued"]
        await one.jump(timedelta(minutes=49))
        assert len(one.relay.to(ANA)) == 2
        await one.jump(timedelta(minutes=1))
        assert await statuses(one) == ["sent", "merged", "sent"]
        assert one.relay.to(ANA)[-1].mail["In-Reply-To"] == "<m4@cliente.mx>"
        whys = await one.rows("SELECT why FROM events WHERE kind = 'status_sent' ORDER BY version, n")
        assert [row[0] for row in whys] == ["asked", "once_an_hour", "once_an_hour"]
        await one.jump(timedelta(minutes=5))
        await ask(one, answer, n=5)
        assert await statuses(one) == ["sent", "merged", "sent", "queued"]
        await one.jump(timedelta(minutes=56))
        await ask(one, answer, n=6)
        assert (await statuses(one))[-2:] == ["sent", "queued"]


async def test_the_next_hour_is_answered_at_once(engine_url: str) -> None:
    clock = SetClock(datetime(2026, 11, 24, 18, 59, tzinfo=UTC))
    async with house(engine_url, clock=clock) as one:
        answer = await opened(one)
        await ask(one, answer)
        await one.jump(timedelta(minutes=2))
        await ask(one, answer, n=3)
        assert await statuses(one) == ["sent", "sent"]


async def test_a_machine_that_asks_is_not_answered(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        await ask(one, answer, Auto_Submitted="auto-replied")
        assert len(one.relay.to(ANA)) == 1
        assert await statuses(one) == []


async def test_a_stranger_who_asks_by_number_learns_nothing(engine_url: str) -> None:
    async with house(engine_url) as one:
        number = number_in(await opened(one))
        other = "eva@otro.mx"
        await one.take(written(f"¿Cómo va mi reporte {number}?", sender=other, message_id="<e1@otro.mx>"), sender=other)
        assert await statuses(one) == []
        assert number not in one.answer_to(other).text


async def test_a_consultant_who_asks_is_no_user(engine_url: str) -> None:
    async with house(engine_url) as one:
        await opened(one)
        notice = one.relay.to(FIRST_CONSULTANT)[0]
        mail = reply_to(notice, "¿Cómo va?", sender=FIRST_CONSULTANT, message_id="<c1@ejemplo.mx>")
        await one.take(mail, sender=FIRST_CONSULTANT, to=reply_address(notice))
        assert await statuses(one) == []


async def test_a_colleague_at_the_signed_address_is_answered_and_known_from_then_on(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        beto = "beto@cliente.mx"
        mail = reply_to(answer, "¿Alguna novedad?", sender=beto, message_id="<b1@cliente.mx>")
        await one.take(mail, sender=beto, to=reply_address(answer))
        assert number_in(one.answer_to(beto)) == number_in(answer)
        assert reply_address(one.answer_to(beto)) != reply_address(answer)
        assert await one.count("SELECT count(*) FROM contact_points WHERE address = ?", beto) == 1


@pytest.mark.done("words.7")
async def test_a_mail_that_says_nothing_is_asked_and_a_full_report_is_not(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written("me marca error", subject="Ayuda"))
        assert sum(line.endswith("?") for line in one.answer_to(ANA).text.splitlines()) == len(Question)
        await one.take(
            written("Al timbrar la factura 123 me marca CFDI40147.", sender="eva@otro.mx", message_id="<e1@otro.mx>"),
            sender="eva@otro.mx",
        )
        assert "?" not in one.answer_to("eva@otro.mx").text

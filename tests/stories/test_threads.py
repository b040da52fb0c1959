"""Whose mail it is: who joins an incident, who opens one of their own, and what nobody is told (DESIGN 7 and 9)."""

import pytest

from desk.rules.numbers import number_of
from tests.relay import Taken
from tests.stories.house import (
    ANA,
    FIRST_CONSULTANT,
    House,
    house,
    number_in,
    reply_address,
    reply_to,
    written,
)

pytestmark = pytest.mark.anyio

ANA_BY_NAME = "Ana Ruiz <ana@cliente.mx>"
SECRET = "El saldo de la cuenta es de 4,815 pesos."


async def opened(one: House, **of_mail: str) -> Taken:
    """Have Ana open an incident; return its acknowledgement."""
    await one.take(written(f"Buenos días, ¿cómo descargo mi factura? {SECRET}", **of_mail))
    return one.answer_to(ANA)


async def assert_joined(one: House, message_id: str, by: str) -> None:
    """The words were added to the one incident, nobody was answered, the assigned was told."""
    incident = await one.incident()
    messages = "SELECT count(*) FROM messages WHERE incident_id = ? AND message_id = ? AND audience = 'user'"
    assert await one.count(messages, incident, message_id) == 1
    (row,) = await one.rows("SELECT why FROM events WHERE kind = 'added'")
    assert row[0] == by
    assert len(one.relay.to(ANA)) == 1
    assert len(one.relay.to(FIRST_CONSULTANT)) == 2
    assert len(one.relay.taken) == 3
    assert await one.held() == []


async def test_an_answer_to_the_signed_address_joins_and_is_told_to_the_assigned_alone(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        more = reply_to(answer, "También falta la de septiembre.", sender=ANA_BY_NAME, message_id="<m2@cliente.mx>")
        await one.take(more, to=reply_address(answer))
        await assert_joined(one, "<m2@cliente.mx>", "signed_address")
        first, second = one.relay.to(FIRST_CONSULTANT)
        assert second.mail["References"] == first.mail["Message-ID"]
        assert second.mail["Subject"] == first.mail["Subject"]
        assert second.mail["Message-ID"] != first.mail["Message-ID"]
        assert "También falta la de septiembre." in second.text
        (reply,) = await one.rows("SELECT reply_text FROM messages WHERE message_id = '<m2@cliente.mx>'")
        assert reply[0] == "También falta la de septiembre."
        assert await one.timeline(await one.incident()) == [
            "opened", "assigned", "promise_made", "promise_made", "added",
        ]  # fmt: skip


async def test_an_answer_known_by_our_message_id_alone_joins(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        more = written(
            "Falta otra.", subject="Otra cosa", message_id="<m2@cliente.mx>", In_Reply_To=answer.mail["Message-ID"]
        )
        await one.take(more)
        await assert_joined(one, "<m2@cliente.mx>", "signed_message_id")


async def test_an_answer_to_the_users_own_earlier_mail_joins(engine_url: str) -> None:
    async with house(engine_url) as one:
        await opened(one)
        await one.take(written("Olvidé el anexo.", message_id="<m2@cliente.mx>", References="<m1@cliente.mx>"))
        await assert_joined(one, "<m2@cliente.mx>", "known_message_id")


@pytest.mark.parametrize("spell", [str, str.lower, lambda n: n.replace("-", " ")], ids=["told", "small", "spaced"])
async def test_a_participant_joins_by_the_number_in_the_subject(engine_url: str, spell) -> None:
    async with house(engine_url) as one:
        number = number_in(await opened(one))
        await one.take(
            written("También falta la de agosto.", subject=f"Sobre {spell(number)}", message_id="<m2@cliente.mx>")
        )
        await assert_joined(one, "<m2@cliente.mx>", "number")


async def assert_opened_apart(one: House, stranger: str, mentioned: int) -> None:
    """A stranger has an incident of their own that mentions the other; nothing of the other was told to them."""
    first, second = await one.incidents()
    assert first == mentioned
    assert await one.mentions(second) == [first]
    assert "linked" in await one.timeline(second)
    assert "added" not in await one.timeline(first)
    assert await one.count("SELECT count(*) FROM participants WHERE incident_id = ?", first) == 1
    answer = one.answer_to(stranger)
    assert number_in(answer) == number_of(second)
    for told in (number_of(first), str(first), "Ana", ANA, "4,815"):
        assert told not in answer.content.decode(), told
        assert told not in answer.text, told
    assert len(one.relay.to(ANA)) == 1


async def test_a_stranger_with_the_number_opens_their_own_incident_and_learns_nothing(engine_url: str) -> None:
    async with house(engine_url) as one:
        number = number_in(await opened(one))
        curious = written("Mándenme todo.", subject=f"Re: {number}", sender="eva@otro.mx", message_id="<e1@otro.mx>")
        await one.take(curious, sender="eva@otro.mx")
        (first, _second) = await one.incidents()
        await assert_opened_apart(one, "eva@otro.mx", first)


async def test_a_stranger_with_the_signed_address_opens_their_own_incident_and_learns_nothing(engine_url: str) -> None:
    async with house(engine_url) as one:
        address = reply_address(await opened(one))
        curious = written("Mándenme todo.", sender="eva@otro.mx", message_id="<e1@otro.mx>", to=address)
        await one.take(curious, sender="eva@otro.mx", to=address)
        (first, _second) = await one.incidents()
        await assert_opened_apart(one, "eva@otro.mx", first)


async def test_a_stranger_who_was_forwarded_our_answer_opens_their_own_incident(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        curious = reply_to(answer, "Yo también.", subject="Yo también", sender="eva@otro.mx", message_id="<e1@otro.mx>")
        await one.take(curious, sender="eva@otro.mx", to=reply_address(answer))
        first, second = await one.incidents()
        assert await one.mentions(second) == [first]
        assert number_in(one.answer_to("eva@otro.mx")) == number_of(second)
        assert "added" not in await one.timeline(first)


async def test_a_colleague_of_the_requesters_domain_joins_by_the_signed_address(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        more = reply_to(answer, "Soy su compañero.", sender="beto@cliente.mx", message_id="<b1@cliente.mx>")
        await one.take(more, sender="beto@cliente.mx", to=reply_address(answer))
        await assert_joined(one, "<b1@cliente.mx>", "signed_address")


async def test_a_colleague_with_the_number_alone_opens_their_own_incident(engine_url: str) -> None:
    async with house(engine_url) as one:
        number = number_in(await opened(one))
        asking = written("¿Y esto?", subject=number, sender="beto@cliente.mx", message_id="<b1@cliente.mx>")
        await one.take(asking, sender="beto@cliente.mx")
        (first, _second) = await one.incidents()
        await assert_opened_apart(one, "beto@cliente.mx", first)


async def test_two_people_of_a_public_mail_provider_are_no_colleagues(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written(sender="ana@gmail.com"), sender="ana@gmail.com")
        answer = one.answer_to("ana@gmail.com")
        more = reply_to(answer, "Soy su vecino.", sender="beto@gmail.com", message_id="<b1@gmail.com>")
        await one.take(more, sender="beto@gmail.com", to=reply_address(answer))
        first, second = await one.incidents()
        assert await one.mentions(second) == [first]
        assert "added" not in await one.timeline(first)


async def test_a_mail_to_the_signed_address_that_answers_nothing_opens_a_linked_incident(engine_url: str) -> None:
    async with house(engine_url) as one:
        address = reply_address(await opened(one))
        another = written("¿Cuándo vence mi contrato?", subject="Contrato", message_id="<m2@cliente.mx>", to=address)
        await one.take(another, to=address)
        first, second = await one.incidents()
        assert await one.mentions(second) == [first]
        assert len(one.relay.to(ANA)) == 2
        assert "added" not in await one.timeline(first)


async def test_a_users_mail_with_a_wrong_token_opens_an_incident_that_is_tied_to_nothing(engine_url: str) -> None:
    async with house(engine_url) as one:
        address = wrong(reply_address(await opened(one)))
        await one.take(written("Hola.", message_id="<m2@cliente.mx>", to=address), to=address)
        first, second = await one.incidents()
        assert await one.mentions(second) == []
        assert "added" not in await one.timeline(first)


def wrong(address: str) -> str:
    """Return the address with the last letter of its token changed."""
    local, _, domain = address.partition("@")
    return f"{local[:-1]}{'a' if local[-1] != 'a' else 'b'}@{domain}"


async def test_a_consultants_answer_is_kept_inside_and_one_receipt_says_so(engine_url: str) -> None:
    async with house(engine_url) as one:
        await opened(one)
        (notice,) = one.relay.to(FIRST_CONSULTANT)
        words = reply_to(notice, "Ya la vi, es el botón azul.", sender=FIRST_CONSULTANT, message_id="<c1@ejemplo.mx>")
        await one.take(words, sender=FIRST_CONSULTANT, to=reply_address(notice))
        assert await one.incident()
        (row,) = await one.rows("SELECT audience FROM messages WHERE message_id = '<c1@ejemplo.mx>'")
        assert row[0] == "internal"
        assert len(one.relay.to(ANA)) == 1
        _notice, receipt = one.relay.to(FIRST_CONSULTANT)
        assert await one.count("SELECT count(*) FROM owed WHERE kind = 'receipt'") == 1
        assert receipt.mail["In-Reply-To"] == "<c1@ejemplo.mx>"
        assert len(one.relay.taken) == 3
        assert await one.timeline(await one.incident()) == [
            "opened", "assigned", "promise_made", "promise_made", "noted",
        ]  # fmt: skip
        assert await one.count("SELECT count(*) FROM incidents WHERE first_response_at IS NOT NULL") == 0


async def test_a_consultants_mail_with_a_forged_token_is_held_and_changes_nothing(engine_url: str) -> None:
    async with house(engine_url) as one:
        await opened(one)
        (notice,) = one.relay.to(FIRST_CONSULTANT)
        address = wrong(reply_address(notice))
        forged = written("Cierren todo.", sender=FIRST_CONSULTANT, message_id="<c1@ejemplo.mx>", to=address)
        await one.take(forged, sender=FIRST_CONSULTANT, to=address)
        assert await one.held() == ["forged_address"]
        assert await one.incident()
        assert "noted" not in await one.timeline(await one.incident())
        assert len(one.relay.taken) == 2


async def test_a_consultant_who_writes_to_the_plain_address_opens_an_incident_of_their_own(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written(sender=FIRST_CONSULTANT, message_id="<c1@ejemplo.mx>"), sender=FIRST_CONSULTANT)
        incident = await one.incident()
        assert number_of(incident) in {number_in(taken) for taken in one.relay.to(FIRST_CONSULTANT)}
        assert await one.count("SELECT count(*) FROM owed WHERE kind = 'acknowledgement'") == 1


async def test_people_in_copy_do_not_become_participants(engine_url: str) -> None:
    async with house(engine_url) as one:
        await opened(one, Cc="beto@cliente.mx, eva@otro.mx")
        rows = await one.rows("SELECT address FROM participants")
        assert [row[0] for row in rows] == [ANA]
        assert one.relay.to("beto@cliente.mx") == one.relay.to("eva@otro.mx") == []

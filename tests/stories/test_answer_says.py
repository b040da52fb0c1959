"""What the answer to a new mail says beside number and times, over the real doors (process 2.1; DESIGN 2)."""

import re

import pytest

from desk.rules.addresses import Signer
from desk.rules.numbers import digits_of
from tests.stories.house import ANA, DESK, FIRST_CONSULTANT, KEY, House, house, reply_address, written

pytestmark = pytest.mark.anyio

MORE = {
    "VENTANILLA_HTTP__PUBLIC_URL": "https://mesa.ejemplo.mx",
    "VENTANILLA_TUTORIALS__0__TITLE": "Cancelar paso a paso",
    "VENTANILLA_TUTORIALS__0__URL": "https://mesa.ejemplo.mx/cancelar",
    "VENTANILLA_TUTORIALS__0__TOPICS": "cancelación,cancelar",
    "VENTANILLA_TUTORIALS__1__TITLE": "Nómina",
    "VENTANILLA_TUTORIALS__1__URL": "https://mesa.ejemplo.mx/nomina",
    "VENTANILLA_TUTORIALS__1__TOPICS": "nómina",
}
SIGNER = Signer((KEY.encode(),), DESK)
QUESTION = "¿Cómo CANCELO? Necesito la CANCELACION de una que ya timbré."


async def text_of(one: House, **headers: str) -> str:
    """Have Ana ask; return the text of what she is answered."""
    await one.take(written(QUESTION, subject="Comprobante", **headers))
    return one.answer_to(ANA).text


async def test_it_names_people_in_copy_by_bare_address_and_nobody_of_the_desk(engine_url: str) -> None:
    async with house(engine_url, more=MORE) as one:
        copied = f"Beto <beto@cliente.mx>, {FIRST_CONSULTANT}, {DESK}, BETO@cliente.mx, eva@otro.mx"
        text = await text_of(one, Cc=copied)
        assert "beto@cliente.mx, eva@otro.mx" in " ".join(text.split())
        assert FIRST_CONSULTANT not in text
        assert {owed[0] for owed in await one.rows("SELECT address FROM owed")} == {ANA, FIRST_CONSULTANT}


async def test_it_names_the_tutorials_that_fit_and_no_others(engine_url: str) -> None:
    async with house(engine_url, more=MORE) as one:
        text = await text_of(one)
        assert "https://mesa.ejemplo.mx/cancelar" in text
        assert "https://mesa.ejemplo.mx/nomina" not in text


async def test_its_pin_and_link_are_the_incidents_own_and_never_in_a_consultants_mail(engine_url: str) -> None:
    async with house(engine_url, more=MORE) as one:
        text = await text_of(one)
        incident = await one.incident()
        (token,) = re.findall(rf"https://mesa\.ejemplo\.mx/i/({digits_of(incident)}\.\S+)", text)
        assert SIGNER.pin(incident) in re.findall(r"\b\d{4}\b", text)
        assert token not in one.relay.to(FIRST_CONSULTANT)[0].text
        assert reply_address(one.answer_to(ANA)) not in one.relay.to(FIRST_CONSULTANT)[0].text

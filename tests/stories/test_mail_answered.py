"""A mail comes in; its sender is answered and a consultant is told."""

import re

import pytest

from desk.rules.numbers import id_of
from tests.stories.house import house, written

pytestmark = pytest.mark.anyio


@pytest.mark.done("house.2")
async def test_a_mail_is_answered(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.send(written())
        await one.relay.until(2)
        await one.settle()
        (answer,) = one.relay.to("ana@cliente.mx")
        mail = answer.mail
        number = re.search(r"INC-\d+", str(mail["Subject"]))
        assert number is not None
        assert id_of(number[0]) == await one.count("SELECT id FROM incidents")
        assert mail["In-Reply-To"] == "<m1@cliente.mx>"
        assert "<m1@cliente.mx>" in str(mail["References"])
        assert mail["Auto-Submitted"] == "auto-replied"
        assert "14:00" in answer.text
        assert "hoy" in answer.text
        assert "Duda" not in str(mail)
        (notice,) = [taken for taken in one.relay.taken if taken is not answer]
        assert notice.recipients == ["asesor1@ejemplo.mx"]
        assert "¿cómo descargo mi factura de octubre?" in notice.text
        assert await one.count("SELECT count(*) FROM owed WHERE status = 'sent'") == 2
        assert await one.count("SELECT count(*) FROM promises WHERE told_at IS NOT NULL") == 2
        assert await one.count("SELECT count(*) FROM messages WHERE direction = 'out'") == 2

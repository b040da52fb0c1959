"""`why` of incidents that were lived through: each answer is the one the story knows, on both engines (guarantee 8)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from desk.base.because import Part
from desk.base.names import OwedStatus
from tests.ledger.desks import SetClock
from tests.stories.asking_why import explained
from tests.stories.house import ANA, FIRST_CONSULTANT, House, house, number_in, reply_address, reply_to, written
from tests.stories.test_machines import REPORT

pytestmark = pytest.mark.anyio

OPERATIONS, DEVELOPMENT = "operacion@ejemplo.mx", "desarrollo@ejemplo.mx"
ANA_BY_NAME = "Ana Ruiz <ana@cliente.mx>"
OUTAGE = "Nadie puede entrar al portal, a todos nos marca error 500. No podemos timbrar."
BEFORE_A_HOLIDAY = datetime(2026, 11, 14, 0, 40, 30, tzinfo=UTC)
"""Friday at 18:40:30 in Mexico City; its Monday is the third of November, a day of rest (article 74 LFT)."""


async def test_a_question_in_hours_is_explained_from_grade_to_answer(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        answer = one.answer_to(ANA)
        told = await explained(one, engine_url, await one.incident())
        assert told[Part.SEVERITY][0] == "Tiene severidad 1: duda o asesoría."
        assert told[Part.SEVERITY][1].startswith(
            "La puso el sistema al abrir el incidente, hoy, martes 24 de noviembre"
        )
        assert len(told[Part.SEVERITY]) >= 3
        assert told[Part.QUEUE][:2] == [
            "Las dudas y la asesoría (severidad 1) las atiende la Mesa de Servicio.",
            "El trabajo está ahora en la Mesa de Servicio.",
        ]
        assert f"<{FIRST_CONSULTANT}> lleva el incidente por la Mesa de Servicio" in told[Part.QUEUE][2]
        assert told[Part.THREAD] == ["El primer mensaje abrió un incidente nuevo: no responde a ninguno que ya exista."]
        assert told[Part.PROMISES] == [
            "Primera atención: hoy, martes 24 de noviembre, antes de las 14:00.",
            "Para la severidad 1 son 2 h de servicio, contadas desde que llegó el mensaje: "
            "hoy, martes 24 de noviembre, a las 12:00.",
            "mar 24 nov, 12:00–14:00: 120 min → primera atención",
            "Está vigente.",
            "Se le dijo al usuario hoy, martes 24 de noviembre, a las 12:00, en el acuse para ana@cliente.mx.",
            "Solución: mañana, miércoles 25 de noviembre, antes de las 10:00.",
            "Para la severidad 1 son 8 h de servicio, contadas desde que llegó el mensaje: "
            "hoy, martes 24 de noviembre, a las 12:00.",
            "mar 24 nov, 12:00–19:00: 420 min",
            "mié 25 nov, 09:00–10:00: 60 min → solución",
            "Está vigente.",
            "Se le dijo al usuario hoy, martes 24 de noviembre, a las 12:00, en el acuse para ana@cliente.mx.",
        ]
        acknowledged, noticed = told[Part.ANSWERS]
        assert acknowledged.startswith(f"Se envió el acuse a {ANA}: hoy, martes 24 de noviembre, a las 12:00")
        assert str(answer.mail["Message-ID"]) in acknowledged
        assert noticed.startswith(f"Se envió el aviso del incidente a {FIRST_CONSULTANT}:")


async def test_a_friday_evening_before_a_holiday_is_counted_day_by_day(engine_url: str) -> None:
    async with house(engine_url, clock=SetClock(BEFORE_A_HOLIDAY)) as one:
        await one.take(written())
        told = await explained(one, engine_url, await one.incident())
        assert told[Part.PROMISES][:6] == [
            "Primera atención: el martes 17 de noviembre antes de las 10:40.",
            "Para la severidad 1 son 2 h de servicio, contadas desde que llegó el mensaje: "
            "hoy, viernes 13 de noviembre, a las 18:40.",
            "vie 13 nov, 18:40–19:00: 20 min",
            "sáb 14 y dom 15 nov: cerrado",
            "lun 16 nov: día festivo (Día de la Revolución)",
            "mar 17 nov, 09:00–10:40: 100 min → primera atención",
        ]


async def test_a_promise_stands_as_told_when_the_settings_change_and_why_says_so(engine_url: str) -> None:
    async with house(engine_url, clock=SetClock(BEFORE_A_HOLIDAY)) as one:
        await one.take(written())
        without = {"VENTANILLA_CALENDAR__HOLIDAYS": ""}
        told = await explained(one, engine_url, await one.incident(), more=without)
        assert told[Part.PROMISES][:2] == [
            "Primera atención: el martes 17 de noviembre antes de las 10:40.",
            "Los ajustes cambiaron desde que se fijó este plazo: con el horario y los plazos de ahora la cuenta daría "
            "otra hora: el lunes 16 de noviembre antes de las 10:40. Lo que se prometió sigue igual.",
        ]


async def test_a_promise_that_passed_is_said_to_be_broken(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        await one.jump(timedelta(hours=3))
        told = await explained(one, engine_url, await one.incident())
        assert [line for line in told[Part.PROMISES] if line in ("No se cumplió.", "Está vigente.")] == [
            "No se cumplió.", "Está vigente.",
        ]  # fmt: skip


async def test_an_outage_names_both_queues_and_who_of_development_was_told(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written(OUTAGE, subject="Caída"))
        told = await explained(one, engine_url, await one.incident())
        queue = "\n".join(told[Part.QUEUE])
        assert told[Part.SEVERITY][0] == "Tiene severidad 3: falla o suspensión del servicio (la más grave)."
        assert "la diagnostica primero el Área de Operación" in told[Part.QUEUE][0]
        assert "El trabajo está ahora en el Área de Operación." in queue
        assert f"<{FIRST_CONSULTANT}> lleva el incidente por la Mesa de Servicio" in queue
        assert f"<{OPERATIONS}> lleva el incidente por el Área de Operación" in queue
        assert f"también recibió aviso desde el principio: Consultor del Área de Desarrollo <{DEVELOPMENT}>." in queue
        assert sum("aviso del incidente" in line for line in told[Part.ANSWERS]) == 2


async def test_a_follow_up_is_said_to_join_by_our_signature_and_to_have_no_acknowledgement(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        answer = one.answer_to(ANA)
        more = reply_to(answer, "También falta la de mayo.", sender=ANA_BY_NAME, message_id="<m2@cliente.mx>")
        await one.take(more, to=reply_address(answer))
        told = await explained(one, engine_url, await one.incident())
        assert told[Part.THREAD][1].endswith(
            "Ana Ruiz <ana@cliente.mx> escribió y su mensaje se añadió a este incidente: "
            "escribió a la dirección de respuesta de este incidente, que lleva nuestra firma."
        )
        (unanswered,) = (line for line in told[Part.ANSWERS] if "no tuvo acuse" in line)
        assert unanswered.startswith("Lo que Ana Ruiz <ana@cliente.mx> añadió hoy, martes 24 de noviembre, a las 12:00")


async def test_an_absence_note_in_a_live_thread_is_unanswered_by_the_sign_it_bears(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        answer = one.answer_to(ANA)
        absent = reply_to(
            answer, "Vuelvo el lunes.", sender=ANA_BY_NAME, message_id="<m2@cliente.mx>", Auto_Submitted="auto-replied"
        )
        await one.take(absent, to=reply_address(answer))
        told = await explained(one, engine_url, await one.incident())
        sign = "Se sabe porque su encabezado Auto-Submitted lo dice: «auto-replied»."
        assert "llegó un correo automático de Ana Ruiz <ana@cliente.mx>" in told[Part.THREAD][1]
        assert told[Part.THREAD][1].endswith(sign)
        assert told[Part.ANSWERS][-1].startswith("El correo automático que llegó hoy")
        assert told[Part.ANSWERS][-1].endswith(f"a una máquina nunca se le contesta. {sign}")


async def test_an_alarm_has_no_promise_and_no_answer_and_why_says_by_which_sign(engine_url: str) -> None:
    async with house(engine_url) as one:
        alarm = written("Disco lleno", sender="monitor@cliente.mx", Auto_Submitted="auto-generated")
        await one.take(alarm, sender="monitor@cliente.mx")
        told = await explained(one, engine_url, await one.incident())
        assert "es automático" in told[Part.THREAD][1]
        assert told[Part.PROMISES] == [
            "No se prometió ningún plazo, porque el mensaje que abrió el incidente no lo escribió una persona o no se "
            "pudo leer."
        ]
        assert told[Part.ANSWERS][0].startswith("El primer mensaje no se contestó, porque a una máquina nunca")
        assert "«auto-generated»" in told[Part.ANSWERS][0]


async def test_a_mail_nobody_could_read_is_said_to_be_unreadable(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(b"Subject: Hola\r\nMessage-ID: <x@otro.mx>\r\n\r\nHola\r\n", sender="")
        told = await explained(one, engine_url, await one.incident())
        assert "No trae ningún remitente que se pueda leer." in told[Part.THREAD][1]
        assert told[Part.ANSWERS][0].startswith("El primer mensaje no se contestó, porque no se pudo leer.")
        assert any("no se pudo leer" in line.lower() for line in told[Part.SEVERITY])


async def test_a_copy_a_bounce_and_a_colleague_of_the_house_are_each_explained(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        await one.take(written())
        answer, (notice,) = one.answer_to(ANA), one.relay.to(FIRST_CONSULTANT)
        note = reply_to(notice, "Ya la vi.", sender=FIRST_CONSULTANT, message_id="<c1@ejemplo.mx>")
        await one.take(note, sender=FIRST_CONSULTANT, to=reply_address(notice))
        report = REPORT.format(to=answer.envelope_from, returned=answer.mail["Message-ID"]).replace("\n", "\r\n")
        await one.take(report.encode(), sender="", to=answer.envelope_from)
        told = await explained(one, engine_url, await one.incident())
        thread, answers = "\n".join(told[Part.THREAD]), "\n".join(told[Part.ANSWERS])
        assert "llegó otra copia de un correo que ya se tenía" in thread
        assert f"<{FIRST_CONSULTANT}>, de la lista de consultores, escribió" in thread
        assert "un correo nuestro no llegó: ana@cliente.mx (5.1.1)." in thread
        assert "El servidor de correo dio esta razón: «550 5.1.1 no such user»." in thread
        assert "el mismo correo se contesta una sola vez" in answers
        assert f"Se envió la confirmación de recibo a {FIRST_CONSULTANT}" in answers
        assert re.search(rf"Se envió el acuse a {ANA}, .*, pero rebotó", answers)
        assert "El rebote que llegó hoy" in answers


async def test_a_strangers_mail_that_names_the_number_says_why_it_is_only_mentioned(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        number = number_in(one.answer_to(ANA))
        curious = written("¿Y esto?", subject=number, sender="eva@otro.mx", message_id="<e1@otro.mx>")
        await one.take(curious, sender="eva@otro.mx")
        told = await explained(one, engine_url, (await one.incidents())[1])
        assert told[Part.THREAD] == [
            f"El primer mensaje abrió un incidente nuevo: nombra {number}, pero quien escribe no participa en él; por "
            "eso solo se menciona."
        ]


async def test_a_held_mail_of_the_incident_is_said_with_its_reason(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        answer = one.answer_to(ANA)
        listed = reply_to(
            answer, "Va para todos.", sender=ANA_BY_NAME, message_id="<m2@cliente.mx>", List_Id="<lista.cliente.mx>"
        )
        await one.take(listed, to=reply_address(answer))
        told = await explained(one, engine_url, await one.incident())
        assert told[Part.THREAD][1].endswith("quedó retenido y no se añadió: llegó por una lista de correo.")
        assert "nada de lo retenido se contesta" in told[Part.ANSWERS][-1]


async def test_a_question_how_it_goes_says_that_it_is_answered_now_or_at_the_hours_end(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        answer = one.answer_to(ANA)
        for message_id in ("<m2@cliente.mx>", "<m3@cliente.mx>"):
            asking = reply_to(answer, "¿Cómo va?", sender=ANA_BY_NAME, message_id=message_id)
            await one.take(asking, to=reply_address(answer))
        told = await explained(one, engine_url, await one.incident())
        now, later = (line for line in told[Part.ANSWERS] if "preguntaba cómo va el incidente" in line)
        assert now.endswith("se contesta de inmediato con lo que hay anotado.")
        assert later.endswith("la respuesta va al terminar la hora: hoy, martes 24 de noviembre, a las 13:00.")
        sent, planned = (line for line in told[Part.ANSWERS] if "la respuesta de cómo va" in line)
        assert sent.startswith(f"Se envió la respuesta de cómo va a {ANA}")
        assert planned == f"Saldrá la respuesta de cómo va para {ANA}: hoy, martes 24 de noviembre, a las 13:00."


REFUSALS: Mapping[str, tuple[str, str, OwedStatus]] = {
    "later": ("451 4.3.0 busy, later", "(intentos: 1)", OwedStatus.QUEUED),
    "never": ("550 5.1.1 no such user", "lo rechazó para siempre («550 5.1.1 no such user»)", OwedStatus.REFUSED),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_an_answer_that_did_not_go_says_what_the_relay_said_and_when_it_goes_again(
    engine_url: str, case: str
) -> None:
    reply, words, status = REFUSALS[case]
    async with house(engine_url, expects=("delivery_refused",)) as one:
        one.relay.answer = lambda _envelope: reply
        await one.take(written())
        incident = await one.incident()
        rows = await one.rows("SELECT status FROM owed WHERE kind = 'acknowledgement'")
        assert [row[0] for row in rows] == [status]
        told = await explained(one, engine_url, incident)
        (line,) = (line for line in told[Part.ANSWERS] if "el acuse" in line)
        assert words in line
        assert reply in line
        is_waiting = status is OwedStatus.QUEUED
        assert ("el siguiente intento será hoy, martes 24 de noviembre, a las 12:0" in line) is is_waiting
        untold = "Todavía no se le ha dicho al usuario" if is_waiting else "No se le ha dicho al usuario."
        assert sum(line.startswith(untold) for line in told[Part.PROMISES]) == 2


async def test_asking_why_changes_nothing(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        incident = await one.incident()
        before = await _everything(one)
        await explained(one, engine_url, incident)
        assert await _everything(one) == before


async def _everything(one: House) -> list[list[Any]]:
    tables = ("incidents", "messages", "promises", "events", "owed", "held", "arrivals")
    return [[tuple(row) for row in await one.rows(f"SELECT * FROM {table} ORDER BY id")] for table in tables]

"""A machine is never answered, and what it says is never lost (guarantee 4; DESIGN 7, what came, what it becomes)."""

import pytest

from desk.rules.numbers import number_of
from tests.relay import Taken
from tests.stories.house import ANA, DESK, FIRST_CONSULTANT, House, house, reply_address, reply_to, written
from tests.stories.test_threads import wrong

pytestmark = pytest.mark.anyio

ROBOT = "monitor@cliente.mx"
MACHINES: dict[str, dict[str, str]] = {
    "auto-generated": {"Auto_Submitted": "auto-generated"},
    "auto-replied": {"Auto_Submitted": "auto-replied"},
    "auto-notified": {"Auto_Submitted": "auto-notified; owner-email=a@b.mx"},
    "precedence-bulk": {"Precedence": "bulk"},
    "precedence-junk": {"Precedence": "junk"},
    "suppressed": {"X_Auto_Response_Suppress": "All"},
    "autoreply": {"X_Autoreply": "yes"},
}
ABSENCE: dict[str, dict[str, str]] = {
    "by-header": {"subject": "Estoy de vacaciones", "Auto_Submitted": "auto-replied"},
    "by-subject": {"subject": "Respuesta automática: Duda"},
}
REPORT = """\
From: Mail Delivery System <mailer-daemon@relay.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <dsn1@relay.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"

--=_b
Content-Type: text/plain; charset=us-ascii

The mail system could not deliver your message.

--=_b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example

Final-Recipient: rfc822; ana@cliente.mx
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user

--=_b
Content-Type: message/rfc822

From: soporte@ejemplo.mx
To: ana@cliente.mx
Message-ID: {returned}
Subject: INC

words
--=_b--
"""


def report(to: str, returned: str = "<other@elsewhere.example>") -> bytes:
    return REPORT.format(to=to, returned=returned).replace("\n", "\r\n").encode()


async def opened(one: House) -> Taken:
    """Have Ana open an incident; return its acknowledgement."""
    await one.take(written())
    return one.answer_to(ANA)


async def assert_told_to_the_queue_alone(one: House) -> None:
    """An incident stands, a consultant was told, nobody was answered, no time was promised."""
    assert await one.incident()
    assert [taken.recipients for taken in one.relay.taken] == [[FIRST_CONSULTANT]]
    assert await one.count("SELECT count(*) FROM owed WHERE kind <> 'notice'") == 0
    assert await one.count("SELECT count(*) FROM promises") == 0
    assert await one.held() == []


@pytest.mark.parametrize("headers", MACHINES.values(), ids=MACHINES)
async def test_an_alarm_of_a_machine_is_an_incident_without_answer(engine_url: str, headers: dict[str, str]) -> None:
    async with house(engine_url) as one:
        alarm = written("El disco está al 90 %.", subject="Disco", sender=ROBOT, **headers)
        await one.take(alarm, sender=ROBOT)
        await assert_told_to_the_queue_alone(one)


async def test_a_mail_with_the_null_sender_is_never_answered(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written("El disco está al 90 %.", sender=ROBOT), sender="")
        await assert_told_to_the_queue_alone(one)


@pytest.mark.parametrize("headers", ABSENCE.values(), ids=ABSENCE)
async def test_an_absence_note_to_our_answer_is_an_event_and_is_not_answered(
    engine_url: str, headers: dict[str, str]
) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        note = reply_to(answer, "Vuelvo el lunes.", sender=ANA, message_id="<o1@cliente.mx>", **headers)
        await one.take(note, to=reply_address(answer))
        assert (await one.timeline(await one.incident()))[-1] == "automatic"
        assert len(one.relay.taken) == 2
        assert await one.count("SELECT count(*) FROM owed") == 2
        (row,) = await one.rows("SELECT audience FROM messages WHERE message_id = '<o1@cliente.mx>'")
        assert row[0] == "internal"


async def test_an_absence_note_from_a_consultant_is_an_event_and_is_not_answered(engine_url: str) -> None:
    async with house(engine_url) as one:
        await opened(one)
        (notice,) = one.relay.to(FIRST_CONSULTANT)
        note = reply_to(
            notice, "No estoy.", sender=FIRST_CONSULTANT, message_id="<o1@ejemplo.mx>", Auto_Submitted="auto-replied"
        )
        await one.take(note, sender="", to=reply_address(notice))
        assert (await one.timeline(await one.incident()))[-1] == "automatic"
        assert len(one.relay.taken) == 2


async def test_a_bounce_of_our_answer_is_an_event_of_its_incident(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        await one.take(report(answer.envelope_from), sender="", to=answer.envelope_from)
        incident = await one.incident()
        (row,) = await one.rows("SELECT text, why FROM events WHERE incident_id = ? AND kind = 'bounced'", incident)
        assert row[0] == "ana@cliente.mx 5.1.1"
        assert "no such user" in row[1]
        assert len(one.relay.taken) == 2
        assert await one.count("SELECT count(*) FROM owed") == 2
        assert await one.held() == []


async def test_a_bounce_that_names_only_our_message_finds_its_incident(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        await one.take(report(DESK, returned=str(answer.mail["Message-ID"])), sender="")
        assert (await one.timeline(await one.incident()))[-1] == "bounced"
        assert await one.held() == []


async def test_a_bounce_with_a_wrong_token_is_held_and_changes_nothing(engine_url: str) -> None:
    async with house(engine_url) as one:
        address = wrong((await opened(one)).envelope_from)
        await one.take(report(address), sender="", to=address)
        assert await one.held() == ["forged_address"]
        assert "bounced" not in await one.timeline(await one.incident())
        assert len(one.relay.taken) == 2


async def test_a_bounce_of_nothing_of_ours_is_held(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(report(DESK), sender="")
        assert await one.held() == ["foreign_bounce"]
        assert await one.incidents() == []
        assert one.relay.taken == []


@pytest.mark.parametrize(
    "headers",
    [{"List_Id": "<todos.lista.example>"}, {"List_Unsubscribe": "<mailto:no@lista.example>"}, {"Precedence": "list"}],
    ids=["list-id", "newsletter", "precedence"],
)
async def test_mail_of_a_list_is_held(engine_url: str, headers: dict[str, str]) -> None:
    async with house(engine_url) as one:
        await one.take(written(sender="boletin@lista.example", **headers), sender="boletin@lista.example")
        assert await one.held() == ["list"]
        assert await one.incidents() == []
        assert one.relay.taken == []


@pytest.mark.parametrize("sender", [DESK, "Soporte <SOPORTE@ejemplo.mx>", "soporte+facturas@ejemplo.mx"])
async def test_mail_that_comes_from_the_desk_itself_is_held(engine_url: str, sender: str) -> None:
    async with house(engine_url) as one:
        await one.take(written(sender=sender), sender=DESK)
        assert await one.held() == ["own_mail"]
        assert await one.incidents() == []
        assert one.relay.taken == []


async def test_our_own_answer_come_back_is_held(engine_url: str) -> None:
    async with house(engine_url) as one:
        answer = await opened(one)
        returned = answer.content.replace(b"From: ", b"X-From: ", 1)
        await one.take(b"From: redirector@cliente.mx\r\n" + returned, sender=answer.envelope_from)
        assert await one.held() == ["own_mail"]
        assert await one.incident()
        assert len(one.relay.taken) == 2


async def test_a_mail_with_several_from_is_held(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written(sender="Ana <ana@cliente.mx>, Beto <beto@otro.mx>"))
        assert await one.held() == ["several_from"]
        assert one.relay.taken == []


async def test_two_desks_that_write_to_each_other_stop_at_once(engine_url: str) -> None:
    """The other desk answers everything, without a header that says so, and keeps our Reply-To."""
    async with house(engine_url) as one:
        await one.take(written(sender="desk@otro.mx", message_id="<d1@otro.mx>"), sender="desk@otro.mx")
        for n in range(2, 6):
            answer = one.relay.to("desk@otro.mx")[-1]
            echo = reply_to(answer, f"Su folio es {n}.", sender="desk@otro.mx", message_id=f"<d{n}@otro.mx>")
            await one.take(echo, sender="desk@otro.mx", to=reply_address(answer))
        assert number_of(await one.incident())
        assert len(one.relay.to("desk@otro.mx")) == 1

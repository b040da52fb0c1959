"""A notice that its consultant cannot get is with the next contact at once; who is not reached stands in `/healthz`."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from aiosmtpd.smtp import Envelope

from tests.relay import Taken
from tests.stories.house import ANA, FIRST_CONSULTANT, House, house, reply_address, reply_to, written
from tests.stories.test_attachments import attached, invoice
from tests.stories.test_relay_trouble import problems

pytestmark = pytest.mark.anyio

SECOND_CONSULTANT = "asesor2@ejemplo.mx"
NEVER = "550 5.1.1 no such user"
TROUBLE = ("consultant", "consultants.0.email")


def refusing(*addresses: str, reply: str = NEVER) -> Callable[[Envelope], str | None]:
    return lambda envelope: reply if set(envelope.rcpt_tos) & set(addresses) else None


async def owed_notices(one: House) -> list[tuple[str, str]]:
    rows = await one.rows("SELECT address, status FROM owed WHERE kind = 'notice' ORDER BY id")
    return [(row[0], row[1]) for row in rows]


def bounce_of(mail: Taken, address: str, message_id: str = "<b1@relay.test>") -> bytes:
    """Return the report that a mail system sends back to the envelope sender of a mail."""
    ours = mail.mail["Message-ID"]
    return (
        f"From: MAILER-DAEMON@relay.test\r\nTo: {mail.envelope_from}\r\nSubject: Undelivered Mail\r\n"
        f"Message-ID: {message_id}\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r\n\r\n'
        "--x\r\nContent-Type: text/plain\r\n\r\nNo such user.\r\n"
        "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; relay.test\r\n\r\n"
        f"Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
        f"\r\n--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {ours}\r\n\r\n--x--\r\n"
    ).encode()


async def test_a_refused_notice_goes_to_the_next_contact_at_once_with_its_files(engine_url: str) -> None:
    async with house(engine_url, expects=["delivery_refused"]) as one:
        one.relay.answer = refusing(FIRST_CONSULTANT)
        await one.take(invoice())
        assert await owed_notices(one) == [(FIRST_CONSULTANT, "refused"), (SECOND_CONSULTANT, "sent")]
        (notice,) = one.relay.to(SECOND_CONSULTANT)
        assert FIRST_CONSULTANT in "\n".join(notice.text.splitlines()[:5])
        assert attached(notice)
        assert await one.held() == ["refused"]
        assert (await one.timeline(await one.incident()))[-1] == "held"
        (why,) = await one.rows("SELECT text, why FROM events WHERE kind = 'held'")
        assert (why[0], why[1]) == (f"notice {FIRST_CONSULTANT}", NEVER)


async def test_the_next_contact_has_a_reply_address_of_their_own(sqlite_url: str) -> None:
    async with house(sqlite_url, expects=["delivery_refused"]) as one:
        one.relay.answer = refusing(FIRST_CONSULTANT)
        await one.take(written())
        (notice,) = one.relay.to(SECOND_CONSULTANT)
        mail = reply_to(notice, "Lo veo yo.", sender=SECOND_CONSULTANT, message_id="<r1@ejemplo.mx>")
        await one.take(mail, sender=SECOND_CONSULTANT, to=reply_address(notice))
        assert "noted" in await one.timeline(await one.incident())


async def test_when_no_consultant_of_the_queue_is_left_a_manager_has_it_and_then_nobody(engine_url: str) -> None:
    async with house(engine_url, expects=["delivery_refused"]) as one:
        one.relay.answer = lambda envelope: None if envelope.rcpt_tos == [ANA] else NEVER
        await one.take(written())
        notices = await owed_notices(one)
        assert [status for _, status in notices] == ["refused"] * len(notices)
        tried = [address for address, _ in notices]
        assert tried[:2] == [FIRST_CONSULTANT, SECOND_CONSULTANT]
        assert len(tried) == len(set(tried))
        managers = await one.rows("SELECT email FROM consultants WHERE role = 'manager' ORDER BY position")
        assert tried[2:] == [row[0] for row in managers]
        assert await one.held() == ["refused"] * len(tried)


async def test_a_bounced_notice_goes_to_the_next_contact_once(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written())
        (first,) = one.relay.to(FIRST_CONSULTANT)
        for n in range(2):
            await one.take(bounce_of(first, FIRST_CONSULTANT, f"<b{n}@relay.test>"), sender="", to=first.envelope_from)
        assert await owed_notices(one) == [(FIRST_CONSULTANT, "bounced"), (SECOND_CONSULTANT, "sent")]
        assert FIRST_CONSULTANT in "\n".join(one.relay.to(SECOND_CONSULTANT)[0].text.splitlines()[:5])
        assert await one.held() == ["bounced"]
        assert TROUBLE in await problems(one)


async def test_a_bounced_or_refused_answer_is_passed_on_to_nobody(sqlite_url: str) -> None:
    async with house(sqlite_url, expects=["delivery_refused"]) as one:
        await one.take(written())
        answer = one.answer_to(ANA)
        await one.take(bounce_of(answer, ANA), sender="", to=answer.envelope_from)
        one.relay.answer = refusing("luis@cliente.mx")
        await one.take(written(sender="luis@cliente.mx", message_id="<l1@cliente.mx>"), sender="luis@cliente.mx")
        assert await one.count("SELECT count(*) FROM owed WHERE kind = 'notice'") == 2
        assert await problems(one) == {}


async def test_an_address_that_refuses_is_in_healthz_by_its_setting_until_a_mail_to_it_is_taken(
    engine_url: str,
) -> None:
    async with house(engine_url, expects=["delivery_refused"]) as one:
        one.relay.answer = refusing(FIRST_CONSULTANT)
        await one.take(written())
        problem = (await problems(one))[TROUBLE]
        assert problem["since"].startswith("2026-11-24T12:00")
        assert problem["do"]
        assert FIRST_CONSULTANT not in str(problem)
        one.relay.answer = lambda _envelope: None
        one.clock.advance(timedelta(minutes=1))
        mail = reply_to(one.answer_to(), "Otra cosa: tampoco abre.", sender=ANA, message_id="<m2@cliente.mx>")
        await one.take(mail, to=reply_address(one.answer_to()))
        assert len(one.relay.to(FIRST_CONSULTANT)) == 1
        assert await problems(one) == {}


async def test_a_notice_given_up_after_two_days_goes_to_the_next_contact(sqlite_url: str) -> None:
    async with house(sqlite_url, expects=["delivery_given_up"]) as one:
        one.relay.answer = refusing(FIRST_CONSULTANT, reply="451 4.2.0 later")
        await one.take(written())
        async with asyncio.timeout(30):
            while (await owed_notices(one))[0][1] == "queued":
                await one.jump(timedelta(hours=1, minutes=15))
        assert (FIRST_CONSULTANT, "given_up") in await owed_notices(one)
        assert (SECOND_CONSULTANT, "sent") in await owed_notices(one)
        assert "given_up" in await one.held()

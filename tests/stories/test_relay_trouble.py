"""A house whose relay refuses, hangs, tears or is closed: nothing lost, nothing doubled, and `/healthz` says so."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any

import aiohttp
import pytest
from aiosmtpd.smtp import Envelope

from tests.channels.fake_relay import CONTENT, FakeRelay, fake_relay
from tests.engines import free_port
from tests.relay import Relay, relay
from tests.stories.house import FIRST_CONSULTANT, House, house, written
from tests.stories.test_attachments import attached, invoice

pytestmark = pytest.mark.anyio

A_MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("responders.outbox", "responders.mail.relays"):
        monkeypatch.setattr(f"{module}.PROBE_S", (0.02, 0.05))


async def problems(one: House) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what `/healthz` says, by part and name; its code is 200 exactly when it says nothing."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{one.http_port}/healthz") as answer:
        body = await answer.json()
        assert (answer.status == 200) is (body["problems"] == [])
        return {(problem["part"], problem["name"]): problem for problem in body["problems"]}


@asynccontextmanager
async def house_at(url: str, wrong: FakeRelay, **more: str) -> AsyncIterator[House]:
    """A house whose relay is one that misbehaves."""
    async with fake_relay(wrong), house(url, relay_of=Relay(port=wrong.port), more=more) as one:
        yield one


def ids(mails: list[bytes]) -> Counter[str]:
    return Counter(str(message_from_bytes(mail)["Message-ID"]) for mail in mails)


async def test_a_relay_closed_for_two_hours_loses_and_doubles_nothing(engine_url: str) -> None:
    absent = Relay(port=free_port())
    async with house(engine_url, relay_of=absent) as one:
        for n in range(6):
            await one.send(written(message_id=f"<m{n}@cliente.mx>", sender=f"u{n}@cliente{n}.mx"), sender=f"u{n}@x.mx")
            one.clock.advance(timedelta(minutes=20))
        async with asyncio.timeout(10):
            while not one.said("relay_away"):
                await asyncio.sleep(0.005)
        assert ("relay", "reach") in await problems(one)
        async with relay(absent.port) as back:
            await back.until(12)
            await one.settle()
            assert len(ids([taken.content for taken in back.taken])) == len(back.taken) == 12
            assert await one.count("SELECT count(*) FROM owed WHERE status <> 'sent'") == 0
        assert await problems(one) == {}


async def test_a_content_without_a_reply_goes_again_as_the_same_bytes(engine_url: str) -> None:
    wrong = FakeRelay(tears={CONTENT}, offers=["PIPELINING"])
    async with house_at(engine_url, wrong) as one:
        await one.take(written())
        assert len(wrong.mails) == 2
        wrong.tears.clear()
        await one.jump(A_MINUTE)
        assert len(wrong.mails) == 4
        assert sorted(wrong.mails[:2]) == sorted(wrong.mails[2:])
        assert await one.count("SELECT count(*) FROM owed WHERE status = 'sent' AND attempts = 2") == 2


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA", CONTENT])
async def test_a_relay_that_breaks_off_at_a_verb_stands_in_healthz_until_it_takes_a_mail(
    sqlite_url: str, moment: str
) -> None:
    wrong = FakeRelay(tears={moment}, offers=["PIPELINING"])
    async with house_at(sqlite_url, wrong) as one:
        began = one.clock.now()
        await one.take(written())
        await one.jump(timedelta(seconds=45))
        problem = (await problems(one))["outbox", "deferred"]
        assert "breaks off" in problem["why"]
        assert datetime.fromisoformat(problem["since"]) == began
        assert problem["do"]
        wrong.tears.clear()
        await one.jump(timedelta(minutes=10))
        assert await problems(one) == {}


async def test_a_relay_that_puts_everything_off_is_named_by_its_code(sqlite_url: str) -> None:
    async with house(sqlite_url) as one:
        one.relay.answer = lambda _envelope: "451 4.3.0 ana@cliente.mx waits"
        await one.take(written())
        await one.jump(timedelta(seconds=45))
        said = await problems(one)
        assert "says 451" in said["outbox", "deferred"]["why"]
        assert "ana@" not in str(said)
        one.relay.answer = lambda _envelope: None
        await one.jump(timedelta(minutes=10))
        assert await problems(one) == {}


@pytest.mark.parametrize("moment", ["MAIL", "RCPT", "DATA", CONTENT])
async def test_a_relay_that_falls_silent_stands_in_healthz_within_a_minute(sqlite_url: str, moment: str) -> None:
    held_up = asyncio.Event()
    wrong = FakeRelay(offers=["PIPELINING"], waits={moment: held_up})
    async with house_at(sqlite_url, wrong) as one:
        await one.send(written())
        async with asyncio.timeout(10):
            while not any(line.startswith(moment) or moment == CONTENT for line in wrong.heard):
                await asyncio.sleep(0.005)
        await asyncio.sleep(0)
        one.clock.advance(timedelta(seconds=45))
        async with asyncio.timeout(10):
            while ("outbox", "slow") not in await problems(one):
                await asyncio.sleep(0.005)
        held_up.set()
        await one.settle()
        assert await problems(one) == {}
        assert len(ids(wrong.mails)) == len(wrong.mails) == 2


async def test_the_fallback_carries_and_healthz_says_so_until_the_relay_is_back(engine_url: str) -> None:
    absent = Relay(port=free_port())
    async with relay() as second:
        more = {"VENTANILLA_RELAY__FALLBACK__PORT": str(second.port)}
        async with house(engine_url, relay_of=absent, more=more) as one:
            await one.take(written())
            assert len(second.taken) == 2
            assert {line["relay"] for line in one.said("delivery_sent")} == {"relay.fallback"}
            assert list(await problems(one)) == [("relay", "fallback")]
            async with relay(absent.port) as back:
                async with asyncio.timeout(10):
                    while await problems(one):
                        await asyncio.sleep(0.005)
                await one.take(written(message_id="<m2@cliente.mx>"))
                assert (len(back.taken), len(second.taken)) == (2, 2)


async def test_a_content_that_may_have_arrived_waits_for_its_relay_over_later_attempts(engine_url: str) -> None:
    wrong = FakeRelay(tears={CONTENT}, offers=["PIPELINING"])
    async with relay() as second:
        more = {"VENTANILLA_RELAY__FALLBACK__PORT": str(second.port)}
        async with house_at(engine_url, wrong, **more) as one:
            await one.take(written())
            assert len(wrong.mails) == 2
            wrong.tears = {"CONNECT"}
            wrong.drop_all()
            await one.jump(A_MINUTE)
            await one.jump(A_MINUTE)
            assert second.taken == []
            assert await one.count("SELECT count(*) FROM owed WHERE status = 'queued' AND attempts = 1") == 2
            await one.take(written(message_id="<m2@cliente.mx>"))
            assert len(second.taken) == 2
            wrong.tears = set()
            async with asyncio.timeout(10):
                while await one.count("SELECT count(*) FROM owed WHERE status <> 'sent'"):
                    await asyncio.sleep(0.005)
                    await one.jump(timedelta(seconds=1))
            assert len(second.taken) == 2
            assert await problems(one) == {}


@pytest.mark.parametrize(
    "refusal",
    [
        "552 5.3.4 message size exceeds fixed limit",
        "554 5.3.4 too big",
        "550 Message too large",
        "554 5.6.1 media not supported",
        "554 5.7.1 attachment type not allowed",
        "550 5.7.1 message content rejected",
    ],
)
async def test_a_notice_refused_for_its_size_or_content_goes_once_more_without_its_files(
    sqlite_url: str, refusal: str
) -> None:
    tried: list[bool] = []

    def refuse(envelope: Envelope) -> str | None:
        assert isinstance(envelope.content, bytes)
        if envelope.rcpt_tos == [FIRST_CONSULTANT]:
            tried.append(b"multipart/mixed" in envelope.content)
        return refusal if b"multipart/mixed" in envelope.content else None

    async with house(sqlite_url) as one:
        one.relay.answer = refuse
        await one.take(invoice())
        (notice,) = one.relay.to(FIRST_CONSULTANT)
        assert tried == [True, False]
        assert attached(notice) == {}
        assert "factura Ñandú.pdf" in notice.text
        assert await one.held() == []


async def test_a_refusal_of_the_address_is_not_tried_without_files(sqlite_url: str) -> None:
    tried: list[str] = []

    def refuse(envelope: Envelope) -> str | None:
        if envelope.rcpt_tos != [FIRST_CONSULTANT]:
            return None
        tried.append(FIRST_CONSULTANT)
        return "550 5.1.1 no such user"

    async with house(sqlite_url, expects=["delivery_refused"]) as one:
        one.relay.answer = refuse
        await one.take(invoice())
        assert len(tried) == 1
        assert await one.held() == ["refused"]


async def test_a_size_that_the_relay_announces_is_obeyed_before_anything_is_said(sqlite_url: str) -> None:
    small = FakeRelay(offers=["SIZE 60000", "PIPELINING"])
    async with house_at(sqlite_url, small) as one:
        await one.take(invoice())
        assert await one.count("SELECT count(*) FROM owed WHERE status = 'sent'") == 2
        sizes = [int(line.partition("SIZE=")[2]) for line in small.heard if line.startswith("MAIL")]
        assert len(sizes) == 2
        assert max(sizes) <= 60000

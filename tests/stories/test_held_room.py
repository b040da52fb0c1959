"""The held room: all that is held says where it came from, is decided once, and goes on as it would have.

Every verdict is a process of its own beside the house, as an operator types it.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from desk.rules.numbers import number_of
from tests.ledger.desks import SetClock
from tests.relay import Taken, relay
from tests.stories.house import ANA, DESK, FIRST_CONSULTANT, House, environment, house, reply_address, reply_to, written
from tests.stories.test_machines import report
from tests.stories.test_one_commit import refusing, refusing_no_more
from tests.stories.test_threads import wrong

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]
OPERATOR = "olga"
LIST = {"List_Id": "<todos.cliente.mx>"}
SEVERAL = "Ana <ana@cliente.mx>, Beto <beto@otro.mx>"
LOOPED = b"".join(b"Received: from a by b; Tue, 24 Nov 2026 12:00:00 -0600\r\n" for _ in range(101))
A_MOMENT = timedelta(minutes=1)


def now() -> SetClock:
    """A clock that stands at the present: the commands have the machine's."""
    return SetClock(datetime.now(UTC))


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode()


async def held(url: str, *words: str, by: str = OPERATOR) -> Ended:
    """Carry out `ventanilla held …` as a process of its own."""
    environ = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LOGNAME": by, "COLUMNS": "200", **environment(url, {}),
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ventanilla", "held", *words, env=environ,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out, err.decode())


async def undecided(one: House) -> list[int]:
    return [row[0] for row in await one.rows("SELECT id FROM held WHERE decided_at IS NULL ORDER BY id")]


async def only_item(one: House) -> str:
    (item,) = await undecided(one)
    return str(item)


async def released(one: House, url: str) -> None:
    """Release the only item there is, and let the house go on."""
    ended = await held(url, "release", await only_item(one))
    assert (ended.code, ended.err) == (0, "")
    await one.jump(A_MOMENT)


async def verdict(one: House, incident: int) -> tuple[str, str]:
    """Return what the timeline says of the only verdict over something of an incident."""
    events = await one.rows("SELECT text, why FROM events WHERE incident_id = ? AND kind = 'held'", incident)
    (found,) = [tuple(row) for row in events if row[1] in ("released", "discarded")]
    return found[0], found[1]


async def metric(one: House) -> float:
    """Return what `/metrics` says is held."""
    page = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{one.http_port}/metrics").read().decode())
    (line,) = [line for line in page.splitlines() if line.startswith("ventanilla_held_items ")]
    return float(line.split()[1])


@dataclass(frozen=True)
class Case:
    """A mail that is held for a reason, and who is answered once it is released."""

    mail: Callable[[], bytes]
    sender: str = ANA
    answered: str = ""


def bytes_of(**changes: str) -> bytes:
    return written(**changes).as_bytes().replace(b"\n", b"\r\n")


CASES = {
    "list": Case(lambda: bytes_of(**LIST), answered=ANA),
    "several_from": Case(lambda: bytes_of(sender=SEVERAL), answered=ANA),
    "loop": Case(lambda: LOOPED + bytes_of(), answered=ANA),
    "own_mail": Case(lambda: bytes_of(sender=DESK)),
    "foreign_bounce": Case(lambda: report(DESK), sender=""),
}


@pytest.mark.parametrize("reason", CASES)
@pytest.mark.done("faults.10")
async def test_a_released_mail_becomes_what_it_would_have_been_once(engine_url: str, reason: str) -> None:
    case = CASES[reason]
    async with house(engine_url, clock=now()) as one:
        await one.take(case.mail(), sender=case.sender)
        assert await one.held() == [reason]
        assert await metric(one) == 1
        item = await only_item(one)
        await released(one, engine_url)
        number = await one.incident()
        assert len(one.relay.to(FIRST_CONSULTANT)) == 1
        assert [taken.recipients for taken in one.relay.taken if taken.recipients != [FIRST_CONSULTANT]] == (
            [[case.answered]] if case.answered else []
        )
        event = await verdict(one, number)
        assert event == (f"{item}: {OPERATOR}", "released")
        assert await metric(one) == 0
        again = await held(engine_url, "release", item, by="pedro")
        assert (again.code, again.out) == (1, "")
        assert OPERATOR in again.err
        assert len(again.err.splitlines()) == 1
        await one.take(case.mail(), sender=case.sender)
        await one.jump(A_MOMENT)
        assert await one.incidents() == [number], "a further copy of it owes nothing"


@pytest.mark.parametrize("reason", CASES)
@pytest.mark.done("faults.10")
async def test_everything_held_has_its_reason_its_raw_mail_and_where_it_came_from(engine_url: str, reason: str) -> None:
    case = CASES[reason]
    async with house(engine_url) as one:
        await one.take(case.mail(), sender=case.sender)
        item = await only_item(one)
        shown = await held(engine_url, "show", item, "--json")
        found = json.loads(shown.out)["held"]
        raw = (await held(engine_url, "show", item, "--raw")).raw
    assert (shown.code, found["reason"], found["raw"]["size"]) == (0, reason, len(raw))
    assert raw.endswith(case.mail())
    assert (found["arrival"]["transport"], found["arrival"]["envelope_from"]) == ("smtp", case.sender)
    assert found["arrival"]["recipients"] == found["to"] == [DESK]
    assert found["arrival"]["peer"].startswith("127.0.0.1")
    assert found["text"]


async def forged(one: House) -> bytes:
    """A consultant's reply to an address whose token is not ours; an incident is there."""
    await one.take(written())
    (notice,) = one.relay.to(FIRST_CONSULTANT)
    reply = written("Ya lo vi.", sender=FIRST_CONSULTANT, message_id="<f1@ejemplo.mx>", to=wrong(reply_address(notice)))
    return reply.as_bytes().replace(b"\n", b"\r\n")


async def test_a_released_mail_with_a_forged_address_opens_an_incident_of_its_senders_own(engine_url: str) -> None:
    async with house(engine_url, clock=now()) as one:
        mail = await forged(one)
        before = await one.incident()
        await one.take(mail, sender=FIRST_CONSULTANT)
        assert await one.held() == ["forged_address"]
        await released(one, engine_url)
        first, second = await one.incidents()
        assert first == before
        assert [str(one.mail["Subject"]) for one in one.relay.to(FIRST_CONSULTANT)].count(number_of(second)) == 0
        answers = await one.rows("SELECT address FROM owed WHERE kind = 'acknowledgement' AND incident_id = ?", second)
        assert [row[0] for row in answers] == [FIRST_CONSULTANT]
        assert "added" not in await one.timeline(first)


async def test_a_mail_whose_act_failed_is_decided_again_once_it_is_released(
    engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("intake.email.ingest.AGAIN_S", 0.05)
    async with house(engine_url, clock=now(), expects=["act_failed", "mail_held"]) as one:
        await refusing(engine_url, "messages", "NEW.subject = 'veneno'")
        await one.take(written(subject="veneno"))
        (row,) = await one.rows("SELECT reason, sender, subject, message_id FROM held")
        assert tuple(row) == ("act_failed", ANA, "veneno", "<m1@cliente.mx>")
        await refusing_no_more(engine_url, "messages")
        await released(one, engine_url)
        assert await one.incident()
        assert len(one.relay.to(ANA)) == 1


async def test_a_mail_with_two_reasons_is_held_for_the_second_when_the_first_is_overruled(engine_url: str) -> None:
    async with house(engine_url, clock=now()) as one:
        await one.take(written(sender=SEVERAL, **LIST))
        await released(one, engine_url)
        assert await one.held() == ["several_from", "list"]
        assert await one.incidents() == []
        await released(one, engine_url)
        number = await one.incident()
        assert len(one.relay.to(ANA)) == 1
        rows = await one.rows("SELECT incident_id FROM held")
        assert [row[0] for row in rows] == [number, number]


async def test_times_are_promised_from_the_release_and_the_mail_keeps_its_own(engine_url: str) -> None:
    clock = now()
    clock.advance(-timedelta(days=3))
    held_at = clock.now()
    async with house(engine_url, clock=clock) as one:
        await one.take(written(**LIST))
        clock.advance(timedelta(days=3))
        await released(one, engine_url)
        (row,) = await one.rows(
            "SELECT i.created_at, m.at, min(p.due) FROM incidents i JOIN messages m ON m.incident_id = i.id "
            "JOIN promises p ON p.incident_id = i.id WHERE m.direction = 'in' GROUP BY i.created_at, m.at"
        )
    opened_at, written_at, due = (datetime.fromisoformat(str(one)).replace(tzinfo=UTC) for one in row)
    assert written_at == held_at
    assert opened_at >= held_at + timedelta(days=3)
    assert due > opened_at


async def test_of_operators_at_once_one_decides_and_the_others_hear_who(engine_url: str) -> None:
    async with house(engine_url, clock=now()) as one:
        await one.take(written(**LIST))
        item = await only_item(one)
        people = ("olga", "pedro", "quique", "rosa")
        ended = await asyncio.gather(*(held(engine_url, "release", item, by=who) for who in people))
        await one.jump(A_MOMENT)
        assert sorted(one.code for one in ended) == [0, 1, 1, 1]
        (winner,) = [who for who, one in zip(people, ended, strict=True) if one.code == 0]
        assert all(winner in one.err for one in ended if one.code)
        assert await one.incident()
        assert len(one.relay.to(ANA)) == 1


async def test_what_is_decided_while_no_service_runs_goes_on_when_it_starts(engine_url: str) -> None:
    clock = now()
    async with relay() as sink:
        async with house(engine_url, relay_of=sink, clock=clock) as one:
            await one.take(written(**LIST))
            item = await only_item(one)
        assert (await held(engine_url, "release", item)).code == 0
        assert sink.taken == []
        clock.advance(A_MOMENT)
        async with house(engine_url, relay_of=sink, clock=clock) as again:
            await again.node.due.look()
            await again.settle()
            assert await again.incident()
            assert len(sink.to(ANA)) == 1


@pytest.mark.parametrize(("reply", "logged"), [("554 5.7.1 not this one", "delivery_refused")])
async def test_a_mail_of_ours_that_was_refused_goes_again_with_the_same_message_id(
    engine_url: str, reply: str, logged: str
) -> None:
    tried: list[bytes] = []
    async with house(engine_url, clock=now(), expects=[logged]) as one:
        one.relay.answer = lambda envelope: (
            None if envelope.rcpt_tos != [ANA] else tried.append(bytes(envelope.content)) or reply  # type: ignore[func-returns-value, arg-type]
        )
        await one.take(written())
        number = await one.incident()
        assert await one.held() == ["refused"]
        one.relay.answer = lambda _envelope: None
        item = await only_item(one)
        await released(one, engine_url)
        (answer,) = one.relay.to(ANA)
        assert message_id_of(tried[0]) == str(answer.mail["Message-ID"])
        assert tried == [answer.content]
        row = await verdict(one, number)
        assert row == (f"{item}: {OPERATOR}", "released")


def message_id_of(content: bytes) -> str:
    return str(Taken("", [], content).mail["Message-ID"])


@pytest.mark.done("faults.10")
async def test_what_is_discarded_ends_with_who_and_when_on_the_timeline(engine_url: str) -> None:
    async with house(engine_url, clock=now(), expects=["delivery_refused"]) as one:
        one.relay.answer = lambda envelope: "554 no" if envelope.rcpt_tos == [ANA] else None
        await one.take(written())
        number = await one.incident()
        item = await only_item(one)
        ended = await held(engine_url, "discard", item)
        assert (ended.code, ended.err) == (0, "")
        event = await verdict(one, number)
        assert event == (f"{item}: {OPERATOR}", "discarded")
        await one.jump(timedelta(days=1))
        assert one.relay.to(ANA) == []
        assert await metric(one) == 0
        again = await held(engine_url, "release", item)
        assert again.code == 1
        assert f"se descartó: lo hizo {OPERATOR}" in again.err


async def test_a_discarded_mail_becomes_nothing_and_a_copy_of_it_neither(engine_url: str) -> None:
    async with house(engine_url, clock=now()) as one:
        await one.take(written(**LIST))
        assert (await held(engine_url, "discard", await only_item(one))).code == 0
        await one.jump(A_MOMENT)
        await one.take(written(**LIST))
        assert await one.incidents() == []
        assert one.relay.taken == []
        assert await undecided(one) == []
        assert (await held(engine_url, "list")).out == "No hay nada retenido.\n"


async def test_a_list_mail_in_a_live_thread_joins_it_when_released(engine_url: str) -> None:
    async with house(engine_url, clock=now()) as one:
        await one.take(written())
        reply = reply_to(one.answer_to(), "Sigue igual.", sender=ANA, message_id="<m2@cliente.mx>", **LIST)
        await one.take(reply, to=reply_address(one.answer_to()))
        assert await one.held() == ["list"]
        await released(one, engine_url)
        assert await one.incident()
        assert (await one.timeline(await one.incident()))[-2:] == ["added", "held"]


@pytest.mark.done("faults.10")
async def test_the_list_and_the_object_are_those_of_the_export_and_nothing_in_them_paints(engine_url: str) -> None:
    async with house(engine_url) as one:
        await one.take(written("Hola\x1b[2J mundo", subject="Borra =?utf-8?b?G1sySg==?= todo", **LIST))
        item = await only_item(one)
        shown, listed, objects = (
            [await held(engine_url, *words) for words in (("show", item), ("list",), ("list", "--json"))]
        )  # fmt: skip
    assert (shown.code, listed.code, objects.code) == (0, 0, 0), shown.err
    assert "\x1b" not in shown.out + listed.out
    assert "vino de una lista de correo" in listed.out.splitlines()[1]
    for word in ("Hola", ANA, DESK, "smtp", "SHA-256", f"ventanilla held release {item}"):
        assert word in shown.out
    (found,) = (json.loads(line)["held"] for line in objects.out.splitlines())
    assert list(found) == ["id", "at", "reason", "kind", "from", "to", "subject", "message_id", "number"]
    assert (str(found["id"]), found["reason"], found["number"]) == (item, "list", None)


@pytest.mark.parametrize("words", [("show", "7"), ("release", "7"), ("discard", "7"), ("show", "9" * 18)])
async def test_an_item_that_is_not_there_is_one_line_and_exit_1(engine_url: str, words: tuple[str, ...]) -> None:
    async with house(engine_url):
        ended = await held(engine_url, *words)
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (1, "", 1)
    assert "ventanilla held list" in ended.err


@pytest.mark.parametrize(
    "words", [("list", "7"), ("show",), ("release",), ("drop", "7"), ("show", "x"), ("show", "-1")]
)
async def test_what_makes_no_sense_is_wrong_use(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = await held(f"sqlite://{tmp_path}/none.db", *words)
    assert (ended.code, ended.out, len(ended.err.splitlines())) == (2, "", 1)

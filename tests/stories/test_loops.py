"""Programs that answer every answer, through real servers: a loop ends by itself, nothing is dropped (guarantee 4)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.ledger.desks import SetClock
from tests.relay import Taken
from tests.stories.house import DESK, TUESDAY_NOON, House, house, written

pytestmark = pytest.mark.anyio

BOT = "robot@cliente.mx"
OTHER_DESK = "mesa@otra.mx"
PER_HOUR, PER_DAY = 3, 10
"""The caps as shipped."""
CAPS = {
    "VENTANILLA_ANSWERS__PER_ADDRESS_PER_HOUR": str(PER_HOUR),
    "VENTANILLA_ANSWERS__PER_ADDRESS_PER_DAY": str(PER_DAY),
}
HOURS = 30
"""How long a loop is watched: into the next day."""
ROUNDS_MAX = 40
"""Answers that a program is let give in one hour; a loop that has more does not end."""

Answer = Callable[[Taken, int], EmailMessage]


def absent(_taken: Taken, n: int) -> EmailMessage:
    """An absence responder without any header that says so, in a thread that it makes anew."""
    text = "Con gusto le atiendo a partir del lunes. Saludos, Ramiro"
    return written(text, subject="Re: su mensaje", sender=BOT, message_id=f"<ausente{n}@cliente.mx>")


def absent_with_subject(taken: Taken, n: int) -> EmailMessage:
    """The same, answering under the subject it was written to."""
    mail = absent(taken, n)
    mail.replace_header("Subject", f"Re: {taken.mail['Subject']}")
    return mail


def crm(_taken: Taken, n: int) -> EmailMessage:
    """A ticket system that opens a ticket for every mail: one byte differs, and the thread is new."""
    text = f"Su solicitud fue registrada con el folio {n % 10}. No adjunte archivos."
    return written(text, subject="Folio registrado", sender=BOT, message_id=f"<folio{n}@cliente.mx>")


async def answer_all(one: House, answer: Answer, since: int) -> int:
    """Have the program answer what it was sent, and what that brings, until nothing comes; return how many it had."""
    for _ in range(ROUNDS_MAX):
        sent = one.relay.to(BOT)
        if len(sent) == since:
            return since
        for n, taken in enumerate(sent[since:], since):
            await one.take(answer(taken, n), sender=BOT)
        since = len(sent)
    raise AssertionError("the loop does not end within the hour")


@pytest.mark.parametrize("answer", [absent, absent_with_subject, crm])
@pytest.mark.done("faults.3")
async def test_a_program_that_answers_every_answer_comes_to_an_end(engine_url: str, answer: Answer) -> None:
    async with house(engine_url, more=CAPS) as one:
        await one.take(written("Alta de un usuario nuevo, por favor.", sender=BOT), sender=BOT)
        answered, by_hour = 0, []
        for _ in range(HOURS):
            before = answered
            answered = await answer_all(one, answer, answered)
            by_hour.append(answered - before)
            await one.jump(timedelta(hours=1))
        assert max(by_hour) <= PER_HOUR, by_hour
        assert by_hour[-15:] == [0] * 15, "it has ended by itself"
        assert answered <= PER_DAY + 1, "one mail a day tells what is over"
        await assert_books(one)


async def assert_books(one: House) -> None:
    """Each incident has one acknowledgement, and each is told or a person sees it with its reason."""
    rows = await one.rows("SELECT incident_id, status FROM owed WHERE kind = 'acknowledgement'")
    assert set(Counter(row[0] for row in rows).values()) == {1}
    standing = Counter(row[1] for row in rows)
    assert set(standing) <= {"sent", "merged", "held"}, standing
    assert await one.held() == ["over_cap"] * standing["held"]
    assert await one.count("SELECT count(*) FROM incidents WHERE id NOT IN (SELECT incident_id FROM owed)") == 0


async def test_ten_thousand_mails_an_hour_would_be_told_in_few(engine_url: str) -> None:
    async with house(engine_url, more=CAPS) as one:
        for n in range(60):
            await one.send(crm(Taken("", [], b""), n), sender=BOT)
        await one.settle()
        assert len(one.relay.to(BOT)) == PER_HOUR
        await one.jump(timedelta(hours=1))
        assert len(one.relay.to(BOT)) == PER_HOUR + 1
        await assert_books(one)


MACHINE_HEADERS = ("Auto-Submitted", "X-Auto-Response-Suppress", "Return-Path")


@dataclass
class Wire:
    """The relay between two desks: what one owes the other comes in by the other's door."""

    source: House
    target: House
    address: str
    strips: bool
    passed: int = 0

    async def carry(self) -> int:
        """Hand over what was sent since the last time; return how many mails that were."""
        new = [taken for taken in self.source.relay.taken if self.is_for(taken)][self.passed :]
        self.passed += len(new)
        for taken in new:
            mail = taken.mail
            for name in MACHINE_HEADERS if self.strips else ():
                del mail[name]
            await self.target.take(mail, sender=taken.envelope_from, to=taken.recipients[0])
        return len(new)

    def is_for(self, taken: Taken) -> bool:
        """Tell whether a mail is to the other desk, at its signed addresses too."""
        local, _, domain = self.address.partition("@")
        return taken.recipients[0].startswith(local) and taken.recipients[0].endswith(domain)


@pytest.mark.parametrize("strips", [False, True], ids=["as they are", "headers taken away on the way"])
@pytest.mark.done("faults.3")
async def test_two_desks_wired_to_each_other_fall_silent(engine_url: str, tmp_path: Path, strips: bool) -> None:
    clock = SetClock(TUESDAY_NOON)
    other = {
        **CAPS,
        "VENTANILLA_DESK__ADDRESS": OTHER_DESK,
        "VENTANILLA_SECRETS__KEY": "another key, of thirty-two letters or more",
    }
    async with (
        house(engine_url, more=CAPS, clock=clock) as one,
        house(f"sqlite://{tmp_path / 'other.db'}", more=other, clock=clock) as two,
    ):
        wires = (Wire(one, two, OTHER_DESK, strips), Wire(two, one, DESK, strips))
        await one.take(written("¿Cómo descargo mi factura?", sender=OTHER_DESK), sender=OTHER_DESK)
        rounds = [[await wire.carry() for wire in wires] for _ in range(4)]
        assert rounds[0][0] == 1, "the acknowledgement went to the other desk"
        assert rounds[-1] == [0, 0], rounds
        assert [len(await desk.incidents()) for desk in (one, two)] == [1, 1]
        assert [wire.passed for wire in wires] == [1, 1 if strips else 0], "one answer each at most"

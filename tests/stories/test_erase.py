"""`erase` forgets a person, `export --person` shows all that is held of one: nothing is left, and the desk goes on."""

import asyncio
import json
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from desk.base.message import Delivery
from desk.base.names import Transport
from desk.claims import store_left
from desk.ledger.store import sqlite_path
from desk.rules.numbers import number_of
from tests.engines import PostgresServer
from tests.ledger.desks import opened
from tests.stories.house import DESK, FIRST_CONSULTANT, House, house, reply_address, reply_to, written
from ventanilla.cli import GOOD, PROBLEM, TRY_LATER, dispatch

pytestmark = pytest.mark.anyio

EVA = "eva.quiroga@canario.example"
BETO = "beto@canario.example"
NAMES = ("quiroga", "canario.example", "ultramarino", "zafiro", "pantallazo")
"""Of her: name, address, a word of her subject, one of her text, one of a file she attached."""
DIANA = "diana@cliente.mx"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def command(engine_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("VENTANILLA_DATABASE__URL", engine_url)

    def carry_out(*words: str) -> Ended:
        capsys.readouterr()
        code = dispatch(words)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ended(code, out, err)

    return carry_out


@pytest.fixture
def everything(engine_url: str, request: pytest.FixtureRequest) -> Callable[[], bytes]:
    """All that is on disk: the files of SQLite, a dump of PostgreSQL; in lower case."""

    def read() -> bytes:
        if (path := sqlite_path(engine_url)) is not None:
            return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*")).lower()
        server: PostgresServer = request.getfixturevalue("postgres")
        dump = [server.program("pg_dump"), "--no-owner", engine_url]
        return subprocess.run(dump, capture_output=True, check=True).stdout.lower()

    return read


def of_eva(text: str, message_id: str, **headers: str) -> EmailMessage:
    mail = written(
        text,
        subject="El ultramarino no abre",
        sender=f"Eva Quiroga <{EVA}>",
        message_id=f"<{message_id}@canario.example>",
        **headers,
    )
    mail.add_attachment(b"zafiro" * 200, "text", "plain", filename="pantallazo.txt")
    return mail


async def live(one: House) -> None:
    """Eva writes, answers, asks, is held; somebody of her firm joins; a stranger has a case of their own."""
    await one.take(of_eva("Dice zafiro y se cierra.", "e1"), sender=EVA)
    answer = one.answer_to(EVA)
    for name, text in (("e2", "También el zafiro azul."), ("e3", "¿Cómo va?")):
        await one.take(reply_to(answer, text, sender=EVA, message_id=f"<{name}@canario.example>"), sender=EVA)
    colleague = reply_to(answer, "A mí igual, zafiro.", sender=BETO, message_id="<b1@canario.example>")
    await one.take(colleague, sender=BETO, to=reply_address(answer))
    await one.take(
        of_eva("Lista.", "e4", List_Id="zafiro.canario.example", List_Unsubscribe="<mailto:x@y.z>"), sender=EVA
    )
    await one.take(written(sender=f"Diana <{DIANA}>", message_id="<d1@cliente.mx>"), sender=DIANA)
    await one.jump(timedelta(days=1))  # the day's summary names her


async def lived(url: str) -> None:
    async with house(url) as one:
        await live(one)


def found(content: bytes) -> list[str]:
    return [name for name in NAMES if name.encode() in content]


async def test_nothing_of_the_person_is_left_in_any_file(
    engine_url: str, command: Command, everything: Callable[[], bytes]
) -> None:
    await lived(engine_url)
    assert found(everything()) == list(NAMES)
    ended = await asyncio.to_thread(command, "erase", EVA, "--yes")
    assert (ended.code, ended.err) == (GOOD, "")
    assert found(everything()) in ([], ["canario.example"])  # Beto of her firm is another person
    assert EVA.encode() not in everything()
    assert (await asyncio.to_thread(command, "erase", BETO, "--yes")).code == GOOD
    assert found(everything()) == []


async def test_the_desk_goes_on_beside_an_erasure_and_knows_her_no_more(
    engine_url: str, command: Command, everything: Callable[[], bytes]
) -> None:
    async with house(engine_url) as one:
        await live(one)
        first, diana = await one.incidents()
        sent = len(one.relay.taken)
        ended = await asyncio.to_thread(command, "erase", EVA, "--yes")
        assert ended.code == GOOD
        await asyncio.to_thread(command, "erase", BETO, "--yes")
        assert found(everything()) == []
        await one.jump(timedelta(hours=1))
        assert len(one.relay.taken) == sent, "nobody hears of it"
        assert (await one.timeline(first))[-1] == "erased"
        assert (await one.timeline(diana))[-1] != "erased"
        await one.take(of_eva("Soy nueva.", "e9"), sender=EVA)
        assert len(await one.incidents()) == 3
        assert len(one.relay.to(EVA)) == len({first, "new"}) + 1  # the first, the status answer, the new one


async def test_the_incident_keeps_number_times_and_grade_and_every_command_still_reads_it(
    engine_url: str, command: Command
) -> None:
    await lived(engine_url)
    number = number_of(10_000)
    before = await asyncio.to_thread(command, "incident", number, "--json")
    await asyncio.to_thread(command, "erase", EVA, "--yes")
    after = await asyncio.to_thread(command, "incident", number, "--json")
    was, now = json.loads(before.out), json.loads(after.out)
    for name in ("number", "created_at", "severity", "status", "queue", "promises", "assignments", "response_due"):
        assert now[name] == was[name]
    assert now["requester"] == {"email": "", "phone": "", "name": ""}
    assert (now["subject"], now["participants"]) == ("", [])
    assert all(one["text"] == "" for one in now["messages"])
    assert [one["kind"] for one in now["events"]] == [*(one["kind"] for one in was["events"]), "erased"]
    for words in (("why", number), ("incident", number), ("incidents",), ("export",), ("audit",)):
        assert (await asyncio.to_thread(command, *words)).code == GOOD, words


async def test_without_yes_it_says_what_is_lost_and_erases_nothing(
    engine_url: str, command: Command, everything: Callable[[], bytes]
) -> None:
    await lived(engine_url)
    ended = await asyncio.to_thread(command, "erase", EVA)
    assert ended.code == PROBLEM
    lines = ended.out.splitlines()
    assert lines[0].startswith(f"{EVA}: 1 incidents of theirs, 0 they took part in, 4 stored mails, 1 held items")
    assert lines[1].startswith(f"{number_of(10_000)} is open: it loses what was reported and whom to answer")
    assert lines[-1].startswith("Nothing was erased.")
    assert found(everything()) == list(NAMES)


async def test_out_of_anothers_incident_goes_what_is_the_persons_alone(engine_url: str, command: Command) -> None:
    await lived(engine_url)
    assert (await asyncio.to_thread(command, "erase", BETO, "--yes")).code == GOOD
    shown = json.loads((await asyncio.to_thread(command, "incident", number_of(10_000), "--json")).out)
    said = {one["from"]: one["reply_text"] for one in shown["messages"] if one["direction"] == "in"}
    assert shown["requester"]["email"] == EVA
    assert [one for one in json.dumps(shown, indent=1).splitlines() if BETO in one] == []
    assert said[""] == ""
    assert "zafiro" in json.dumps(said[EVA]) or "Cómo va" in said[EVA]


async def test_a_mail_without_its_act_is_named_and_the_erasure_is_to_be_repeated(
    engine_url: str, command: Command
) -> None:
    await lived(engine_url)
    async with opened(engine_url) as commit:
        delivery = Delivery(Transport.PIPE, EVA, (DESK,), "", of_eva("Otra.", "e7").as_bytes())
        await store_left(commit, delivery, b"seven", timedelta(days=1))
    ended = await asyncio.to_thread(command, "erase", EVA, "--yes")
    assert ended.code == TRY_LATER
    assert "1 mails of theirs wait for their act and stay" in ended.out
    assert "do it again" in ended.err


async def test_what_names_them_in_an_incident_of_another_person_is_said_to_stay(
    engine_url: str, command: Command
) -> None:
    async with house(engine_url) as one:
        await one.take(written(sender=DIANA, message_id="<d2@cliente.mx>", Cc=EVA), sender=DIANA)
    ended = await asyncio.to_thread(command, "erase", EVA, "--yes")
    assert ended.code == GOOD
    assert "1 messages in incidents of other people name them and stay" in ended.out


async def test_an_erasure_can_be_repeated(engine_url: str, command: Command) -> None:
    await lived(engine_url)
    assert (await asyncio.to_thread(command, "erase", EVA, "--yes")).code == GOOD
    again = await asyncio.to_thread(command, "erase", EVA, "--yes")
    assert again == Ended(
        GOOD,
        f"{EVA}: 0 incidents of theirs, 0 they took part in, 0 stored mails, 0 held items\nErased.\n",
        "",
    )


async def test_a_held_item_of_theirs_was_erased_and_is_decided_no_more(engine_url: str, command: Command) -> None:
    await lived(engine_url)
    (item,) = [json.loads(line)["held"]["id"] for line in (await shown(command, "held", "list", "--json")).splitlines()]
    assert (await asyncio.to_thread(command, "erase", EVA, "--yes")).code == GOOD
    assert await shown(command, "held", "list", "--json") == ""
    assert "se borró con su persona" in await shown(command, "held", "show", str(item))
    late = await asyncio.to_thread(command, "held", "release", str(item))
    assert (late.code, late.out) == (PROBLEM, "")
    assert "se borró con su persona" in late.err


async def shown(command: Command, *words: str) -> str:
    ended = await asyncio.to_thread(command, *words)
    assert (ended.code, ended.err) == (GOOD, "")
    return ended.out


async def test_a_consultant_is_not_forgotten(engine_url: str, command: Command) -> None:
    await lived(engine_url)
    ended = await asyncio.to_thread(command, "erase", FIRST_CONSULTANT, "--yes")
    assert (ended.code, ended.out) == (PROBLEM, "")


async def test_all_that_is_held_of_one_person_is_written_into_a_folder(
    engine_url: str, command: Command, tmp_path: Path
) -> None:
    await lived(engine_url)
    folder = tmp_path / "of eva"
    ended = await asyncio.to_thread(command, "export", "--person", EVA.upper(), str(folder))
    assert (ended.code, ended.err) == (GOOD, "")
    lines: list[dict[str, Any]] = [json.loads(line) for line in (folder / "held.jsonl").read_text().splitlines()]
    assert lines[0] == {"person": {"names": ["Eva Quiroga"], "addresses": [EVA]}}
    assert [one["number"] for one in lines if "number" in one] == [number_of(10_000)]
    assert [one["held"]["from"] for one in lines if "held" in one] == [EVA]
    files = [one["mail"]["file"] for one in lines if "mail" in one]
    assert len(files) == 4
    assert b"Quiroga" in (folder / files[0]).read_bytes()
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert DIANA not in (folder / "held.jsonl").read_text()
    again = await asyncio.to_thread(command, "export", "--person", EVA, str(folder))
    assert (again.code, again.out) == (PROBLEM, "")
    nobody = await asyncio.to_thread(command, "export", "--person", "nadie@cliente.mx", str(tmp_path / "nobody"))
    assert (nobody.code, (tmp_path / "nobody").exists()) == (PROBLEM, False)

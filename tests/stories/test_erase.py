"""`erase` forgets a person, `export --person` shows all that is held of one: nothing is left, and the desk goes on."""

import asyncio
import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
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
from tests.relay import relay
from tests.stories.house import (
    DESK,
    FIRST_CONSULTANT,
    KEY,
    House,
    house,
    reply_address,
    reply_to,
    submit,
    written,
)
from tests.stories.nodes import UNBOUNDED, RealNode, real_nodes
from tests.stories.test_move import change
from ventanilla.cli import BAD_CONFIGURATION, GOOD, PROBLEM, TRY_LATER, WRONG_USE, dispatch

pytestmark = pytest.mark.anyio

EVA = "eva.quiroga@canario.example"
BETO = "beto@canario.example"
NAMES = ("quiroga", "canario.example", "ultramarino", "zafiro", "pantallazo")
"""Of her: name, address, a word of her subject, one of her text, one of a file she attached."""
DIANA = "diana@cliente.mx"
AT = "'2026-11-24 18:00:00+00:00'"
SOON_S = 30.0


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def command(engine_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def carry_out(*words: str, url: str = engine_url) -> Ended:
        monkeypatch.setenv("VENTANILLA_DATABASE__URL", url)
        capsys.readouterr()
        code = dispatch(words)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ended(code, out, err)

    return carry_out


@pytest.fixture
def everything_of(request: pytest.FixtureRequest) -> Callable[[str], bytes]:
    """All that is on disk of a database: the files of SQLite, a dump of PostgreSQL; in lower case."""

    def read(url: str) -> bytes:
        if (path := sqlite_path(url)) is not None:
            return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*")).lower()
        server: PostgresServer = request.getfixturevalue("postgres")
        dump = [server.program("pg_dump"), "--no-owner", url]
        return subprocess.run(dump, capture_output=True, check=True).stdout.lower()

    return read


@pytest.fixture
def everything(engine_url: str, everything_of: Callable[[str], bytes]) -> Callable[[], bytes]:
    """All that is on disk of the story's own database."""
    return lambda: everything_of(engine_url)


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


@pytest.mark.done("faults.8")
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
    assert "se borró con su persona · el sistema" in await shown(command, "held", "show", str(item))
    late = await asyncio.to_thread(command, "held", "release", str(item))
    assert (late.code, late.out) == (PROBLEM, "")
    assert "se borró con su persona" in late.err


FAUSTINO = "+525512345678"
"""Who only called: his calls are tied to an incident, to none, and hold what he said."""
OF_FAUSTINO = ("5512345678", "faustino", "berilo")


async def called(url: str) -> None:
    """Make the second incident a caller's, with a call of it and one that came to nothing."""
    await change(url, f"INSERT INTO people (id, name, language, created_at) VALUES (900, 'Faustino', 'es', {AT})")
    await change(
        url,
        "INSERT INTO contact_points (id, person_id, channel, address, learned_from, created_at) "
        f"VALUES (900, 900, 'phone', '{FAUSTINO}', 'call', {AT})",
    )
    await change(
        url,
        "UPDATE incidents SET requester_id = 900, requester_email = '', requester_name = 'Faustino', "
        f"requester_phone = '{FAUSTINO}', subject = 'berilo' WHERE id = 10001",
    )
    for call, incident in ((900, "10001"), (901, "NULL")):
        await change(
            url,
            "INSERT INTO calls (id, version, sid, incident_id, direction, caller, callee, purpose, step, turn, facts, "
            f"started_at) VALUES ({call}, 1, 'CA{call}', {incident}, 'in', '{FAUSTINO}', '+525552649000', 'report', "
            f"'said', 1, '{{\"said\": \"berilo\"}}', {AT})",
        )
        await change(
            url,
            "INSERT INTO turns (id, call_id, turn, input, answer, at) "
            f"VALUES ({call}, {call}, 1, 'berilo', 'berilo', {AT})",
        )


@pytest.mark.done("faults.8")
async def test_a_caller_is_forgotten_by_number_in_any_spelling(
    engine_url: str, command: Command, everything: Callable[[], bytes]
) -> None:
    await lived(engine_url)
    await called(engine_url)
    assert all(word.encode() in everything() for word in OF_FAUSTINO)
    ended = await asyncio.to_thread(command, "erase", "+52 (55) 1234-5678", "--yes")
    assert (ended.code, ended.err) == (GOOD, "")
    assert ended.out.startswith(f"{FAUSTINO}: 1 incidents of theirs")
    left = everything()
    assert [word for word in OF_FAUSTINO if word.encode() in left] == []
    assert found(left) == list(NAMES), "nobody else is"


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the list of erasures is kept, by a desk that has its key."""
    monkeypatch.setenv("VENTANILLA_SECRETS__KEY", KEY)
    return tmp_path / "erased.txt"


@pytest.fixture
def copied(
    engine_url: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, command: Command
) -> Iterator[Callable[[str], str]]:
    """Copy the database to a name, restore the copy as docs/MOVE.md does, and return its URL."""
    made: list[str] = []
    server: PostgresServer | None = None
    if sqlite_path(engine_url) is None:
        server = request.getfixturevalue("postgres")
        monkeypatch.setenv("PATH", str(Path(server.program("pg_dump")).parent), prepend=os.pathsep)

    def copy(name: str) -> str:
        path = tmp_path / name
        assert command("backup", str(path)).code == GOOD
        if server is None:
            return f"sqlite://{path}"
        made.append(server.fresh_database())
        restore = [server.program("psql"), "--single-transaction", "--quiet", f"--file={path}", made[-1]]
        subprocess.run(restore, capture_output=True, check=True)
        return made[-1]

    yield copy
    for url in made:
        assert server is not None
        server.drop(url)


def what_anybody_reads(noted: Path) -> tuple[int, list[str]]:
    return stat.S_IMODE(noted.stat().st_mode), found(noted.read_bytes())


def put_back_a_year(noted: Path) -> None:
    """Make the list of a year ago."""
    lines = [line.split() for line in noted.read_text().splitlines()]
    year_ago = [(datetime.fromisoformat(at) - timedelta(days=365), mark) for at, mark in lines]
    noted.write_text("".join(f"{at.isoformat()} {mark}\n" for at, mark in year_ago))


@pytest.mark.done("faults.8")
async def test_a_restored_copy_forgets_again_whom_the_list_names_and_the_list_names_nobody(
    engine_url: str,
    command: Command,
    everything_of: Callable[[str], bytes],
    copied: Callable[[str], str],
    noted: Path,
) -> None:
    await lived(engine_url)
    before = await asyncio.to_thread(copied, "before")
    for one in (EVA, BETO):
        assert (await asyncio.to_thread(command, "erase", one, "--yes", "--list", str(noted))).code == GOOD
    assert what_anybody_reads(noted) == (0o600, [])
    again = ("erase", "--again", str(noted))
    assert "Nobody on the list" in (await asyncio.to_thread(command, *again, "--yes")).out
    asked = await asyncio.to_thread(command, *again, url=before)
    assert (asked.code, asked.out.splitlines()[-1][:19]) == (PROBLEM, "Nothing was erased.")
    assert EVA in asked.out
    assert BETO in asked.out
    assert found(everything_of(before)) == list(NAMES)
    ended = await asyncio.to_thread(command, *again, "--yes", url=before)
    assert (ended.code, ended.err) == (GOOD, "")
    assert found(everything_of(before)) == []
    assert DIANA.encode() in everything_of(before)
    assert "Nobody on the list" in (await asyncio.to_thread(command, *again, "--yes", url=before)).out


async def test_who_wrote_again_after_an_erasure_stays_in_a_copy_of_after_it(
    engine_url: str, command: Command, copied: Callable[[str], str], noted: Path
) -> None:
    await lived(engine_url)
    assert (await asyncio.to_thread(command, "erase", EVA, "--yes", "--list", str(noted))).code == GOOD
    put_back_a_year(noted)
    async with house(engine_url) as one:
        await one.take(of_eva("Soy nueva.", "e9"), sender=EVA)
    after = await asyncio.to_thread(copied, "after")
    ended = await asyncio.to_thread(command, "erase", "--again", str(noted), "--yes", url=after)
    assert (ended.code, ended.out) == (GOOD, "Nobody on the list is in this database.\n")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), WRONG_USE, "required"),
        (("--again", "LIST", EVA), WRONG_USE, "not allowed with"),
        (("--again", "LIST"), PROBLEM, "erased.txt: line 1 is no erasure; nothing was erased"),
        (("--again", "nowhere.txt"), PROBLEM, "nowhere.txt"),
    ],
)
def test_a_list_that_is_none_is_said_in_one_line(
    words: tuple[str, ...], code: int, said: str, noted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noted.write_text(f"{EVA}\n")
    assert dispatch(("erase", *(str(noted) if word == "LIST" else word for word in words))) == code
    err = capsys.readouterr().err
    assert (said in err, err.count("\n")) == (True, 1)


def test_a_list_is_neither_written_nor_read_without_the_key(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert dispatch(("erase", EVA, "--yes", "--list", str(tmp_path / "erased.txt"))) == BAD_CONFIGURATION
    assert "secrets.key: is missing" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


AT_DEBUG = f'{UNBOUNDED}[log]\nlevel = "debug"\n'


@pytest.mark.done("faults.8")
async def test_no_file_of_a_running_node_holds_them_its_log_at_debug_neither(
    engine_url: str, command: Command, everything: Callable[[], bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "node"
    folder.mkdir()
    async with relay() as sink, real_nodes(node := RealNode(folder, engine_url, sink.port, more=AT_DEBUG)):
        sink.answer = lambda envelope: (
            f"451 4.2.2 <{EVA}> Eva Quiroga: mailbox full" if EVA in envelope.rcpt_tos else None
        )
        for name, text in (("e1", "Dice zafiro."), ("e2", "Otra vez el zafiro.")):
            await asyncio.to_thread(submit, node.smtp, EVA, DESK, of_eva(text, name).as_bytes(policy=SMTP))
        async with asyncio.timeout(SOON_S):
            while len(node.said("delivery_deferred")) < 2:
                await asyncio.sleep(0.05)
        assert found(everything()) == list(NAMES)
        ended = await asyncio.to_thread(command, "erase", EVA, "--yes")
        assert (ended.code, ended.err) == (GOOD, "")
        assert found(everything()) == []
        assert node.said("incident_opened")
        assert await node.term() == 0
    assert found(everything() + node.log.read_bytes().lower()) == []


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

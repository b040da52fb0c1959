"""`incidents`, `incident`, `why`, `export`, `migrate`: what an operator types, what is printed, which code comes."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from desk.rules.numbers import digits_of, number_of
from tests.engines import free_port
from tests.ledger.desks import opened
from tests.ledger.filled import ANA, RAUL, Filled, fill
from ventanilla.cli import GOOD, PROBLEM, WRONG_USE, dispatch

URL = "VENTANILLA_DATABASE__URL"
OLD = "1999-01-01"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Command = Callable[..., Ended]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    def carry_out(*words: str) -> Ended:
        code = dispatch(words)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Ended(code, out, err)

    return carry_out


@pytest.fixture
def filled(engine_url: str, monkeypatch: pytest.MonkeyPatch) -> Filled:
    """A filled ledger that the commands are pointed at."""
    monkeypatch.setenv(URL, engine_url)

    async def write() -> Filled:
        async with opened(engine_url) as commit:
            return await fill(commit)

    return asyncio.run(write())


def test_the_list_shows_every_incident_on_a_line_of_its_own(command: Command, filled: Filled) -> None:
    shown = command("incidents")
    heading, bare, whole = shown.out.splitlines()
    assert (shown.code, shown.err) == (GOOD, "")
    assert heading.split()[:3] == ["Número", "Sev", "Estado"]
    assert bare.startswith(number_of(filled.bare))
    for words in (number_of(filled.whole), "abierto", "Operación", "2026-11-24 14:00", RAUL, ANA, "El portal"):
        assert words in whole


def test_the_list_can_be_of_one_queue_or_of_what_is_open_and_as_whole_objects(command: Command, filled: Filled) -> None:
    whole, bare = number_of(filled.whole), number_of(filled.bare)
    of_queue = command("incidents", "--queue", "operations", "--json")
    of_open = command("incidents", "--open", "--json")
    assert [one["number"] for one in of_queue.objects] == [whole]
    assert [one["number"] for one in of_open.objects] == [bare, whole]
    assert command("incidents", "--queue", "development").out == "No hay incidentes.\n"
    assert command("incidents", "--queue", "sales").code == WRONG_USE


@pytest.mark.parametrize("spelling", ["{number}", "{lower}", "{digits}", "inc {digits}", "inc. {halves}"])
def test_an_incident_is_shown_by_its_number_in_any_spelling(command: Command, filled: Filled, spelling: str) -> None:
    number, digits = number_of(filled.whole), digits_of(filled.whole)
    halves = f"{digits[:3]} {digits[3:]}"
    words = spelling.format(number=number, lower=number.lower(), digits=digits, halves=halves).split()
    shown = command("incident", *words)
    assert shown.code == GOOD
    assert shown.out.startswith(f"{number} · severidad 2 · abierto · Operación\n")
    assert "Recibimos su reporte." in shown.out
    assert command("why", *words).out.startswith(f"{number}\n\nSeveridad\n  Tiene severidad 2: ")


def test_the_object_of_an_incident_is_that_of_the_export(command: Command, filled: Filled) -> None:
    (one,) = command("incident", number_of(filled.whole), "--json").objects
    exported = command("export")
    assert exported.code == GOOD
    assert [next(iter(found)) for found in exported.objects] == ["number", "number", "held", "held", "outgoing"]
    assert exported.objects[1] == one


def test_why_is_one_object_with_a_list_of_sentences_for_each_part(command: Command, filled: Filled) -> None:
    shown = command("why", number_of(filled.whole), "--json")
    (one,) = shown.objects
    assert (shown.code, shown.err) == (GOOD, "")
    assert list(one) == ["number", "severity", "queue", "thread", "promises", "answers"]
    assert one.pop("number") == number_of(filled.whole)
    assert all(sentences and all(isinstance(said, str) for said in sentences) for sentences in one.values())
    text = command("why", number_of(filled.whole)).out.splitlines()
    assert [line.strip() for line in text if line.startswith("  ")] == [said for part in one.values() for said in part]


def test_why_of_a_bare_incident_says_what_there_is(command: Command, filled: Filled) -> None:
    (one,) = command("why", number_of(filled.bare), "--json").objects
    assert one["severity"][-1] == "No quedó guardada ninguna razón."
    assert one["queue"] == ["El trabajo está ahora en la Mesa de Servicio."]


@pytest.mark.parametrize("name", ["incident", "why"])
@pytest.mark.parametrize("number", ["INC-100426", "INC-999999990", "hola", "42", "INC-" + "9" * 200])
def test_a_number_nobody_has_is_one_line_and_exit_1(command: Command, filled: Filled, number: str, name: str) -> None:
    shown = command(name, number)
    assert (shown.code, shown.out) == (PROBLEM, "")
    assert len(shown.err.splitlines()) == 1
    assert number[:20] in shown.err


def test_export_since_takes_an_instant_or_a_local_time(command: Command, filled: Filled) -> None:
    assert len(command("export", "--since", OLD).objects) == 5
    assert len(command("export", "--since", "2026-11-24T18:00:00Z").objects) == 5
    assert len(command("export", "--since", "2026-11-24 12:00").objects) == 5
    later = command("export", "--since", "2026-11-24T12:00:30-06:00").objects
    assert [one["number"] for one in later] == [number_of(filled.whole)]  # its answer was sent after that
    assert command("export", "--since", "2026-11-25").objects == []


@pytest.mark.parametrize("odd", ["yesterday", "", "24/11/2026", "2026-13-01"])
def test_a_since_that_is_no_time_is_wrong_use(command: Command, filled: Filled, odd: str) -> None:
    shown = command("export", "--since", odd)
    assert (shown.code, shown.out) == (WRONG_USE, "")
    assert "2026-11-24T11:40:00-06:00" in shown.err


def test_migrate_says_what_it_did_and_then_that_there_is_nothing_to_do(
    command: Command, engine_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URL, engine_url)
    first, second = command("migrate"), command("migrate")
    assert (first.code, second.code) == (GOOD, GOOD)
    assert first.out.splitlines()[0] == "applied 0001_initial"
    assert second.out == "The database is to date.\n"


LOOKING = (("incidents",), ("incidents", "--json"), ("incident", "INC-100425"), ("why", "INC-100425"), ("export",))


@pytest.mark.parametrize("words", LOOKING)
def test_a_database_without_tables_is_one_sentence(
    command: Command, engine_url: str, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv(URL, engine_url)
    shown = command(*words)
    assert (shown.code, shown.out, len(shown.err.splitlines())) == (PROBLEM, "", 1)
    assert "database.url" in shown.err
    assert "ventanilla migrate" in shown.err


@pytest.mark.parametrize("words", [*LOOKING, ("migrate",)])
def test_a_database_that_leads_nowhere_is_one_sentence_without_its_password(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv(URL, f"postgres://desk:open-sesame@127.0.0.1:{free_port()}/desk")
    shown = command(*words)
    assert (shown.code, shown.out, len(shown.err.splitlines())) == (PROBLEM, "", 1)
    for said in ("database.url", "127.0.0.1", "start the database, or correct database.url"):
        assert said in shown.err
    assert "sesame" not in shown.err


@pytest.mark.parametrize("words", [*LOOKING, ("migrate",)])
def test_a_folder_in_the_place_of_the_database_is_one_sentence(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv(URL, f"sqlite://{tmp_path}")
    shown = command(*words)
    assert (shown.code, shown.out, len(shown.err.splitlines())) == (PROBLEM, "", 1)
    assert str(tmp_path) in shown.err

"""`ventanilla when` tells what would be promised, at an instant or line by line (CONTRACT 1)."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ventanilla.cli import dispatch

Captured = pytest.CaptureFixture[str]
FRIDAY = "2026-11-13T18:40:00-06:00"


def when(capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    code = dispatch(["when", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def asked(monkeypatch: pytest.MonkeyPatch, capsys: Captured, given: bytes, *more: str) -> tuple[int, list[Any]]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))
    code, out, _ = when(capsys, "-", *more)
    return code, [json.loads(line) for line in out.splitlines()]


def test_the_object_holds_both_times_and_how_they_are_counted(capsys: Captured) -> None:
    code, out, _ = when(capsys, "--at", FRIDAY, "--severity", "3", "--json")
    assert code == 0
    assert json.loads(out) == {
        "at": FRIDAY,
        "severity": 3,
        "first_attention": "2026-11-17T10:40:00-06:00",
        "resolution": "2026-11-17T16:40:00-06:00",
        "explanation": [
            "vie 13 nov, 18:40–19:00: 20 min",
            "sáb 14 y dom 15 nov: cerrado",
            "lun 16 nov: día festivo (Día de la Revolución)",
            "mar 17 nov, 09:00–10:40: 100 min → primera atención",
            "mar 17 nov, 10:40–16:40: 360 min → solución",
        ],
    }


def test_without_json_a_person_reads_it_in_the_desks_language(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, _ = when(capsys, "--at", FRIDAY)
    assert code == 0
    assert out.splitlines()[:3] == [
        "Escrito           vie 13 nov, 18:40 (hora del centro de México)",
        "Primera atención  mar 17 nov, 10:40",
        "Solución          mar 17 nov, 16:40",
    ]
    monkeypatch.setenv("VENTANILLA_DESK__LANGUAGE", "en")
    assert "First attention  Tue, Nov 17, 10:40 am" in when(capsys, "--at", FRIDAY)[1]


def test_without_severity_the_promises_of_all_count_and_severity_is_null(capsys: Captured, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[promises.severity.3]\nfirst_attention = "30m"\n')
    config = ("--config", str(own), "--at", "2026-11-24T09:00", "--json")
    (_, every, _), (_, outage, _) = when(capsys, *config), when(capsys, *config, "--severity", "3")
    assert json.loads(every) | {"explanation": []} == {
        "at": "2026-11-24T09:00:00-06:00",
        "severity": None,
        "first_attention": "2026-11-24T11:00:00-06:00",
        "resolution": "2026-11-24T17:00:00-06:00",
        "explanation": [],
    }
    assert json.loads(outage)["first_attention"] == "2026-11-24T09:30:00-06:00"


def test_a_first_attention_that_takes_longer_is_counted_to_its_end(capsys: Captured, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[promises]\nfirst_attention = "2h"\nresolution = "1h"\n')
    _, out, _ = when(capsys, "--config", str(own), "--at", "2026-11-24T09:00", "--json")
    assert json.loads(out)["explanation"] == [
        "mar 24 nov, 09:00–10:00: 60 min → solución",
        "mar 24 nov, 10:00–11:00: 60 min → primera atención",
    ]


def test_now_is_when_nobody_says_when(capsys: Captured) -> None:
    code, out, _ = when(capsys, "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["at"] < answer["first_attention"] <= answer["resolution"]


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-11-24T11:40:00-06:00", "2026-11-24T11:40:00-06:00"),
        ("2026-11-24T17:40:00Z", "2026-11-24T11:40:00-06:00"),
        ("2026-11-24t17:40:59.999z", "2026-11-24T11:40:59-06:00"),
        ("2026-11-24T11:40", "2026-11-24T11:40:00-06:00"),
        ("2026-11-24 11:40", "2026-11-24T11:40:00-06:00"),
        ("2026-11-24", "2026-11-24T00:00:00-06:00"),
    ],
)
def test_a_time_without_offset_is_local_to_the_desk(capsys: Captured, written: str, at: str) -> None:
    code, out, _ = when(capsys, "--at", written, "--json")
    assert (code, json.loads(out)["at"]) == (0, at)


def test_each_line_gets_its_answer_in_order_and_a_bad_one_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    bad = [b"tomorrow", b"", b"\xff\xfe", b"2026-13-01T00:00", b"9999-12-31T00:00", b"0001-01-01T00:00+14:00"]
    given = b"\n".join([FRIDAY.encode(), *bad, b"2026-11-24T09:00"])
    code, answers = asked(monkeypatch, capsys, given, "--severity", "1")
    assert code == 1
    assert [set(answer) == {"at", "error"} for answer in answers] == [False, *[True] * len(bad), False]
    assert answers[1]["at"] == "tomorrow"
    assert (answers[0]["severity"], answers[-1]["resolution"]) == (1, "2026-11-24T17:00:00-06:00")


def test_good_lines_end_with_0_and_nothing_in_gives_nothing_out(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert asked(monkeypatch, capsys, b"") == (0, [])
    assert asked(monkeypatch, capsys, FRIDAY.encode())[0] == 0


def test_a_bad_line_is_repeated_in_bounds(monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    _, (answer,) = asked(monkeypatch, capsys, b"x" * 100_000 + b"\n")
    assert len(answer["at"]) == 200


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--at", "mañana"], "ventanilla when: --at mañana: write a time like 2026-11-24T11:40:00-06:00"),
        (["--severity", "4"], "ventanilla when: argument --severity: invalid choice: 4"),
        (["-", "--at", FRIDAY], "ventanilla when: argument --at: not allowed with argument"),
        (["2026-11-24"], "ventanilla when: argument lines: invalid choice"),
    ],
)
def test_wrong_use_is_one_line_and_2(capsys: Captured, arguments: list[str], reason: str) -> None:
    code, out, err = when(capsys, *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(reason)


def test_a_time_beyond_the_calendar_is_a_problem_in_one_line(capsys: Captured) -> None:
    assert when(capsys, "--at", "9999-12-31") == (1, "", "the calendar knows 1971 to 2998, not 9999\n")


def test_no_relay_no_database_and_no_key_are_needed(capsys: Captured, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[database]\nurl = "postgres://nobody@nowhere.invalid/none"\n[relay]\nhost = "nowhere.invalid"\n')
    assert when(capsys, "--config", str(own))[0] == 0

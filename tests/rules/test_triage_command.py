"""`ventanilla triage` answers line by line (CONTRACT 1)."""

import io
import json
import sys
from argparse import ArgumentParser, Namespace
from typing import Any

import pytest

from ventanilla.cli import dispatch
from ventanilla.cli.triage import add


def asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: bytes) -> tuple[int, list[Any]]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), encoding="utf-8"))
    code = dispatch(["triage"])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def line(**report: object) -> bytes:
    return json.dumps({"subject": "", "body": "", "channel": "email"} | report).encode() + b"\n"


def test_each_report_gets_one_line_in_the_same_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = line(body="nadie puede timbrar") + line(body="how do I add a customer?", channel="phone")
    code, answers = asked(monkeypatch, capsys, given)
    assert code == 0
    assert [(answer["severity"], answer["language"]) for answer in answers] == [(3, "es"), (1, "en")]
    assert all(set(answer) == {"severity", "language", "confidence", "reasons"} for answer in answers)


@pytest.mark.parametrize(
    "bad",
    [
        b"nonsense\n",
        b"\n",
        b"[]\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        line(channel="fax"),
        line(subject=None),
        b'{"body": "x"}\n',
    ],
    ids=["text", "empty", "list", "bytes", "deep", "channel", "null", "missing"],
)
def test_a_line_that_is_no_report_gets_an_error_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bad: bytes
) -> None:
    code, answers = asked(monkeypatch, capsys, line() + bad + line(body="se cayó el portal"))
    assert code == 1
    assert [set(answer) == {"error"} for answer in answers] == [False, True, False]
    assert answers[2]["severity"] == 3


def test_a_last_line_without_a_line_end_is_answered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answers = asked(monkeypatch, capsys, line().rstrip())
    assert (code, len(answers)) == (0, 1)


def test_nothing_in_gives_nothing_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(monkeypatch, capsys, b"") == (0, [])


def test_the_command_takes_no_arguments() -> None:
    parser = ArgumentParser()
    add(parser.add_subparsers(dest="command"))
    assert parser.parse_args(["triage"]) == Namespace(command="triage")

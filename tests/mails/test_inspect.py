"""`ventanilla inspect`: one object a mail, in order, as they are asked for (CONTRACT 1)."""

import io
import json
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ventanilla.cli import inspect
from ventanilla.settings import load

CASES = Path(__file__).with_name("cases")
KEYS = {
    "file", "message_id", "kind", "reason", "may_auto_reply", "from", "to", "subject", "text", "reply_text", "language",
    "attachments", "severity", "severity_reasons", "bounce", "authenticity", "defects",
}  # fmt: skip


def run(*arguments: str) -> int:
    parser = ArgumentParser()
    inspect.add(parser.add_subparsers())
    return inspect.run(parser.parse_args(["inspect", *arguments]), load(None, {}))


def answers(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_mail_is_described_with_every_key_of_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(CASES / "cfdi_adjuntos.eml")
    assert run(file) == 0
    (answer,) = answers(capsys)
    assert answer.keys() == KEYS
    assert answer["file"] == file
    assert answer["from"] == {"name": "Ana López", "address": "ana@cliente.mx"}
    assert answer["to"] == ["soporte@ejemplo.mx"]
    assert [one["name"] for one in answer["attachments"]] == ["A-101.pdf", "A-101.xml"]
    assert answer["severity"] in (1, 2, 3)
    assert answer["authenticity"] == {"spf": "none", "dkim": "none", "dmarc": "none", "verdict": "none"}
    assert answer["bounce"] is None


def test_a_bounce_names_its_recipients(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(CASES / "rebote_dsn.eml")) == 0
    (answer,) = answers(capsys)
    assert answer["bounce"] == {"recipients": [{"address": "Ana@cliente.mx", "permanent": True, "status": "5.1.1"}]}


def test_mail_from_the_desks_own_address_is_a_loop(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(CASES / "correo_propio.eml")) == 0
    (answer,) = answers(capsys)
    assert (answer["kind"], answer["may_auto_reply"]) == ("loop", False)


def test_a_file_that_cannot_be_read_is_told_and_the_rest_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("/nowhere.eml", str(CASES / "vacio.eml")) == 1
    missing, empty = answers(capsys)
    assert missing.keys() == {"file", "error"}
    assert empty["kind"] == "broken"


def test_file_names_from_standard_input_are_answered_one_by_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered = []

    def names() -> Iterator[str]:
        for name in ("firma.eml", "vacio.eml", "nada.eml"):
            yield f"{CASES / name}\n"
            answered.append(len(answers(capsys)))

    monkeypatch.setattr("sys.stdin", names())
    assert run("-") == 1
    assert answered == [1, 1, 1]


def test_nothing_is_left_unflushed(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8"))  # type: ignore[arg-type]
    run(str(CASES / "firma.eml"))
    assert json.loads(raw.getvalue())["kind"] == "new"

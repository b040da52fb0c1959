"""The arrows of the house: the tree keeps them, and the check would notice each kind of forbidden import."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("ventanilla", "board", "intake", "responders", "connections", "desk", "sandbox")
# Where a forbidden import is planted, what it imports, and the contract that must break by it.
PLANTED = (
    ("desk.rules", "desk.ledger.store", "A room imports only rooms below it"),
    ("desk.ledger", "desk.verbs", "A room imports only rooms below it"),
    ("desk.verbs", "desk.views", "A room imports only rooms below it"),
    ("desk.base", "ventanilla.settings", "A room imports only rooms below it"),
    ("connections", "intake", "A room imports only rooms below it"),
    ("intake", "responders", "A room imports only rooms below it"),
    ("board", "intake", "A room imports only rooms below it"),
    ("desk.wording", "desk.rules.incident", "Wording and triage rest on base alone"),
    ("desk.triage", "desk.wording", "Wording and triage do not know each other"),
    ("desk.verbs", "desk.triage", "What decides and what writes knows neither"),
    ("board", "desk.commit", "Outside desk only ventanilla imports"),
    ("responders", "desk.ledger.store", "Outside desk only ventanilla imports"),
    ("ventanilla.cli", "sandbox", "The sandbox is imported by the demo"),
    ("sandbox", "desk.base.clock", "The sandbox imports nothing of the house"),
)


@pytest.fixture(scope="module")
def planted_report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the check says of a copy of the tree that holds every forbidden import."""
    copy = tmp_path_factory.mktemp("tree")
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", copy)
    for at, (room, wanted, _) in enumerate(PLANTED):
        (copy / room.replace(".", "/") / f"planted_{at}.py").write_text(f"import {wanted}\n")
    result = lint(copy)
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stdout


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    environment = {**os.environ, "COLUMNS": "1000", "NO_COLOR": "1"}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


def test_the_tree_keeps_its_arrows() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("at", range(len(PLANTED)), ids=[f"{room} imports {wanted}" for room, wanted, _ in PLANTED])
def test_a_forbidden_import_breaks_its_contract(planted_report: str, at: int) -> None:
    room, wanted, contract = PLANTED[at]
    summary, _, explained = planted_report.partition("Broken contracts")
    assert any(line.startswith(contract) and line.rstrip().endswith("BROKEN") for line in summary.splitlines())
    importer = f"{room}.planted_{at} -> {wanted}"
    assert importer in explained, f"nobody noticed that {room} imports {wanted}"

"""docs/FLOW.md leads through the code that is there: every file and every name it points to exists."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOW = (ROOT / "docs" / "FLOW.md").read_text(encoding="utf-8")
ROOMS = ("ventanilla", "intake", "responders", "board", "connections", "desk", "sandbox")
CODE = {path: path.read_text(encoding="utf-8") for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))}
QUESTIONS = 10


def is_there(name: str) -> bool:
    """Tell whether each part of a dotted name is defined somewhere, or is a file."""
    words = [part for part in name.split(".") if part]
    return all(
        re.search(rf"\b(class|def) {word}\b|^\s*{word}\b\s*[:=]|\bself\.{word}\b", text, re.MULTILINE)
        or (ROOT / word).exists()
        or any(path.stem == word for path in CODE)
        for word in words
        for text in ["\n".join(CODE.values())]
    )


@pytest.mark.done("house.9")
def test_every_file_named_in_the_flow_exists(figure: Callable[[str], None]) -> None:
    named = set(re.findall(r"`([\w/]+\.py)`", FLOW))
    missing = [name for name in sorted(named) if not any(str(path).endswith(f"/{name}") for path in CODE)]
    assert missing == []
    figure(f"{len(named)} files named, all there")


@pytest.mark.done("house.9")
def test_every_function_and_class_named_in_the_flow_exists() -> None:
    words = re.findall(r"`([A-Za-z_][\w.]*)`", FLOW)
    named = {word for word in words if not word.endswith((".py", ".md", ".toml")) and word not in STATES}
    assert len(named) > 30
    assert [name for name in sorted(named) if not is_there(name)] == []


STATES = {"blobs", "unreadable", "sent", "refused", "given_up", "bounced", "wake_at", "ready", "VENTANILLA_"}
"""Words of the ledger, of a reason and of the log that stand in code signs too."""


@pytest.mark.done("house.9")
def test_ten_questions_of_a_newcomer_are_answered_with_a_place() -> None:
    section = FLOW.partition("## Ten questions")[2]
    answers = re.findall(r"^\d+\. \*\*.+?\*\* .+?(?=^\d+\. |\Z)", section, re.MULTILINE | re.DOTALL)
    assert len(answers) == QUESTIONS
    assert all(re.search(r"`[\w/.]+`", answer.partition("**")[2].partition("**")[2]) for answer in answers)

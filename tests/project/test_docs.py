"""The pages against the code, both ways: what one says and the other does not know is a failure that names it."""

import ast
import inspect
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from desk.base import errors
from desk.base.errors import VentanillaError

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ROOMS = ("ventanilla", "board", "intake", "responders", "connections", "desk", "sandbox")
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
# In docs/EVENTS.md and docs/ERRORS.md a row of a table begins with the name in code marks.
ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


def rows(page: str) -> set[str]:
    return set(ROW.findall((DOCS / page).read_text()))


def logged() -> Iterator[tuple[str, ast.Call]]:
    """Yield where and how each log event is written: a call of a level on a name that ends in `log`."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and is_log_call(node.func):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def is_log_call(called: ast.expr) -> bool:
    """Tell `log.info`, `self._log.warning`, `log.bind(…).error` from other calls."""
    if not isinstance(called, ast.Attribute) or called.attr not in LEVELS:
        return False
    return ast.unparse(called.value).partition("(")[0].removesuffix(".bind").rpartition(".")[2].lstrip("_") in (
        "log",
        "logger",
    )


def event_of(call: ast.Call) -> str:
    """Return the event a call names, or nothing when it is no literal."""
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def test_every_log_event_is_a_literal_in_fixed_spelling() -> None:
    odd = [where for where, call in logged() if not re.fullmatch(r"[a-z][a-z0-9_]*", event_of(call))]
    assert odd == []


def test_every_log_event_stands_in_the_list_with_a_sentence() -> None:
    assert sorted({event_of(call) for _, call in logged()} - rows("EVENTS.md")) == []


def test_the_list_of_events_names_none_that_is_not_written() -> None:
    assert sorted(rows("EVENTS.md") - {event_of(call) for _, call in logged()}) == []


def test_the_list_of_events_tells_the_level_of_each() -> None:
    """Whoever is called out by an ERROR relies on it. `exception` is an ERROR with its traceback."""
    written: dict[str, set[str]] = {}
    for _, call in logged():
        assert isinstance(call.func, ast.Attribute)
        written.setdefault(event_of(call), set()).add(call.func.attr.replace("exception", "error").upper())
    told = dict(re.findall(r"^\| `(\w+)` \| ([A-Z, ]+) \|", (DOCS / "EVENTS.md").read_text(), re.MULTILINE))
    assert {name: set(levels.split(", ")) for name, levels in told.items()} == written


def situations() -> set[str]:
    return {
        name
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, VentanillaError) and found is not VentanillaError
    }


def test_every_error_is_documented_and_every_documented_error_exists() -> None:
    assert rows("ERRORS.md") == situations()


@pytest.mark.parametrize("name", sorted(situations()))
def test_an_error_says_its_situation(name: str) -> None:
    assert inspect.getdoc(getattr(errors, name)) != inspect.getdoc(VentanillaError)


def tables() -> set[str]:
    """Return the table names that desk/ledger/tables.py declares, read without importing the ORM."""
    tree = ast.parse((ROOT / "desk" / "ledger" / "tables.py").read_text())
    return {
        str(node.value.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and [ast.unparse(target) for target in node.targets] == ["table"]
        and isinstance(node.value, ast.Constant)
    }


def test_every_table_stands_in_the_architecture_with_what_it_holds() -> None:
    page = (DOCS / "ARCHITECTURE.md").read_text().partition("## Tables")[2].partition("\n## ")[0]
    assert tables(), "no table found in desk/ledger/tables.py"
    assert set(ROW.findall(page)) == tables()


def test_every_word_of_the_glossary_has_its_spanish() -> None:
    lines = [line for line in (DOCS / "GLOSSARY.md").read_text().splitlines() if line.startswith("| ")][2:]
    assert lines
    assert [line for line in lines if not all(cell.strip() for cell in line.strip("|").split("|")[:3])] == []


def test_every_promised_line_is_marked_by_a_test_or_a_script() -> None:
    promised = set(re.findall(r"^- \*\*([a-z]+\.\d+)\*\*", (DOCS / "DONE.md").read_text(), re.MULTILINE))
    assert promised
    listing = subprocess.run(
        ["git", "grep", "-hoE", r'done\("[a-z]+\.[0-9]+"\)', "--", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    marked = set(re.findall(r'done\("([a-z]+\.\d+)"\)', listing.stdout))
    assert sorted(promised - marked) == []


def test_every_link_of_a_page_leads_somewhere() -> None:
    dead = []
    for page in (ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                dead.append(f"{page.relative_to(ROOT)}: {target}")
    assert dead == []

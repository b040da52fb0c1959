"""How the code is written, where no linter looks: docstrings, sizes, and where a net for every error may hang."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("ventanilla", "board", "intake", "responders", "connections", "desk", "sandbox")
FUNCTION_LINES_MAX = 70
POSITIONAL_MAX = 5
SELF = ("self", "cls")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> Iterator[tuple[str, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def functions() -> Iterator[tuple[str, Function]]:
    for path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield f"{path}:{node.lineno} {node.name}", node


def test_every_module_opens_with_what_it_promises() -> None:
    assert [path for path, tree in sources() if not ast.get_docstring(tree)] == []


def test_no_function_is_longer_than_a_page() -> None:
    long = {name: node.end_lineno - node.lineno + 1 for name, node in functions() if node.end_lineno}
    assert {name: lines for name, lines in long.items() if lines > FUNCTION_LINES_MAX} == {}


def test_no_function_takes_more_than_five_things_by_position() -> None:
    wide = []
    for name, node in functions():
        given = [one.arg for one in (*node.args.posonlyargs, *node.args.args) if one.arg not in SELF]
        if len(given) > POSITIONAL_MAX:
            wide.append(f"{name}({', '.join(given)})")
    assert wide == []


def catch_alls() -> Iterator[str]:
    """Yield `path function` of each place that catches every exception without raising it again."""
    for path, tree in sources():
        for holder in ast.walk(tree):
            if not isinstance(holder, Function):
                continue
            for node in ast.walk(holder):
                if isinstance(node, ast.ExceptHandler) and catches_all(node) and not raises_again(node):
                    yield f"`{path}` `{holder.name}`"


def catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in ("Exception", "BaseException")
    )


def raises_again(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) and node.exc is None for node in ast.walk(handler))


def test_every_net_for_all_errors_is_a_loop_head_named_in_the_architecture() -> None:
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    assert sorted(place for place in set(catch_alls()) if place not in page) == []


def test_the_architecture_names_no_net_that_is_gone() -> None:
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    chapter = page.partition("## Loop heads")[2].partition("\n## ")[0]
    named = {f"`{path}` `{name}`" for path, name in re.findall(r"`([\w/]+\.py)` `(\w+)`", chapter)}
    assert sorted(named - set(catch_alls())) == []


# Addresses of registries, and folders of one machine: whoever clones this has others.
FOREIGN = re.compile(
    r"files\.pythonhosted|pypi\.org/simple|registry\.npmjs|deb\.debian\.org|--index-url|--find-links"
    r"|(?<![\w.])/(?:work|root|home)/\w|\.pyenv|[.]library\b"
)


def test_no_tracked_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path == Path(__file__) or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name}: {match.group(0)}" for match in FOREIGN.finditer(text)]
    assert found == []

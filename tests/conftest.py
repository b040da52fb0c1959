"""What every floor of the tests shares: the two engines, the marks that `make shown` reads, the loop."""

from collections.abc import Callable

import pytest

pytest_plugins = ["tests.engines"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--issue", default="", help="run only the tests that show a line of this issue, e.g. house")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note on each test which lines of docs/DONE.md it shows; keep only those of --issue."""
    for item in items:
        item.user_properties += [("done", mark.args[0]) for mark in item.iter_markers("done")]
    if issue := str(config.getoption("--issue")):
        shown = [
            item for item in items if any(mark.args[0].startswith(f"{issue}.") for mark in item.iter_markers("done"))
        ]
        config.hook.pytest_deselected(items=[item for item in items if item not in shown])
        items[:] = shown


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio, the loop the house runs on."""
    return "asyncio"


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Let a test say what it measured: `make shown` prints it beside the line of docs/DONE.md."""

    def say(text: str) -> None:
        request.node.user_properties.append(("figure", text))

    return say

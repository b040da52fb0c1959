"""The browser that looks at mails and pages: it is told apart what it shall see, stays at home, and ends."""

import asyncio
from pathlib import Path

import pytest

from tests.browser import OutsideAsked, is_local, open_page

pytestmark = pytest.mark.anyio
THEME = "<style>p { color: black } @media (prefers-color-scheme: dark) { p { color: white } }</style><p>Hola</p>"
COLOUR = "getComputedStyle(document.querySelector('p')).color"
# Longer than any start takes, far shorter than a test that hangs.
PROMPTLY_S = 20.0


@pytest.mark.parametrize(("dark", "colour"), [(False, "rgb(0, 0, 0)"), (True, "rgb(255, 255, 255)")])
async def test_a_page_has_the_width_and_the_theme_asked_for(dark: bool, colour: str) -> None:
    async with open_page(width=360, dark=dark) as page:
        await page.set_content(THEME)
        assert await page.evaluate(f"[innerWidth, {COLOUR}]") == [360, colour]


@pytest.mark.parametrize(("javascript", "title"), [(True, "ran"), (False, "still")])
async def test_scripts_of_a_page_run_only_when_they_may(javascript: bool, title: str) -> None:
    async with open_page(javascript=javascript) as page:
        await page.set_content("<title>still</title><script>document.title = 'ran'</script>")
        assert await page.title() == title


async def test_a_page_that_asks_for_something_outside_fails_whoever_opened_it() -> None:
    with pytest.raises(OutsideAsked, match=r"https://example\.com/pixel\.png"):
        async with open_page() as page:
            await page.set_content('<img src="https://example.com/pixel.png">')


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/i/x", "data:image/png;base64,", "about:blank", "file:///a"])
def test_this_machine_is_no_outside(url: str) -> None:
    assert is_local(url)


@pytest.mark.parametrize("url", ["https://example.com/", "http://127.0.0.1.example.com/", "ws://192.0.2.1/"])
def test_anything_else_is(url: str) -> None:
    assert not is_local(url)


async def test_a_page_that_hangs_is_ended_with_its_browser() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(PROMPTLY_S), open_page(life_s=4) as page:
            await page.evaluate("new Promise(() => {})")
    assert children_named("chromium") == []


async def test_a_test_that_fails_leaves_no_browser_behind() -> None:
    async def fails() -> None:
        async with open_page() as page:
            assert children_named("chromium")
            await page.set_content(str(1 / 0))

    with pytest.raises(ZeroDivisionError):
        await fails()
    assert children_named("chromium") == []


def children_named(name: str) -> list[str]:
    """Return the command lines of this process's descendants that run a program of that name."""
    found: list[str] = []
    waiting = ["self"]
    while waiting:
        folder = Path("/proc", waiting.pop())
        for task in folder.glob("task/*/children"):
            waiting += task.read_text().split()
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        found += [command] if name in command.partition(" ")[0] else []
    return found

"""A page in the system's Chromium, for tests of how mails and pages look and for the pictures of tools/gallery.py.

Promises: nothing outside this machine is reached (a request elsewhere is refused, and fails whoever opened the page);
every step is bounded; the browser ends with its context, and with the test process however that dies.
Never: touches a profile of the user's, or downloads a browser.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, Route, async_playwright

from tools import system_packages

LAUNCH_TIMEOUT_MS = 30_000
STEP_TIMEOUT_MS = 10_000
# One context from launch to end, whatever is done in it: what evaluates in the page has no timeout of its own.
LIFE_S = 120.0
DESKTOP = 1024
HEIGHT = 800
# Names resolve to nothing, so that Chromium's own chatter stays at home too.
ARGUMENTS = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
LOCAL_SCHEMES = {"about", "blob", "data", "file"}


class OutsideAsked(AssertionError):
    """A page asked for something that is not on this machine; the text lists what."""


@asynccontextmanager
async def open_page(
    *, width: int = DESKTOP, height: int = HEIGHT, dark: bool = False, javascript: bool = True, life_s: float = LIFE_S
) -> AsyncIterator[Page]:
    """Give a blank page of `width` CSS pixels, in the light or the dark theme, with or without JavaScript.

    Without JavaScript the page's own scripts do not run, while `page.evaluate` still does. Skips the test where there
    is no Chromium: a failure as root and in CI (tools/test_floors.py). Raises OutsideAsked at the end when the page
    asked for anything but 127.0.0.1, files and data, and TimeoutError after `life_s`.
    """
    program = system_packages.find("chromium")
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    asked_outside: list[str] = []

    async def keep_home(route: Route) -> None:
        if is_local(route.request.url):
            await route.continue_()
        else:
            asked_outside.append(route.request.url)
            await route.abort()

    async with asyncio.timeout(life_s), async_playwright() as playwright:
        # Without the sandbox, which neither root nor most containers can make: it only ever sees our own pages.
        browser = await playwright.chromium.launch(
            executable_path=program, args=ARGUMENTS, chromium_sandbox=False, timeout=LAUNCH_TIMEOUT_MS
        )
        try:
            context = await browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                java_script_enabled=javascript,
                service_workers="block",
            )
            context.set_default_timeout(STEP_TIMEOUT_MS)
            await context.route("**/*", keep_home)
            yield await context.new_page()
        finally:
            await browser.close()
    if asked_outside:
        raise OutsideAsked(", ".join(asked_outside))


def is_local(url: str) -> bool:
    """Tell whether an address stays on this machine."""
    parts = urlsplit(url)
    return parts.scheme in LOCAL_SCHEMES or parts.hostname == "127.0.0.1"

"""Chromium: pages that hum a tone and tell which tones they hear."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Protocol

from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright

from tests.live.office import ROOT
from tests.live.patience import PATIENCE as SECONDS
from tests.live.server import until

EXECUTABLE = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--mute-audio",
]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
VISITOR = (Path(__file__).parent / "visitor.js").read_text()

#: Hertz: what each hums. No one's harmonics meet another's tone.
TONES = {"alice": 440, "bob": 1000, "carol": 1700, "mallory": 2300}
#: Decibels above which a tone is heard.
HEARD = -60.0
#: Decibels by which a page's own tone has to lie below what it hears of another.
APART = 40.0

#: Milliseconds for something to appear in a page.
PATIENCE = 1000 * SECONDS


async def launch(playwright: Playwright) -> Browser:
    """Start a headless Chromium whose fake microphone needs no permission."""
    return await playwright.chromium.launch(
        executable_path=EXECUTABLE, headless=True, args=FLAGS, handle_sigint=False
    )


@contextlib.contextmanager
def running(directory: Path) -> Iterator[str]:
    """A headless Chromium for many tests, each with pages of its own; where it takes orders."""
    told = directory / "DevToolsActivePort"
    command = [EXECUTABLE, "--headless", "--remote-debugging-port=0", *FLAGS]
    with (directory / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--user-data-dir={directory}"], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        assert until(lambda: told.exists() and "\n" in told.read_text())
        yield f"http://127.0.0.1:{told.read_text().split()[0]}"
    finally:
        process.terminate()
        process.wait()


@contextlib.asynccontextmanager
async def connected(chromium: str) -> AsyncIterator[Browser]:
    """A Chromium that runs; the pages that were opened by this connection are closed after it."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(chromium)
        yield browser
        for context in browser.contexts[1:]:  # the first is its own
            await context.close()
        await browser.close()


async def open_page(browser: Browser, *, tone: int, trusting: bool = False) -> Page:
    """A page in a context of its own (own cookies) that hums `tone`.

    `trusting` takes certificates that nobody has signed.
    """
    context: BrowserContext = await browser.new_context(
        locale="en-GB",
        timezone_id="UTC",
        permissions=["microphone"],
        ignore_https_errors=trusting,
        reduced_motion="reduce",  # what is looked at is not on its way from one colour to another
    )
    context.set_default_timeout(PATIENCE)
    await context.add_init_script(VISITOR.replace("__TONE__", str(tone)))
    return await context.new_page()


class Tab(Protocol):
    """A page with ears, in whatever browser."""

    async def evaluate(self, function: str, arg: Any = None, /) -> Any:
        """What a function returns, also by a promise."""

    async def wait_for_function(self, function: str, /, *, arg: Any = None) -> Any:
        """Wait until a function returns something true."""


async def is_accessible(page: Page) -> None:
    """axe-core finds nothing to complain of in what is shown now."""
    await page.evaluate(f"{AXE.read_text()}\n;0")
    found = await page.evaluate("axe.run(document)")
    told = [(one["id"], [node["target"] for node in one["nodes"]]) for one in found["violations"]]
    assert told == []


async def hears(page: Tab, tone: int) -> None:
    """Wait until the page hears `tone`."""
    await page.wait_for_function("([tone, floor]) => ears.hears(tone, floor)", arg=[tone, HEARD])


async def is_silent(page: Tab, tone: int) -> None:
    """Wait until the page no longer hears `tone`."""
    await page.wait_for_function("([tone, floor]) => !ears.hears(tone, floor)", arg=[tone, HEARD])


async def levels(page: Tab, *tones: int) -> list[float]:
    """Decibels at each tone: the median of looks spread over half a second."""
    found: list[list[float]] = await page.evaluate(
        """async (tones) => {
            const looks = [];
            for (let look = 0; look < 10; look += 1) {
                looks.push(await ears.levels(tones));
                await new Promise((done) => setTimeout(done, 50));
            }
            return looks;
        }""",
        list(tones),
    )
    return [statistics.median(look[index] for look in found) for index in range(len(tones))]


async def hears_the_other_alone(page: Tab, *, own: int, other: int) -> None:
    """Wait until the page hears the other's tone, and not its own.

    Where the machine is busy the sound may break, and come back.
    """
    await hears(page, other)
    end = time.monotonic() + SECONDS
    loud, echo = await levels(page, other, own)
    while not (loud > HEARD and echo < loud - APART) and time.monotonic() < end:
        loud, echo = await levels(page, other, own)
    assert loud > HEARD, f"{other} Hz at {loud:.0f} dB"
    assert echo < loud - APART, f"own {own} Hz at {echo:.0f} dB beside {other} Hz at {loud:.0f} dB"

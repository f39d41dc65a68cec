"""Firefox by our pages: its own ICE, DTLS and codecs."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, expect

from tests.live import browser as browsers
from tests.live import firefox
from tests.live import room as rooms
from tests.live.conftest import People
from tests.live.room import Room
from tests.live.server import Server

ALICE, BOB = browsers.TONES["alice"], browsers.TONES["bob"]

READY = "() => !document.querySelector('[data-testid=join-button]').disabled"
JOIN = """(name) => {
    const hook = (one) => document.querySelector(`[data-testid=${one}]`);
    hook("join-name").value = name;
    hook("join-button").click();
}"""
PRESS = "(one) => document.querySelector(`[data-testid=${one}]`).click()"
STATE = """(wanted) =>
    document.querySelector("[data-testid=call-state]").dataset.state === wanted
"""
ROSTER = """(names) => {
    const items = [...document.querySelectorAll("[data-testid=roster-item]")];
    return items.length === names.length
        && names.every((name) => items.some((item) => item.textContent.includes(name)));
}"""


async def test_firefox_joins_hears_the_other_alone_is_heard_and_leaves(
    server: Server, people: People, browser: Browser, tmp_path: Path
) -> None:
    page = await browsers.open_page(browser, tone=ALICE)
    await rooms.sign_in(page, server, people.alice)
    link = await rooms.book(page, "Two browsers")
    await page.goto(link)
    alice = Room(page)
    await alice.joins()
    async with firefox.page(tmp_path / "firefox", origin=server.url, tone=BOB) as bob:
        await bob.goto(link)
        await bob.wait_for_function(READY)
        await bob.evaluate(JOIN, "Bob")
        await bob.wait_for_function(STATE, arg="joined")
        await bob.wait_for_function(ROSTER, arg=["Alice", "Bob"])
        await browsers.hears_the_other_alone(page, own=ALICE, other=BOB)
        await browsers.hears_the_other_alone(bob, own=BOB, other=ALICE)
        await alice.entry("Bob").get_by_test_id("mute-other-button").click()
        await browsers.is_silent(page, BOB)
        await browsers.hears(bob, ALICE)
        await bob.evaluate(PRESS, "leave-button")
        await bob.wait_for_function(STATE, arg="left")
    await alice.sees("Alice")
    await expect(alice.hook("call-state")).to_have_attribute("data-state", "joined")

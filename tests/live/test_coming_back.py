"""The server is killed and comes back: so do all pages, by themselves, and the calls on them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.live import browser as browsers
from tests.live import room as rooms
from tests.live.room import Room
from tests.live.server import Server, running
from tests.live.test_phone_page import PhonePage

#: Milliseconds: the server's start is behind us, a busy machine is not.
BACK_WITHIN = 60_000


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that the test kills."""
    with running(tmp_path) as started:
        yield started


async def test_three_pages_come_back(own_server: Server, browser: Browser) -> None:
    """A moderator's and a guest's in a room, and a phone that waits for calls."""
    page = await browsers.open_page(browser, tone=browsers.TONES["alice"])
    await rooms.sign_in(page, own_server, own_server.phone("alice", "--organizer"))
    link = await rooms.book(page, "Planning")
    await page.goto(link)
    alice = Room(page)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=browsers.TONES["bob"])
    await bob.sees("Alice", "Bob")
    carol = await PhonePage.open(browser, own_server, own_server.phone("carol"))
    await asyncio.to_thread(own_server.kill)
    await expect(carol.hook("phone-state")).to_have_attribute("data-state", "offline")
    await expect(carol.page.get_by_role("alert")).to_contain_text("No connection to Parley")
    for room in (alice, bob):
        await expect(room.page.locator("body")).to_have_attribute("data-phone", "offline")
        await expect(room.page.get_by_role("alert")).to_contain_text("Reconnecting")
    await asyncio.to_thread(own_server.start)
    await expect(carol.hook("phone-state")).to_have_attribute(
        "data-state", "ready", timeout=BACK_WITHIN
    )
    for room in (alice, bob):
        await expect(room.hook("roster-item")).to_have_count(2, timeout=BACK_WITHIN)
        await room.is_in("joined", within=BACK_WITHIN)
        await room.sees("Alice", "Bob")
    await browsers.hears_the_other_alone(
        alice.page, own=browsers.TONES["alice"], other=browsers.TONES["bob"]
    )

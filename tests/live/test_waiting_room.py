"""A browser and a desk phone wait side by side, and a moderator lets them in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from sipgateway.media import local, prompts
from tests.live import browser as browsers
from tests.live import room as rooms
from tests.live.baresip import Baresip
from tests.live.room import Room
from tests.live.server import Server, running, until
from tests.live.test_voice import hears
from tests.ports import free_port

TONES = browsers.TONES
#: Decibels of full scale over which a desk phone hears a tone.
HEARD = -40.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[tuple[Server, int]]:
    """A server, and the port by which it takes desk phones."""
    prompts.render(local.SPOKEN)
    port = free_port()
    with running(tmp_path / "parley", environment={"SIP_PORT": str(port)}) as server:
        yield server, port


async def test_a_browser_and_a_desk_phone_are_let_in_and_mallory_is_not(
    house: tuple[Server, int], browser: Browser, tmp_path: Path
) -> None:
    server, port = house
    page = await browsers.open_page(browser, tone=TONES["alice"])
    alice_by_phone = server.phone("alice", "--organizer", "--display-name", "Alice")
    await rooms.sign_in(page, server, alice_by_phone)
    link = await rooms.book(page, "Behind a door", waiting_room="let-in")
    await page.goto(link)
    alice, desk = Room(page), Baresip(tmp_path / "carol", tone=TONES["carol"])
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=TONES["bob"], state="waiting")
    api, name = server.api("alice"), link.rstrip("/").rpartition("/")[2]
    try:
        await expect(bob.hook("waiting-place")).to_contain_text("number 1")
        await expect(bob.hook("roster-item")).to_have_count(0)
        await browsers.is_accessible(bob.page)
        carol = server.phone("carol", "--display-name", "Carol")
        await desk.start(carol, through=("udp", port), dial=api.uri(name))
        library = prompts.Library(Path("none"), local.SPOKEN)
        await hears(desk, library, "wait-let-in place number-2 in-line")

        await expect(alice.hook("waiting-item")).to_have_count(2)
        await alice.sees("Alice")
        await browsers.is_silent(alice.page, TONES["bob"])
        await browsers.is_accessible(alice.page)
        await alice.hook("let-in-button").first.click()
        await bob.is_in("joined")
        await alice.sees("Alice", "Bob")
        await expect(alice.hook("waiting-item")).to_contain_text("Carol")
        await alice.hook("let-in-button").click()
        await bob.sees("Alice", "Bob", "Carol")
        await browsers.hears(bob.page, TONES["carol"])
        await browsers.hears_the_other_alone(alice.page, own=TONES["alice"], other=TONES["bob"])
        heard = await asyncio.to_thread(until, lambda: desk.hears(TONES["bob"], HEARD), every=0.25)
        assert heard

        mallory = await Room.of_guest(
            browser, link, "Mallory", tone=TONES["mallory"], state="waiting"
        )
        await alice.hook("turn-away-button").click()
        await alice.hook("away-reason").fill("nobody knows you")
        await alice.hook("away-confirm").click()
        await mallory.says("Alice did not let you in")
        await mallory.says("nobody knows you")
        await expect(alice.hook("waiting-list")).to_be_hidden()
        await alice.sees("Alice", "Bob", "Carol")
        told = [(one["kind"], one["way"]) for one in api.events(name)]
        assert told.count(("let-in", "web")) == 2
        assert told.count(("not-let-in", "web")) == 1
    finally:
        await desk.stop()

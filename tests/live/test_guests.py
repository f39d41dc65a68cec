"""Whoever comes by the link of a booking: too early, with wrong PINs, and with the right one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import Browser, expect

from tests.live import browser as browsers
from tests.live import room as rooms
from tests.live.conftest import People
from tests.live.room import Room
from tests.live.server import Server

TONES = browsers.TONES
#: Wrong PINs after which a page holds somebody off (`conferences.policy`).
TRIES = 5


async def test_mallory_guesses_pins_and_bob_gets_in(
    server: Server, people: People, browser: Browser
) -> None:
    """He is held off, though his next PIN is right; who has an account comes in from beside him."""
    link = server.conference("--open", "--pin", "4711")["url"]
    mallory = Room(await browsers.open_page(browser, tone=TONES["mallory"]))
    await mallory.page.goto(link)
    await mallory.hook("join-name").fill("Mallory")
    for guess in range(TRIES):
        await mallory.hook("join-pin").fill(f"100{guess}")
        async with mallory.page.expect_response("**/enter/") as entered:
            await mallory.hook("join-button").click()
        assert (await entered.value).status == 422
    await mallory.hook("join-pin").fill("4711")
    async with mallory.page.expect_response("**/enter/") as entered:
        await mallory.hook("join-button").click()
    assert (await entered.value).status == 429
    await mallory.says("wrong PIN")
    await mallory.is_in("failed")

    bob = Room(await browsers.open_page(browser, tone=TONES["bob"]))
    await rooms.sign_in(bob.page, server, people.bob)
    await bob.page.goto(link)
    await bob.hook("join-pin").fill("4711")
    await bob.joins()
    await bob.sees("Bob")
    assert await mallory.hook("call-state").get_attribute("data-state") == "failed"


async def test_too_early(server: Server, people: People, browser: Browser) -> None:
    """The page says when the doors open, and joins nobody."""
    start = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    booked = server.conference("--open", "--start", start.isoformat(), "--minutes", "30")
    room = Room(await browsers.open_page(browser, tone=TONES["bob"]))
    await room.page.goto(booked["url"])
    await expect(room.hook("door")).to_have_attribute("data-refusal", "too-early")
    await expect(room.page.get_by_text("The doors open:")).to_be_visible()
    opens = await room.hook("door").get_attribute("data-opens")
    assert opens is not None
    assert start.timestamp() - 3600 <= int(opens) <= start.timestamp()
    await expect(room.hook("join-button")).to_have_count(0)

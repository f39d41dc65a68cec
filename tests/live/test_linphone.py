"""Linphone, a desk phone by belle-sip and mediastreamer2, in a conference with a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from playwright.async_api import Browser

from tests.live import browser as browsers
from tests.live import room as rooms
from tests.live.conftest import People
from tests.live.linphone import WITHIN, Linphone
from tests.live.room import Room
from tests.live.server import Server, until

ALICE, CAROL = browsers.TONES["alice"], browsers.TONES["carol"]


async def test_linphone_registers_calls_is_heard_hears_and_hangs_up(
    server: Server, people: People, browser: Browser, tmp_path: Path
) -> None:
    page = await browsers.open_page(browser, tone=ALICE)
    await rooms.sign_in(page, server, people.alice)
    link = await rooms.book(page, "Linphone")
    await page.goto(link)
    alice = Room(page)
    await alice.joins()
    carol, hers = Linphone(tmp_path), server.api("carol")
    try:
        await carol.start(people.carol, through=("udp", server.ports["udp"]), tone=CAROL)
        assert await _meets(lambda: bool(hers.call("GET", "/me/phones")[1]["phones"]))
        await carol.calls(people.api.uri(link.rstrip("/").rpartition("/")[2]))
        await alice.sees("Alice", "Carol")
        await browsers.hears_the_other_alone(page, own=ALICE, other=CAROL)
        assert await _meets(lambda: carol.has_recorded(3.0)), carol.said
        await carol.does("terminate")
        await carol.says("ended (No error)")
        await alice.sees("Alice")
        assert carol.level(ALICE) > browsers.HEARD
        assert carol.level(CAROL) < carol.level(ALICE) - browsers.APART
    finally:
        await carol.stop()


async def _meets(met: Callable[[], bool]) -> bool:
    return await asyncio.to_thread(until, met, within=WITHIN)

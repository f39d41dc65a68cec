"""Browsers over TLS: a JsSIP and a SIP.js phone on WSS, with a certificate signed by itself."""

from __future__ import annotations

from playwright.async_api import Browser

from tests.live import browser as browsers
from tests.live.conftest import People
from tests.live.desk import DeskServer
from tests.live.harness import BrowserPhone, Pages
from tests.live.server import until


async def test_phones_on_wss_hear_each_other(
    browser: Browser, pages: Pages, desk: DeskServer, desk_people: People
) -> None:
    accounts = desk_people.alice, desk_people.bob
    assert all(account.websocket.startswith("wss://") for account in accounts)
    room = desk.conference("--open")
    alice = await BrowserPhone.open(browser, pages, "jssip", accounts[0])
    bob = await BrowserPhone.open(browser, pages, "sipjs", accounts[1])
    await alice.joins(room["uri"])
    await bob.joins(room["uri"])
    await browsers.hears_the_other_alone(alice.page, own=alice.tone, other=bob.tone)
    await browsers.hears_the_other_alone(bob.page, own=bob.tone, other=alice.tone)
    await alice.hangs_up()
    await bob.hangs_up()
    assert until(lambda: not desk.roster(room["id"]))

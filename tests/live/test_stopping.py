"""Stopping with calls up: everybody gets a BYE, and the process ends by itself.

How long it waits for phones that do not answer is tried in `tests/transport/test_goodbyes.py`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.live.harness import BrowserPhone, Pages
from tests.live.phone import Phone, is_request
from tests.live.server import Server, running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that the test stops itself."""
    with running(tmp_path) as started:
        yield started


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_every_phone_gets_a_bye(own_server: Server, number: signal.Signals) -> None:
    alice, bob = own_server.phone("alice", "--organizer"), own_server.phone("bob")
    uri = own_server.conference("--invite", bob.aor)["uri"]
    async with await Phone.connect(alice) as hers, await Phone.connect(bob) as his:
        await hers.joins(uri)
        await his.joins(uri)
        status = await asyncio.to_thread(own_server.stop, number)
        await hers.receives(is_request("BYE"))
        await his.receives(is_request("BYE"))
    assert status == 0


async def test_a_browser_in_a_call_does_not_hold_it_up(
    own_server: Server, browser: Browser, pages: Pages
) -> None:
    """Live media, with its worker, keys and threads, goes down as quickly."""
    alice = own_server.phone("alice", "--organizer")
    uri = own_server.conference()["uri"]
    phone = await BrowserPhone.open(browser, pages, "jssip", alice)
    await phone.joins(uri)
    assert await asyncio.to_thread(own_server.stop) == 0
    assert (await phone.was_removed())["by"] == "remote"

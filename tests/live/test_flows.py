"""At the door and at the end: a PIN that is keyed, and phones that are gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.live.baresip import Baresip
from tests.live.conftest import People
from tests.live.harness import BrowserPhone, Pages
from tests.live.patience import PATIENCE
from tests.live.server import Server, until
from tests.live.test_phones import name_of, present


@pytest.fixture
async def bob(browser: Browser, pages: Pages, people: People) -> AsyncIterator[BrowserPhone]:
    phone = await BrowserPhone.open(browser, pages, "jssip", people.bob)
    yield phone
    await phone.page.context.close()


async def test_the_pin_is_keyed_in_the_call(
    server: Server, people: People, bob: BrowserPhone
) -> None:
    """RFC 4733 digits ended by #: a wrong PIN first, then the right one."""
    room = server.conference("--invite", people.bob.aor, "--pin", "2468")["uri"]
    await bob.joins(room)
    await bob.page.evaluate("phone.keys('1111#')")
    assert until(lambda: "wrong-pin" in kinds(people, room))
    assert present(people, room) == {}
    await bob.page.evaluate("phone.keys('2468#')")
    assert until(lambda: people.bob.aor in present(people, room))
    await bob.hangs_up()


def kinds(people: People, room: str) -> set[str]:
    """What has happened, by kind."""
    return {one["kind"] for one in people.api.events(name_of(room))}


async def test_phones_that_have_gone_are_off_the_roster(
    server: Server, browser: Browser, pages: Pages, people: People, tmp_path: Path
) -> None:
    """A browser is closed and desk phones are switched off without a word: no flow, no media.

    Nobody hears over UDP that somebody is gone. That it takes 30 s at the most is tried in
    `tests/scenarios/test_desk_phones.py` and `test_dial_in.py`, by a clock that only they move.
    """
    room = server.conference("--open")["uri"]
    gone = await BrowserPhone.open(browser, pages, "jssip", people.alice)
    await gone.joins(room)
    desks = []
    for account, transport in ((people.bob, "udp"), (people.carol, "tcp")):
        desk = Baresip(tmp_path / transport, tone=440)
        desks.append(desk)
        through = (transport, server.ports[transport])
        await desk.start(account, through=through, dial=room, registers=False)
        await desk.says("Call established")
    assert until(lambda: len(present(people, room)) == 3)
    await gone.page.context.close()
    for desk in desks:
        await desk.is_switched_off()
    assert until(lambda: present(people, room) == {}, within=3 * PATIENCE)

"""The whole house with ``MEDIA_ENGINE=janus``: pages, gateway and a Janus that mixes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.live import browser as browsers
from tests.live import room as rooms
from tests.live.baresip import Baresip
from tests.live.room import Room
from tests.live.server import Server, running
from tests.live.test_recorded import SOUND, plays
from tests.media import januses
from tests.media.januses import Janus
from tests.media.test_intake import sine, wav

ALICE, BOB, CAROL = (browsers.TONES[name] for name in ("alice", "bob", "carol"))


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Janus]]:
    with januses.running(tmp_path, 2) as made:
        yield made


@pytest.fixture
def mixed_by_janus(tmp_path: Path, nodes: list[Janus]) -> Iterator[Server]:
    urls = ",".join(one.url for one in nodes)
    environment = {"MEDIA_ENGINE": "janus", "JANUS_URL": urls}
    with running(tmp_path / "parley", environment=environment) as started:
        yield started


async def test_phones_talk_by_janus_and_go_on_when_a_node_dies(
    mixed_by_janus: Server, nodes: list[Janus], browser: Browser, tmp_path: Path
) -> None:
    """Heard, recorded, carried on by the other node within seconds with what is played, removed.

    Carol's desk phone wants SRTP by SDES, and mutes itself by its keys.
    """
    carol = Baresip(tmp_path / "carol", tone=CAROL)
    try:
        await _evening(mixed_by_janus, nodes, browser, tmp_path, carol)
    finally:
        await carol.stop()


async def _evening(
    mixed_by_janus: Server,
    nodes: list[Janus],
    browser: Browser,
    tmp_path: Path,
    carol: Baresip,
) -> None:
    page = await browsers.open_page(browser, tone=ALICE)
    await rooms.sign_in(page, mixed_by_janus, mixed_by_janus.phone("alice", "--organizer"))
    link = await rooms.book(page, "By Janus")
    await page.goto(link)
    alice = Room(page)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=BOB)
    await browsers.hears_the_other_alone(alice.page, own=ALICE, other=BOB)
    await browsers.hears_the_other_alone(bob.page, own=BOB, other=ALICE)
    await expect(alice.entry("Bob")).to_have_attribute("data-speaking", "true")
    before = await bob.page.evaluate("loseWay()")  # an ICE restart, which Janus answers
    await bob.page.wait_for_function("(before) => iceFragment() !== before", arg=before)
    await carol.start(
        mixed_by_janus.phone("carol"),
        through=("udp", mixed_by_janus.ports["udp"]),
        codec="PCMA",
        encryption="srtp-mand",
        dial=mixed_by_janus.api("alice").uri(link.rstrip("/").rpartition("/")[2]),
    )
    await expect(alice.entry("Carol")).to_have_attribute("data-speaking", "true")
    await browsers.hears(bob.page, CAROL)
    await carol.keys("*6")
    await browsers.is_silent(bob.page, CAROL)
    await alice.hook("record-button").click()
    await expect(bob.hook("recording")).to_be_visible()
    await plays(page, wav(tmp_path / "Signal.wav", sine(SOUND, 60, 8000), 8000))
    await browsers.hears(bob.page, SOUND)
    nodes[0].kill()
    await asyncio.sleep(1.0)
    await browsers.hears_the_other_alone(alice.page, own=ALICE, other=BOB)
    await browsers.hears_the_other_alone(bob.page, own=BOB, other=ALICE)
    await browsers.hears(bob.page, SOUND)
    await browsers.is_silent(bob.page, CAROL)
    await carol.keys("*6")
    await browsers.hears(bob.page, CAROL)
    await alice.hook("sounding-stop").click()
    await browsers.is_silent(bob.page, SOUND)
    await alice.hook("record-button").click()
    await expect(bob.hook("recording")).to_be_hidden()
    name = link.rstrip("/").rpartition("/")[2]
    (kept,) = mixed_by_janus.api("alice").call("GET", f"/conferences/{name}/recordings")[1]
    assert (kept["state"], kept["failure"]) == ("ended", "")
    await alice.sees("Alice", "Bob", "Carol")
    await alice.removes("Bob", for_good=False)
    await bob.is_in("removed")
    await browsers.is_silent(alice.page, BOB)

"""A conference that is recorded with tracks, and into which a sound is played, by the pages."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

import numpy as np
from playwright.async_api import Browser, Page, expect

from sipgateway.media.codec import RATE, Samples
from tests.live import browser as browsers
from tests.live import room as rooms
from tests.live.conftest import People
from tests.live.room import Room
from tests.live.server import Server
from tests.media import sounds
from tests.media.test_intake import sine, wav

ALICE, BOB, SOUND = browsers.TONES["alice"], browsers.TONES["bob"], 2700


def heard(octets: bytes, path: Path) -> Samples:
    """What another program makes of a file, without its first and last second."""
    path.write_bytes(octets)
    command = ["opusdec", "--quiet", "--force-wav", "--rate", "48000", str(path), "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    return np.frombuffer(done.stdout[44:], "<i2").astype(np.float32)[RATE:-RATE] / 32768.0


async def plays(page: Page, file: Path) -> None:
    """Add a sound by the dialog and play it."""
    await page.get_by_test_id("sounds-button").click()
    await page.get_by_test_id("sound-file").set_input_files(file)
    await page.get_by_test_id("sound-add").click()
    await page.get_by_test_id("sound-play").click()


async def test_voices_are_kept_each_by_itself_and_a_sound_is_heard_by_all(
    browser: Browser, server: Server, people: People, tmp_path: Path
) -> None:
    """The mix has both voices and the sound, each track one voice; all equally long."""
    page = await browsers.open_page(browser, tone=ALICE)
    await rooms.sign_in(page, server, people.alice)
    link = await rooms.book(page, "On tracks")
    name = link.rstrip("/").rpartition("/")[2]
    people.api.call("PATCH", f"/conferences/{name}", {"policy": {"tracks": True}})
    await page.goto(link)
    alice = Room(page)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=BOB)
    await alice.hook("record-button").click()
    for one in (alice, bob):
        await expect(one.hook("recording")).to_contain_text("on a track of its own")
    await browsers.hears(bob.page, ALICE)
    await plays(page, wav(tmp_path / "Signal.wav", sine(SOUND, 4.0, 44_100), 44_100, channels=2))
    for one in (alice, bob):
        await expect(one.hook("sounding")).to_contain_text("Alice plays “Signal”")
        await browsers.hears(one.page, SOUND)
    await expect(bob.hook("sounding-stop")).to_have_count(0)
    await expect(bob.hook("sounding")).to_be_hidden()  # it ends by itself
    await browsers.is_silent(bob.page, SOUND)
    await alice.hook("record-button").click()
    await expect(bob.hook("recording")).to_be_hidden()

    await page.goto(f"{server.url}/conferences/{name}/")
    await page.get_by_test_id("tracks").click()
    await expect(page.get_by_test_id("track")).to_have_count(2)
    async with page.expect_download() as started:
        await page.get_by_test_id("recording-zip").click()
    octets = Path(await (await started.value).path()).read_bytes()
    with zipfile.ZipFile(io.BytesIO(octets)) as archive:
        files = {one: heard(archive.read(one), tmp_path / "one") for one in archive.namelist()}
    assert sorted(files) == ["01 Alice.opus", "02 Bob.opus", "mix.opus"]
    assert len({len(sound) for sound in files.values()}) == 1
    assert sounds.share(files["01 Alice.opus"], ALICE) > 0.9
    assert sounds.share(files["02 Bob.opus"], BOB) > 0.9
    for tone in (ALICE, BOB, SOUND):
        assert sounds.share(files["mix.opus"], tone) > 0.1, tone

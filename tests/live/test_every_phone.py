"""Four kinds of phones in one room: who speaks is heard by all others, also by a new mixer."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser

from tests.live import browser as browsers
from tests.live import room as rooms
from tests.live.baresip import Baresip
from tests.live.conftest import People
from tests.live.room import Room
from tests.live.server import Api, Server, until

TONES = browsers.TONES
#: Decibels of full scale over which a desk phone hears a tone, and under which it does not.
HEARD, UNHEARD = -40.0, -55.0


@dataclass
class Table:
    """Everybody who is in, and the moderator's API."""

    name: str
    api: Api
    browsers: dict[str, Room]
    desks: dict[str, Baresip]

    def lets_speak(self, speaker: str) -> None:
        """Mute everybody else."""
        for entry in self.api.roster(self.name):
            who = entry["display_text"].lower()
            wanted = who != speaker
            if entry["endpoints"][0]["muted"] is not wanted:
                body = {"participant": entry["id"]}
                way = "mute" if wanted else "unmute"
                status, answer = self.api.call("POST", f"/conferences/{self.name}/{way}", body)
                assert status < 300, answer

    async def all_hear(self, speaker: str) -> None:
        """Everybody hears the speaker, who does not hear himself."""
        tone = TONES[speaker]
        for who, room in self.browsers.items():
            if who == speaker:
                continue
            await browsers.hears(room.page, tone)
        for who, desk in self.desks.items():
            if who != speaker:
                await _until(lambda desk=desk: desk.hears(tone, HEARD))
        if speaker in self.browsers:
            await browsers.is_silent(self.browsers[speaker].page, tone)
        else:
            desk = self.desks[speaker]  # as for browsers: once what came before has died away
            await _until(lambda: desk.level(tone) < UNHEARD)

    @property
    def present(self) -> list[str]:
        return sorted(entry["display_text"].lower() for entry in self.api.roster(self.name))

    @property
    def speakers(self) -> list[str]:
        """Who speaks, by the roster: with his level."""
        heard = [one for one in self.api.roster(self.name) if "speaking" in one["endpoints"][0]]
        assert all(-60 < one["endpoints"][0]["level"] < 0 for one in heard)
        return sorted(one["display_text"].lower() for one in heard)


async def _until(met: object) -> None:
    assert await asyncio.to_thread(until, met, every=0.25)  # type: ignore[arg-type]


def _workers(server: Server) -> list[int]:
    """The mixer's processes."""
    assert server.process is not None
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            command = (place / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if parent == server.process.pid and b"sipgateway.media.worker" in command:
            found.append(int(place.name))
    return found


async def test_four_kinds_of_phones_hear_each_other_also_after_the_mixer_died(
    server: Server, people: People, browser: Browser, tmp_path: Path
) -> None:
    page = await browsers.open_page(browser, tone=TONES["alice"])
    await rooms.sign_in(page, server, people.alice)
    link = await rooms.book(page, "Every phone")
    await page.goto(link)
    alice = Room(page)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=TONES["bob"])
    name = link.rstrip("/").rpartition("/")[2]
    table = Table(name, people.api, {"alice": alice, "bob": bob}, {})
    dial = table.api.uri(name)
    try:
        for account, transport, codec in (
            (people.carol, "tcp", "G722"),
            (people.mallory, "udp", "PCMA"),
        ):
            who, through = account.username, (transport, server.ports[transport])
            desk = table.desks[who] = Baresip(tmp_path / who, tone=TONES[who])
            await desk.start(account, through=through, codec=codec, dial=dial)
            await desk.says("Call established")
        everybody = sorted(TONES)
        await _until(lambda: table.present == everybody)
        for speaker in everybody:
            table.lets_speak(speaker)
            await table.all_hear(speaker)
        await _until(lambda: table.speakers == everybody[-1:])
        (mixer,) = _workers(server)
        os.kill(mixer, signal.SIGKILL)
        await _until(lambda: _workers(server) not in ([], [mixer]))
        for speaker in everybody:
            table.lets_speak(speaker)
            await table.all_hear(speaker)
        assert table.present == everybody
    finally:
        for desk in table.desks.values():
            await desk.stop()

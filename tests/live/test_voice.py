"""What a desk phone hears: the voice menu, why it is not let in, PIN and name. By its sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from conferences.policy import ConferenceId, Language, Snapshot
from sipgateway.focus import phrases
from sipgateway.media import prompts
from sipgateway.media.codec import RATE
from tests.live.baresip import Baresip
from tests.live.conftest import People
from tests.live.recorded import Samples
from tests.live.server import Server

ALIKE = 0.5
"""Likeness from which something was heard: what was not is below 0.2, G.711 alone is at 0.9."""


def likeness(heard: Samples, wanted: Samples) -> float:
    """How much a stretch of what was heard is like something: 1 the same, 0 nothing of it."""
    heard = np.concatenate((heard, np.zeros(len(wanted))))  # the end of it may be cut off
    size = len(heard) + len(wanted)
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    energy = np.concatenate(([0.0], np.cumsum(heard**2)))
    stretches = energy[len(wanted) :] - energy[: -len(wanted)]
    product = np.abs(np.fft.irfft(spectrum, size)[: len(stretches)])
    loudness = np.sqrt(np.maximum(stretches, 1e-3) * float(np.sum(wanted**2)))
    return float((product / loudness).max())


def without(heard: Samples, tone: int, rate: int) -> Samples:
    """What was heard without a tone in it."""
    spectrum = np.fft.rfft(heard)
    spectrum[np.abs(np.fft.rfftfreq(len(heard), 1 / rate) - tone) < 25] = 0
    return np.asarray(np.fft.irfft(spectrum, len(heard)))


async def hears(phone: Baresip, library: prompts.Library, script: str, *, beside: int = 0) -> None:
    """Wait until it has heard a script, perhaps with a tone beside it."""
    player = library.player(script)
    assert player is not None
    best = 0.0
    for _ in range(60):
        for rate, heard in phone.heard():
            wanted = prompts.to_rate(player.recording, RATE, rate).astype(np.float64)
            alone = without(heard, beside, rate) if beside else heard
            best = max(best, await asyncio.to_thread(likeness, alone, wanted))
        if best > ALIKE:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"{script!r} was not heard, {best:.2f} of it:\n{phone.said[-900:]}")


async def becomes(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    for _ in range(40):
        if await asyncio.to_thread(true):
            return
        await asyncio.sleep(0.25)
    raise AssertionError("it did not become so")


async def test_what_desk_phones_hear(
    server: Server, people: People, spoken: prompts.Library, tmp_path: Path
) -> None:
    """All at once, because sentences take their time."""
    async with asyncio.TaskGroup() as calls:
        for scene in (made_by_keypad, too_early, pin_and_name):
            place = tmp_path / scene.__name__
            calls.create_task(scene(server, people, spoken, place))


async def made_by_keypad(
    server: Server, people: People, library: prompts.Library, place: Path
) -> None:
    """Menu, PIN, confirmation; then the phone is in it and hears its number."""
    phone = Baresip(place / "alice", tone=3000)
    api = people.api
    try:
        through = ("udp", server.ports["udp"])
        await phone.start(people.alice, through=through, dial=f"sip:conference-app@{server.domain}")
        await hears(phone, library, "menu")
        await phone.keys("1")
        await hears(phone, library, "choose-pin")
        await phone.keys("2468#")
        await hears(phone, library, "your-pin number-2 number-4 number-6 number-8 pause confirm")
        await phone.keys("1")
        await hears(phone, library, "created")
        status, listed = api.call("GET", "/conferences")
        assert status == 200
        made_so = [one for one in listed["conferences"] if one["kind"] == "adhoc"]
        (made,) = (one for one in made_so if one["pin"] == "2468")
        assert server.roster(made["id"]) == [people.alice.aor]
        number = phrases.script(Language.ENGLISH, "created", *phrases.digits(made["id"]))
        await hears(phone, library, number)
        await phone.keys("**")
        await hears(phone, library, "help help-moderator")
    finally:
        await phone.stop()


async def too_early(server: Server, people: People, library: prompts.Library, place: Path) -> None:
    """Early media in a 183; then 480, whatever was said."""
    opens = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2, minutes=7)
    made = server.conference("--start", opens.isoformat(), "--open")
    snapshot = Snapshot(ConferenceId(1), made["id"], "", opens_at=opens.timestamp())
    clock = phrases.opening(snapshot, opens.timestamp(), datetime.now(UTC).timestamp())
    phone = Baresip(place / "bob", tone=3000)
    try:
        await phone.start(people.bob, through=("udp", server.ports["udp"]), dial=made["uri"])
        await phone.says("183")
        await hears(phone, library, " ".join(("too-early", *clock)))
        await phone.says("480 Conference Not Open Yet")
    finally:
        await phone.stop()


async def pin_and_name(
    server: Server, people: People, library: prompts.Library, place: Path
) -> None:
    """Bob hums his name; Alice hears that he has joined, and he is in."""
    made = server.conference("--open", "--pin", "2468")
    said = {"policy": {"announce": "names"}}
    assert people.api.call("PATCH", f"/conferences/{made['id']}", said)[0] == 200
    hers, his = Baresip(place / "alice", tone=3000), Baresip(place / "bob", tone=440)
    through = ("udp", server.ports["udp"])
    try:
        await hers.start(people.alice, through=through, dial=made["uri"])
        await hers.says("Call established")
        await his.start(people.bob, through=through, codec="G722", dial=made["uri"])
        await his.says("Call established")
        await hears(his, library, "enter-pin")
        await his.keys("1111#")
        await hears(his, library, "wrong-pin")
        await his.keys("2468#")
        await hears(his, library, "say-name beep")
        await becomes(lambda: server.roster(made["id"]) == [people.alice.aor, people.bob.aor])
        await hears(hers, library, "has-joined", beside=his.tone)
    finally:
        await his.stop()
        await hers.stop()
    assert hers.level(his.tone) > -40

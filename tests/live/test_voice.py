"""What a desk phone hears, by its sound."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from conferences.policy import Language
from sipgateway.focus import phrases
from sipgateway.media import local, prompts
from sipgateway.media.codec import RATE
from tests.live.baresip import Baresip, Samples
from tests.live.desk import DeskServer, serving
from tests.live.phone import Account


@pytest.fixture(scope="module")
def library() -> prompts.Library:
    """The prompts that set-up makes, and that the server plays."""
    prompts.render(local.SPOKEN)
    return prompts.Library(Path("none"), local.SPOKEN)


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory, library: prompts.Library
) -> Iterator[DeskServer]:
    del library  # it has to be there when the server starts
    with serving(DeskServer(tmp_path_factory.mktemp("voice"))) as server:
        yield server


@pytest.fixture(scope="module")
def alice(desk: DeskServer) -> Account:
    return desk.phone("alice", "--organizer")


def likeness(heard: Samples, wanted: Samples) -> float:
    """How much a stretch of what was heard is like something: 1 the same, 0 nothing of it."""
    if len(heard) <= len(wanted):
        return 0.0
    size = len(heard) + len(wanted)
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    energy = np.concatenate(([0.0], np.cumsum(heard**2)))
    stretches = energy[len(wanted) :] - energy[: -len(wanted)]
    product = np.abs(np.fft.irfft(spectrum, size)[: len(stretches)])
    loudness = np.sqrt(np.maximum(stretches, 1e-3) * float(np.sum(wanted**2)))
    return float((product / loudness).max())


async def hears(
    phone: Baresip, library: prompts.Library, script: str, *, like: float = 0.6
) -> None:
    """Wait until it has heard a script."""
    player = library.player(script)
    assert player is not None
    best = 0.0
    for _ in range(60):
        for rate, heard in phone.heard():
            wanted = prompts.to_rate(player.recording, RATE, rate).astype(np.float64)
            best = max(best, await asyncio.to_thread(likeness, heard, wanted))
        if best > like:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"{script!r} was not heard, {best:.2f} of it:\n{phone.said[-900:]}")


async def test_a_conference_is_made_by_keypad(
    desk: DeskServer, alice: Account, library: prompts.Library, tmp_path: Path
) -> None:
    """Menu, PIN, confirmation; then the phone is in it and hears its number."""
    phone = Baresip(tmp_path / "alice", tone=3000)
    api = desk.api("alice")
    try:
        through = ("udp", desk.ports["udp"])
        await phone.start(alice, through=through, dial=f"sip:conference-app@{desk.domain}")
        await hears(phone, library, "menu")
        await phone.keys("1")
        await hears(phone, library, "choose-pin")
        await phone.keys("2468#")
        await hears(phone, library, "your-pin number-2 number-4 number-6 number-8 pause confirm")
        await phone.keys("1")
        await hears(phone, library, "created")
        status, listed = api.call("GET", "/conferences")
        assert status == 200
        (made,) = listed["conferences"]
        assert (made["kind"], made["pin"]) == ("adhoc", "2468")
        assert desk.roster(made["id"]) == [alice.aor]
        number = phrases.script(Language.ENGLISH, "created", *phrases.digits(made["id"]))
        await hears(phone, library, number)
        await phone.keys("**")
        await hears(phone, library, "help help-moderator")
    finally:
        await phone.stop()

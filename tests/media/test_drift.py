"""Phones whose clocks are not ours, for minutes, by what is heard of them."""

from __future__ import annotations

import numpy as np
import pytest

from sipgateway.media import codec, codecs
from sipgateway.media.codec import FRAME, Samples
from tests.media import network, sounds
from tests.media.network import Network

CODECS = codecs.load()
MINUTES = 3
PPM = 200.0
"""Crystals of cheap phones are off by 100 at most; both ends may be."""


def talk() -> list[Samples]:
    """Minutes of a tone with pauses, as speech has: two seconds and half a second."""
    tone = sounds.frames(sounds.sine(440, 100, 0.1))
    turn = [*tone, *[codec.silence()] * 25]
    return turn * (MINUTES * 60 * 50 // len(turn))


def gaps(sound: Samples) -> tuple[int, int]:
    """Frames within talk in which the tone is broken, and how many talk there is."""
    blocks = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    loud = np.array([codec.level(block) < 30 for block in blocks])
    inside = loud & np.roll(loud, 1) & np.roll(loud, -1)
    pure = np.array([sounds.share(block, 440) > 0.95 for block in blocks])
    return int(np.sum(inside & ~pure)), int(np.sum(inside))


@pytest.mark.parametrize("ppm", [-PPM, PPM])
def test_a_clock_that_drifts_is_not_heard(ppm: float) -> None:
    """Nearly two frames a side in three minutes: left out or filled in where nothing is said."""
    kind = CODECS["pcmu"]
    sent, voice = network.mixed(
        kind, talk(), there=Network(), back=Network(), ppm=ppm, says_level=True
    )
    decoder = kind.decoder()
    broken, whole = gaps(np.concatenate([decoder.decode(payload) for payload in sent]))
    assert whole > 40 * 60 * MINUTES * 0.9
    assert broken <= 3, f"{broken} of {whole}"
    assert voice.buffer.depth <= 3, "nor does the delay grow"
    assert len(voice.buffer.packets) <= voice.buffer.depth + 2


def test_nor_with_jitter_from_a_phone_that_says_no_levels() -> None:
    kind = CODECS["pcmu"]
    sent, voice = network.mixed(
        kind, talk(), there=Network(0.0, 25.0, 1), back=Network(), ppm=PPM, says_level=False
    )
    decoder = kind.decoder()
    broken, whole = gaps(np.concatenate([decoder.decode(payload) for payload in sent]))
    assert broken <= 0.005 * whole, f"{broken} of {whole}"
    assert voice.buffer.depth <= 4

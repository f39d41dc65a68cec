"""What the phones of a bench say: speech-like sound, and a quiet room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sipgateway.media import codec, codecs
from sipgateway.media.codec import FRAME, RATE, Samples

LENGTH = 250
"""Frames of each recording, played round and round: 5 s."""

SYLLABLE = 8
"""Frames of a syllable: 160 ms."""


@dataclass(slots=True)
class Recording:
    """Payloads, the level of each, and how loud each is (`shape`, linear)."""

    payloads: list[bytes]
    levels: list[int]
    shape: NDArray[np.float64]


def speech(seed: int) -> Samples:
    """Something with the pitch, formants and syllables of speech, of its own for each seed."""
    at = np.arange(LENGTH * FRAME) / RATE
    pitch = 110 + 30 * seed + 15 * np.sin(2 * np.pi * 0.7 * at)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(number * phase) / number for number in range(1, 20))
    chance = np.random.default_rng(seed)
    points = chance.uniform(0.15, 1.0, LENGTH // SYLLABLE + 2)
    loud = np.interp(at * RATE / FRAME / SYLLABLE, np.arange(len(points)), points)
    return (0.1 * voice * loud).astype(np.float32)


def noise(chance: np.random.Generator) -> Samples:
    """A quiet room: about -75 dBov."""
    return (1.8e-4 * chance.standard_normal(LENGTH * FRAME)).astype(np.float32)


def record(sound: Samples, kind: codec.Codec | None = None) -> Recording:
    """The sound as a phone would send it: by Opus, or another codec."""
    encoder = (kind or codecs.load()["opus"]).encoder()
    frames = sound.reshape(LENGTH, FRAME)
    return Recording(
        [encoder.encode(np.ascontiguousarray(frame)) for frame in frames],
        [codec.level(frame) for frame in frames],
        np.sqrt(np.mean(frames.astype(np.float64) ** 2, axis=1)),
    )

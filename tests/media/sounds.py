"""Sounds and how much of one is in another."""

from __future__ import annotations

import numpy as np

from sipgateway.media.codec import FRAME, RATE, Samples


def sine(frequency: float, frames: int, gain: float = 0.3) -> Samples:
    """A tone of so many frames."""
    at = np.arange(frames * FRAME) / RATE
    return (gain * np.sin(2 * np.pi * frequency * at)).astype(np.float32)


def frames(sound: Samples) -> list[Samples]:
    """The sound, frame by frame."""
    return [sound[at : at + FRAME] for at in range(0, len(sound) - FRAME + 1, FRAME)]


def share(sound: Samples, frequency: float) -> float:
    """How much of a tone is in a sound: 0 none, about 1 nothing else, phase ignored."""
    at = np.arange(len(sound)) / RATE
    wave = np.exp(-2j * np.pi * frequency * at)
    energy = float(np.dot(sound, sound)) * len(sound) / 2
    if energy == 0.0:
        return 0.0
    return float(np.sqrt(abs(np.dot(sound, wave)) ** 2 / energy))

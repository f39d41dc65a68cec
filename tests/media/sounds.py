"""Sounds and how much of one is in another."""

from __future__ import annotations

import numpy as np

from sipgateway.media.codec import FRAME, RATE, Samples

WINDOW = np.hanning(FRAME)
SHARPNESS = float(WINDOW.sum() ** 2 / (2 * (WINDOW**2).sum()))


def sine(frequency: float, frames: int, gain: float = 0.3) -> Samples:
    """A tone of so many frames."""
    at = np.arange(frames * FRAME) / RATE
    return (gain * np.sin(2 * np.pi * frequency * at)).astype(np.float32)


def frames(sound: Samples) -> list[Samples]:
    """The sound, frame by frame."""
    return [sound[at : at + FRAME] for at in range(0, len(sound) - FRAME + 1, FRAME)]


def share(sound: Samples, frequency: float) -> float:
    """How much of a tone is in a sound: 0 none, 1 nothing else.

    Each frame counts by itself, so that a jump in phase between two does not.
    """
    blocks = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME) * WINDOW
    wave = np.exp(-2j * np.pi * frequency * np.arange(FRAME) / RATE)
    tone = float((abs(blocks @ wave) ** 2).sum()) / SHARPNESS
    energy = float((blocks**2).sum())
    return float(np.sqrt(tone / energy)) if energy else 0.0

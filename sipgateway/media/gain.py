"""Loud and quiet callers come out alike: the gain of one voice. Pure.

It follows the level of what is said, not of what is heard: frames that stand
out of the quietest lately, which a steady noise or tone never does. Who is
about as loud as wanted is passed on untouched, to the sample; so a voice that
comes and goes by the same G.711 is not quantized anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sipgateway.media import codec
from sipgateway.media.codec import FRAME, Samples

TARGET = -25.0
"""dBov of speech; ITU-T P.56 has -26 on the line."""

TOLERANCE = 5.0
"""dB from it that are left alone."""

MOST, LEAST = 18.0, -15.0
"""dB of gain at most and at least: more would only bring up a room's noise."""

UP, DOWN = 0.16, 0.5
"""dB in a frame: 8 dB/s up, 25 dB/s down."""

SPEECH = -60.0
"""dBov below which nobody speaks."""

ABOVE_NOISE = 10.0
"""dB by which speech stands out of what else there is."""

RISE = 0.03
"""dB in a frame by which the noise may seem to grow: 1.5 dB/s."""

MEMORY = 50
"""Frames of speech over which its level is averaged: 1 s."""


@dataclass(slots=True)
class Leveller:
    """The gain of one voice, in dB, and what it follows."""

    gain: float = 0.0
    noise: float = 0.0
    power: float = 0.0
    """Of its speech, averaged."""
    count: int = 0
    level: float = 0.0
    """Of the last frame as it came, in dBov."""

    def apply(self, frame: Samples) -> Samples:
        """The frame as loud as it is to be heard."""
        self.level = level = -float(codec.level(frame))
        self.noise = min(level, self.noise + RISE)
        before = self.gain
        if level > max(SPEECH, self.noise + ABOVE_NOISE):
            self._follow(level)
        if self.gain == before == 0.0:
            return frame
        gains = np.linspace(_factor(before), _factor(self.gain), FRAME, dtype=np.float32)
        return frame * gains

    def _follow(self, level: float) -> None:
        self.count = min(self.count + 1, MEMORY)
        self.power += (10 ** (level / 10) - self.power) / self.count
        off = TARGET - 10 * float(np.log10(self.power))
        # Nothing within the tolerance, all of it from twice that on, and no step between.
        size = min(abs(off), max(0.0, 2 * (abs(off) - TOLERANCE)))
        wanted = min(MOST, max(LEAST, float(np.copysign(size, off))))
        self.gain = min(self.gain + UP, max(self.gain - DOWN, wanted))


def _factor(gain: float) -> float:
    return float(10 ** (gain / 20))

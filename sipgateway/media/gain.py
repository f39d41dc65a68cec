"""Loud and quiet callers come out alike: the gain of one voice. Pure.

It follows the level of what is said, not of what is heard: sound is looked at in
blocks of 0.4 s, and one that hardly changes in level is a noise or a tone, from
which nothing is learnt; nor does the gain move while nobody speaks. Who is about
as loud as wanted is passed on untouched, to the sample; so a voice that comes and
goes by the same G.711 is not quantized anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sipgateway.media import codec
from sipgateway.media.codec import FRAME, Samples

TARGET = -25.0
"""dBov of speech; ITU-T P.56 has -26 on the line."""

TOLERANCE = 2.5
"""dB from it that are left alone."""

NEAR = 1.5
"""dB from the gain that would be right within which it stays what it is."""

MOST, LEAST = 22.0, -15.0
"""dB of gain at most and at least: more would only bring up a room's noise."""

FAST, SLOW = 0.8, 0.16
"""dB in a frame: 40 dB/s for a new voice and whenever it is too loud, 8 dB/s up later."""

BLOCK = 20
"""Frames that are looked at together: 0.4 s."""

BLOCKS = 8
"""Blocks of speech over which its level is averaged: 3 s."""

NOTHING = -80.0
"""dBov below which a frame tells nothing, not even what noise there is."""

FAINT = -54.0
"""dBov of a block below which nobody speaks who means to be heard."""

LIVELY = 7.0
"""dB between the loudest and the quietest frame of a block in which somebody speaks."""

ACTIVE = 16.0
"""dB below the loudest frame of a block down to which a frame is speech (ITU-T P.56: 15.9)."""

ABOVE_NOISE = 8.0
"""dB by which speech stands out of what else there is."""

RISE = 0.03
"""dB in a frame by which the noise may seem to grow: 1.5 dB/s."""

JUMP = 9.0
"""dB from the average at which a block is said by somebody else, or from farther away."""


@dataclass(slots=True)
class Leveller:
    """The gain of one voice, in dB, and what it follows."""

    gain: float = 0.0
    wanted: float = 0.0
    """The gain that is right for how loud he speaks."""
    fresh: bool = False
    """It has not been reached yet since somebody began to speak."""
    noise: float = 0.0
    power: float = 0.0
    """Of his speech, averaged."""
    count: int = 0
    """Blocks in the average."""
    quieter: bool = False
    """The last block was much quieter than those before."""
    level: float = 0.0
    """Of the last frame as it came, in dBov."""
    block: list[float] = field(default_factory=list)

    def apply(self, frame: Samples) -> Samples:
        """The frame as loud as it is to be heard."""
        self.level = level = -float(codec.level(frame))
        if level > NOTHING:
            self._note(level)
        before = self.gain
        if before != self.wanted and level > max(FAINT, self.noise + ABOVE_NOISE):
            self._approach()
        if self.gain == before == 0.0:
            return frame
        gains = np.linspace(_factor(before), _factor(self.gain), FRAME, dtype=np.float32)
        return frame * gains

    def _approach(self) -> None:
        up = FAST if self.fresh else SLOW
        self.gain = min(self.gain + up, max(self.gain - FAST, self.wanted))
        if self.gain == self.wanted:
            self.fresh = False

    def _note(self, level: float) -> None:
        self.noise = min(level, self.noise + RISE)
        self.block.append(level)
        if len(self.block) < BLOCK:
            return
        block, self.block = self.block, []
        loudest = max(block)
        if loudest - min(block) < LIVELY:
            self.noise = max(self.noise, sum(block) / BLOCK)
            return
        floor = max(loudest - ACTIVE, self.noise + ABOVE_NOISE)
        speech = [10 ** (one / 10) for one in block if one >= floor]
        if speech and 10 * np.log10(power := sum(speech) / len(speech)) > FAINT:
            self._learn(power)

    def _learn(self, power: float) -> None:
        """Somebody has spoken so loud for a block."""
        off = 10 * float(np.log10(power / self.power)) if self.count else JUMP
        quieter = off <= -JUMP
        if quieter and not self.quieter:
            self.quieter = True  # a word that was swallowed, or another voice: the next one tells
            return
        self.quieter = False
        if quieter or off >= JUMP:
            self.count, self.fresh = 0, True
        self.count = min(self.count + 1, BLOCKS)
        self.power += (power - self.power) / self.count
        self._want(TARGET - 10 * float(np.log10(self.power)))

    def _want(self, right: float) -> None:
        left_alone = self.wanted == 0.0 and abs(right) <= TOLERANCE
        if not left_alone and abs(right - self.wanted) > NEAR:
            self.wanted = min(MOST, max(LEAST, right))


def _factor(gain: float) -> float:
    return float(10 ** (gain / 20))

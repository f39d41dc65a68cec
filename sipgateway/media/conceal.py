"""What is heard in place of a lost payload of a codec that has no redundancy.

The last pitch period is played again and again, joined to what was heard by
an overlap, as ITU-T G.711 appendix I does, and fades after the first 10 ms. So a
lost vowel goes on and a lost hiss does not buzz.
"""

from __future__ import annotations

import numpy as np

from sipgateway.media.codec import Samples
from sipgateway.media.resample import windows

REMEMBERED = 0.05
"""Seconds of the past that are looked into."""

SHORTEST, LONGEST = 0.005, 0.015
"""Seconds of a pitch period: 200 to 66 Hz (G.711 I.2.3)."""

STEADY = 0.01
"""Seconds before it fades, which it does to nothing in five times as long (I.2.7)."""


class Concealment:
    """The past of one received stream, at `rate` Hz."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._past = np.zeros(int(REMEMBERED * rate), np.float32)
        self._period: Samples | None = None
        self._at = 0

    def hear(self, samples: Samples) -> Samples:
        """What was decoded; after a gap its beginning is blended with what was made up."""
        if self._period is not None and len(samples):
            blend = min(len(samples), int(SHORTEST * self._rate))
            ramp = np.linspace(0.0, 1.0, blend, dtype=np.float32)
            samples = samples.copy()
            samples[:blend] = ramp * samples[:blend] + (1 - ramp) * self._made_up(blend)
            self._period = None
        self._past = np.concatenate((self._past, samples))[-len(self._past) :]
        return samples

    def make_up(self, count: int) -> Samples:
        """So many samples for which nothing came."""
        if self._period is None:
            self._period, self._at = self._last_period(), 0
        made = self._made_up(count)
        self._past = np.concatenate((self._past, made))[-len(self._past) :]
        return made

    def _made_up(self, count: int) -> Samples:
        assert self._period is not None, "a gap has begun"
        places = np.arange(self._at, self._at + count)
        faded = 1 - (places / self._rate - STEADY) / (5 * STEADY)
        self._at += count
        made: Samples = self._period[places % len(self._period)] * np.clip(faded, 0, 1).astype(
            np.float32
        )
        return made

    def _last_period(self) -> Samples:
        """The last pitch period, its end blended into what comes before its beginning."""
        past, longest = self._past, int(LONGEST * self._rate)
        lags = np.arange(int(SHORTEST * self._rate), longest + 1)
        window = past[-longest:]
        views = windows(past, longest)[-1 - lags]
        energy = np.sqrt(np.einsum("ij,ij->i", views, views)) + np.float32(1e-9)
        lag = int(lags[int(np.argmax((views @ window) / energy))])
        period = past[-lag:].copy()
        blend = lag // 4
        ramp = np.linspace(0.0, 1.0, blend, dtype=np.float32)
        before = past[-lag - blend : -lag]
        period[-blend:] = (1 - ramp) * period[-blend:] + ramp * before
        return period

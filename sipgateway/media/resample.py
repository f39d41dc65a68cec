"""Between 48 kHz and the 8 or 16 kHz of telephone codecs: a polyphase FIR.

One filter at 48 kHz serves both ways: a square-root raised cosine, so that
going up and down again gives the samples back that one had (to 55 dB). What a
G.711 phone says is therefore heard by another one as it was encoded once, and
not as it sounds when it has been quantized twice. Each direction keeps the
tail of what it has seen, so frames join without a seam; the delay is half the
filter, 2.5 ms.
"""

from __future__ import annotations

import numpy as np

from sipgateway.media.codec import Samples

TAPS_PER_PHASE = 40
ROLL_OFF = 0.11
"""Share of the band in which it falls off, around half the low rate. No tap of either
factor lies where the formula has no value (at 0 and 1 / 4 of this)."""


def root_nyquist(factor: int) -> Samples:
    """A filter of `factor * TAPS_PER_PHASE` taps whose square is Nyquist's at the low rate."""
    count = factor * TAPS_PER_PHASE
    at = (np.arange(count) - (count - 1) / 2) / factor
    steep = 4 * ROLL_OFF * at
    taps = np.sin(np.pi * at * (1 - ROLL_OFF)) + steep * np.cos(np.pi * at * (1 + ROLL_OFF))
    taps /= np.pi * at * (1 - steep**2)
    return np.asarray(taps / taps.sum(), np.float32)


def windows(samples: Samples, size: int, *, step: int = 1) -> Samples:
    """All runs of `size` samples, `step` apart, as the rows of a view; nothing is copied.

    numpy's own `sliding_window_view` costs more than what is done with it here, and makes
    names at every call that the interpreter keeps in a table, which grows and shrinks by
    megabytes.
    """
    (stride,) = samples.strides
    count = (len(samples) - size) // step + 1
    return np.ndarray((count, size), np.float32, samples, 0, (step * stride, stride))


class Down:
    """48 kHz to 48/`factor` kHz."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._taps = root_nyquist(factor)
        self._tail = np.zeros(len(self._taps) - 1, np.float32)

    def convert(self, samples: Samples) -> Samples:
        """The samples at the low rate; their number must be a multiple of `factor`."""
        seen = np.concatenate((self._tail, samples))
        self._tail = seen[len(samples) :]
        # The last of each `factor`: with `Up` the delay is then a whole number of samples.
        late = seen[self._factor - 1 :]
        # A copy: BLAS takes no rows that overlap, and numpy's own loop takes four times as long.
        out: Samples = windows(late, len(self._taps), step=self._factor).copy() @ self._taps
        return out


class Up:
    """48/`factor` kHz to 48 kHz."""

    def __init__(self, factor: int) -> None:
        taps = root_nyquist(factor) * factor
        # Phase p of the output sees every factor-th tap, newest sample last.
        self._phases = taps.reshape(TAPS_PER_PHASE, factor)[::-1].copy()
        self._tail = np.zeros(TAPS_PER_PHASE - 1, np.float32)

    def convert(self, samples: Samples) -> Samples:
        """The samples at 48 kHz."""
        seen = np.concatenate((self._tail, samples))
        self._tail = seen[len(samples) :]
        out: Samples = (windows(seen, TAPS_PER_PHASE).copy() @ self._phases).reshape(-1)
        return out

"""Between 48 kHz and the 8 or 16 kHz of telephone codecs: a polyphase FIR.

One windowed-sinc low-pass at 48 kHz serves both ways. Each direction keeps
the tail of what it has seen, so frames join without a seam; the delay is half
the filter, under 1.5 ms.
"""

from __future__ import annotations

import numpy as np

from sipgateway.media.codec import Samples

TAPS_PER_PHASE = 20


def low_pass(factor: int) -> Samples:
    """A filter of `factor * TAPS_PER_PHASE` taps that passes 0 to 45 % of the low rate."""
    count = factor * TAPS_PER_PHASE
    at = np.arange(count) - (count - 1) / 2
    taps = np.sinc(0.9 * at / factor) * np.kaiser(count, 7.0)
    return np.asarray(taps / taps.sum(), np.float32)


class Down:
    """48 kHz to 48/`factor` kHz."""

    def __init__(self, factor: int) -> None:
        self._factor = factor
        self._taps = low_pass(factor)
        self._tail = np.zeros(len(self._taps) - 1, np.float32)

    def convert(self, samples: Samples) -> Samples:
        """The samples at the low rate; their number must be a multiple of `factor`."""
        seen = np.concatenate((self._tail, samples))
        self._tail = seen[len(samples) :]
        windows = np.lib.stride_tricks.sliding_window_view(seen, len(self._taps))
        out: Samples = windows[:: self._factor] @ self._taps
        return out


class Up:
    """48/`factor` kHz to 48 kHz."""

    def __init__(self, factor: int) -> None:
        taps = low_pass(factor) * factor
        # Phase p of the output sees every factor-th tap, newest sample last.
        self._phases = taps.reshape(TAPS_PER_PHASE, factor)[::-1].copy()
        self._tail = np.zeros(TAPS_PER_PHASE - 1, np.float32)

    def convert(self, samples: Samples) -> Samples:
        """The samples at 48 kHz."""
        seen = np.concatenate((self._tail, samples))
        self._tail = seen[len(samples) :]
        windows = np.lib.stride_tricks.sliding_window_view(seen, TAPS_PER_PHASE)
        out: Samples = (windows @ self._phases).reshape(-1)
        return out

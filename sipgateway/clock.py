"""The time of one process."""

from __future__ import annotations

import time

DRIFT = 2.0
"""Seconds by which the wall clock may differ from ours before we follow it."""


class Clock:
    """POSIX seconds that never run backwards for a timer: the loop's clock, set once.

    Booking windows need the wall clock, retransmissions a steady one. This is
    steady, and follows the wall only when that has been put right by more
    than `DRIFT`.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """The time."""
        return time.monotonic() + self._offset

    def follow(self) -> None:
        """Look at the wall."""
        offset = time.time() - time.monotonic()
        if abs(offset - self._offset) > DRIFT:
            self._offset = offset

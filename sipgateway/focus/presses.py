"""What a phone keys, told once: some tell each press by RFC 4733 and by INFO."""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass, field

TOGETHER = 1.0
"""Seconds within which the same digit by the other way is the same press."""

MOST = 64
"""Presses that may wait for the other way; nobody keys that many in a second."""


class Way(enum.Enum):
    """How a press is told."""

    MEDIA = "media"  # RFC 4733
    INFO = "INFO"  # RFC 6086


@dataclass(slots=True)
class Presses:
    """Those of one phone, of the last second."""

    _told: deque[tuple[str, Way, float]] = field(default_factory=lambda: deque(maxlen=MOST))

    def is_new(self, digit: str, way: Way, now: float) -> bool:
        """Whether a press is told for the first time.

        >>> presses = Presses()
        >>> [presses.is_new("4", way, 0.0) for way in (Way.MEDIA, Way.INFO, Way.MEDIA)]
        [True, False, True]
        """
        for one in self._told:
            known, other, at = one
            if known == digit and other is not way and now - at <= TOGETHER:
                self._told.remove(one)
                return False
        self._told.append((digit, way, now))
        return True

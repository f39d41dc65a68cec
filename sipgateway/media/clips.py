"""What somebody says when he is asked for his name. Pure; kept in memory, and no longer than him.

A leg that is alone is listened to, frame by frame: from the first word to a
pause behind the last, or as long as one may speak.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sipgateway.media.codec import PERIOD, RATE, Samples
from sipgateway.media.control import Report
from sipgateway.media.engine import LegId

BREATH = 0.8
"""Seconds of silence behind what was said after which it is taken for all."""


@dataclass(slots=True)
class Clip:
    """What is being said; `left` is for how many seconds it may go on."""

    left: float
    frames: list[Samples] = field(default_factory=list)
    silence: float = 0.0

    @property
    def over(self) -> bool:
        """Whether nothing more is waited for."""
        return self.left <= 0 or (bool(self.frames) and self.silence >= BREATH)

    def take(self, frame: Samples | None) -> None:
        """Take what came in a frame, None for nothing."""
        self.left -= PERIOD
        if frame is not None:
            self.frames.append(frame)
            self.silence = 0.0
        elif self.frames:
            self.silence += PERIOD


class Clips:
    """Those of all legs; what has been said waits in `reports` to be told."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self._taking: dict[LegId, Clip] = {}
        self._said: dict[LegId, Samples] = {}

    def begin(self, leg: LegId, seconds: float) -> None:
        """Listen for so long at most; none ends what is going on."""
        if seconds > 0:
            self._taking[leg] = Clip(seconds)
        elif leg in self._taking:
            self._end(leg)

    def take(self, leg: LegId, frame: Samples | None) -> None:
        """What came from a leg in a frame."""
        clip = self._taking.get(leg)
        if clip is None:
            return
        clip.take(frame)
        if clip.over:
            self._end(leg)

    def listens(self, leg: LegId) -> bool:
        """Whether the leg is being listened to."""
        return leg in self._taking

    def get(self, leg: str) -> Samples | None:
        """What a leg has said, if it has."""
        return self._said.get(LegId(leg))

    def forget(self, leg: LegId) -> None:
        """Delete it."""
        self._taking.pop(leg, None)
        self._said.pop(leg, None)

    def _end(self, leg: LegId) -> None:
        frames = self._taking.pop(leg).frames
        seconds = 0.0
        if frames:
            self._said[leg] = np.concatenate(frames)
            seconds = len(self._said[leg]) / RATE
        self.reports.append({"event": "heard", "leg": leg, "seconds": round(seconds, 2)})

"""How busy a worker is, and what it does about it.

What counts is its own share of a processor, not the time that passes: what
others on the machine do to it no effort of its own can mend.

A mixer that is late is heard by everybody, one that encodes a little worse by
nobody. So, before a frame is dropped, Opus is encoded with less effort; and a
worker that has none left to save takes no new room.
"""

from __future__ import annotations

EFFORTS = (5, 3, 1, 0)
"""Complexities of Opus, the usual one first: the last takes a third of the first one's time."""

HIGH, LOW = 0.7, 0.35
"""Shares of the time over which effort is saved, and under which it is spent again."""

FULL = 0.85
"""Share of the time over which no new room is taken."""

CALM = 5
"""Seconds of little to do before more effort is spent; less is as soon as it is needed."""


class Load:
    """The work of one thread; `look` wants to be asked once a second."""

    def __init__(self, now: float) -> None:
        self.busy = 0.0
        """Share of the last second that was spent working, 0 to 1."""
        self._step = 0
        self._spent = self._spent_before = 0.0
        self._since = now
        self._calm = 0

    @property
    def complexity(self) -> int:
        """What Opus may cost now, 0 to 10."""
        return EFFORTS[self._step]

    def spent(self, seconds: float) -> None:
        """How much of a processor the thread has had in all."""
        self._spent = seconds

    def look(self, now: float) -> bool:
        """Measure what has passed; whether the effort has changed."""
        spent, passed = self._spent - self._spent_before, max(now - self._since, 1e-3)
        self.busy = min(1.0, spent / passed)
        self._spent_before, self._since = self._spent, now
        before = self._step
        self._calm = self._calm + 1 if self.busy < LOW else 0
        if self.busy > HIGH:
            self._step = min(self._step + 1, len(EFFORTS) - 1)
        elif self._calm >= CALM:
            self._step, self._calm = max(self._step - 1, 0), 0
        return self._step != before

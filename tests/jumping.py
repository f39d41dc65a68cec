"""A loop whose clock stands still while there is work, and jumps to the next timer when there
is none: what takes minutes is over at once, and in the same order on any machine.

For what neither waits for a socket nor for a thread: nothing else wakes such a loop.
"""

from __future__ import annotations

import asyncio
import selectors

BEGIN = 1000.0
"""What such a clock shows at first, in seconds."""


class _Clock(selectors.DefaultSelector):
    """Where a loop would wait, time passes."""

    now = BEGIN

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready; `timeout` has passed if nothing is."""
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("nothing will ever happen any more")
        if not ready and timeout:
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds of a clock of its own."""
        return self._clock.now

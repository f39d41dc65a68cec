"""Who speaks, as the roster and the database say it: in step with the mixer, only slower.

The mixer tells of every change, several times a second. Watchers hear of the first
at once, then not before `PACE` has passed, and where they are many not more often
than makes `NOTIFIES` a second for the whole conference (RFC 4575 4.5 recommends one
every 5 s to each). What is written down for scripts follows every `WRITTEN` seconds.
The last state is never lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sipgateway.focus.desk import Desk
from sipgateway.media.engine import LegId

PACE = 1.0
"""Seconds between two states that watchers are told."""

NOTIFIES = 20
"""NOTIFYs a second that a conference sends at most to say who speaks."""

WRITTEN = 5.0
"""Seconds between two states that are written down."""

Levels = Mapping[LegId, int | None]
"""Those who speak, with their level in dBov where the mixer knows it."""


class Paced:
    """Does something with the latest of what comes, at once and then not too often."""

    def __init__(
        self, desk: Desk, do: Callable[[Levels, float], None], pace: Callable[[], float]
    ) -> None:
        self._desk = desk
        self._do = do
        self._pace = pace
        self._latest: Levels = {}
        self._not_before = 0.0
        self._woken = False

    def take(self, levels: Levels, now: float) -> None:
        """Who speaks has changed."""
        self._latest = levels
        if self._woken:
            return
        if now >= self._not_before:
            self._tell(now)
        else:
            self._woken = True
            self._desk.later(self._not_before, self._wake)

    def _wake(self, now: float) -> None:
        self._woken = False
        self._tell(now)

    def _tell(self, now: float) -> None:
        self._not_before = now + self._pace()
        self._do(self._latest, now)


class Speakers:
    """See the module. `watching` says how many watch."""

    def __init__(
        self,
        desk: Desk,
        watching: Callable[[], int],
        *,
        show: Callable[[Levels, float], None],
        write: Callable[[Levels, float], None],
    ) -> None:
        self._shown = Paced(desk, show, lambda: max(PACE, watching() / NOTIFIES))
        self._written = Paced(desk, write, lambda: WRITTEN)

    def changed(self, levels: Levels, now: float) -> None:
        """Others speak than before."""
        self._shown.take(levels, now)
        self._written.take(levels, now)

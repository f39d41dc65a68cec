"""The clock of a conference: the end of its window rings, and is told before."""

from __future__ import annotations

from typing import Protocol

from conferences.policy import Snapshot
from sipgateway.focus.desk import Desk


class Host(Protocol):
    """The conference whose hours these are."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    def closing(self, now: float) -> None:
        """The window is over, or already that of the next occurrence."""

    def closes_in(self, minutes: int) -> None:
        """The end is near."""


class Hours:
    """Nothing rings for what nobody is in: `wind` is called when somebody is."""

    def __init__(self, desk: Desk, host: Host) -> None:
        self._desk = desk
        self._host = host
        #: When the clock is set to ring.
        self._closes_at: float | None = None

    def wind(self) -> None:
        """Have the end of the window ring, once for each end."""
        snapshot = self._host.snapshot
        closes_at = snapshot.closes_at
        if closes_at is not None and closes_at != self._closes_at:
            self._desk.later(closes_at, self._host.closing)
            early = 60.0 * snapshot.warn_minutes
            if early:
                self._desk.later(closes_at - early, lambda now: self._warn(closes_at, now))
        self._closes_at = closes_at

    def follow(self) -> None:
        """The end may have been put off."""
        if self._closes_at is not None:
            self.wind()

    def _warn(self, closes_at: float, now: float) -> None:
        """Tell of the end, if nobody has put it off; what is past already is not told."""
        left = round((closes_at - now) / 60)
        if self._closes_at == closes_at and left >= 1:
            self._host.closes_in(left)

"""Back to a call between two: what becomes of a conference in which two are left.

RFC 4245 3.3, REQ-2, and the other end of draft 4.9. Only where policy says so, and
only when nothing would be lost: nobody else is coming or going, nobody is told how
a REFER goes, and both hear and are heard, for a call knows neither mute nor hold.
"""

from __future__ import annotations

from typing import Protocol

from conferences import policy
from conferences.policy import Snapshot
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk
from sipgateway.focus.leg import Leg, State
from sipgateway.focus.roster import Roster, Status

Parties = tuple[Leg, Leg]


class Host(Protocol):
    """The conference."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    @property
    def roster(self) -> Roster:
        """Who is in."""

    @property
    def busy(self) -> bool:
        """Whether anything is going on in it besides its calls."""

    def part(self, parties: Parties, now: float) -> None:
        """End it, and let the two go on in a call."""


class TwoLeft:
    """See the module."""

    def __init__(self, desk: Desk, host: Host, calls: Calls) -> None:
        self._desk = desk
        self._host = host
        self._calls = calls
        self._were_more = False

    def look(self, now: float) -> None:
        """Somebody came or went, or something changed; it is seen to once this moment is over."""
        count = self._host.roster.count
        self._were_more = self._were_more or count > 2
        if self._were_more and count == 2 and self._wanted:
            self._desk.later(now, self._consider)

    @property
    def _wanted(self) -> bool:
        snapshot = self._host.snapshot
        orders = snapshot.calls or snapshot.recording or snapshot.end_by
        return snapshot.two_left is policy.TwoLeft.CALL and not orders

    def _consider(self, now: float) -> None:
        legs = list(self._calls)
        if len(legs) != 2 or not self._wanted or self._host.busy:
            return
        first, second = sorted(legs, key=lambda leg: leg.joining)
        if first.identity.uri != second.identity.uri and self._sound(first) and self._sound(second):
            self._host.part((first, second), now)

    def _sound(self, leg: Leg) -> bool:
        """Whether a leg is in, and nothing is the matter with it."""
        user = self._host.roster.user_of(leg.id)
        entry = user.endpoint(leg.id) if user else None
        if entry is None or entry.muted or entry.status is not Status.CONNECTED:
            return False
        going_on = leg.flow_gone or leg.media_lost or leg.reinvite is not None
        return leg.state is State.CONNECTED and leg.joined and not going_on

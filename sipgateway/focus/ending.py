"""How a conference ends: for everybody, or for two who go on in a call.

RFC 4579 5.12: BYE to all and every subscription ends; or, where two are left and
policy says so (RFC 4245 3.3), the subscriptions alone, for nobody hangs up.
"""

from __future__ import annotations

from typing import Protocol

from sipgateway.focus.announcer import Announcer
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.calls import Calls
from sipgateway.focus.dialing import Dialings
from sipgateway.focus.dialog_watchers import DialogWatchers
from sipgateway.focus.facts import Ended, Fact
from sipgateway.focus.leg import Farewell, State
from sipgateway.focus.roster import Departure
from sipgateway.focus.two_left import Parties
from sipgateway.focus.watchers import Watchers
from sipgateway.sip.uri import SipUri

PARTED = "parted"
"""Why those left who go on in a call between two, for the record."""


class Line(Protocol):
    """Whoever keeps calls between two people."""

    def take_in(self, parties: Parties, calls: Calls, now: float) -> None:
        """The two go on in a call."""


class Host(Protocol):
    """The conference that ends."""

    @property
    def uri(self) -> SipUri:
        """The conference URI."""

    def name_of(self, entity: str, name: str = "") -> str:
        """What somebody is called in words for everybody."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""

    def maybe_idle(self, now: float) -> None:
        """Let go of what nobody needs any more."""


class Ending:
    """See the module; `ended` says that it was, until somebody opens it again."""

    def __init__(
        self,
        host: Host,
        calls: Calls,
        *,
        attendance: Attendance,
        announcer: Announcer,
        dialings: Dialings,
        watchers: Watchers,
        dialogs: DialogWatchers,
        line: Line,
    ) -> None:
        self._host = host
        self._calls = calls
        self._attendance = attendance
        self._announcer = announcer
        self._dialings = dialings
        self._watchers = watchers
        self._dialogs = dialogs
        self._line = line
        self.ended = False

    def end(self, by: str, now: float, *, over: bool, text: str = "") -> None:
        """Hang up on everybody and end every subscription.

        `over` says that the conference is over for good, not just this process.
        """
        if self.ended:
            return
        self.ended = True
        ended = f"The conference was ended by {self._host.name_of(by)}"
        words = text or (ended if by else "The conference is over")
        for leg in self._calls:
            bye = Farewell(
                Departure.BOOTED,
                by=by,
                reason="ended",
                status=410 if leg.state is State.NEGOTIATING else 200,
                text=words,
                words=self._announcer.script("ended", "goodbye") if over else "",
            )
            self._calls.hang_up(leg, bye, now)
        self._dialings.end(now)
        self._end_subscriptions(now)
        if over:
            self._host.record(Ended(by), now)
        self._host.maybe_idle(now)

    def part(self, parties: Parties, now: float) -> None:
        """Over for good, and nobody hangs up: the two go on in a call."""
        self.ended = True
        for leg in parties:
            user = self._attendance.roster.user_of(leg.id)
            leg.farewell = Farewell(Departure.DEPARTED, reason=PARTED)
            leg.private = user is not None and user.private
            self._attendance.leave(leg, now)
            leg.farewell = Farewell(Departure.DEPARTED)
        self._end_subscriptions(now)
        self._host.record(Ended("", parted=True), now)
        self._line.take_in(parties, self._calls, now)
        self._host.maybe_idle(now)

    def _end_subscriptions(self, now: float) -> None:
        self._watchers.end(now)
        self._dialogs.end_of(str(self._host.uri), now)

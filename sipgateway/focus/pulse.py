"""Whether a silent desk phone is still there.

One that is muted or on hold may send nothing for an hour, and over UDP
nothing closes when it is switched off. So it is asked, by OPTIONS in the
dialog (RFC 3261 11): any answer means that it lives, none that it is gone.
"""

from __future__ import annotations

from collections.abc import Callable

from sipgateway.focus.desk import Desk
from sipgateway.focus.leg import Leg, State
from sipgateway.sip.events import ResponseReceived

ANSWER_WITHIN = 10.0
"""Seconds: five times what is lost is sent again (timer E). With the ten of silence before
and three for the BYE, who is gone is off the roster within 30 s."""
AGAIN = 10.0
"""Seconds between an answer and the next question."""
#: No such dialog there: the phone was restarted (12.2.1.2). Time-outs are told as 408.
_GONE = frozenset({408, 481})


class Pulse:
    """Asks silent legs; `died` is called for one that does not answer."""

    def __init__(self, desk: Desk, died: Callable[[Leg, float], None]) -> None:
        self._desk = desk
        self._died = died

    def silent(self, leg: Leg, now: float) -> None:
        """The mixer has heard nothing from a leg for a while; told again and again."""
        if leg.state is not State.CONNECTED or leg.dialog is None:
            return
        if leg.asked_at is not None:
            if now - leg.asked_at >= ANSWER_WITHIN:
                self._died(leg, now)
            return
        if now < leg.alive_until:
            return
        leg.asked_at = now
        sent = self._desk.endpoint.request_in_dialog(leg.dialog, "OPTIONS", now)
        self._desk.replies[sent] = lambda reply, then: self._answered(leg, reply, then)

    def heard(self, leg: Leg, now: float) -> None:
        """A request of its own in the dialog says as much as an answer."""
        leg.asked_at, leg.alive_until = None, now + AGAIN

    def _answered(self, leg: Leg, reply: ResponseReceived, now: float) -> None:
        if reply.response.status in _GONE and leg.asked_at is not None:
            self._died(leg, now)
        leg.asked_at, leg.alive_until = None, now + AGAIN

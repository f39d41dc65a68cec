"""Session timers (RFC 4028): the phone refreshes, we only watch that it does."""

from __future__ import annotations

from collections.abc import Callable

from sipgateway.focus.desk import Desk
from sipgateway.focus.leg import Leg, State
from sipgateway.sip import headers
from sipgateway.sip.endpoint import Fields
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.headers import Tokened
from sipgateway.sip.message import Request

SHORTEST = 90
"""Seconds; RFC 4028 4 allows no less."""


class SessionTimer:
    """Grants what phones ask for; `died` is called for a leg that did not refresh in time."""

    def __init__(self, desk: Desk, died: Callable[[Leg, float], None]) -> None:
        self._desk = desk
        self._died = died

    @staticmethod
    def objection(request: Request) -> Fields | None:
        """The fields of a 422 where the interval is too small, else None."""
        asked = _interval(request)
        if asked is None or asked >= SHORTEST or not _supported(request):
            return None
        return (("Min-SE", str(SHORTEST)),)

    def grant(self, leg: Leg, request: Request, now: float) -> Fields:
        """The fields of the 2xx to an INVITE or UPDATE; the leg lives until the next refresh."""
        asked = _interval(request)
        if asked is None or not _supported(request):
            return ()
        interval = max(asked, SHORTEST)
        leg.session_ends = now + interval
        self._desk.later(leg.session_ends, lambda then: self._check(leg, then))
        value = Tokened(str(interval), (("refresher", "uac"),))
        return (("Session-Expires", headers.SESSION_EXPIRES.build(value)), ("Require", "timer"))

    def _check(self, leg: Leg, now: float) -> None:
        alive = leg.state in {State.ANSWERED, State.CONNECTED}
        if alive and leg.session_ends is not None and leg.session_ends <= now:
            self._died(leg, now)


def _interval(request: Request) -> int | None:
    value = request.one(headers.SESSION_EXPIRES)
    if value is None:
        return None
    try:
        return headers.parse_number(value.value)
    except BadMessage:
        return None


def _supported(request: Request) -> bool:
    return request.has_token(headers.SUPPORTED, "timer")

"""Session timers (RFC 4028): one side refreshes the call, the other watches that it does.

Phones that ask for it refresh; we do where the other side wants us to, as
trunks like to. A refresh is an UPDATE, or a re-INVITE for who takes none.
"""

from __future__ import annotations

from collections.abc import Callable

from sipgateway.focus import answers, inviting
from sipgateway.focus.desk import Desk
from sipgateway.focus.leg import TALKING, Leg, State
from sipgateway.sip import headers
from sipgateway.sip.endpoint import Fields
from sipgateway.sip.events import ResponseReceived
from sipgateway.sip.headers import Tokened
from sipgateway.sip.message import Request, Response

SHORTEST = 90
"""Seconds; RFC 4028 4 allows no less."""
AGAIN = 5.0
"""Seconds until a refresh that met another request of the peer's is tried again."""
_GONE = frozenset({408, 481})
_NO_UPDATE = frozenset({405, 501})
_GLARE = frozenset({491, 500})


class SessionTimer:
    """The timers of one room's legs; `died` is called for one that nobody has refreshed.

    `reinvite` sends a re-INVITE with the given fields, and has its 2xx brought
    to `agreed`.
    """

    def __init__(
        self,
        desk: Desk,
        died: Callable[[Leg, float], None],
        reinvite: Callable[[Leg, Fields], None],
    ) -> None:
        self._desk = desk
        self._died = died
        self._reinvite = reinvite

    @staticmethod
    def objection(request: Request) -> Fields | None:
        """The fields of a 422 where the interval is too small, else None."""
        asked = _interval(request)
        if asked is None or asked >= SHORTEST or not _supported(request):
            return None
        return (("Min-SE", str(SHORTEST)),)

    def grant(self, leg: Leg, request: Request, now: float) -> Fields:
        """The fields of the 2xx to an INVITE or UPDATE (RFC 4028 9).

        A phone that knows timers and does not ask for the one that runs any more
        is refreshed by us: its death is noticed all the same. Where the 2xx has no
        Session-Expires, nothing expires.
        """
        running = leg.session_interval if leg.session_ends is not None else None
        asked = _interval(request)
        interval = running if asked is None else asked
        if interval is None or not _supported(request):
            leg.session_ends = leg.refresh_at = None
            return ()
        ours = asked is None or _refresher(request) == "uas"
        leg.takes_update = request.method == "UPDATE" or _takes_update(request)
        shortest = request.one(headers.MIN_SE) or 0 if asked is None else 0
        self._start(leg, max(interval, SHORTEST, shortest), now, ours=ours)
        if ours:
            return (_expires(leg.session_interval, "uas"),)
        return (_expires(leg.session_interval, "uac"), ("Require", "timer"))

    def agreed(self, leg: Leg, response: Response, now: float) -> None:
        """A 2xx to an INVITE or UPDATE of ours (RFC 4028 7.2): it says who refreshes, and when."""
        leg.takes_update = _takes_update(response)
        interval = _interval(response)
        if interval is None:
            leg.session_ends = leg.refresh_at = None
        else:
            self._start(leg, interval, now, ours=_refresher(response) != "uas")

    def take_over(self, leg: Leg) -> None:
        """A leg has come from another room with its timers running."""
        self._arm(leg)

    def _start(self, leg: Leg, interval: int, now: float, *, ours: bool) -> None:
        leg.session_interval = interval
        leg.session_ends = now + interval
        # 10: halfway; and whoever refreshes gives up before the other side does.
        leg.refresh_at = now + interval / 2 if ours else None
        self._arm(leg)

    def _arm(self, leg: Leg) -> None:
        if leg.session_ends is not None:
            self._desk.later(leg.session_ends, lambda then: self._check(leg, then))
        if leg.refresh_at is not None:
            when = leg.refresh_at
            self._desk.later(when, lambda then: self._refresh(leg, when, then))

    def _check(self, leg: Leg, now: float) -> None:
        if leg.state in TALKING and leg.session_ends is not None and leg.session_ends <= now:
            self._died(leg, now)

    # -- when it is for us to refresh -------------------------------------------

    def _refresh(self, leg: Leg, when: float, now: float) -> None:
        if leg.state is not State.CONNECTED or leg.dialog is None or leg.refresh_at != when:
            return
        fields = (*answers.CAPABILITIES, _expires(leg.session_interval, "uac"))
        if not leg.takes_update:
            self._reinvite(leg, fields)
            return
        sent = self._desk.endpoint.request_in_dialog(leg.dialog, "UPDATE", now, fields=fields)
        self._desk.replies[sent] = lambda reply, then: self._refreshed(leg, reply, then)

    def _refreshed(self, leg: Leg, reply: ResponseReceived, now: float) -> None:
        status = reply.response.status
        if status < 200 or leg.state is not State.CONNECTED:
            return
        if (again := inviting.proved(self._desk, leg, reply, now)) is not None:
            self._desk.replies[again] = lambda other, then: self._refreshed(leg, other, then)
        elif status < 300:
            self.agreed(leg, reply.response, now)
        elif status in _GONE:
            self._died(leg, now)
        else:
            self._once_more(leg, reply.response, now)

    def _once_more(self, leg: Leg, response: Response, now: float) -> None:
        if response.status == 422:
            leg.session_interval = max(leg.session_interval, response.one(headers.MIN_SE) or 0)
        elif response.status in _NO_UPDATE:
            leg.takes_update = False
        elif response.status not in _GLARE:
            return  # the session ends with its interval
        leg.refresh_at = now + AGAIN if response.status in _GLARE else now
        self._arm(leg)


def _expires(interval: int, refresher: str) -> tuple[str, str]:
    value = Tokened(str(interval), (("refresher", refresher),))
    return "Session-Expires", headers.SESSION_EXPIRES.build(value)


def _interval(message: Request | Response) -> int | None:
    value = message.one(headers.SESSION_EXPIRES)
    return int(value.value) if value is not None else None


def _refresher(message: Request | Response) -> str:
    value = message.one(headers.SESSION_EXPIRES)
    return ((value.param("refresher") if value else None) or "").lower()


def _supported(request: Request) -> bool:
    return request.has_token(headers.SUPPORTED, "timer")


def _takes_update(message: Request | Response) -> bool:
    return message.has_token(headers.ALLOW, "update")

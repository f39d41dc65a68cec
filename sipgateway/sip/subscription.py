"""The notifier's side of a subscription (RFC 6665).

A subscription sends one NOTIFY at a time: the next waits for the answer to
the last, so that versions arrive in order over any transport and a slow
watcher gets fewer, never stale, documents. Whoever owns it hands in the body
when asked (`Subscription.idle` tells whether it may be asked now).
"""

from __future__ import annotations

from dataclasses import dataclass

from sipgateway.sip import headers
from sipgateway.sip.endpoint import Body, Endpoint
from sipgateway.sip.events import DialogId, ResponseReceived, TransactionId
from sipgateway.sip.headers import Tokened
from sipgateway.sip.message import Request

SHORTEST = 10
"""Seconds: below this a watcher would do little else than refresh (423)."""


@dataclass(slots=True)
class Subscription:
    """One subscription: a usage of a dialog."""

    dialog: DialogId
    #: The Event to send back, with its id.
    event: Tokened
    expires_at: float
    in_flight: TransactionId | None = None
    over: bool = False

    @property
    def idle(self) -> bool:
        """Whether a NOTIFY may be sent now."""
        return self.in_flight is None and not self.over

    def overtake(self) -> None:
        """Wait no longer for the last answer: the watcher has said anew where he is."""
        self.in_flight = None

    def answered(self, reply: ResponseReceived) -> bool:
        """Whether that is the answer waited for, and no longer is; what was overtaken is not."""
        awaited = reply.transaction == self.in_flight
        if awaited:
            self.in_flight = None
        return awaited

    def notify(self, endpoint: Endpoint, now: float, body: Body | None) -> TransactionId:
        """Send the state; the subscription stays active."""
        left = max(0, round(self.expires_at - now))
        return self._send(endpoint, now, f"active;expires={left}", body)

    def hold(self, endpoint: Endpoint, now: float, body: Body | None) -> TransactionId:
        """Send what may be told to somebody of whom it is not decided yet (RFC 6665 4.1.3)."""
        left = max(0, round(self.expires_at - now))
        return self._send(endpoint, now, f"pending;expires={left}", body)

    def terminate(
        self, endpoint: Endpoint, now: float, *, reason: str, body: Body | None
    ) -> TransactionId:
        """Send the last state (RFC 6665 4.2.2); `reason` is of section 4.1.3."""
        self.over = True
        return self._send(endpoint, now, f"terminated;reason={reason}", body)

    def _send(self, endpoint: Endpoint, now: float, state: str, body: Body | None) -> TransactionId:
        fields = (("Event", headers.EVENT.build(self.event)), ("Subscription-State", state))
        self.in_flight = endpoint.request_in_dialog(
            self.dialog, "NOTIFY", now, fields=fields, body=body
        )
        return self.in_flight


def granted(request: Request, *, default: int) -> int | None:
    """How long a SUBSCRIBE gets, in seconds; 0 ends it; None: too brief (423)."""
    asked = request.one(headers.EXPIRES)
    if asked is None:
        return default
    if 0 < asked < SHORTEST:
        return None
    return min(asked, default)

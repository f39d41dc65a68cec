"""A room whose dialogs are calls and nothing else: no roster, nobody who watches.

The conference application and a call between two people are such rooms.
"""

from __future__ import annotations

from sipgateway.focus import answers
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk
from sipgateway.focus.leg import Leg
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
)
from sipgateway.sip.flow import Flow
from sipgateway.sip.uri import SipUri


class Anteroom:
    """See the module: the `desk.DialogOwner` of its calls."""

    calls: Calls

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @property
    def occupied(self) -> bool:
        """Whether anybody is on the line."""
        return bool(len(self.calls))

    @property
    def awaited(self) -> bool:
        """Whether any phone that can be reached has not said goodbye yet."""
        return any(not leg.flow_gone for leg in self.calls)

    def request_came(self, event: RequestReceived, now: float) -> None:
        """See `desk.DialogOwner`."""
        leg = self.calls.by_dialog(event.dialog)
        if leg is not None and self.calls.request_came(event, leg, now):
            return
        if event.request.method == "OPTIONS":
            self._desk.endpoint.respond(event.transaction, 200, now, fields=answers.CAPABILITIES)
        else:  # 481 would end the call (RFC 5057 5.1)
            self._desk.endpoint.respond(event.transaction, 501 if leg else 481, now)

    def ack_came(self, event: AckReceived, now: float) -> None:
        """See `desk.DialogOwner`."""
        self.calls.ack_came(event, now)

    def ack_missing(self, event: AckMissing, now: float) -> None:
        """See `desk.DialogOwner`."""
        self.calls.ack_missing(event, now)

    def flow_closed(self, event: FlowClosed, now: float) -> None:
        """See `desk.DialogOwner`."""
        del now
        self.calls.reconnecting.flow_closed(event)

    def progressed(self, leg: Leg, now: float) -> None:
        """See `room.Room`: nobody is told anything before he is answered."""

    def moved(self, entity: str, contact: SipUri, flow: Flow, now: float) -> None:
        """A phone has registered anew."""
        self.calls.reconnecting.moved(entity, contact, flow, now)

    def relocated(self, leg: Leg, now: float) -> None:
        """See `room.Room`: who is told in vain calls again."""

    def usage_ended(self, dialog: DialogId) -> None:
        """See `desk.DialogOwner`."""
        if dialog not in self.calls:
            self._desk.disown(dialog)

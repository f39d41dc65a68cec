"""Legs that lived in a process which is gone: made again, and their phones found again.

The media went with the mixer, so every phone gets a new description. One whose
connection went with the process has time to come back by another; one on UDP
is reached by a socket of ours.
"""

from __future__ import annotations

import functools

from sipgateway.focus import standing
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk, Phone, same_device, uri_of
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.roster import Departure
from sipgateway.focus.standing import Standing
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import DialogId
from sipgateway.sip.flow import Flow, Transport

RETURN_WITHIN = 18.0
"""Seconds that a phone may take to come back. With those until its process is missed (the
lease's nine, and two and a half between two looks) who is gone is off the roster within 30 s."""
#: What a row of another version may raise: its phone calls again.
UNREADABLE = (BadMessage, KeyError, TypeError, ValueError)


class Inheriting:
    """See the module; for the legs of one room."""

    def __init__(self, desk: Desk, calls: Calls) -> None:
        self._desk = desk
        self._calls = calls

    def here(self, flow: Flow) -> Flow:
        """A flow as it is seen from this process."""
        return flow.seen_from(self._desk.process)

    def dialog(self, one: Standing, now: float) -> DialogId:
        """The dialog that was written down, made again."""
        made = standing.dialog_of(one, now)
        dialog = self._desk.endpoint.restore(made)
        self._desk.endpoint.move(dialog, self.here(made.flow))
        return dialog

    def leg(self, one: Standing, now: float) -> Leg:
        """A leg that was written down, in its dialog; one of `UNREADABLE` for what is none."""
        leg = standing.leg_of(one)
        leg.flow = self.here(leg.flow)
        leg.returns_by = now + RETURN_WITHIN
        self._calls.resume(leg, self.dialog(one, now))
        return leg

    def reach(self, leg: Leg, gone: str, now: float) -> None:
        """Offer its phone a new description, as soon as it can be reached.

        The process `gone` may be there still, and have lost its lease alone; so its
        connections are tried like all others.
        """
        self._desk.later(now + RETURN_WITHIN, functools.partial(self._still_gone, leg))
        if leg.flow.via == gone:
            self._seek(leg, gone, now)
        else:
            self._calls.reinvite(leg)

    def _seek(self, leg: Leg, gone: str, now: float) -> None:
        """Its phone may have come back by another process before we took its call over."""
        here = uri_of(leg.endpoint)
        instance = here.param("gr") or ""

        def found(phones: list[Phone], then: float) -> None:
            flows = (
                phone.flow
                for phone in phones
                if phone.flow.via != gone and (instance or same_device(here, uri_of(phone.uri)))
            )
            flow = next(flows, None)
            if leg.dialog is None or leg.flow.via != gone:
                return  # it has gone, or come back, meanwhile
            if flow is not None:
                self._calls.reconnecting.found_again(leg, flow, then)
            elif leg.flow.transport is Transport.UDP:
                leg.flow_gone = True
                self._calls.reconnecting.reopen(leg)
            else:
                self._calls.reinvite(leg)

        self._desk.find(leg.identity.uri, found, now, instance=instance)

    def _still_gone(self, leg: Leg, now: float) -> None:
        leg.returns_by = None
        if leg.media_lost:
            text = "The phone did not come back"
            self._calls.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)

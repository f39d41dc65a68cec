"""Legs whose connection is gone, and that go on by another.

A phone of ours registers anew and is known by its Contact; somebody outside is
connected to again, some times. One on UDP whose process is gone is reached by a socket of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from sipgateway.focus import outside
from sipgateway.focus.desk import Desk, same_device, uri_of
from sipgateway.focus.events import Answer, Reopened
from sipgateway.focus.leg import Leg
from sipgateway.focus.outside import Way
from sipgateway.focus.questions import Reopen
from sipgateway.focus.room import Room
from sipgateway.sip.events import FlowClosed
from sipgateway.sip.flow import Flow, Transport
from sipgateway.sip.uri import SipUri


class Legs(Protocol):
    """All legs of a room."""

    @property
    def room(self) -> Room:
        """What they are for."""

    def __iter__(self) -> Iterator[Leg]: ...


class Reconnecting:
    """See the module. `reinvite` offers a leg a new description."""

    def __init__(self, desk: Desk, legs: Legs, reinvite: Callable[[Leg], None]) -> None:
        self._desk = desk
        self._legs = legs
        self._reinvite = reinvite

    def flow_closed(self, event: FlowClosed) -> None:
        """A connection is gone; its phones may come back by another."""
        for leg in self._legs:
            if leg.flow.id == event.flow:
                leg.flow_gone = True
                self._reconnect(leg)

    def _reconnect(self, leg: Leg) -> None:
        """Somebody outside does not come back by himself: he is connected to again.

        Nor does a phone on UDP whose process is gone: nothing has told it.
        """
        if leg.flow.via and leg.flow.transport is Transport.UDP:
            self.reopen(leg)
            return
        if leg.way is None or leg.way.reconnects >= outside.RECONNECTS or leg.dialog is None:
            return
        leg.way.reconnects += 1

        def found(way: Way | None, now: float) -> None:
            flow = way.next_flow() if way is not None else None
            del now
            if flow is not None and leg.dialog is not None and leg.flow_gone:
                leg.flow, leg.flow_gone = flow, False
                self._desk.endpoint.move(leg.dialog, flow)

        outside.find(self._desk, leg.way.uri, found)

    def reopen(self, leg: Leg) -> None:
        """A phone on UDP is reached by a socket of ours as well as by the one that is gone."""

        def found(answer: Answer, now: float) -> None:
            flow = answer.flow if isinstance(answer, Reopened) else None
            if flow is not None and leg.flow_gone and leg.dialog is not None:
                self.found_again(leg, flow, now)

        remote = (leg.flow.remote_host, leg.flow.remote_port)
        self._desk.ask(lambda number: Reopen(number, Transport.UDP.value, *remote), found)

    def moved(self, entity: str, contact: SipUri, flow: Flow, now: float) -> None:
        """A phone has registered anew: what lost its flow goes on by the new one."""
        for leg in self._legs:
            here, missed = uri_of(leg.endpoint), leg.flow_gone or leg.awaited
            if leg.identity.uri == entity and missed and same_device(here, contact):
                self.found_again(leg, flow, now)

    def found_again(self, leg: Leg, flow: Flow, now: float) -> None:
        """A phone that had lost its flow is reached by another."""
        tried, leg.flow, leg.flow_gone = leg.flow, flow, False
        if leg.dialog is not None:
            self._desk.endpoint.move(leg.dialog, flow)
        self.relocated(leg, now)
        if leg.awaited and leg.reinvite is not None and tried != flow:
            self._desk.endpoint.give_up(leg.reinvite, now)

    def relocated(self, leg: Leg, now: float) -> None:
        """A leg's phone is reached by another flow; what could not be said there is said now."""
        self._legs.room.relocated(leg, now)
        if leg.awaited:
            self._reinvite(leg)

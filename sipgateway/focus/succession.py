"""One process goes on where another has ended: a conference is taken over, or given up.

Whoever takes over makes the dialogs again that were written down
(`standing`), offers every phone a new description, for the media went with
the mixer, and tells every watcher the whole state. Phones whose connection
went with the old process get time to come back by another.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Protocol

from sipgateway.focus import standing
from sipgateway.focus.actions import Reopen
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk, DialogOwner
from sipgateway.focus.events import Answer, Reopened
from sipgateway.focus.keeper import Keeper
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.roster import Departure
from sipgateway.focus.standing import Standing
from sipgateway.focus.watchers import Watchers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.flow import Flow, Transport

RETURN_WITHIN = 30.0
"""Seconds that a phone may take to come back; who is gone is off the roster by then."""


class Host(DialogOwner, Protocol):
    """The conference."""

    def occupy(self, now: float) -> None:
        """Somebody is in."""


class Succession:
    """See the module."""

    def __init__(
        self,
        desk: Desk,
        host: Host,
        calls: Calls,
        *,
        attendance: Attendance,
        watchers: Watchers,
        keeper: Keeper,
    ) -> None:
        self._keeper = keeper
        self._desk = desk
        self._host = host
        self._calls = calls
        self._attendance = attendance
        self._watchers = watchers

    # -- taking over -----------------------------------------------------------

    def resume(self, left: Iterable[Standing], version: int, gone: str, now: float) -> None:
        """Go on with what the process `gone` left; `version` is the last of the roster.

        That process may be there still, and have lost its lease alone; so its connections
        are tried like all others.
        """
        legs = []
        for one in left:
            try:
                if one.what["usage"] == "leg":
                    legs.append(self._resume_leg(one, now))
                else:
                    self._resume_watcher(one, now)
            except (BadMessage, KeyError, TypeError, ValueError):
                continue  # written by another version: its phone calls again
        if legs:
            self._host.occupy(now)
        self._attendance.resumed(version + standing.AHEAD, now)
        for leg in legs:
            self._desk.later(now + RETURN_WITHIN, functools.partial(self._still_gone, leg))
            if leg.flow.via == gone and leg.flow.transport is Transport.UDP:
                self._reopen(leg)
            else:
                self._calls.reinvite(leg)

    def _resume_leg(self, one: Standing, now: float) -> Leg:
        leg = standing.leg_of(one)
        leg.flow = self._here(leg.flow)
        leg.returns_by = now + RETURN_WITHIN
        dialog = self._desk.endpoint.restore(standing.dialog_of(one, now))
        self._desk.endpoint.move(dialog, leg.flow)
        self._calls.resume(leg, dialog)
        if leg.joined:
            self._attendance.resume(leg, one.what["joined_at"], now)
        else:
            self._keeper.keep_leg(leg, now, now)
        return leg

    def _resume_watcher(self, one: Standing, now: float) -> None:
        made = standing.dialog_of(one, now)
        dialog = self._desk.endpoint.restore(made)
        self._desk.endpoint.move(dialog, self._here(made.flow))
        who, subscription = standing.watcher_of(one, dialog)
        self._watchers.resume(who, subscription, version=one.ahead(now), now=now)

    def _here(self, flow: Flow) -> Flow:
        """A flow as it is seen from this process."""
        return flow.seen_from(self._desk.process)

    def _reopen(self, leg: Leg) -> None:
        """A phone on UDP is reached by a socket of ours as well as by the one that is gone."""
        leg.flow_gone = True

        def found(answer: Answer, now: float) -> None:
            flow = answer.flow if isinstance(answer, Reopened) else None
            if flow is not None and leg.flow_gone and leg.dialog is not None:
                self._calls.found_again(leg, flow, now)

        remote = (leg.flow.remote_host, leg.flow.remote_port)
        self._desk.ask(lambda number: Reopen(number, Transport.UDP.value, *remote), found)

    def _still_gone(self, leg: Leg, now: float) -> None:
        leg.returns_by = None
        if leg.media_lost:
            text = "The phone did not come back"
            self._calls.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)

    # -- giving up ---------------------------------------------------------------

    def abandon(self, now: float) -> None:
        """Another process serves the conference: let go of everything, and tell nobody."""
        self._calls.abandon(now)
        self._watchers.abandon()

"""One process goes on where another has ended: a conference is taken over, or given up.

Whoever takes over makes the legs again that were written down (`inheriting`),
and tells every watcher the whole state.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from conferences.policy import Identity
from sipgateway.focus import standing
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk, DialogOwner
from sipgateway.focus.dialog_watchers import DialogWatchers, Watched
from sipgateway.focus.inheriting import UNREADABLE, Inheriting
from sipgateway.focus.keeper import Keeper
from sipgateway.focus.leg import Leg
from sipgateway.focus.referring import Referring
from sipgateway.focus.standing import Standing
from sipgateway.focus.watchers import Watchers
from sipgateway.sip.uri import SipUri


class Host(DialogOwner, Protocol):
    """The conference."""

    @property
    def uri(self) -> SipUri:
        """The conference URI."""

    def dialogs_for(self, who: Identity) -> Watched:
        """Its dialogs, as somebody may watch them."""

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
        dialogs: DialogWatchers,
        referring: Referring,
        keeper: Keeper,
    ) -> None:
        self._keeper = keeper
        self._host = host
        self._inheriting = Inheriting(desk, calls)
        self._calls = calls
        self._attendance = attendance
        self._watchers = watchers
        self._dialogs = dialogs
        self._referring = referring

    # -- taking over -----------------------------------------------------------

    def resume(self, left: Iterable[Standing], version: int, gone: str, now: float) -> None:
        """Go on with what the process `gone` left; `version` is the last of the roster."""
        legs = []
        for one in left:
            try:
                if one.what["usage"] == "leg":
                    legs.append(self._resume_leg(one, now))
                elif one.what["usage"] == "refer":
                    self._referring.resume(one, self._inheriting.dialog(one, now), gone, now)
                else:
                    self._resume_watcher(one, now)
            except UNREADABLE:
                continue
        if legs:
            self._host.occupy(now)
        self._attendance.resumed(version + standing.AHEAD, now)
        for leg in legs:
            self._inheriting.reach(leg, gone, now)

    def _resume_leg(self, one: Standing, now: float) -> Leg:
        leg = self._inheriting.leg(one, now)
        if leg.joined:
            self._attendance.resume(leg, one.what["joined_at"], now)
        else:
            self._keeper.keep_leg(leg, now, now)
        return leg

    def _resume_watcher(self, one: Standing, now: float) -> None:
        who, subscription = standing.watcher_of(one, self._inheriting.dialog(one, now))
        version = one.ahead(now)
        if subscription.event.value == "dialog":
            watched = self._host.dialogs_for(who)
            self._dialogs.resume(watched, subscription, version=version, now=now)
        else:
            self._watchers.resume(who, subscription, version=version, now=now)

    # -- giving up ---------------------------------------------------------------

    def abandon(self, now: float) -> None:
        """Another process serves the conference: let go of everything, and tell nobody."""
        self._calls.abandon(now)
        self._watchers.abandon()
        self._dialogs.abandon(str(self._host.uri))
        self._referring.abandon()

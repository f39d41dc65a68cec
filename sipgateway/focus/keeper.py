"""Writes down what stands of a conference or a call, where another process could take it over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from conferences.policy import Identity
from sipgateway.focus import standing
from sipgateway.focus.actions import ForgetCall, KeepCall
from sipgateway.focus.desk import Desk
from sipgateway.focus.facts import DialogForgotten, DialogKept, Fact
from sipgateway.focus.leg import Leg
from sipgateway.sip.dialog import Dialog
from sipgateway.sip.events import DialogId
from sipgateway.sip.subscription import Subscription


class Host(Protocol):
    """The conference."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""


class CallKeeper:
    """The same for the legs of a call that is no conference's; `group` is its name."""

    def __init__(self, desk: Desk, group: str) -> None:
        self._desk = desk
        self.group = group
        self._keys: set[str] = set()

    def __bool__(self) -> bool:
        """Whether anything of it is written down."""
        return bool(self._keys)

    def keep(self, leg: Leg, now: float, **more: str) -> None:
        """A leg's call stands, or its phone has moved; `more` is what its room has to know."""
        if not self._desk.process or leg.dialog is None:
            return
        dialog = self._desk.endpoint.dialog(leg.dialog)
        if dialog is None:
            return
        leg.kept = True
        key = f"call-{leg.id}"
        self._keys.add(key)
        written = standing.leg_written(leg, dialog, now, self._desk.process)
        self._desk.act(KeepCall(self.group, key, {**written, **more}, now))

    def forget(self) -> None:
        """It is over, or a conference's from now on."""
        for key in sorted(self._keys):
            self._desk.act(ForgetCall(key))
        self._keys.clear()

    def leave(self) -> None:
        """Another process goes on with it: what is written down stays."""
        self._keys.clear()


class Keeper:
    """See the module; in a process that is alone it does nothing."""

    def __init__(self, desk: Desk, host: Host) -> None:
        self._desk = desk
        self._host = host

    def keep_leg(self, leg: Leg, joined_at: float, now: float) -> None:
        """A leg is in, or stands at the door, or its phone has moved."""
        dialog = self._dialog(leg.dialog)
        if dialog is not None:
            leg.kept = True
            what = standing.leg_written(leg, dialog, joined_at, self._desk.process)
            self._host.record(DialogKept(f"leg-{leg.id}", what), now)

    def forget_leg(self, leg: Leg, now: float) -> None:
        """A leg is out, or has left the door."""
        if leg.kept:
            leg.kept = False
            self._host.record(DialogForgotten(f"leg-{leg.id}"), now)

    def keep_watcher(self, who: Identity, subscription: Subscription, now: float) -> None:
        """Somebody watches, for longer now, or by another flow."""
        dialog = self._dialog(subscription.dialog)
        if dialog is not None:
            what = standing.watcher_written(who, subscription, dialog, self._desk.process)
            self._host.record(DialogKept(f"watch-{dialog.local.tag}", what), now)

    def forget_watcher(self, subscription: Subscription, now: float) -> None:
        """He watches no more."""
        dialog = self._dialog(subscription.dialog)
        if dialog is not None:
            self._host.record(DialogForgotten(f"watch-{dialog.local.tag}"), now)

    def keep_referral(
        self, who: Identity, subscription: Subscription, order: Mapping[str, int], now: float
    ) -> None:
        """Somebody is told how his REFER goes, or it is known by now what that is."""
        dialog = self._dialog(subscription.dialog)
        if dialog is not None:
            what = standing.referral_written(
                who, subscription, dialog, self._desk.process, order=order
            )
            self._host.record(DialogKept(_referral(subscription, dialog), what), now)

    def forget_referral(self, subscription: Subscription, now: float) -> None:
        """He has been told all."""
        dialog = self._dialog(subscription.dialog)
        if dialog is not None:
            self._host.record(DialogForgotten(_referral(subscription, dialog)), now)

    def _dialog(self, dialog: DialogId | None) -> Dialog | None:
        """The dialog, where there is anybody to write it down for."""
        if not self._desk.process or dialog is None:
            return None
        return self._desk.endpoint.dialog(dialog)


def _referral(subscription: Subscription, dialog: Dialog) -> str:
    """One dialog may have several (RFC 3515 2.4.6)."""
    return f"refer-{dialog.local.tag}-{subscription.event.param('id') or ''}"

"""How a REFER goes, for whoever subscribes to it: RFC 7614, ``Require: explicitsub``.

The answer to the REFER names an address that nobody can guess. Whoever sent
the REFER may subscribe there while it is being done, and for a while after,
for it may be done before his SUBSCRIBE is here (RFC 7614 4.7). It says which
process has it; who has subscribed is told on by the next one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from conferences.policy import Identity
from sipgateway.focus import referral
from sipgateway.focus.desk import Desk
from sipgateway.focus.referral import Account, Referral
from sipgateway.sip import headers, subscription
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
)
from sipgateway.sip.headers import Tokened
from sipgateway.sip.subscription import Subscription

_ADDRESS = re.compile(r"refer-([0-9a-f]{8})-.+")
"""The user part of such an address: the process that has it, and what nobody can guess."""
KEPT = 64.0
"""Seconds that the last state is kept: two non-INVITE transactions, 2 x 64 x T1."""


def process_of(name: str) -> str:
    """The process that has an address of that user part; "" for what is none."""
    found = _ADDRESS.fullmatch(name)
    return found[1] if found else ""


class ReferState:
    """The state of one REFER; a `referral.Telling` and the owner of its subscribers' dialogs."""

    def __init__(self, desk: Desk, account: Account, now: float) -> None:
        self._desk = desk
        self._account = account
        self._order: Mapping[str, int] = {}
        self._last = (100, "")
        self._told: dict[DialogId, Referral] = {}
        self._name = f"refer-{desk.process}-{desk.tokens.opaque()}".lower()
        self.address = desk.address(self._name)
        desk.services[self._name] = self._request
        desk.later(now + referral.LIFE + KEPT, self._forget)

    def _forget(self, now: float) -> None:
        del now
        self._desk.services.pop(self._name, None)

    def tell(self, status: int, now: float, reason: str = "") -> None:
        """See `referral.Telling`; the last one also stays."""
        self._last = (status, reason)
        for told in list(self._told.values()):
            told.tell(status, now, reason)
        if status >= 200:
            self._desk.later(now + KEPT, self._forget)

    def about(self, order: Mapping[str, int], now: float) -> None:
        """See `referral.Telling`."""
        self._order = order
        for told in self._told.values():
            told.about(order, now)

    @property
    def kept(self) -> bool:
        """Whether one may still subscribe."""
        return self._name in self._desk.services

    def abandon(self) -> None:
        """Another process tells from now on whoever has subscribed."""
        self._desk.services.pop(self._name, None)
        for dialog, told in self._told.items():
            told.subscription.over = True
            self._desk.disown(dialog)
        self._told.clear()

    # -- who subscribes ------------------------------------------------------

    def _request(self, event: RequestReceived, who: Identity, now: float) -> None:
        """A request to the address, from somebody known."""
        respond = self._desk.endpoint.respond
        if event.request.method != "SUBSCRIBE":
            respond(event.transaction, 405, now, fields=(("Allow", "SUBSCRIBE"),))
        elif event.request.must(headers.EVENT).value != "refer":
            respond(event.transaction, 489, now, fields=(("Allow-Events", "refer"),))
        elif who.uri != self._account.who.uri:
            respond(event.transaction, 403, now, reason="Not Your REFER")
        else:
            self._subscribe(event, now)

    def _subscribe(self, event: RequestReceived, now: float) -> None:
        """Take a SUBSCRIBE, first or refresh, and tell how it stands."""
        expires = subscription.granted(event.request, default=int(referral.LIFE))
        if expires is None:
            fields = (("Min-Expires", str(subscription.SHORTEST)),)
            self._desk.endpoint.respond(event.transaction, 423, now, fields=fields)
            return
        fields = (("Expires", str(expires)),)
        dialog = self._desk.endpoint.respond(
            event.transaction, 200, now, fields=fields, contact=self.address
        )
        if dialog is None:
            return
        told = self._told.get(dialog)
        if told is None:
            asked = event.request.must(headers.EVENT)
            kept = tuple(pair for pair in asked.params if pair[0].lower() == "id")
            new = Subscription(dialog, Tokened("refer", kept), now + expires)
            told = self._told[dialog] = Referral(self._desk, self, new, self._account)
            self._desk.own(dialog, self)
            self._desk.later(now + referral.LIFE, told.expire)
            told.about(self._order, now)
        if expires == 0:
            told.expire(now)
        else:
            told.tell(self._last[0], now, self._last[1])

    # -- desk.DialogOwner ----------------------------------------------------

    def request_came(self, event: RequestReceived, now: float) -> None:
        """Refreshed, or not wanted any more."""
        if event.request.method == "SUBSCRIBE" and event.dialog in self._told:
            self._subscribe(event, now)
        else:
            self._desk.endpoint.respond(event.transaction, 481, now)

    def ack_came(self, event: AckReceived, now: float) -> None:
        """There is no INVITE here."""

    def ack_missing(self, event: AckMissing, now: float) -> None:
        """There is no INVITE here."""

    def flow_closed(self, event: FlowClosed, now: float) -> None:
        """What is told by then is told."""

    def usage_ended(self, dialog: DialogId) -> None:
        """See `desk.DialogOwner`."""
        if self._told.pop(dialog, None) is not None:
            self._desk.disown(dialog)

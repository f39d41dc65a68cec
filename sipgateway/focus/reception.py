"""What is asked of a conference by SIP, in and out of dialogs, besides calls.

Each method has its row. In a dialog the sender is whoever the dialog is with;
outside he has proved who he is before he gets here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from conferences import policy
from conferences.policy import Identity, Refusal, Snapshot
from sipgateway.focus import answers, messages, naming, privacy
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk, Phone
from sipgateway.focus.dialog_watchers import DialogWatchers, Watched
from sipgateway.focus.entrance import Entrance
from sipgateway.focus.events import Answer, Negotiated
from sipgateway.focus.leg import Leg
from sipgateway.focus.questions import Describe
from sipgateway.focus.referring import Referring
from sipgateway.focus.watchers import Watchers
from sipgateway.media.engine import Session
from sipgateway.sip import headers, sanity
from sipgateway.sip.endpoint import Body
from sipgateway.sip.events import RequestReceived, TransactionId
from sipgateway.sip.headers import NameAddr


class Host(Protocol):
    """The conference that is asked."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    @property
    def contact(self) -> NameAddr:
        """Its URI, with `isfocus` unless hidden."""

    @property
    def session(self) -> Session:
        """The session-level lines of its descriptions."""

    def refuse(self, transaction: TransactionId, refusal: Refusal, now: float) -> None:
        """Answer a request with what a refusal means in SIP."""

    def dialogs_for(self, who: Identity) -> Watched:
        """Its dialogs, as somebody may watch them."""

    def watched(self, now: float) -> None:
        """Somebody watches now, or does not any more."""


class Reception:
    """See the module."""

    def __init__(
        self,
        desk: Desk,
        host: Host,
        calls: Calls,
        *,
        attendance: Attendance,
        entrance: Entrance,
        referring: Referring,
        watchers: Watchers,
        dialogs: DialogWatchers,
    ) -> None:
        self._desk = desk
        self._host = host
        self._calls = calls
        self._attendance = attendance
        self._entrance = entrance
        self._referring = referring
        self._watchers = watchers
        self._dialogs = dialogs

    def outside(self, event: RequestReceived, who: Identity, now: float) -> None:
        """A request outside dialogs."""
        handler = _OUTSIDE.get(event.request.method)
        if handler is None:
            fields = answers.CAPABILITIES[:1]
            self._desk.endpoint.respond(event.transaction, 405, now, fields=fields)
        else:
            handler(self, event, who, now)

    def inside(self, event: RequestReceived, now: float) -> None:
        """A request in a dialog."""
        leg = self._calls.by_dialog(event.dialog)
        if leg is not None and self._calls.request_came(event, leg, now):
            return
        handler = _INSIDE.get(event.request.method)
        if handler is None:  # 481 would end the call (RFC 5057 5.1)
            self._desk.endpoint.respond(event.transaction, 501 if leg else 481, now)
        else:
            handler(self, event, leg, now)

    # -- by method -----------------------------------------------------------

    def _invite(self, event: RequestReceived, who: Identity, now: float) -> None:
        self._entrance.invite(event, who, now)

    def _options(self, event: RequestReceived, who: Identity, now: float) -> None:
        """The status is the one that an INVITE would get (RFC 3261 11.2)."""
        refusal = policy.may_join(self._host.snapshot, who, present=0, now=now)
        if refusal is not None:
            self._host.refuse(event.transaction, refusal, now)
        else:
            self._describe(event)

    def _describe(self, event: RequestReceived) -> None:
        """Tell what we can do (RFC 4579 5.13), in or out of a dialog."""

        def described(answer: Answer, now: float) -> None:
            sdp = answer.description.sdp if isinstance(answer, Negotiated) else ""
            self._desk.endpoint.respond(
                event.transaction,
                200,
                now,
                fields=answers.CAPABILITIES,
                contact=self._host.contact,
                body=Body.sdp(sdp) if sdp else None,
            )

        self._desk.ask(lambda number: Describe(number, self._host.session), described)

    def _message(self, event: RequestReceived, who: Identity, now: float) -> None:
        """A text to everybody else who is in (RFC 3428); the sender is who he proved to be."""
        if who.uri not in self._attendance:
            self._host.refuse(event.transaction, Refusal.NOT_ALLOWED, now)
            return
        content_type = event.request.one(headers.CONTENT_TYPE)
        if event.request.body and content_type is not None and content_type.value != "text/plain":
            fields = (("Accept", "text/plain"),)
            self._desk.endpoint.respond(event.transaction, 415, now, fields=fields)
            return
        self._desk.endpoint.respond(event.transaction, 202, now)
        hidden, roster = privacy.wanted(event.request), self._attendance.roster
        for leg in self._calls.texted(besides=who.uri):
            phone = Phone(leg.endpoint, leg.flow, leg.routes)
            sender = naming.as_seen(roster, self._host.snapshot, who, leg.identity, hidden=hidden)
            messages.forward(self._desk.endpoint, event.request, phone, sender, now)

    def _subscribe(self, event: RequestReceived, who: Identity, now: float) -> None:
        """Somebody wants to watch the roster (RFC 4575), or the dialogs (RFC 4235)."""
        if event.request.must(headers.EVENT).value == "dialog" and event.dialog is None:
            self._dialogs.subscribe(event, self._host.dialogs_for(who), now)
            return
        if event.request.must(headers.EVENT).value != "conference":
            fields = (("Allow-Events", ", ".join(sanity.EVENT_PACKAGES)),)
            self._desk.endpoint.respond(event.transaction, 489, now, fields=fields)
            return
        refusal = policy.may_subscribe(self._host.snapshot, who)
        if refusal is None and policy.when(self._host.snapshot, now=now) is Refusal.OVER:
            refusal = Refusal.OVER
        if refusal is not None:
            self._host.refuse(event.transaction, refusal, now)
            return
        self._watchers.subscribe(event, who, self._host.contact, now)
        self._host.watched(now)

    def _refer(self, event: RequestReceived, who: Identity, now: float) -> None:
        """Somebody asks the focus to add or remove (RFC 4579 5.5, 5.7, 5.11)."""
        self._referring.refer(event, who, now)

    # -- in dialogs ----------------------------------------------------------

    def _in_options(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        del leg, now
        self._describe(event)

    def _in_refer(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        if leg is None:
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        self._refer(event, leg.identity, now)

    def _in_subscribe(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        identity = leg.identity if leg else self._watchers.identity_of(event.dialog)
        if identity is None:
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        self._subscribe(event, identity, now)

    def _in_message(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        if leg is None:
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        self._message(event, leg.identity, now)

    def _in_notify(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        del leg
        self._desk.endpoint.respond(event.transaction, 481, now, reason="No Such Subscription")


_OUTSIDE: Mapping[str, Callable[[Reception, RequestReceived, Identity, float], None]] = {
    "INVITE": Reception._invite,
    "SUBSCRIBE": Reception._subscribe,
    "REFER": Reception._refer,
    "OPTIONS": Reception._options,
    "MESSAGE": Reception._message,
}
_INSIDE: Mapping[str, Callable[[Reception, RequestReceived, Leg | None, float], None]] = {
    "OPTIONS": Reception._in_options,
    "REFER": Reception._in_refer,
    "SUBSCRIBE": Reception._in_subscribe,
    "NOTIFY": Reception._in_notify,
    "MESSAGE": Reception._in_message,
}

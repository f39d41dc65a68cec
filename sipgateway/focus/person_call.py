"""One call between two people, anchored: each has a leg of his own.

A browser and a desk phone can talk although their media differ. All phones of
the one who is called ring; the first answer wins and the others are cancelled.
The caller is answered when he is, with the same Contact in every response.
The call can become a conference on the same dialogs (draft 4.9).
"""

from __future__ import annotations

from typing import Protocol

from conferences.policy import Identity
from sipgateway.focus import messages, outside, privacy, referral
from sipgateway.focus.actions import Mute, Place
from sipgateway.focus.anteroom import Anteroom
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk, Phone, uri_of
from sipgateway.focus.leg import Farewell, Leg, State
from sipgateway.focus.outside import Way
from sipgateway.focus.referral import Wanted, Wish
from sipgateway.focus.roster import Departure, Joining
from sipgateway.media.engine import LegId, RoomId, Session
from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import RequestReceived, ResponseReceived
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.uri import SipUri, Uri, parse_uri

RINGS = 60.0
"""Seconds that a phone may ring."""


class Line(Protocol):
    """Whoever keeps the calls."""

    def over(self, call: PersonCall) -> None:
        """Nothing is left of it."""

    def gather(self, event: RequestReceived, call: PersonCall, asker: Leg, name: str) -> None:
        """A REFER asks that it become a conference of the factory called `name`."""


class PersonCall(Anteroom):
    """One call between two people: the caller's leg and those of the one who is called."""

    def __init__(
        self,
        desk: Desk,
        event: RequestReceived,
        caller: Identity,
        *,
        line: Line,
        called: str = "",
    ) -> None:
        super().__init__(desk)
        self._event = event
        self._line = line
        #: Somebody who is not of this house is called.
        self.outside = bool(called)
        #: Address of record of the one who is called.
        self._person = called or _person_of(desk, event)
        self._room = RoomId(f"call-{desk.tokens.opaque()}")
        self.calls = Calls(desk, self)
        self._failure = (480, "")
        self._caller = self._leg(caller, event.flow, Joining.DIALED_IN, "")
        self._caller.transaction, self._caller.request = event.transaction, event.request
        self._caller.endpoint = str(event.request.must(headers.CONTACT).uri)
        self._caller.private = privacy.wanted(event.request)
        self._callee: Leg | None = None
        self._ringing: list[Leg] = []

    def _leg(self, who: Identity, flow: Flow, joining: Joining, endpoint: str) -> Leg:
        return Leg(
            id=LegId(self._desk.tokens.opaque()),
            identity=who,
            display_text=who.display_name,
            flow=flow,
            joining=joining,
            transaction=None,
            request=None,
            endpoint=endpoint,
        )

    def _leg_to(self, person: Identity, phone: Phone) -> Leg:
        leg = self._leg(person, phone.flow, Joining.DIALED_OUT, phone.uri)
        leg.routes = phone.routes
        return leg

    @property
    def caller(self) -> str:
        """Who calls: address of record."""
        return self._caller.identity.uri

    # -- ringing -------------------------------------------------------------

    def ring(self, phones: list[Phone], now: float) -> None:
        """Call all phones of the person."""
        if self._begins(now):
            person = Identity(self._person)
            self._ring([self._leg_to(person, phone) for phone in phones], now)

    def ring_outside(self, uri: Uri, now: float) -> None:
        """Call somebody who is not of this house."""
        if not self._begins(now):
            return

        def found(way: Way | None, then: float) -> None:
            if not self._desk.endpoint.pending(self._event.transaction):
                return  # the caller gave up meanwhile
            flow = way.next_flow() if way is not None else None
            if way is None or flow is None:
                self._fail(480, "No Way Leads There", then)
                return
            phone = Phone(str(way.target), flow, way.routes)
            leg = self._leg_to(Identity(self._person), phone)
            leg.way = way
            self._ring([leg], then)

        outside.find(self._desk, uri, found)

    def _begins(self, now: float) -> bool:
        """Whether the caller's INVITE can be taken up."""
        if (fields := self.calls.timer_objection(self._event.request)) is not None:
            self._desk.endpoint.respond(self._event.transaction, 422, now, fields=fields)
            self._line.over(self)
            return False
        self._desk.cancels[self._event.transaction] = self._cancelled
        return True

    def _ring(self, legs: list[Leg], now: float) -> None:
        for leg in legs:
            self._ringing.append(leg)
            self.calls.dial_out(leg)
        self._desk.later(now + min(RINGS, self._patience), self._no_answer)

    @property
    def _patience(self) -> float:
        """How long the caller's INVITE is good for (RFC 3261 13.2.1)."""
        expires = self._event.request.one(headers.EXPIRES)
        return RINGS if expires is None else float(expires)

    def _cancelled(self, now: float) -> None:
        """The caller gave up."""
        self._desk.endpoint.respond(self._event.transaction, 487, now)
        self.end(Farewell(Departure.DEPARTED, status=487, text="The caller gave up"), now)
        if not len(self.calls):
            self._line.over(self)  # nobody's phone had been found yet

    def _no_answer(self, now: float) -> None:
        if self._callee is None:
            status = 408 if self._patience >= RINGS else 487  # 13.3.1
            bye = Farewell(Departure.FAILED, status=status, reason="No Answer", text="No answer")
            self.end(bye, now)

    def end(self, bye: Farewell, now: float) -> None:
        """Let everybody go."""
        for leg in self.calls:
            self.calls.hang_up(leg, bye, now)

    # -- room.Room -----------------------------------------------------------

    def contact_of(self, leg: Leg) -> NameAddr:
        """The other one's address: requests in the dialog come to us all the same."""
        if leg is self._caller:
            return NameAddr(self._called_here)
        if self._caller.private:
            return NameAddr(self._desk.domain.uri("anonymous"))
        return NameAddr(uri_of(self._caller.identity.uri))

    @property
    def _called_here(self) -> SipUri:
        """Where the called one is reached through us; of an outsider that is a mere name."""
        uri = parse_uri(self._person)
        if not isinstance(uri, SipUri):
            return self._desk.domain.uri(uri.rest)
        return (
            uri if self._desk.domain.owns(uri) else self._desk.domain.uri(f"{uri.name}={uri.host}")
        )

    def caller_of(self, leg: Leg) -> NameAddr:
        """The caller as he proved to be, or as nobody."""
        del leg
        if self._caller.private:
            return privacy.NOBODY
        return NameAddr(uri_of(self._caller.identity.uri), self._caller.display_text)

    @property
    def session(self) -> Session:
        """See `room.Room`."""
        return Session(name="Parley")

    @property
    def media_room(self) -> RoomId:
        """See `room.Room`."""
        return self._room

    def ringing(self, leg: Leg, status: int, now: float) -> None:
        """Told to the caller; early media is not passed on."""
        del leg
        if self._callee is None and status != 100:
            self._desk.endpoint.respond(
                self._event.transaction, 180, now, contact=self.contact_of(self._caller)
            )

    def admitted(self, leg: Leg, now: float) -> None:
        """Somebody's call stands: the callee's, then the caller's."""
        if leg is not self._caller and self._callee is None:
            self._callee = leg
            self._ringing.remove(leg)
            elsewhere = Farewell(Departure.FAILED, status=200, text="Call completed elsewhere")
            for other in list(self._ringing):
                self.calls.hang_up(other, elsewhere, now)
            self.calls.dial_in(self._caller)
        self._desk.act(Mute(leg.id, False))
        self._desk.act(Place(leg.id, self._room))

    def silenced(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        del now
        self._desk.act(Place(leg.id, None))

    def renegotiated(self, leg: Leg, now: float) -> None:
        """A new description may have come with a new mixer."""
        del now
        if leg.state is State.CONNECTED:
            self._desk.act(Place(leg.id, self._room))

    def request_came(self, event: RequestReceived, now: float) -> None:
        """See `desk.DialogOwner`; a REFER to the factory asks for a conference of the two."""
        leg = self.calls.by_dialog(event.dialog)
        if leg is not None and event.request.method == "MESSAGE":
            self._text_came(event, leg, now)
            return
        if leg is None or event.request.method != "REFER":
            super().request_came(event, now)
            return
        try:
            wanted = referral.parse(event.request)
        except BadMessage as error:
            self._desk.endpoint.respond(event.transaction, 400, now, reason=error.reason)
            return
        name = self._name_in(wanted[0])
        if not name:
            self._desk.endpoint.respond(event.transaction, 501, now)
        elif self.parties is None:
            self._desk.endpoint.respond(event.transaction, 480, now, reason="Not Answered Yet")
        else:
            self._line.gather(event, self, leg, name)

    def _text_came(self, event: RequestReceived, leg: Leg, now: float) -> None:
        """RFC 3428: in the dialog of a call it goes to the other one, and his answer comes back."""
        endpoint, parties = self._desk.endpoint, self.parties
        dialog = next((one.dialog for one in parties or () if one is not leg), None)
        if dialog is None:
            endpoint.respond(event.transaction, 480, now, reason="Not Answered Yet")
            return

        def answered(reply: ResponseReceived, then: float) -> None:
            if reply.response.status >= 200:
                endpoint.respond(event.transaction, reply.response.status, then)

        self._desk.replies[messages.within(endpoint, event.request, dialog, now)] = answered

    def _name_in(self, wanted: Wanted) -> str:
        """The user part of a URI of ours that is to be called, else ""."""
        uri = wanted.target
        if wanted.wish is not Wish.ADD or not isinstance(uri, SipUri):
            return ""
        return uri.name.lower() if self._desk.domain.owns(uri) else ""

    @property
    def parties(self) -> tuple[Leg, Leg] | None:
        """The legs that talk to each other, while they do."""
        caller, callee = self._caller, self._callee
        if callee is None or {caller.state, callee.state} != {State.CONNECTED}:
            return None
        return caller, callee

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """Digits are heard by the other one as sound, where his phone makes them."""

    def departed(self, leg: Leg, now: float) -> None:
        """One has gone: so does the other; with the last phone that rang the call has failed."""
        if leg in self._ringing:
            self._ringing.remove(leg)
            self._failed(leg, now)
            return
        if leg in (self._caller, self._callee):
            bye = Farewell(Departure.DEPARTED, text="The other side hung up")
            self.end(bye, now)

    def _failed(self, leg: Leg, now: float) -> None:
        """RFC 3261 16.7, steps 5 and 6: a 6xx ends the search, of others busy says most."""
        bye = leg.farewell
        status = bye.status if bye.status >= 400 else 480  # nobody is followed by a 3xx
        if self._failure[0] < 600 and (
            status >= 600 or bye.method is Departure.BUSY or self._failure[0] == 480
        ):
            self._failure = (status, bye.reason)
        if status >= 600 and self._callee is None and self._ringing:
            declined = Farewell(Departure.FAILED, status=status, text="Declined elsewhere")
            for other in list(self._ringing):
                self.calls.hang_up(other, declined, now)
            return  # each of them tells that it has gone
        if not self._ringing and self._callee is None:
            self._fail(*self._failure, now)

    def _fail(self, status: int, reason: str, now: float) -> None:
        self._desk.cancels.pop(self._event.transaction, None)
        self._desk.endpoint.respond(self._event.transaction, status, now, reason=reason)
        if not len(self.calls):
            self._line.over(self)

    def freed(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        if leg is self._caller and self._callee is not None:
            self.end(Farewell(Departure.DEPARTED, text="The other side hung up"), now)
        if not len(self.calls):
            self._line.over(self)


def _person_of(desk: Desk, event: RequestReceived) -> str:
    """Whose address an INVITE to this house names."""
    return desk.domain.uri(uri_of(event.request.uri).name.lower()).aor

"""One call between two people, anchored: each has a leg of his own.

A browser and a desk phone can talk although their media differ. The call can
become a conference on the same dialogs (draft 4.9), and it may be what is left
of one (RFC 4245 3.3, REQ-2). How it comes about by an INVITE is `placed_call`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from conferences.policy import Identity
from sipgateway.focus import messages, privacy, referral, standing
from sipgateway.focus.actions import Mute, Place
from sipgateway.focus.anteroom import Anteroom
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk, uri_of
from sipgateway.focus.inheriting import UNREADABLE, Inheriting
from sipgateway.focus.keeper import CallKeeper
from sipgateway.focus.leg import Farewell, Leg, State
from sipgateway.focus.referral import Wanted, Wish
from sipgateway.focus.roster import Departure
from sipgateway.focus.standing import Standing
from sipgateway.media.engine import LegMeasured, RoomId, Session
from sipgateway.sip import headers
from sipgateway.sip.endpoint import Body
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import DialogId, RequestReceived, ResponseReceived
from sipgateway.sip.headers import NameAddr, Tokened
from sipgateway.sip.uri import SipUri, parse_uri

HUNG_UP = Farewell(Departure.DEPARTED, text="The other side hung up")


class Led(Protocol):
    """A call that nobody has taken, whose caller may be led into a conference."""

    @property
    def calling(self) -> Identity:
        """Who calls."""

    def led(self) -> None:
        """The conference answers him."""

    def lead_nowhere(self, now: float) -> None:
        """There is none of that name."""


class Line(Protocol):
    """Whoever keeps the calls."""

    def over(self, call: PersonCall) -> None:
        """Nothing is left of it."""

    def gather(self, event: RequestReceived, call: PersonCall, asker: Leg, name: str) -> None:
        """A REFER asks that it become a conference of the factory called `name`."""

    def may_leave(self, call: PersonCall) -> bool:
        """Whether its caller may have one more that leaves the house."""

    def lead_in(self, call: Led, event: RequestReceived, uri: SipUri) -> None:
        """A phone has sent a caller on to what may be a conference: in as any other caller."""


class PersonCall(Anteroom):
    """See the module: the leg of the one who calls, and that of the one who is called."""

    def __init__(
        self, desk: Desk, caller: Leg, person: str, *, line: Line, outside: bool = False
    ) -> None:
        """`person` is the address of the one who is called; `outside`, not of this house."""
        super().__init__(desk)
        self._line = line
        self._person = person
        self.outside = outside
        self._room = RoomId(f"call-{desk.tokens.opaque()}")
        #: What the next process needs; named as the call's room is.
        self.keeper = CallKeeper(desk, self._room)
        self.calls = Calls(desk, self)
        self._caller = caller
        self._callee: Leg | None = None
        #: Who is told how a call goes that his phone was asked for: the Event of whose REFER.
        self._asked: dict[DialogId, Tokened] = {}
        #: The one who is called is not named to the caller.
        self._veiled = False

    @classmethod
    def inherited(
        cls, desk: Desk, left: Iterable[Standing], gone: str, *, line: Line, now: float
    ) -> PersonCall | None:
        """Go on with a call that lived in the process `gone`; None where it cannot be read."""
        known = {str(one.what.get("place")): one for one in left}
        try:
            parties = (standing.leg_of(known["caller"]), standing.leg_of(known["callee"]))
            call = cls.of(desk, parties, line=line)
            inheriting = Inheriting(desk, call.calls)
            call._caller = inheriting.leg(known["caller"], now)
            call._callee = inheriting.leg(known["callee"], now)
        except UNREADABLE:
            return None
        call._veiled = bool(known["callee"].what.get("veiled"))
        for place, leg in (("caller", call._caller), ("callee", call._callee)):
            asked = str(known[place].what.get("asked", ""))
            if asked and leg.dialog is not None:
                call._asked[leg.dialog] = headers.EVENT.parse(asked)
        call._keep(now)
        for leg in call.calls:
            inheriting.reach(leg, gone, now)
        return call

    def _keep(self, now: float) -> None:
        """Both stand: so could the next process have it."""
        callee = self._callee
        if callee is None or self._caller.dialog is None:
            return
        veiled = "yes" if self._veiled else ""
        self.keeper.keep(self._caller, now, place="caller", asked=self._asked_of(self._caller))
        asked = self._asked_of(callee)
        self.keeper.keep(callee, now, place="callee", veiled=veiled, asked=asked)

    def _asked_of(self, leg: Leg) -> str:
        """The Event of the REFER that his phone carries out, or ""."""
        asked = self._asked.get(leg.dialog) if leg.dialog is not None else None
        return headers.EVENT.build(asked) if asked is not None else ""

    def relocated(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        del leg
        if self.keeper:
            self._keep(now)

    @classmethod
    def of(cls, desk: Desk, parties: tuple[Leg, Leg], *, line: Line) -> PersonCall:
        """A call of two whose dialogs stand; `take_in` brings them."""
        caller, callee = parties
        call = cls(desk, caller, callee.identity.uri, line=line, outside=callee.way is not None)
        call._callee, call._veiled = callee, callee.private
        return call

    def take_in(self, calls: Calls, now: float) -> None:
        """The two go on here, each in his dialog; a re-INVITE names the other one to him."""
        for leg in (self._caller, self._callee):
            if leg is not None:
                calls.hand_over(leg, self.calls)
                self._join(leg)
                self.calls.reinvite(leg)
        self._keep(now)

    def _join(self, leg: Leg) -> None:
        self._desk.act(Mute(leg.id, False))
        self._desk.act(Place(leg.id, self._room))

    @property
    def caller(self) -> str:
        """Who calls: address of record."""
        return self._caller.identity.uri

    @property
    def parties(self) -> tuple[Leg, Leg] | None:
        """The legs that talk to each other, while they do."""
        caller, callee = self._caller, self._callee
        if callee is None or {caller.state, callee.state} != {State.CONNECTED}:
            return None
        return caller, callee

    def end(self, bye: Farewell, now: float) -> None:
        """Let everybody go."""
        for leg in self.calls:
            self.calls.hang_up(leg, bye, now)

    # -- room.Room -----------------------------------------------------------

    def contact_of(self, leg: Leg) -> NameAddr:
        """The other one's address: requests in the dialog come to us all the same."""
        to_caller = leg is self._caller
        if self._veiled if to_caller else self._caller.private:
            return NameAddr(self._desk.domain.uri("anonymous"))
        return NameAddr(self._here(self._person if to_caller else self.caller))

    def _here(self, entity: str) -> SipUri:
        """Where somebody is reached through us; of an outsider that is a mere name."""
        uri = parse_uri(entity)
        if not isinstance(uri, SipUri):
            return self._desk.domain.uri(uri.rest)
        ours = self._desk.domain.owns(uri)
        return uri if ours else self._desk.domain.uri(f"{uri.name}={uri.host}")

    def caller_of(self, leg: Leg) -> NameAddr:
        """The caller as he proved to be, or as nobody."""
        del leg
        if self._caller.private:
            return privacy.NOBODY
        return NameAddr(uri_of(self.caller), self._caller.display_text)

    @property
    def session(self) -> Session:
        """See `room.Room`."""
        return Session(name="Parley")

    @property
    def media_room(self) -> RoomId:
        """See `room.Room`."""
        return self._room

    def ringing(self, leg: Leg, status: int, now: float) -> None:
        """Nobody's phone rings in a call that stands."""

    def admitted(self, leg: Leg, now: float) -> None:
        """Somebody's call stands."""
        self._join(leg)
        self._keep(now)

    def silenced(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        del now
        self._desk.act(Place(leg.id, None))

    def renegotiated(self, leg: Leg, now: float) -> None:
        """A new description may have come with a new mixer."""
        leg.at_door = False
        self.relocated(leg, now)
        if leg.state is State.CONNECTED:
            self._desk.act(Place(leg.id, self._room))

    def measured(self, leg: Leg, event: LegMeasured, now: float) -> None:
        """It is kept of conferences alone."""

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """Digits are heard by the other one as sound, where his phone makes them."""

    def departed(self, leg: Leg, now: float) -> None:
        """One has gone: so does the other."""
        if leg in (self._caller, self._callee):
            self.keeper.forget()
            self.end(HUNG_UP, now)

    def freed(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        if leg is self._caller and self._callee is not None:
            self.end(HUNG_UP, now)
        if not len(self.calls):
            self._line.over(self)

    # -- what is asked in it -------------------------------------------------

    def request_came(self, event: RequestReceived, now: float) -> None:
        """See `desk.DialogOwner`: texts and REFERs are for the other one."""
        leg = self.calls.by_dialog(event.dialog)
        handler = _HANDLERS.get(event.request.method)
        if leg is None or handler is None:
            super().request_came(event, now)
        else:
            handler(self, event, leg, now)

    def _refer_came(self, event: RequestReceived, leg: Leg, now: float) -> None:
        """To the factory it asks for a conference of the two, else for a call of the other's."""
        try:
            wanted = referral.parse(event.request)
        except BadMessage as error:
            self._desk.endpoint.respond(event.transaction, 400, now, reason=error.reason)
            return
        if wanted[0].wish is not Wish.ADD or len(event.request.all("refer-to")) != 1:
            self._desk.endpoint.respond(event.transaction, 501, now)
        elif self.parties is None:
            self._desk.endpoint.respond(event.transaction, 480, now, reason="Not Answered Yet")
        elif name := self._name_in(wanted[0]):
            self._line.gather(event, self, leg, name)
        else:
            self.transfer(event, leg, now)

    def transfer(self, event: RequestReceived, leg: Leg, now: float) -> None:
        """RFC 5589 6.1: the other one's phone is asked to call, and answers for itself."""
        endpoint, dialog = self._desk.endpoint, self._other_dialog(leg)
        if dialog is None:
            endpoint.respond(event.transaction, 480, now, reason="Not Answered Yet")
            return
        refer = event.request
        asker = privacy.NOBODY if leg.private else NameAddr(uri_of(leg.identity.uri))
        fields = [("Refer-To", refer.all("refer-to")[0])]
        fields.append(("Referred-By", headers.REFERRED_BY.build(asker)))
        unsubscribed = (("Refer-Sub", "false"),) if referral.unsubscribed(refer) else ()

        def answered(reply: ResponseReceived, then: float) -> None:
            status = reply.response.status
            if status < 200:
                return
            accepted = status < 300
            endpoint.respond(
                event.transaction,
                status,
                then,
                fields=unsubscribed if accepted else (),
                contact=self.contact_of(leg) if accepted else None,
            )
            if accepted and not unsubscribed:
                self._asked[dialog] = referral.event_of(refer)
                self._keep(then)

        told = (*fields, *unsubscribed)
        sent = endpoint.request_in_dialog(dialog, "REFER", now, fields=told)
        self._desk.replies[sent] = answered

    def _notify_came(self, event: RequestReceived, leg: Leg, now: float) -> None:
        """How the call goes that a phone was asked for, to the one who asked."""
        endpoint, told = self._desk.endpoint, event.request
        asked = self._asked.get(leg.dialog) if leg.dialog is not None else None
        kind = told.one(headers.EVENT)
        if asked is None or kind is None or kind.value != "refer":
            super().request_came(event, now)
            return
        endpoint.respond(event.transaction, 200, now)
        state = told.get("subscription-state") or "active"
        if state.lower().startswith("terminated") and leg.dialog is not None:
            del self._asked[leg.dialog]
            self._keep(now)
        if (dialog := self._other_dialog(leg)) is not None:
            fields = (("Event", headers.EVENT.build(asked)), ("Subscription-State", state))
            text = told.body.decode("utf-8", "surrogateescape")
            body = Body(text, told.get("content-type") or referral.SIPFRAG)
            endpoint.request_in_dialog(dialog, "NOTIFY", now, fields=fields, body=body)

    def _other_dialog(self, leg: Leg) -> DialogId | None:
        return next((one.dialog for one in self.parties or () if one is not leg), None)

    def _text_came(self, event: RequestReceived, leg: Leg, now: float) -> None:
        """RFC 3428: in the dialog of a call it goes to the other one, and his answer comes back."""
        endpoint, dialog = self._desk.endpoint, self._other_dialog(leg)
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


_HANDLERS: Mapping[str, Callable[[PersonCall, RequestReceived, Leg, float], None]] = {
    "MESSAGE": PersonCall._text_came,
    "NOTIFY": PersonCall._notify_came,
    "REFER": PersonCall._refer_came,
}

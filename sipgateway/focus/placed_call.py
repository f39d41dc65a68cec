"""A call to a person, until he answers: all his phones ring, and the first answer wins.

The others are cancelled then, and the caller is answered, with the same Contact
in every response. After that it is a `PersonCall` like any other.
"""

from __future__ import annotations

from conferences.policy import Identity
from sipgateway.focus import diversion, failures, outside, privacy
from sipgateway.focus.desk import Desk, Phone, uri_of
from sipgateway.focus.diversion import Allowed, Diversions
from sipgateway.focus.events import Answer, CallOutAsked
from sipgateway.focus.failures import Failure
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.outside import Way
from sipgateway.focus.person_call import Line, PersonCall
from sipgateway.focus.questions import AskCallOut
from sipgateway.focus.roster import Departure, Joining
from sipgateway.media.engine import LegId
from sipgateway.sip import headers, message
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.flow import Flow
from sipgateway.sip.uri import SipUri, Uri

RINGS = 60.0
"""Seconds that a phone may ring."""


class PlacedCall(PersonCall):
    """See the module. `called` is the address of somebody who is not of this house."""

    def __init__(
        self,
        desk: Desk,
        event: RequestReceived,
        caller: Identity,
        *,
        line: Line,
        called: str = "",
    ) -> None:
        self._event = event
        person = called or _person_of(desk, event)
        super().__init__(
            desk, _caller_leg(desk, event, caller), person, line=line, outside=bool(called)
        )
        self._failures: list[Failure] = []
        self._ringing: list[Leg] = []
        dialed = uri_of(event.request.uri)
        place = (called, "") if called else diversion.place_of(desk, dialed)
        secure = dialed.scheme == "sips"
        self._diversions = Diversions(desk, self, place, secure=secure)
        #: What may be a conference's, where there is no phone.
        self._perhaps: SipUri | None = None

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
                self._fail(Failure(480, "No Way Leads There"), then)
                return
            phone = Phone(str(way.target), flow, way.routes)
            leg = self._leg_to(Identity(self._person), phone)
            leg.way = way
            self._ring([leg], then)

        outside.find(self._desk, uri, found)

    # -- diversion.Caller ------------------------------------------------------

    @property
    def seeks(self) -> bool:
        """See `diversion.Caller`: a 6xx of one phone is the word of its person for all."""
        declined = any(failure.status >= 600 for failure in self._failures)
        pending = self._desk.endpoint.pending(self._event.transaction)
        return self._callee is None and not declined and pending

    def may_reach(self, entity: str, now: float) -> bool:
        """See `diversion.Caller`: whom the caller could call himself, but for himself."""
        del now
        return entity != self.caller

    def may_leave(self, entity: str, told: Allowed) -> None:
        """See `diversion.Caller`: as if the caller had dialed it."""

        def asked(answer: Answer, now: float) -> None:
            allowed = isinstance(answer, CallOutAsked) and answer.refusal is None
            told(allowed and self._line.may_leave(self), now)

        who = self._caller.identity
        self._desk.ask(lambda number: AskCallOut(number, entity, who), asked)

    def ring_at(self, entity: str, phones: list[Phone], now: float, way: Way | None = None) -> None:
        """See `diversion.Caller`; the caller hears that it goes on."""
        legs = [self._leg_to(Identity(entity), phone) for phone in phones]
        if way is not None:
            self.outside = True
            legs[0].way = way
        contact = self.contact_of(self._caller)
        self._desk.endpoint.respond(self._event.transaction, 181, now, contact=contact)
        self._ring(legs, now)

    def no_phones_at(self, uri: SipUri) -> None:
        """See `diversion.Caller`."""
        self._perhaps = self._perhaps or uri

    def search_ended(self, now: float) -> None:
        """See `diversion.Caller`."""
        self._settle(now)

    def _leg_to(self, person: Identity, phone: Phone) -> Leg:
        leg = _leg(self._desk, person, phone.flow, Joining.DIALED_OUT, endpoint=phone.uri)
        leg.routes, leg.agent, leg.spare = phone.routes, phone.agent, phone.next
        leg.hops = message.hops_left(self._event.request)
        return leg

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

    # -- room.Room -----------------------------------------------------------

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
        super().admitted(leg, now)

    def departed(self, leg: Leg, now: float) -> None:
        """With the last phone that rang the call has failed."""
        if leg in self._ringing:
            self._ringing.remove(leg)
            self._failed(leg, now)
        else:
            super().departed(leg, now)

    def freed(self, leg: Leg, now: float) -> None:
        """See `room.Room`: while somebody is looked for it is not over."""
        if len(self.calls) or not self._diversions.pending:
            super().freed(leg, now)

    def _failed(self, leg: Leg, now: float) -> None:
        """RFC 3261 16.7, steps 5 and 6: a 6xx ends the search, else the best goes back.

        It goes back at once: no phone that is silent, or slow to be cancelled, keeps the
        caller waiting, and whoever answers all the same is let go.
        """
        failure = Failure.of(leg.farewell)
        self._failures.append(failure)
        status = failure.status
        if status >= 600 and self._callee is None and self._ringing:
            declined = Farewell(Departure.FAILED, status=status, text="Declined elsewhere")
            for other in list(self._ringing):
                self.calls.hang_up(other, declined, now)
        if self.seeks:
            self._diversions.follow(leg.farewell.elsewhere, now)
        self._settle(now)

    def _settle(self, now: float) -> None:
        """With nobody left to ring or to be looked for, the best failure goes back."""
        if not self._desk.endpoint.pending(self._event.transaction):
            return
        if self.seeks and (self._ringing or self._diversions.pending):
            return
        if self._perhaps is not None and self.seeks:
            uri, self._perhaps = self._perhaps, None
            self._diversions.pending += 1
            self._line.lead_in(self, self._event, uri)
        elif self._callee is None:
            self._fail(failures.best(self._failures), now)

    def lead_nowhere(self, now: float) -> None:
        """See `person_call.Led`: it is no conference."""
        self._diversions.pending -= 1
        self._settle(now)

    @property
    def calling(self) -> Identity:
        """See `person_call.Led`."""
        return self._caller.identity

    def led(self) -> None:
        """See `person_call.Led`: the caller is the conference's from now on."""
        self._desk.cancels.pop(self._event.transaction, None)
        self._line.over(self)

    def _fail(self, why: Failure, now: float) -> None:
        self._desk.cancels.pop(self._event.transaction, None)
        self._desk.endpoint.respond(
            self._event.transaction, why.status, now, reason=why.reason, fields=why.fields
        )
        if not len(self.calls):
            self._line.over(self)


def _person_of(desk: Desk, event: RequestReceived) -> str:
    """Whose address an INVITE to this house names."""
    return desk.domain.uri(uri_of(event.request.uri).name.lower()).aor


def _caller_leg(desk: Desk, event: RequestReceived, who: Identity) -> Leg:
    endpoint = str(event.request.must(headers.CONTACT).uri)
    leg = _leg(desk, who, event.flow, Joining.DIALED_IN, endpoint=endpoint)
    leg.transaction, leg.request = event.transaction, event.request
    leg.private = privacy.wanted(event.request)
    return leg


def _leg(desk: Desk, who: Identity, flow: Flow, joining: Joining, *, endpoint: str) -> Leg:
    return Leg(
        id=LegId(desk.tokens.opaque()),
        identity=who,
        display_text=who.display_name,
        flow=flow,
        joining=joining,
        transaction=None,
        request=None,
        endpoint=endpoint,
    )

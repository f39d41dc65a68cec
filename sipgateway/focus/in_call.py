"""What a phone sends in its call: BYE, re-INVITE, UPDATE, INFO and the ACK to our 200."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sipgateway.focus import answers
from sipgateway.focus.desk import Desk
from sipgateway.focus.events import Answer, Negotiated
from sipgateway.focus.leg import TALKING, Farewell, Input, Leg, State
from sipgateway.focus.negotiation import Negotiation, failure
from sipgateway.focus.presses import Way
from sipgateway.focus.room import Legs
from sipgateway.focus.roster import Departure
from sipgateway.focus.session_timer import SessionTimer
from sipgateway.sip.endpoint import Body
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.message import Request


class InCall:
    """See the module."""

    def __init__(
        self, desk: Desk, legs: Legs, negotiation: Negotiation, timer: SessionTimer
    ) -> None:
        self._desk = desk
        self._legs = legs
        self._negotiation = negotiation
        self._timer = timer

    def request_came(self, event: RequestReceived, leg: Leg, now: float) -> bool:
        """Answer what concerns the call; False for what does not."""
        leg.flow, leg.flow_gone = event.flow, False
        self._negotiation.lives(leg, now)
        handler = _IN_DIALOG.get(event.request.method)
        if handler is None:
            return False
        handler(self, event, leg, now)
        return True

    def _bye(self, event: RequestReceived, leg: Leg, now: float) -> None:
        leg.transaction = event.transaction
        if leg.state in TALKING:
            leg.farewell = Farewell(Departure.DEPARTED)
        self._legs.feed(leg, Input.BYE_CAME, now)

    def _reinvite_came(self, event: RequestReceived, leg: Leg, now: float) -> None:
        """Hold, resume, moved, or a session refresh."""
        if leg.state not in TALKING:
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        if self._refused(event, leg, now):
            return
        self._desk.cancels[event.transaction] = lambda then: self._cancelled(event, then)

        def done(leg: Leg, answer: Answer, then: float) -> None:
            self._desk.cancels.pop(event.transaction, None)
            self._agree(event, leg, answer, then)

        self._negotiation.negotiate(leg, event.request.body_as("application/sdp"), done)

    def _refused(self, event: RequestReceived, leg: Leg, now: float) -> bool:
        """What may not be taken now: two offers at a time, too short a session.

        RFC 3311 5.2: an offer of ours that waits for its answer, in the ACK, is in
        the way of another, be it his or ours.
        """
        request = event.request
        offers = request.method == "INVITE" or bool(request.body_as("application/sdp"))
        if leg.offered and offers:
            self._desk.endpoint.respond(event.transaction, 491, now)
            return True
        fields = self._timer.objection(request)
        if fields is not None:
            self._desk.endpoint.respond(event.transaction, 422, now, fields=fields)
        return fields is not None

    def _cancelled(self, event: RequestReceived, now: float) -> None:
        self._desk.endpoint.respond(event.transaction, 487, now)

    def _update(self, event: RequestReceived, leg: Leg, now: float) -> None:
        """RFC 3311; a browser refreshes its session by one without a description."""
        if self._refused(event, leg, now):
            return
        offer = event.request.body_as("application/sdp")
        if offer:
            self._negotiation.negotiate(
                leg, offer, lambda leg, answer, then: self._agree(event, leg, answer, then)
            )
            return
        fields = self._timer.grant(leg, event.request, now)
        contact = self._legs.room.contact_of(leg)
        self._desk.endpoint.respond(event.transaction, 200, now, fields=fields, contact=contact)

    def _agree(self, event: RequestReceived, leg: Leg, answer: Answer, now: float) -> None:
        """Answer a re-INVITE or UPDATE with what the engine says."""
        if not isinstance(answer, Negotiated):
            status, reason = failure(answer)
            fields = answers.warning_fields(status, reason, self._desk.domain.host)
            self._desk.endpoint.respond(
                event.transaction, status, now, reason=reason, fields=fields
            )
            return
        self._negotiation.described(leg, answer, now)
        sent = self._desk.endpoint.respond(
            event.transaction,
            200,
            now,
            fields=(*answers.CAPABILITIES, *self._timer.grant(leg, event.request, now)),
            body=Body.sdp(answer.description.sdp),
            contact=self._legs.room.contact_of(leg),
        )
        if sent is not None and not event.request.body_as("application/sdp"):
            leg.offered = True  # and it was not cancelled meanwhile

    def _info(self, event: RequestReceived, leg: Leg, now: float) -> None:
        """Digits by INFO, from phones that cannot send RFC 4733; packages we have none of."""
        if event.request.get("info-package") is not None:  # RFC 6086 4.2.2
            self._desk.endpoint.respond(event.transaction, 469, now, fields=(("Recv-Info", ""),))
            return
        self._desk.endpoint.respond(event.transaction, 200, now)
        digit = _info_digit(event.request)
        if digit and leg.presses.is_new(digit, Way.INFO, now):
            self._legs.room.keyed(leg, digit, now)

    def ack_came(self, ack: Request, leg: Leg, now: float) -> None:
        """The ACK to a 2xx of ours; its body may be the answer that is owed."""
        leg.flow_gone = False
        answer = ack.body_as("application/sdp")
        described = leg.state is State.ANSWERED and not leg.offered
        if leg.offered:
            leg.offered = False
            if answer:
                self._negotiation.accept(leg, answer)
            else:
                bye = Farewell(Departure.FAILED, status=488, text="No description came")
                self._legs.hang_up(leg, bye, now)
        self._legs.feed(leg, Input.ACKED, now)
        if described and leg.media_lost:  # since, by a mixer that has died
            self._negotiation.reinvite(leg)

    def ack_missing(self, leg: Leg, now: float) -> None:
        """It never came."""
        if leg.state in TALKING:  # else it has a reason to go already
            leg.farewell = Farewell(Departure.FAILED, status=408, text="No ACK came")
        self._legs.feed(leg, Input.ACK_MISSING, now)


def _info_digit(request: Request) -> str:
    """The digit of ``application/dtmf-relay`` or ``application/dtmf``, or ""."""
    relay = request.body_as("application/dtmf-relay")
    for line in relay.splitlines():
        name, _, value = line.partition("=")
        if name.strip().lower() == "signal":
            return value.strip()[:1]
    return request.body_as("application/dtmf").strip()[:1]


_IN_DIALOG: Mapping[str, Callable[[InCall, RequestReceived, Leg, float], None]] = {
    "BYE": InCall._bye,
    "INVITE": InCall._reinvite_came,
    "UPDATE": InCall._update,
    "INFO": InCall._info,
}

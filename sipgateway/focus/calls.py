"""The legs of one room: their SIP and their media.

`Calls` does what a leg's table says, answers what phones send in their
dialogs, and has descriptions negotiated. What a leg is for (a conference, an
application) is its `Room`'s business, which is told of every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from sipgateway.focus import answers
from sipgateway.focus.actions import AcceptAnswer, AnswerOffer, DropMedia, MakeOffer
from sipgateway.focus.desk import Desk, DialogOwner, uri_of
from sipgateway.focus.events import Answer, Negotiated, NegotiationFailed
from sipgateway.focus.leg import (
    LONGEST_GOODBYE,
    TALKING,
    Effect,
    Farewell,
    Input,
    Leg,
    State,
)
from sipgateway.focus.pulse import Pulse
from sipgateway.focus.roster import Departure
from sipgateway.focus.session_timer import SessionTimer
from sipgateway.media.engine import (
    DigitKeyed,
    LegId,
    LegKind,
    LegLost,
    LegSilent,
    MediaEvent,
    RoomId,
    Session,
    Speaking,
)
from sipgateway.sip import headers, timers
from sipgateway.sip.endpoint import Body, Fields
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
    ResponseReceived,
)
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request
from sipgateway.sip.uri import SipUri

GONE_AFTER = 10.0
"""Seconds without media after which a phone whose connection is gone is gone too."""
SILENT_AFTER = 25.0
"""Seconds without media or STUN consent (RFC 7675: 30) after which a browser is gone."""
RETRY_GLARE = 2.1
"""Seconds before our re-INVITE is tried again after 491 (RFC 3261 14.1)."""


class Room(DialogOwner, Protocol):
    """What the legs are for."""

    def contact_of(self, leg: Leg) -> NameAddr:
        """The one Contact of everything we send to a leg."""

    def caller_of(self, leg: Leg) -> NameAddr:
        """Who calls, when we call a phone: the From of our INVITE."""

    @property
    def session(self) -> Session:
        """The session-level lines of our descriptions."""

    @property
    def media_room(self) -> RoomId | None:
        """Where legs are placed, None where that is not known beforehand."""

    def admitted(self, leg: Leg, now: float) -> None:
        """The call stands: into the room, or to whatever comes before it."""

    def ringing(self, leg: Leg, status: int, now: float) -> None:
        """The phone that we call has told progress."""

    def silenced(self, leg: Leg, now: float) -> None:
        """The leg is about to go: out of the room at once."""

    def renegotiated(self, leg: Leg, now: float) -> None:
        """Its direction or its source may have changed."""

    def departed(self, leg: Leg, now: float) -> None:
        """The call is over."""

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """Somebody pressed a key."""

    def freed(self, leg: Leg, now: float) -> None:
        """Nothing is left of the leg."""


_Done = Callable[[Leg, Answer, float], None]


class Calls:
    """See the module."""

    def __init__(self, desk: Desk, room: Room) -> None:
        self._desk = desk
        self._room = room
        self._legs: dict[LegId, Leg] = {}
        self._by_dialog: dict[DialogId, Leg] = {}
        self._timer = SessionTimer(desk, self._session_died)
        self._pulse = Pulse(desk, self._fell_silent)

    def __iter__(self) -> Iterator[Leg]:
        return iter(list(self._legs.values()))

    def __len__(self) -> int:
        return len(self._legs)

    def __contains__(self, dialog: DialogId) -> bool:
        return dialog in self._by_dialog

    def get(self, leg: LegId) -> Leg | None:
        """The leg of that id."""
        return self._legs.get(leg)

    def by_dialog(self, dialog: DialogId | None) -> Leg | None:
        """The leg whose dialog that is."""
        return self._by_dialog.get(dialog) if dialog is not None else None

    # -- coming and going ----------------------------------------------------

    def timer_objection(self, request: Request) -> Fields | None:
        """The fields of a 422, if the session interval is too small."""
        return self._timer.objection(request)

    def dial_in(self, leg: Leg) -> None:
        """Take a call: have its offer answered."""
        self._keep(leg)
        transaction, request = leg.transaction, leg.request
        if transaction is None or request is None:
            return
        self._desk.cancels[transaction] = lambda now: self.feed(leg, Input.CANCELLED, now)
        self._negotiate(leg, request.body_as("application/sdp"), self._negotiated)

    def dial_out(self, leg: Leg) -> None:
        """Make a call: have an offer made, then send the INVITE to the leg's endpoint."""
        leg.state = State.OFFERING
        self._keep(leg)
        self._negotiate(leg, "", self._negotiated)
        leg.offered = False

    def _keep(self, leg: Leg) -> None:
        self._legs[leg.id] = leg
        self._desk.legs[leg.id] = self

    def hang_up(self, leg: Leg, farewell: Farewell, now: float) -> None:
        """Let a leg go, with the reason that the phone and the roster are told."""
        if leg.present:
            leg.farewell = farewell
            self.feed(leg, Input.HANG_UP, now)

    def hand_over(self, leg: Leg, to: Calls) -> None:
        """The leg's call goes on in another room."""
        self._legs.pop(leg.id, None)
        to._keep(leg)
        if leg.dialog is not None:
            self._by_dialog.pop(leg.dialog, None)
            to._by_dialog[leg.dialog] = leg
            self._desk.own(leg.dialog, to._room)
            if (dialog := self._desk.endpoint.dialog(leg.dialog)) is not None:
                dialog.contact = to._room.contact_of(leg)

    def feed(self, leg: Leg, what: Input, now: float) -> None:
        """Take a step of the leg's table and do what it says."""
        effects = leg.feed(what)
        for effect in effects:
            _EFFECTS[effect](self, leg, now)
        if Effect.FREE in effects:
            self._room.freed(leg, now)

    # -- requests in dialogs -------------------------------------------------

    def request_came(self, event: RequestReceived, leg: Leg, now: float) -> bool:
        """Answer what concerns the call; False for what does not."""
        leg.flow, leg.flow_gone = event.flow, False
        handler = _IN_DIALOG.get(event.request.method)
        if handler is None:
            return False
        handler(self, event, leg, now)
        return True

    def _bye(self, event: RequestReceived, leg: Leg, now: float) -> None:
        leg.transaction = event.transaction
        if leg.state in TALKING:
            leg.farewell = Farewell(Departure.DEPARTED)
        self.feed(leg, Input.BYE_CAME, now)

    def _reinvite_came(self, event: RequestReceived, leg: Leg, now: float) -> None:
        """Hold, resume, moved, or a session refresh."""
        if leg.state not in TALKING:
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        self._desk.cancels[event.transaction] = lambda then: self._cancelled(event, then)

        def done(leg: Leg, answer: Answer, then: float) -> None:
            self._desk.cancels.pop(event.transaction, None)
            self._agree(event, leg, answer, then)

        self._negotiate(leg, event.request.body_as("application/sdp"), done)

    def _cancelled(self, event: RequestReceived, now: float) -> None:
        self._desk.endpoint.respond(event.transaction, 487, now)

    def _update(self, event: RequestReceived, leg: Leg, now: float) -> None:
        """RFC 3311; a browser refreshes its session by one without a description."""
        offer = event.request.body_as("application/sdp")
        if offer:
            self._negotiate(
                leg, offer, lambda leg, answer, then: self._agree(event, leg, answer, then)
            )
            return
        fields = self._timer.grant(leg, event.request, now)
        contact = self._room.contact_of(leg)
        self._desk.endpoint.respond(event.transaction, 200, now, fields=fields, contact=contact)

    def _agree(self, event: RequestReceived, leg: Leg, answer: Answer, now: float) -> None:
        """Answer a re-INVITE or UPDATE with what the engine says."""
        if not isinstance(answer, Negotiated):
            status, reason = failure(answer)
            self._desk.endpoint.respond(event.transaction, status, now, reason=reason)
            return
        self._described(leg, answer, now)
        self._desk.endpoint.respond(
            event.transaction,
            200,
            now,
            fields=(*answers.CAPABILITIES, *self._timer.grant(leg, event.request, now)),
            body=Body.sdp(answer.description.sdp),
            contact=self._room.contact_of(leg),
        )

    def _info(self, event: RequestReceived, leg: Leg, now: float) -> None:
        """Digits by INFO (RFC 6086), from phones that cannot send RFC 4733."""
        self._desk.endpoint.respond(event.transaction, 200, now)
        digit = _info_digit(event.request)
        if digit:
            self._room.keyed(leg, digit, now)

    def ack_came(self, event: AckReceived, now: float) -> None:
        """The ACK to a 2xx of ours; its body may be the answer that is owed."""
        leg = self._by_dialog.get(event.dialog)
        if leg is None:
            return
        leg.flow_gone = False
        answer = event.request.body_as("application/sdp")
        if leg.offered:
            leg.offered = False
            if answer:
                self._accept(leg, answer)
            else:
                self.hang_up(leg, Farewell(Departure.FAILED, status=488, text="No answer"), now)
        self.feed(leg, Input.ACKED, now)

    def ack_missing(self, event: AckMissing, now: float) -> None:
        """It never came."""
        leg = self._by_dialog.get(event.dialog)
        if leg is not None:
            if leg.state is State.ANSWERED:  # else it has a reason to go already
                leg.farewell = Farewell(Departure.FAILED, status=408, text="No ACK came")
            self.feed(leg, Input.ACK_MISSING, now)

    def flow_closed(self, event: FlowClosed) -> None:
        """A connection is gone; its phones may come back by another."""
        for leg in self._legs.values():
            if leg.flow.id == event.flow:
                leg.flow_gone = True

    def moved(self, entity: str, contact: SipUri, flow: Flow) -> None:
        """A phone has registered anew: what lost its flow goes on by the new one."""
        for dialog, leg in self._by_dialog.items():
            if leg.identity.uri == entity and leg.flow_gone and same_device(leg.endpoint, contact):
                leg.flow, leg.flow_gone = flow, False
                self._desk.endpoint.move(dialog, flow)

    # -- media ---------------------------------------------------------------

    def _negotiate(self, leg: Leg, offer: str, done: _Done) -> None:
        """Have the phone's offer answered, or make one where it sent none (RFC 3261 13.2.1)."""
        session, room = self._room.session, self._room.media_room
        leg.offered = not offer
        if offer:
            self._desk.ask(
                lambda number: AnswerOffer(number, leg.id, offer, session, room),
                lambda answer, now: done(leg, answer, now),
            )
            return
        kind = LegKind.WEBRTC if leg.flow.web else LegKind.RTP
        self._desk.ask(
            lambda number: MakeOffer(number, leg.id, kind, session, room),
            lambda answer, now: done(leg, answer, now),
        )

    def _negotiated(self, leg: Leg, answer: Answer, now: float) -> None:
        if isinstance(answer, Negotiated):
            leg.sdp = answer.description.sdp
            leg.direction, leg.source = answer.description.direction, answer.description.source
            self.feed(leg, Input.NEGOTIATED, now)
            return
        status, reason = failure(answer)
        leg.farewell = Farewell(Departure.FAILED, status=status, reason=reason)
        self.feed(leg, Input.NOT_NEGOTIATED, now)

    def _accept(self, leg: Leg, sdp: str) -> None:
        def done(answer: Answer, now: float) -> None:
            if isinstance(answer, Negotiated):
                leg.media_lost = False
                self._described(leg, answer, now)
                return
            _, reason = failure(answer)
            self.hang_up(leg, Farewell(Departure.FAILED, status=488, text=reason), now)

        self._desk.ask(lambda number: AcceptAnswer(number, leg.id, sdp), done)

    def _described(self, leg: Leg, answer: Negotiated, now: float) -> None:
        leg.direction, leg.source = answer.description.direction, answer.description.source
        self._room.renegotiated(leg, now)

    def media_happened(self, event: MediaEvent, now: float) -> None:
        """See `desk.LegOwner`."""
        leg = None if isinstance(event, Speaking) else self._legs.get(event.leg)
        if leg is None:
            return
        if isinstance(event, DigitKeyed):
            self._room.keyed(leg, event.digit, now)
        elif isinstance(event, LegSilent):
            self._silent(leg, event.seconds, now)
        elif isinstance(event, LegLost):
            self._media_lost(leg, now)

    def _silent(self, leg: Leg, seconds: float, now: float) -> None:
        gone = leg.flow_gone and seconds >= GONE_AFTER
        if gone or (leg.flow.web and seconds >= SILENT_AFTER):
            self._fell_silent(leg, now)
        elif not leg.flow.web:
            self._pulse.silent(leg, now)

    def _fell_silent(self, leg: Leg, now: float) -> None:
        text = "Nothing was heard from the phone any more"
        self.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)

    def _media_lost(self, leg: Leg, now: float) -> None:
        """Renegotiate; a phone whose connection is gone as well is gone."""
        leg.media_lost = True
        if leg.flow_gone:
            text = "The phone went away"
            self.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)
        else:
            self.reinvite(leg)

    def reinvite(self, leg: Leg) -> None:
        """Re-INVITE with an offer of ours and the room's Contact.

        For a leg whose media was lost, and for one that is now in another room
        (draft 4.3, 4.9: the Contact becomes the conference URI).
        """
        if leg.state is not State.CONNECTED or leg.dialog is None or leg.reinvite is not None:
            return

        def offered(leg: Leg, answer: Answer, now: float) -> None:
            leg.offered = False
            if leg.state is not State.CONNECTED or leg.dialog is None:
                return
            if not isinstance(answer, Negotiated):
                _, reason = failure(answer)
                self.hang_up(leg, Farewell(Departure.FAILED, status=503, text=reason), now)
                return
            leg.source = answer.description.source
            body = Body.sdp(answer.description.sdp)
            leg.reinvite = self._desk.endpoint.request_in_dialog(
                leg.dialog, "INVITE", now, fields=answers.CAPABILITIES, body=body
            )
            self._desk.replies[leg.reinvite] = lambda reply, at: self._reinvited(leg, reply, at)

        self._negotiate(leg, "", offered)

    def _reinvited(self, leg: Leg, reply: ResponseReceived, now: float) -> None:
        status = reply.response.status
        if status < 200 or leg.dialog is None:
            return
        leg.reinvite = None
        if leg.dialog not in self._by_dialog:
            return  # he hung up meanwhile
        if status == 491:
            self._desk.later(now + RETRY_GLARE, lambda _: self.reinvite(leg))
        elif status < 300:
            self._desk.endpoint.acknowledge(leg.dialog, reply.request.must(headers.CSEQ).number)
            self._accept(leg, reply.response.body_as("application/sdp"))
        elif status in {408, 481} or leg.media_lost:
            self.hang_up(leg, Farewell(Departure.FAILED, status=status), now)

    def _session_died(self, leg: Leg, now: float) -> None:
        text = "The session was not refreshed"
        self.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)

    # -- effects -------------------------------------------------------------

    def _answer(self, leg: Leg, now: float) -> None:
        if leg.transaction is None or leg.request is None:
            return
        timer = self._timer.grant(leg, leg.request, now)
        fields = (*answers.CAPABILITIES, *leg.extra, *timer)
        body, contact = Body.sdp(leg.sdp), self._room.contact_of(leg)
        leg.dialog = self._desk.endpoint.respond(
            leg.transaction, 200, now, fields=fields, body=body, contact=contact
        )
        self._desk.cancels.pop(leg.transaction, None)
        self._bind(leg)

    def _bind(self, leg: Leg) -> None:
        if leg.dialog is not None:
            self._by_dialog[leg.dialog] = leg
            self._desk.own(leg.dialog, self._room)

    def _refuse(self, leg: Leg, now: float) -> None:
        if leg.transaction is None:
            return
        self._desk.cancels.pop(leg.transaction, None)
        status = leg.farewell.status if leg.farewell.status >= 300 else 480
        reason, fields = leg.farewell.reason, _reason_fields(leg, status)
        self._desk.endpoint.respond(leg.transaction, status, now, reason=reason, fields=fields)

    def _terminate(self, leg: Leg, now: float) -> None:
        if leg.transaction is not None:
            self._desk.cancels.pop(leg.transaction, None)
            self._desk.endpoint.respond(leg.transaction, 487, now)

    def _call(self, leg: Leg, now: float) -> None:
        """RFC 4579 5.2: INVITE with the conference URI and isfocus in Contact."""
        target = NameAddr(uri_of(leg.identity.uri))
        fields: list[tuple[str, str]] = list(answers.CAPABILITIES)
        if leg.referred_by:
            fields.append(("Referred-By", f"<{leg.referred_by}>"))
        leg.transaction = self._desk.endpoint.request(
            "INVITE",
            leg.endpoint,
            now,
            flow=leg.flow,
            from_=self._room.caller_of(leg),
            to=target,
            contact=self._room.contact_of(leg),
            fields=tuple(fields),
            body=Body.sdp(leg.sdp),
        )
        self._desk.replies[leg.transaction] = lambda reply, then: self._called(leg, reply, then)

    def _called(self, leg: Leg, reply: ResponseReceived, now: float) -> None:
        status = reply.response.status
        if status < 200:
            self._room.ringing(leg, status, now)
            return
        if status >= 300:
            busy = status in {486, 600}
            if leg.state is State.CALLING:
                method = Departure.BUSY if busy else Departure.FAILED
                leg.farewell = Farewell(method, status=status, reason=reply.response.reason)
            self.feed(leg, Input.DECLINED, now)
            return
        if leg.dialog is not None and reply.dialog != leg.dialog:
            self._another_answer(reply, now)
            return
        leg.dialog, leg.request = reply.dialog, reply.request
        self._bind(leg)
        self.feed(leg, Input.ACCEPTED, now)
        answer = reply.response.body_as("application/sdp")
        if answer:
            self._accept(leg, answer)
        else:
            self.hang_up(leg, Farewell(Departure.FAILED, status=488, text="No answer"), now)

    def _another_answer(self, reply: ResponseReceived, now: float) -> None:
        """A proxy forked our INVITE and two phones answered: the second is let go."""
        if reply.dialog is None:
            return
        self._desk.endpoint.acknowledge(reply.dialog, reply.request.must(headers.CSEQ).number)
        self._desk.endpoint.request_in_dialog(reply.dialog, "BYE", now)
        self._desk.disown(reply.dialog)

    def _cancel(self, leg: Leg, now: float) -> None:
        if leg.transaction is not None:
            fields = _reason_fields(leg, leg.farewell.status)
            self._desk.endpoint.cancel(leg.transaction, now, fields=fields)
            # A phone that answers neither is taken for gone (RFC 3261 9.1).
            gone = now + timers.GIVE_UP
            self._desk.later(gone, lambda then: self.feed(leg, Input.DECLINED, then))

    def _acknowledge(self, leg: Leg, now: float) -> None:
        del now
        if leg.dialog is not None and leg.request is not None:
            cseq = leg.request.must(headers.CSEQ).number
            self._desk.endpoint.acknowledge(leg.dialog, cseq)

    def _admit(self, leg: Leg, now: float) -> None:
        self._room.admitted(leg, now)

    def _silence(self, leg: Leg, now: float) -> None:
        self._room.silenced(leg, now)

    def _say_bye(self, leg: Leg, now: float) -> None:
        if leg.dialog is None:
            return
        fields = _reason_fields(leg, leg.farewell.status)
        sent = self._desk.endpoint.request_in_dialog(leg.dialog, "BYE", now, fields=fields)

        def answered(reply: ResponseReceived, then: float) -> None:
            if reply.response.status >= 200:
                self.feed(leg, Input.BYE_ANSWERED, then)

        self._desk.replies[sent] = answered
        patience = now + LONGEST_GOODBYE
        self._desk.later(patience, lambda then: self.feed(leg, Input.BYE_ANSWERED, then))

    def _confirm_bye(self, leg: Leg, now: float) -> None:
        if leg.transaction is not None:
            self._desk.endpoint.respond(leg.transaction, 200, now)

    def _depart(self, leg: Leg, now: float) -> None:
        self._room.departed(leg, now)

    def _free(self, leg: Leg, now: float) -> None:
        del now
        self._desk.act(DropMedia(leg.id))
        self._legs.pop(leg.id, None)
        self._desk.legs.pop(leg.id, None)
        if leg.dialog is not None:
            self._by_dialog.pop(leg.dialog, None)
            self._room.usage_ended(leg.dialog)


def failure(answer: Answer) -> tuple[int, str]:
    """Status and reason of an answer that is none."""
    if isinstance(answer, NegotiationFailed):
        return answer.status, answer.reason
    return 500, ""


def same_device(endpoint: str, contact: SipUri) -> bool:
    """Whether two Contacts are of the same phone, whatever their parameters."""
    here = uri_of(endpoint)
    return (here.name, here.hostport) == (contact.name, contact.hostport)


def _reason_fields(leg: Leg, status: int) -> Fields:
    text = leg.farewell.text
    return (("Reason", answers.reason_value(status, text)),) if text else ()


def _info_digit(request: Request) -> str:
    """The digit of ``application/dtmf-relay`` or ``application/dtmf``, or ""."""
    relay = request.body_as("application/dtmf-relay")
    for line in relay.splitlines():
        name, _, value = line.partition("=")
        if name.strip().lower() == "signal":
            return value.strip()[:1]
    return request.body_as("application/dtmf").strip()[:1]


_IN_DIALOG: Mapping[str, Callable[[Calls, RequestReceived, Leg, float], None]] = {
    "BYE": Calls._bye,
    "INVITE": Calls._reinvite_came,
    "UPDATE": Calls._update,
    "INFO": Calls._info,
}
_EFFECTS: Mapping[Effect, Callable[[Calls, Leg, float], None]] = {
    Effect.ANSWER: Calls._answer,
    Effect.REFUSE: Calls._refuse,
    Effect.TERMINATE: Calls._terminate,
    Effect.CALL: Calls._call,
    Effect.CANCEL: Calls._cancel,
    Effect.ACKNOWLEDGE: Calls._acknowledge,
    Effect.ADMIT: Calls._admit,
    Effect.SILENCE: Calls._silence,
    Effect.SAY_BYE: Calls._say_bye,
    Effect.CONFIRM_BYE: Calls._confirm_bye,
    Effect.DEPART: Calls._depart,
    Effect.FREE: Calls._free,
}

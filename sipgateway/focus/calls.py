"""The legs of one room: does what a leg's table says.

What phones send in their dialogs is answered by `InCall`, media are agreed by
`Negotiation`. What a leg is for (a conference, an application) is its
`Room`'s business, which is told of every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sipgateway.focus import answers, failures, inviting, messages, privacy
from sipgateway.focus.actions import DropMedia
from sipgateway.focus.announcer import say_then
from sipgateway.focus.desk import Desk
from sipgateway.focus.in_call import InCall
from sipgateway.focus.inviting import Inviting
from sipgateway.focus.leg import (
    LONGEST_GOODBYE,
    LONGEST_WORDS,
    TALKING,
    Effect,
    Farewell,
    Input,
    Leg,
    State,
)
from sipgateway.focus.negotiation import Negotiation
from sipgateway.focus.reconnecting import Reconnecting
from sipgateway.focus.room import Room
from sipgateway.focus.roster import Departure
from sipgateway.focus.session_timer import SessionTimer
from sipgateway.media.engine import LegId
from sipgateway.sip import headers, timers
from sipgateway.sip.endpoint import Body, Fields
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    DialogId,
    RequestReceived,
    ResponseReceived,
)
from sipgateway.sip.message import Request, Response


class Calls:
    """See the module."""

    def __init__(self, desk: Desk, room: Room) -> None:
        self._desk = desk
        self._room = room
        self._legs: dict[LegId, Leg] = {}
        self._by_dialog: dict[DialogId, Leg] = {}
        self._timer = SessionTimer(desk, self._session_died, self._refresh)
        self._negotiation = Negotiation(desk, self, self._timer.agreed)
        self._inviting = Inviting(desk, room, self)
        self._in_call = InCall(desk, self, self._negotiation, self._timer)
        #: Legs whose connection is gone, and found again.
        self.reconnecting = Reconnecting(desk, self, self.reinvite)

    @property
    def room(self) -> Room:
        """See `room.Legs`."""
        return self._room

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
        offer = request.body_as("application/sdp")
        leg.offered = not offer
        self._negotiation.negotiate(leg, offer, self._negotiation.first)

    def dial_out(self, leg: Leg) -> None:
        """Make a call: have an offer made, then send the INVITE to the leg's endpoint."""
        leg.state = State.OFFERING
        self._keep(leg)
        self._negotiation.negotiate(leg, "", self._negotiation.first)

    def _keep(self, leg: Leg) -> None:
        self._legs[leg.id] = leg
        self._desk.legs[leg.id] = self._negotiation

    def hang_up(self, leg: Leg, farewell: Farewell, now: float) -> None:
        """Let a leg go, with the reason that the phone and the roster are told.

        A phone without a page that hears us is told by a last word, too; one that
        listens to that is cut short by a farewell that has none.
        """
        if leg.state is State.PARTING and not farewell.words:
            self.feed(leg, Input.HANG_UP, now)
        if not leg.present:
            return
        leg.farewell = farewell
        listens = leg.media and not leg.flow.web and not leg.flow_gone
        speak = bool(farewell.words) and listens and leg.state is State.CONNECTED
        self.feed(leg, Input.PART if speak else Input.HANG_UP, now)

    def turn_away(self, leg: Leg, farewell: Farewell) -> None:
        """Refuse a call, but have its offer answered first so that the caller hears why."""
        leg.state, leg.farewell = State.REFUSING, farewell
        self.dial_in(leg)

    def inquire(self, leg: Leg) -> None:
        """Take a call, but have it answered only once it is handed over to what it is for."""
        leg.state = State.INQUIRING
        self.dial_in(leg)

    def repeat_progress(self, leg: Leg, now: float) -> None:
        """Proxies give up a call that says nothing for minutes (RFC 3261 13.3.1.1)."""
        if leg.state is State.SETTING_UP:
            self._say_progress(leg, now)

    def hand_over(self, leg: Leg, to: Calls) -> None:
        """The leg's call goes on in another room."""
        self._legs.pop(leg.id, None)
        to._keep(leg)
        to._timer.take_over(leg)
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
        if effects:
            self._desk.stepped(now)

    # -- what comes from the phones ------------------------------------------

    def request_came(self, event: RequestReceived, leg: Leg, now: float) -> bool:
        """Answer what concerns the call; False for what does not."""
        moved = leg.flow != event.flow
        concerned = self._in_call.request_came(event, leg, now)
        if moved:
            self.reconnecting.relocated(leg, now)
        return concerned

    def ack_came(self, event: AckReceived, now: float) -> None:
        """The ACK to a 2xx of ours."""
        leg = self._by_dialog.get(event.dialog)
        if leg is not None:
            self._in_call.ack_came(event.request, leg, now)

    def ack_missing(self, event: AckMissing, now: float) -> None:
        """It never came."""
        leg = self._by_dialog.get(event.dialog)
        if leg is not None:
            self._in_call.ack_missing(leg, now)

    def reinvite(self, leg: Leg) -> None:
        """Offer a new description, with the room's Contact (draft 4.3, 4.9)."""
        self._negotiation.reinvite(leg)

    def _refresh(self, leg: Leg, fields: Fields) -> None:
        if leg.id in self._legs:  # else it has gone to another room
            self._negotiation.reinvite(leg, fields)

    def _session_died(self, leg: Leg, now: float) -> None:
        if leg.id not in self._legs:
            return
        text = "The session was not refreshed"
        self.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)

    def texted(self, *, besides: str) -> list[Leg]:
        """Whom a text reaches: each phone once, however many calls it has; not `besides`."""
        phones = {
            (leg.identity.uri, leg.endpoint, leg.flow.id): leg
            for leg in self
            if leg.texted and leg.identity.uri != besides
        }
        return list(phones.values())

    # -- from one process to another -------------------------------------------

    def resume(self, leg: Leg, dialog: DialogId) -> None:
        """Go on with a leg of another process, in a dialog that was made again."""
        leg.dialog = dialog
        self._keep(leg)
        self._bind(leg)

    def abandon(self, now: float) -> None:
        """Let go of all legs: who is in goes on in another process, who is not calls again."""
        for leg in self:
            self.abandon_one(leg, now)

    def abandon_one(self, leg: Leg, now: float) -> None:
        """Let go of one."""
        if not (leg.joined or leg.kept):
            self._turn_away(leg, now)
        leg.state = State.GONE
        self._desk.act(DropMedia(leg.id))
        self._legs.pop(leg.id, None)
        self._desk.legs.pop(leg.id, None)
        if leg.dialog is not None:
            self._by_dialog.pop(leg.dialog, None)
            self._desk.disown(leg.dialog)

    def _turn_away(self, leg: Leg, now: float) -> None:
        """A call that no other process knows of; nothing is recorded of it."""
        if leg.state is State.NEGOTIATING and leg.transaction is not None:
            self._desk.cancels.pop(leg.transaction, None)
            self._desk.unavailable(leg.transaction, now)
        elif leg.state is State.CALLING and leg.transaction is not None:
            self._desk.endpoint.cancel(leg.transaction, now)
        elif leg.state in TALKING and leg.dialog is not None:
            fields = (("Reason", answers.reason_value(503, "Please call again")),)
            self._desk.endpoint.request_in_dialog(leg.dialog, "BYE", now, fields=fields)

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
        reason = leg.farewell.reason
        warning = answers.warning_fields(status, reason, self._desk.domain.host)
        fields = (*_reason_fields(leg, status), *leg.farewell.fields, *warning)
        self._desk.endpoint.respond(leg.transaction, status, now, reason=reason, fields=fields)

    def _progress(self, leg: Leg, now: float) -> None:
        """183 with the description: early media (RFC 3960 2)."""
        self._say_progress(leg, now)
        self._room.progressed(leg, now)

    def _say_progress(self, leg: Leg, now: float) -> None:
        if leg.transaction is not None:
            fields = (*answers.CAPABILITIES, *leg.extra)
            body, contact = Body.sdp(leg.sdp), self._room.contact_of(leg)
            self._desk.endpoint.respond(
                leg.transaction, 183, now, fields=fields, body=body, contact=contact
            )

    def _speak(self, leg: Leg, now: float) -> None:
        words, until = leg.farewell.words, now + LONGEST_WORDS
        say_then(self._desk, leg, words, lambda then: self.feed(leg, Input.SAID, then), until=until)

    def _terminate(self, leg: Leg, now: float) -> None:
        if leg.transaction is not None:
            self._desk.cancels.pop(leg.transaction, None)
            self._desk.endpoint.respond(leg.transaction, 487, now)

    def _call(self, leg: Leg, now: float) -> None:
        self._inviting.call(leg, now)

    def progressed(self, leg: Leg, status: int, now: float) -> None:
        """See `inviting.Outcome`."""
        self._room.ringing(leg, status, now)

    def declined(self, leg: Leg, response: Response, now: float) -> None:
        """See `inviting.Outcome`."""
        if leg.state is State.CALLING:
            leg.farewell = failures.farewell(response, self._desk.domain.host)
        self.feed(leg, Input.DECLINED, now)

    def accepted(self, leg: Leg, reply: ResponseReceived, now: float) -> None:
        """See `inviting.Outcome`."""
        leg.dialog, leg.request = reply.dialog, reply.request
        leg.private = privacy.wanted(reply.response)
        leg.takes_texts = messages.taken(reply.response)
        self._bind(leg)
        self.feed(leg, Input.ACCEPTED, now)
        self._timer.agreed(leg, reply.response, now)
        # RFC 6337 2.1: the answer may have come in a reliable provisional response.
        early = leg.early.get(reply.dialog, "") if reply.dialog is not None else ""
        answer = reply.response.body_as("application/sdp") or early
        if answer:
            self._negotiation.accept(leg, answer)
        else:
            self.hang_up(
                leg,
                Farewell(Departure.FAILED, status=488, text="No description came"),
                now,
            )

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
            if (again := inviting.proved(self._desk, leg, reply, then)) is not None:
                self._desk.replies[again] = answered
            elif reply.response.status >= 200:
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


def _reason_fields(leg: Leg, status: int) -> Fields:
    text = leg.farewell.text
    return (("Reason", answers.reason_value(status, text)),) if text else ()


_EFFECTS: Mapping[Effect, Callable[[Calls, Leg, float], None]] = {
    Effect.ANSWER: Calls._answer,
    Effect.REFUSE: Calls._refuse,
    Effect.TERMINATE: Calls._terminate,
    Effect.PROGRESS: Calls._progress,
    Effect.SPEAK: Calls._speak,
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

"""What is agreed about a leg's media: with the phone, and with the engine that mixes it.

Offers are answered and made, answers are taken, and a re-INVITE renews what
was agreed: where the engine has lost a leg, and where the leg is in another
room now. What the engine tells of a leg comes in here, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sipgateway.focus import answers, inviting
from sipgateway.focus.desk import Desk
from sipgateway.focus.events import Answer, Negotiated, NegotiationFailed
from sipgateway.focus.leg import Farewell, Input, Leg, State
from sipgateway.focus.presses import Way
from sipgateway.focus.pulse import Pulse
from sipgateway.focus.questions import AcceptAnswer, AnswerOffer, MakeOffer
from sipgateway.focus.room import Legs
from sipgateway.focus.roster import Departure, Joining
from sipgateway.media.engine import (
    DigitKeyed,
    Heard,
    LegConnected,
    LegKind,
    LegLost,
    LegMeasured,
    LegSilent,
    MediaEvent,
    PlayEnded,
    RecordingClosed,
    Session,
    SoundEnded,
    Speaking,
)
from sipgateway.sip import headers
from sipgateway.sip.endpoint import Body, Fields
from sipgateway.sip.events import ResponseReceived
from sipgateway.sip.flow import Flow
from sipgateway.sip.message import Response

GONE_AFTER = 10.0
"""Seconds without media after which a phone whose connection is gone is gone too."""
SILENT_AFTER = 25.0
"""Seconds without media or STUN consent (RFC 7675: 30) after which a browser is gone."""
RETRY_GLARE = {True: 2.1, False: 1.0}
"""Seconds before our re-INVITE is tried again after 491, by whether the Call-ID is ours: the
other side waits for another time (RFC 3261 14.1)."""
#: Phones that take no description with `u=` or `p=` in it, by their User-Agent: the reader of
#: belle-sip 5, which is Linphone's, fails on either and ends the call.
_WITHOUT_LINKS = re.compile(r"belle-sip|linphone", re.IGNORECASE)
Done = Callable[[Leg, Answer, float], None]
Agreed = Callable[[Leg, Response, float], None]


class Negotiation:
    """See the module: the `desk.LegOwner` of its legs."""

    def __init__(self, desk: Desk, legs: Legs, agreed: Agreed) -> None:
        self._desk = desk
        self._legs = legs
        self._agreed = agreed
        self._pulse = Pulse(desk, self._fell_silent)

    def negotiate(self, leg: Leg, offer: str, done: Done) -> None:
        """Have the phone's offer answered, or make one where it sent none (RFC 3261 13.2.1)."""
        session, room = self._session(leg), self._legs.room.media_room
        host, agreed = leg.flow.remote_host, leg.agreed
        if offer:
            self._desk.ask(
                lambda number: AnswerOffer(number, leg.id, offer, session, room, host, agreed),
                lambda answer, now: done(leg, answer, now),
            )
            return
        kind = LegKind.WEBRTC if leg.flow.web else LegKind.RTP
        self._desk.ask(
            lambda number: MakeOffer(number, leg.id, kind, session, room, host, agreed),
            lambda answer, now: done(leg, answer, now),
        )

    def _session(self, leg: Leg) -> Session:
        """What the description says of the conference, as far as the phone reads it."""
        told = self._legs.room.session
        plain = _WITHOUT_LINKS.search(leg.made_by)
        return replace(told, uri="", phone="") if plain else told

    def first(self, leg: Leg, answer: Answer, now: float) -> None:
        """The engine's word on a leg that is new: its table goes on."""
        if isinstance(answer, Negotiated):
            leg.sdp, leg.near = answer.description.sdp, answer.description.near
            _note(leg, answer)
            leg.media_lost = False
            self._legs.feed(leg, Input.NEGOTIATED, now)
            return
        status, reason = failure(answer)
        if leg.state is not State.REFUSING:  # that has its reason already
            leg.farewell = Farewell(Departure.FAILED, status=status, reason=reason)
        self._legs.feed(leg, Input.NOT_NEGOTIATED, now)

    def accept(self, leg: Leg, sdp: str) -> None:
        """Take the phone's answer to an offer of ours; a bad one ends the call."""

        def done(answer: Answer, now: float) -> None:
            due, leg.reinvite_due = leg.reinvite_due, None
            if isinstance(answer, Negotiated):
                leg.media_lost, leg.returns_by = False, None
                self.described(leg, answer, now)
            elif due is None:
                _, reason = failure(answer)
                self._legs.hang_up(leg, Farewell(Departure.FAILED, status=488, text=reason), now)
            if due is not None:
                self.reinvite(leg, due)

        self._desk.ask(lambda number: AcceptAnswer(number, leg.id, sdp), done)

    def described(self, leg: Leg, answer: Negotiated, now: float) -> None:
        """A leg that is up has a new description."""
        _note(leg, answer)
        leg.settled = True
        self._legs.room.renegotiated(leg, now)

    def media_happened(self, event: MediaEvent, now: float) -> None:
        """See `desk.LegOwner`."""
        if isinstance(event, Speaking | RecordingClosed | SoundEnded):
            return  # of a room
        leg = self._legs.get(event.leg)
        if leg is not None:
            _MEDIA[type(event)](self, leg, event, now)

    def _connected(self, leg: Leg, _: LegConnected, now: float) -> None:
        leg.media = True
        todo, leg.on_media = leg.on_media, None
        if todo is not None:
            todo(now)

    def _keyed(self, leg: Leg, event: DigitKeyed, now: float) -> None:
        if leg.presses.is_new(event.digit, Way.MEDIA, now):
            self._legs.room.keyed(leg, event.digit, now)

    def _played(self, leg: Leg, event: PlayEnded, now: float) -> None:
        words = leg.words
        if words is not None and words.script == event.prompt:
            leg.words = None
            words.then(now)

    def _heard(self, leg: Leg, event: Heard, now: float) -> None:
        todo, leg.on_heard = leg.on_heard, None
        if todo is not None:
            todo(event.seconds, now)

    def _measured(self, leg: Leg, event: LegMeasured, now: float) -> None:
        self._legs.room.measured(leg, event, now)

    def _fell_quiet(self, leg: Leg, event: LegSilent, now: float) -> None:
        leg.media = False
        self._silent(leg, event.seconds, now)

    def _lost(self, leg: Leg, _: LegLost, now: float) -> None:
        leg.media = False
        self._media_lost(leg, now)

    def lives(self, leg: Leg, now: float) -> None:
        """The phone has said something in the dialog."""
        self._pulse.heard(leg, now)

    def _silent(self, leg: Leg, seconds: float, now: float) -> None:
        gone = leg.flow_gone and seconds >= GONE_AFTER
        if gone or (leg.flow.web and seconds >= SILENT_AFTER):
            self._fell_silent(leg, now)
        elif leg.flow.via and self._desk.deaf:
            self._pulse.heard(leg, now)  # his answers would not reach us
        elif not leg.flow.web:
            self._pulse.silent(leg, now)

    def _fell_silent(self, leg: Leg, now: float) -> None:
        text = "Nothing was heard from the phone any more"
        self._legs.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)

    def _media_lost(self, leg: Leg, now: float) -> None:
        """Renegotiate; a phone whose connection is gone as well is gone."""
        leg.media_lost = True
        if leg.flow_gone:
            text = "The phone went away"
            self._legs.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)
        else:
            self.reinvite(leg)

    def reinvite(self, leg: Leg, fields: Fields = answers.CAPABILITIES) -> None:
        """Re-INVITE with an offer of ours and the room's Contact.

        For a leg whose media was lost, and for one that is now in another room
        (draft 4.3, 4.9: the Contact becomes the conference URI). It waits where the
        phone owes the answer to another offer (RFC 3264 4).
        """
        if leg.state is not State.CONNECTED or leg.dialog is None or leg.reinvite is not None:
            return
        if leg.offered:
            leg.reinvite_due = tuple(fields)
            return

        def offered(leg: Leg, answer: Answer, now: float) -> None:
            if leg.state is not State.CONNECTED or leg.dialog is None or leg.reinvite is not None:
                return
            if not isinstance(answer, Negotiated):
                _, reason = failure(answer)
                self._legs.hang_up(leg, Farewell(Departure.FAILED, status=503, text=reason), now)
                return
            leg.source, leg.agreed = answer.description.source, answer.description.agreed
            body = Body.sdp(answer.description.sdp)
            leg.reinvite = self._desk.endpoint.request_in_dialog(
                leg.dialog, "INVITE", now, fields=fields, body=body
            )
            self._desk.replies[leg.reinvite] = partial(self._reinvited, leg, leg.flow)

        self.negotiate(leg, "", offered)

    def _reinvited(self, leg: Leg, flow: Flow, reply: ResponseReceived, now: float) -> None:
        status = reply.response.status
        if status < 200 or leg.dialog is None:
            return
        leg.reinvite = inviting.proved(self._desk, leg, reply, now)
        if leg.reinvite is not None:
            self._desk.replies[leg.reinvite] = partial(self._reinvited, leg, flow)
            return
        if leg.dialog not in self._legs:
            return  # he hung up meanwhile
        if status == 491:
            ours = leg.joining is Joining.DIALED_OUT
            self._desk.later(now + RETRY_GLARE[ours], lambda _: self.reinvite(leg))
        elif status < 300:
            self._desk.endpoint.acknowledge(leg.dialog, reply.request.must(headers.CSEQ).number)
            self._agreed(leg, reply.response, now)
            self.accept(leg, reply.response.body_as("application/sdp"))
        elif reply.local and leg.returns_by is not None:
            self._not_reached(leg, flow)
        elif status in {408, 481} or leg.media_lost:
            self._legs.hang_up(leg, Farewell(Departure.FAILED, status=status), now)

    def _not_reached(self, leg: Leg, flow: Flow) -> None:
        """His connection is gone; he may come back by another, or has done so."""
        if leg.flow == flow:
            leg.flow_gone = True
        else:
            self.reinvite(leg)


#: Which event of the engine goes where; the type of the key is that of the third argument.
_MEDIA: Mapping[type, Callable[[Negotiation, Leg, Any, float], None]] = {
    LegConnected: Negotiation._connected,
    LegSilent: Negotiation._fell_quiet,
    LegMeasured: Negotiation._measured,
    LegLost: Negotiation._lost,
    DigitKeyed: Negotiation._keyed,
    PlayEnded: Negotiation._played,
    Heard: Negotiation._heard,
}


def _note(leg: Leg, answer: Negotiated) -> None:
    """What the engine says of a leg."""
    said = answer.description
    leg.direction, leg.source, leg.agreed = said.direction, said.source, said.agreed


def failure(answer: Answer) -> tuple[int, str]:
    """Status and reason of an answer that is none."""
    if isinstance(answer, NegotiationFailed):
        return answer.status, answer.reason
    return 500, ""

"""One live conference: the focus of RFC 4579 for one conference URI.

It keeps a leg with every phone, the roster, and those who watch it; and it
makes what is follow what should be: a new `Snapshot` is compared with the
legs, and who is to be removed, muted or let go is. It asks `policy` before
anything else happens and records what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from conferences import policy
from conferences.policy import (
    CreatorDeparts,
    Identity,
    ParticipantKey,
    Refusal,
    RemovalOrder,
    Snapshot,
)
from sipgateway.focus import answers, referral
from sipgateway.focus.actions import (
    AcceptAnswer,
    AnswerOffer,
    AskRemoval,
    Describe,
    DropMedia,
    Emptied,
    Ended,
    EndpointChanged,
    EndpointLeft,
    Fact,
    Joined,
    JoinRefused,
    Left,
    MakeOffer,
    Mute,
    Occupied,
    Place,
    Play,
    PlayRoom,
    Record,
    RemovalEnded,
    RosterChanged,
    WrongPin,
)
from sipgateway.focus.conference_info import About
from sipgateway.focus.desk import Desk
from sipgateway.focus.events import Answer, Negotiated, NegotiationFailed, RemovalAsked
from sipgateway.focus.leg import LONGEST_GOODBYE, Effect, Farewell, Input, Leg, State
from sipgateway.focus.referral import Referral, Wish
from sipgateway.focus.roster import Departure, EndpointEntry, Joining, Roster, Status, User
from sipgateway.focus.session_timer import SessionTimer
from sipgateway.focus.watchers import Watchers
from sipgateway.media.engine import (
    DigitKeyed,
    LegId,
    LegKind,
    LegLost,
    LegSilent,
    MediaEvent,
    RoomId,
    Speaking,
)
from sipgateway.sip import headers
from sipgateway.sip.endpoint import Body, Fields
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
    ResponseReceived,
    TransactionId,
)
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request
from sipgateway.sip.subscription import Subscription
from sipgateway.sip.uri import SipUri

PIN_TRIES = 3
"""Wrong PINs in one call before it is hung up."""
LONGEST_PIN = 32
GONE_AFTER = 10.0
"""Seconds without media after which a phone whose connection is gone is gone too."""
SILENT_AFTER = 25.0
"""Seconds without media or STUN consent (RFC 7675: 30) after which a browser is gone."""
RETRY_GLARE = 2.1
"""Seconds before our re-INVITE is tried again after 491 (RFC 3261 14.1, we own no Call-ID)."""

MayEnd = Callable[["Conference", float], None]


class Conference:
    """See the module. The switchboard makes one when a conference comes to life."""

    def __init__(self, desk: Desk, snapshot: Snapshot, *, idle: MayEnd) -> None:
        self._desk = desk
        self._idle = idle
        self.snapshot = snapshot
        self.roster = Roster(locked=snapshot.locked)
        self._legs: dict[LegId, Leg] = {}
        self._by_dialog: dict[DialogId, Leg] = {}
        self._referrals: dict[DialogId, list[Referral]] = {}
        self._removals: dict[int, list[Leg]] = {}
        self._carried_out: set[int] = set()
        self._asked_by_refer: dict[int, list[Referral]] = {}
        self._ended = False
        self._occupied = False
        self._timer = SessionTimer(desk, self._session_died)
        self._watchers = Watchers(desk, self, self._about(), self.roster)
        self._clock(snapshot)

    # -- who and where we are ------------------------------------------------

    @property
    def uri(self) -> SipUri:
        """The conference URI."""
        return self._desk.domain.uri(self.snapshot.name)

    @property
    def contact(self) -> NameAddr:
        """The one Contact of everything we send: the conference URI, `isfocus` unless hidden."""
        params: headers.Params = () if self.snapshot.hidden_focus else (("isfocus", None),)
        return NameAddr(self.uri, "", params)

    @property
    def room(self) -> RoomId:
        """The conference's room in the media engine."""
        return RoomId(f"conference-{self.snapshot.id}")

    @property
    def empty(self) -> bool:
        """Whether nothing is left that needs this object."""
        return not self._legs and not len(self._watchers) and not self._by_dialog

    @property
    def occupied(self) -> bool:
        """Whether there is any leg, coming, here or going."""
        return bool(self._legs)

    def _about(self) -> About:
        return About(
            str(self.uri),
            self.snapshot.title,
            self.snapshot.max_participants,
            self.snapshot.info_uri,
        )

    def _record(self, fact: Fact, now: float) -> None:
        self._desk.act(Record(self.snapshot.id, fact, now))

    # -- requests outside dialogs --------------------------------------------

    def invite(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """Somebody dials in (RFC 4579 5.1)."""
        present = {leg.identity.uri for leg in self._legs.values() if leg.present}
        refusal = policy.may_join(
            self.snapshot, identity, present=len(present - {identity.uri}), now=now
        )
        if refusal is not None:
            self._record(JoinRefused(identity.uri, refusal), now)
            self.refuse(event.transaction, refusal, now)
            return
        request = event.request
        interval = self._timer.objection(request)
        if interval is not None:
            self._desk.endpoint.respond(event.transaction, 422, now, fields=interval)
            return
        leg = Leg(
            id=LegId(self._desk.tokens.opaque()),
            identity=identity,
            display_text=_display(request, identity),
            flow=event.flow,
            joining=Joining.DIALED_IN,
            transaction=event.transaction,
            request=request,
            endpoint=str(request.must(headers.CONTACT).uri),
        )
        self._legs[leg.id] = leg
        if not self._occupied:
            self._occupied = True
            self._record(Occupied(), now)
        self._desk.legs[leg.id] = self
        self._desk.cancels[event.transaction] = lambda then: self._feed(leg, Input.CANCELLED, then)
        self._negotiate(leg, request.body_as("application/sdp"), self._negotiated)

    def refuse(self, transaction: TransactionId, refusal: Refusal, now: float) -> None:
        """Answer a request with what a refusal means in SIP."""
        status, phrase, _ = answers.REFUSALS[refusal]
        fields = answers.refusal_fields(refusal, self.snapshot, now)
        self._desk.endpoint.respond(transaction, status, now, reason=phrase, fields=fields)

    def options(self, event: RequestReceived) -> None:
        """Tell what we can do (RFC 4579 5.13), in or out of a dialog."""
        session = answers.session_of(self.snapshot)

        def described(answer: Answer, then: float) -> None:
            body = None
            if isinstance(answer, Negotiated) and answer.description.sdp:
                body = Body.sdp(answer.description.sdp)
            self._desk.endpoint.respond(
                event.transaction,
                200,
                then,
                fields=answers.CAPABILITIES,
                contact=self.contact,
                body=body,
            )

        self._desk.ask(lambda number: Describe(number, session), described)

    def subscribe(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """Somebody wants to watch the roster (RFC 4575)."""
        package = event.request.must(headers.EVENT).value
        if package != "conference":
            fields = (("Allow-Events", "conference"),)
            self._desk.endpoint.respond(event.transaction, 489, now, fields=fields)
            return
        refusal = policy.may_subscribe(self.snapshot, identity)
        if refusal is None and self._over(now):
            refusal = Refusal.OVER
        if refusal is not None:
            self.refuse(event.transaction, refusal, now)
            return
        self._watchers.subscribe(event, identity, self.contact, now)
        self.maybe_idle(now)

    def refer(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """Somebody asks the focus to add or remove (RFC 4579 5.5, 5.11)."""
        try:
            wanted = referral.parse(event.request)
        except BadMessage as error:
            self._desk.endpoint.respond(event.transaction, 400, now, reason=error.reason)
            return
        if wanted.wish is Wish.REMOVE and isinstance(wanted.target, SipUri):
            self._refer_removal(event, identity, wanted.target, now)
            return
        if (refusal := policy.may_command(self.snapshot, identity)) is not None:
            self.refuse(event.transaction, refusal, now)
            return
        self._desk.endpoint.respond(
            event.transaction, 501, now, reason="The Focus Does Not Call Out Yet"
        )

    def _refer_removal(
        self, event: RequestReceived, identity: Identity, target: SipUri, now: float
    ) -> None:
        user = self._find(target)
        entity = user.entity if user else target.aor
        refusal = policy.may_remove(self.snapshot, identity, target=entity)
        if refusal is not None:
            self.refuse(event.transaction, refusal, now)
            return
        told = self._accept_refer(event, now)
        told.tell(100, now)
        if user is None:
            told.tell(404, now)
            return

        def asked(answer: Answer, then: float) -> None:
            if not isinstance(answer, RemovalAsked) or answer.removal is None:
                told.tell(403, then)
            elif answer.removal in self._carried_out:
                told.tell(200, then)
            else:
                self._asked_by_refer.setdefault(answer.removal, []).append(told)

        key = user.key
        self._desk.ask(lambda number: AskRemoval(number, self.snapshot.id, key, identity), asked)

    def _accept_refer(self, event: RequestReceived, now: float) -> Referral:
        """202, and the implicit subscription unless it is declined (RFC 3515, RFC 4488)."""
        if referral.unsubscribed(event.request):
            fields = (("Refer-Sub", "false"),)
            self._desk.endpoint.respond(event.transaction, 202, now, fields=fields)
            return Referral(self._desk, self, None)
        dialog = self._desk.endpoint.respond(event.transaction, 202, now, contact=self.contact)
        if dialog is None:
            return Referral(self._desk, self, None)
        subscription = Subscription(dialog, referral.event_of(event.request), now + referral.LIFE)
        told = Referral(self._desk, self, subscription)
        self._referrals.setdefault(dialog, []).append(told)
        self._desk.own(dialog, self)
        return told

    def _find(self, target: SipUri) -> User | None:
        """The participant whom a URI names: by his address, or by one of his devices."""
        for user in self.roster.users.values():
            if user.entity == target.aor:
                return user
            if any(target.matches(_uri(entry.entity)) for entry in user.endpoints):
                return user
        if self._desk.domain.owns(target):
            return self.roster.users.get(self._desk.domain.uri(target.name.lower()).aor)
        return None

    # -- requests in dialogs -------------------------------------------------

    def request_came(self, event: RequestReceived, now: float) -> None:
        """See `desk.DialogOwner`."""
        handler = _IN_DIALOG.get(event.request.method)
        leg = self._by_dialog.get(event.dialog) if event.dialog is not None else None
        if leg is not None:
            leg.flow, leg.flow_gone = event.flow, False
        if handler is None or (leg is None and event.request.method not in _WITHOUT_LEG):
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        handler(self, event, leg, now)

    def _in_bye(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        if leg is None:
            return
        leg.request, leg.transaction = event.request, event.transaction
        if leg.state in {State.ANSWERED, State.CONNECTED}:
            leg.farewell = Farewell(Departure.DEPARTED)
        self._feed(leg, Input.BYE_CAME, now)

    def _in_invite(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        """A re-INVITE: hold, resume, moved, or a session refresh."""
        if leg is None or leg.state not in {State.ANSWERED, State.CONNECTED}:
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        self._desk.cancels[event.transaction] = lambda then: self._cancel_reinvite(event, then)

        def done(leg: Leg, answer: Answer, then: float) -> None:
            self._desk.cancels.pop(event.transaction, None)
            if not isinstance(answer, Negotiated):
                status, reason = _failure(answer)
                self._desk.endpoint.respond(event.transaction, status, then, reason=reason)
                return
            self._described(leg, answer, then)
            fields = (*answers.CAPABILITIES, *self._timer.grant(leg, event.request, then))
            self._desk.endpoint.respond(
                event.transaction,
                200,
                then,
                fields=fields,
                body=Body.sdp(answer.description.sdp),
                contact=self.contact,
            )

        self._negotiate(leg, event.request.body_as("application/sdp"), done)

    def _cancel_reinvite(self, event: RequestReceived, now: float) -> None:
        self._desk.endpoint.respond(event.transaction, 487, now)

    def _in_update(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        """RFC 3311; a browser refreshes its session by one without a description."""
        if leg is None:
            return

        def respond(body: Body | None, then: float) -> None:
            fields = self._timer.grant(leg, event.request, then)
            self._desk.endpoint.respond(
                event.transaction, 200, then, fields=fields, body=body, contact=self.contact
            )

        def done(leg: Leg, answer: Answer, then: float) -> None:
            if not isinstance(answer, Negotiated):
                status, reason = _failure(answer)
                self._desk.endpoint.respond(event.transaction, status, then, reason=reason)
                return
            self._described(leg, answer, then)
            respond(Body.sdp(answer.description.sdp), then)

        offer = event.request.body_as("application/sdp")
        if offer:
            self._negotiate(leg, offer, done)
        else:
            respond(None, now)

    def _in_options(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        del leg, now
        self.options(event)

    def _in_info(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        """Digits by INFO (RFC 6086), from phones that cannot send RFC 4733."""
        self._desk.endpoint.respond(event.transaction, 200, now)
        digit = _info_digit(event.request)
        if leg is not None and digit:
            self._digit(leg, digit, now)

    def _in_refer(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        if leg is None:
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        self.refer(event, leg.identity, now)

    def _in_subscribe(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        if event.dialog is None:
            return
        identity = leg.identity if leg else self._watchers.identity_of(event.dialog)
        if identity is None:
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        self.subscribe(event, identity, now)

    def _in_notify(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        del leg
        self._desk.endpoint.respond(event.transaction, 481, now, reason="No Such Subscription")

    def ack_came(self, event: AckReceived, now: float) -> None:
        """See `desk.DialogOwner`."""
        leg = self._by_dialog.get(event.dialog)
        if leg is None:
            return
        leg.flow_gone = False
        answer = event.request.body_as("application/sdp")
        if leg.offered:
            leg.offered = False
            if not answer:
                self.hang_up(leg, Farewell(Departure.FAILED, status=488, text="No answer"), now)
            else:
                self._accept(leg, answer)
        self._feed(leg, Input.ACKED, now)

    def ack_missing(self, event: AckMissing, now: float) -> None:
        """See `desk.DialogOwner`."""
        leg = self._by_dialog.get(event.dialog)
        if leg is not None:
            leg.farewell = Farewell(Departure.FAILED, status=408, text="No ACK came")
            self._feed(leg, Input.ACK_MISSING, now)

    def flow_closed(self, event: FlowClosed, now: float) -> None:
        """See `desk.DialogOwner`: the phone may come back by another flow."""
        del now
        for leg in self._legs.values():
            if leg.flow.id == event.flow:
                leg.flow_gone = True

    def moved(self, entity: str, contact: SipUri, flow: Flow) -> None:
        """A phone has registered anew: what lost its flow goes on by the new one."""
        for dialog, leg in self._by_dialog.items():
            here = _uri(leg.endpoint)
            same = (here.name, here.hostport) == (contact.name, contact.hostport)
            if leg.identity.uri == entity and leg.flow_gone and same:
                leg.flow, leg.flow_gone = flow, False
                self._desk.endpoint.move(dialog, flow)
        self._watchers.moved(entity, contact, flow)

    def usage_ended(self, dialog: DialogId) -> None:
        """See `desk.DialogOwner`."""
        left = [told for told in self._referrals.pop(dialog, []) if not _told_all(told)]
        if left:
            self._referrals[dialog] = left
        if dialog not in self._by_dialog and dialog not in self._watchers and not left:
            self._desk.disown(dialog)

    # -- media ---------------------------------------------------------------

    def _negotiate(self, leg: Leg, offer: str, done: Callable[[Leg, Answer, float], None]) -> None:
        """Have the phone's offer answered, or make one where it sent none (RFC 3261 13.2.1)."""
        session = answers.session_of(self.snapshot)
        leg.offered = not offer
        if offer:
            self._desk.ask(
                lambda number: AnswerOffer(number, leg.id, offer, session),
                lambda answer, now: done(leg, answer, now),
            )
            return
        kind = LegKind.WEBRTC if leg.flow.web else LegKind.RTP
        self._desk.ask(
            lambda number: MakeOffer(number, leg.id, kind, session),
            lambda answer, now: done(leg, answer, now),
        )

    def _negotiated(self, leg: Leg, answer: Answer, now: float) -> None:
        if isinstance(answer, Negotiated):
            leg.sdp = answer.description.sdp
            leg.direction, leg.source = answer.description.direction, answer.description.source
            self._feed(leg, Input.NEGOTIATED, now)
            return
        status, reason = _failure(answer)
        leg.farewell = Farewell(Departure.FAILED, status=status, reason=reason)
        self._feed(leg, Input.NOT_NEGOTIATED, now)

    def _accept(self, leg: Leg, sdp: str) -> None:
        def done(answer: Answer, now: float) -> None:
            if isinstance(answer, Negotiated):
                self._described(leg, answer, now)
                return
            _, reason = _failure(answer)
            self.hang_up(leg, Farewell(Departure.FAILED, status=488, text=reason), now)

        self._desk.ask(lambda number: AcceptAnswer(number, leg.id, sdp), done)

    def _described(self, leg: Leg, answer: Negotiated, now: float) -> None:
        leg.direction = answer.description.direction
        if leg.joined:
            self._update(leg, now, direction=leg.direction)

    def media_happened(self, event: MediaEvent, now: float) -> None:
        """See `desk.LegOwner`."""
        leg = None if isinstance(event, Speaking) else self._legs.get(event.leg)
        if leg is None:
            return
        if isinstance(event, DigitKeyed):
            self._digit(leg, event.digit, now)
        elif isinstance(event, LegSilent):
            gone = leg.flow_gone and event.seconds >= GONE_AFTER
            if gone or (leg.flow.web and event.seconds >= SILENT_AFTER):
                text = "Nothing was heard from the phone any more"
                self.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)
        elif isinstance(event, LegLost):
            self._renegotiate(leg)

    def _renegotiate(self, leg: Leg) -> None:
        """Re-INVITE with an offer of ours (the mixer lost the leg)."""
        if leg.state is not State.CONNECTED or leg.dialog is None or leg.reinvite is not None:
            return
        session = answers.session_of(self.snapshot)
        kind = LegKind.WEBRTC if leg.flow.web else LegKind.RTP

        def offered(answer: Answer, then: float) -> None:
            if leg.state is not State.CONNECTED or leg.dialog is None:
                return
            if not isinstance(answer, Negotiated):
                _, reason = _failure(answer)
                self.hang_up(leg, Farewell(Departure.FAILED, status=503, text=reason), then)
                return
            leg.source = answer.description.source
            leg.reinvite = self._desk.endpoint.request_in_dialog(
                leg.dialog,
                "INVITE",
                then,
                fields=answers.CAPABILITIES,
                body=Body.sdp(answer.description.sdp),
            )
            self._desk.replies[leg.reinvite] = lambda reply, at: self._reinvited(leg, reply, at)

        self._desk.ask(lambda number: MakeOffer(number, leg.id, kind, session), offered)

    def _reinvited(self, leg: Leg, reply: ResponseReceived, now: float) -> None:
        status = reply.response.status
        if status < 200 or leg.dialog is None:
            return
        self._desk.replies.pop(reply.transaction, None)
        leg.reinvite = None
        if status == 491:
            self._desk.later(now + RETRY_GLARE, lambda _: self._renegotiate(leg))
        elif status < 300:
            self._desk.endpoint.acknowledge(leg.dialog, reply.request.must(headers.CSEQ).number)
            self._accept(leg, reply.response.body_as("application/sdp"))
            if leg.joined:
                self._desk.act(Place(leg.id, self.room))
                self._update(leg, now, source=leg.source)
        elif status in {408, 481}:
            self.hang_up(leg, Farewell(Departure.FAILED, status=status), now)

    def _digit(self, leg: Leg, digit: str, now: float) -> None:
        if leg.pin is None:
            return
        if digit != "#":
            leg.pin = (leg.pin + digit)[-LONGEST_PIN:]
            return
        keyed, leg.pin = leg.pin, ""
        if keyed == self.snapshot.pin:
            leg.pin = None
            self._join(leg, now)
            return
        leg.wrong_pins += 1
        self._record(WrongPin(leg.identity.uri), now)
        if leg.wrong_pins >= PIN_TRIES:
            leg.pin = None
            _, _, text = answers.REFUSALS[Refusal.WRONG_PIN_TOO_OFTEN]
            self.hang_up(leg, Farewell(Departure.FAILED, status=403, text=text), now)
            return
        self._desk.act(Play(leg.id, "wrong-pin"))

    # -- the leg's table -----------------------------------------------------

    def _feed(self, leg: Leg, what: Input, now: float) -> None:
        for effect in leg.feed(what):
            _EFFECTS[effect](self, leg, now)
        if leg.state is State.GONE:
            self.maybe_idle(now)

    def hang_up(self, leg: Leg, farewell: Farewell, now: float) -> None:
        """Let a leg go, with the reason that the phone and the roster are told."""
        if leg.state in {State.NEGOTIATING, State.ANSWERED, State.CONNECTED}:
            leg.farewell = farewell
            self._feed(leg, Input.HANG_UP, now)

    def _answer(self, leg: Leg, now: float) -> None:
        if leg.transaction is None:
            return
        fields = (*answers.CAPABILITIES, *self._timer.grant(leg, leg.request, now))
        leg.dialog = self._desk.endpoint.respond(
            leg.transaction, 200, now, fields=fields, body=Body.sdp(leg.sdp), contact=self.contact
        )
        self._desk.cancels.pop(leg.transaction, None)
        if leg.dialog is not None:
            self._by_dialog[leg.dialog] = leg
            self._desk.own(leg.dialog, self)

    def _refuse_leg(self, leg: Leg, now: float) -> None:
        if leg.transaction is None:
            return
        self._desk.cancels.pop(leg.transaction, None)
        status = leg.farewell.status if leg.farewell.status >= 300 else 480
        fields: Fields = ()
        if leg.farewell.text:
            fields = (("Reason", answers.reason_value(status, leg.farewell.text)),)
        self._desk.endpoint.respond(
            leg.transaction, status, now, reason=leg.farewell.reason, fields=fields
        )

    def _terminate_leg(self, leg: Leg, now: float) -> None:
        if leg.transaction is not None:
            self._desk.cancels.pop(leg.transaction, None)
            self._desk.endpoint.respond(leg.transaction, 487, now)

    def _admit(self, leg: Leg, now: float) -> None:
        if policy.needs_pin(self.snapshot, leg.identity):
            leg.pin = ""
            self._desk.act(Play(leg.id, "enter-pin"))
            return
        self._join(leg, now)

    def _join(self, leg: Leg, now: float) -> None:
        """Into the room and the roster."""
        role = self.snapshot.role_of(leg.identity)
        known = self.roster.users.get(leg.identity.uri)
        user = known or User(
            ParticipantKey(self._desk.tokens.opaque()), leg.identity.uri, leg.display_text, role
        )
        leg.joined, leg.participant = True, user.key
        muted = user.key in self.snapshot.muted
        entry = EndpointEntry(
            leg=leg.id,
            entity=leg.endpoint,
            status=Status.CONNECTED,
            joining_method=leg.joining,
            joined_at=now,
            source=leg.source,
            direction=leg.direction,
            muted=muted,
        )
        if self.roster.users:
            self._desk.act(PlayRoom(self.room, "entry"))
        self._desk.act(Mute(leg.id, muted))
        self._desk.act(Place(leg.id, self.room))
        joined = Joined(
            user.key, user.entity, user.display_text, role, entry.entity, entry.joining_method
        )
        self._record(joined, now)
        self._changed(self.roster.with_user(user.with_endpoint(entry)), now)

    def _silence(self, leg: Leg, now: float) -> None:
        self._desk.act(Place(leg.id, None))
        if leg.joined:
            self._update(leg, now, status=Status.DISCONNECTING)

    def _say_bye(self, leg: Leg, now: float) -> None:
        if leg.dialog is None:
            return
        fields: Fields = ()
        if leg.farewell.text:
            value = answers.reason_value(leg.farewell.status, leg.farewell.text)
            fields = (("Reason", value),)
        sent = self._desk.endpoint.request_in_dialog(leg.dialog, "BYE", now, fields=fields)
        leg.patience = now + LONGEST_GOODBYE

        def answered(reply: ResponseReceived, then: float) -> None:
            if reply.response.status >= 200:
                self._desk.replies.pop(sent, None)
                self._feed(leg, Input.BYE_ANSWERED, then)

        self._desk.replies[sent] = answered
        self._desk.later(leg.patience, lambda then: self._feed(leg, Input.BYE_ANSWERED, then))

    def _confirm_bye(self, leg: Leg, now: float) -> None:
        if leg.transaction is not None:
            self._desk.endpoint.respond(leg.transaction, 200, now)

    def _depart(self, leg: Leg, now: float) -> None:
        """Out of the roster; the last leg of a participant takes him along."""
        user = self.roster.user_of(leg.id)
        entry = user.endpoint(leg.id) if user else None
        if user is not None and entry is not None:
            self._leave_roster(leg, user, entry, now)
        removal = leg.farewell.removal
        if removal is not None and removal in self._removals:
            self._removals[removal].remove(leg)
            if not self._removals[removal]:
                del self._removals[removal]
                self._removal_ended(removal, "removed", 200, now)

    def _leave_roster(self, leg: Leg, user: User, entry: EndpointEntry, now: float) -> None:
        bye = leg.farewell
        gone = replace(
            entry,
            status=Status.DISCONNECTED,
            disconnection=bye.method,
            disconnected_at=now,
            disconnected_by=bye.by,
            disconnection_reason=bye.text or bye.reason,
        )
        leg.joined = False
        if len(user.endpoints) > 1:
            self._record(EndpointLeft(user.key, entry.entity, bye.method), now)
            self._changed(self.roster.with_user(user.without_endpoint(leg.id)), now)
            return
        self._record(Left(user.key, bye.method, bye.by, bye.reason), now)
        self._changed(self.roster.without_user(user.with_endpoint(gone)), now)
        if bye.method is Departure.BOOTED:
            self._watchers.end_of(user.entity, now, reason="rejected")
        elif self.roster.users:
            self._desk.act(PlayRoom(self.room, "exit"))
        departs = self.snapshot.creator_departs is CreatorDeparts.END
        if departs and user.entity == self.snapshot.creator:
            self.end(user.display_text or user.entity, now, over=True)

    def _free(self, leg: Leg, now: float) -> None:
        del now
        self._desk.act(DropMedia(leg.id))
        self._legs.pop(leg.id, None)
        self._desk.legs.pop(leg.id, None)
        if leg.dialog is not None:
            self._by_dialog.pop(leg.dialog, None)
            self.usage_ended(leg.dialog)

    def _update(self, leg: Leg, now: float, **changes: object) -> None:
        """Change what the roster says of a leg."""
        user = self.roster.user_of(leg.id)
        entry = user.endpoint(leg.id) if user else None
        if user is None or entry is None:
            return
        changed = replace(entry, **changes)  # type: ignore[arg-type]  # names of the entry's fields
        if changed == entry:
            return
        if (changed.status, changed.muted) != (entry.status, entry.muted):
            fact = EndpointChanged(user.key, changed.entity, changed.status, changed.muted)
            self._record(fact, now)
        self._changed(self.roster.with_user(user.with_endpoint(changed)), now)

    def _changed(self, roster: Roster, now: float) -> None:
        self.roster = roster
        self._record(RosterChanged(roster.version), now)
        self._watchers.changed(self._about(), roster, now)

    def _session_died(self, leg: Leg, now: float) -> None:
        text = "The session was not refreshed"
        self.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)

    # -- what should be ------------------------------------------------------

    def apply(self, snapshot: Snapshot, now: float) -> None:
        """Make what is follow what should be."""
        before, self.snapshot = self.snapshot, snapshot
        if snapshot.closes_at != before.closes_at:
            self._clock(snapshot)
        if snapshot.locked != self.roster.locked:
            self._changed(self.roster.with_lock(snapshot.locked), now)
        for user in list(self.roster.users.values()):
            self._apply_to(user, now)
        for order in snapshot.removals:
            self._carry_out(order, now)
        for entity in snapshot.banned - before.banned:
            self._watchers.end_of(entity, now, reason="rejected")
        self._watchers.changed(self._about(), self.roster, now)
        if snapshot.end_by or snapshot.over:
            self.end(snapshot.end_by, now, over=True)

    def _apply_to(self, user: User, now: float) -> None:
        role = self.snapshot.role_of(Identity(user.entity))
        if role is not user.role:
            self._changed(self.roster.with_user(replace(user, role=role)), now)
        muted = user.key in self.snapshot.muted
        for entry in user.endpoints:
            if entry.muted != muted and (leg := self._legs.get(entry.leg)) is not None:
                self._desk.act(Mute(leg.id, muted))
                self._update(leg, now, muted=muted)

    def _carry_out(self, order: RemovalOrder, now: float) -> None:
        if order.id in self._carried_out or order.id in self._removals:
            return
        user = self.roster.by_key(order.participant)
        legs = [leg for leg in self._legs.values() if user and leg.participant == user.key]
        going = [leg for leg in legs if leg.state in {State.ANSWERED, State.CONNECTED}]
        if not going:
            self._removal_ended(order.id, "absent", 404, now)
            return
        self._removals[order.id] = list(going)
        for leg in going:
            self.hang_up(leg, _booted(order), now)

    def _removal_ended(self, removal: int, outcome: str, status: int, now: float) -> None:
        self._carried_out.add(removal)
        self._record(RemovalEnded(removal, outcome), now)
        for told in self._asked_by_refer.pop(removal, []):
            told.tell(status, now)

    def _clock(self, snapshot: Snapshot) -> None:
        if snapshot.closes_at is not None:
            self._desk.later(snapshot.closes_at, self._closing)

    def _closing(self, now: float) -> None:
        if not self._ended and self._over(now):
            self.end("", now, over=True)

    def _over(self, now: float) -> bool:
        return policy.when(self.snapshot, now=now) is Refusal.OVER

    def end(self, by: str, now: float, *, over: bool, text: str = "") -> None:
        """Hang up on everybody and end every subscription (RFC 4579 5.12).

        `over` says that the conference is over for good, not just this process.
        """
        if self._ended:
            return
        self._ended = True
        words = text or (f"The conference was ended by {by}" if by else "The conference is over")
        for leg in list(self._legs.values()):
            status = 410 if leg.state is State.NEGOTIATING else 200
            bye = Farewell(Departure.BOOTED, by=by, reason="ended", status=status, text=words)
            self.hang_up(leg, bye, now)
        self._watchers.end(now)
        if over:
            self._record(Ended(by), now)
        self.maybe_idle(now)

    def maybe_idle(self, now: float) -> None:
        """Let go of what nobody needs any more."""
        if not self._legs and self._occupied:
            self._occupied = False
            self._ended = self._ended and self._over(now)
            self._record(Emptied(), now)
        if self.empty:
            self._idle(self, now)


def _booted(order: RemovalOrder) -> Farewell:
    text = f"Removed by {order.by}"
    if order.reason:
        text += f": {order.reason}"
    if order.ban:
        text += ". You may not come back."
    return Farewell(
        Departure.BOOTED,
        by=order.by,
        reason=order.reason,
        status=403 if order.ban else 200,
        text=text,
        removal=order.id,
    )


def _display(request: Request, identity: Identity) -> str:
    """The name to show: the account's, else what the phone says."""
    return identity.display_name or request.must(headers.FROM).display_name


def _uri(text: str) -> SipUri:
    uri = headers.parse_name_addr(f"<{text}>").uri
    return uri if isinstance(uri, SipUri) else SipUri("sip", None, "invalid.invalid")


def _failure(answer: Answer) -> tuple[int, str]:
    if isinstance(answer, NegotiationFailed):
        return answer.status, answer.reason
    return 500, ""


def _told_all(told: Referral) -> bool:
    return told.subscription is None or told.subscription.over


def _info_digit(request: Request) -> str:
    """The digit of ``application/dtmf-relay`` or ``application/dtmf``, or ""."""
    relay = request.body_as("application/dtmf-relay")
    for line in relay.splitlines():
        name, _, value = line.partition("=")
        if name.strip().lower() == "signal":
            return value.strip()[:1]
    return request.body_as("application/dtmf").strip()[:1]


_Handler = Callable[[Conference, RequestReceived, Leg | None, float], None]
_IN_DIALOG: Mapping[str, _Handler] = {
    "BYE": Conference._in_bye,
    "INVITE": Conference._in_invite,
    "UPDATE": Conference._in_update,
    "OPTIONS": Conference._in_options,
    "INFO": Conference._in_info,
    "REFER": Conference._in_refer,
    "SUBSCRIBE": Conference._in_subscribe,
    "NOTIFY": Conference._in_notify,
}
_WITHOUT_LEG = frozenset({"OPTIONS", "SUBSCRIBE", "NOTIFY"})
_EFFECTS: Mapping[Effect, Callable[[Conference, Leg, float], None]] = {
    Effect.ANSWER: Conference._answer,
    Effect.REFUSE: Conference._refuse_leg,
    Effect.TERMINATE: Conference._terminate_leg,
    Effect.ADMIT: Conference._admit,
    Effect.SILENCE: Conference._silence,
    Effect.SAY_BYE: Conference._say_bye,
    Effect.CONFIRM_BYE: Conference._confirm_bye,
    Effect.DEPART: Conference._depart,
    Effect.FREE: Conference._free,
}

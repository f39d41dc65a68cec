"""One live conference: the focus of RFC 4579 for one conference URI.

It keeps a leg with every phone (`Calls`), the roster, and those who watch it;
and it makes what is follow what should be: a new `Snapshot` is compared with
the legs, and who is to be called, removed, muted or let go is. It asks
`policy` before anything else happens and records what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from conferences import policy
from conferences.policy import CreatorDeparts, Identity, ParticipantKey, Refusal, Role, Snapshot
from sipgateway.focus import answers, keypad, messages, referral
from sipgateway.focus.actions import (
    AskCall,
    AskEnd,
    AskLock,
    AskMute,
    AskRemoval,
    Describe,
    Emptied,
    Ended,
    EndpointChanged,
    EndpointLeft,
    Fact,
    Joined,
    JoinRefused,
    Left,
    Mute,
    Occupied,
    Place,
    Play,
    PlayRoom,
    Record,
    RosterChanged,
    WrongPin,
)
from sipgateway.focus.calls import Calls
from sipgateway.focus.conference_info import About
from sipgateway.focus.desk import Desk, Phone, uri_of
from sipgateway.focus.dialing import Dialings
from sipgateway.focus.events import Answer, CallAsked, Negotiated, RemovalAsked
from sipgateway.focus.leg import Farewell, Leg, State
from sipgateway.focus.referral import Referral, Wanted, Wish
from sipgateway.focus.relay import Relay
from sipgateway.focus.removals import Removals
from sipgateway.focus.roster import Departure, EndpointEntry, Joining, Roster, Status, User
from sipgateway.focus.watchers import Watchers
from sipgateway.media.engine import Direction, LegId, RoomId, Session
from sipgateway.sip import headers
from sipgateway.sip.endpoint import Body
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
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

Idle = Callable[["Conference", float], None]


class Conference:
    """See the module. The switchboard makes one when a conference comes to life."""

    def __init__(self, desk: Desk, snapshot: Snapshot, *, idle: Idle) -> None:
        self._desk = desk
        self._idle = idle
        self.snapshot = snapshot
        self.roster = Roster(locked=snapshot.locked)
        self._referrals: dict[DialogId, list[Referral]] = {}
        self._ended = False
        self._occupied = False
        self.calls = Calls(desk, self)
        self._removals = Removals(self, self.calls)
        self._dialings = Dialings(desk, self, self.calls)
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

    def contact_of(self, leg: Leg) -> NameAddr:
        """See `calls.Room`: the same to everybody."""
        del leg
        return self.contact

    def caller_of(self, leg: Leg) -> NameAddr:
        """See `calls.Room`: the conference calls."""
        del leg
        return NameAddr(self.uri, self.snapshot.title)

    @property
    def session(self) -> Session:
        """See `calls.Room`."""
        return answers.session_of(self.snapshot)

    @property
    def room(self) -> RoomId:
        """The conference's room in the media engine."""
        return RoomId(f"conference-{self.snapshot.id}")

    @property
    def empty(self) -> bool:
        """Whether nothing is left that needs this object."""
        return not len(self.calls) and not len(self._watchers) and not len(self._dialings)

    @property
    def occupied(self) -> bool:
        """Whether there is any leg, coming, here or going."""
        return bool(len(self.calls))

    @property
    def awaited(self) -> bool:
        """Whether any of them can still be reached."""
        return any(not leg.flow_gone for leg in self.calls)

    def _about(self) -> About:
        return About(
            str(self.uri),
            self.snapshot.title,
            self.snapshot.max_participants,
            self.snapshot.info_uri,
        )

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""
        self._desk.act(Record(self.snapshot.id, fact, now))

    # -- requests outside dialogs --------------------------------------------

    def invite(
        self, event: RequestReceived, identity: Identity, now: float, *, replaces: Leg | None = None
    ) -> None:
        """Somebody dials in (RFC 4579 5.1), or changes his phone (5.9)."""
        refusal = self._may_come(identity, replaces, now)
        if refusal is not None:
            self.record(JoinRefused(identity.uri, refusal), now)
            self.refuse(event.transaction, refusal, now)
            return
        if (fields := self.calls.timer_objection(event.request)) is not None:
            self._desk.endpoint.respond(event.transaction, 422, now, fields=fields)
            return
        leg = Leg(
            id=LegId(self._desk.tokens.opaque()),
            identity=identity,
            display_text=_display(event.request, identity),
            flow=event.flow,
            joining=Joining.DIALED_IN,
            transaction=event.transaction,
            request=event.request,
            endpoint=str(event.request.must(headers.CONTACT).uri),
            replaces=replaces.id if replaces else None,
        )
        self._occupy(now)
        self.calls.dial_in(leg)

    def _may_come(self, identity: Identity, replaces: Leg | None, now: float) -> Refusal | None:
        """Who is in already may change his phone, in a full or locked conference too."""
        if replaces is not None and replaces.joined:
            return policy.may_subscribe(self.snapshot, identity)
        present = len(self._present() - {identity.uri})
        return policy.may_join(self.snapshot, identity, present=present, now=now)

    def adopt(self, leg: Leg, calls: Calls, now: float) -> None:
        """Take over a call that was for something else until now (draft 4.3, 4.9).

        It goes on in the same dialog; a re-INVITE tells the phone the conference
        URI with `isfocus`.
        """
        self._occupy(now)
        calls.hand_over(leg, self.calls)
        self._join(leg, now)
        self.calls.reinvite(leg)

    def _present(self) -> set[str]:
        return {leg.identity.uri for leg in self.calls if leg.present}

    def is_full(self, entity: str) -> bool:
        """Whether there is no place for somebody who is not in yet."""
        maximum = self.snapshot.max_participants
        return maximum is not None and len(self._present() - {entity}) >= maximum

    def _occupy(self, now: float) -> None:
        if not self._occupied:
            self._occupied = True
            self.record(Occupied(), now)

    def refuse(self, transaction: TransactionId, refusal: Refusal, now: float) -> None:
        """Answer a request with what a refusal means in SIP."""
        status, phrase, _ = answers.REFUSALS[refusal]
        fields = answers.refusal_fields(refusal, self.snapshot, now)
        self._desk.endpoint.respond(transaction, status, now, reason=phrase, fields=fields)

    def options(self, event: RequestReceived) -> None:
        """Tell what we can do (RFC 4579 5.13), in or out of a dialog."""

        def described(answer: Answer, now: float) -> None:
            sdp = answer.description.sdp if isinstance(answer, Negotiated) else ""
            self._desk.endpoint.respond(
                event.transaction,
                200,
                now,
                fields=answers.CAPABILITIES,
                contact=self.contact,
                body=Body.sdp(sdp) if sdp else None,
            )

        self._desk.ask(lambda number: Describe(number, self.session), described)

    def message(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """A text to everybody else who is in (RFC 3428); the sender is who he proved to be."""
        if identity.uri not in self.roster.users:
            self.refuse(event.transaction, Refusal.NOT_ALLOWED, now)
            return
        self._desk.endpoint.respond(event.transaction, 202, now)
        sender = NameAddr(uri_of(identity.uri), identity.display_name)
        for leg in self.calls:
            if leg.joined and leg.identity.uri != identity.uri and not leg.flow_gone:
                messages.forward(
                    self._desk.endpoint, event.request, Phone(leg.endpoint, leg.flow), sender, now
                )

    def subscribe(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """Somebody wants to watch the roster (RFC 4575)."""
        if event.request.must(headers.EVENT).value != "conference":
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

    # -- REFER ---------------------------------------------------------------

    def refer(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """Somebody asks the focus to add or remove (RFC 4579 5.5, 5.11)."""
        try:
            wanted = referral.parse(event.request)
        except BadMessage as error:
            self._desk.endpoint.respond(event.transaction, 400, now, reason=error.reason)
            return
        if not isinstance(wanted.target, SipUri):
            self._refer_elsewhere(event, identity, now)
        elif wanted.wish is Wish.REMOVE:
            self._refer_removal(event, identity, wanted.target, now)
        elif wanted.wish is Wish.ADD:
            self._refer_call(event, identity, wanted.target, now)
        elif wanted.wish is Wish.REFER:
            self._refer_refer(event, identity, wanted, now)
        else:
            self._desk.endpoint.respond(event.transaction, 501, now)

    def _refer_elsewhere(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """A target that the focus cannot call."""
        if self._refused_call(event, identity, now):
            return
        reason = "Only SIP URIs Can Be Called"
        self._desk.endpoint.respond(event.transaction, 488, now, reason=reason)

    def _refused_call(self, event: RequestReceived, identity: Identity, now: float) -> bool:
        joined = identity.uri in self.roster.users
        refusal = policy.may_add(self.snapshot, identity, joined=joined)
        if refusal is None:
            refusal = policy.when(self.snapshot, now=now)
        if refusal is not None:
            self.refuse(event.transaction, refusal, now)
        return refusal is not None

    def _refer_call(
        self, event: RequestReceived, identity: Identity, target: SipUri, now: float
    ) -> None:
        if self._refused_call(event, identity, now):
            return
        told = self._accept_refer(event, now)
        told.tell(100, now)

        def asked(answer: Answer, then: float) -> None:
            if isinstance(answer, CallAsked) and answer.call is not None:
                self._dialings.follow(answer.call, told)
            else:
                told.tell(403 if isinstance(answer, CallAsked) else 503, then)

        conference, uri = self.snapshot.id, str(target)
        self._desk.ask(lambda number: AskCall(number, conference, uri, identity), asked)

    def _refer_refer(
        self, event: RequestReceived, identity: Identity, wanted: Wanted, now: float
    ) -> None:
        """RFC 4579 5.7: have somebody call in by himself."""
        if self._refused_call(event, identity, now):
            return
        nested = uri_of(wanted.nested.strip("<> "))
        target = wanted.target
        if not isinstance(target, SipUri) or nested.aor != self.uri.aor:
            reason = "Refer-To header: not this conference"
            self._desk.endpoint.respond(event.transaction, 400, now, reason=reason)
            return
        aor = self._desk.domain.uri(target.name.lower())
        phones = self._desk.phones(aor.aor, now) if self._desk.domain.owns(target) else []
        if not phones:
            reason = "No Phone Is Registered"
            self._desk.endpoint.respond(event.transaction, 480, now, reason=reason)
            return
        refer_to = headers.REFER_TO.build(NameAddr(self.uri, "", self.contact.params))
        asker = NameAddr(uri_of(identity.uri), identity.display_name)
        relay = Relay(self._desk, event, self.contact)
        relay.start(phones, from_=asker, to=NameAddr(aor), refer_to=refer_to, now=now)

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
            if isinstance(answer, RemovalAsked) and answer.removal is not None:
                self._removals.follow(answer.removal, told, then)
            else:
                told.tell(403 if isinstance(answer, RemovalAsked) else 503, then)

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
            if any(target.matches(uri_of(entry.entity)) for entry in user.endpoints):
                return user
        if self._desk.domain.owns(target):
            return self.roster.users.get(self._desk.domain.uri(target.name.lower()).aor)
        return None

    # -- requests in dialogs -------------------------------------------------

    def request_came(self, event: RequestReceived, now: float) -> None:
        """See `desk.DialogOwner`."""
        leg = self.calls.by_dialog(event.dialog)
        if leg is not None and self.calls.request_came(event, leg, now):
            return
        handler = _IN_DIALOG.get(event.request.method)
        if handler is None:
            self._desk.endpoint.respond(event.transaction, 481, now)
        else:
            handler(self, event, leg, now)

    def _in_options(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        del leg, now
        self.options(event)

    def _in_refer(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
        if leg is None:
            self._desk.endpoint.respond(event.transaction, 481, now)
            return
        self.refer(event, leg.identity, now)

    def _in_subscribe(self, event: RequestReceived, leg: Leg | None, now: float) -> None:
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
        self.calls.ack_came(event, now)

    def ack_missing(self, event: AckMissing, now: float) -> None:
        """See `desk.DialogOwner`."""
        self.calls.ack_missing(event, now)

    def flow_closed(self, event: FlowClosed, now: float) -> None:
        """See `desk.DialogOwner`: the phones may come back by another flow."""
        del now
        self.calls.flow_closed(event)

    def moved(self, entity: str, contact: SipUri, flow: Flow) -> None:
        """A phone has registered anew: what lost its flow goes on by the new one."""
        self.calls.moved(entity, contact, flow)
        self._watchers.moved(entity, contact, flow)

    def usage_ended(self, dialog: DialogId) -> None:
        """See `desk.DialogOwner`."""
        left = [told for told in self._referrals.pop(dialog, []) if not told.over]
        if left:
            self._referrals[dialog] = left
        if dialog not in self.calls and dialog not in self._watchers and not left:
            self._desk.disown(dialog)

    # -- legs come and go ----------------------------------------------------

    def admitted(self, leg: Leg, now: float) -> None:
        """See `calls.Room`: into the conference, or to the PIN."""
        if leg.joining is Joining.DIALED_OUT:
            self._dialings.answered(leg, now)
        elif policy.needs_pin(self.snapshot, leg.identity) and not self._takes_over(leg):
            leg.pin = ""
            self._desk.act(Play(leg.id, "enter-pin"))
            return
        self._join(leg, now)
        replaced = self.calls.get(leg.replaces) if leg.replaces else None
        if replaced is not None:
            bye = Farewell(Departure.DEPARTED, text="Replaced by another phone")
            self.calls.hang_up(replaced, bye, now)

    def _takes_over(self, leg: Leg) -> bool:
        """Whether the leg takes the place of one that is in already."""
        replaced = self.calls.get(leg.replaces) if leg.replaces else None
        return replaced is not None and replaced.joined

    def ringing(self, leg: Leg, status: int, now: float) -> None:
        """See `calls.Room`."""
        self._dialings.ringing(leg, status, now)

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """See `calls.Room`: a digit of the PIN, or of a command."""
        if leg.pin is None:
            leg.keyed, verb = keypad.press(leg.keyed, digit)
            if verb is not None and leg.joined:
                self._commanded(leg, verb)
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
        self.record(WrongPin(leg.identity.uri), now)
        if leg.wrong_pins >= PIN_TRIES:
            leg.pin = None
            _, _, text = answers.REFUSALS[Refusal.WRONG_PIN_TOO_OFTEN]
            self.calls.hang_up(leg, Farewell(Departure.FAILED, status=403, text=text), now)
            return
        self._desk.act(Play(leg.id, "wrong-pin"))

    def _commanded(self, leg: Leg, verb: keypad.Verb) -> None:
        """A key is a wish like any other."""
        who, conference = leg.identity, self.snapshot.id
        user = self.roster.users.get(who.uri)
        if user is None:
            return
        if verb in keypad.COMMANDS and policy.may_command(self.snapshot, who) is not None:
            self._desk.act(Play(leg.id, "not-allowed"))
        elif verb is keypad.Verb.MUTE:
            self._desk.act(AskMute(conference, user.key, user.key not in self.snapshot.muted, who))
        elif verb is keypad.Verb.MUTE_ALL:
            self._desk.act(AskMute(conference, None, True, who))
        elif verb is keypad.Verb.LOCK:
            self._desk.act(AskLock(conference, not self.snapshot.locked, who))
        elif verb is keypad.Verb.END:
            self._desk.act(AskEnd(conference, who))
        else:
            self._remove_last(who)

    def _remove_last(self, who: Identity) -> None:
        """The one who came last goes, if it is not the one who asks."""
        here = list(self.roster.users.values())
        last = here[-1] if here else None
        if last is not None and last.entity != who.uri:
            key, conference = last.key, self.snapshot.id
            self._desk.ask(
                lambda number: AskRemoval(number, conference, key, who, keypad=True),
                lambda _answer, _now: None,
            )

    def _user_for(self, leg: Leg) -> User:
        """The roster's entry for a leg's person, or a new one."""
        known = self.roster.users.get(leg.identity.uri)
        if known is not None:
            return known
        key = ParticipantKey(self._desk.tokens.opaque())
        role = self.snapshot.role_of(leg.identity)
        return User(key, leg.identity.uri, leg.display_text, role)

    def _entry(self, leg: Leg, status: Status, now: float, *, muted: bool = False) -> EndpointEntry:
        return EndpointEntry(
            leg=leg.id,
            entity=leg.endpoint,
            status=status,
            joining_method=leg.joining,
            joined_at=now,
            source=leg.source,
            direction=leg.direction,
            muted=muted,
            referred_by=leg.referred_by,
        )

    def dialing(self, leg: Leg, status: Status, now: float) -> None:
        """See `dialing.Host`."""
        self._occupy(now)
        user = self._user_for(leg)
        entry = user.endpoint(leg.id)
        if entry is None or entry.status is not status:
            changed = user.with_endpoint(self._entry(leg, status, now))
            self._changed(self.roster.with_user(changed), now)

    def _join(self, leg: Leg, now: float) -> None:
        """Into the room and the roster."""
        user = self._user_for(leg)
        leg.joined, leg.participant = True, user.key
        muted = self._is_muted(user)
        if self.roster.count and user.entity not in self.roster.users:
            self._desk.act(PlayRoom(self.room, "entry"))
        self._desk.act(Mute(leg.id, muted))
        self._desk.act(Place(leg.id, self.room))
        entry = self._entry(leg, Status.CONNECTED, now, muted=muted)
        self.record(
            Joined(
                user.key,
                user.entity,
                user.display_text,
                user.role,
                entry.entity,
                entry.joining_method,
                by=leg.referred_by,
            ),
            now,
        )
        self._changed(self.roster.with_user(user.with_endpoint(entry)), now)

    def _is_muted(self, user: User) -> bool:
        """By order, or because he only listens."""
        return user.key in self.snapshot.muted or user.role is Role.LISTENER

    def silenced(self, leg: Leg, now: float) -> None:
        """See `calls.Room`."""
        self._desk.act(Place(leg.id, None))
        if leg.joined:
            self._update(leg, now, lambda entry: replace(entry, status=Status.DISCONNECTING))

    def renegotiated(self, leg: Leg, now: float) -> None:
        """See `calls.Room`."""
        if leg.joined and leg.state is State.CONNECTED:
            self._desk.act(Place(leg.id, self.room))
        if leg.joined:
            status = Status.ON_HOLD if leg.direction in _HELD else Status.CONNECTED
            self._update(
                leg,
                now,
                lambda entry: replace(
                    entry, status=status, direction=leg.direction, source=leg.source
                ),
            )

    def departed(self, leg: Leg, now: float) -> None:
        """See `calls.Room`; the last leg of a participant takes him along."""
        if leg.joining is Joining.DIALED_OUT:
            self._dialings.ended(leg, now)
        user = self.roster.user_of(leg.id)
        entry = user.endpoint(leg.id) if user else None
        if user is not None and entry is not None:
            self._leave(leg, user, entry, now)
        self._removals.departed(leg, now)

    def _leave(self, leg: Leg, user: User, entry: EndpointEntry, now: float) -> None:
        bye = leg.farewell
        joined, leg.joined = leg.joined, False
        if len(user.endpoints) > 1:
            if joined:
                self.record(EndpointLeft(user.key, entry.entity, bye.method), now)
            self._changed(self.roster.with_user(user.without_endpoint(leg.id)), now)
            return
        gone = replace(
            entry,
            status=Status.DISCONNECTED,
            disconnection=bye.method,
            disconnected_at=now,
            disconnected_by=bye.by,
            disconnection_reason=bye.text or bye.reason,
        )
        if joined:
            self.record(Left(user.key, bye.method, bye.by, bye.reason), now)
        self._changed(self.roster.without_user(user.with_endpoint(gone)), now)
        self._left(user, bye, now)

    def _left(self, user: User, bye: Farewell, now: float) -> None:
        """What somebody's leaving brings about."""
        if bye.method is Departure.BOOTED:
            self._watchers.end_of(user.entity, now, reason="rejected")
        elif self.roster.count:
            self._desk.act(PlayRoom(self.room, "exit"))
        departs = self.snapshot.creator_departs is CreatorDeparts.END
        if departs and user.entity == self.snapshot.creator:
            self.end(user.display_text or user.entity, now, over=True)

    def freed(self, leg: Leg, now: float) -> None:
        """See `calls.Room`."""
        del leg
        self.maybe_idle(now)

    def _update(
        self, leg: Leg, now: float, change: Callable[[EndpointEntry], EndpointEntry]
    ) -> None:
        """Change what the roster says of a leg."""
        user = self.roster.user_of(leg.id)
        entry = user.endpoint(leg.id) if user else None
        if user is None or entry is None or (changed := change(entry)) == entry:
            return
        if (changed.status, changed.muted) != (entry.status, entry.muted):
            fact = EndpointChanged(user.key, changed.entity, changed.status, changed.muted)
            self.record(fact, now)
        self._changed(self.roster.with_user(user.with_endpoint(changed)), now)

    def _changed(self, roster: Roster, now: float) -> None:
        self.roster = roster
        self.record(RosterChanged(roster.version), now)
        self._watchers.changed(self._about(), roster, now)

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
        for removal in snapshot.removals:
            self._removals.carry_out(removal, now)
        for call in snapshot.calls:
            self._dialings.place(call, now)
        for entity in snapshot.banned - before.banned:
            self._watchers.end_of(entity, now, reason="rejected")
        self._watchers.changed(self._about(), self.roster, now)
        if snapshot.end_by or snapshot.over:
            self.end(snapshot.end_by, now, over=True)

    def _apply_to(self, user: User, now: float) -> None:
        role = self.snapshot.role_of(Identity(user.entity))
        if role is not user.role:
            user = replace(user, role=role)
            self._changed(self.roster.with_user(user), now)
        muted = self._is_muted(user)
        for entry in user.endpoints:
            leg = self.calls.get(entry.leg)
            if entry.muted != muted and leg is not None:
                self._desk.act(Mute(leg.id, muted))
                if not leg.flow.web:  # a desk phone has no page to read it on
                    self._desk.act(Play(leg.id, "muted" if muted else "unmuted"))
                self._update(leg, now, lambda known: replace(known, muted=muted))

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
        for leg in self.calls:
            status = 410 if leg.state is State.NEGOTIATING else 200
            bye = Farewell(Departure.BOOTED, by=by, reason="ended", status=status, text=words)
            self.calls.hang_up(leg, bye, now)
        self._watchers.end(now)
        if over:
            self.record(Ended(by), now)
        self.maybe_idle(now)

    def maybe_idle(self, now: float) -> None:
        """Let go of what nobody needs any more."""
        if not len(self.calls) and self._occupied:
            self._occupied = False
            self._ended = self._ended and self._over(now)
            self.record(Emptied(), now)
        if self.empty:
            self._idle(self, now)


#: What a phone's stream is when its person has put us on hold (RFC 3264 8.4).
_HELD = frozenset({Direction.SENDONLY, Direction.INACTIVE})


def _display(request: Request, identity: Identity) -> str:
    """The name to show: the account's, else what the phone says."""
    return identity.display_name or request.must(headers.FROM).display_name


_IN_DIALOG: Mapping[str, Callable[[Conference, RequestReceived, Leg | None, float], None]] = {
    "OPTIONS": Conference._in_options,
    "REFER": Conference._in_refer,
    "SUBSCRIBE": Conference._in_subscribe,
    "NOTIFY": Conference._in_notify,
}

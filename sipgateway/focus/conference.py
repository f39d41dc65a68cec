"""One live conference: the focus of RFC 4579 for one conference URI.

It keeps a leg with every phone (`Calls`), the roster, and those who watch it;
and it makes what is follow what should be: a new `Snapshot` is compared with
the legs, and who is to be called, removed, muted or let go is. It asks
`policy` before anything else happens and records what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from conferences import policy
from conferences.policy import CreatorDeparts, Identity, Refusal, Snapshot
from sipgateway.focus import answers, messages
from sipgateway.focus.actions import (
    Describe,
    Emptied,
    Ended,
    Fact,
    JoinRefused,
    Occupied,
    PlayRoom,
    Record,
)
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.calls import Calls
from sipgateway.focus.conference_info import About
from sipgateway.focus.desk import Desk, Phone, uri_of
from sipgateway.focus.dialing import Dialings
from sipgateway.focus.events import Answer, Negotiated
from sipgateway.focus.leg import Farewell, Leg, State
from sipgateway.focus.pad import Pad
from sipgateway.focus.referring import Referring
from sipgateway.focus.removals import Removals
from sipgateway.focus.roster import Departure, Joining, Roster, Status, User
from sipgateway.focus.watchers import Watchers
from sipgateway.media.engine import LegId, RoomId, Session
from sipgateway.sip import headers
from sipgateway.sip.endpoint import Body
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
from sipgateway.sip.uri import SipUri

CLOCK_SKEW = 5.0
"""Seconds by which our clock may be behind the one that says which occurrence is next."""
MAX_CALLS = 400
"""Calls of one person into one conference: a gateway's account may bring a hall full of
people, more are a program gone wrong (486)."""

Idle = Callable[["Conference", float], None]


class Conference:
    """See the module. The switchboard makes one when a conference comes to life."""

    def __init__(self, desk: Desk, snapshot: Snapshot, *, idle: Idle) -> None:
        self._desk = desk
        self._idle = idle
        self.snapshot = snapshot
        self._ended = False
        self._occupied = False
        self.calls = Calls(desk, self)
        self._removals = Removals(self, self.calls)
        self._dialings = Dialings(desk, self, self.calls)
        self._attendance = Attendance(desk, self, self.calls.get)
        self._pad = Pad(desk, self, self.calls, self._attendance)
        self._referring = Referring(
            desk,
            self,
            attendance=self._attendance,
            removals=self._removals,
            dialings=self._dialings,
        )
        self._watchers = Watchers(desk, self, self._about(), self.roster)
        #: When the clock is set to ring; nothing rings for what nobody is in.
        self._closes_at: float | None = None
        self._retired = False
        self._creator_gone = False

    # -- who and where we are ------------------------------------------------

    @property
    def roster(self) -> Roster:
        """Who is in."""
        return self._attendance.roster

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
    def media_room(self) -> RoomId:
        """See `calls.Room`."""
        return self.room

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
        if sum(leg.identity.uri == identity.uri for leg in self.calls) >= MAX_CALLS:
            self._desk.endpoint.respond(event.transaction, 486, now, reason="Too Many Calls")
            return
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
        self._ended = False
        self._occupy(now)
        self.calls.dial_in(leg)

    def _may_come(self, identity: Identity, replaces: Leg | None, now: float) -> Refusal | None:
        """Asked when somebody calls, and again when he is about to be let in."""
        if replaces is not None and replaces.joined:
            # Who is in already may change his phone, in a full or locked conference too.
            return policy.may_subscribe(self.snapshot, identity)
        if self._creator_gone:
            return Refusal.OVER  # the row says so in a moment
        if self._pad.holds_off(identity.uri, now):
            return Refusal.WRONG_PIN_TOO_OFTEN
        present = len(self._present() - {identity.uri})
        return policy.may_join(self.snapshot, identity, present=present, now=now)

    def _may_enter(self, leg: Leg, now: float) -> Refusal | None:
        """Whether a leg whose call stands may be let in now: much may have changed since."""
        if leg.joining is Joining.DIALED_OUT:
            # Whom somebody pulls in need not be on the list.
            banned = leg.identity.uri in self.snapshot.banned
            return Refusal.BANNED if banned else policy.when(self.snapshot, now=now)
        replaced = self.calls.get(leg.replaces) if leg.replaces else None
        return self._may_come(leg.identity, replaced, now)

    def adopt(self, leg: Leg, calls: Calls, now: float) -> None:
        """Take over a call that was for something else until now (draft 4.3, 4.9).

        It goes on in the same dialog; a re-INVITE tells the phone the conference
        URI with `isfocus`.
        """
        self._occupy(now)
        calls.hand_over(leg, self.calls)
        self._attendance.join(leg, now)
        self.calls.reinvite(leg)

    def _present(self) -> set[str]:
        """Who has a place: one who stands at the PIN has none."""
        return {leg.identity.uri for leg in self.calls if leg.present and leg.pin is None}

    def is_full(self, entity: str) -> bool:
        """Whether there is no place for somebody who is not in yet."""
        maximum = self.snapshot.max_participants
        return maximum is not None and len(self._present() - {entity}) >= maximum

    def _occupy(self, now: float) -> None:
        self._clock()
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
        self._clock()
        self.maybe_idle(now)

    def refer(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """Somebody asks the focus to add or remove (RFC 4579 5.5, 5.7, 5.11)."""
        self._referring.refer(event, identity, now)

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
        told_all = self._referring.usage_ended(dialog)
        if dialog not in self.calls and dialog not in self._watchers and told_all:
            self._desk.disown(dialog)

    # -- legs come and go ----------------------------------------------------

    def admitted(self, leg: Leg, now: float) -> None:
        """See `calls.Room`: into the conference, or to the PIN."""
        if leg.joining is Joining.DIALED_OUT:
            self._dialings.answered(leg, now)
        elif policy.needs_pin(self.snapshot, leg.identity) and not self._takes_over(leg):
            self._pad.ask_pin(leg, now)
            return
        self.welcome(leg, now)

    def welcome(self, leg: Leg, now: float) -> None:
        """Into the room, if policy still allows; a phone whose place this one takes goes."""
        if (refusal := self._may_enter(leg, now)) is not None:
            self.record(JoinRefused(leg.identity.uri, refusal), now)
            status, _, text = answers.REFUSALS[refusal]
            bye = Farewell(Departure.FAILED, status=status, text=text)
            self.calls.hang_up(leg, bye, now)
            return
        self._attendance.join(leg, now)
        replaced = self.calls.get(leg.replaces) if leg.replaces else None
        if replaced is not None:
            bye = Farewell(Departure.DEPARTED, text="Replaced by another phone")
            self.calls.hang_up(replaced, bye, now)

    def _takes_over(self, leg: Leg) -> bool:
        """Whether the leg takes the place of one that is in already."""
        replaced = self.calls.get(leg.replaces) if leg.replaces else None
        return replaced is not None and replaced.joined

    def dialing(self, leg: Leg, status: Status, now: float) -> None:
        """See `dialing.Host`."""
        self._occupy(now)
        self._attendance.dialing(leg, status, now)

    def ringing(self, leg: Leg, status: int, now: float) -> None:
        """See `calls.Room`."""
        self._dialings.ringing(leg, status, now)

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """See `calls.Room`."""
        self._pad.keyed(leg, digit, now)

    def silenced(self, leg: Leg, now: float) -> None:
        """See `calls.Room`."""
        self._attendance.silence(leg, now)

    def renegotiated(self, leg: Leg, now: float) -> None:
        """See `calls.Room`."""
        self._attendance.renegotiated(leg, now)

    def departed(self, leg: Leg, now: float) -> None:
        """See `calls.Room`; the last leg of a participant takes him along."""
        if leg.joining is Joining.DIALED_OUT:
            self._dialings.ended(leg, now)
        user = self._attendance.leave(leg, now)
        if user is not None:
            self._left(user, leg.farewell, now)
        self._removals.departed(leg, now)

    def _left(self, user: User, bye: Farewell, now: float) -> None:
        """What somebody's leaving brings about."""
        if bye.method is Departure.BOOTED:
            self._watchers.end_of(user.entity, now, reason="rejected")
        elif self.roster.count:
            self._desk.act(PlayRoom(self.room, "exit"))
        departs = self.snapshot.creator_departs is CreatorDeparts.END
        if departs and user.entity == self.snapshot.creator:
            self._creator_gone = True
            self.end(user.display_text or user.entity, now, over=True)

    def freed(self, leg: Leg, now: float) -> None:
        """See `calls.Room`."""
        del leg
        self.maybe_idle(now)

    def roster_changed(self, now: float) -> None:
        """See `attendance.Host`."""
        self._watchers.changed(self._about(), self.roster, now)

    # -- what should be ------------------------------------------------------

    def apply(self, snapshot: Snapshot, now: float) -> None:
        """Make what is follow what should be."""
        before, self.snapshot = self.snapshot, snapshot
        if self._closes_at is not None:
            self._clock()
        self._attendance.apply(now)
        for removal in snapshot.removals:
            self._removals.carry_out(removal, now)
        for call in snapshot.calls:
            self._dialings.place(call, now)
        for entity in snapshot.banned - before.banned:
            self._banish(entity, now)
        self._watchers.changed(self._about(), self.roster, now)
        shut = policy.when(snapshot, now=now)
        was_open = policy.when(before, now=now - CLOCK_SKEW) is None
        if snapshot.end_by or shut is Refusal.OVER or (shut is Refusal.TOO_EARLY and was_open):
            self.end(snapshot.end_by, now, over=True)

    def _banish(self, entity: str, now: float) -> None:
        """Whoever may not come back is out with all his phones, at the PIN or ringing too."""
        self._watchers.end_of(entity, now, reason="rejected")
        status, _, text = answers.REFUSALS[Refusal.BANNED]
        for leg in self.calls:
            if leg.identity.uri == entity and not leg.joined:
                bye = Farewell(Departure.BOOTED, status=status, text=text)
                self.calls.hang_up(leg, bye, now)

    def _clock(self) -> None:
        """Have the end of the window ring, once for each end."""
        closes_at = self.snapshot.closes_at
        if closes_at is not None and closes_at != self._closes_at:
            self._desk.later(closes_at, self._closing)
        self._closes_at = closes_at

    def _closing(self, now: float) -> None:
        """The window is over, or already that of the next occurrence."""
        if not self._retired and not self._ended and policy.when(self.snapshot, now=now):
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
        ender = self.roster.users.get(by)
        name = (ender.display_text if ender else "") or by
        words = text or (f"The conference was ended by {name}" if by else "The conference is over")
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
            self._retired = True
            self._idle(self, now)


def _display(request: Request, identity: Identity) -> str:
    """The name to show: the account's, else what the phone says."""
    return identity.display_name or request.must(headers.FROM).display_name


_IN_DIALOG: Mapping[str, Callable[[Conference, RequestReceived, Leg | None, float], None]] = {
    "OPTIONS": Conference._in_options,
    "REFER": Conference._in_refer,
    "SUBSCRIBE": Conference._in_subscribe,
    "NOTIFY": Conference._in_notify,
}

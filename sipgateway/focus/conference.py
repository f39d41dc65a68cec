"""One live conference: the focus of RFC 4579 for one conference URI.

It keeps a leg with every phone (`Calls`), the roster, and those who watch it;
and it makes what is follow what should be: a new `Snapshot` is compared with
the legs, and who is to be called, removed, muted or let go is. It asks
`policy` before anything else happens and records what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from conferences import policy
from conferences.policy import CreatorDeparts, Identity, Refusal, Snapshot
from sipgateway.focus import answers, naming, phrases
from sipgateway.focus.announcer import Announcer
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk
from sipgateway.focus.dialing import Dialings
from sipgateway.focus.dialog_watchers import DialogWatchers, Watched
from sipgateway.focus.doorstep import Doorstep, Refused
from sipgateway.focus.ending import Ending, Line
from sipgateway.focus.entrance import Entrance
from sipgateway.focus.facts import Emptied, Occupied
from sipgateway.focus.hours import Hours
from sipgateway.focus.keeper import Keeper
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.lobby import Lobby
from sipgateway.focus.nameplate import Nameplate
from sipgateway.focus.pad import Pad
from sipgateway.focus.reception import Reception
from sipgateway.focus.recordings import Recordings
from sipgateway.focus.referral import Telling
from sipgateway.focus.referring import Referring
from sipgateway.focus.removals import Removals
from sipgateway.focus.roster import Departure, Joining, Roster, Sight, Status, User
from sipgateway.focus.sounds import Sounds
from sipgateway.focus.speakers import Levels, Speakers
from sipgateway.focus.standing import Standing
from sipgateway.focus.succession import Succession
from sipgateway.focus.two_left import Parties, TwoLeft
from sipgateway.focus.watchers import Watchers
from sipgateway.focus.wishes import Wishes
from sipgateway.media.engine import LegMeasured
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
    TransactionId,
)
from sipgateway.sip.flow import Flow
from sipgateway.sip.uri import SipUri

CLOCK_SKEW = 5.0
"""Seconds by which our clock may be behind the one that says which occurrence is next."""
Idle = Callable[["Conference", float], None]


class Conference(Nameplate):
    """See the module. The switchboard makes one when a conference comes to life."""

    def __init__(
        self,
        desk: Desk,
        snapshot: Snapshot,
        *,
        dialogs: DialogWatchers,
        doorstep: Doorstep,
        line: Line,
        idle: Idle,
    ) -> None:
        super().__init__(desk, snapshot)
        self._idle = idle
        self._dialogs = dialogs
        self._doorstep = doorstep
        self._occupied = False
        self.calls = Calls(desk, self)
        self._removals = Removals(self, self.calls)
        self._dialings = Dialings(desk, self, self.calls)
        self._announcer = Announcer(desk, self)
        self._recordings = Recordings(desk, self, self.calls)
        self._sounds = Sounds(desk, self)
        keeper = self._keeper = Keeper(desk, self)
        self._attendance = Attendance(
            desk, self, self.calls.get, keeper=keeper, announcer=self._announcer
        )
        self._lobby = Lobby(
            desk, self, self.calls, attendance=self._attendance, announcer=self._announcer
        )
        self._pad = Pad(
            desk,
            self,
            self.calls,
            attendance=self._attendance,
            announcer=self._announcer,
            follow=self._dialings.follow,
        )
        self._wishes = Wishes(
            desk,
            self,
            self.calls,
            attendance=self._attendance,
            removals=self._removals,
            dialings=self._dialings,
        )
        self._entrance = Entrance(
            desk,
            self,
            self.calls,
            attendance=self._attendance,
            dialings=self._dialings,
            waiting=self._lobby,
            pad=self._pad,
            wishes=self._wishes,
            keeper=keeper,
        )
        self._referring = Referring(desk, self, self._wishes, keeper=keeper)
        self._watchers = Watchers(desk, self, self.about, self.roster, keeper=keeper)
        self._speakers = Speakers(
            desk,
            lambda: len(self._watchers),
            show=self._show_speakers,
            write=self._attendance.write_speakers,
        )
        self._succession = Succession(
            desk,
            self,
            self.calls,
            attendance=self._attendance,
            watchers=self._watchers,
            dialogs=dialogs,
            referring=self._referring,
            keeper=keeper,
        )
        self._reception = Reception(
            desk,
            self,
            self.calls,
            attendance=self._attendance,
            entrance=self._entrance,
            referring=self._referring,
            watchers=self._watchers,
            dialogs=dialogs,
        )
        self._ending = Ending(
            self,
            self.calls,
            attendance=self._attendance,
            announcer=self._announcer,
            dialings=self._dialings,
            watchers=self._watchers,
            dialogs=dialogs,
            line=line,
        )
        self._hours = Hours(desk, self)
        self._two_left = TwoLeft(desk, self, self.calls)
        self._retired = False
        self.creator_gone = False

    # -- who and where we are ------------------------------------------------

    @property
    def roster(self) -> Roster:
        """Who is in."""
        return self._attendance.roster

    @property
    def empty(self) -> bool:
        """Whether nothing is left that needs this object."""
        watched = len(self._watchers) or self._dialogs.watches(str(self.uri))
        asked = len(self._dialings) or self._referring.tells
        return not len(self.calls) and not watched and not asked

    @property
    def occupied(self) -> bool:
        """Whether there is any leg, coming, here or going."""
        return bool(len(self.calls))

    @property
    def awaited(self) -> bool:
        """Whether any of them can still be reached."""
        return any(not leg.flow_gone for leg in self.calls)

    # -- who comes in --------------------------------------------------------

    def invite(
        self, event: RequestReceived, identity: Identity, now: float, *, replaces: Leg | None = None
    ) -> None:
        """Somebody dials in (RFC 4579 5.1), or changes his phone (5.9)."""
        self._entrance.invite(event, identity, now, replaces=replaces)

    def adopt(self, leg: Leg, calls: Calls, now: float) -> None:
        """Take over a call that was for something else until now (draft 4.3, 4.9)."""
        self._entrance.adopt(leg, calls, now)

    def shown(self, entity: str) -> str:
        """See `dialing.Host`."""
        return naming.shown(self.roster, entity)

    def name_of(self, entity: str, name: str = "") -> str:
        """See `removals.Host`."""
        return naming.name_of(self.roster, entity, name)

    def sight(self, who: Identity) -> Sight:
        """See `watchers.Host`."""
        if policy.sees_nobody(self.snapshot, who):
            inside = not who.gateway and self._attendance.is_in(who.uri)
            return Sight.OTHERS if inside else Sight.OWN
        if policy.may_command(self.snapshot, who) is not None:
            return Sight.OTHERS
        known = policy.may_identify(self.snapshot, who) is None
        return Sight.ALL if known else Sight.QUEUE

    def dialogs_for(self, who: Identity) -> Watched:
        """See `reception.Host`: for those who may know who everybody is (RFC 4235)."""

        def allowed() -> bool:
            return policy.may_identify(self.snapshot, who) is None

        return Watched(str(self.uri), who, self.contact, allowed, self._keeper)

    def accept(self, event: RequestReceived, who: Identity, now: float) -> Telling:
        """Take a REFER that led to this conference; gives whoever is told how it goes."""
        return self._referring.accept(event, who, now)

    def may_take(self, entity: str, now: float) -> bool:
        """See `dialing.Host`: who could come in by himself, without a PIN and without waiting."""
        who = Identity(entity)
        refusal = policy.may_join(self.snapshot, who, present=0, now=now)
        asked = policy.needs_pin(self.snapshot, who) or self._lobby.has_to_wait(who)
        return refusal is None and not asked

    def is_in(self, entity: str) -> bool:
        """See `dialing.Host`."""
        return self._attendance.is_in(entity)

    def is_full(self, entity: str) -> bool:
        """See `dialing.Host`."""
        return self._entrance.is_full(entity)

    def admitted(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        self._entrance.admitted(leg, now)

    def welcome(self, leg: Leg, now: float) -> None:
        """See `pad.Host`."""
        self._entrance.welcome(leg, now)

    def confirmed(self, leg: Leg, now: float) -> None:
        """See `pad.Host`."""
        self._entrance.confirmed(leg, now)

    def reopen(self, now: float) -> None:
        """See `entrance.Host`."""
        self._ending.ended = False
        self.occupy(now)

    def occupy(self, now: float) -> None:
        """See `entrance.Host`."""
        self._hours.wind()
        if not self._occupied:
            self._occupied = True
            self.record(Occupied(), now)

    # -- what comes by SIP ---------------------------------------------------

    def refuse(self, transaction: TransactionId, refusal: Refusal, now: float) -> None:
        """Answer a request with what a refusal means in SIP."""
        status, phrase, _ = answers.REFUSALS[refusal]
        fields = answers.refusal_fields(refusal, self.snapshot, now)
        self._desk.endpoint.respond(transaction, status, now, reason=phrase, fields=fields)

    def turn_away(
        self, event: RequestReceived, identity: Identity, refusal: Refusal, now: float
    ) -> None:
        """See `entrance.Host`."""
        refused = Refused(identity, self.contact, self.session, self.snapshot)
        if not self._doorstep.turn_away(event, refused, refusal, now):
            self.refuse(event.transaction, refusal, now)

    def request(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """A request from somebody known, outside dialogs."""
        self._reception.outside(event, identity, now)

    def request_came(self, event: RequestReceived, now: float) -> None:
        """See `desk.DialogOwner`."""
        self._reception.inside(event, now)

    def identity_of(self, dialog: DialogId) -> Identity | None:
        """See `referring.Host`."""
        leg = self.calls.by_dialog(dialog)
        return leg.identity if leg else self._watchers.identity_of(dialog)

    def watched(self, now: float) -> None:
        """See `reception.Host`."""
        self._hours.wind()
        self.maybe_idle(now)

    def ack_came(self, event: AckReceived, now: float) -> None:
        """See `desk.DialogOwner`."""
        self.calls.ack_came(event, now)

    def ack_missing(self, event: AckMissing, now: float) -> None:
        """See `desk.DialogOwner`."""
        self.calls.ack_missing(event, now)

    def flow_closed(self, event: FlowClosed, now: float) -> None:
        """See `desk.DialogOwner`: the phones may come back by another flow."""
        del now
        self.calls.reconnecting.flow_closed(event)

    def moved(self, entity: str, contact: SipUri, flow: Flow, now: float) -> None:
        """A phone has registered anew: what lost its flow goes on by the new one."""
        self.calls.reconnecting.moved(entity, contact, flow, now)
        self._watchers.moved(entity, contact, flow, now)
        self._referring.moved(entity, contact, flow)

    def resume(self, left: Iterable[Standing], version: int, gone: str, now: float) -> None:
        """Go on with what the process `gone` left; `version` is the last of its roster."""
        self._succession.resume(left, version, gone, now)
        self.speaking({}, now)  # as its own mixer will say

    def abandon(self, now: float) -> None:
        """Another process serves the conference now: let go of everything, and tell nobody."""
        self._ending.ended = self._retired = True
        self._succession.abandon(now)

    def usage_ended(self, dialog: DialogId) -> None:
        """See `desk.DialogOwner`."""
        told_all = self._referring.usage_ended(dialog)
        self._desk.later(0.0, self.maybe_idle)  # as soon as this moment is over
        if dialog not in self.calls and dialog not in self._watchers and told_all:
            self._desk.disown(dialog)

    # -- legs come and go ----------------------------------------------------

    def dialing(self, leg: Leg, status: Status, now: float) -> None:
        """See `dialing.Host`."""
        self.occupy(now)
        self._attendance.dialing(leg, status, now)

    def ringing(self, leg: Leg, status: int, now: float) -> None:
        """See `room.Room`."""
        self._dialings.ringing(leg, status, now)

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """See `room.Room`."""
        self._pad.keyed(leg, digit, now)

    def progressed(self, leg: Leg, now: float) -> None:
        """See `room.Room`: who is refused waits on the doorstep."""

    def silenced(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        self._lobby.let_go(leg, now)
        self._attendance.silence(leg, now)

    def renegotiated(self, leg: Leg, now: float) -> None:
        """See `room.Room`; who stood at the door of another process comes to ours."""
        self._dialings.agreed(leg, now)
        if leg.at_door:
            leg.at_door = False
            self._entrance.admitted(leg, now)
            return
        self._attendance.renegotiated(leg, now)
        self._lobby.again(leg)

    def measured(self, leg: Leg, event: LegMeasured, now: float) -> None:
        """See `room.Room`."""
        self._attendance.measured(leg, event, now)

    def relocated(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        self._attendance.relocated(leg, now)

    def departed(self, leg: Leg, now: float) -> None:
        """See `room.Room`; the last leg of a participant takes him along."""
        if leg.joining is Joining.DIALED_OUT:
            self._dialings.ended(leg, now)
        self._lobby.let_go(leg, now)
        user = self._attendance.leave(leg, now)
        self._keeper.forget_leg(leg, now)
        if user is not None:
            self._left(user, leg, now)
        elif leg.farewell.removal is not None and not self._calls_again(leg):
            self._watchers.end_of(leg.identity.uri, now, reason="rejected", phone=leg.endpoint)
        self._removals.departed(leg, now)
        self._lobby.follow(now)

    def _calls_again(self, leg: Leg) -> bool:
        """Whether its phone is in by another call."""
        others = (one for one in self.calls if one is not leg)
        return any(one.present and one.endpoint == leg.endpoint for one in others)

    def _left(self, user: User, leg: Leg, now: float) -> None:
        """What somebody's leaving brings about."""
        if leg.farewell.method is Departure.BOOTED:
            self._watchers.end_of(user.entity, now, reason="rejected")
        else:
            self._announcer.left([leg], count=self.roster.count)
        self._attendance.see_who_is_left()
        self._dialings.left_alone(now)
        departs = self.snapshot.creator_departs is CreatorDeparts.END
        if departs and user.entity == self.snapshot.creator:
            self.creator_gone = True
            by = user.entity if user.private else user.display_text or user.entity
            self.end(by, now, over=True)

    def freed(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        del leg
        self.maybe_idle(now)

    def speaking(self, levels: Levels, now: float) -> None:
        """Those who speak have changed; their levels in dBov."""
        self._speakers.changed(levels, now)

    def _show_speakers(self, levels: Levels, now: float) -> None:
        self._attendance.speaking(levels)
        self._watchers.changed(self.about, self.roster, now)

    def placing(self, leg: Leg, now: float) -> None:
        """See `attendance.Host`."""
        self._recordings.place(leg, now)

    def roster_changed(self, now: float) -> None:
        """See `attendance.Host`."""
        self._recordings.follow(now)
        if self.roster.count:
            self._sounds.follow(now)
        self._watchers.changed(self.about, self.roster, now)
        self._two_left.look(now)

    # -- what should be ------------------------------------------------------

    def apply(self, snapshot: Snapshot, now: float) -> None:
        """Make what is follow what should be."""
        before, self.snapshot = self.snapshot, snapshot
        self._hours.follow()
        self._announcer.changed(before, snapshot)
        self._recordings.follow(now)
        self._sounds.follow(now)
        self._attendance.apply(now)
        self._announcer.floor_changed(before, snapshot, self.calls)
        for removal in snapshot.removals:
            self._removals.carry_out(removal, now)
        self._lobby.follow(now)
        self._pad.follow(now)
        self._dialings.obey(snapshot.calls, now)
        for entity in snapshot.banned - before.banned:
            self._banish(entity, now)
        self._watchers.changed(self.about, self.roster, now)
        self._two_left.look(now)
        shut = policy.when(snapshot, now=now)
        was_open = any(policy.when(before, now=at) is None for at in (now, now - CLOCK_SKEW))
        if snapshot.end_by or shut is Refusal.OVER or (shut is Refusal.TOO_EARLY and was_open):
            self.end(snapshot.end_by, now, over=True)

    def _banish(self, entity: str, now: float) -> None:
        """Whoever may not come back is out with all his phones, at the PIN or ringing too."""
        self._watchers.end_of(entity, now, reason="rejected")
        status, _, text = answers.REFUSALS[Refusal.BANNED]
        for leg in self.calls:
            if leg.identity.uri == entity and not leg.joined:
                words = phrases.refused(self.snapshot, Refusal.BANNED, now)
                bye = Farewell(Departure.BOOTED, status=status, text=text, words=words)
                self.calls.hang_up(leg, bye, now)

    def closes_in(self, minutes: int) -> None:
        """See `hours.Host`."""
        if not self._ending.ended and self.roster.count:
            self._announcer.say_all(*phrases.ends_in(minutes))

    def closing(self, now: float) -> None:
        """See `hours.Host`."""
        if not self._retired and not self._ending.ended and policy.when(self.snapshot, now=now):
            self.end("", now, over=True)

    def end(self, by: str, now: float, *, over: bool, text: str = "") -> None:
        """Hang up on everybody and end every subscription; `over` for good (RFC 4579 5.12)."""
        self._ending.end(by, now, over=over, text=text)

    @property
    def busy(self) -> bool:
        """See `two_left.Host`."""
        return self._ending.ended or bool(len(self._dialings)) or self._referring.tells

    def part(self, parties: Parties, now: float) -> None:
        """See `two_left.Host`."""
        self._ending.part(parties, now)

    def maybe_idle(self, now: float) -> None:
        """Let go of what nobody needs any more."""
        self._two_left.look(now)
        if not len(self.calls) and self._occupied:
            self._occupied = False
            self._recordings.stop()
            self._sounds.stop()
            over = policy.when(self.snapshot, now=now) is Refusal.OVER
            self._ending.ended = self._ending.ended and over
            self.record(Emptied(), now)
        if self.empty:
            self._retired = True
            self._idle(self, now)

"""Who is in a conference: keeps the roster, in step with legs, mixer and database.

Every change makes a new frozen `Roster`, is recorded, and reaches the
watchers; the room in the mixer follows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol, TypedDict

from conferences import policy
from conferences.policy import Identity, Newcomers, ParticipantKey, Role, Snapshot
from sipgateway.focus import naming
from sipgateway.focus.actions import Mute, Place
from sipgateway.focus.announcer import Announcer
from sipgateway.focus.desk import Desk
from sipgateway.focus.entries import Recorded, entry_of, is_in, recorded_in
from sipgateway.focus.facts import (
    EndpointChanged,
    EndpointLeft,
    EndpointMeasured,
    Fact,
    Joined,
    Left,
    RosterChanged,
    SpeakersChanged,
    Spoken,
)
from sipgateway.focus.keeper import Keeper
from sipgateway.focus.leg import Leg, State
from sipgateway.focus.roster import EndpointEntry, Marks, Roster, Status, User
from sipgateway.focus.speakers import Levels
from sipgateway.media.engine import Direction, LegId, LegMeasured, RoomId


class Host(Protocol):
    """The conference whose attendance this is."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    @property
    def room(self) -> RoomId:
        """Its room in the media engine."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""

    def placing(self, leg: Leg, now: float) -> None:
        """A leg is about to be put into the room."""

    def roster_changed(self, now: float) -> None:
        """The watchers are to hear of a new roster."""


#: What a phone's stream is when its person has put us on hold (RFC 3264 8.4).
_HELD = frozenset({Direction.SENDONLY, Direction.INACTIVE})


WRITTEN_WITHIN = 10.0
"""Seconds in which the row of somebody who came in muted is read; it is looked for every 5."""
_MUTED_WORDS = {Newcomers.MUTED: "muted", Newcomers.SILENCED: "muted-by-moderator"}


class Attendance:
    """See the module."""

    def __init__(
        self,
        desk: Desk,
        host: Host,
        legs: Callable[[LegId], Leg | None],
        *,
        keeper: Keeper,
        announcer: Announcer,
    ) -> None:
        self._desk = desk
        self._keeper = keeper
        self._host = host
        self._legs = legs
        self._announcer = announcer
        self._speakers: Levels = {}
        snapshot = host.snapshot
        #: Who came in muted and whose row has not been read since, and until when that holds.
        self._came_muted: dict[ParticipantKey, float] = {}
        newcomers = snapshot.newcomers
        self.roster = Roster(locked=snapshot.locked, newcomers=newcomers, **recorded_in(snapshot))

    def __iter__(self) -> Iterator[User]:
        return iter(list(self.roster.users.values()))

    def __contains__(self, entity: str) -> bool:
        return entity in self.roster.users

    # -- legs come and go ----------------------------------------------------

    def _user_for(self, leg: Leg) -> User:
        """The roster's entry for a leg's person, or a new one."""
        known = self.roster.users.get(leg.identity.uri)
        if known is not None:
            return replace(known, private=known.private or leg.private)
        key = ParticipantKey(self._desk.tokens.opaque())
        role = self._host.snapshot.role_of(leg.identity)
        private = policy.is_anonymous(self._host.snapshot, role, asked=leg.private)
        return User(key, leg.identity.uri, leg.display_text, role, private=private)

    def _is_private(self, user: User, role: Role) -> bool:
        legs = (self._legs(entry.leg) for entry in user.endpoints)
        asked = any(leg.private for leg in legs if leg is not None)
        return policy.is_anonymous(self._host.snapshot, role, asked=asked)

    def _is_muted(self, user: User) -> bool:
        """By order, or because he only listens."""
        ordered = user.key in self._host.snapshot.muted or user.key in self._came_muted
        return ordered or user.role is Role.LISTENER

    def _comes(self, user: User, now: float) -> Newcomers:
        """How somebody comes in; he is muted at once, his row says so a moment later."""
        comes = policy.comes(self._host.snapshot, user.role)
        if is_in(user) or comes is Newcomers.HEARD:
            return Newcomers.HEARD
        self._came_muted[user.key] = now + WRITTEN_WITHIN
        return comes

    def _follow_newcomers(self, now: float) -> None:
        """Whose row says that he is muted is muted by that, and whose does not for long is not."""
        muted, came = self._host.snapshot.muted, self._came_muted
        self._came_muted = {k: until for k, until in came.items() if k not in muted and now < until}

    def dialing(self, leg: Leg, status: Status, now: float) -> None:
        """Show that a phone is being called."""
        user = self._user_for(leg)
        leg.participant = user.key
        entry = user.endpoint(leg.id)
        if entry is None or entry.status is not status:
            changed = user.with_endpoint(entry_of(leg, user, status, now))
            self._change(self.roster.with_user(changed), now)

    def queue(self, roster: Roster, now: float) -> None:
        """Others wait to be let in than before; who is in has not changed."""
        self.roster = roster
        self._host.roster_changed(now)

    def is_in(self, entity: str) -> bool:
        """Whether somebody is in already, with whatever phone."""
        user = self.roster.users.get(entity)
        return user is not None and is_in(user)

    def join(self, leg: Leg, now: float) -> None:
        """Into the room and the roster."""
        user = self._user_for(leg)
        leg.joined, leg.participant = True, user.key
        comes = self._comes(user, now)
        muted, room = self._is_muted(user), self._host.room
        count = self.roster.count
        self._announcer.comes(leg, new=not is_in(user), count=count)
        self._desk.act(Mute(leg.id, muted))
        self._host.placing(leg, now)
        self._desk.act(Place(leg.id, room))
        status = Status.ON_HOLD if leg.direction in _HELD else Status.CONNECTED
        entry = entry_of(leg, user, status, now, muted=muted)
        joined = Joined(
            user.key,
            user.entity,
            user.display_text,
            user.role,
            entry.entity,
            entry.joining_method,
            by=leg.referred_by,
            private=user.private,
            comes=comes,
        )
        self._host.record(joined, now)
        if muted or status is not Status.CONNECTED:
            self._host.record(EndpointChanged(user.key, entry.entity, status, muted), now)
        self._keeper.keep_leg(leg, now, now)
        self._change(self.roster.with_user(user.with_endpoint(entry)), now)
        self._mark(now)
        self._tell_sound(now)
        if self.roster.count > 1:
            self._company()
        self._announcer.arrived(leg, user.role, alone=not count)
        if comes is not Newcomers.HEARD and not leg.flow.web:
            self._announcer.say(leg, _MUTED_WORDS[comes])

    def _company(self) -> None:
        """Whether somebody is alone now; see `Announcer.company`."""
        entries = [entry for user in self for entry in user.endpoints]
        legs = [leg for entry in entries if (leg := self._legs(entry.leg)) and leg.joined]
        self._announcer.company(legs, alone=self.roster.count == 1)

    def resume(self, leg: Leg, joined_at: float, now: float) -> None:
        """Go on with a leg that was in when another process served the conference."""
        user = self._user_for(leg)
        user = replace(user, key=leg.participant or user.key)
        leg.participant = user.key
        muted = self._is_muted(user)
        entry = entry_of(leg, user, Status.CONNECTED, joined_at, muted=muted)
        self.roster = self.roster.with_user(user.with_endpoint(entry))
        self._keeper.keep_leg(leg, joined_at, now)

    def resumed(self, version: int, now: float) -> None:
        """All are in again; `version` is beyond any that was told of the roster."""
        self._change(replace(self.roster, version=version), now)

    def relocated(self, leg: Leg, now: float) -> None:
        """The leg's phone is reached by another flow."""
        user = self.roster.user_of(leg.id)
        entry = user.endpoint(leg.id) if user else None
        if leg.joined and entry is not None:
            self._keeper.keep_leg(leg, entry.joined_at, now)
        elif leg.kept:
            self._keeper.keep_leg(leg, now, now)

    def silence(self, leg: Leg, now: float) -> None:
        """Out of the room at once; the roster says that the leg is about to go."""
        self._desk.act(Place(leg.id, None))
        if leg.joined:
            self._update(leg, now, lambda entry: replace(entry, status=Status.DISCONNECTING))

    def renegotiated(self, leg: Leg, now: float) -> None:
        """The leg's direction or source may have changed, or its mixer.

        A new mixer knows nothing of it, and hears whom it is not told to mute. What is
        agreed by now is written down.
        """
        self.relocated(leg, now)
        user = self.roster.user_of(leg.id)
        if not leg.joined or user is None:
            return
        if leg.state is State.CONNECTED:
            self._desk.act(Mute(leg.id, self._is_muted(user)))
            self._host.placing(leg, now)
            self._desk.act(Place(leg.id, self._host.room))
        status = Status.ON_HOLD if leg.direction in _HELD else Status.CONNECTED
        self._update(
            leg,
            now,
            lambda entry: replace(entry, status=status, direction=leg.direction, source=leg.source),
        )

    def measured(self, leg: Leg, event: LegMeasured, now: float) -> None:
        """How well a leg goes; no watcher is told, for RFC 4575 has no word for it."""
        user = self.roster.user_of(leg.id)
        entry = user.endpoint(leg.id) if user else None
        if leg.joined and user is not None and entry is not None:
            fact = EndpointMeasured(
                user.key, entry.entity, now=event.now, mean=event.mean, worst=event.worst
            )
            self._host.record(fact, now)

    def leave(self, leg: Leg, now: float) -> User | None:
        """Out of the roster; gives the participant who was in by this leg and is by no other."""
        user = self.roster.user_of(leg.id)
        entry = user.endpoint(leg.id) if user else None
        if user is None or entry is None:
            return None
        bye = leg.farewell
        joined, leg.joined = leg.joined, False
        if joined:
            self._keeper.forget_leg(leg, now)
        gone = replace(
            entry,
            status=Status.DISCONNECTED,
            disconnection=bye.method,
            disconnected_at=now,
            disconnected_by=bye.by,
            disconnection_reason=bye.text or bye.reason,
        )
        others = [one for one in user.endpoints if one.leg != leg.id]
        legs = [other for one in others if (other := self._legs(one.leg)) is not None]
        if not joined or any(other.joined for other in legs):
            if joined:
                self._host.record(EndpointLeft(user.key, entry.entity, bye.method), now)
            alone = self.roster.without_user(user.with_endpoint(gone))
            self._change(self.roster.without_phone(user, gone) if others else alone, now)
            return None
        self._host.record(Left(user.key, bye.method, bye.by, bye.reason), now)
        self._change(self.roster.without_user(user.with_endpoint(gone)), now)
        for other in legs:  # what still rings rings for somebody who comes anew
            if other.present:
                status = next(one.status for one in others if one.leg == other.id)
                self.dialing(other, status, now)
        return user

    def see_who_is_left(self) -> None:
        """Somebody is gone, and what that was announced by is being played."""
        if self.roster.count == 1:
            self._company()

    # -- what should be ------------------------------------------------------

    def apply(self, now: float) -> None:
        """Follow the snapshot: locked, roles, muted."""
        snapshot = self._host.snapshot
        if snapshot.locked != self.roster.locked:
            self._change(self.roster.with_lock(snapshot.locked), now)
        known = Recorded(recording=self.roster.recording, tracks=self.roster.tracks)
        if recorded_in(snapshot) != known:
            self._change(self.roster.with_recording(**recorded_in(snapshot)), now)
        if snapshot.newcomers is not self.roster.newcomers:
            self._change(self.roster.with_newcomers(snapshot.newcomers), now)
        self._follow_newcomers(now)
        self._tell_sound(now)
        for user in self:
            role = snapshot.role_of(Identity(user.entity))
            changed = replace(user, role=role, private=self._is_private(user, role))
            if changed != user:
                self._change(self.roster.with_user(changed), now)
        for user in self:
            self._apply_mute(user, now)
        self._mark(now)

    def speaking(self, levels: Levels) -> None:
        """Show who speaks: no new version of the rest, for it is soon over."""
        self._speakers = levels
        marked = {
            user.entity: replace(user.marks, **self._voice(user))
            for user in self
            if self._voice(user) != Voice(speaking=user.marks.speaking, level=user.marks.level)
        }
        if marked:
            self.roster = self.roster.with_voices(marked)

    def write_speakers(self, levels: Levels, now: float) -> None:
        """Write down who speaks, for scripts."""
        found = ((user, entry) for user in self for entry in user.endpoints if entry.leg in levels)
        heard = (Spoken(user.key, entry.entity, levels[entry.leg]) for user, entry in found)
        self._host.record(SpeakersChanged(tuple(heard)), now)

    def _voice(self, user: User) -> Voice:
        heard = [entry.leg for entry in user.endpoints if entry.leg in self._speakers]
        levels = [one for leg in heard if (one := self._speakers[leg]) is not None]
        return Voice(speaking=bool(heard), level=max(levels, default=None))

    def _tell_sound(self, now: float) -> None:
        """What is played, by whom: also where that began before anybody was told."""
        order = self._host.snapshot.sound
        sound = (order.title, naming.name_of(self.roster, order.by)) if order else ("", "")
        if sound != (self.roster.sound, self.roster.sound_by):
            self._change(self.roster.with_sound(*sound), now)

    def _mark(self, now: float) -> None:
        snapshot = self._host.snapshot
        recorded = snapshot.recording is not None
        for user in self:
            marks = Marks(
                hand=user.key in snapshot.hands,
                asked_to_speak=user.key in snapshot.asked_to_speak,
                left_out=recorded and not policy.may_be_kept(snapshot, user.key),
                **self._voice(user),
            )
            if marks != user.marks:
                self._change(self.roster.with_user(replace(user, marks=marks)), now)

    def _apply_mute(self, user: User, now: float) -> None:
        muted = self._is_muted(user)
        for entry in user.endpoints:
            leg = self._legs(entry.leg)
            if entry.muted == muted or leg is None:
                continue
            self._desk.act(Mute(leg.id, muted))
            if not leg.flow.web:  # a desk phone has no page to read it on
                self._announcer.say(leg, self._how(user, muted))
            self._update(leg, now, lambda known: replace(known, muted=muted))

    def _how(self, user: User, muted: bool) -> str:
        """The prompt for a change of being heard."""
        if not muted:
            return "unmuted"
        silenced = user.key in self._host.snapshot.silenced
        return "muted-by-moderator" if silenced else "muted"

    # -- changes -------------------------------------------------------------

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
            self._host.record(fact, now)
        self._change(self.roster.with_user(user.with_endpoint(changed)), now)

    def _change(self, roster: Roster, now: float) -> None:
        self.roster = roster
        self._host.record(RosterChanged(roster.version), now)
        self._host.roster_changed(now)


class Voice(TypedDict):
    """What the roster says of whether somebody speaks."""

    speaking: bool
    level: int | None

"""Who is in a conference: a frozen value, replaced whole at every change.

The names are those of RFC 4575. `Roster.users` keeps the order of arrival.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from conferences.policy import ANONYMOUS, Newcomers, ParticipantKey, Role, WaiterKey, alias
from sipgateway.media.engine import Direction, LegId


class Status(enum.StrEnum):
    """Endpoint status (RFC 4575 5.7.2)."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    ON_HOLD = "on-hold"
    MUTED_VIA_FOCUS = "muted-via-focus"
    PENDING = "pending"
    ALERTING = "alerting"
    DIALING_IN = "dialing-in"
    DIALING_OUT = "dialing-out"
    DISCONNECTING = "disconnecting"


#: Who is being called, or is on his way out, is not counted.
PRESENT = frozenset({Status.CONNECTED, Status.ON_HOLD, Status.MUTED_VIA_FOCUS})


#: Who is being called and has not come yet.
CALLED = frozenset({Status.DIALING_OUT, Status.ALERTING, Status.PENDING})


class Joining(enum.StrEnum):
    """How an endpoint came in (5.7.3)."""

    DIALED_IN = "dialed-in"
    DIALED_OUT = "dialed-out"
    FOCUS_OWNER = "focus-owner"


class Departure(enum.StrEnum):
    """How an endpoint went (5.7.5)."""

    DEPARTED = "departed"
    BOOTED = "booted"
    FAILED = "failed"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class EndpointEntry:
    """One device of a user (RFC 4575 5.7)."""

    leg: LegId
    entity: str
    status: Status
    joining_method: Joining
    joined_at: float
    source: int = 0
    direction: Direction = Direction.SENDRECV
    muted: bool = False
    referred_by: str = ""
    disconnection: Departure | None = None
    disconnected_at: float | None = None
    disconnected_by: str = ""
    disconnection_reason: str = ""

    @property
    def media_status(self) -> Direction:
        """The media status (5.8.4) as the focus sees the phone's stream."""
        if not self.muted:
            return self.direction
        return _SILENCED[self.direction]


_SILENCED: Mapping[Direction, Direction] = {
    Direction.SENDRECV: Direction.RECVONLY,
    Direction.SENDONLY: Direction.INACTIVE,
    Direction.RECVONLY: Direction.RECVONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}


class Sight(enum.Enum):
    """How much of a roster somebody sees."""

    #: Who everybody is, and who waits.
    ALL = "all"
    #: Who waits, but not who the anonymous are.
    QUEUE = "queue"
    OTHERS = "others"
    #: Himself, where he waits, and how many do before him.
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Marks:
    """What RFC 4575 has no words for: `conference_info` says it in a namespace of our own."""

    hand: bool = False
    asked_to_speak: bool = False
    #: His voice is left out of the recording.
    left_out: bool = False
    #: He is heard right now.
    speaking: bool = False
    #: How loud he came in when he began, in dBov (RFC 6464); None where the mixer does not know.
    level: int | None = None
    #: He waits to be let in, by that name.
    waits: WaiterKey | None = None
    #: The how many-th he is; told to himself alone.
    place: int = 0


UNMARKED = Marks()


@dataclass(frozen=True, slots=True)
class User:
    """One participant (RFC 4575 5.6). `entity` is his address of record."""

    key: ParticipantKey
    entity: str
    display_text: str
    role: Role
    endpoints: tuple[EndpointEntry, ...] = ()
    #: Others are not shown who he is (RFC 3323).
    private: bool = False
    marks: Marks = field(default_factory=lambda: UNMARKED)

    def endpoint(self, leg: LegId) -> EndpointEntry | None:
        """The endpoint that a leg is, if it is one of his."""
        return next((entry for entry in self.endpoints if entry.leg == leg), None)

    def with_endpoint(self, entry: EndpointEntry) -> User:
        """The same user with that endpoint added, or put in place of its older self."""
        others = tuple(e for e in self.endpoints if e.leg != entry.leg)
        if len(others) == len(self.endpoints):
            return replace(self, endpoints=(*others, entry))
        return replace(
            self, endpoints=tuple(entry if e.leg == entry.leg else e for e in self.endpoints)
        )

    def without_endpoint(self, leg: LegId) -> User:
        """The same user without that endpoint."""
        return replace(self, endpoints=tuple(e for e in self.endpoints if e.leg != leg))


MAX_DEPARTED = 100
"""More than leave between two NOTIFYs to one watcher; who is not among them is just gone."""

_NOBODY: Mapping[str, User] = MappingProxyType({})
_NO_PHONE: Mapping[LegId, EndpointEntry] = MappingProxyType({})
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody in a conference, and what holds for all of them (RFC 4575 5.5)."""

    version: int = 0
    users: Mapping[str, User] = field(default_factory=lambda: _NOBODY)
    locked: bool = False
    #: How those come in who do not command.
    newcomers: Newcomers = Newcomers.HEARD
    #: Of the recording: "running", "paused", or "" where there is none.
    recording: str = ""
    #: Each voice is kept on a track of its own, too.
    tracks: bool = False
    #: What is played to everybody, and the name of who plays it; "" for nothing.
    sound: str = ""
    sound_by: str = ""
    #: The last who left, as they were when they did; a watcher is told how and why.
    departed: Mapping[str, User] = field(default_factory=lambda: _NOBODY)
    #: The last phones that went while their person stayed by another, as they went.
    left: Mapping[LegId, EndpointEntry] = field(default_factory=lambda: _NO_PHONE)
    #: There is a waiting room: who comes waits, unless he need not.
    waiting_room: bool = False
    #: Who waits to be let in, in the order of arrival; for those who command alone.
    waiting: Mapping[str, User] = field(default_factory=lambda: _NOBODY)
    #: Grows with every change of `waiting`, which is none for all others.
    queue: int = 0
    #: Grows with every change of who speaks, which is no new version of the rest.
    voices: int = 0
    #: What stands for the address of each who is or was here without a name.
    aliases: Mapping[str, str] = field(default_factory=lambda: _NONE)

    @property
    def count(self) -> int:
        """How many users are in: those who are only being called are not."""
        return sum(
            any(entry.status in PRESENT for entry in user.endpoints) for user in self.users.values()
        )

    @property
    def state(self) -> tuple[int, int, int]:
        """What two rosters of a conference differ in if they differ at all."""
        return self.version, self.queue, self.voices

    def user_of(self, leg: LegId) -> User | None:
        """Whose endpoint a leg is."""
        return next((u for u in self.users.values() if u.endpoint(leg) is not None), None)

    def with_user(self, user: User) -> Roster:
        """The next version, with that user as he is now."""
        users = dict(self.users)
        users[user.entity] = user
        aliases = self.aliases
        if user.private and user.entity not in aliases:
            aliases = {**aliases, user.entity: alias(user.key)}
        elif not user.private and user.entity in aliases:
            aliases = {known: kept for known, kept in aliases.items() if known != user.entity}
        return replace(self, version=self.version + 1, users=users, aliases=aliases)

    def with_voices(self, marks: Mapping[str, Marks]) -> Roster:
        """The same with other marks, by entity, of those who speak now or did."""
        marked = {key: replace(self.users[key], marks=one) for key, one in marks.items()}
        return replace(self, voices=self.voices + 1, users={**self.users, **marked})

    def without_user(self, user: User) -> Roster:
        """The next version, without that user; `user` is as he was when he left."""
        users = {key: other for key, other in self.users.items() if key != user.entity}
        recent = [(key, gone) for key, gone in self.departed.items() if key != user.entity]
        departed = dict([*recent[-MAX_DEPARTED + 1 :], (user.entity, user)])
        return replace(self, version=self.version + 1, users=users, departed=departed)

    def without_phone(self, user: User, entry: EndpointEntry) -> Roster:
        """The next version, without one phone of a user who stays; `entry` is as it went."""
        recent = [(leg, gone) for leg, gone in self.left.items() if leg != entry.leg]
        left = dict([*recent[-MAX_DEPARTED + 1 :], (entry.leg, entry)])
        return replace(self.with_user(user.without_endpoint(entry.leg)), left=left)

    def with_waiting_room(self, waiting_room: bool) -> Roster:
        """The next version, with a waiting room or without."""
        return replace(self, version=self.version + 1, waiting_room=waiting_room)

    def with_waiting(self, user: User) -> Roster:
        """The same with somebody who waits, as he is now."""
        return replace(self, queue=self.queue + 1, waiting={**self.waiting, user.entity: user})

    def without_waiting(self, entity: str) -> Roster:
        """The same without somebody who waits no more."""
        waiting = {key: user for key, user in self.waiting.items() if key != entity}
        return replace(self, queue=self.queue + 1, waiting=waiting)

    @property
    def everybody(self) -> Mapping[str, User]:
        """Who is in, and then who waits."""
        outside = {key: user for key, user in self.waiting.items() if key not in self.users}
        return {**self.users, **outside}

    def with_recording(self, recording: str, *, tracks: bool) -> Roster:
        """The next version, recorded or not."""
        return replace(self, version=self.version + 1, recording=recording, tracks=tracks)

    def with_sound(self, title: str, by: str) -> Roster:
        """The next version, with what is played to everybody."""
        return replace(self, version=self.version + 1, sound=title, sound_by=by)

    def with_newcomers(self, newcomers: Newcomers) -> Roster:
        """The next version, with newcomers heard or not."""
        return replace(self, version=self.version + 1, newcomers=newcomers)

    def with_lock(self, locked: bool) -> Roster:
        """The next version, locked or not."""
        return replace(self, version=self.version + 1, locked=locked)

    def for_others(self) -> Roster:
        """The same as those see it who do not command."""
        others = replace(self, waiting=_NOBODY, queue=0) if self.queue else self
        return others.without_names()

    def own(self, entity: str) -> Roster:
        """What somebody sees who has to wait."""
        user = self.waiting.get(entity)
        if user is None:
            return _NOTHING
        place = list(self.waiting).index(entity) + 1
        mine = replace(user, marks=replace(user.marks, place=place))
        return Roster(waiting={entity: mine}, queue=place)

    def without_names(self) -> Roster:
        """The same as those see it who may not know who the anonymous are."""
        if not self.aliases and not any(user.private for user in self.waiting.values()):
            return self
        users = [self._masked(user) for user in self.users.values()]
        departed = [self._masked(user) for user in self.departed.values()]
        waiting = [self._masked(user) for user in self.waiting.values()]
        # Whose phones these were is in the roster that a watcher had: masked like that.
        left = {leg: self._masked_phone(entry, private=False) for leg, entry in self.left.items()}
        return replace(
            self,
            left=left,
            waiting={user.entity: user for user in waiting},
            users={user.entity: user for user in users},
            departed={user.entity: user for user in departed},
        )

    def _masked_phone(self, entry: EndpointEntry, *, private: bool) -> EndpointEntry:
        return replace(
            entry,
            entity=f"sip:{entry.leg}@anonymous.invalid" if private else entry.entity,
            referred_by=self.aliases.get(entry.referred_by, entry.referred_by),
            disconnected_by=self.aliases.get(entry.disconnected_by, entry.disconnected_by),
        )

    def _masked(self, user: User) -> User:
        endpoints = tuple(
            self._masked_phone(entry, private=user.private) for entry in user.endpoints
        )
        if not user.private:
            return replace(user, endpoints=endpoints)
        name = alias(user.key)
        return replace(user, entity=name, display_text=ANONYMOUS, endpoints=endpoints)


_NOTHING = Roster()

"""The waiting room: whose call stands, and who comes in only when somebody lets him.

He is answered, hears music and how many are before him, and is in no room of
the mixer; to those who command he is on hold, which is RFC 4575's word for
exactly that (5.7.2), and to all others he is not there. Who has to wait is
asked of `policy`; who lets him in is a service, like all that commands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from conferences import policy
from conferences.policy import (
    Identity,
    ParticipantKey,
    Snapshot,
    TurnedAway,
    WaiterKey,
    WaitingRoom,
)
from sipgateway.focus import phrases
from sipgateway.focus.announcer import Announcer
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk
from sipgateway.focus.entries import entry_of
from sipgateway.focus.facts import Fact, WaitBegan, WaitEnded
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.roster import Departure, Joining, Marks, Status, User

MOST = 50
"""Who wait in one conference at the same time; more are told that it is full. Music is encoded
for each of them, and strangers must not take what those who are in need."""
PATIENCE = 3600.0
"""Seconds after which nobody is going to let somebody in any more."""
PACE = 2.0
"""Seconds in which places may change before those who wait are told of it."""


class Host(Protocol):
    """The conference before which one waits."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""

    def name_of(self, entity: str, name: str = "") -> str:
        """What somebody is called in words for everybody."""

    def welcome(self, leg: Leg, now: float) -> None:
        """Let somebody in, if policy still allows."""


class Lobby:
    """See the module."""

    def __init__(
        self, desk: Desk, host: Host, calls: Calls, *, attendance: Attendance, announcer: Announcer
    ) -> None:
        self._desk = desk
        self._host = host
        self._calls = calls
        self._attendance = attendance
        self._announcer = announcer
        #: The place that each who waits was told last.
        self._told: dict[str, int] = {}
        self._following = self._telling = False

    # -- who has to wait -----------------------------------------------------

    def keeps(self, leg: Leg) -> bool:
        """Whether a leg whose call stands has to wait."""
        called = leg.joining is Joining.DIALED_OUT
        who = replace(leg.identity, uri=self._entity(leg))
        return not called and not leg.commands and self.has_to_wait(who)

    def has_to_wait(self, who: Identity) -> bool:
        """Whether `who` has to, if he dials in now."""
        snapshot = self._host.snapshot
        inside = not who.gateway and self._attendance.is_in(who.uri)
        if snapshot.waiting_room is WaitingRoom.NONE or inside:
            return False
        return policy.has_to_wait(snapshot, who, opened=self._opener() is not None)

    @property
    def _keeps_people(self) -> bool:
        return self._host.snapshot.waiting_room is not WaitingRoom.NONE

    @staticmethod
    def _entity(leg: Leg) -> str:
        """Who waits: a person, with whatever phones; of a gateway each call by itself."""
        who = leg.identity
        return f"{who.uri};call={leg.id}" if who.gateway else who.uri

    def _opener(self) -> Leg | None:
        """Whoever keeps the door open: one who commands, or who came in while one did."""
        snapshot = self._host.snapshot
        here = [leg for leg in self._calls if leg.joined]
        commanding = (
            leg
            for leg in here
            if leg.commands or policy.may_command(snapshot, leg.identity) is None
        )
        came = (leg for leg in here if leg.joining is not Joining.DIALED_OUT)
        others = (leg for leg in came if policy.has_to_wait(snapshot, leg.identity, opened=False))
        return next(commanding, None) or next(others, None)

    def before(self, entity: str) -> int:
        """How many others wait."""
        return len(self._attendance.roster.waiting.keys() - {entity})

    # -- waiting -------------------------------------------------------------

    def take(self, leg: Leg, now: float) -> None:
        """Have him wait; a phone of his own that this one replaces waits no longer."""
        leg.waits = True
        roster, entity = self._attendance.roster, self._entity(leg)
        known = roster.waiting.get(entity)
        user = known or self._newcomer(leg)
        user = user.with_endpoint(entry_of(leg, user, Status.ON_HOLD, now))
        self._attendance.queue(roster.with_waiting(user), now)
        if known is None:
            key = WaiterKey(user.key)
            self._host.record(WaitBegan(key, entity, user.display_text, user.private), now)
            self._announce(leg)
        self._say(leg, first=True)
        self._desk.later(now + PATIENCE, lambda then: self._give_up(leg, then))
        replaced = self._calls.get(leg.replaces) if leg.replaces else None
        if replaced is not None and replaced.waits:
            bye = Farewell(Departure.DEPARTED, text="Replaced by another phone")
            self._calls.hang_up(replaced, bye, now)

    def _newcomer(self, leg: Leg) -> User:
        snapshot, key = self._host.snapshot, WaiterKey(self._desk.tokens.opaque())
        role = snapshot.role_of(leg.identity)
        return User(
            ParticipantKey(key),
            self._entity(leg),
            leg.display_text,
            role,
            private=policy.is_anonymous(snapshot, role, asked=leg.private),
            marks=Marks(waits=key),
        )

    def again(self, leg: Leg) -> None:
        """His media were agreed anew: a mixer that has just come plays him nothing yet."""
        if leg.waits:
            self._say(leg, first=False)

    def _give_up(self, leg: Leg, now: float) -> None:
        if leg.waits:
            text = "Nobody let you in for too long a time"
            words = self._announcer.script("not-let-in", "goodbye")
            self._calls.hang_up(
                leg, Farewell(Departure.FAILED, status=480, text=text, words=words), now
            )

    # -- the end of it -------------------------------------------------------

    def follow(self, now: float) -> None:
        """Let in who does not have to wait any more, send away who is not let in."""
        if self._following:
            return
        kept, roster = self._keeps_people, self._attendance.roster
        if kept is not roster.waiting_room:
            self._attendance.queue(roster.with_waiting_room(kept), now)
        self._following, before = True, -1
        # Whoever comes in may open the door for those before him.
        while before != (before := self._attendance.roster.queue):
            for leg in self._waiting():
                self._decide(leg, now)
        self._following = False

    def _decide(self, leg: Leg, now: float) -> None:
        user = self._attendance.roster.waiting.get(self._entity(leg))
        orders = self._host.snapshot.turned_away
        order = next((one for one in orders if user and one.waiter == user.marks.waits), None)
        if order is not None:
            self._calls.hang_up(leg, self._turned_away(order), now)
        elif not self.keeps(leg):
            self._host.welcome(leg, now)

    def _waiting(self) -> Iterator[Leg]:
        return (leg for leg in self._calls if leg.waits and leg.present)

    def _turned_away(self, order: TurnedAway) -> Farewell:
        text = f"{self._host.name_of(order.by, order.by_name)} did not let you in"
        text += f": {order.reason}" if order.reason else ""
        text += ". You may not come back." if order.ban else ""
        return Farewell(
            Departure.BOOTED,
            by=order.by,
            reason=order.reason,
            status=403,
            text=text,
            words=self._announcer.script("not-let-in", "goodbye"),
        )

    def let_go(self, leg: Leg, now: float, *, inside: bool = False) -> None:
        """A leg waits no more: it is about to be in, or gone."""
        if not leg.waits:
            return
        leg.waits = False
        roster, entity = self._attendance.roster, self._entity(leg)
        user = roster.waiting.get(entity)
        if user is None:
            return
        rest = user.without_endpoint(leg.id)
        if rest.endpoints and not inside:
            self._attendance.queue(roster.with_waiting(rest), now)
            return
        self._told.pop(entity, None)
        left, opener = roster.without_waiting(entity), self._opener()
        by = opener.identity.uri if inside and opener else ""
        self._host.record(WaitEnded(WaiterKey(user.key), inside, by), now)
        if inside:  # his coming is told at once with his no longer waiting
            self._attendance.roster = left
            leg.greeting = ("entry",) if leg.flow.web else ("let-in",)
        else:
            self._attendance.queue(left, now)
        self._tell_places(now)

    # -- what is heard -------------------------------------------------------

    def _say(self, leg: Leg, *, first: bool) -> None:
        snapshot, entity = self._host.snapshot, self._entity(leg)
        names: list[str] = []
        if snapshot.waiting_room is WaitingRoom.MODERATOR:
            names = ["wait-moderator"] if first else []
        else:
            place = list(self._attendance.roster.waiting).index(entity) + 1
            self._told[entity] = place
            names = [*(("wait-let-in",) if first else ()), *phrases.place(place)]
        self._announcer.say(leg, *names, *(("music",) if snapshot.music else ()))

    def _tell_places(self, now: float) -> None:
        """Those who have moved up hear so, a moment later, for others may follow."""
        if self._telling:
            return
        self._telling = True

        def tell(_now: float) -> None:
            self._telling = False
            queue = list(self._attendance.roster.waiting)
            for leg in self._waiting():
                entity = self._entity(leg)
                told = self._told.get(entity)
                if told is not None and queue[told - 1 : told] != [entity]:
                    self._say(leg, first=False)

        self._desk.later(now + PACE, tell)

    def _announce(self, leg: Leg) -> None:
        """Those who command and have no page hear that somebody waits."""
        snapshot, count = self._host.snapshot, len(self._attendance.roster.waiting)
        if snapshot.waiting_room is not WaitingRoom.LET_IN or count >= snapshot.quiet_from:
            return
        names = (f"@{leg.id}", "is-waiting") if leg.named else ("somebody-waits",)
        for other in self._calls:
            commands = policy.may_command(snapshot, other.identity) is None
            if other.joined and commands and not other.flow.web:
                self._announcer.say(other, *names)

    def greet(self, leg: Leg) -> None:
        """One who commands is about to be in: he hears who waits for him."""
        snapshot, count = self._host.snapshot, len(self._attendance.roster.waiting)
        commands = policy.may_command(snapshot, leg.identity) is None
        lets_in = snapshot.waiting_room is WaitingRoom.LET_IN
        if count and commands and lets_in and not leg.flow.web:
            leg.greeting = (*leg.greeting, *phrases.waiting(count), "let-them-in")

"""What is keyed inside a conference, carried out: wishes like those of the page's buttons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from conferences import policy
from conferences.policy import Identity, Snapshot
from sipgateway.focus import keypad, phrases
from sipgateway.focus.actions import (
    AskAgreement,
    AskEnd,
    AskHand,
    AskLetIn,
    AskLock,
    AskMute,
    AskRecording,
)
from sipgateway.focus.announcer import Announcer
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.desk import Desk
from sipgateway.focus.events import Answer, CallAsked, RemovalAsked
from sipgateway.focus.keypad import Verb
from sipgateway.focus.leg import Leg
from sipgateway.focus.questions import AskCall, AskRemoval
from sipgateway.focus.referral import Telling
from sipgateway.focus.roster import User

LONGEST_NUMBER = 32
"""Digits of a number to call (E.164 has 15, a conference of ours 20)."""
CALLED_OFF = 487
"""How a call ends that somebody has called off, of which its caller need not hear."""

Follow = Callable[[int, Telling], None]


class Host(Protocol):
    """The conference that is commanded."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""


class _Heard:
    """Who called somebody by the keypad hears when nobody comes; who comes is heard as ever."""

    def __init__(self, announcer: Announcer, leg: Leg) -> None:
        self._announcer = announcer
        self._leg = leg

    def tell(self, status: int, now: float, reason: str = "") -> None:
        """See `referral.Telling`."""
        del now, reason
        if status >= 300 and status != CALLED_OFF and self._leg.joined:
            self._announcer.say(self._leg, "not-reached")

    def about(self, order: Mapping[str, int], now: float) -> None:
        """See `referral.Telling`; another process does not tell him."""


class Commands:
    """See the module."""

    def __init__(
        self,
        desk: Desk,
        host: Host,
        attendance: Attendance,
        announcer: Announcer,
        follow: Follow,
    ) -> None:
        self._follow = follow
        self._desk = desk
        self._host = host
        self._attendance = attendance
        self._announcer = announcer

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """A digit from somebody who is in; what he began long ago he has thought better of."""
        waited, leg.keyed_at = now - leg.keyed_at, now
        if waited > keypad.PATIENCE:
            leg.keyed = ""
        if waited > keypad.DIALING_PATIENCE:
            leg.calling = None
        if leg.calling is not None:
            self._number_digit(leg, digit)
            return
        leg.keyed, verb = keypad.press(leg.keyed, digit)
        user = self._attendance.roster.users.get(leg.identity.uri)
        if verb is None or user is None:
            return
        if verb in keypad.COMMANDS and policy.may_command(self._host.snapshot, leg.identity):
            self._announcer.say(leg, "not-allowed")
        else:
            _VERBS[verb](self, leg, user)

    # -- for everybody -------------------------------------------------------

    def _mute(self, leg: Leg, user: User) -> None:
        snapshot = self._host.snapshot
        if user.role is policy.Role.LISTENER:
            self._announcer.say(leg, "listener")
            return
        commands = policy.may_command(snapshot, leg.identity) is None
        if user.key in snapshot.silenced and not commands:
            self._announcer.say(leg, "muted-by-moderator")
            return
        muted = user.key not in snapshot.muted
        self._desk.act(AskMute(snapshot.id, user.key, muted, leg.identity))

    def _hand(self, leg: Leg, user: User) -> None:
        snapshot = self._host.snapshot
        raised = user.key not in snapshot.hands
        self._desk.act(AskHand(snapshot.id, user.key, raised, leg.identity))

    def _count(self, leg: Leg, user: User) -> None:
        del user
        self._announcer.say(leg, *phrases.people(self._attendance.roster.count))

    def _agree(self, leg: Leg, user: User) -> None:
        snapshot = self._host.snapshot
        if snapshot.recording is None:
            self._announcer.say(leg, "nothing-recorded")
            return
        self._desk.act(AskAgreement(snapshot.id, user.key, leg.identity))
        self._announcer.say(leg, "agreed")

    def _help(self, leg: Leg, user: User) -> None:
        del user
        commands = policy.may_command(self._host.snapshot, leg.identity) is None
        more = ("help-moderator",) if commands else ()
        lets_in = commands and self._host.snapshot.waiting_room is not policy.WaitingRoom.NONE
        self._announcer.say(leg, "help", *more, *(("help-waiting",) if lets_in else ()))

    def _call(self, leg: Leg, user: User) -> None:
        """Who may have others called by the page may so by the keypad."""
        del user
        if policy.may_add(self._host.snapshot, leg.identity, joined=True) is not None:
            self._announcer.say(leg, "not-allowed")
            return
        leg.calling = ""
        self._announcer.say(leg, "enter-number")

    def _number_digit(self, leg: Leg, digit: str) -> None:
        number = leg.calling or ""
        if digit == "*":  # he thinks better of it
            leg.calling, leg.keyed = None, digit
        elif digit != "#":
            leg.calling = (number + digit)[: LONGEST_NUMBER + 1]
        else:
            leg.calling = None
            if 0 < len(number) <= LONGEST_NUMBER:
                self._dial(leg, number)
            else:
                self._announcer.say(leg, "no-such-number")

    def _dial(self, leg: Leg, number: str) -> None:
        """A number of this house, or by the trunk: the service says which."""

        def asked(answer: Answer, _now: float) -> None:
            call = answer.call if isinstance(answer, CallAsked) else None
            self._announcer.say(leg, "no-such-number" if call is None else "calling")
            if call is not None:
                self._follow(call, _Heard(self._announcer, leg))

        uri, conference = str(self._desk.domain.uri(number)), self._host.snapshot.id
        self._desk.ask(lambda ask: AskCall(ask, conference, uri, leg.identity), asked)

    # -- for those who command -----------------------------------------------

    def _lock(self, leg: Leg, user: User) -> None:
        del user
        snapshot = self._host.snapshot
        self._desk.act(AskLock(snapshot.id, not snapshot.locked, leg.identity))

    def _mute_all(self, leg: Leg, user: User) -> None:
        """All others are muted, and who comes later; where they are, they are heard again."""
        snapshot = self._host.snapshot
        others = [
            one.key
            for one in self._attendance
            if one is not user and one.endpoints and one.role not in policy.COMMANDING
        ]
        here = any(key not in snapshot.silenced for key in others)
        muted = here or (not others and snapshot.newcomers is policy.Newcomers.HEARD)
        self._desk.act(AskMute(snapshot.id, None, muted, leg.identity, newcomers=muted))
        self._announcer.say(leg, "all-muted" if muted else "all-heard")

    def _remove_last(self, leg: Leg, user: User) -> None:
        """The one who came last goes, if it is not the one who asks."""
        last = self._last(leg.identity)
        if last is None or last is user:
            self._announcer.say(leg, "nobody-to-remove")
            return
        key, conference, who = last.key, self._host.snapshot.id, leg.identity

        def asked(answer: Answer, _now: float) -> None:
            well = isinstance(answer, RemovalAsked) and answer.removal is not None
            self._announcer.say(leg, "removed-last" if well else "not-allowed")

        self._desk.ask(lambda number: AskRemoval(number, conference, key, who, keypad=True), asked)

    def _last(self, who: Identity) -> User | None:
        here = [user for user in self._attendance if user.endpoints]
        if not here or policy.may_remove(self._host.snapshot, who, target=here[-1].entity):
            return None
        return here[-1]

    def _record(self, leg: Leg, user: User) -> None:
        del user
        snapshot = self._host.snapshot
        if policy.may_record(snapshot, leg.identity) is not None:
            self._announcer.say(leg, "not-recorded")
            return
        recorded = snapshot.recording is None or snapshot.recording.paused
        self._desk.act(AskRecording(snapshot.id, recorded, leg.identity))

    def _let_in(self, leg: Leg, user: User) -> None:
        """All who wait; they are heard as they come."""
        del user
        if not self._attendance.roster.waiting:
            self._announcer.say(leg, "nobody-waits")
            return
        self._desk.act(AskLetIn(self._host.snapshot.id, leg.identity))

    def _end(self, leg: Leg, user: User) -> None:
        del user
        self._desk.act(AskEnd(self._host.snapshot.id, leg.identity))


_VERBS: Mapping[Verb, Callable[[Commands, Leg, User], None]] = {
    Verb.MUTE: Commands._mute,
    Verb.HAND: Commands._hand,
    Verb.COUNT: Commands._count,
    Verb.AGREE: Commands._agree,
    Verb.HELP: Commands._help,
    Verb.CALL: Commands._call,
    Verb.LOCK: Commands._lock,
    Verb.MUTE_ALL: Commands._mute_all,
    Verb.REMOVE_LAST: Commands._remove_last,
    Verb.RECORD: Commands._record,
    Verb.END: Commands._end,
    Verb.LET_IN: Commands._let_in,
}

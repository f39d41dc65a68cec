"""What is keyed and said at the door: the PIN, one's name, that one is no machine when called."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from conferences import policy
from conferences.policy import Announce, Refusal, Snapshot
from sipgateway.focus import answers
from sipgateway.focus.actions import Listen
from sipgateway.focus.announcer import Announcer, say_then
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.calls import Calls
from sipgateway.focus.commands import Commands, Follow
from sipgateway.focus.desk import Desk
from sipgateway.focus.dialing import NOT_CONFIRMED
from sipgateway.focus.facts import Fact, PinGiven, WrongPin
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.roster import Departure, Joining

PIN_TRIES = 3
"""Wrong PINs in one call before it is hung up."""
LONGEST_PIN = 32
PATIENCE = 60.0
"""Seconds that somebody may stand at the PIN."""
CONFIRM = "1"
CONFIRM_PATIENCE = 25.0
"""Seconds to hear what is to be pressed and to press it; it is said twice."""
LONGEST_NAME = 4.0
"""Seconds that one may take to say one's name, silence before it included."""
SHORTEST_NAME = 0.2
"""Seconds of sound that can be a name."""
LONGEST_QUESTION = 10.0
"""Seconds that asking for it may take."""
HOLD_OFF = 30.0
"""Seconds that we hold off ourselves; by then the database's own, growing pause has come."""


class Host(Protocol):
    """The conference that is keyed to."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""

    def welcome(self, leg: Leg, now: float) -> None:
        """The PIN was right."""

    def confirmed(self, leg: Leg, now: float) -> None:
        """Somebody who was called pressed the key that no machine presses."""


class Pad:
    """See the module."""

    def __init__(
        self,
        desk: Desk,
        host: Host,
        calls: Calls,
        *,
        attendance: Attendance,
        announcer: Announcer,
        follow: Follow,
    ) -> None:
        self._desk = desk
        self._host = host
        self._calls = calls
        self._attendance = attendance
        self._announcer = announcer
        self._commands = Commands(desk, host, attendance, announcer, follow)
        #: Wrong PINs by person, or caller of a gateway, on whichever of his calls.
        self._wrong: Counter[str] = Counter()
        self._held_off: dict[str, float] = {}

    def holds_off(self, side: str, now: float) -> bool:
        """Whether somebody has given wrong PINs too often just now."""
        self._held_off = {who: until for who, until in self._held_off.items() if until > now}
        return side in self._held_off

    def ask_pin(self, leg: Leg, now: float) -> None:
        """Have the PIN keyed before anything else."""
        leg.pin = ""
        self._announcer.say(leg, "enter-pin")
        self._desk.later(now + PATIENCE, lambda then: self._waited(leg, then))

    def follow(self, now: float) -> None:
        """Let in who need not key the PIN any more: pulled in, say, or asked on a page."""
        for leg in self._calls:
            if leg.pin is not None and not policy.needs_pin(self._host.snapshot, leg.identity):
                leg.pin = None
                self._host.welcome(leg, now)

    def _waited(self, leg: Leg, now: float) -> None:
        if leg.pin is not None:
            text = "No PIN was keyed"
            self._calls.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)

    def ask_confirmation(self, leg: Leg, now: float) -> None:
        """Have somebody whom we call press a key, which no voicemail does."""
        leg.confirming = True
        self._announcer.say(leg, "confirm-call")
        again = now + CONFIRM_PATIENCE / 2
        self._desk.later(again, lambda _: self._ask_again(leg))
        self._desk.later(now + CONFIRM_PATIENCE, lambda then: self._not_confirmed(leg, then))

    def _ask_again(self, leg: Leg) -> None:
        if leg.confirming and leg.present:
            self._announcer.say(leg, "confirm-call")

    def _not_confirmed(self, leg: Leg, now: float) -> None:
        if leg.confirming:
            bye = Farewell(
                Departure.FAILED, status=480, reason=NOT_CONFIRMED, text="Nobody pressed 1"
            )
            self._calls.hang_up(leg, bye, now)

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """A digit: the one that confirms, of the PIN while it is wanted, else of a command."""
        if leg.confirming:
            if digit == CONFIRM:
                leg.confirming = False
                self._host.confirmed(leg, now)
            return
        if leg.pin is not None:
            self._pin_digit(leg, digit, now)
        elif leg.naming:
            if digit == "#":
                self._desk.act(Listen(leg.id, 0.0))
        elif leg.joined:
            self._commands.keyed(leg, digit, now)

    # -- the name ------------------------------------------------------------

    def wants_name(self, leg: Leg) -> bool:
        """Whether he is to say his name before he is let in: who dials in by phone, once.

        Nobody asks for the name of somebody who is shown without it.
        """
        snapshot = self._host.snapshot
        role = snapshot.role_of(leg.identity)
        anonymous = policy.is_anonymous(snapshot, role, asked=leg.private)
        names = snapshot.announce is Announce.NAMES and not anonymous
        asked = leg.flow.web or leg.named or leg.naming or leg.replaces is not None
        comes = leg.joining is Joining.DIALED_IN and leg.identity.uri not in self._attendance
        return names and comes and not asked

    def ask_name(self, leg: Leg, now: float) -> None:
        """Ask for it, listen, and let him in."""
        leg.naming = True

        def listen(then: float) -> None:
            if not leg.present:
                return
            leg.on_heard = lambda seconds, at: self._named(leg, seconds, at)
            self._desk.act(Listen(leg.id, LONGEST_NAME))
            self._desk.later(then + LONGEST_NAME + 2.0, lambda at: self._unheard(leg, at))

        script = self._announcer.script("say-name", "beep")
        say_then(self._desk, leg, script, listen, until=now + LONGEST_QUESTION)

    def _unheard(self, leg: Leg, now: float) -> None:
        """The engine has not told; he comes in without."""
        if leg.on_heard is not None:
            leg.on_heard = None
            self._named(leg, 0.0, now)

    def _named(self, leg: Leg, seconds: float, now: float) -> None:
        leg.named = seconds >= SHORTEST_NAME
        if leg.present:
            self._host.welcome(leg, now)
            leg.naming = False

    # -- the PIN -------------------------------------------------------------

    def _pin_digit(self, leg: Leg, digit: str, now: float) -> None:
        if digit != "#":
            leg.pin = ((leg.pin or "") + digit)[-LONGEST_PIN:]
            return
        if not leg.pin:  # no PIN is no wrong one
            self._announcer.say(leg, "enter-pin")
            return
        keyed, leg.pin = leg.pin, ""
        side = leg.identity.side
        right = policy.keyed(self._host.snapshot, leg.identity, keyed)
        if right is not None and not self.holds_off(side, now):
            leg.pin = None
            del self._wrong[side]
            self._know(leg, right, now)
            self._host.welcome(leg, now)
            return
        self._wrong[side] += 1
        last = self._wrong[side] >= PIN_TRIES
        self._host.record(WrongPin(side, last), now)
        if not last:
            self._announcer.say(leg, "wrong-pin")
            return
        del self._wrong[side]
        self._held_off[side] = now + HOLD_OFF
        _, _, text = answers.REFUSALS[Refusal.WRONG_PIN_TOO_OFTEN]
        words = self._announcer.script("held-off", "goodbye")
        for other in self._calls:
            if other.identity.side == side and other.pin is not None:
                other.pin = None
                bye = Farewell(Departure.FAILED, status=403, text=text, words=words)
                self._calls.hang_up(other, bye, now)

    def _know(self, leg: Leg, right: policy.Keyed, now: float) -> None:
        """Whoever keys the PIN of a moderator, or of an invitee, is one."""
        leg.display_text = right.name or leg.display_text
        leg.commands = leg.commands or right.role in policy.COMMANDING
        if right.role is not None:
            self._host.record(PinGiven(leg.identity.uri, right.role, right.name), now)

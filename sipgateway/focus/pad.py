"""What is keyed: the PIN at the door, that one is no machine when called, commands inside."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from conferences import policy
from conferences.policy import Identity, Refusal, Snapshot
from sipgateway.focus import answers, keypad
from sipgateway.focus.actions import (
    AskEnd,
    AskLock,
    AskMute,
    AskRemoval,
    Fact,
    Play,
    WrongPin,
)
from sipgateway.focus.attendance import Attendance
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk
from sipgateway.focus.dialing import NOT_CONFIRMED
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.roster import Departure

PIN_TRIES = 3
"""Wrong PINs in one call before it is hung up."""
LONGEST_PIN = 32
PATIENCE = 60.0
"""Seconds that somebody may stand at the PIN."""
CONFIRM = "1"
CONFIRM_PATIENCE = 25.0
"""Seconds to hear what is to be pressed and to press it; it is said twice."""
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

    def __init__(self, desk: Desk, host: Host, calls: Calls, attendance: Attendance) -> None:
        self._desk = desk
        self._host = host
        self._calls = calls
        self._attendance = attendance
        #: Wrong PINs by person, on whichever of his calls.
        self._wrong: Counter[str] = Counter()
        self._held_off: dict[str, float] = {}

    def holds_off(self, entity: str, now: float) -> bool:
        """Whether somebody has given wrong PINs too often just now."""
        self._held_off = {who: until for who, until in self._held_off.items() if until > now}
        return entity in self._held_off

    def ask_pin(self, leg: Leg, now: float) -> None:
        """Have the PIN keyed before anything else."""
        leg.pin = ""
        self._desk.act(Play(leg.id, "enter-pin"))
        self._desk.later(now + PATIENCE, lambda then: self._waited(leg, then))

    def _waited(self, leg: Leg, now: float) -> None:
        if leg.pin is not None:
            text = "No PIN was keyed"
            self._calls.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)

    def ask_confirmation(self, leg: Leg, now: float) -> None:
        """Have somebody whom we call press a key, which no voicemail does."""
        leg.confirming = True
        self._desk.act(Play(leg.id, "confirm-call"))
        again = now + CONFIRM_PATIENCE / 2
        self._desk.later(again, lambda _: self._ask_again(leg))
        self._desk.later(now + CONFIRM_PATIENCE, lambda then: self._not_confirmed(leg, then))

    def _ask_again(self, leg: Leg) -> None:
        if leg.confirming and leg.present:
            self._desk.act(Play(leg.id, "confirm-call"))

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
            return
        leg.keyed, verb = keypad.press(leg.keyed, digit)
        if verb is not None and leg.joined:
            self._command(leg, verb)

    def _pin_digit(self, leg: Leg, digit: str, now: float) -> None:
        if digit != "#":
            leg.pin = ((leg.pin or "") + digit)[-LONGEST_PIN:]
            return
        keyed, leg.pin = leg.pin, ""
        entity = leg.identity.uri
        if keyed == self._host.snapshot.pin and not self.holds_off(entity, now):
            leg.pin = None
            del self._wrong[entity]
            self._host.welcome(leg, now)
            return
        self._wrong[entity] += 1
        last = self._wrong[entity] >= PIN_TRIES
        self._host.record(WrongPin(entity, last), now)
        if not last:
            self._desk.act(Play(leg.id, "wrong-pin"))
            return
        del self._wrong[entity]
        self._held_off[entity] = now + HOLD_OFF
        _, _, text = answers.REFUSALS[Refusal.WRONG_PIN_TOO_OFTEN]
        for other in self._calls:
            if other.identity.uri == entity and other.pin is not None:
                other.pin = None
                bye = Farewell(Departure.FAILED, status=403, text=text)
                self._calls.hang_up(other, bye, now)

    def _command(self, leg: Leg, verb: keypad.Verb) -> None:
        """A key is a wish like any other."""
        snapshot, who = self._host.snapshot, leg.identity
        user = self._attendance.roster.users.get(who.uri)
        if user is None:
            return
        if verb in keypad.COMMANDS and policy.may_command(snapshot, who) is not None:
            self._desk.act(Play(leg.id, "not-allowed"))
        elif verb is keypad.Verb.MUTE:
            self._desk.act(AskMute(snapshot.id, user.key, user.key not in snapshot.muted, who))
        elif verb is keypad.Verb.MUTE_ALL:
            self._desk.act(AskMute(snapshot.id, None, True, who))
        elif verb is keypad.Verb.LOCK:
            self._desk.act(AskLock(snapshot.id, not snapshot.locked, who))
        elif verb is keypad.Verb.END:
            self._desk.act(AskEnd(snapshot.id, who))
        else:
            self._remove_last(who)

    def _remove_last(self, who: Identity) -> None:
        """The one who came last goes, if it is not the one who asks."""
        here = list(self._attendance)
        if not here or here[-1].entity == who.uri:
            return
        key, conference = here[-1].key, self._host.snapshot.id
        self._desk.ask(
            lambda number: AskRemoval(number, conference, key, who, keypad=True),
            lambda _answer, _now: None,
        )

"""What is keyed in a conference: the PIN at the door, commands inside."""

from __future__ import annotations

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
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.roster import Departure

PIN_TRIES = 3
"""Wrong PINs in one call before it is hung up."""
LONGEST_PIN = 32


class Host(Protocol):
    """The conference that is keyed to."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""

    def welcome(self, leg: Leg, now: float) -> None:
        """The PIN was right."""


class Pad:
    """See the module."""

    def __init__(self, desk: Desk, host: Host, calls: Calls, attendance: Attendance) -> None:
        self._desk = desk
        self._host = host
        self._calls = calls
        self._attendance = attendance

    def ask_pin(self, leg: Leg) -> None:
        """Have the PIN keyed before anything else."""
        leg.pin = ""
        self._desk.act(Play(leg.id, "enter-pin"))

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """A digit: of the PIN while it is wanted, else of a command."""
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
        if keyed == self._host.snapshot.pin:
            leg.pin = None
            self._host.welcome(leg, now)
            return
        leg.wrong_pins += 1
        last = leg.wrong_pins >= PIN_TRIES
        self._host.record(WrongPin(leg.identity.uri, last), now)
        if not last:
            self._desk.act(Play(leg.id, "wrong-pin"))
            return
        leg.pin = None
        _, _, text = answers.REFUSALS[Refusal.WRONG_PIN_TOO_OFTEN]
        self._calls.hang_up(leg, Farewell(Departure.FAILED, status=403, text=text), now)

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

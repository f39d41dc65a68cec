"""The voice menu of the conference application: keys in, prompts out, a PIN at the end. Pure."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sipgateway.focus import phrases

PIN = re.compile(r"[0-9]{4,16}")
"""As `services.terms` wants it."""

LONGEST = 32
"""Keys that are remembered."""


class Step(enum.Enum):
    """Where the caller is."""

    START = "start"
    CHOOSING = "choosing"
    CONFIRMING = "confirming"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller hears, and the PIN once he has chosen ("" for none)."""

    says: tuple[str, ...] = ()
    pin: str | None = None


NOTHING = Answer()


class Menu:
    """One caller's way through it."""

    def __init__(self) -> None:
        self.step = Step.START
        self._keyed = ""

    def press(self, digit: str) -> Answer:
        """What a key does; one that means nothing here does nothing."""
        return _STEPS[self.step](self, digit)

    def _start(self, digit: str) -> Answer:
        if digit == "#":
            return self._done("")
        if digit == "1":
            self.step = Step.CHOOSING
            return Answer(("choose-pin",))
        return Answer(("menu",))

    def _choose(self, digit: str) -> Answer:
        if digit != "#":
            self._keyed = (self._keyed + digit)[:LONGEST]
            return NOTHING
        if not self._keyed:
            return self._done("")
        if PIN.fullmatch(self._keyed) is None:
            self._keyed = ""
            return Answer(("bad-pin", "choose-pin"))
        self.step = Step.CONFIRMING
        return Answer(("your-pin", *phrases.digits(self._keyed), "pause", "confirm"))

    def _confirm(self, digit: str) -> Answer:
        if digit == "1":
            return self._done(self._keyed)
        if digit == "2":
            self.step, self._keyed = Step.CHOOSING, ""
            return Answer(("choose-pin",))
        return Answer(("confirm",))

    def _done(self, pin: str) -> Answer:
        self.step = Step.DONE
        return Answer(pin=pin)

    def _nothing(self, digit: str) -> Answer:
        del digit
        return NOTHING


_STEPS: Mapping[Step, Callable[[Menu, str], Answer]] = {
    Step.START: Menu._start,
    Step.CHOOSING: Menu._choose,
    Step.CONFIRMING: Menu._confirm,
    Step.DONE: Menu._nothing,
}

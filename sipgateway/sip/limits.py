"""How much anybody may ask of us: every limit with its reason, and the meter that holds to it.

What a message may be (its size, its headers, its URI) stands where messages
are read: `message`, `framing`, `uri`. Here is how many there may be. The
defaults are far beyond what people do; they are to stop machines.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, fields, replace
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)


LARGEST = 1_000_000
"""The highest number that a limit can be set to: no limit at all, on any machine."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second in the long run, and so many at once."""

    each_second: float
    at_once: float


def rate(each_second: float, *, seconds: float = 10.0) -> Rate:
    """A rate of which as many may come at once as else in that many seconds."""
    return Rate(each_second, each_second * seconds)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one process."""

    #: New requests from one address where nobody has signed in, over all its ports. A
    #: thousand phones that start after a power cut ask once each before they sign in.
    source: Rate = Rate(300.0, 3000.0)
    #: The same from one address and port: a flood out of one socket leaves the rest of
    #: its address alone.
    stranger: Rate = Rate(100.0, 1000.0)
    #: From an address and port where somebody has signed in: a gateway with 1000 phones.
    resident: Rate = Rate(500.0, 5000.0)
    #: From all strangers together, so that a flood from everywhere leaves half a core.
    strangers: Rate = Rate(1500.0, 6000.0)
    #: In one call: a keypad has 10 digits a second, a REFER for each of 400 participants.
    call: Rate = Rate(100.0, 1000.0)
    #: Outside calls by one account: its phones, or a script that calls a hall together.
    account: Rate = Rate(200.0, 2000.0)
    #: Calls among them: each has a port and a place in the mixer, where others talk.
    invites: Rate = Rate(100.0, 1000.0)
    #: Refusals sent to one address; beyond that there is silence, which costs least.
    refusals: Rate = Rate(20.0, 100.0)
    #: From an address that searches for names: enough for a phone that stands beside it.
    trickle: Rate = Rate(2.0, 10.0)
    #: Transactions at once, 5 kB each: 32 s of 600 requests a second over UDP.
    transactions: int = 20_000
    #: Dialogs at once, calls and subscriptions, 7 kB each with what made them.
    dialogs: int = 20_000
    #: Connections from one address, of each transport: an office of 2000 browser phones.
    connections: int = 2_000


DEFAULT = Limits()


def parse_limits(text: str) -> Limits:
    """Limits other than the default: ``source=50, dialogs=500``.

    A rate is told by how many each second, ten times as many may come at once.
    Raises `ValueError`, in words.
    """
    told: dict[str, Any] = {}
    for part in text.replace(",", " ").split():
        name, _, number = part.partition("=")
        default = getattr(DEFAULT, name, None)
        if default is None:
            names = ", ".join(one.name for one in fields(Limits))
            raise ValueError(f"{name!r} is none of {names}")
        if not number.isdecimal() or not 0 < int(number) <= LARGEST:
            raise ValueError(f"{name}: want a whole number from 1 to {LARGEST}")
        told[name] = rate(int(number)) if isinstance(default, Rate) else int(number)
    return replace(DEFAULT, **told)


class Meter(Generic[K]):
    """Holds many to one rate (the generic cell rate algorithm of ITU-T I.371).

    Of each key it keeps the time at which all that has come would have been due.
    A key whose time has come is like one never seen, so that nothing is lost by
    forgetting it, and memory is bounded by what comes in `at_once` seconds.
    """

    SWEEP = 10_000
    """Keys after which those that are at rest are forgotten, 100 octets each."""

    def __init__(self, allowed: Rate) -> None:
        self._each = 1.0 / allowed.each_second
        # Half of one off, so that rounding decides nothing.
        self._ahead = (allowed.at_once - 0.5) / allowed.each_second
        self._due: dict[K, float] = {}
        self._sweep_at = self.SWEEP

    def __len__(self) -> int:
        return len(self._due)

    def take(self, key: K, now: float) -> bool:
        """Count one more; False, and nothing counted, where it is too many."""
        due = self._due.get(key, now)
        if due < now:
            due = now
        if due - now > self._ahead:
            return False
        self._due[key] = due + self._each
        if len(self._due) >= self._sweep_at:
            self._sweep(now)
        return True

    def rests(self, key: K, now: float) -> bool:
        """Whether nothing has come for so long that it is like one never seen."""
        return self._due.get(key, now) <= now

    def wait(self, key: K, now: float) -> int:
        """Whole seconds after which one more may come; at least one."""
        return max(1, math.ceil(self._due.get(key, now) - now - self._ahead))

    def _sweep(self, now: float) -> None:
        self._due = {key: due for key, due in self._due.items() if due > now}
        self._sweep_at = max(self.SWEEP, 2 * len(self._due))

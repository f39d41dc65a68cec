"""What legs are for, and what those who work on legs may do to them: two ports.

A conference, the application and a call between two people are rooms. `Calls`
keeps a room's legs; what it leaves to others (`Negotiation`, `InCall`) sees it
as `Legs`.
"""

from __future__ import annotations

from typing import Protocol

from sipgateway.focus.desk import DialogOwner
from sipgateway.focus.leg import Farewell, Input, Leg
from sipgateway.media.engine import LegId, LegMeasured, RoomId, Session
from sipgateway.sip.events import DialogId
from sipgateway.sip.headers import NameAddr


class Room(DialogOwner, Protocol):
    """What the legs are for."""

    def contact_of(self, leg: Leg) -> NameAddr:
        """The one Contact of everything we send to a leg."""

    def caller_of(self, leg: Leg) -> NameAddr:
        """Who calls, when we call a phone: the From of our INVITE."""

    @property
    def session(self) -> Session:
        """The session-level lines of our descriptions."""

    @property
    def media_room(self) -> RoomId | None:
        """Where legs are placed, None where that is not known beforehand."""

    def admitted(self, leg: Leg, now: float) -> None:
        """The call stands: into the room, or to whatever comes before it."""

    def ringing(self, leg: Leg, status: int, now: float) -> None:
        """The phone that we call has told progress."""

    def progressed(self, leg: Leg, now: float) -> None:
        """The 183 to a call that is refused is out: he can be told why."""

    def silenced(self, leg: Leg, now: float) -> None:
        """The leg is about to go: out of the room at once."""

    def renegotiated(self, leg: Leg, now: float) -> None:
        """Its direction or its source may have changed."""

    def measured(self, leg: Leg, event: LegMeasured, now: float) -> None:
        """How well it goes has changed."""

    def relocated(self, leg: Leg, now: float) -> None:
        """Its phone is reached by another flow."""

    def departed(self, leg: Leg, now: float) -> None:
        """The call is over."""

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """Somebody pressed a key."""

    def freed(self, leg: Leg, now: float) -> None:
        """Nothing is left of the leg."""


class Legs(Protocol):
    """The legs of one room."""

    @property
    def room(self) -> Room:
        """What they are for."""

    def __contains__(self, dialog: DialogId) -> bool: ...

    def get(self, leg: LegId) -> Leg | None:
        """The leg of that id."""

    def feed(self, leg: Leg, what: Input, now: float) -> None:
        """Take a step of the leg's table and do what it says."""

    def hang_up(self, leg: Leg, farewell: Farewell, now: float) -> None:
        """Let a leg go, with the reason that the phone and the roster are told."""

"""The recording of a conference: what the mixer keeps, and whose voice may be in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from conferences import policy
from conferences.policy import RecordingOrder, Role, Snapshot
from sipgateway.focus.actions import Agree, RecordRoom, Track
from sipgateway.focus.desk import Desk
from sipgateway.focus.facts import Fact, TrackBegan
from sipgateway.focus.leg import Leg
from sipgateway.media.engine import LegId, RoomId


class Host(Protocol):
    """The conference that is recorded."""

    @property
    def room(self) -> RoomId:
        """Its room in the media engine."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""

    def record(self, fact: Fact, now: float) -> None:
        """Write a fact down."""


class Recordings:
    """Makes what is kept follow what should be; told twice, it is done once."""

    def __init__(self, desk: Desk, host: Host, legs: Iterable[Leg]) -> None:
        self._desk = desk
        self._host = host
        self._legs = legs
        self._order: RecordingOrder | None = None
        self._left_out: set[LegId] = set()
        self._tracks: dict[LegId, str] = {}
        self._begun: set[str] = set()

    def follow(self, now: float) -> None:
        """Start, pause or end it; leave out who has not agreed."""
        for leg in self._legs:
            self._follow_leg(leg, now)
        known = {leg.id for leg in self._legs}
        self._left_out &= known
        self._tracks = {leg: name for leg, name in self._tracks.items() if leg in known}
        order = self._host.snapshot.recording
        if order == self._order:
            return
        self._order = order
        name, paused = (order.name, order.paused) if order else ("", False)
        self._desk.act(RecordRoom(self._host.room, name, paused=paused))

    def place(self, leg: Leg, now: float) -> None:
        """A leg is about to be put into the room, by a mixer that knows nothing of it."""
        self._left_out.discard(leg.id)
        self._tracks.pop(leg.id, None)
        self._follow_leg(leg, now)

    def stop(self) -> None:
        """Nobody is left."""
        if self._order is not None:
            self._order = None
            self._desk.act(RecordRoom(self._host.room, "", paused=False))

    def _follow_leg(self, leg: Leg, now: float) -> None:
        if not leg.joined or leg.participant is None:
            return
        kept = policy.may_be_kept(self._host.snapshot, leg.participant)
        if kept == (leg.id in self._left_out):
            self._desk.act(Agree(leg.id, kept))
        (self._left_out.discard if kept else self._left_out.add)(leg.id)
        track = self._track(leg) if kept else ""
        if track != self._tracks.get(leg.id, ""):
            self._tracks[leg.id] = track
            self._desk.act(Track(leg.id, track))
        if track and track not in self._begun:
            self._begun.add(track)
            self._host.record(TrackBegan(track, leg.identity.uri, leg.display_text), now)

    def _track(self, leg: Leg) -> str:
        """On which track a leg is kept; none where only the mix is, or he only listens."""
        snapshot, order = self._host.snapshot, self._host.snapshot.recording
        if order is None or not order.tracks or snapshot.role_of(leg.identity) is Role.LISTENER:
            return ""
        return policy.track(order.name, leg.identity.uri)

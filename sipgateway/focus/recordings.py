"""The recording of a conference: what the mixer keeps, and whose voice may be in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from conferences import policy
from conferences.policy import RecordingOrder, Snapshot
from sipgateway.focus.actions import Agree, RecordRoom
from sipgateway.focus.desk import Desk
from sipgateway.focus.leg import Leg
from sipgateway.media.engine import LegId, RoomId


class Host(Protocol):
    """The conference that is recorded."""

    @property
    def room(self) -> RoomId:
        """Its room in the media engine."""


class Recordings:
    """Makes what is kept follow what should be; told twice, it is done once."""

    def __init__(self, desk: Desk, host: Host, legs: Iterable[Leg]) -> None:
        self._desk = desk
        self._host = host
        self._legs = legs
        self._order: RecordingOrder | None = None
        self._left_out: set[LegId] = set()

    def follow(self, snapshot: Snapshot) -> None:
        """Start, pause or end it; leave out who has not agreed."""
        self._leave_out(snapshot)
        order = snapshot.recording
        if order == self._order:
            return
        self._order = order
        name, paused = (order.name, order.paused) if order else ("", False)
        self._desk.act(RecordRoom(self._host.room, name, paused=paused))

    def stop(self) -> None:
        """Nobody is left."""
        if self._order is not None:
            self._order = None
            self._desk.act(RecordRoom(self._host.room, "", paused=False))

    def _leave_out(self, snapshot: Snapshot) -> None:
        for leg in self._legs:
            if not leg.joined or leg.participant is None:
                continue
            kept = policy.may_be_kept(snapshot, leg.participant)
            if kept == (leg.id in self._left_out):
                self._desk.act(Agree(leg.id, kept))
            (self._left_out.discard if kept else self._left_out.add)(leg.id)
        self._left_out &= {leg.id for leg in self._legs}

"""The file that is played into a conference: the mixer follows what should be."""

from __future__ import annotations

from typing import Protocol

from conferences.policy import Snapshot
from sipgateway.focus.actions import PlaySound
from sipgateway.focus.desk import Desk
from sipgateway.media.engine import RoomId

AT_ONCE = 2.0
"""Seconds within which an order is a new one: it is played from its beginning."""


class Host(Protocol):
    """The conference into which it is played."""

    @property
    def room(self) -> RoomId:
        """Its room in the media engine."""

    @property
    def snapshot(self) -> Snapshot:
        """What it is meant to be."""


class Sounds:
    """Plays what is to be played, once; who takes a conference over goes on where it was."""

    def __init__(self, desk: Desk, host: Host) -> None:
        self._desk = desk
        self._host = host
        self._token = ""

    def follow(self, now: float) -> None:
        """Begin or end it, if that has changed."""
        order = self._host.snapshot.sound
        token = order.token if order is not None else ""
        if token == self._token:
            return
        self._token = token
        if order is None:
            self._desk.act(PlaySound(self._host.room, ""))
            return
        late = now - order.since
        start = late if late > AT_ONCE else 0.0
        self._desk.act(PlaySound(self._host.room, order.name, token, start))

    def stop(self) -> None:
        """Nobody is left."""
        if self._token:
            self._token = ""
            self._desk.act(PlaySound(self._host.room, ""))

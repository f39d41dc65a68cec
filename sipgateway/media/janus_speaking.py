"""Who speaks in rooms that are at Janus nodes: gathered, and told a few times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sipgateway.media.engine import LegId, RoomId, Speaking

EVERY = 0.2
"""Seconds within which changes are told as one."""


class Speakers:
    """Those of all rooms. `level` says how loud (dBov) a leg is, where that is known."""

    def __init__(
        self, told: Callable[[Speaking], None], level: Callable[[LegId], int | None]
    ) -> None:
        self._told = told
        self._level = level
        self._rooms: dict[RoomId, set[LegId]] = {}
        self._restless: set[RoomId] = set()

    def note(self, room: RoomId | None, leg: LegId, *, speaks: bool) -> None:
        """Note whether a leg speaks; in a room of its own nobody is told."""
        if room is None:
            return
        speaking = self._rooms.setdefault(room, set())
        if speaks is (leg in speaking):
            return
        (speaking.add if speaks else speaking.discard)(leg)
        if room not in self._restless:
            self._restless.add(room)
            asyncio.get_running_loop().call_later(EVERY, self._tell, room)

    def forget(self, room: RoomId) -> None:
        """Nobody is in a room any more."""
        self._rooms.pop(room, None)

    def _tell(self, room: RoomId) -> None:
        self._restless.discard(room)
        legs = frozenset(self._rooms.get(room, ()))
        levels = {leg: level for leg in legs if (level := self._level(leg)) is not None}
        self._told(Speaking(room, legs, levels))

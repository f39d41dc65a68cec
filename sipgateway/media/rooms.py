"""The rooms of a worker and who is in which. Pure, like the rooms themselves.

A leg that is in no room has one of its own, in which it hears what is played
to it and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sipgateway.media.codec import Samples
from sipgateway.media.control import Report
from sipgateway.media.engine import LegId, RoomId
from sipgateway.media.mixer import Keeper, Member, Output, Player, Room
from sipgateway.media.sounds import SoundFile


def sounded(room: RoomId, token: str, failed: str = "") -> Report:
    """That a sound is over."""
    return {"event": "sounded", "room": room, "name": token, "reason": failed}


class Rooms:
    """Rooms by name; what happened in them waits in `reports`."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self._rooms: dict[RoomId, Room] = {}
        self._alone: dict[LegId, Room] = {}
        self._places: dict[LegId, RoomId | None] = {}
        self._speaking: dict[RoomId, frozenset[LegId]] = {}
        self._sounds: dict[RoomId, SoundFile] = {}

    def place(self, member: Member, name: RoomId | None) -> bool:
        """Put a leg into a room, or into one of its own; False where it is there already."""
        leg = member.leg
        if leg in self._places and self._places[leg] == name:
            return False
        self.leave(leg)
        room = Room() if name is None else self._rooms.setdefault(name, Room())
        if name is None:
            self._alone[leg] = room
        room.members[leg] = member
        member.encoder = None
        self._places[leg] = name
        return True

    def leave(self, leg: LegId) -> None:
        """Take a leg out of the room it is in; an empty room is forgotten."""
        name = self._places.pop(leg, None)
        self._alone.pop(leg, None)
        if name is None:
            return
        room = self._rooms[name]
        room.leave(leg)
        if not room.members:
            del self._rooms[name]
            if name in self._sounds:
                self._sounds.pop(name).close()
            if self._speaking.pop(name, None):
                self.reports.append({"event": "speaking", "room": name, "levels": {}})

    def play(self, name: RoomId, player: Player | None) -> None:
        """Play something to everybody in a room, after what is being played; None ends all."""
        room = self._rooms.get(name)
        if room is None:
            return
        if player is None or room.player is None:
            room.player = player
        else:
            room.player.follow(player)

    def sound(self, name: RoomId, sound: SoundFile | None) -> None:
        """Play a file to everybody in a room, or no more; what goes on already goes on."""
        room = self._rooms.get(name)
        playing = self._sounds.get(name)
        if sound is not None and (room is None or (playing and playing.token == sound.token)):
            sound.close()
            return
        if playing is not None:
            self._sounds.pop(name).close()
        if room is not None:
            room.sound = sound
            if sound is not None:
                self._sounds[name] = sound

    def _look_at_sounds(self) -> None:
        """Tell of those that are over."""
        for name, sound in list(self._sounds.items()):
            if self._rooms[name].sound is not sound:
                del self._sounds[name]
                self.reports.append(sounded(name, sound.token))

    @property
    def count(self) -> int:
        """How many rooms there are, those of legs that are alone not counted."""
        return len(self._rooms)

    @property
    def encoders(self) -> int:
        """How many encoders run."""
        return sum(room.encoders for room in (*self._rooms.values(), *self._alone.values()))

    def __contains__(self, name: RoomId) -> bool:
        return name in self._rooms

    def keep(self, name: RoomId, keeper: Keeper | None) -> None:
        """Keep what is heard in a room, or no more."""
        room = self._rooms.get(name)
        if room is not None:
            room.keeper = keeper

    def tracks(self, name: RoomId) -> set[str]:
        """Those of all whose voices may be kept in a room."""
        room = self._rooms.get(name)
        members = room.members.values() if room is not None else ()
        return {one.track for one in members if one.track and one.agrees}

    def listen(self, leg: LegId, listener: Callable[[Samples | None], None] | None) -> None:
        """Hand what a leg says while it is alone to somebody, or no more."""
        room = self._alone.get(leg)
        if room is not None:
            room.listener = listener

    def tick(self) -> Iterator[tuple[LegId, Output | None]]:
        """Mix a frame of every room: what goes to each leg, None for nothing."""
        for room in (*self._rooms.values(), *self._alone.values()):
            players = [(one, one.player) for one in room.members.values() if one.player]
            outputs = room.tick()
            for leg in room.members:
                yield leg, outputs.get(leg)
            for member, player in players:
                if member.player is not player:
                    self.reports.append(
                        {"event": "ended", "leg": member.leg, "prompt": player.name}
                    )
        if self._sounds:
            self._look_at_sounds()

    def look_who_speaks(self) -> None:
        """Report every room whose speakers have changed since the last look."""
        for name, room in self._rooms.items():
            levels = room.floor.speaking()
            if levels.keys() != self._speaking.get(name, frozenset()):
                self._speaking[name] = frozenset(levels)
                self.reports.append({"event": "speaking", "room": name, "levels": levels})

"""The recordings that a worker makes, by room.

A room that empties lets go of its file without ending it: whoever comes back
is recorded into the same one, as is everybody when a worker was replaced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sipgateway.media.codec import Codec, Samples
from sipgateway.media.control import Report
from sipgateway.media.engine import RoomId
from sipgateway.media.mixer import Keeper
from sipgateway.media.recording import NAME, SUFFIX, Recorder
from sipgateway.media.rooms import Rooms
from sipgateway.media.tracks import Tracks


@dataclass(frozen=True, slots=True)
class Kept:
    """The files of one recording: the mix, and each voice by itself as far as that is wanted."""

    room: RoomId
    name: str
    mix: Recorder
    tracks: Tracks

    def say(self, said: Mapping[str, Samples]) -> None:
        """What was said in the frame of the mix that was just taken."""
        if said and not self.mix.failed:
            self.tracks.take(self.mix.frames - 1, said)

    def close(self, *, end: bool) -> None:
        """Take nothing more."""
        self.tracks.close(self.mix.frames, end=end)
        self.mix.close(end=end)

    def join(self) -> None:
        """Wait for the disk."""
        self.mix.join()
        self.tracks.join()

    @property
    def done(self) -> bool:
        """Whether all is written."""
        return self.mix.done and self.tracks.done


class Archive:
    """See the module. `directory` is where the files lie, `opus` what they hold."""

    def __init__(self, directory: Path, opus: Codec) -> None:
        self._directory = directory
        self._opus = opus
        self._files: dict[RoomId, Kept] = {}
        self._closing: list[Kept] = []

    def record(self, rooms: Rooms, room: RoomId, name: str, *, paused: bool) -> list[Report]:
        """Record a room under a name, or pause; an empty name ends it for good."""
        kept = self._files.get(room)
        if kept is not None and kept.name != name:
            self._close(rooms, kept, end=True)
            kept = None
        if not name:
            return []
        if kept is None:
            self._wait_for(name)
            try:
                mix = Recorder(self._path(name))
            except OSError as error:
                return [_kept(room, name, failed=error.strerror or str(error))]
            kept = Kept(room, name, mix, Tracks(self._directory, name, self._opus))
            self._files[room] = kept
        kept.mix.pause(paused)
        rooms.keep(room, None if paused else Keeper(self._opus, kept.mix.take, kept.say))
        return []

    def look(self, rooms: Rooms) -> list[Report]:
        """Let go of rooms that are gone and files that cannot be written; tell what is done."""
        for room, kept in list(self._files.items()):
            kept.tracks.expect(rooms.tracks(room))
            kept.tracks.flush(kept.mix.frames)
            if kept.mix.failed or room not in rooms:
                self._close(rooms, kept, end=False)
        done = [one for one in self._closing if one.done]
        self._closing = [one for one in self._closing if not one.done]
        return [*self._broken(done), *(_closed(one) for one in done)]

    def _broken(self, done: list[Kept]) -> Iterator[Report]:
        """Tracks that cannot be written any more, each told once."""
        for kept in (*self._files.values(), *done):
            for track in kept.tracks:
                if track.failed and not track.told:
                    track.told = True
                    yield _kept(kept.room, track.name, failed=track.failed)

    def close(self) -> None:
        """The worker ends: write what waits."""
        for kept in self._files.values():
            kept.close(end=False)
        for kept in [*self._files.values(), *self._closing]:
            kept.join()

    def _close(self, rooms: Rooms, kept: Kept, *, end: bool) -> None:
        del self._files[kept.room]
        rooms.keep(kept.room, None)
        kept.close(end=end)
        self._closing.append(kept)

    def _wait_for(self, name: str) -> None:
        """Two must not write into one file."""
        for kept in self._closing:
            if kept.name == name:
                kept.join()

    def _path(self, name: str) -> Path:
        """Where it lies. Raises `OSError`."""
        if NAME.fullmatch(name) is None:
            raise OSError("not a name for a file")
        return self._directory / f"{name}{SUFFIX}"


def _closed(kept: Kept) -> Report:
    return _kept(kept.room, kept.name, failed=kept.mix.failed, seconds=kept.mix.seconds)


def _kept(room: RoomId, name: str, *, failed: str, seconds: float = 0.0) -> Report:
    return {
        "event": "kept",
        "room": room,
        "name": name,
        "seconds": round(seconds, 2),
        "reason": failed,
    }

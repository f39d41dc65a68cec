"""The recordings that a worker makes, by room.

A room that empties lets go of its file without ending it: whoever comes back
is recorded into the same one, as is everybody when a worker was replaced.
"""

from __future__ import annotations

import re
from pathlib import Path

from sipgateway.media.codec import Codec
from sipgateway.media.control import Report
from sipgateway.media.engine import RoomId
from sipgateway.media.mixer import Keeper
from sipgateway.media.recording import SUFFIX, Recorder
from sipgateway.media.rooms import Rooms

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a recording may be called; it becomes a file's name."""


class Archive:
    """See the module. `directory` is where the files lie, `opus` what they hold."""

    def __init__(self, directory: Path, opus: Codec) -> None:
        self._directory = directory
        self._opus = opus
        self._files: dict[RoomId, tuple[str, Recorder]] = {}
        self._closing: list[tuple[RoomId, str, Recorder]] = []

    def record(self, rooms: Rooms, room: RoomId, name: str, *, paused: bool) -> list[Report]:
        """Record a room under a name, or pause; an empty name ends it for good."""
        known, recorder = self._files.get(room, ("", None))
        if recorder is not None and known != name:
            self._close(rooms, room, end=True)
            recorder = None
        if not name:
            return []
        if recorder is None:
            self._wait_for(name)
            try:
                recorder = Recorder(self._path(name))
            except OSError as error:
                return [_kept(room, name, failed=error.strerror or str(error))]
            self._files[room] = (name, recorder)
        recorder.pause(paused)
        rooms.keep(room, None if paused else Keeper(self._opus, recorder.take))
        return []

    def look(self, rooms: Rooms) -> list[Report]:
        """Let go of rooms that are gone and files that cannot be written; tell what is done."""
        for room, (_, recorder) in list(self._files.items()):
            if recorder.failed or room not in rooms:
                self._close(rooms, room, end=False)
        done = [one for one in self._closing if one[2].done]
        self._closing = [one for one in self._closing if not one[2].done]
        return [
            _kept(room, name, failed=recorder.failed, seconds=recorder.seconds)
            for room, name, recorder in done
        ]

    def close(self) -> None:
        """The worker ends: write what waits."""
        for _, recorder in self._files.values():
            recorder.close(end=False)
        for recorder in [
            *(one for _, one in self._files.values()),
            *(one for _, _, one in self._closing),
        ]:
            recorder.join()

    def _close(self, rooms: Rooms, room: RoomId, *, end: bool) -> None:
        name, recorder = self._files.pop(room)
        rooms.keep(room, None)
        recorder.close(end=end)
        self._closing.append((room, name, recorder))

    def _wait_for(self, name: str) -> None:
        """Two must not write into one file."""
        for _, other, recorder in self._closing:
            if other == name:
                recorder.join()

    def _path(self, name: str) -> Path:
        """Where it lies. Raises `OSError`."""
        if NAME.fullmatch(name) is None:
            raise OSError("not a name for a file")
        return self._directory / f"{name}{SUFFIX}"


def _kept(room: RoomId, name: str, *, failed: str, seconds: float = 0.0) -> Report:
    return {
        "event": "kept",
        "room": room,
        "name": name,
        "seconds": round(seconds, 2),
        "reason": failed,
    }

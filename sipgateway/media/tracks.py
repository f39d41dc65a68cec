"""Each participant's voice by itself, beside the recording of the mix and aligned with it.

The mix is the clock: what is said while its n-th frame is taken is the n-th
frame of its track, and what is between is silence, which costs nothing while
it lasts: it is written when somebody says something again, or at the end. So
all tracks of a recording begin together and are as long as the mix, whoever
came late, went, or said nothing.

Like a `Recorder` this belongs to the mixer's thread and never waits; one
thread writes for all tracks, and holds no file open.
"""

from __future__ import annotations

import functools
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sipgateway.media import codec, ogg
from sipgateway.media.codec import Codec, Encoder, Samples
from sipgateway.media.recording import END, SLOW, SUFFIX, begin

BEHIND = 600
"""Pages that may wait for the disk, of all tracks together; then one that adds another ends."""

SHORT = 10
"""Frames of silence that are written as they are: the breaks between words."""

AFTERWARDS = 3
"""Frames that are encoded behind the last word, so that it dies away and does not break off."""

_Job = tuple["Track", Callable[[], bytes]]


@dataclass(slots=True)
class Track:
    """One file that is being written; `failed` says why it cannot be any more."""

    name: str
    path: Path
    writer: ogg.Writer
    encoder: Encoder | None = None
    failed: str = ""
    told: bool = False


class Tracks:
    """Those of one recording, whose name all of theirs begin with."""

    def __init__(self, directory: Path, recording: str, opus: Codec) -> None:
        self._directory = directory
        self._prefix = f"{recording}-"
        self._opus = opus
        self._tracks: dict[str, Track] = {}
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Track]:
        return iter(self._tracks.values())

    def expect(self, names: Iterable[str]) -> None:
        """Have a file for each of these, also where nothing is said."""
        for name in names:
            self._get(name)

    def take(self, at: int, said: Mapping[str, Samples]) -> None:
        """Keep what is said in the frame of that number."""
        for name, frame in said.items():
            track = self._get(name)
            if track is not None and not track.failed:
                self._say(track, at, frame)

    def flush(self, at: int) -> None:
        """Write what waits of those who have said nothing for a while."""
        for track in self._tracks.values():
            if at - track.writer.frames > SHORT:
                self._page(track, track.writer.flush())

    def close(self, at: int, *, end: bool) -> None:
        """Take nothing more; `end` makes all as long as the mix."""
        for track in self._tracks.values():
            if end:
                self._silence(track, at - 1)
                if track.writer.frames < at:
                    self._page(track, track.writer.add(self._opus.silence))
                self._page(track, track.writer.end())
            else:
                self._page(track, track.writer.flush())
        self._jobs.put(None)

    def join(self) -> None:
        """Wait until all is written; for a worker that ends."""
        if self._thread is not None:
            self._thread.join(END)

    @property
    def done(self) -> bool:
        """Whether all is written, after the end."""
        return self._thread is None or not self._thread.is_alive()

    def _get(self, name: str) -> Track | None:
        """The track, begun or gone on with; None for one of another recording."""
        if not name.startswith(self._prefix):
            return None
        if name not in self._tracks:
            path = self._directory / f"{name}{SUFFIX}"
            try:
                file, writer = begin(path)
                file.close()
                self._tracks[name] = Track(name, path, writer)
            except OSError as error:
                failed = error.strerror or str(error)
                self._tracks[name] = Track(name, path, ogg.Writer(ogg.Place(0)), failed=failed)
        return self._tracks[name]

    def _say(self, track: Track, at: int, frame: Samples) -> None:
        if at < track.writer.frames:  # the mix was cut a little shorter than the track
            return
        if track.encoder is None:
            track.encoder = self._opus.encoder()
            track.encoder.encode(codec.silence())
        if at > track.writer.frames:
            self._breathe(track, at)
        self._page(track, track.writer.add(track.encoder.encode(frame)))

    def _breathe(self, track: Track, at: int) -> None:
        """Silence up to a frame: encoded for as long as the last word may ring."""
        assert track.encoder is not None, "somebody speaks"
        ringing = SHORT if at - track.writer.frames <= SHORT else AFTERWARDS
        while track.writer.frames < at and ringing and track.writer.frames:
            self._page(track, track.writer.add(track.encoder.encode(codec.silence())))
            ringing -= 1
        self._silence(track, at)

    def _silence(self, track: Track, until: int) -> None:
        frames = until - track.writer.frames
        if frames <= 0:
            return
        self._page(track, track.writer.flush())
        place = track.writer.place
        self._put(track, functools.partial(ogg.build_silence, place, frames, self._opus.silence))
        track.writer.place = ogg.after_silence(place, frames)

    def _page(self, track: Track, page: bytes) -> None:
        if page:
            self._put(track, lambda: page)

    def _put(self, track: Track, make: Callable[[], bytes]) -> None:
        if track.failed:
            return
        if self._thread is None:
            # Most recordings have no tracks, and a thread that never ran keeps what it is to run.
            self._thread = threading.Thread(target=self._write, name="tracks", daemon=True)
            self._thread.start()
        if self._jobs.qsize() >= BEHIND:
            track.failed = SLOW
        else:
            self._jobs.put((track, make))

    def _write(self) -> None:
        """The thread."""
        while (job := self._jobs.get()) is not None:
            track, make = job
            if track.failed and track.failed != SLOW:
                continue
            try:
                _append(track.path, make())
            except OSError as error:
                track.failed = error.strerror or "it cannot be written"


def _append(path: Path, pages: bytes) -> None:
    """Raises `OSError`, also where the file has been deleted."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    with os.fdopen(descriptor, "ab", buffering=0) as file:
        file.write(pages)

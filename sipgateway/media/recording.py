"""What is kept of a room: its common mix, as it was encoded for the listeners anyway.

A `Recorder` belongs to the mixer's thread and never waits: pages go by a queue
to a thread of its own, which writes them. A file that is there already is gone
on with, behind its last sound page; so a recording survives its worker and is
one recording still.
"""

from __future__ import annotations

import os
import queue
import re
import secrets
import threading
from pathlib import Path
from typing import IO

from sipgateway.media import ogg

SUFFIX = ".opus"
"""RFC 7845 9."""

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a recording may be called; it becomes a file's name."""

BEHIND = 60
"""Pages that may wait for the disk, a second each; then the recording ends."""

END = 3.0
"""Seconds that a worker that ends waits for the disk."""

SLOW = "the disk is too slow"


class Recorder:
    """One file that is being written. `failed` says why it cannot be any more, else "".

    `done` turns true once it is closed and all of it is written, or cannot be;
    `octets` is how many this life of the file has added.
    """

    def __init__(self, path: Path) -> None:
        self.paused = False
        self.failed = ""
        self.octets = 0
        self.done = False
        self._pages: queue.Queue[bytes] = queue.Queue(BEHIND)
        self._file, self._writer = begin(path)
        self._thread = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._thread.start()

    @property
    def seconds(self) -> float:
        """How much has been recorded, former lives of the file included."""
        return self._writer.place.seconds

    @property
    def frames(self) -> int:
        """How many frames have been taken; those tracks are aligned by it."""
        return self._writer.frames

    def take(self, payload: bytes) -> None:
        """Keep a frame, unless paused."""
        if not self.paused and not self.failed:
            self._put(self._writer.add(payload))

    def pause(self, paused: bool) -> None:
        """Keep nothing from now on, or everything again."""
        self.paused = paused
        if paused:
            self._put(self._writer.flush())

    def close(self, *, end: bool) -> None:
        """Write what waits, and take nothing more; `end` says that nobody will go on with it."""
        self._put(self._writer.end() if end else self._writer.flush())
        self.paused = True
        try:
            self._pages.put_nowait(b"")
        except queue.Full:
            self.failed = self.failed or SLOW
            self._pages.get_nowait()
            self._pages.put_nowait(b"")

    def join(self) -> None:
        """Wait until it is done; for a worker that ends."""
        self._thread.join(END)

    def _put(self, page: bytes) -> None:
        if page and not self.failed:
            try:
                self._pages.put_nowait(page)
            except queue.Full:
                self.failed = SLOW

    def _write(self) -> None:
        """The thread: write pages until an empty one comes; after an error they are dropped."""
        with self._file as file:
            while page := self._pages.get():
                if self.failed:
                    continue
                try:
                    file.write(page)
                except OSError as error:
                    self.failed = error.strerror or "it cannot be written"
                else:
                    self.octets += len(page)
        self.done = True


def begin(path: Path) -> tuple[IO[bytes], ogg.Writer]:
    """The file and where to go on. Raises `OSError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    file = os.fdopen(descriptor, "r+b", buffering=0)
    size = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, size - 2 * ogg.LONGEST_PAGE))
    found = ogg.last_page(file.read())
    if found is not None and found[0].number >= 2:
        place, end = found
        file.truncate(start + end)
        file.seek(start + end)
        return file, ogg.Writer(place)
    file.truncate(0)
    file.seek(0)
    writer = ogg.Writer(ogg.Place(secrets.randbits(32)))
    file.write(writer.head())
    return file, writer

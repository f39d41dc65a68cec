"""A sound that is played into a room, read as it is heard.

What is played was written by `intake` and nobody else: Opus in Ogg, mono,
packets of 20 ms. A page, which is a second, is read when it is its turn, so a
long one costs no more than a short one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sipgateway.media import ogg
from sipgateway.media.codec import PERIOD, CodecError, Decoder, Samples

SUFFIX = ".opus"
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a sound may be called; it is the name of a file."""

HEADERS = 2
"""Packets before the first that sounds (RFC 7845 3)."""


class SoundFile:
    """One on its way into a room, from `start` seconds on. Raises `OSError`.

    `token` says which playing of it this is.
    """

    def __init__(self, path: Path, token: str, decoder: Decoder, *, start: float = 0.0) -> None:
        self.token = token
        self._file = path.open("rb")
        self._decoder = decoder
        self._packets = self._read(round(max(0.0, start) / PERIOD))

    def next(self) -> Samples | None:
        """The next frame; None when it is over."""
        payload = next(self._packets, None)
        if payload is None:
            self._file.close()
            return None
        try:
            return self._decoder.decode(payload)
        except CodecError:
            return self._decoder.conceal(None)

    def close(self) -> None:
        """It is not wanted any more."""
        self._file.close()

    def _read(self, skipped: int) -> Iterator[bytes]:
        """The packets behind the headers and so many more."""
        left = HEADERS + skipped
        for page in ogg.read_pages(self._file):
            yield from page.packets[left:]
            left = max(0, left - len(page.packets))


def find(directory: Path, name: str) -> Path:
    """Where a sound lies. Raises `OSError` for what cannot be the name of one."""
    if NAME.fullmatch(name) is None:
        raise OSError("not a name for a sound")
    return directory / f"{name}{SUFFIX}"

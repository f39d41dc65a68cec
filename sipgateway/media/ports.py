"""UDP ports out of the configured range: single ones and pairs for RTP and RTCP.

Pairs are drawn by lot, because whoever can guess a leg's port can send to it (RFC 6056 1).
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections import deque
from collections.abc import Iterator

from sipgateway.media.engine import LegId


class Ports:
    """The ports `first` to `last`. What was given back rests until others have been used."""

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last
        self._even = range(first + first % 2, last, 2)
        self._rested: deque[int] = deque(maxlen=len(self._even) // 2)
        self._pairs: dict[LegId, tuple[socket.socket, socket.socket]] = {}

    def open(self, host: str) -> socket.socket:
        """A socket on the next free port. Raises `OSError` where none is."""
        for port in range(self._first, self._last + 1):
            try:
                return bind(host, port)
            except OSError:
                continue
        raise OSError(f"no UDP port between {self._first} and {self._last} is free")

    def open_pair(self, leg: LegId, host: str) -> int:
        """Open an even port and the one above for a leg. Raises `OSError`."""
        known = self._pairs.get(leg)
        if known is not None:
            return int(known[0].getsockname()[1])
        for port in self._drawn():
            try:
                self._pairs[leg] = _bind_pair(host, port)
            except OSError:
                continue
            return port
        raise OSError(f"no pair of UDP ports between {self._first} and {self._last} is free")

    def rtp(self, leg: LegId) -> socket.socket:
        """The RTP socket of a plain leg."""
        return self._pairs[leg][0]

    def sockets(self, leg: LegId) -> tuple[socket.socket, ...]:
        """The RTP and the RTCP socket of a plain leg; none of another one."""
        return self._pairs.get(leg, ())

    def close(self, leg: LegId) -> None:
        """Give a leg's ports back."""
        pair = self._pairs.pop(leg, ())
        if pair:
            self._rested.append(pair[0].getsockname()[1])
        for sock in pair:
            sock.close()

    def _drawn(self) -> Iterator[int]:
        """All even ports from one on that is drawn by lot; those that rest come last."""
        count = len(self._even)
        first = secrets.randbelow(count) if count else 0
        every = [self._even[(first + step) % count] for step in range(count)]
        rested = set(self._rested)
        yield from (port for port in every if port not in rested)
        yield from (port for port in every if port in rested)


def bind(host: str, port: int) -> socket.socket:
    """A UDP socket that does not block. Raises `OSError`."""
    family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def _bind_pair(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    first = bind(host, port)
    try:
        return first, bind(host, port + 1)
    except OSError:
        first.close()
        raise

"""UDP ports out of the configured range: single ones and pairs for RTP and RTCP."""

from __future__ import annotations

import ipaddress
import socket

from sipgateway.media.engine import LegId


class Ports:
    """The ports `first` to `last`, handed out in turn, so that none is used again soon."""

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last
        self._next = first
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
        for _ in range((self._last - self._first) // 2 + 1):
            port = self._next + self._next % 2
            self._next = port + 2 if port + 3 <= self._last else self._first
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
        for sock in self._pairs.pop(leg, ()):
            sock.close()


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

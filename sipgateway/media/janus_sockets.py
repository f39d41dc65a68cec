"""Many sockets that are read together, a few times in the length of a packet.

A desk phone brings a hundred datagrams a second, from both its sides. To be woken for each of
them costs a loop more than what is done with it; so after a look at all that has come the loop
is left alone for `REST`, and what comes meanwhile waits in the kernel.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable

from sipgateway.media.ice import Address

REST = 0.005
"""Seconds between two looks; a node keeps back more than ten times of it."""

DATAGRAM = 2048
BURST = 256
"""Datagrams that one socket may bring at a look."""

Take = Callable[[bytes, Address], None]


class Sockets:
    """Those that are watched; each has somebody who takes what comes, and from where."""

    def __init__(self) -> None:
        self._ready = select.epoll()
        self._takers: dict[int, tuple[socket.socket, Take]] = {}

    def add(self, sock: socket.socket, take: Take) -> None:
        """Watch a socket that does not block."""
        self._takers[sock.fileno()] = (sock, take)
        self._ready.register(sock, select.EPOLLIN)

    def remove(self, sock: socket.socket) -> None:
        """Watch it no more; it may not be closed yet."""
        if self._takers.pop(sock.fileno(), None) is not None:
            self._ready.unregister(sock)

    async def keep(self) -> None:
        """Look whenever something is there, until cancelled."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        while True:
            loop.add_reader(self._ready.fileno(), woken.set)
            try:
                await woken.wait()
            finally:
                loop.remove_reader(self._ready.fileno())
            woken.clear()
            self.look()
            await asyncio.sleep(REST)

    def look(self) -> None:
        """Have all taken that is there."""
        for number, _ in self._ready.poll(0):
            # Whoever was looked at before may have removed this one.
            if (found := self._takers.get(number)) is not None:
                _drain(*found)


def _drain(sock: socket.socket, take: Take) -> None:
    for _ in range(BURST):
        try:
            data, source = sock.recvfrom(DATAGRAM)
        except BlockingIOError:
            return
        except ConnectionError:
            continue  # an ICMP error about something sent before (Linux tells it here)
        except OSError:
            return  # closed meanwhile
        take(data, source[:2])

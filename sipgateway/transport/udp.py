"""SIP over UDP: datagrams in and out, nothing else.

A flow over UDP is a pair of addresses and holds nothing that could be lost:
sending needs no more than the flow itself. So flows are never closed here
(an ICMP error is forged in a moment and must not end a call), and the table
is a cache: whoever floods us from a million forged addresses pushes flows
out of it and harms nobody, for the next datagram makes the flow anew.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter, OrderedDict
from typing import Protocol

from sipgateway.sip.flow import Flow
from sipgateway.transport import sockets, stun
from sipgateway.transport.sockets import Address

MAX_FLOWS = 10_000
"""Flows remembered, half a kilobyte each; the one heard of longest ago goes first."""
RECEIVE_BUFFER = 4 * 1024 * 1024
"""Octets the kernel may keep while the loop is busy: a burst of 4000 INVITEs."""
IN_A_TURN = 64
"""Datagrams read before others have their turn: a millisecond of a flood's."""
LONGEST = 65_535
"""Octets of a datagram, at most."""
_STUN = frozenset({0, 1, 2, 3})
"""First octets of STUN (RFC 7983 7); a SIP message starts with a letter."""
_KEEP_ALIVE = b"\r\n\x00 \t"
"""Datagrams of nothing else hold a NAT open and want no answer."""


class Shell(Protocol):
    """What this transport needs of the gateway."""

    def datagram_flow(self, remote: Address, local: Address) -> Flow:
        """Name a pair of addresses."""

    def received(self, flow: Flow, octets: bytes) -> None:
        """A whole message came."""


class _Socket:
    """One bound socket.

    Not asyncio's: that reads one datagram in a turn of the loop, which costs more than
    what a datagram of a flood does, so that the kernel throws others away.
    """

    def __init__(self, owner: UdpTransport, opened: socket.socket) -> None:
        self._owner = owner
        self._opened = opened
        self._loop = asyncio.get_running_loop()
        self.local = sockets.plain(opened.getsockname())
        self._loop.add_reader(opened, self._readable)

    def _readable(self) -> None:
        for _ in range(IN_A_TURN):
            try:
                octets, remote = self._opened.recvfrom(LONGEST)
            except BlockingIOError:
                return
            except OSError as error:  # of an ICMP error; SIP's timers see to it
                self._owner.counters[f"error: {error.strerror}"] += 1
                return
            self._owner.received(octets, sockets.plain(remote), self.local)

    def send(self, octets: bytes, remote: Address) -> None:
        """Send, or leave it to SIP's timers where the kernel does not take it."""
        try:
            self._opened.sendto(octets, remote)
        except OSError as error:  # BlockingIOError is one
            self._owner.counters[f"error: {error.strerror}"] += 1

    def close(self) -> None:
        """Listen no more."""
        self._loop.remove_reader(self._opened)
        self._opened.close()


class UdpTransport:
    """See the module."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._flows: OrderedDict[tuple[Address, Address], Flow] = OrderedDict()
        self._sockets: dict[socket.AddressFamily, _Socket] = {}
        self._others: list[_Socket] = []
        #: What was dropped, by reason.
        self.counters: Counter[str] = Counter()

    async def start(self, host: str, port: int) -> None:
        """Listen; raises `CannotListen`."""
        for opened in sockets.listening(host, port, socket.SOCK_DGRAM):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            made = _Socket(self, opened)
            if self._sockets.setdefault(opened.family, made) is not made:
                self._others.append(made)

    def stop(self) -> None:
        """Listen no more."""
        for made in (*self._sockets.values(), *self._others):
            made.close()
        self._sockets.clear()
        self._others.clear()

    def received(self, octets: bytes, remote: Address, local: Address) -> None:
        """One datagram."""
        if not octets.strip(_KEEP_ALIVE):
            self.counters["keep-alive"] += 1
        elif octets[0] in _STUN:
            self._stun_came(octets, remote, local)
        else:
            self._shell.received(self._flow(remote, local), octets)

    def _stun_came(self, octets: bytes, remote: Address, local: Address) -> None:
        """A keep-alive of a phone that has spoken SIP from there; strangers are not answered."""
        flow = self._flows.get((remote, local))
        answer = stun.answer(octets, remote) if flow is not None else None
        if flow is None or answer is None:
            self.counters["dropped: STUN"] += 1
            return
        self.counters["keep-alive"] += 1
        self._flows.move_to_end((remote, local))
        self.send(flow, answer)

    def flow_to(self, remote: Address) -> Flow | None:
        """The flow to an address (numeric host, port); None if its family is not served."""
        found = self._sockets.get(_family(remote[0]))
        return self._flow(remote, found.local) if found else None

    def send(self, flow: Flow, octets: bytes) -> None:
        """Send one message; what the network refuses is the timers' business."""
        found = self._sockets.get(_family(flow.remote_host))
        if found is not None:
            found.send(octets, (flow.remote_host, flow.remote_port))

    def _flow(self, remote: Address, local: Address) -> Flow:
        key = (remote, local)
        flow = self._flows.get(key)
        if flow is None:
            here = (sockets.local_host(local[0], remote), local[1])
            flow = self._flows[key] = self._shell.datagram_flow(remote, here)
            if len(self._flows) > MAX_FLOWS:
                self._flows.popitem(last=False)
        else:
            self._flows.move_to_end(key)
        return flow


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET

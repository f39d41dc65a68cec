"""Ways out: from a URI to flows, and from UDP to TCP for what is too long for it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Coroutine, Mapping

from sipgateway import resolver
from sipgateway.resolver import Dns, Target
from sipgateway.sip.credentials import Trunk
from sipgateway.sip.flow import Flow, Peer, Transport
from sipgateway.sip.uri import SipUri, Uri
from sipgateway.transport.sockets import Address
from sipgateway.transport.stream import StreamTransport
from sipgateway.transport.udp import UdpTransport

LARGE = 1300
"""Octets beyond which a request goes by TCP where it can (RFC 3261 18.1.1)."""
TCP_WITHIN = 0.4
"""Seconds that such a request may wait for TCP: less than T1, after which it is sent again."""
NO_TCP_FOR = 600.0
"""Seconds for which a phone that took no TCP is not asked again."""
MAX_REMEMBERED = 10_000
"""Phones without TCP that are remembered."""

#: What people write between digits (RFC 3966 3).
_SEPARATORS = re.compile(r"[().-]")

Spawn = Callable[[str, Coroutine[None, None, None]], None]


class Routes:
    """See the module. `spawn` runs what takes time."""

    def __init__(
        self,
        *,
        udp: UdpTransport,
        streams: Mapping[Transport, StreamTransport],
        dns: Dns,
        trunk: Trunk | None,
        spawn: Spawn,
    ) -> None:
        self._udp = udp
        self._streams = streams
        self._dns = dns
        self._spawn = spawn
        #: By what all leaves that no prefix takes, by the environment.
        self._trunk = trunk
        #: By prefix, the longest first.
        self._trunks: list[tuple[str, Trunk]] = []
        self._waiting: dict[Address, list[tuple[Flow, bytes]]] = {}
        self._without_tcp: dict[Address, float] = {}

    def use_trunks(self, trunks: list[tuple[str, Trunk]]) -> None:
        """Have numbers that begin with a prefix leave by its trunk; "" takes all the rest."""
        self._trunks = sorted(trunks, key=lambda one: -len(one[0]))

    def trunk_for(self, uri: Uri) -> Trunk | None:
        """By what that foreign URI leaves, if it does by a trunk."""
        number = "" if isinstance(uri, SipUri) else _SEPARATORS.sub("", uri.rest.partition(";")[0])
        if self._trunk is not None:
            fitting = (one for prefix, one in self._trunks if prefix and number.startswith(prefix))
            return next(fitting, self._trunk)
        return next((one for prefix, one in self._trunks if number.startswith(prefix)), None)

    async def reach(self, uri: Uri, tried: Collection[Peer] = ()) -> list[Flow]:
        """Flows to whoever serves a URI that is not ours, in the order of trying.

        Where there is a trunk, that is the trunk. Of TCP and TLS the first
        address that answers is given, of UDP every address: nothing tells
        there whether anybody listens. Places that were `tried` in vain are left out.
        """
        trunk = self.trunk_for(uri)
        where = trunk.uri if trunk is not None else uri
        if not isinstance(where, SipUri):
            return []
        supported = [Transport.UDP, *self._streams]
        flows: list[Flow] = []
        connected = False
        for target in await resolver.targets(where, self._dns, supported=supported):
            if (target.transport, target.host, target.port) in tried:
                continue
            if target.transport is Transport.UDP:
                flow = self._udp.flow_to((target.host, target.port))
            else:
                flow = None if connected else await self._connect(target)
                connected = connected or flow is not None
            if flow is not None:
                flows.append(flow)
        return flows

    async def reopen(self, transport: Transport, remote: Address) -> Flow | None:
        """The flow to a phone that was there in an earlier life of this process.

        Over UDP the pair of addresses is the flow. Over TCP and TLS the phone
        is connected to, where it listens; a browser has to come back by itself.
        """
        if transport is Transport.UDP:
            return self._udp.flow_to(remote)
        if transport not in self._streams or not remote[1]:
            return None
        return await self._streams[transport].connect(remote)

    async def _connect(self, target: Target) -> Flow | None:
        name = target.name if target.transport is Transport.TLS else ""
        return await self._streams[target.transport].connect((target.host, target.port), name)

    # -- what is too long for UDP ----------------------------------------------

    def send_datagram(self, flow: Flow, octets: bytes) -> None:
        """Send by UDP, or by TCP what is longer than a datagram should be."""
        tcp = self._streams.get(Transport.TCP)
        if len(octets) <= LARGE or octets.startswith(b"SIP/2.0") or tcp is None:
            self._udp.send(flow, octets)
            return
        remote = (flow.remote_host, flow.remote_port)
        if self._without_tcp.get(remote, 0.0) > time.monotonic():
            self._udp.send(flow, octets)
            return
        waiting = self._waiting.setdefault(remote, [])
        waiting.append((flow, octets))
        if len(waiting) == 1:
            self._spawn("large requests", self._send_large(tcp, remote))

    async def _send_large(self, tcp: StreamTransport, remote: Address) -> None:
        connected = await tcp.connect(remote, within=TCP_WITHIN) is not None
        if not connected:
            self._note_without_tcp(remote)
        for flow, octets in self._waiting.pop(remote):
            if connected:
                tcp.send_to(remote, over_tcp(octets))
            else:
                self._udp.send(flow, octets)

    def _note_without_tcp(self, remote: Address) -> None:
        if len(self._without_tcp) >= MAX_REMEMBERED:
            self._without_tcp.clear()
        self._without_tcp[remote] = time.monotonic() + NO_TCP_FOR


def over_tcp(octets: bytes) -> bytes:
    """A request that was written for UDP, with TCP in our Via (the first one)."""
    return octets.replace(b"\r\nVia: SIP/2.0/UDP ", b"\r\nVia: SIP/2.0/TCP ", 1)

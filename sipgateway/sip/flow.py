"""A flow: the connection, or the pair of addresses, that octets come and go by (RFC 5626)."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import NewType

FlowId = NewType("FlowId", int)


class Transport(enum.StrEnum):
    """The transport as a Via writes it."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"
    WS = "WS"
    WSS = "WSS"


#: Transports that deliver, so that nothing needs to be sent twice.
RELIABLE = frozenset({Transport.TCP, Transport.TLS, Transport.WS, Transport.WSS})
#: Transports of browsers, whose media is WebRTC.
WEB = frozenset({Transport.WS, Transport.WSS})
SECURE = frozenset({Transport.TLS, Transport.WSS})


#: Transport, host and port of the other end.
Peer = tuple[Transport, str, int]


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow. `remote` is what the network saw, `local` what we listen on."""

    id: FlowId
    transport: Transport
    remote_host: str
    remote_port: int
    local_host: str
    local_port: int
    #: The process that it ends in, where that is another one; "" where it ends here.
    via: str = ""

    def seen_from(self, process: str) -> Flow:
        """The same for that process, where `via` names its own."""
        return replace(self, via="") if self.via == process else self

    @property
    def reliable(self) -> bool:
        """Whether it delivers by itself; what passes through another process may get lost."""
        return self.transport in RELIABLE and not self.via

    @property
    def web(self) -> bool:
        """Whether a browser is at the other end (RFC 7118)."""
        return self.transport in WEB

    @property
    def secure(self) -> bool:
        """Whether the transport is encrypted."""
        return self.transport in SECURE

    @property
    def peer(self) -> Peer:
        """Where the other end is, whichever flow leads there."""
        return (self.transport, self.remote_host, self.remote_port)

"""SIP over TCP and TLS: one flow a connection, octets in and out, nothing else.

What a connection may cost is bounded (`crowd`). One that has not yet brought a
whole message is closed after `WHOLE_WITHIN`. Others stay as long as they live,
and a phone may be silent for hours; TCP's own keep-alive finds the dead.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import traceback
from asyncio import sslproto
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from sipgateway.sip import framing
from sipgateway.sip.flow import Flow, Transport
from sipgateway.sip.limits import DEFAULT
from sipgateway.transport import sockets
from sipgateway.transport.crowd import Crowd
from sipgateway.transport.sockets import Address

WHOLE_WITHIN = 30.0
"""Seconds for the first whole message of a connection, its TLS handshake included, and
for every message once begun: ten times what the slowest radio link takes."""
MAX_UNSENT = 262_144
"""Octets that wait for a phone which does not read; it is cut off then."""
TLS_BUFFER = 32_768
"""Octets that asyncio keeps for each TLS connection: a record is half as long (RFC 8446 5.1)."""
CONNECT_WITHIN = 4.0
"""Seconds to connect, TLS handshake included; the next address is tried then."""
PING_EVERY = 90.0
"""Seconds between two pings of ours on a connection that we have made (RFC 5626 4.4.1: 95 to
120 where nothing else is agreed; NATs forget after less)."""
BACKLOG = 512
"""Connections the kernel may keep while the loop is busy."""
#: First probe after a minute of silence, dead after three more, ten seconds apart.
_TCP_KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)


class Shell(Protocol):
    """What this transport needs of the gateway."""

    def open_flow(
        self,
        transport: Transport,
        remote: Address,
        local: Address,
        send: Callable[[bytes], None],
    ) -> Flow:
        """A connection is there."""

    def received(self, flow: Flow, octets: bytes) -> None:
        """A whole message came."""

    def close_flow(self, flow: Flow) -> None:
        """The connection is gone."""


class Connection(asyncio.Protocol):
    """One connection, accepted or made by us."""

    def __init__(self, owner: StreamTransport, *, accepted: bool) -> None:
        self._owner = owner
        self._accepted = accepted
        self._framer = framing.Framer()
        self._transport: asyncio.Transport | None = None
        self._securing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ping: asyncio.TimerHandle | None = None
        self.remote: Address = ("", 0)
        self.flow: Flow | None = None
        #: A whole message has come.
        self.proven = False

    # -- asyncio's callbacks -------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there; one that we accept has to be let in."""
        assert isinstance(transport, asyncio.Transport), "streams are read and written"
        self._transport = transport
        peer = transport.get_extra_info("peername")
        if not peer:  # gone before we looked
            transport.abort()
            return
        self.remote = sockets.plain(peer)
        _tune(transport)
        if not self._accepted:
            self._open(transport)
            return
        if not self._owner.admit(self):
            transport.abort()
            return
        self._limit_time()
        if self._owner.context is None:
            self._open(transport)
        else:
            transport.pause_reading()
            work = self._secure(transport, self._owner.context)
            self._securing = asyncio.get_running_loop().create_task(work)

    async def _secure(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        """TLS handshake, after the connection was counted: a slow one is limited too."""
        loop = asyncio.get_running_loop()
        try:
            secured = await loop.start_tls(
                transport, self, context, server_side=True, ssl_handshake_timeout=WHOLE_WITHIN
            )
        except OSError as error:  # ssl.SSLError is one
            # Else asyncio's frame holds the error, and that the frame with all its buffers.
            traceback.clear_frames(error.__traceback__)
            self._owner.counters["closed: TLS handshake"] += 1
            self.cut()
            self.connection_lost(None)
            return
        if secured is None:  # lost meanwhile
            self.connection_lost(None)
            return
        self._transport = secured
        self._open(secured)
        self._drain()  # the phone's first octets may have come with the end of its handshake

    def _open(self, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(high=MAX_UNSENT)
        local = sockets.plain(transport.get_extra_info("sockname"))
        self.flow = self._owner.opened(self, local)
        if not self._accepted:
            self._ping_later()

    def _ping_later(self) -> None:
        self._ping = asyncio.get_running_loop().call_later(PING_EVERY, self._ping_now)

    def _ping_now(self) -> None:
        self.send(framing.PING)
        self._ping_later()

    def data_received(self, data: bytes) -> None:
        """Octets came."""
        self._framer.receive(data)
        if self.flow is not None:
            self._drain()

    def _drain(self) -> None:
        try:
            while (event := self._framer.next_event()) is not None:
                self._happened(event)
        except framing.Unframeable as error:
            self._owner.counters[f"closed: {error.reason}"] += 1
            self.close()
            return
        if self._framer.partial:
            self._limit_time()
        elif self.proven:
            self._limit_no_time()

    def _happened(self, event: bytes | framing.KeepAlive) -> None:
        if isinstance(event, framing.KeepAlive):
            if self._accepted:  # else these are the answers to our own, two of them
                self.send(framing.PONG)
            return
        self._limit_no_time()
        if not self.proven:
            self.proven = True
            self._owner.proved(self)
        if self.flow is not None:
            self._owner.received(self.flow, event)

    def pause_writing(self) -> None:
        """Too much waits: the phone does not read."""
        self._owner.counters["closed: does not read"] += 1
        self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed, by whomever; may be told twice."""
        del exc
        self._limit_no_time()
        if self._ping is not None:
            self._ping.cancel()
        self._owner.gone(self)
        # Each of them knows us, and would keep us until the collector comes round.
        self._transport = self._securing = self.flow = None

    # -- what the owner wants ------------------------------------------------

    def send(self, octets: bytes) -> None:
        """Write without waiting."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(octets)

    def close(self) -> None:
        """Close once everything is written."""
        if self._transport is not None:
            self._transport.close()

    def cut(self) -> None:
        """Close now."""
        if self._transport is not None:
            self._transport.abort()

    # -- time ----------------------------------------------------------------

    def _limit_time(self) -> None:
        """A message has to be whole by then; the clock of one that has begun goes on."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(WHOLE_WITHIN, self._too_slow)

    def _limit_no_time(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        self._owner.counters["closed: too slow"] += 1
        self.cut()


class StreamTransport:
    """TCP, or with a `context` TLS: listens, and connects."""

    def __init__(
        self,
        shell: Shell,
        *,
        context: ssl.SSLContext | None = None,
        client_context: ssl.SSLContext | None = None,
        per_source: int = DEFAULT.connections,
    ) -> None:
        self._shell = shell
        #: Made anew by `Assembly` when certificates change; connections keep theirs.
        self.context = context
        self._client_context = client_context
        self._transport = Transport.TLS if client_context is not None else Transport.TCP
        self._servers: list[asyncio.Server] = []
        self._port = 0
        self._connections: dict[Connection, None] = {}
        self._made: dict[tuple[Address, str], Connection] = {}
        self._making: dict[tuple[Address, str], asyncio.Task[Connection | None]] = {}
        #: What was refused or closed, by reason.
        self.counters: Counter[str] = Counter()
        self._crowd: Crowd[Connection] = Crowd(per_source, self.counters)

    async def start(self, host: str, port: int) -> None:
        """Listen; raises `CannotListen`."""
        # A class attribute, for asyncio makes the protocol itself: a quarter of a megabyte else.
        sslproto.SSLProtocol.max_size = TLS_BUFFER
        loop = asyncio.get_running_loop()
        self._port = port
        for opened in sockets.listening(host, port, socket.SOCK_STREAM):
            try:
                server = await loop.create_server(
                    lambda: Connection(self, accepted=True), sock=opened, backlog=BACKLOG
                )
            except OSError as error:  # only listen() tells that the port is another's
                opened.close()
                raise sockets.CannotListen(
                    f"TCP {host} port {port}: {error.strerror or error}"
                ) from error
            self._servers.append(server)

    def stop(self) -> None:
        """Listen no more, and close every connection once what waits is written."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for task in list(self._making.values()):
            task.cancel()
        for connection in list(self._connections):
            connection.close()

    # -- connecting ----------------------------------------------------------

    async def connect(
        self, remote: Address, name: str = "", *, within: float = CONNECT_WITHIN
    ) -> Flow | None:
        """The flow of a connection to an address, made if there is none; None if it cannot be.

        `name` is whom the certificate has to name (RFC 5922), else the address.
        """
        key = (remote, name)
        known = self._made.get(key)
        if known is not None and known.flow is not None:
            return known.flow
        if key not in self._making:
            work = self._connect(remote, name, within)
            task = self._making[key] = asyncio.get_running_loop().create_task(work)
            task.add_done_callback(lambda _: self._making.pop(key, None))
        connection = await asyncio.shield(self._making[key])
        return connection.flow if connection is not None else None

    def send_to(self, remote: Address, octets: bytes) -> None:
        """Send by the connection that `connect` has made, if it still stands."""
        known = self._made.get((remote, ""))
        if known is not None:
            known.send(octets)

    async def _connect(self, remote: Address, name: str, within: float) -> Connection | None:
        loop = asyncio.get_running_loop()
        made = loop.create_connection(
            lambda: Connection(self, accepted=False),
            *remote,
            ssl=self._client_context,
            server_hostname=(name or remote[0]) if self._client_context is not None else None,
        )
        try:
            async with asyncio.timeout(within):
                _, connection = await made
        except OSError as error:  # TimeoutError and ssl.SSLError are some
            self.counters[f"not connected: {_why(error)}"] += 1
            return None
        if connection.flow is not None:
            self._made[remote, name] = connection
        return connection

    # -- what connections tell -----------------------------------------------

    def admit(self, connection: Connection) -> bool:
        """Let a connection in, in the place of an unproven one if need be."""

        def make_room() -> None:
            connection.cut()
            self.gone(connection)

        if not self._crowd.admit(connection, connection.remote[0], make_room):
            return False
        self._connections[connection] = None
        return True

    def opened(self, connection: Connection, local: Address) -> Flow:
        """It can carry messages; by `local` the peer reached us or can reach us."""
        self._connections[connection] = None
        here = (local[0], self._port or local[1])
        return self._shell.open_flow(self._transport, connection.remote, here, connection.send)

    def proved(self, connection: Connection) -> None:
        """It has brought a whole message."""
        self._crowd.prove(connection)

    def received(self, flow: Flow, octets: bytes) -> None:
        """It brings a message."""
        self._shell.received(flow, octets)

    def gone(self, connection: Connection) -> None:
        """It is closed, or about to be; may be told twice."""
        self._connections.pop(connection, None)
        self._crowd.leave(connection)
        for key in [key for key, made in self._made.items() if made is connection]:
            del self._made[key]
        flow, connection.flow = connection.flow, None
        if flow is not None:
            self._shell.close_flow(flow)


def _tune(transport: asyncio.Transport) -> None:
    opened = transport.get_extra_info("socket")
    for level, option, value in _TCP_KEEP_ALIVE:
        opened.setsockopt(level, option, value)


def _why(error: OSError) -> str:
    """In one of few words: what asyncio says names the address, too."""
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    return type(error).__name__

"""SIP over WebSocket (RFC 7118): a raw ASGI application, octets in and out, nothing else.

Not a Channels consumer: those take the next frame only after the last
handler has returned and hop through the one database thread for every frame.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol

from sipgateway.sip.flow import Flow, Transport
from sipgateway.transport.pressure import Pressure

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
SendFrame = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SUBPROTOCOL = "sip"
MAX_BACKLOG = 4000
"""Frames that wait for a slow phone; one that is so far behind is cut off. A tool
that is a thousand phones on one connection gets one for each in a single turn."""
MAX_UNSENT = 4 << 20
"""Octets that wait, likewise: a thousand NOTIFYs of 4 kB."""
OVER, TOO_SLOW = 1000, 4008
"""Close codes. Daphne closes with 1000 and codes for private use (RFC 6455 7.4.2)
alone; at another, 1008 among them, it raises and leaves the connection open."""
LAST_FRAMES = 0.5
"""Seconds that the last frames may take to go out."""
KEEP_ALIVE = (b"\r\n\r\n", b"\r\n")


class Shell(Protocol):
    """What a transport needs of the gateway."""

    def open_flow(
        self,
        transport: Transport,
        remote: tuple[str, int],
        local: tuple[str, int],
        send: Callable[[bytes], None],
    ) -> Flow:
        """A connection is there."""

    def received(self, flow: Flow, octets: bytes) -> None:
        """A whole message came."""

    def close_flow(self, flow: Flow) -> None:
        """The connection is gone."""

    async def until_stopped(self) -> None:
        """Return once the gateway has said its goodbyes, in bounded time."""


class WebSocketTransport:
    """The ASGI application at ``/sip``."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell

    async def __call__(self, scope: Scope, receive: Receive, send: SendFrame) -> None:
        """One connection, from handshake to close."""
        await receive()  # websocket.connect
        if SUBPROTOCOL not in scope.get("subprotocols", ()):
            await send({"type": "websocket.close", "code": 1002})
            return
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        backlog, pressure = _Backlog(), Pressure(send)
        flow = self._shell.open_flow(
            Transport.WSS if scope.get("scheme") == "wss" else Transport.WS,
            _address(scope.get("client")),
            _address(scope.get("server")),
            backlog.put,
        )
        writer = asyncio.create_task(_write(backlog, pressure, send))
        reader = asyncio.create_task(self._read(flow, receive, backlog))
        try:
            await asyncio.wait({reader, backlog.full}, return_when=asyncio.FIRST_COMPLETED)
            if reader.done():
                reader.result()
        except asyncio.CancelledError:
            # The server ends us, and daphne does so in the turn in which the gateway begins
            # to say goodbye: our BYEs are to go out, and their answers to come in, before.
            await self._shell.until_stopped()
        finally:
            reader.cancel()
            backlog.end()
            if backlog.full.done():
                pressure.end()  # the close has to get past what he does not read
            await asyncio.wait([writer], timeout=LAST_FRAMES)
            writer.cancel()
            self._shell.close_flow(flow)
            pressure.end()

    async def _read(self, flow: Flow, receive: Receive, backlog: _Backlog) -> None:
        while True:
            frame = await receive()
            if frame["type"] != "websocket.receive":
                return
            text = frame.get("text")
            octets = text.encode("utf-8", "surrogateescape") if text else frame.get("bytes")
            if octets in KEEP_ALIVE:
                backlog.put(KEEP_ALIVE[1])  # RFC 5626 3.5.1
            elif octets:
                self._shell.received(flow, octets)


class _Backlog:
    """Frames on their way to a phone."""

    def __init__(self) -> None:
        #: Done once the phone is too far behind.
        self.full: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._frames: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._octets = 0

    def put(self, octets: bytes) -> None:
        """Take a frame, unless it is too late for this phone."""
        if self.full.done():
            return
        self._octets += len(octets)
        if self._octets > MAX_UNSENT or self._frames.qsize() >= MAX_BACKLOG:
            self.full.set_result(None)
        else:
            self._frames.put_nowait(octets)

    def end(self) -> None:
        """There will be no more; what waits for a phone that is too far behind is let go."""
        while self.full.done() and not self._frames.empty():
            self._frames.get_nowait()
        self._frames.put_nowait(None)

    async def get(self) -> bytes | None:
        """The next frame, None at the end."""
        octets = await self._frames.get()
        self._octets -= len(octets or b"")
        return octets


async def _write(backlog: _Backlog, pressure: Pressure, send: SendFrame) -> None:
    while (octets := await backlog.get()) is not None:
        try:
            frame: dict[str, Any] = {"type": "websocket.send", "text": octets.decode()}
        except UnicodeDecodeError:
            frame = {"type": "websocket.send", "bytes": octets}
        await pressure.released()
        await send(frame)
    code = TOO_SLOW if backlog.full.done() else OVER
    await send({"type": "websocket.close", "code": code})


def _address(pair: Any) -> tuple[str, int]:
    """Host and port of an ASGI address; a name that is no address is kept out of Via."""
    if not pair:
        return "0.0.0.0", 0  # noqa: S104  unknown, not bound
    host = str(pair[0])
    try:
        return str(ipaddress.ip_address(host)), int(pair[1] or 0)
    except ValueError:
        return host, int(pair[1] or 0)

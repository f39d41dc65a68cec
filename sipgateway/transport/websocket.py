"""SIP over WebSocket (RFC 7118): a raw ASGI application, octets in and out, nothing else.

Not a Channels consumer: those take the next frame only after the last
handler has returned and hop through the one database thread for every frame.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol

from sipgateway.sip.flow import Flow, Transport
from sipgateway.sip.limits import DEFAULT
from sipgateway.transport.crowd import Crowd
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
PROVEN_WITHIN = 60.0
"""Seconds within which a connection has to bring a first message; keep-alives are none.
A page that connects before its person has decided whom to call gets a minute."""
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

    def __init__(self, shell: Shell, *, per_source: int = DEFAULT.connections) -> None:
        self._shell = shell
        #: What was refused or closed, by reason.
        self.counters: Counter[str] = Counter()
        self._crowd: Crowd[_Backlog] = Crowd(per_source, self.counters)

    async def __call__(self, scope: Scope, receive: Receive, send: SendFrame) -> None:
        """One connection, from handshake to close."""
        await receive()  # websocket.connect
        if SUBPROTOCOL not in scope.get("subprotocols", ()):
            self.counters["refused: another sub-protocol"] += 1
            await send({"type": "websocket.close", "code": 1002})
            return
        backlog = _Backlog()
        if not self._crowd.admit(backlog, _address(scope.get("client"))[0], backlog.cut):
            await send({"type": "websocket.close", "code": OVER})
            return
        try:
            await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
            await self._serve(scope, receive, send, backlog)
        finally:
            self._crowd.leave(backlog)

    async def _serve(
        self, scope: Scope, receive: Receive, send: SendFrame, backlog: _Backlog
    ) -> None:
        pressure = Pressure(send)
        silent = asyncio.get_running_loop().call_later(PROVEN_WITHIN, self._too_silent, backlog)
        backlog.proven.add_done_callback(lambda _: silent.cancel())
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
            silent.cancel()
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
                self._prove(backlog)
                self._shell.received(flow, octets)

    def _prove(self, backlog: _Backlog) -> None:
        if not backlog.proven.done():
            backlog.proven.set_result(None)
            self._crowd.prove(backlog)

    def _too_silent(self, backlog: _Backlog) -> None:
        self.counters["closed: too slow"] += 1
        backlog.cut()


class _Backlog:
    """Frames on their way to a phone."""

    def __init__(self) -> None:
        #: Done once the phone is too far behind.
        self.full: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: Done once the phone has sent a whole message, or is gone.
        self.proven: asyncio.Future[None] = asyncio.get_running_loop().create_future()
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

    def cut(self) -> None:
        """Let go of the phone now."""
        if not self.full.done():
            self.full.set_result(None)

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

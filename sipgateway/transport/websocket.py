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

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
SendFrame = Callable[[MutableMapping[str, Any]], Awaitable[None]]

SUBPROTOCOL = "sip"
MAX_BACKLOG = 1000
"""Frames that wait for a slow phone; one that is so far behind is cut off."""
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
        waiting: asyncio.Queue[bytes | None] = asyncio.Queue()
        flow = self._shell.open_flow(
            Transport.WSS if scope.get("scheme") == "wss" else Transport.WS,
            _address(scope.get("client")),
            _address(scope.get("server")),
            lambda octets: _put(waiting, octets),
        )
        writer = asyncio.create_task(_write(waiting, send))
        reader = asyncio.create_task(self._read(flow, receive, waiting))
        try:
            await asyncio.shield(reader)
        except asyncio.CancelledError:
            # The server ends us, and daphne does so in the turn in which the gateway begins
            # to say goodbye: our BYEs are to go out, and their answers to come in, before.
            await self._shell.until_stopped()
        finally:
            reader.cancel()
            waiting.put_nowait(None)
            await asyncio.wait([writer], timeout=LAST_FRAMES)
            writer.cancel()
            self._shell.close_flow(flow)

    async def _read(
        self, flow: Flow, receive: Receive, waiting: asyncio.Queue[bytes | None]
    ) -> None:
        while True:
            frame = await receive()
            if frame["type"] != "websocket.receive":
                return
            text = frame.get("text")
            octets = text.encode("utf-8", "surrogateescape") if text else frame.get("bytes")
            if octets in KEEP_ALIVE:
                _put(waiting, KEEP_ALIVE[1])  # RFC 5626 3.5.1
            elif octets:
                self._shell.received(flow, octets)


def _put(waiting: asyncio.Queue[bytes | None], octets: bytes) -> None:
    waiting.put_nowait(None if waiting.qsize() >= MAX_BACKLOG else octets)


async def _write(waiting: asyncio.Queue[bytes | None], send: SendFrame) -> None:
    while (octets := await waiting.get()) is not None:
        try:
            frame: dict[str, Any] = {"type": "websocket.send", "text": octets.decode()}
        except UnicodeDecodeError:
            frame = {"type": "websocket.send", "bytes": octets}
        await send(frame)
    await send({"type": "websocket.close", "code": 1008})


def _address(pair: Any) -> tuple[str, int]:
    """Host and port of an ASGI address; a name that is no address is kept out of Via."""
    if not pair:
        return "0.0.0.0", 0  # noqa: S104  unknown, not bound
    host = str(pair[0])
    try:
        return str(ipaddress.ip_address(host)), int(pair[1] or 0)
    except ValueError:
        return host, int(pair[1] or 0)

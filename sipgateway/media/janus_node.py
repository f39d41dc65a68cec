"""One Janus: a WebSocket to its API, a session on it, and handles of the AudioBridge.

Requests and their answers are the JSON of Janus's WebSocket API
(sub-protocol ``janus-protocol``) and of its AudioBridge plugin. A request to a
handle is answered at once (`success`) or is acknowledged and answered by an
event of the same transaction; either way `ask` returns that one answer.

A node is lost when its socket closes or does not answer a ping: then every
handle and room on it is gone, and the node is tried again for ever.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from asyncio import FIRST_COMPLETED
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import websockets

from sipgateway.media.engine import MediaError

LOG = logging.getLogger(__name__)

PLUGIN = "janus.plugin.audiobridge"
KEEPALIVE = 10
"""Pings between two signs of life; Janus forgets a session after 60 seconds."""
PING, PONG = 1.0, 2.0
"""Seconds between an answer and the next ping, and for the answer to one: a node that hangs
is noticed in three, and one that is only busy is not lost."""
REPLY = 4.0
"""Seconds to wait for an answer; that a node hangs is noticed before."""
PAUSE = (0.2, 0.5, 1.0)
"""Seconds until a lost node is tried again, the last one for ever."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node is, and the secrets that it wants."""

    url: str
    api_secret: str = ""
    admin_key: str = ""
    admin: str = ""
    """Where its admin API is, if it may be asked."""
    admin_secret: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read ``ws[s]://[:APISECRET@]HOST:PORT[/PATH][?QUERY]``. Raises `ValueError`.

        The query may have ``admin_key``, ``admin_port`` and ``admin_secret``.
        """
        parts = urlsplit(text.strip())
        if parts.scheme not in ("ws", "wss") or not parts.hostname:
            raise ValueError("a Janus node is named as ws://host:port or wss://host:port")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        place = f"{host}:{parts.port}" if parts.port else host
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        port = query.get("admin_port", "")
        if port and not port.isdecimal():
            raise ValueError("admin_port of a Janus node is a number")
        return cls(
            url=urlunsplit((parts.scheme, place, parts.path or "/", "", "")),
            api_secret=unquote(parts.password or ""),
            admin_key=query.get("admin_key", ""),
            admin=f"{parts.scheme}://{host}:{port}/" if port else "",
            admin_secret=query.get("admin_secret", ""),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """What the plugin answered, and the SDP that came with it or nothing."""

    data: Body
    sdp: str = ""


class NodeGone(MediaError):
    """The node was lost before it answered; another one may do it."""

    def __init__(self) -> None:
        super().__init__(503, "The mixer is gone")


class Node:
    """A Janus that is kept connected.

    `heard` is called with what a handle tells unasked: whose the handle is, and
    the message. `lost` is called when the connection is.
    """

    def __init__(
        self,
        address: Address,
        *,
        heard: Callable[[Any, Body], None],
        lost: Callable[[Node], None],
    ) -> None:
        self.address = address
        self.ready = asyncio.Event()
        self.trouble = "not connected yet"
        """Why it is not ready."""
        self._heard = heard
        self._lost = lost
        self._socket: websockets.ClientConnection | None = None
        self._session = 0
        self._was_up = False
        self._complaint = ""
        self._asked: dict[str, asyncio.Future[Body]] = {}
        self._owners: dict[int, object] = {}

    async def keep(self) -> None:
        """Connect again and again, until cancelled."""
        failures = 0
        while True:
            try:
                await self._connected()
            except (OSError, websockets.WebSocketException, MediaError, TimeoutError) as error:
                self.trouble = str(error) or type(error).__name__
                if self._was_up:
                    failures, self._was_up = 0, False
                if failures <= 1:  # that it is gone, and why it does not come back
                    LOG.warning("Janus at %s: %s", self.address.url, error)
            await asyncio.sleep(PAUSE[min(failures, len(PAUSE) - 1)])
            failures += 1

    @property
    def session(self) -> int:
        """Our session's number there; 0 while there is none."""
        return self._session

    def complain(self, what: str) -> None:
        """Log something about it, once until it is something else."""
        if what != self._complaint:
            self._complaint = what
            LOG.warning("Janus at %s: %s", self.address.url, what)

    @property
    def local_address(self) -> str:
        """Our address on the way to it. Raises `MediaError`."""
        if self._socket is None:
            raise NodeGone
        return str(self._socket.local_address[0])

    async def attach(self, owner: object) -> int:
        """A new handle of the AudioBridge. Raises `MediaError`."""
        message = await self._ask({"janus": "attach", "plugin": PLUGIN})
        handle = int(message["data"]["id"])
        self._owners[handle] = owner
        return handle

    def release(self, handle: int) -> None:
        """Hear no more of a handle."""
        self._owners.pop(handle, None)

    async def detach(self, handle: int) -> None:
        """Give a handle back, with its encoder and its peer connection."""
        await self._ask({"janus": "detach", "handle_id": handle})

    async def ask(self, handle: int, body: Body, sdp: str = "", kind: str = "offer") -> Reply:
        """Have the plugin do something. Raises `MediaError`: 503, or 488 for a bad description."""
        message: Body = {"janus": "message", "handle_id": handle, "body": body}
        if sdp:
            message["jsep"] = {"type": kind, "sdp": sdp, "trickle": False}
        answer = await self._ask(message)
        data = answer.get("plugindata", {}).get("data", {})
        if "error" in data:
            if self.ready.is_set():  # who connects in vain says so himself
                LOG.warning("Janus refuses %s: %s", body["request"], data["error"])
            raise MediaError(503, f"The mixer refuses: {data['error']}")
        return Reply(data, answer.get("jsep", {}).get("sdp", ""))

    # The connection

    async def _connected(self) -> None:
        """Connect, and stay so until the connection is lost."""
        async with websockets.connect(
            self.address.url,
            subprotocols=[websockets.Subprotocol("janus-protocol")],
            ping_interval=None,
            open_timeout=REPLY,
            close_timeout=1,
        ) as socket:
            self._socket = socket
            reader = asyncio.create_task(self._read(socket))
            try:
                self._session = int((await self._ask({"janus": "create"}))["data"]["id"])
                await self._try_out()
                self.ready.set()
                self.trouble = ""
                self._was_up = True
                LOG.info("Janus at %s is there", self.address.url)
                await self._live(socket, reader)
            finally:
                reader.cancel()
                self._end()

    async def _try_out(self) -> None:
        """See that rooms can be made with the secrets that there are. Raises `MediaError`."""
        handle = await self.attach(self)
        room: Body = {"room": secrets.randbits(53) or 1, "secret": secrets.token_urlsafe()}
        made: Body = {**room, "request": "create", "is_private": True}
        if self.address.admin_key:
            made["admin_key"] = self.address.admin_key
        await self.ask(handle, made)
        await self.ask(handle, {**room, "request": "destroy"})
        self.release(handle)
        await self.detach(handle)

    async def _live(self, socket: websockets.ClientConnection, reader: asyncio.Task[None]) -> None:
        """Ask again and again whether it is there. Raises `MediaError` once it does not answer."""
        pings = 0
        while not reader.done():
            answered = asyncio.ensure_future(await socket.ping())
            await asyncio.wait({reader, answered}, timeout=PONG, return_when=FIRST_COMPLETED)
            if not (reader.done() or answered.done()):
                raise MediaError(503, "it does not answer any more")
            await asyncio.wait({reader}, timeout=PING)
            pings += 1
            if pings % KEEPALIVE == 0 and not reader.done():
                await socket.send(json.dumps(self._signed({"janus": "keepalive"}, "")))
        reader.result()

    def _end(self) -> None:
        was_ready = self.ready.is_set()
        self._owners.clear()
        self.ready.clear()
        self._socket, self._session = None, 0
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(NodeGone())
        if was_ready:
            self._lost(self)

    async def _read(self, socket: websockets.ClientConnection) -> None:
        async for text in socket:
            message = json.loads(text)
            asked = self._asked.get(message.get("transaction", ""))
            if asked is None:
                self._happened(message)
            elif message["janus"] != "ack" and not asked.done():
                asked.set_result(message)

    def _happened(self, message: Body) -> None:
        owner = self._owners.get(message.get("sender", 0))
        if owner is not None:
            self._heard(owner, message)

    async def _ask(self, message: Body) -> Body:
        """Send a request and wait for its answer. Raises `MediaError`."""
        if self._socket is None:
            raise NodeGone
        number = secrets.token_hex(8)
        answer: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            async with asyncio.timeout(REPLY):
                await self._socket.send(json.dumps(self._signed(message, number)))
                found = await answer
        except TimeoutError:
            raise MediaError(503, "The mixer does not answer") from None
        except websockets.ConnectionClosed as error:
            raise NodeGone from error
        finally:
            del self._asked[number]
        if found["janus"] == "error":
            if self.ready.is_set():
                LOG.warning(
                    "Janus: %s (%s)", found["error"].get("reason"), found["error"].get("code")
                )
            raise _refused(found["error"])
        return found

    def _signed(self, message: Body, number: str) -> Body:
        more: Body = {"transaction": number or "alive"}
        if self._session:
            more["session_id"] = self._session
        if self.address.api_secret:
            more["apisecret"] = self.address.api_secret
        return {**message, **more}


#: Janus's errors that the description is to blame for (JANUS_ERROR_JSEP_*).
_BAD_DESCRIPTION = range(464, 468)


def _refused(error: Body) -> MediaError:
    if error.get("code") in _BAD_DESCRIPTION:
        return MediaError(488, "The mixer cannot take the description")
    return MediaError(503, f"The mixer refuses: {error.get('reason')}")

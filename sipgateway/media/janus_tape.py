"""The recording of a room that is at a Janus node: what the node sends us of it, into a file.

An AudioBridge writes files on its own disk only; so it is asked to forward the
mix as Opus (``rtp_forward``), to a port of ours and under a key of ours
(RFC 4568), and that is written as the embedded mixer's recordings are. Who
does not agree is in another *group* of the room than the one that is
forwarded, and so in no recording.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

from sipgateway.media import rtp, srtp
from sipgateway.media.codec import FRAME
from sipgateway.media.engine import MediaError, RecordingClosed, RoomId
from sipgateway.media.janus_leg import KEPT, Room
from sipgateway.media.opus import SILENCE
from sipgateway.media.ports import Ports
from sipgateway.media.recording import NAME, SUFFIX, Recorder

PAYLOAD_TYPE = 111

LONGEST_GAP = 3000
"""Frames that were lost on the way and are made up for by silence: a minute."""

NO_KEY = bytes(srtp.CM_80.key + srtp.CM_80.salt)
"""Nothing is sent to the node."""


class Tape(asyncio.DatagramProtocol):
    """One file, and the port at which what belongs into it arrives.

    `broke` is called once if it cannot be written any more.
    """

    def __init__(self, room: Room, path: Path, broke: Callable[[Tape], None]) -> None:
        self.room = room
        self.recorder = Recorder(path)
        self._broke: Callable[[Tape], None] | None = broke
        self._key = srtp.new_key(srtp.CM_80)
        theirs = srtp.read_key(self._key, srtp.CM_80)
        self._srtp = srtp.SrtpSession(srtp.Keys(srtp.CM_80, ours=NO_KEY, theirs=theirs))
        self._source = secrets.randbits(32)
        self._next: int | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._stream = 0

    async def begin(self, handle: int, sock: socket.socket) -> None:
        """Have the node send it to that socket. Raises `MediaError`."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=sock)
        host, port = sock.getsockname()[:2]
        body = {
            "request": "rtp_forward",
            "room": self.room.number,
            "secret": self.room.secret,
            "group": KEPT,
            "host": host,
            "port": port,
            "ssrc": self._source,
            "ptype": PAYLOAD_TYPE,
            "codec": "opus",
            "srtp_suite": 80,
            "srtp_crypto": self._key,
            "always_on": True,
        }
        if self.room.node.address.admin_key:
            body["admin_key"] = self.room.node.address.admin_key
        reply = await self.room.node.ask(handle, body)
        self._stream = int(reply.data.get("stream_id", 0))

    async def stop(self, handle: int) -> None:
        """Have the node send no more. Raises `MediaError`."""
        stream, self._stream = self._stream, 0
        if stream and self.room.made:
            body = {"request": "stop_rtp_forward", "room": self.room.number, "stream_id": stream}
            await self.room.node.ask(handle, {**body, "secret": self.room.secret})

    async def close(self, *, end: bool) -> None:
        """Write what waits; `end` says that nobody will go on with the file."""
        self._broke = None
        if self._transport is not None:
            self._transport.close()
        self.recorder.close(end=end)
        await asyncio.to_thread(self.recorder.join)

    def datagram_received(self, data: bytes, addr: object) -> None:
        """A frame; whatever is not the node's by its key is left out."""
        del addr
        try:
            packet = rtp.parse(self._srtp.unprotect(data))
        except (srtp.SrtpError, rtp.RtpError):
            return
        if packet.payload_type != PAYLOAD_TYPE or packet.ssrc != self._source:
            return
        self._take(packet)
        if self.recorder.failed and self._broke is not None:
            broke, self._broke = self._broke, None
            broke(self)

    def _take(self, packet: rtp.Packet) -> None:
        """In its place: what was lost is silence, what comes late is left out."""
        if self._next is not None:
            ahead = (packet.timestamp - self._next) & 0xFFFFFFFF
            if ahead >= 1 << 31:
                return
            for _ in range(min(ahead // FRAME, LONGEST_GAP)):
                self.recorder.take(SILENCE)
        self.recorder.take(packet.payload)
        self._next = (packet.timestamp + FRAME) & 0xFFFFFFFF


class Tapes:
    """Those of all rooms. What ought to be is told by `record`, and done by `follow`."""

    def __init__(
        self, directory: Path, ports: Ports, told: Callable[[RecordingClosed], None]
    ) -> None:
        self._directory = directory
        self._ports = ports
        self._told = told
        self._wanted: dict[RoomId, tuple[str, bool]] = {}
        self._tapes: dict[RoomId, tuple[str, Tape]] = {}
        self._lock = asyncio.Lock()

    def get(self, room: RoomId) -> Tape | None:
        """The one of a room, while it is being recorded."""
        found = self._tapes.get(room)
        return found[1] if found is not None else None

    def record(self, room: RoomId, name: str, *, paused: bool) -> None:
        """Record a room under a name, or pause; an empty name ends it."""
        if name:
            self._wanted[room] = (name, paused)
        else:
            self._wanted.pop(room, None)

    async def follow(
        self, room: RoomId, target: Room | None, handle_at: Callable[[Room], int]
    ) -> None:
        """Do what is wanted of a room that is where `target` says."""
        async with self._lock:
            name, paused = self._wanted.get(room, ("", False))
            known, tape = self._tapes.get(room, ("", None))
            if tape is not None and (known != name or tape.room is not target):
                await self._end(room, handle_at, ended=known != name)
                tape = None
            if tape is None and name and target is not None and target.made:
                tape = await self._begin(target, room, name, handle_at)
            if tape is not None:
                tape.recorder.pause(paused)

    async def stop(self, handle_at: Callable[[Room], int]) -> None:
        """The engine ends; somebody may go on with the files."""
        async with self._lock:
            self._wanted.clear()
            for room in list(self._tapes):
                await self._end(room, handle_at, ended=False)

    async def _begin(
        self, target: Room, room: RoomId, name: str, handle_at: Callable[[Room], int]
    ) -> Tape | None:
        handle = handle_at(target)
        if NAME.fullmatch(name) is None or not handle:
            return None
        try:
            tape = Tape(target, self._directory / f"{name}{SUFFIX}", self._broke)
        except OSError as error:
            self._told(RecordingClosed(room, name, 0.0, error.strerror or str(error)))
            return None
        self._tapes[room] = (name, tape)
        try:
            await tape.begin(handle, self._ports.open(target.node.local_address))
        except (MediaError, OSError) as error:
            if not target.node.ready.is_set():  # it goes on where the room goes on
                await self._end(room, handle_at, ended=False)
                return None
            self._wanted.pop(room, None)
            await self._end(room, handle_at, ended=True, failed=str(error))
            return None
        return tape

    async def _end(
        self, room: RoomId, handle_at: Callable[[Room], int], *, ended: bool, failed: str = ""
    ) -> None:
        name, tape = self._tapes.pop(room)
        with contextlib.suppress(MediaError):
            if handle := handle_at(tape.room):
                await tape.stop(handle)
        await tape.close(end=ended)
        told = tape.recorder.failed or failed
        self._told(RecordingClosed(room, name, tape.recorder.seconds, told))

    def _broke(self, tape: Tape) -> None:
        """It is told at once; the files go when the room is looked at again."""
        for room, (name, one) in self._tapes.items():
            if one is tape:
                self._wanted.pop(room, None)
                told = RecordingClosed(room, name, tape.recorder.seconds, tape.recorder.failed)
                self._told(told)

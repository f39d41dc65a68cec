"""What is played into a room at a Janus: by one more participant, who is us.

An AudioBridge plays files of its own disk only. So prompts, tones and sounds
come in as plain RTP from a participant of our own, who joins when there is
something to be heard and leaves behind it. It is in nobody's roster. Its
packets are sent by the clock; the node keeps a few of them back, so that it
does not matter when we are late by some.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sipgateway.media import codec, opus, prompts, rtp
from sipgateway.media.codec import FRAME, PERIOD, Encoder, Samples
from sipgateway.media.engine import LegId, MediaError, PlayEnded, RoomId, SoundEnded
from sipgateway.media.janus_leg import KEPT, Room, new_number
from sipgateway.media.janus_node import Node
from sipgateway.media.mixer import Limiter, Player
from sipgateway.media.ports import Ports
from sipgateway.media.sounds import SoundFile, find

PAYLOAD_TYPE = 111

KEPT_BACK = 8
"""Packets that the node holds: 160 ms, by which this process may be late."""

LINGERS = 2 * KEPT_BACK
"""Frames of silence behind the last, so that it is heard whole."""

Over = Callable[[], None]


class Attendant:
    """The one of a room. `say` and `sound` begin, `close` ends for good."""

    def __init__(self, room: Room, encoder: Encoder, sock: Callable[[], socket.socket]) -> None:
        self.room = room
        self.file: SoundFile | None = None
        self.private = False
        self._encoder = encoder
        self._socket = sock
        self._player: Player | None = None
        self._said: Over = _nothing
        self._played: Over = _nothing
        self._limiter = Limiter()
        self._handle = 0
        self._there = ("", 0)
        self._task: asyncio.Task[None] | None = None

    def say(self, player: Player | None, over: Over, *, private: bool = False) -> None:
        """Play a script; `over` is called when it is over, or cut.

        One that one alone is to hear (`private`) takes the place of another one, music goes
        on behind it; what all are to hear waits until all has been said that is for all.
        """
        if player is not None and self._player is not None and not (private or self.private):
            self._player.follow(player)
            return
        said, self._said = self._said, over if player is not None else _nothing
        if private and self._player is not None:
            player = self._player.give_way(player)
        self._player, self.private = player, private
        said()
        self._go()

    def sound(self, file: SoundFile | None, over: Over) -> None:
        """Play a file besides, in place of another one, of whose end nobody is told."""
        if self.file is not None:
            self.file.close()
        self.file, self._played = file, over
        self._go()

    async def close(self) -> None:
        """The room is no more, or nobody is in it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._played = _nothing
        self._give_up()

    def _give_up(self) -> None:
        """Nothing is heard, and that is over."""
        self._player = None
        said, self._said = self._said, _nothing
        said()
        if self.file is not None:
            self.file.close()
            self.file = None
        played, self._played = self._played, _nothing
        played()

    def _go(self) -> None:
        if (self._player or self.file) and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._attend(), name="janus attendant")

    async def _attend(self) -> None:
        """Join, send until there is nothing more, leave."""
        node = self.room.node
        transport: asyncio.DatagramTransport | None = None
        try:
            self._handle = await node.attach(self)
            transport = await self._join()
            await self._send(transport)
        except (MediaError, OSError):
            self._give_up()
        finally:
            if transport is not None:
                transport.close()
            if self._handle:
                node.release(self._handle)
                handle, self._handle = self._handle, 0
                asyncio.get_running_loop().create_task(_detach(self.room, handle))

    async def _join(self) -> asyncio.DatagramTransport:
        sock = self._socket()
        host, port = sock.getsockname()[:2]
        body = {
            "request": "join",
            "room": self.room.number,
            "pin": self.room.pin,
            "id": new_number(),
            "codec": "opus",
            "prebuffer": KEPT_BACK,
            "group": KEPT,
            "rtp": {"ip": host, "port": port, "payload_type": PAYLOAD_TYPE},
        }
        with contextlib.ExitStack() as unless_joined:
            unless_joined.callback(sock.close)
            told = (await self.room.node.ask(self._handle, body)).data.get("rtp")
            if not told:
                raise MediaError(503, "The mixer has no RTP port")
            there = (str(told["ip"]), int(told["port"]))
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                asyncio.DatagramProtocol, sock=sock
            )
            unless_joined.pop_all()
        self._there = there
        return transport

    async def _send(self, transport: asyncio.DatagramTransport) -> None:
        clock = asyncio.get_running_loop()
        stream = rtp.Sender(secrets.randbits(32), secrets.randbits(15), secrets.randbits(32))
        due, left = clock.time(), LINGERS
        while left:
            frame = self._frame()
            left = LINGERS if frame is not None else left - 1
            payload = self._encoder.encode(codec.silence() if frame is None else frame)
            packet = stream.build(payload, FRAME, payload_type=PAYLOAD_TYPE)
            transport.sendto(packet, self._there)
            due += PERIOD
            await asyncio.sleep(max(0.0, due - clock.time()))

    def _frame(self) -> Samples | None:
        """The next frame of all that is played; tells what is over."""
        frames = []
        if self._player is not None:
            frame = self._player.next()
            if frame is None:
                self._player = self._player.then
                frame = None if self._player is None else self._player.next()
                said, self._said = self._said, _nothing
                said()
            if frame is not None:
                frames.append(frame)
        if self.file is not None:
            frame = self.file.next()
            if frame is None:
                self.file = None
                played, self._played = self._played, _nothing
                played()
            else:
                frames.append(frame)
        if not frames:
            return None
        total = frames[0] if len(frames) == 1 else frames[0] + frames[1]
        return self._limiter.apply(total)


@dataclass(frozen=True, slots=True)
class _Sounding:
    """What is played to a room; `begun` is when, on the loop's clock."""

    name: str
    token: str
    begun: float


class Attendants:
    """Those of all rooms, and which sound each room ought to hear."""

    def __init__(
        self,
        library: prompts.Library,
        sounds: Path,
        ports: Ports,
        told: Callable[[PlayEnded | SoundEnded], None],
        heard: Callable[[str], Samples | None],
    ) -> None:
        self._library = library
        self._heard = heard
        self._sounds = sounds
        self._ports = ports
        self._told = told
        self._opus = opus.Library()
        self._attendants: dict[Room, Attendant] = {}
        self._sounding: dict[RoomId, _Sounding] = {}

    def say(self, room: Room, leg: LegId | None, script: str) -> None:
        """Play a script to a room, or to the leg that is alone in it, which is told of its end."""
        over = _nothing
        if leg is not None:
            over = functools.partial(self._told, PlayEnded(leg, script))
        self._get(room).say(self._library.player(script, self._heard), over, private=bool(leg))

    def hush(self, room: Room) -> None:
        """Somebody comes into a room: what is said there to another one alone ends."""
        attendant = self._attendants.get(room)
        if attendant is not None and attendant.private:
            attendant.say(None, _nothing)

    def sound(self, room: RoomId, name: str, token: str, start: float) -> None:
        """What a room is to hear, from `start` seconds on; nothing without a name."""
        if name:
            begun = asyncio.get_running_loop().time() - start
            self._sounding[room] = _Sounding(name, token, begun)
        else:
            self._sounding.pop(room, None)

    def follow(self, room: RoomId, target: Room | None) -> None:
        """Have a room hear what it is to hear; what goes on already goes on."""
        wanted = self._sounding.get(room)
        if target is None or not target.made:
            return
        known = self._attendants.get(target)
        playing = known.file.token if known is not None and known.file is not None else ""
        if wanted is None:
            if known is not None and playing:
                known.sound(None, _nothing)
        elif playing != wanted.token:
            self._begin(room, target, wanted)

    def _begin(self, room: RoomId, target: Room, wanted: _Sounding) -> None:
        start = asyncio.get_running_loop().time() - wanted.begun
        try:
            path = find(self._sounds, wanted.name)
            file = SoundFile(path, wanted.token, self._opus.codec().decoder(), start=start)
        except OSError as error:
            self._sounded(room, wanted.token, error.strerror or str(error))
            return
        over = functools.partial(self._sounded, room, wanted.token, "")
        self._get(target).sound(file, over)

    def _sounded(self, room: RoomId, token: str, failed: str) -> None:
        if room in self._sounding and self._sounding[room].token == token:
            del self._sounding[room]
        self._told(SoundEnded(room, token, failed))

    def _get(self, room: Room) -> Attendant:
        if room not in self._attendants:
            encoder = opus.OpusEncoder(self._opus)
            self._attendants[room] = Attendant(
                room, encoder, lambda: self._ports.open(room.node.local_address)
            )
        return self._attendants[room]

    async def dismiss(self, room: Room) -> None:
        """Nobody is in a room any more."""
        attendant = self._attendants.pop(room, None)
        if attendant is not None:
            await attendant.close()

    async def forget(self, node: Node) -> None:
        """A node is gone; what its rooms heard is gone on with elsewhere."""
        for room in [one for one in self._attendants if one.node is node]:
            await self.dismiss(room)


async def _detach(room: Room, handle: int) -> None:
    """The handle goes, and the participant with it; with its node it is gone anyway."""
    try:
        await room.node.detach(handle)
    except MediaError:
        return


def _nothing() -> None:
    """Nobody is to be told."""

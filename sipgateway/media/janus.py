"""The engine that is made of Janus AudioBridge nodes (``MEDIA_ENGINE=janus``).

Every conference is a room on one node; a leg that is in none is alone in a
room of its own. What ought to be (room, mute, hold) is kept here, and a node
is made to follow it, one request after the other for each leg. When a node is
lost its legs are told as lost, the focus offers each phone a description
anew, and that comes from a node that lives.

What an AudioBridge does not do is said, not pretended: keyed digits are not
heard (SIP INFO is), nothing is played to one alone who is among others, names
are not remembered, voices are not kept each by itself, and who talks is told by
those phones alone that send audio levels (RFC 6464). It does not tell either whether
plain RTP comes in, so those phones are reported as silent and are asked by the
focus. A plain phone that was called is joined a second time when its port is
known, because a port that may answer is only to be had then; where that is
another one than was offered, it gets a second offer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any

from sipgateway.media import (
    description,
    engine,
    janus_leg,
    janus_rooms,
    janus_talk,
    prompts,
)
from sipgateway.media.description import Local
from sipgateway.media.engine import (
    Description,
    Direction,
    LegId,
    LegKind,
    Listener,
    MediaError,
    RoomId,
    Session,
)
from sipgateway.media.janus_attendant import Attendant, Attendants
from sipgateway.media.janus_leg import Leg, Remote, Room
from sipgateway.media.janus_node import Address, Body, Node
from sipgateway.media.janus_tape import Tapes
from sipgateway.media.ports import Ports

LOG = logging.getLogger(__name__)

START = 5.0
"""Seconds to wait for a first node; without one the engine runs and says that it fails."""
TOLD = 5.0
"""Seconds between two reports of a leg's silence."""
SPEAKING = 0.2
"""Seconds within which changes of who speaks are told as one."""
GONE = "The leg is gone"
REMEMBERED = 10_000
"""Dropped legs that are known as such; see `local.REMEMBERED`."""


class JanusEngine:
    """A `MediaEngine` made of Janus nodes."""

    def __init__(
        self,
        nodes: Sequence[Address],
        *,
        recordings: Path,
        sounds: Path,
        library: prompts.Library,
        ports: tuple[int, int] = (20_000, 29_999),
    ) -> None:
        if not nodes:
            raise ValueError("MEDIA_ENGINE=janus wants JANUS_URL")
        self._nodes = [Node(one, heard=self._heard, lost=self._node_lost) for one in nodes]
        self._legs: dict[LegId, Leg] = {}
        self._dropped: dict[LegId, None] = {}  # in the order of dropping
        self._rooms: dict[RoomId, Room] = {}
        self._talking: dict[RoomId, set[LegId]] = {}
        self._restless: set[RoomId] = set()
        places = Ports(*ports)
        self._tapes = Tapes(recordings, places, self._happened)
        self._attendants = Attendants(library, sounds, places, self._happened)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: Listener = lambda _: None

    # Up and down

    async def start(self, listener: Listener) -> None:
        """Connect to the nodes; see `failing`."""
        self._listener = listener
        for node in self._nodes:
            self._spawn(node.keep())
        self._spawn(self._report_silence())
        waits = [asyncio.create_task(node.ready.wait()) for node in self._nodes]
        await asyncio.wait(waits, timeout=START, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()

    async def stop(self) -> None:
        """Give every handle back and disconnect."""
        for node in self._nodes:
            await self._attendants.forget(node)
        await self._tapes.stop(self._handle_at)
        for leg in list(self._legs):
            self.drop(leg)
        await asyncio.sleep(0)
        ends = [one for one in self._tasks if one.get_name().startswith("janus drop")]
        if ends:
            await asyncio.wait(ends, timeout=1.0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def failing(self) -> str:
        """That no node is there."""
        if any(node.ready.is_set() for node in self._nodes):
            return ""
        return f"no Janus answers at {', '.join(node.address.url for node in self._nodes)}"

    def counters(self) -> dict[str, int]:
        """Nothing: the nodes keep that to themselves."""
        return {}

    def gauges(self) -> dict[str, int]:
        """Nothing, as for `counters`."""
        return {}

    def _spawn(self, work: Coroutine[Any, Any, None], name: str = "janus") -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOG.error("a task of the Janus engine failed", exc_info=error)

    # Descriptions

    async def answer(
        self,
        leg: LegId,
        offer: str,
        session: Session,
        *,
        room: RoomId | None = None,
        host: str = "",  # noqa: ARG002  Janus finds out by itself
    ) -> Description:
        """Answer an offer or a re-offer. Raises `MediaError`."""
        stream = janus_leg.choose(offer)
        async with self._made(leg, stream.kind, room) as one:
            one.direction = stream.direction
            if stream.kind is LegKind.WEBRTC:
                text = await janus_talk.answer_webrtc(one, offer, stream, session)
            else:
                await janus_talk.join_plain(one, Remote.of(stream))
                text, _ = one.negotiation.answer(stream, one.local, session)
        self._follow(one)
        return Description(text, stream.direction, one.negotiation.source)

    async def offer(
        self,
        leg: LegId,
        kind: LegKind,
        session: Session,
        *,
        room: RoomId | None = None,
        host: str = "",  # noqa: ARG002  Janus finds out by itself
    ) -> Description:
        """Make an offer, or repeat what was agreed. Raises `MediaError`."""
        async with self._made(leg, kind, room) as one:
            if one.kind is LegKind.WEBRTC:
                text = await janus_talk.offer_webrtc(one, session)
            else:
                if not one.handle:
                    await janus_talk.join_plain(one, None)
                text = one.negotiation.offer(LegKind.RTP, one.local, session)
        return Description(text, Direction.SENDRECV, one.negotiation.source)

    async def accept(self, leg: LegId, answer: str) -> Description:
        """Take the answer to our offer. Raises `MediaError`."""
        one = self._legs.get(leg)
        if one is None:
            raise MediaError(500, "An answer for a leg that is not there")
        async with one.lock:
            if one.kind is LegKind.WEBRTC:
                stream = janus_leg.choose(answer)
                await janus_talk.accept_webrtc(one, answer, stream)
            else:
                stream, _ = one.negotiation.accept(answer)
                offered = one.local
                await janus_talk.join_plain(one, Remote.of(stream))
                self._port_changed(one, offered)
            one.direction = stream.direction
        self._follow(one)
        return Description("", stream.direction, one.negotiation.source)

    async def describe(self, session: Session) -> str:
        """What a node can do, every port 0."""
        local = Local(("0.0.0.0",), 0, "")  # noqa: S104 - nothing is taken there (RFC 3264 9)
        return description.capabilities(
            local, session, webrtc=janus_leg.WEBRTC, plain=janus_leg.PLAIN
        )

    def _port_changed(self, one: Leg, offered: Local) -> None:
        if one.local != offered:
            lost = engine.LegLost(one.id, "another port takes its audio than was offered")
            asyncio.get_running_loop().call_later(0.05, self._listener, lost)

    # Rooms

    def place(self, leg: LegId, room: RoomId | None) -> None:
        """Put a leg into a room or take it out of any."""
        one = self._legs.get(leg)
        if one is None:
            return
        if room is None:
            one.wanted = None
        else:
            target = self._rooms.setdefault(room, Room(one.node, room))
            if target.node is not one.node:
                self._lose(one, "its room lives on another node")
                return
            one.wanted, one.meant = target, room
        self._forget_rooms()
        self._follow(one)

    def mute(self, leg: LegId, muted: bool) -> None:
        """Let the room hear a leg or not."""
        one = self._legs.get(leg)
        if one is not None:
            one.muted = muted
            if one.at is not None:
                self._speaks(one, one.at, speaks=one.talks)
            self._follow(one)

    def _follow(self, one: Leg) -> None:
        """Make the node do what is wanted of the leg."""
        self._spawn(self._bring(one), f"janus follow {one.id}")

    async def _bring(self, one: Leg) -> None:
        try:
            async with one.lock:
                await self._bring_to_room(one)
                await janus_rooms.tell_mute(one)
                await janus_rooms.tell_group(one)
            if one.at is not None and one.at.name is not None:
                await self._tape(one.at.name)
                self._attendants.follow(one.at.name, one.at)
        except MediaError as error:
            if self._legs.get(one.id) is one:
                self._lose(one, error.reason)

    async def _bring_to_room(self, one: Leg) -> None:
        target = one.own if one.holds or one.wanted is None else one.wanted
        left = one.at
        if target is None or left is None or left is target:
            return
        await janus_rooms.enter(one, target, "changeroom")
        self._speaks(one, left, speaks=False)
        await self._leave_empty(one.handle, left)

    async def _leave_empty(self, handle: int, room: Room | None) -> None:
        """End a room that nobody is in any more."""
        used = (one for one in self._legs.values() if room in (one.at, one.wanted))
        if room is not None and next(used, None) is None:
            await self._attendants.dismiss(room)
            await janus_rooms.end(room, handle)

    def _forget_rooms(self) -> None:
        """A conference's room is its node's until nobody is in it or on the way to it."""
        used = {one.wanted for one in self._legs.values()}
        for name in [name for name, room in self._rooms.items() if room not in used]:
            del self._rooms[name]
            self._talking.pop(name, None)

    # What is played

    def play(self, leg: LegId, prompt: str) -> None:
        """Play to a leg that is alone; in a room with others everybody would hear it."""
        one = self._legs.get(leg)
        if one is None:
            return
        if one.wanted is None:
            self._spawn(self._play(one, prompt), f"janus play {leg}")
        elif prompt:
            self._soon(engine.PlayEnded(leg, prompt))

    async def _play(self, one: Leg, prompt: str) -> None:
        """Once it is in its own room."""
        async with one.lock:
            alone = one.at is not None and one.at is one.own
        if alone and one.own is not None and self._legs.get(one.id) is one:
            self._attendants.say(one.own, one.id, prompt)
        else:
            self._listener(engine.PlayEnded(one.id, prompt))

    def play_room(self, room: RoomId, prompt: str) -> None:
        """Play a script of prompts to everyone in a room."""
        target = self._rooms.get(room)
        if target is not None and target.made:
            self._attendants.say(target, None, prompt)

    def sound(self, room: RoomId, name: str, token: str, *, start: float = 0.0) -> None:
        """Play a file to a room, whichever node it is at and comes to be at."""
        self._attendants.sound(room, name, token, start)
        self._attendants.follow(room, self._rooms.get(room))

    def listen(self, leg: LegId, seconds: float) -> None:
        """Nothing is remembered."""
        if seconds and leg in self._legs:
            self._soon(engine.Heard(leg, 0.0))

    def track(self, leg: LegId, name: str) -> None:
        """Nobody is kept by himself; `portal.settings.TRACKS` says so beforehand."""

    # Recording

    def record(self, room: RoomId, name: str, *, paused: bool = False) -> None:
        """Record a room, whichever node it is at and comes to be at."""
        self._tapes.record(room, name, paused=paused)
        self._spawn(self._tape(room), f"janus tape {room}")

    def agree(self, leg: LegId, agrees: bool) -> None:
        """Let a leg's voice be recorded or not."""
        one = self._legs.get(leg)
        if one is not None:
            one.agrees = agrees
            self._follow(one)

    async def _tape(self, room: RoomId) -> None:
        """Make the recording of a room what it ought to be."""
        await self._tapes.follow(room, self._rooms.get(room), self._handle_at)

    def _handle_at(self, room: Room) -> int:
        """One by which something can be asked about a room; 0 where there is none."""
        return next((one.handle for one in self._legs.values() if one.at is room), 0)

    def _happened(self, event: engine.MediaEvent) -> None:
        self._listener(event)

    def _soon(self, event: engine.MediaEvent) -> None:
        asyncio.get_running_loop().call_soon(self._listener, event)

    # The end of legs

    def drop(self, leg: LegId) -> None:
        """Forget a leg for good."""
        self._dropped[leg] = None
        if len(self._dropped) > REMEMBERED:
            del self._dropped[next(iter(self._dropped))]
        one = self._legs.get(leg)
        if one is not None:
            self._forget(one)

    def _forget(self, one: Leg) -> None:
        """Free what a leg holds; it may be made anew."""
        del self._legs[one.id]
        one.node.release(one.handle)
        if one.at is not None:
            self._speaks(one, one.at, speaks=False)
        self._forget_rooms()
        self._spawn(self._free(one), f"janus drop {one.id}")

    async def _free(self, one: Leg) -> None:
        async with one.lock:
            if not one.handle or not one.node.ready.is_set():
                return
            try:
                for room in {one.at, one.own}:
                    await self._leave_empty(one.handle, room)
                await one.node.detach(one.handle)
            except MediaError as error:
                LOG.info("leg %s could not be freed: %s", one.id, error.reason)

    def _lose(self, one: Leg, reason: str) -> None:
        self._forget(one)
        self._listener(engine.LegLost(one.id, reason))

    # What nodes tell

    def _heard(self, one: Leg | Attendant, message: Body) -> None:
        if isinstance(one, Attendant):
            return
        match message["janus"]:
            case "webrtcup":
                self._listener(engine.LegConnected(one.id))
            case "media":
                now = asyncio.get_running_loop().time()
                one.silent_since = None if message.get("receiving") else now
            case "hangup" | "detached":
                self._lose(one, f"Janus: {message.get('reason', message['janus'])}")
            case "event":
                self._told(one, message.get("plugindata", {}).get("data", {}))

    def _told(self, one: Leg, data: Body) -> None:
        told = data.get("audiobridge")
        if told in ("talking", "stopped-talking") and data.get("id") == one.number:
            one.talks = told == "talking"
            if one.at is not None:
                self._speaks(one, one.at, speaks=one.talks)
        elif told == "destroyed" and one.at is not None and data.get("room") == one.at.number:
            self._lose(one, "its room was destroyed")
        elif data.get("kicked") == one.number:
            self._lose(one, "it was kicked at the node")

    def _speaks(self, one: Leg, room: Room, *, speaks: bool) -> None:
        if room.name is None:
            return
        talking = self._talking.setdefault(room.name, set())
        speaks = speaks and not one.muted
        if speaks is (one.id in talking):
            return
        (talking.add if speaks else talking.discard)(one.id)
        if room.name not in self._restless:
            self._restless.add(room.name)
            asyncio.get_running_loop().call_later(SPEAKING, self._tell_speaking, room.name)

    def _tell_speaking(self, room: RoomId) -> None:
        self._restless.discard(room)
        self._listener(engine.Speaking(room, frozenset(self._talking.get(room, ()))))

    async def _report_silence(self) -> None:
        """Tell of WebRTC legs from which nothing comes, and of all plain ones."""
        while True:
            await asyncio.sleep(TOLD)
            now = asyncio.get_running_loop().time()
            for one in list(self._legs.values()):
                if one.kind is LegKind.RTP and one.at is not None:
                    self._listener(engine.LegSilent(one.id, TOLD))
                elif one.silent_since is not None:
                    self._listener(engine.LegSilent(one.id, now - one.silent_since))

    def _node_lost(self, node: Node) -> None:
        for room in [name for name, room in self._rooms.items() if room.node is node]:
            del self._rooms[room]
        self._spawn(self._attendants.forget(node))
        for one in [one for one in self._legs.values() if one.node is node]:
            one.at = None
            self._lose(one, "the Janus node is gone")

    # Legs

    @contextlib.asynccontextmanager
    async def _made(self, leg: LegId, kind: LegKind, room: RoomId | None) -> AsyncIterator[Leg]:
        """The leg, made if it is not known, and then kept only if all goes well."""
        if leg in self._dropped:
            raise MediaError(500, GONE)
        known = self._legs.get(leg)
        one = known or Leg(leg, self._node_for(room), kind=kind, meant=room)
        if one.kind is not kind:
            raise MediaError(488, "The transport of a stream cannot change")
        self._legs[leg] = one
        well = known is not None
        try:
            async with one.lock:
                yield one
            well = True
            if self._legs.get(leg) is not one:
                raise MediaError(500, GONE)
        finally:
            if not well and self._legs.get(leg) is one:
                self._forget(one)

    def _node_for(self, room: RoomId | None) -> Node:
        ready = [node for node in self._nodes if node.ready.is_set()]
        if not ready:
            raise MediaError(503, "No mixer is running")
        if room is not None:
            if room in self._rooms:
                return self._rooms[room].node
            for one in self._legs.values():
                if one.meant == room:
                    return one.node
        used = [one.node for one in self._legs.values()]
        return min(ready, key=used.count)

"""The engine that is made of Janus AudioBridge nodes (``MEDIA_ENGINE=janus``).

Every conference is a room on one node; a leg that is in none is alone in a
room of its own. What ought to be (room, mute, hold) is kept here, and a node
is made to follow it, one request after the other for each leg. When a node is
lost its legs are told as lost, the focus offers each phone a description
anew, and that comes from a node that lives.

Plain phones send to us, and we to the node (`janus_line`); browsers and nodes
talk with each other. So what an AudioBridge does not do is done for plain phones
here: keyed digits, prompts for one alone among others, names that are said, NATs,
SDES, figures. For a WebRTC leg it is said, not pretended: its keyed digits are heard
by SIP INFO alone, nothing is played to it alone while it is among others, how well it
goes is not measured, and it speaks if it sends audio levels (RFC 6464). Voices are not
kept each by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from pathlib import Path
from typing import Any

from sipgateway.media import (
    codecs,
    control,
    description,
    engine,
    hosts,
    janus_leg,
    janus_rooms,
    janus_talk,
    prompts,
    streams,
)
from sipgateway.media.agreed import kind_of, text_of
from sipgateway.media.clips import Clips
from sipgateway.media.control import Report
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
from sipgateway.media.janus_house import House
from sipgateway.media.janus_leg import Leg, Room
from sipgateway.media.janus_line import Lines
from sipgateway.media.janus_node import Address, Body, Node
from sipgateway.media.janus_speaking import Speakers
from sipgateway.media.janus_tape import Tapes
from sipgateway.media.ports import Ports

LOG = logging.getLogger(__name__)

TOLD = 5.0
"""Seconds between two reports of a leg's silence."""
GONE = "The leg is gone"
LOST = "the Janus node is gone"
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
        host: str = "127.0.0.1",
        announced: tuple[str, ...] = (),
        ports: tuple[int, int] = (20_000, 29_999),
    ) -> None:
        if not nodes:
            raise ValueError("MEDIA_ENGINE=janus wants JANUS_URL")
        made = [Node(one, heard=self._heard, lost=self._node_lost) for one in nodes]
        self._house = House(made)
        self._legs = self._house.legs
        self._dropped: dict[LegId, None] = {}  # in the order of dropping
        self._lost: dict[LegId, Leg] = {}  # until they are made anew, or dropped
        self._host, self._announced = host, announced
        places, clips = Ports(*ports), Clips()
        self._library, self._clips = library, clips
        self._lines = Lines(places, codecs.load(), clips, self._reported, self._talks)
        self._speakers = Speakers(self._happened, self._lines.level)
        self._tapes = Tapes(recordings, places, self._happened)
        self._attendants = Attendants(library, sounds, places, self._happened, clips.get)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: Listener = lambda _: None

    # Up and down

    async def start(self, listener: Listener) -> None:
        """Connect to the nodes; see `failing`. Raises `MediaError` (503)."""
        self._listener = listener
        try:
            self._lines.bind = await hosts.resolve(self._host)
        except OSError as error:
            raise MediaError(503, f"{self._host} is not an address: {error}") from error
        self._lines.addresses = self._announced or (hosts.announced(self._lines.bind),)
        self._spawn(self._lines.keep())
        for node in self._house.nodes:
            self._spawn(node.keep())
        self._spawn(self._report_silence())
        with contextlib.suppress(MediaError):
            await self._house.wait()

    async def stop(self) -> None:
        """Give every handle back and disconnect."""
        for node in self._house.nodes:
            await self._attendants.forget(node)
        await self._tapes.stop(self._house.handle_at)
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
        return self._house.failing()

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
        host: str = "",
        agreed: str = "",  # noqa: ARG002  a node begins anew
    ) -> Description:
        """Answer an offer or a re-offer. Raises `MediaError`."""
        known = self._legs.get(leg)
        if known is not None and known.negotiation.gives_up(streams.read(offer)):
            return self._answer_given_up(known, offer, session)
        stream = janus_leg.choose(offer)
        async with self._made(leg, stream.kind, room) as one:
            one.direction = stream.direction
            if stream.kind is LegKind.WEBRTC:
                text = await janus_talk.answer_webrtc(one, offer, stream, session)
            else:
                one.negotiation.sip_host = host
                text, terms = one.negotiation.answer(stream, self._lines.local(one.id), session)
                line = self._lines.agree(one.id, terms)
                await janus_talk.connect_plain(one, self._lines, line)
        self._follow(one)
        return _described(one, text, stream.direction)

    async def offer(
        self,
        leg: LegId,
        kind: LegKind,
        session: Session,
        *,
        room: RoomId | None = None,
        host: str = "",
        agreed: str = "",
    ) -> Description:
        """Make an offer, or repeat what was agreed. Raises `MediaError`."""
        former = self._lost.get(leg)
        kind = (former.kind if former is not None else None) or kind_of(agreed) or kind
        async with self._made(leg, kind, room) as one:
            if one.kind is LegKind.WEBRTC:
                text = await janus_talk.offer_webrtc(one, session)
            else:
                one.negotiation.sip_host = host
                text = one.negotiation.offer(LegKind.RTP, self._lines.local(one.id), session)
        return _described(one, text, Direction.SENDRECV)

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
                stream, terms = one.negotiation.accept(answer)
                line = self._lines.agree(one.id, terms)
                await janus_talk.connect_plain(one, self._lines, line)
            one.direction = stream.direction
        self._follow(one)
        return _described(one, "", stream.direction)

    async def describe(self, session: Session) -> str:
        """What a node can do, every port 0."""
        local = Local(("0.0.0.0",), 0, "")  # noqa: S104 - nothing is taken there (RFC 3264 9)
        return description.capabilities(
            local, session, webrtc=janus_leg.WEBRTC, plain=janus_leg.PLAIN
        )

    def _answer_given_up(self, one: Leg, offer: str, session: Session) -> Description:
        """A plain phone has ended its stream for now (RFC 3264 8.2)."""
        local = self._lines.local(one.id)
        text, terms = one.negotiation.hold(streams.read(offer), local, session)
        self._lines.agree(one.id, terms)
        one.direction = Direction.INACTIVE
        self._follow(one)
        return _described(one, text, one.direction)

    # Rooms

    def place(self, leg: LegId, room: RoomId | None) -> None:
        """Put a leg into a room or take it out of any."""
        one = self._legs.get(leg)
        if one is None:
            return
        before = one.wanted
        if room is None:
            one.wanted = None
        else:
            target = self._house.room_for(one, room)
            if target.node is not one.node:
                self._lose(one, "its room lives on another node")
                return
            one.wanted, one.meant = target, room
        if one.wanted is not before:
            self._moved(one)
        self._forget_rooms()
        self._follow(one)

    def _moved(self, one: Leg) -> None:
        """What is played for ever to him ends, and what he would hear that is another's."""
        if (line := self._lines.get(one.id)) is not None:
            line.moved()
        if one.wanted is not None:
            self._attendants.hush(one.wanted)

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
            carried = self._lines.get(one.id) is not None and not one.node.ready.is_set()
            if self._legs.get(one.id) is one and not carried:
                self._lose(one, error.reason)

    async def _bring_to_room(self, one: Leg) -> None:
        target = one.own if one.holds or one.wanted is None else one.wanted
        left = one.at
        if target is None or left is None or left is target:
            return
        await janus_rooms.enter(one, target, "changeroom")
        self._speaks(one, left, speaks=False)
        if self._lines.level(one.id) is not None:  # a node tells it anew of those who are its own
            self._speaks(one, target, speaks=True)
        await self._leave_empty(one.handle, left)

    async def _leave_empty(self, handle: int, room: Room | None) -> None:
        """End a room that nobody is in any more."""
        if room is not None and not self._house.is_used(room):
            await self._attendants.dismiss(room)
            await janus_rooms.end(room, handle)

    def _forget_rooms(self) -> None:
        for name in self._house.forget_rooms():
            self._speakers.forget(name)

    # What is played

    def play(self, leg: LegId, prompt: str) -> None:
        """Play to a plain phone, or to a leg that nobody is with: else all would hear it."""
        one = self._legs.get(leg)
        if one is None:
            return
        if (line := self._lines.get(leg)) is not None:
            line.play(self._library.player(prompt, self._clips.get))
        elif self._house.is_alone(one):
            self._spawn(self._play(one, prompt), f"janus play {leg}")
        elif prompt:
            self._soon(engine.PlayEnded(leg, prompt))

    async def _play(self, one: Leg, prompt: str) -> None:
        """Once it is where it is to be."""
        async with one.lock:
            room = one.at
        there = room is not None and room is (one.wanted or one.own)
        if (
            there
            and room is not None
            and self._house.is_alone(one)
            and self._legs.get(one.id) is one
        ):
            self._attendants.say(room, one.id, prompt)
        else:
            self._listener(engine.PlayEnded(one.id, prompt))

    def play_room(self, room: RoomId, prompt: str) -> None:
        """Play a script of prompts to everyone in a room."""
        target = self._house.rooms.get(room)
        if target is not None and target.made:
            self._attendants.say(target, None, prompt)

    def sound(self, room: RoomId, name: str, token: str, *, start: float = 0.0) -> None:
        """Play a file to a room, whichever node it is at and comes to be at."""
        self._attendants.sound(room, name, token, start)
        self._attendants.follow(room, self._house.rooms.get(room))

    def listen(self, leg: LegId, seconds: float) -> None:
        """Remember what a plain phone says."""
        if self._lines.get(leg) is not None:
            self._clips.begin(leg, seconds)
        elif seconds and leg in self._legs:
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
        await self._tapes.follow(room, self._house.rooms.get(room), self._house.handle_at)

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
        self._lost.pop(leg, None)
        one = self._legs.get(leg)
        if one is not None:
            self._forget(one)

    def _forget(self, one: Leg) -> None:
        """Free what a leg holds; it may be made anew."""
        del self._legs[one.id]
        self._lines.close(one.id)
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
        self._lost[one.id] = one
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
            self._talks(one.id, told == "talking")
        elif told == "destroyed" and one.at is not None and data.get("room") == one.at.number:
            self._lose(one, "its room was destroyed")
        elif data.get("kicked") == one.number:
            self._lose(one, "it was kicked at the node")

    def _reported(self, report: Report) -> None:
        """What a plain phone's line tells."""
        self._listener(control.happened(report))

    def _talks(self, leg: LegId, talks: bool) -> None:
        one = self._legs.get(leg)
        if one is not None:
            one.talks = talks
            if one.at is not None:
                self._speaks(one, one.at, speaks=talks)

    def _speaks(self, one: Leg, room: Room, *, speaks: bool) -> None:
        self._speakers.note(room.name, one.id, speaks=speaks and not one.muted)

    async def _report_silence(self) -> None:
        """Tell of WebRTC legs from which nothing comes; lines tell it themselves."""
        while True:
            await asyncio.sleep(TOLD)
            now = asyncio.get_running_loop().time()
            for one in list(self._legs.values()):
                if one.silent_since is not None:
                    self._listener(engine.LegSilent(one.id, now - one.silent_since))

    def _node_lost(self, node: Node) -> None:
        self._spawn(self._attendants.forget(node))
        for one in self._house.lose(node):
            one.at = None
            if self._lines.get(one.id) is None:
                self._lose(one, LOST)
            else:
                self._spawn(self._carry_on(one), f"janus carry on {one.id}")

    async def _carry_on(self, one: Leg) -> None:
        """Have a plain phone's line go on to a node that lives; the phone need not know."""
        line = self._lines.get(one.id)
        try:
            await self._house.wait()
            async with one.lock:
                if line is None or self._legs.get(one.id) is not one:
                    return
                self._house.carry(one)
                await janus_talk.connect_plain(one, self._lines, line)
        except MediaError:
            if self._legs.get(one.id) is one:
                self._lose(one, LOST)
        else:
            self._follow(one)

    # Legs

    @contextlib.asynccontextmanager
    async def _made(self, leg: LegId, kind: LegKind, room: RoomId | None) -> AsyncIterator[Leg]:
        """The leg, made if it is not known, and then kept only if all goes well."""
        if leg not in self._legs:
            await self._house.wait()
        if leg in self._dropped:
            raise MediaError(500, GONE)
        known = self._legs.get(leg)
        one = known or Leg(leg, self._house.node_for(room), kind=kind, meant=room)
        if known is None:
            one.follow(self._lost.pop(leg, None))
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


def _described(one: Leg, text: str, direction: Direction) -> Description:
    """What is said to a description; of what was agreed another node needs the kind alone."""
    agreed = "" if one.kind is None else text_of(one.kind)
    return Description(text, direction, one.negotiation.source, agreed)

"""The engine that is made of Janus AudioBridge nodes (``MEDIA_ENGINE=janus``).

Every conference is a room on one node; a leg that is in none is alone in a
room of its own. What ought to be of it is kept, and a node is made to follow
(`janus_upkeep`). When a node is lost its legs are told as lost, the focus offers
each phone a description anew, and that comes from a node that lives.

Plain phones send to us, and we to the node (`janus_line`); browsers and nodes
talk with each other. So what an AudioBridge does not do is done for plain phones
here: keyed digits, prompts for one alone among others, names that are said, NATs,
SDES, figures. For a WebRTC leg it is said, not pretended: its keyed digits are heard
by SIP INFO alone, nothing is played to it alone while it is among others, how well it
goes is known to its node alone (`janus_watch`), and it speaks if it sends audio levels
(RFC 6464). Voices are not kept each by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

from sipgateway.media import (
    control,
    description,
    engine,
    hosts,
    janus_leg,
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
from sipgateway.media.janus_leg import Leg
from sipgateway.media.janus_lines import Lines
from sipgateway.media.janus_node import Address, Body, Node
from sipgateway.media.janus_tape import Tapes
from sipgateway.media.janus_upkeep import Upkeep
from sipgateway.media.janus_watch import Watch
from sipgateway.media.ports import Ports
from sipgateway.media.streams import Stream

TOLD = 5.0
"""Seconds between two reports of a leg's silence."""


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
        self._host, self._announced = host, announced
        places, clips = Ports(*ports), Clips()
        self._library, self._clips = library, clips
        self._lines = Lines(places, clips, self._reported, self._talks)
        self._tapes = Tapes(recordings, places, self._happened)
        self._attendants = Attendants(library, sounds, places, self._happened, clips.get)
        self._upkeep = Upkeep(
            self._house, self._lines, self._tapes, self._attendants, self._happened
        )
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
        self._upkeep.spawn(self._lines.keep())
        self._upkeep.spawn(self._lines.read())
        for node in self._house.nodes:
            self._upkeep.spawn(node.keep())
        self._upkeep.spawn(self._report_silence())
        self._upkeep.spawn(Watch(self._house, self._happened).keep())
        with contextlib.suppress(MediaError):
            await self._house.wait()

    async def stop(self) -> None:
        """Give every handle back and disconnect."""
        for node in self._house.nodes:
            await self._attendants.forget(node)
        await self._tapes.stop(self._house.handle_at)
        await self._upkeep.stop()

    def failing(self) -> str:
        """That no node is there."""
        return self._house.failing()

    def counters(self) -> dict[str, int]:
        """Nothing: the nodes keep that to themselves."""
        return {}

    def gauges(self) -> dict[str, int]:
        """Nothing, as for `counters`."""
        return {}

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
        return await self._upkeep.at_a_node(
            leg, lambda: self._answer(leg, offer, stream, session, room=room, host=host)
        )

    async def _answer(
        self,
        leg: LegId,
        offer: str,
        stream: Stream,
        session: Session,
        *,
        room: RoomId | None,
        host: str,
    ) -> Description:
        async with self._upkeep.made(leg, stream.kind, room) as one:
            one.direction = stream.direction
            if stream.kind is LegKind.WEBRTC:
                text = await janus_talk.answer_webrtc(one, offer, stream, session)
            else:
                one.negotiation.sip_host = host
                text, terms = one.negotiation.answer(stream, self._lines.local(one.id), session)
                line = self._lines.agree(one.id, terms)
                await janus_talk.connect_plain(one, self._lines, line)
        self._upkeep.follow(one)
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
        kind = self._upkeep.kind_of_lost(leg) or kind_of(agreed) or kind
        return await self._upkeep.at_a_node(
            leg, lambda: self._offer(leg, kind, session, room=room, host=host)
        )

    async def _offer(
        self, leg: LegId, kind: LegKind, session: Session, *, room: RoomId | None, host: str
    ) -> Description:
        async with self._upkeep.made(leg, kind, room) as one:
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
        self._upkeep.follow(one)
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
        self._upkeep.follow(one)
        return _described(one, text, one.direction)

    # Rooms

    def place(self, leg: LegId, room: RoomId | None) -> None:
        """Put a leg into a room or take it out of any."""
        one = self._legs.get(leg)
        if one is not None:
            self._upkeep.place(one, room)

    def mute(self, leg: LegId, muted: bool) -> None:
        """Let the room hear a leg or not."""
        one = self._legs.get(leg)
        if one is not None:
            self._upkeep.mute(one, muted)

    # What is played

    def play(self, leg: LegId, prompt: str) -> None:
        """Play to a plain phone, or to a leg that nobody is with: else all would hear it."""
        one = self._legs.get(leg)
        if one is None:
            return
        if (line := self._lines.get(leg)) is not None:
            line.play(self._library.player(prompt, self._clips.get))
        elif self._house.is_alone(one):
            self._upkeep.spawn(self._play(one, prompt), f"janus play {leg}")
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
        self._upkeep.spawn(self._upkeep.tape(room), f"janus tape {room}")

    def agree(self, leg: LegId, agrees: bool) -> None:
        """Let a leg's voice be recorded or not."""
        one = self._legs.get(leg)
        if one is not None:
            one.agrees = agrees
            self._upkeep.follow(one)

    def _happened(self, event: engine.MediaEvent) -> None:
        self._listener(event)

    def _soon(self, event: engine.MediaEvent) -> None:
        asyncio.get_running_loop().call_soon(self._listener, event)

    # The end of legs

    def drop(self, leg: LegId) -> None:
        """Forget a leg for good."""
        self._upkeep.drop(leg)

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
                self._upkeep.lose(one, f"Janus: {message.get('reason', message['janus'])}")
            case "event":
                self._told(one, message.get("plugindata", {}).get("data", {}))

    def _told(self, one: Leg, data: Body) -> None:
        told = data.get("audiobridge")
        if told in ("talking", "stopped-talking") and data.get("id") == one.number:
            self._upkeep.talks(one.id, told == "talking")
        elif told == "destroyed" and one.at is not None and data.get("room") == one.at.number:
            one.at.made = False
            self._upkeep.lose(one, "its room was destroyed")
        elif data.get("kicked") == one.number:
            self._upkeep.lose(one, "it was kicked at the node")

    def _reported(self, report: Report) -> None:
        """What a plain phone's line tells."""
        self._listener(control.happened(report))

    def _talks(self, leg: LegId, talks: bool) -> None:
        self._upkeep.talks(leg, talks)

    def _node_lost(self, node: Node) -> None:
        self._upkeep.node_lost(node)

    async def _report_silence(self) -> None:
        """Tell of WebRTC legs from which nothing comes; lines tell it themselves."""
        while True:
            await asyncio.sleep(TOLD)
            now = asyncio.get_running_loop().time()
            for one in list(self._legs.values()):
                if one.silent_since is not None:
                    self._listener(engine.LegSilent(one.id, now - one.silent_since))


def _described(one: Leg, text: str, direction: Direction) -> Description:
    """What is said to a description; of what was agreed another node needs the kind alone."""
    agreed = "" if one.kind is None else text_of(one.kind)
    return Description(text, direction, one.negotiation.source, agreed)

"""One leg at a Janus: what was agreed with the phone, and where Janus has it.

Janus writes the descriptions of WebRTC legs, and wants to be asked for one
only when a connection is made or restarted; holding and session refreshes are
described here, from what it wrote. For plain RTP legs it names an address and a
port, and all of the description is ours.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sipgateway.media import description, streams
from sipgateway.media.description import Negotiation
from sipgateway.media.engine import Direction, LegId, LegKind, MediaError, RoomId, Session
from sipgateway.media.janus_node import Node
from sipgateway.media.streams import EVENTS, OPUS, PCMA, PCMU, Stream
from sipgateway.sip import sdp
from sipgateway.sip.sdp import Attribute, RtpMap

KEPT, LEFT_OUT = "kept", "left-out"
"""Groups of a room: those whose voices may be recorded, and the others. All hear all."""

PLAIN = (OPUS, PCMU, PCMA, *EVENTS)
"""What an AudioBridge takes by plain RTP, which is no G.722, and the events that we take."""
WEBRTC = (OPUS,)

_NUMBER = 53
"""Bits of an identifier: what JSON carries everywhere."""


def new_number() -> int:
    """An identifier for a room or a participant."""
    return secrets.randbits(_NUMBER) or 1


@dataclass(eq=False, slots=True)
class Room:
    """A room on a node: a conference's, or that of one leg that waits alone."""

    node: Node
    name: RoomId | None = None
    number: int = field(default_factory=new_number)
    secret: str = field(default_factory=secrets.token_urlsafe)
    pin: str = field(default_factory=secrets.token_urlsafe)
    made: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Relayed:
    """The descriptions of a WebRTC leg: Janus's streams under our session lines."""

    def __init__(self) -> None:
        self.fragment = ""
        """The phone's ICE fragment; another one is a restart."""
        self._session = secrets.randbits(_NUMBER)
        self._version = 0
        self._last: sdp.Description | None = None

    @property
    def known(self) -> bool:
        """Whether Janus has described its side."""
        return self._last is not None

    def take(self, theirs: str, session: Session) -> str:
        """What Janus wrote, as we send it. Raises `MediaError` where it cannot be read."""
        try:
            self._last = sdp.parse(theirs)
        except sdp.SdpError as error:
            raise MediaError(500, f"The mixer wrote a bad description: {error.reason}") from error
        return self._write(self._last, session)

    def offer(self, theirs: str, session: Session) -> str:
        """What Janus offers, as we send it; the phone may have had an offer of another node.

        Numbers of header extensions may not change their meaning within a
        session (RFC 8285 5), which Chromium insists on. Browsers number the
        audio level 1, so we do, and leave out the others.
        """
        self.take(theirs, session)
        if self._last is not None:
            blocks = tuple(replace(one, attributes=_numbered(one)) for one in self._last.media)
            self._last = replace(self._last, media=blocks)
        self._version = 0
        return self.again(session, Direction.SENDRECV, setup="actpass")

    def again(self, session: Session, direction: Direction, *, setup: str = "") -> str:
        """What it wrote, for the present direction; with `setup`, as an offer."""
        if self._last is None:
            raise MediaError(500, "Nothing was agreed with the phone yet")
        changed = {name: Attribute(str(direction)) for name in sdp.DIRECTIONS}
        if setup:
            changed["setup"] = Attribute("setup", setup)
        blocks = tuple(
            replace(media, attributes=tuple(changed.get(one.name, one) for one in media.attributes))
            if media.port
            else media
            for media in self._last.media
        )
        return self._write(replace(self._last, media=blocks), session)

    def _write(self, told: sdp.Description, session: Session) -> str:
        self._version += 1
        address = told.connection or sdp.Connection(told.origin.address, told.origin.address_type)
        origin = sdp.Origin(
            "-", self._session, self._version, address.address, address.address_type
        )
        return description.write(replace(told, origin=origin), session)


def _numbered(media: sdp.Media) -> tuple[Attribute, ...]:
    level = Attribute("extmap", f"1 {streams.LEVEL_URI}")
    return (*(one for one in media.attributes if one.name != "extmap"), level)


@dataclass(eq=False, slots=True)
class Leg:
    """A leg, its handle at a node, and what Janus ought to do with it."""

    id: LegId
    node: Node
    number: int = field(default_factory=new_number)
    """The participant's number in every room."""
    handle: int = 0
    kind: LegKind | None = None
    described: bool = False
    """Whether its phone may know of it: it is made, and not being made."""
    relayed: Relayed = field(default_factory=Relayed)
    negotiation: Negotiation = field(
        default_factory=lambda: Negotiation(plain=PLAIN, several=False)
    )
    meant: RoomId | None = None
    """The room that it is in or meant for."""
    wanted: Room | None = None
    """Where it is to be; None is the room of its own."""
    own: Room | None = None
    at: Room | None = None
    muted: bool = False
    muted_there: bool = False
    talks: bool = False
    """As the node or the line says, which goes on to while it is muted."""
    agrees: bool = True
    group_there: str = ""
    direction: Direction = Direction.SENDRECV
    bitrate: int = 0
    """Bits a second that the node may send to a plain phone's line; 0 is as many as it likes."""
    silent_since: float | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def follow(self, former: Leg | None) -> None:
        """Go on with the session of a plain phone whose leg was lost, by a new transport."""
        if former is not None and former.kind is self.kind is LegKind.RTP:
            self.negotiation = former.negotiation
            self.negotiation.move()

    def goes_to(self, node: Node) -> None:
        """Its node is gone; at another one nothing is known of it yet."""
        self.node, self.handle, self.own, self.at = node, 0, None, None

    @property
    def is_carried(self) -> bool:
        """Whether it is at a node that lives."""
        return bool(self.handle) and self.node.ready.is_set()

    @property
    def speaks(self) -> bool:
        """Whether its room may hear it."""
        return not self.muted and self.direction in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def group(self) -> str:
        """Those of its room to which it belongs: see `janus_rooms`."""
        return KEPT if self.agrees else LEFT_OUT

    @property
    def holds(self) -> bool:
        """Whether the phone has put us on hold: it is then alone with what it plays."""
        return self.direction in (Direction.SENDONLY, Direction.INACTIVE)


def choose(text: str) -> Stream:
    """The stream to take of a phone's description. Raises `MediaError`.

    A plain stream is taken with what an AudioBridge knows; a phone that has
    nothing but G.722 is told so.
    """
    stream = streams.choose(streams.read(text))
    if stream.kind is LegKind.WEBRTC:
        return stream
    known = tuple(_known(stream.codecs))
    if not known:
        raise MediaError(488, "This mixer takes Opus, PCMU and PCMA, and no G.722")
    return replace(stream, codec=known[0], codecs=known, level=None, levels=None)


def _known(codecs: Iterable[RtpMap]) -> Iterable[RtpMap]:
    names = {one.encoding.lower() for one in PLAIN}
    return (one for one in codecs if one.encoding.lower() in names)


def without_names(offer: str) -> str:
    """An offer without candidates that are names (RFC 8828 ``.local``): nobody can look them up."""
    lines = offer.splitlines(keepends=True)
    return "".join(
        one for one in lines if not (one.startswith("a=candidate:") and ".local " in one)
    )

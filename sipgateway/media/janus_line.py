"""The line of a plain phone: its RTP comes to us, and goes on to its node from here.

An AudioBridge sends plain RTP to the one address that it was told. It hears no keyed
digits, opens no SDES, finds no phone behind a NAT, and tells neither whether anything
comes nor who talks. So what is between phone and us is as at the embedded mixer (`leg`),
and what is said goes on as it is: it is decoded to know how loud it is, and nothing is
encoded but while something is played to this phone alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections import deque
from collections.abc import Callable, Iterator, Mapping

from sipgateway.media import codec, plain, rtp
from sipgateway.media.clips import Clips
from sipgateway.media.codec import Codec, CodecError, Samples
from sipgateway.media.control import Report, Terms
from sipgateway.media.description import Local
from sipgateway.media.engine import LegId, MediaError
from sipgateway.media.ice import Address
from sipgateway.media.latch import MAPPED
from sipgateway.media.leg import Leg
from sipgateway.media.mixer import Floor, Limiter, Output, Player
from sipgateway.media.ports import Ports

TYPES = {"opus": 111, "pcmu": 0, "pcma": 8}
"""Payload types between a node and us."""

CHUNK = 160
"""Octets of G.711 that an AudioBridge takes at once: 20 ms and no others."""

BEHIND = 10
"""Frames that may wait until it is looked how loud they are."""

DATAGRAM = 2048
BURST = 256
EVERY = 0.05
"""Seconds between two looks for what is due."""


class Line(Leg):
    """One plain phone. Without I/O: what goes on to the node waits in `onward`."""

    def __init__(
        self, leg: LegId, terms: Terms, *, codecs: Mapping[str, Codec], clips: Clips, now: float
    ) -> None:
        super().__init__(leg, plain.make(terms), terms, codecs=codecs, now=now)
        self.onward: list[bytes] = []
        self.loudness: int | None = None
        """Level in dBov while he speaks."""
        self._clips = clips
        self._said: deque[Samples] = deque(maxlen=BEHIND)
        self._floor = Floor()
        self._limiter = Limiter()
        self._source = secrets.randbits(32)
        self._stream = 0
        """The phone's own stream that goes on as `_source`, and by how much its numbers differ."""
        self._shift = (0, 0)
        self._next = (secrets.randbits(15), secrets.randbits(31))
        self._rest = b""
        self._mix: rtp.Packet | None = None
        self._listen()

    @property
    def encoding(self) -> str:
        """What the phone and the node speak."""
        return self.voice.codec.name

    @property
    def bitrate(self) -> int:
        """Bits a second that the phone wants at most, 0 where it does not say."""
        return self._terms["limits"]["bitrate"]

    def change(self, terms: Terms) -> None:
        """Take what a later description says."""
        super().change(terms)
        self._listen()

    def _listen(self) -> None:
        """Have decoders for what comes from both sides."""
        self._ear = self.voice.codec.decoder()
        self._mix_ear = self.member.codec.decoder()
        self._rest = b""

    # From the phone

    def _take_audio(self, packet: rtp.Packet) -> None:
        """Hand on what was said. Comfort noise is silence at a node."""
        if packet.payload_type == self._terms["noise"]:
            return
        with contextlib.suppress(CodecError):
            self._said.append(self._ear.decode(packet.payload))
        if self.encoding == "opus" or len(packet.payload) == CHUNK:
            self._hand_on(packet)
        else:
            self._hand_on_in_chunks(packet)

    def _hand_on(self, packet: rtp.Packet) -> None:
        if packet.ssrc != self._stream:
            self._stream = packet.ssrc
            sequence, timestamp = self._next
            self._shift = (sequence - packet.sequence, timestamp - packet.timestamp)
        sequence = (packet.sequence + self._shift[0]) & 0xFFFF
        timestamp = (packet.timestamp + self._shift[1]) & 0xFFFFFFFF
        self._put(packet.payload, sequence, timestamp)

    def _hand_on_in_chunks(self, packet: rtp.Packet) -> None:
        """In pieces that a node takes: packets of 10, 30 or more milliseconds."""
        self._stream = 0
        self._rest += packet.payload
        while len(self._rest) >= CHUNK:
            chunk, self._rest = self._rest[:CHUNK], self._rest[CHUNK:]
            self._put(chunk, *self._next)

    def _put(self, payload: bytes, sequence: int, timestamp: int) -> None:
        number = TYPES[self.encoding]
        header = rtp.HEADER.pack(0x80, number, sequence, timestamp, self._source)
        self.onward.append(header + payload)
        after = (timestamp + self.voice.codec.duration) & 0xFFFFFFFF
        self._next = ((sequence + 1) & 0xFFFF, after)

    # From the node

    def mixed(self, data: bytes) -> None:
        """Take a frame of what is heard in the room; it is the clock of all that happens here."""
        try:
            packet = rtp.parse(data)
        except rtp.RtpError:
            return
        self._listen_to_it()
        for _ in range(self._missing(packet)):
            self.pause()
        if self._terms["hears"] and packet.payload:
            self.send(Output(self._with_prompt(packet.payload)))
        else:
            self.pause()

    def _missing(self, packet: rtp.Packet) -> int:
        before, self._mix = self._mix, packet
        if before is None or before.ssrc != packet.ssrc:
            return 0
        missing = (packet.sequence - before.sequence - 1) & 0xFFFF
        return missing if missing < BEHIND else 0

    def _with_prompt(self, payload: bytes) -> bytes:
        """With what is played to this phone alone, where something is."""
        member = self.member
        frame = self._prompt()
        if frame is None:
            member.encoder = None
            return payload
        with contextlib.suppress(CodecError):
            heard = self._mix_ear.decode(payload)
            if len(heard) == len(frame):
                frame = frame + heard
        member.encoder = member.encoder or member.codec.encoder()
        return member.encoder.encode(self._limiter.apply(frame))

    def _prompt(self) -> Samples | None:
        """The next frame of what is played to him, and of what follows it."""
        player = self.member.player
        if player is None:
            return None
        frame = player.next()
        if frame is None:
            self._put_on(player.then)
            frame = None if player.then is None else player.then.next()
        return frame

    def _listen_to_it(self) -> None:
        """How loud the phone is at the moment, and what it says where somebody listens."""
        frame = self._said.popleft() if self._said else None
        level = rtp.SILENCE if frame is None else codec.level(frame)
        audible = bool(self._floor.choose({self.leg: level}))
        self.loudness = self._floor.speaking().get(self.leg)
        self._clips.take(self.leg, frame if audible else None)

    # What is played

    def play(self, player: Player | None) -> None:
        """Play something to this phone alone, in place of what is played."""
        before = self.member.player
        self._put_on(player if before is None else before.give_way(player))

    def _put_on(self, player: Player | None) -> None:
        """Play something instead of what is played, and tell that this is over."""
        before, self.member.player = self.member.player, player
        if before is not None:
            self.reports.append({"event": "ended", "leg": self.leg, "prompt": before.name})

    def moved(self) -> None:
        """It has changed rooms: the music was that of where it was."""
        player = self.member.player
        if player is not None:
            player.then = None
            if player.looped:
                self._put_on(None)


class Lines:
    """Those of all plain phones, and their sockets.

    `bind` is where phones find them and `addresses` what they are told.
    `told` hears what happens, `talks` who begins or ceases to.
    """

    def __init__(
        self,
        ports: Ports,
        codecs: Mapping[str, Codec],
        clips: Clips,
        told: Callable[[Report], None],
        talks: Callable[[LegId, bool], None],
    ) -> None:
        self.bind = ""
        self.addresses: tuple[str, ...] = ()
        self._ports = ports
        self._codecs = codecs
        self._clips = clips
        self._told = told
        self._talks = talks
        self._lines: dict[LegId, Line] = {}
        self._nodes: dict[LegId, tuple[socket.socket, Address]] = {}

    def local(self, leg: LegId) -> Local:
        """Where a phone is to send to. Raises `MediaError`."""
        with _ports_left():
            return Local(self.addresses, self._ports.open_pair(leg, self.bind), "")

    def get(self, leg: LegId) -> Line | None:
        """The line of a leg."""
        return self._lines.get(leg)

    def level(self, leg: LegId) -> int | None:
        """How loud (dBov) a phone speaks, where it does."""
        line = self._lines.get(leg)
        return None if line is None else line.loudness

    def agree(self, leg: LegId, terms: Terms) -> Line:
        """Make the line of a leg that has its ports, or change what was agreed with it."""
        line = self._lines.get(leg)
        if line is not None:
            line.change(terms)
            return line
        now = asyncio.get_running_loop().time()
        line = self._lines[leg] = Line(leg, terms, codecs=self._codecs, clips=self._clips, now=now)
        for sock in self._ports.sockets(leg):
            self._read(sock, lambda data, source: self._from_phone(line, data, source))
        return line

    def open(self, leg: LegId, host: str) -> Address:
        """A new place for what comes from the node. Raises `MediaError`."""
        self._leave_node(leg)
        with _ports_left():
            line, sock = self._lines[leg], self._ports.open(host)
        self._nodes[leg] = (sock, ("", 0))
        self._read(sock, lambda data, source: self._from_node(line, data, source))
        address, port = sock.getsockname()[:2]
        return str(address), int(port)

    def connect(self, leg: LegId, node: Address) -> None:
        """Where the node takes what is said, and sends from."""
        if leg in self._nodes:
            self._nodes[leg] = (self._nodes[leg][0], node)

    def close(self, leg: LegId) -> None:
        """Say goodbye and give the ports back."""
        line = self._lines.pop(leg, None)
        if line is not None:
            line.close()
            self._flush(line)
            self._clips.forget(leg)
        self._leave_node(leg)
        for sock in self._ports.sockets(leg):
            asyncio.get_running_loop().remove_reader(sock)
        self._ports.close(leg)

    async def keep(self) -> None:
        """Do what is due, until cancelled."""
        clock = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(EVERY)
            for line in list(self._lines.values()):
                line.handle_timeout(clock.time())
                self._flush(line)
            for report in self._clips.reports:
                self._told(report)
            self._clips.reports.clear()

    def _leave_node(self, leg: LegId) -> None:
        sock, _ = self._nodes.pop(leg, (None, None))
        if sock is not None:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    def _read(self, sock: socket.socket, take: Callable[[bytes, Address], None]) -> None:
        asyncio.get_running_loop().add_reader(sock, _drain, sock, take)

    def _from_phone(self, line: Line, data: bytes, source: Address) -> None:
        line.receive(data, source, asyncio.get_running_loop().time())
        self._flush(line)

    def _from_node(self, line: Line, data: bytes, source: Address) -> None:
        """Whatever does not come from where the node sends is left out."""
        if source != self._nodes[line.leg][1] or rtp.is_rtcp(data):
            return
        talked = line.loudness is not None
        line.mixed(data)
        if talked is not (line.loudness is not None):
            self._talks(line.leg, not talked)
        self._flush(line)

    def _flush(self, line: Line) -> None:
        """Send and tell what waits."""
        mapping = ":" in self.bind
        for data, (host, port) in line.data_to_send():
            there = MAPPED + host if mapping and ":" not in host else host
            _send(self._ports.rtp(line.leg), data, (there, port))
        onward, line.onward = line.onward, []
        sock, node = self._nodes.get(line.leg, (None, ("", 0)))
        if sock is not None and node[1]:
            for data in onward:
                _send(sock, data, node)
        told, line.reports = line.reports, []
        for report in told:
            self._told(report)


@contextlib.contextmanager
def _ports_left() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MediaError(503, "No RTP port is free") from error


def _drain(sock: socket.socket, take: Callable[[bytes, Address], None]) -> None:
    for _ in range(BURST):
        try:
            data, source = sock.recvfrom(DATAGRAM)
        except BlockingIOError:
            return
        except ConnectionError:
            continue  # an ICMP error about something sent before (Linux tells it here)
        except OSError:
            return  # closed meanwhile
        take(data, source[:2])


def _send(sock: socket.socket, data: bytes, there: Address) -> None:
    with contextlib.suppress(OSError):
        # A full buffer or no route: the packet is lost, as any may be.
        sock.sendto(data, there)

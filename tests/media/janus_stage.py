"""The engine that is made of Janus on a stage: real nodes, aiortc's phones and plain ones."""

from __future__ import annotations

import asyncio
import fractions
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from sipgateway.media import (
    codec,
    codecs,
    dtmf,
    engine,
    prompts,
    rtp,
    srtp,
)
from sipgateway.media.codec import PERIOD
from sipgateway.media.engine import (
    Description,
    LegId,
    LegKind,
    RoomId,
    Session,
)
from sipgateway.media.janus import JanusEngine
from sipgateway.media.janus_node import Address
from sipgateway.media.local import SPOKEN
from tests.live.patience import PATIENCE
from tests.media import januses, offers, sounds
from tests.media.januses import Janus

ROOM = RoomId("4711")
ALICE, BOB, CAROL = LegId("alice"), LegId("bob"), LegId("carol")
LOST = engine.LegLost(ALICE, "the Janus node is gone")
CODECS = codecs.load()
RATE = 48_000


class Tone(MediaStreamTrack):
    """A sine, by the clock."""

    kind = "audio"

    def __init__(self, hertz: float) -> None:
        super().__init__()
        self._hertz = hertz
        self._at = 0
        self._start = asyncio.get_running_loop().time()

    async def recv(self) -> AudioFrame:
        """The next 20 ms."""
        clock = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._start + self._at / RATE - clock.time()))
        times = (np.arange(960) + self._at) / RATE
        samples = 0.3 * np.sin(2 * np.pi * self._hertz * times) * (self._hertz > 0)
        frame = AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None, :], layout="mono")
        frame.sample_rate, frame.pts = RATE, self._at
        frame.time_base = fractions.Fraction(1, RATE)
        self._at += 960
        return frame


class Phone:
    """One of aiortc's, that says a tone and keeps what it hears."""

    def __init__(self, hertz: float) -> None:
        self.connection = RTCPeerConnection()
        self.connection.addTrack(Tone(hertz))
        self.heard: list[codec.Samples] = []
        self.connection.on("track", self._listen)
        self._tasks: list[asyncio.Task[None]] = []

    def _listen(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._keep(track)))

    async def _keep(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, AudioFrame)
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
            self.heard.append(np.asarray(samples, dtype=np.float32) / np.float32(32768))

    def sound(self) -> codec.Samples:
        """The last half second."""
        return np.concatenate(self.heard[-25:])

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await self.connection.close()


class Stage:
    """An engine, its nodes and what it told."""

    def __init__(self, mixer: JanusEngine, nodes: list[Janus]) -> None:
        self.mixer, self.nodes = mixer, nodes
        self.events: list[engine.MediaEvent] = []
        self.phones: list[Phone] = []

    async def calls_in(self, leg: LegId, hertz: float, room: RoomId | None = ROOM) -> Phone:
        """A phone that calls and is placed."""
        phone = self._phone(hertz)
        await phone.connection.setLocalDescription(await phone.connection.createOffer())
        offer = phone.connection.localDescription.sdp
        answer = await self.mixer.answer(leg, offer, Session("Talk"), room=room)
        self.mixer.place(leg, room)
        await phone.connection.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
        await self.until(lambda: engine.LegConnected(leg) in self.events)
        return phone

    async def is_called(self, leg: LegId, hertz: float) -> Phone:
        """A phone that is called and is placed."""
        phone = self._phone(hertz)
        offer = await self.mixer.offer(leg, LegKind.WEBRTC, Session("Talk"), room=ROOM)
        await phone.connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await phone.connection.setLocalDescription(await phone.connection.createAnswer())
        await self.mixer.accept(leg, phone.connection.localDescription.sdp)
        self.mixer.place(leg, ROOM)
        await self.until(lambda: engine.LegConnected(leg) in self.events)
        return phone

    def _phone(self, hertz: float) -> Phone:
        self.phones.append(phone := Phone(hertz))
        return phone

    async def until(self, true: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait for something."""
        async with asyncio.timeout(seconds):
            while not true():
                await asyncio.sleep(0.01)

    async def hears(self, phone: Phone, hertz: float, *, above: float = 0.7) -> None:
        """Wait until a tone is most of what it hears."""
        await self.until(
            lambda: len(phone.heard) > 25 and sounds.share(phone.sound(), hertz) > above
        )

    async def hears_nothing(self, phone: Phone) -> None:
        """Wait until it hears silence."""
        await self.until(
            lambda: len(phone.heard) > 25 and float(np.abs(phone.sound()).max()) < 0.005
        )


@pytest.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    with januses.running(tmp_path, getattr(request, "param", 1)) as nodes:
        mixer = JanusEngine(
            [Address.parse(one.url) for one in nodes],
            recordings=tmp_path / "recordings",
            sounds=tmp_path,
            library=prompts.Library(tmp_path, SPOKEN),
        )
        made = Stage(mixer, nodes)
        await mixer.start(made.events.append)
        yield made
        for phone in made.phones:
            await phone.close()
        await mixer.stop()


class Desk(asyncio.DatagramProtocol):
    """A plain phone: says a tone by the clock, and keeps what it hears.

    `described` is the port that its descriptions name; a NAT would make it another one.
    """

    def __init__(self, name: str = "pcmu", number: int = 0, *, hertz: float = 1000.0) -> None:
        self.kind, self.number = CODECS[name], number
        self.frames: list[codec.Samples] = []
        self._stream = rtp.Sender(1, 1, 1)
        self._hertz = hertz
        self._decoder = self.kind.decoder()
        self._transport: asyncio.DatagramTransport | None = None
        self._keyed: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    async def calls_in(
        self,
        stage: Stage,
        *,
        described: int = 0,
        secure: bool = False,
        speaks: bool = True,
        **more: str,
    ) -> Description:
        """Call, and say the tone from then on, if it is one that `speaks`."""
        loop = asyncio.get_running_loop()
        made, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._transport = made
        port = described or made.get_extra_info("sockname")[1]
        offer = self.offer(port)
        if secure:
            key = srtp.new_key(srtp.CM_80)
            offer = offer.replace("RTP/AVP", "RTP/SAVP")
            offer += f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n"
        answer = await stage.mixer.answer(BOB, offer, Session(), room=ROOM, **more)
        stage.mixer.place(BOB, ROOM)
        if speaks:
            self._task = asyncio.create_task(self._speak(("127.0.0.1", port_of(answer.sdp))))
        return answer

    def offer(self, port: int) -> str:
        """Its own codec, one that no node has, and keys."""
        offer = offers.BARESIP.replace(" 96 0 8 101", f" 9 {self.number} 101")
        return offer.replace("192.0.2.2", "127.0.0.1").replace("5016", str(port))

    def keys(self, digit: str) -> None:
        """Press a key (RFC 4733)."""
        going = [dtmf.build(digit, 160 * step, end=False) for step in range(1, 4)]
        self._keyed += going + 3 * [dtmf.build(digit, 640, end=True)]

    def sound(self) -> codec.Samples:
        """The last half second that it heard."""
        return np.concatenate(self.frames[-25:])

    def hears(self, hertz: float, *, above: float = 0.7) -> bool:
        """Whether a tone is most of what it hears."""
        return len(self.frames) > 25 and sounds.share(self.sound(), hertz) > above

    def hangs_up(self) -> None:
        """Say no more."""
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.close()

    async def _speak(self, there: tuple[str, int]) -> None:
        assert self._transport is not None
        encoder, clock = self.kind.encoder(), asyncio.get_running_loop()
        said = sounds.frames(sounds.sine(self._hertz, 100))
        due, at, pressed = clock.time(), 0, 0
        while True:
            if self._keyed:
                pressed = pressed or self._stream.timestamp
                self._stream.timestamp = pressed  # one press has one time
                payload, number = self._keyed.pop(0), 101
            else:
                pressed, number = 0, self.number
                payload = encoder.encode(said[at % 100])
            packet = self._stream.build(payload, self.kind.duration, payload_type=number)
            self._transport.sendto(packet, there)
            due, at = due + PERIOD, at + 1
            await asyncio.sleep(max(0.0, due - clock.time()))

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        if not rtp.is_rtcp(data):
            self.frames.append(self._decoder.decode(rtp.parse(data).payload))


@pytest.fixture
async def desks() -> AsyncIterator[list[Desk]]:
    """Those that are to hang up in the end."""
    made: list[Desk] = []
    yield made
    for one in made:
        one.hangs_up()


def lost(stage: Stage) -> list[engine.LegLost]:
    return [one for one in stage.events if isinstance(one, engine.LegLost)]


def decoded(path: Path) -> codec.Samples:
    """A file as another program hears it."""
    command = ["opusdec", "--quiet", "--force-wav", "--rate", "48000", str(path), "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    return np.frombuffer(done.stdout[44:], "<i2").astype(np.float32) / 32768.0


def port_of(text: str) -> int:
    return int(text.split("m=audio ")[1].split()[0])


def home_of(stage: Stage, leg: LegId) -> Janus:
    """The node at which a leg is."""
    url = stage.mixer._legs[leg].node.address.url
    port = int(url.rstrip("/").rpartition(":")[2])
    return next(one for one in stage.nodes if one.port == port)


def recordings(stage: Stage) -> list[engine.RecordingClosed]:
    return [one for one in stage.events if isinstance(one, engine.RecordingClosed)]


def loudest(sound: codec.Samples, *tones: float) -> float:
    """Which of some tones is there, and none of the others; 0 where that is not so.

    What is broken, because the machine was busy, has something of every tone.
    """
    shares = sorted(((sounds.share(sound, one), one) for one in tones), reverse=True)
    (most, tone), (next_most, _) = shares[:2]
    return tone if most > 4 * next_most else 0

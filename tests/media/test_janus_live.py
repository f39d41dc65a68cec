"""The engine that is made of Janus, with a real one, aiortc's phones and plain ones."""

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
    intake,
    janus_house,
    opus,
    prompts,
    rtp,
    srtp,
)
from sipgateway.media.codec import PERIOD
from sipgateway.media.engine import (
    Description,
    Direction,
    LegId,
    LegKind,
    MediaError,
    RoomId,
    Session,
)
from sipgateway.media.janus import JanusEngine
from sipgateway.media.janus_node import Address
from sipgateway.media.local import SPOKEN
from tests.media import januses, offers, sounds
from tests.media.januses import Janus

pytestmark = pytest.mark.live

ROOM = RoomId("4711")
ALICE, BOB, CAROL = LegId("alice"), LegId("bob"), LegId("carol")
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

    async def until(self, true: Callable[[], bool], seconds: float = 8.0) -> None:
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


async def test_each_hears_the_other_and_not_himself(stage: Stage) -> None:
    alice = await stage.calls_in(ALICE, 440)
    bob = await stage.is_called(BOB, 1000)
    await stage.hears(alice, 1000)
    await stage.hears(bob, 440)
    assert sounds.share(alice.sound(), 440) < 0.05
    assert sounds.share(bob.sound(), 1000) < 0.05
    stage.mixer.mute(ALICE, True)
    await stage.hears_nothing(bob)
    stage.mixer.mute(ALICE, False)
    await stage.hears(bob, 440)
    stage.mixer.place(BOB, None)
    await stage.hears_nothing(bob)
    await stage.hears_nothing(alice)
    stage.mixer.place(BOB, ROOM)
    await stage.hears(bob, 440)


async def test_hold_and_refresh_are_described_without_janus(stage: Stage) -> None:
    alice, bob = await stage.calls_in(ALICE, 440), await stage.calls_in(BOB, 1000)
    await stage.hears(bob, 440)
    offer = alice.connection.localDescription.sdp
    held = await stage.mixer.answer(ALICE, offer.replace("sendrecv", "sendonly"), Session("Talk"))
    assert held.direction is Direction.SENDONLY
    assert "a=recvonly" in held.sdp
    await stage.hears_nothing(bob)
    back = await stage.mixer.answer(ALICE, offer, Session("Talk"))
    first, second = (int(one.sdp.split()[3]) for one in (held, back))
    assert second == first + 1, "o= of one session, its version one up"
    await stage.hears(bob, 440)
    refresh = await stage.mixer.offer(BOB, LegKind.WEBRTC, Session("Talk"))
    assert "a=setup:actpass" in refresh.sdp
    answer = bob.connection.localDescription.sdp
    await stage.mixer.accept(BOB, answer.replace("actpass", "active"))
    await stage.hears(alice, 1000)


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
        self, stage: Stage, *, described: int = 0, secure: bool = False, **more: str
    ) -> Description:
        """Call, and say the tone from then on."""
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
        self._task = asyncio.create_task(self._speak(("127.0.0.1", _port(answer.sdp))))
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
        if self._task is not None and self._transport is not None:
            self._task.cancel()
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


@pytest.mark.parametrize(("name", "number"), [("opus", 96), ("pcmu", 0), ("pcma", 8)])
async def test_a_desk_phone_in_the_same_room(
    stage: Stage, desks: list[Desk], name: str, number: int
) -> None:
    """It is heard and hears, keys digits, speaks, and is played to alone."""
    alice = await stage.calls_in(ALICE, 440)
    desks.append(desk := Desk(name, number))
    answer = await desk.calls_in(stage)
    assert f" {number} 101\r\n" in answer.sdp, "and no G.722"
    # Janus raises the rate of G.711 by holding samples: the images of the tone are heard, too.
    await stage.hears(alice, 1000, above=0.7 if name == "opus" else 0.4)
    assert sounds.share(alice.sound(), 440) < 0.05
    await stage.until(lambda: desk.hears(440))
    assert sounds.share(desk.sound(), 1000) < 0.05
    assert engine.LegConnected(BOB) in stage.events
    await stage.until(lambda: _speak_now(stage) == {ALICE, BOB})
    stage.mixer.play(BOB, "beep beep beep beep beep beep beep beep")
    await stage.until(lambda: desk.hears(880, above=0.1))
    assert sounds.share(alice.sound(), 880) < 0.05, "he alone hears it"
    desk.keys("7")
    await stage.until(lambda: engine.DigitKeyed(BOB, "7") in stage.events)
    stage.mixer.mute(BOB, True)
    await stage.hears_nothing(alice)
    await stage.until(lambda: _speak_now(stage) == {ALICE})


def _speak_now(stage: Stage) -> set[LegId]:
    told = [one for one in stage.events if isinstance(one, engine.Speaking)]
    return set(told[-1].legs) if told else set()


async def test_a_desk_phone_behind_a_nat(stage: Stage, desks: list[Desk]) -> None:
    """Its descriptions name a port that is not the one it sends from, but for its SIP's host."""
    alice = await stage.calls_in(ALICE, 440)
    desks.append(desk := Desk())
    await desk.calls_in(stage, described=9, host="127.0.0.1")
    await stage.hears(alice, 1000, above=0.4)
    await stage.until(lambda: desk.hears(440))


async def test_a_name_that_is_said_is_heard_by_all(stage: Stage, desks: list[Desk]) -> None:
    alice = await stage.calls_in(ALICE, 0)
    desks.append(desk := Desk())
    await desk.calls_in(stage)
    stage.mixer.place(BOB, None)
    await stage.hears_nothing(alice)
    stage.mixer.listen(BOB, 1.0)
    await stage.until(lambda: any(isinstance(one, engine.Heard) for one in stage.events))
    (told,) = (one for one in stage.events if isinstance(one, engine.Heard))
    assert 0.5 < told.seconds <= 1.0
    stage.mixer.play_room(ROOM, f"@{BOB}")
    await stage.hears(alice, 1000)
    stage.events.clear()
    stage.mixer.place(BOB, ROOM)
    await stage.until(lambda: _speak_now(stage) == {BOB})  # who talks already when he comes in


async def test_a_called_desk_phone(stage: Stage, desks: list[Desk]) -> None:
    """What it is offered is what stays, whatever it answers; a refresh changes nothing."""
    alice = await stage.calls_in(ALICE, 440)
    offer = await stage.mixer.offer(BOB, LegKind.RTP, Session(), room=ROOM)
    assert "G722" not in offer.sdp
    answer = (
        "v=0\r\no=bob 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=audio 39998 RTP/AVP 8\r\na=sendrecv\r\n"
    )
    await stage.mixer.accept(BOB, answer)
    stage.mixer.place(BOB, ROOM)
    desks.append(desk := Desk("pcma", 8))
    again = await stage.mixer.offer(BOB, LegKind.RTP, Session(), room=ROOM)
    assert _port(again.sdp) == _port(offer.sdp)
    await stage.mixer.accept(BOB, answer)
    await desk.calls_in(stage)
    await stage.hears(alice, 1000, above=0.4)
    await stage.until(lambda: desk.hears(440))
    assert not [one for one in stage.events if isinstance(one, engine.LegLost)]


def decoded(path: Path) -> codec.Samples:
    """A file as another program hears it."""
    command = ["opusdec", "--quiet", "--force-wav", "--rate", "48000", str(path), "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    return np.frombuffer(done.stdout[44:], "<i2").astype(np.float32) / 32768.0


def _port(text: str) -> int:
    return int(text.split("m=audio ")[1].split()[0])


async def test_what_it_cannot_do_is_refused(stage: Stage) -> None:
    offer = offers.BARESIP.replace(" 96 0 8 101", " 9 101")
    with pytest.raises(MediaError) as caught:
        await stage.mixer.answer(CAROL, offer, Session())
    assert (caught.value.status, "G.722" in caught.value.reason) == (488, True)
    assert not stage.mixer._legs, "nothing is kept of them"


async def test_what_it_does_not_do_is_told(stage: Stage) -> None:
    """Nobody is played to alone who is among others, but by a line; no page says a name."""
    await stage.calls_in(ALICE, 440)
    await stage.calls_in(BOB, 1000)
    stage.events.clear()
    stage.mixer.play(ALICE, "enter-pin")
    stage.mixer.listen(ALICE, 3.0)
    stage.mixer.sound(ROOM, "jingle", "token")
    told: list[engine.MediaEvent] = [
        engine.PlayEnded(ALICE, "enter-pin"),
        engine.Heard(ALICE, 0.0),
        engine.SoundEnded(ROOM, "token", "No such file or directory"),
    ]
    await stage.until(lambda: all(one in stage.events for one in told))


async def test_who_is_alone_hears_prompts_to_their_end(stage: Stage) -> None:
    """And music until he is among others; it goes on behind a prompt."""
    alice = await stage.calls_in(ALICE, 440, None)
    stage.mixer.play(ALICE, "music")
    await stage.until(lambda: bool(alice.heard) and float(np.abs(alice.sound()).max()) > 0.01)
    stage.mixer.play(ALICE, "beep beep beep")
    await stage.hears(alice, 880, above=0.5)
    assert engine.PlayEnded(ALICE, "music") in stage.events
    await stage.until(lambda: engine.PlayEnded(ALICE, "beep beep beep") in stage.events)
    await stage.until(lambda: _is_music(alice.sound()))
    stage.mixer.play(ALICE, "")
    await stage.hears_nothing(alice)
    stage.mixer.play(ALICE, "ring")
    await stage.hears(alice, 440, above=0.4)
    stage.mixer.place(ALICE, ROOM)
    await stage.until(lambda: engine.PlayEnded(ALICE, "ring") in stage.events)
    await stage.hears_nothing(alice)


def _is_music(sound: codec.Samples) -> bool:
    return float(np.abs(sound).max()) > 0.01 and sounds.share(sound, 880) < 0.1


async def test_all_hear_announcements_and_sounds(stage: Stage, tmp_path: Path) -> None:
    """Also in the recording; a room that others come into goes on playing."""
    alice = await stage.calls_in(ALICE, 0)
    intake.write(tmp_path / "jingle.opus", sounds.sine(700, 200), opus.Library())
    stage.mixer.record(ROOM, "one")
    stage.mixer.sound(ROOM, "jingle", "token")
    await stage.hears(alice, 700)
    stage.mixer.play_room(ROOM, "beep beep beep beep beep beep beep beep")
    await stage.hears(alice, 880, above=0.1)
    bob = await stage.calls_in(BOB, 0)
    await stage.hears(bob, 700)
    await stage.until(lambda: engine.SoundEnded(ROOM, "token") in stage.events)
    await stage.hears_nothing(bob)
    stage.mixer.sound(ROOM, "jingle", "again")
    await stage.hears(bob, 700)
    stage.mixer.sound(ROOM, "", "")
    await stage.hears_nothing(bob)
    stage.mixer.record(ROOM, "")
    await stage.until(lambda: bool(_kept(stage)))
    kept = decoded(tmp_path / "recordings" / "one.opus")
    assert sounds.share(kept[RATE : 2 * RATE], 700) > 0.5


def _kept(stage: Stage) -> list[engine.RecordingClosed]:
    return [one for one in stage.events if isinstance(one, engine.RecordingClosed)]


async def test_a_room_is_recorded_without_who_does_not_agree(stage: Stage, tmp_path: Path) -> None:
    """Mallory is heard and not kept; a pause is left out; the end is told."""
    await stage.calls_in(ALICE, 440)
    mallory = await stage.calls_in(BOB, 1000)
    stage.mixer.agree(BOB, False)
    await stage.hears(mallory, 440)
    stage.mixer.record(ROOM, "one")
    await asyncio.sleep(2.0)
    stage.mixer.record(ROOM, "one", paused=True)
    await asyncio.sleep(0.5)
    stage.mixer.agree(BOB, True)
    await asyncio.sleep(0.5)
    stage.mixer.record(ROOM, "one")
    await asyncio.sleep(2.0)
    stage.mixer.record(ROOM, "")
    await stage.until(lambda: bool(_kept(stage)))
    (told,) = _kept(stage)
    assert (told.room, told.name, told.failed) == (ROOM, "one", "")
    sound = decoded(tmp_path / "recordings" / "one.opus")
    assert 3.0 < len(sound) / RATE < 4.7
    assert told.seconds == pytest.approx(len(sound) / RATE, abs=0.1)
    first, last = sound[RATE // 4 : RATE * 3 // 2], sound[-RATE:]
    assert sounds.share(first, 440) > 0.9
    assert sounds.share(first, 1000) < 0.02
    assert sounds.share(last, 1000) > 0.3


@pytest.mark.parametrize("stage", [2], indirect=True)
async def test_a_recording_goes_on_at_another_node(stage: Stage, tmp_path: Path) -> None:
    await stage.calls_in(ALICE, 440)
    stage.mixer.record(ROOM, "one")
    await asyncio.sleep(1.5)
    home = stage.mixer._legs[ALICE].node
    port = int(home.address.url.rstrip("/").rpartition(":")[2])
    next(one for one in stage.nodes if one.port == port).kill()
    await stage.until(lambda: engine.LegLost(ALICE, "the Janus node is gone") in stage.events)
    stage.events.clear()
    await stage.calls_in(ALICE, 1000)
    await asyncio.sleep(1.5)
    stage.mixer.record(ROOM, "")
    await stage.until(lambda: any(one.seconds > 2.0 for one in _kept(stage)))
    sound = decoded(tmp_path / "recordings" / "one.opus")
    assert sounds.share(sound[RATE // 4 : RATE], 440) > 0.9
    assert sounds.share(sound[-RATE // 2 :], 1000) > 0.9


async def test_a_forger_gets_nothing_into_a_recording(stage: Stage, tmp_path: Path) -> None:
    """Mallory sends to the port, and does not know the key."""
    await stage.calls_in(ALICE, 440)
    stage.mixer.record(ROOM, "one")
    await stage.until(lambda: stage.mixer._tapes.get(ROOM) is not None)
    tape = stage.mixer._tapes.get(ROOM)
    assert tape is not None
    await stage.until(lambda: tape.recorder.frames > 0)
    before = tape.recorder.frames
    forged = rtp.Sender(tape._source, 1, 1)
    for _ in range(100):
        tape.datagram_received(forged.build(b"\xf8\xff\xfe", 960, payload_type=111), None)
    assert tape.recorder.frames == before


@pytest.mark.parametrize("stage", [2], indirect=True)
async def test_a_room_moves_to_another_node_when_its_own_dies(
    stage: Stage, desks: list[Desk]
) -> None:
    """Browsers are to be described anew; a desk phone need not know of it, mute and all."""
    await stage.calls_in(ALICE, 440)
    desks.append(desk := Desk())
    await desk.calls_in(stage)
    await stage.until(lambda: desk.hears(440))
    stage.mixer.mute(BOB, True)
    await stage.calls_in(CAROL, 600, RoomId("other"))
    home = stage.mixer._legs[ALICE].node
    assert stage.mixer._legs[BOB].node is home
    assert stage.mixer._legs[CAROL].node is not home
    port = int(home.address.url.rstrip("/").rpartition(":")[2])
    next(one for one in stage.nodes if one.port == port).kill()
    lost = engine.LegLost(ALICE, "the Janus node is gone")
    await stage.until(lambda: lost in stage.events)
    assert stage.mixer.failing() == ""
    alice = await stage.calls_in(ALICE, 700)
    await stage.until(lambda: desk.hears(700))
    await stage.hears_nothing(alice)
    stage.mixer.mute(BOB, False)
    await stage.hears(alice, 1000, above=0.4)
    assert [one for one in stage.events if isinstance(one, engine.LegLost)] == [lost]


async def test_a_lost_phone_is_offered_what_it_had(
    stage: Stage, desks: list[Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no node came back in time, what is offered then keeps session, SRTP and types."""
    (node,) = stage.nodes
    monkeypatch.setattr(janus_house, "BACK", 0.1)
    desks.append(desk := Desk())
    answer = await desk.calls_in(stage, secure=True)
    node.kill()
    lost = engine.LegLost(BOB, "the Janus node is gone")
    await stage.until(lambda: lost in stage.events)
    node.start()
    await stage.until(lambda: stage.mixer.failing() == "", seconds=15.0)
    again = await stage.mixer.offer(BOB, LegKind.RTP, Session(), room=ROOM)
    assert "RTP/SAVP 0 101" in again.sdp
    assert _line(again.sdp, "o=")[:2] == _line(answer.sdp, "o=")[:2]
    assert _line(again.sdp, "a=crypto:") != _line(answer.sdp, "a=crypto:")


def _line(text: str, begins: str) -> list[str]:
    return next(one for one in text.splitlines() if one.startswith(begins)).split()


async def test_who_is_alone_hears_music_until_somebody_comes(stage: Stage) -> None:
    """In a room, too, where he is the only one."""
    alice = await stage.calls_in(ALICE, 0)
    stage.mixer.play(ALICE, "beep beep music")
    await stage.hears(alice, 880, above=0.5)
    bob = await stage.calls_in(BOB, 0)
    await stage.until(lambda: engine.PlayEnded(ALICE, "beep beep music") in stage.events)
    await stage.hears_nothing(bob)
    await stage.hears_nothing(alice)


async def test_a_node_that_comes_back_is_used_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (node,) = stage.nodes
    node.kill()
    await stage.until(lambda: stage.mixer.failing() != "")
    monkeypatch.setattr(janus_house, "BACK", 0.1)
    with pytest.raises(MediaError) as caught:
        await stage.mixer.offer(ALICE, LegKind.WEBRTC, Session())
    assert caught.value.status == 503
    node.start()
    await stage.until(lambda: stage.mixer.failing() == "", seconds=15.0)
    await stage.calls_in(ALICE, 440)


async def test_a_dropped_leg_leaves_nothing_at_the_node(stage: Stage) -> None:
    await stage.calls_in(ALICE, 440)
    await stage.calls_in(BOB, 1000)
    one = stage.mixer._legs[BOB]
    stage.mixer.drop(ALICE)
    await stage.until(lambda: one.wanted is one.at)
    assert one.at is not None
    question = {"request": "listparticipants", "room": one.at.number}
    while len((await one.node.ask(one.handle, question)).data["participants"]) > 1:
        await asyncio.sleep(0.05)
    rooms = await one.node.ask(one.handle, {"request": "exists", "room": one.at.number})
    assert rooms.data["exists"]
    with pytest.raises(MediaError):
        await stage.mixer.offer(ALICE, LegKind.WEBRTC, Session())

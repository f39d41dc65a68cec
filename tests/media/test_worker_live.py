"""The embedded engine with real worker processes and sockets, on loopback."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from sipgateway.media import codec, codecs, dtmf, engine, local, ogg, rtp
from sipgateway.media.codec import FRAME, PERIOD, Samples
from sipgateway.media.engine import LegId, LegKind, MediaError, RoomId, Session
from sipgateway.media.local import LocalEngine
from sipgateway.sip import sdp
from tests.media import offers, peer, sounds
from tests.media.peer import Peer
from tests.ports import free_port

pytestmark = pytest.mark.live

ROOM = RoomId("4711")
ALICE, BOB, CAROL = LegId("alice"), LegId("bob"), LegId("carol")
CODECS = codecs.load()
OPUS = CODECS["opus"]


class Stage:
    """An engine and what it told."""

    def __init__(self, mixer: LocalEngine) -> None:
        self.mixer = mixer
        self.events: list[engine.MediaEvent] = []
        self.identity = peer.new_identity()
        self.peers: list[Peer] = []

    async def joined(self, leg: LegId, *, says_level: bool = True, room: bool = True) -> Peer:
        """A phone that is connected."""
        phone = Peer(self.identity, says_level=says_level)
        self.peers.append(phone)
        answer = await self.mixer.answer(leg, phone.offer(), Session())
        if room:
            self.mixer.place(leg, ROOM)
        phone.connect(answer.sdp)
        await self.until(lambda: phone.connected, phone)
        return phone

    async def back(self, leg: LegId, offer: str = "") -> Peer:
        """Its phone takes an offer of another worker."""
        phone = Peer(self.identity)
        self.peers.append(phone)
        offer = offer or (await self.mixer.offer(leg, LegKind.RTP, Session())).sdp
        await self.mixer.accept(leg, phone.offer().replace("actpass", "active"))
        phone.connect(offer)
        await self.until(lambda: phone.connected, phone)
        return phone

    async def until(self, true: Callable[[], bool], *phones: Peer, seconds: float = 5.0) -> None:
        """Let phones listen until something is so."""
        async with asyncio.timeout(seconds):
            while not true():
                for phone in phones or self.peers:
                    phone.receive()
                await asyncio.sleep(0.002)

    async def told(self, event: engine.MediaEvent) -> None:
        """Wait until the engine says so."""
        await self.until(lambda: event in self.events)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    mixer = LocalEngine(host="127.0.0.1", ports=(31000, 31999), prompts=tmp_path)
    made = Stage(mixer)
    await mixer.start(made.events.append)
    yield made
    for phone in made.peers:
        phone.close()
    await mixer.stop()


async def talk(voices: list[tuple[Peer, float]], frames: int) -> None:
    """Phones say tones, by the clock; 0 Hz is silence."""
    recordings = [sounds.sine(hertz, frames) if hertz else None for _, hertz in voices]
    encoders = [OPUS.encoder() for _ in voices]
    clock = asyncio.get_running_loop()
    start = clock.time()
    for at in range(frames):
        for (phone, _), recording, encoder in zip(voices, recordings, encoders, strict=True):
            frame = (
                codec.silence() if recording is None else recording[at * FRAME : (at + 1) * FRAME]
            )
            phone.say(encoder.encode(frame), codec.level(frame))
            phone.receive()
        await asyncio.sleep(max(0.0, start + (at + 1) * PERIOD - clock.time()))


async def listens(phone: Peer, true: Callable[[], bool]) -> None:
    """A phone says nothing until what it hears is so, however long that takes to begin."""
    for _ in range(100):
        await talk([(phone, 0.0)], 5)
        if true():
            return
    raise AssertionError("it was not heard")


def sound(phone: Peer, last: int = 30) -> Samples:
    """What a phone has heard."""
    decoder = OPUS.decoder()
    frames = [decoder.decode(heard.packet.payload) for heard in phone.heard]
    return np.concatenate(frames[-last:])


async def test_each_hears_the_other_and_not_himself(stage: Stage) -> None:
    alice, bob, carol = [await stage.joined(leg) for leg in (ALICE, BOB, CAROL)]
    await talk([(alice, 440.0), (bob, 1000.0), (carol, 0.0)], 60)
    assert sounds.share(sound(alice), 1000) > 0.8
    assert sounds.share(sound(alice), 440) < 0.05
    assert sounds.share(sound(bob), 440) > 0.8
    assert sounds.share(sound(bob), 1000) < 0.05
    assert sounds.share(sound(carol), 440) > 0.4
    assert sounds.share(sound(carol), 1000) > 0.4
    assert len(carol.heard[-1].sources) == 2
    assert stage.events[0] == engine.LegConnected(ALICE)
    await stage.told(engine.Speaking(ROOM, frozenset({ALICE, BOB})))


async def test_levels_are_measured_where_a_phone_does_not_say_them(stage: Stage) -> None:
    alice = await stage.joined(ALICE, says_level=False)
    bob = await stage.joined(BOB, says_level=False)
    await talk([(alice, 440.0), (bob, 0.0)], 40)
    assert sounds.share(sound(bob, 20), 440) > 0.8
    await stage.told(engine.Speaking(ROOM, frozenset({ALICE})))


async def test_sources_are_what_the_description_said(stage: Stage) -> None:
    phone = Peer(stage.identity)
    stage.peers.append(phone)
    answer = await stage.mixer.answer(ALICE, phone.offer(), Session())
    stage.mixer.place(ALICE, ROOM)
    phone.connect(answer.sdp)
    await stage.until(lambda: phone.connected)
    bob = await stage.joined(BOB)
    await talk([(phone, 440.0), (bob, 0.0)], 20)
    assert bob.heard[-1].sources == (answer.source,)
    assert (bob.heard[-1].packet.level or 127) < 30


async def test_mute_and_rooms(stage: Stage) -> None:
    alice, bob = await stage.joined(ALICE), await stage.joined(BOB)
    stage.mixer.mute(ALICE, True)
    await talk([(alice, 440.0), (bob, 0.0)], 30)
    assert codec.level(sound(bob, 10)) == 127
    stage.mixer.mute(ALICE, False)
    stage.mixer.place(BOB, None)
    await talk([(alice, 440.0), (bob, 0.0)], 30)
    assert codec.level(sound(bob, 10)) == 127
    stage.mixer.place(BOB, ROOM)
    await talk([(alice, 440.0), (bob, 0.0)], 30)
    assert sounds.share(sound(bob, 10), 440) > 0.8


async def test_digits_end_a_prompt_and_not_what_is_played_behind_it(stage: Stage) -> None:
    alice = await stage.joined(ALICE, room=False)
    stage.mixer.play(ALICE, "ring")
    words = " ".join(["beep"] * 60)
    stage.mixer.play(ALICE, words)
    await stage.told(engine.PlayEnded(ALICE, "ring"))
    await talk([(alice, 0.0)], 20)
    assert codec.level(sound(alice, 5)) < 40
    for end in (False, False, True, True, True):
        alice.say(dtmf.build("7", 960, end=end), 127, kind=peer.EVENT_TYPE)
        alice.sender.timestamp -= 960
    await stage.told(engine.DigitKeyed(ALICE, "7"))
    await stage.told(engine.PlayEnded(ALICE, words))
    assert stage.events.count(engine.DigitKeyed(ALICE, "7")) == 1
    await talk([(alice, 0.0)], 10)
    ringing = codec.level(sound(alice, 5))
    assert ringing < 40
    stage.mixer.play(ALICE, "")
    await talk([(alice, 0.0)], 20)
    assert codec.level(sound(alice, 5)) == 127


async def test_music_goes_on_where_a_leg_stays_and_ends_where_it_moves(stage: Stage) -> None:
    """A re-INVITE places a leg where it is."""
    alice = await stage.joined(ALICE)
    stage.mixer.play(ALICE, "beep ring")
    stage.mixer.place(ALICE, ROOM)
    await talk([(alice, 0.0)], 30)
    assert codec.level(sound(alice, 5)) < 40
    stage.mixer.place(ALICE, RoomId("4712"))
    await talk([(alice, 0.0)], 20)
    assert codec.level(sound(alice, 5)) == 127


async def test_a_prompt_that_is_not_there_is_a_tone(stage: Stage) -> None:
    alice = await stage.joined(ALICE, room=False)
    stage.mixer.play(ALICE, "no-such-prompt")
    await talk([(alice, 0.0)], 8)
    assert min(one.packet.level or 127 for one in alice.heard) < 40
    await stage.told(engine.PlayEnded(ALICE, "no-such-prompt"))


async def test_what_somebody_says_is_played_to_others(stage: Stage, tmp_path: Path) -> None:
    """A name that was asked for: a prompt until its leg is dropped."""
    alice, bob = await stage.joined(ALICE), await stage.joined(BOB, room=False)
    stage.mixer.listen(BOB, 4.0)
    await talk([(alice, 0.0), (bob, 1000.0)], 40)
    stage.mixer.listen(BOB, 0.0)
    await stage.until(lambda: any(isinstance(one, engine.Heard) for one in stage.events))
    (said,) = [one for one in stage.events if isinstance(one, engine.Heard)]
    assert (said.leg, said.seconds > 0.5) == (BOB, True)
    assert sounds.share(sound(alice, 20), 1000) < 0.05, "he is in no room yet"
    stage.mixer.play_room(ROOM, "@bob")
    stage.mixer.drop(BOB)
    await listens(alice, lambda: sounds.share(sound(alice, 10), 1000) > 0.8)
    await listens(alice, lambda: codec.level(sound(alice, 10)) == 127)
    stage.mixer.play_room(ROOM, "@bob")
    await talk([(alice, 0.0)], 30)
    assert sounds.share(sound(alice, 30), 1000) < 0.3, "it went with him"
    assert list(tmp_path.iterdir()) == []


async def test_a_recording_survives_its_worker(stage: Stage, tmp_path: Path) -> None:
    alice = await stage.joined(ALICE)
    stage.mixer.track(ALICE, "one-alice")
    stage.mixer.record(ROOM, "one")
    await talk([(alice, 440.0)], 120)
    (process,) = stage.mixer.processes()
    os.kill(process, signal.SIGKILL)
    await stage.told(engine.LegLost(ALICE, "the mixer worker ended"))
    path = tmp_path.parent / "recordings" / "one.opus"
    cut = ogg.last_page(path.read_bytes())
    assert cut is not None
    assert cut[0].seconds > 1.5
    await stage.until(lambda: not stage.mixer.failing(), seconds=10)
    alice = await stage.joined(ALICE)
    stage.mixer.track(ALICE, "one-alice")
    await talk([(alice, 1000.0)], 60)
    stage.mixer.record(ROOM, "")
    closed = [engine.RecordingClosed]
    await stage.until(lambda: any(type(one) in closed for one in stage.events))
    (told,) = [one for one in stage.events if isinstance(one, engine.RecordingClosed)]
    assert (told.room, told.name, told.failed) == (ROOM, "one", "")
    assert told.seconds > cut[0].seconds + 1.0
    lengths = set()
    for name in ("one", "one-alice"):
        command = ["opusinfo", str(path.with_stem(name))]
        info = subprocess.run(command, check=True, capture_output=True, text=True)
        assert "WARNING" not in info.stdout + info.stderr
        lengths |= {line for line in info.stdout.splitlines() if "Playback length" in line}
    assert len(lengths) == 1, "the track is as long as the mix"


async def test_a_recording_whose_worker_died_is_ended_by_the_next(stage: Stage) -> None:
    """Also where nobody comes back to the room."""
    alice = await stage.joined(ALICE)
    stage.mixer.record(ROOM, "one")
    await talk([(alice, 440.0)], 120)
    (process,) = stage.mixer.processes()
    os.kill(process, signal.SIGKILL)
    await stage.told(engine.LegLost(ALICE, "the mixer worker ended"))
    stage.mixer.drop(ALICE)
    stage.mixer.record(ROOM, "")
    closed = engine.RecordingClosed
    await stage.until(lambda: any(isinstance(one, closed) for one in stage.events), seconds=10)
    (told,) = [one for one in stage.events if isinstance(one, closed)]
    assert (told.room, told.name, told.failed) == (ROOM, "one", "")
    assert told.seconds > 1.0


async def test_hold(stage: Stage) -> None:
    alice, bob = await stage.joined(ALICE), await stage.joined(BOB)
    held = Peer(stage.identity, credentials=alice.credentials)
    again = held.offer().replace("sendrecv", "inactive")
    held.close()
    answer = await stage.mixer.answer(ALICE, again, Session())
    assert answer.direction is engine.Direction.INACTIVE
    await talk([(alice, 440.0), (bob, 0.0)], 10)
    count = len(alice.heard)
    await talk([(alice, 440.0), (bob, 440.0)], 30)
    assert len(alice.heard) <= count + 2
    assert codec.level(sound(bob, 10)) == 127


async def test_a_dropped_leg_is_gone(stage: Stage) -> None:
    alice, bob = await stage.joined(ALICE), await stage.joined(BOB)
    await talk([(alice, 440.0), (bob, 0.0)], 20)
    stage.mixer.drop(ALICE)
    await talk([(alice, 440.0), (bob, 0.0)], 20)
    assert codec.level(sound(bob, 5)) == 127
    assert alice.dtls is not None
    assert alice.dtls.closed, "it was told"


async def test_mallory_cannot_take_a_leg_over(stage: Stage) -> None:
    alice, bob = await stage.joined(ALICE), await stage.joined(BOB)
    mallory = Peer(stage.identity)
    stage.peers.append(mallory)
    mallory.offer()
    mallory.remote = alice.remote
    for _ in range(5):
        mallory.check(alice.credentials.ufrag, "guessed password of 24 c")
        mallory.sock.sendto(b"\x80\x6f" + bytes(50), alice.remote)
        mallory.sock.sendto(b"\x16\xfe\xfd" + bytes(50), alice.remote)
        mallory.sock.sendto(os.urandom(100), alice.remote)
    await talk([(alice, 440.0), (bob, 0.0)], 30)
    mallory.receive()
    assert mallory.heard == []
    with pytest.raises(BlockingIOError):
        mallory.sock.recv(100)
    assert sounds.share(sound(bob, 10), 440) > 0.8


async def test_a_worker_that_dies_is_replaced(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who calls while there is none waits for the next one, and not for ever."""
    await stage.joined(ALICE)
    (process,) = stage.mixer.processes()
    os.kill(process, signal.SIGKILL)
    await stage.told(engine.LegLost(ALICE, "the mixer worker ended"))
    assert stage.mixer.failing() == "mixer worker 1 is not running"
    with monkeypatch.context() as changed:
        changed.setattr(local, "REPLACED", 0.0)
        with pytest.raises(MediaError) as caught:
            await stage.mixer.offer(BOB, LegKind.WEBRTC, Session())
        assert caught.value.status == 503
        await stage.joined(ALICE)  # whose call is up, and waits longer
    assert not stage.mixer.failing()


async def test_the_session_of_a_leg_goes_on_in_another_worker(stage: Stage) -> None:
    """By DTLS, though the leg's SIP comes by UDP; the phone hears again by the same call."""
    phone = Peer(stage.identity)
    stage.peers.append(phone)
    first = sdp.parse((await stage.mixer.answer(ALICE, phone.offer(), Session())).sdp)
    (process,) = stage.mixer.processes()
    os.kill(process, signal.SIGKILL)
    await stage.told(engine.LegLost(ALICE, "the mixer worker ended"))
    offer = (await stage.mixer.offer(ALICE, LegKind.RTP, Session())).sdp
    again = sdp.parse(offer)
    assert again.media[0].protocol == "UDP/TLS/RTP/SAVPF"
    assert again.origin.session == first.origin.session
    assert again.origin.version == first.origin.version + 1
    another = await stage.back(ALICE, offer)
    stage.mixer.place(ALICE, ROOM)
    bob = await stage.joined(BOB)
    await talk([(another, 0.0), (bob, 440.0)], 40)
    assert sounds.share(sound(another, 10), 440) > 0.8


async def test_who_is_called_while_the_worker_dies_is_offered_another(stage: Stage) -> None:
    """He answers what he was offered; then he is lost again, and offered what there is now."""
    offer = (await stage.mixer.offer(ALICE, LegKind.RTP, Session())).sdp
    port = sdp.parse(offer).media[0].port
    (process,) = stage.mixer.processes()
    os.kill(process, signal.SIGKILL)
    lost = engine.LegLost(ALICE, "the mixer worker ended")
    await stage.told(lost)
    answer = offer.replace(f"m=audio {port}", "m=audio 40000")
    assert (await stage.mixer.accept(ALICE, answer)).direction is engine.Direction.SENDRECV
    await stage.until(lambda: stage.events.count(lost) == 2)
    stage.mixer.place(ALICE, ROOM)
    again = sdp.parse((await stage.mixer.offer(ALICE, LegKind.RTP, Session())).sdp)
    assert again.origin.version == sdp.parse(offer).origin.version + 1
    with pytest.raises(MediaError):
        await stage.mixer.accept(BOB, answer)


async def test_a_call_that_comes_while_the_worker_dies_is_made_in_the_next(stage: Stage) -> None:
    (process,) = stage.mixer.processes()
    os.kill(process, signal.SIGKILL)
    offer = (await stage.mixer.offer(ALICE, LegKind.RTP, Session())).sdp
    assert sdp.parse(offer).media[0].port
    assert stage.mixer.processes() != (process,)


async def test_what_was_said_when_a_worker_died_is_said_again(stage: Stage) -> None:
    """With the music behind it, and who was muted stays so, whatever was ordered meanwhile."""
    await stage.joined(ALICE, room=False)
    await stage.joined(BOB)
    stage.mixer.play(ALICE, "ring")
    stage.mixer.play(ALICE, " ".join(["beep"] * 60))
    (process,) = stage.mixer.processes()
    os.kill(process, signal.SIGKILL)
    await stage.told(engine.LegLost(ALICE, "the mixer worker ended"))
    await stage.told(engine.LegLost(BOB, "the mixer worker ended"))
    stage.mixer.mute(BOB, True)
    alice, bob = [await stage.back(leg) for leg in (ALICE, BOB)]
    await talk([(alice, 0.0), (bob, 1000.0)], 40)
    assert sounds.share(sound(alice, 20), 880) > 0.8
    for end in (False, False, True, True, True):
        alice.say(dtmf.build("7", 960, end=end), 127, kind=peer.EVENT_TYPE)
        alice.sender.timestamp -= 960
    await stage.told(engine.DigitKeyed(ALICE, "7"))
    await talk([(alice, 0.0)], 20)
    assert sounds.share(sound(alice, 10), 480) > 0.3
    stage.mixer.place(ALICE, ROOM)
    await talk([(alice, 300.0), (bob, 1000.0)], 40)
    assert sounds.share(sound(bob, 10), 300) > 0.8, "he is where he was"
    assert codec.level(sound(alice, 10)) == 127, "he is muted, and the music has ended"


async def test_a_desk_phone_hears_before_it_has_sent_anything(stage: Stage) -> None:
    """It is near where its description names the host of its SIP; another is not."""
    offer = offers.BARESIP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(5.0)
        text = re.sub(r"m=audio \d+", f"m=audio {phone.getsockname()[1]}", offer)
        text = re.sub(r"c=IN IP4 \S+", "c=IN IP4 127.0.0.1", text)
        told = await stage.mixer.answer(ALICE, text, Session(), host="127.0.0.1")
        assert told.near
        stage.mixer.play(ALICE, "ring")
        data = await asyncio.to_thread(phone.recv, 2048)
        assert rtp.parse(data).payload
        for leg, host in ((BOB, "127.0.0.2"), (CAROL, "")):
            assert not (await stage.mixer.answer(leg, text, Session(), host=host)).near
        browser = Peer(stage.identity)
        stage.peers.append(browser)
        other = LegId("mallory")
        told = await stage.mixer.answer(other, browser.offer(), Session(), host="127.0.0.1")
        assert not told.near


async def test_a_worker_is_kept_whatever_goes_wrong_here(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault in what hears of it ends one worker, not the mixer for good; the log tells of it."""
    await stage.joined(ALICE)
    (process,) = stage.mixer.processes()

    def faulty(*_: object) -> None:
        raise KeyError("a fault of ours")

    with monkeypatch.context() as changed:
        changed.setitem(local.REPORTS, "alive", faulty)
        await stage.told(engine.LegLost(ALICE, "the mixer worker ended"))
    await stage.until(lambda: not stage.mixer.failing(), seconds=20)
    assert stage.mixer.processes() != (process,)
    assert "mixer worker 1 is not kept" in caplog.text
    assert "a fault of ours" in caplog.text
    await stage.joined(ALICE)


async def test_the_worker_ends_with_the_engine_and_not_by_ctrl_c(stage: Stage) -> None:
    await stage.joined(ALICE)
    (process,) = stage.mixer.processes()
    os.kill(process, signal.SIGINT)
    await stage.joined(BOB)
    await stage.mixer.stop()
    assert not Path(f"/proc/{process}").exists()
    await stage.mixer.stop()
    assert engine.LegLost(ALICE, "the mixer worker ended") not in stage.events


@pytest.mark.parametrize("name", ["opus", "pcmu", "pcma", "g722"])
async def test_a_desk_phone_in_the_same_room(stage: Stage, name: str) -> None:
    """RTP/AVP without a word of WebRTC."""
    alice = await stage.joined(ALICE)
    numbers = {"opus": 96, "pcmu": 0, "pcma": 8, "g722": 9}
    offer = offers.BARESIP.replace(" 96 0 8 101", f" {numbers[name]} 101").replace(
        "192.0.2.2", "127.0.0.1"
    )
    desk = await asyncio.get_running_loop().create_datagram_endpoint(
        Desk, local_addr=("127.0.0.1", 0)
    )
    transport, phone = desk
    port = transport.get_extra_info("sockname")[1]
    answer = await stage.mixer.answer(BOB, offer.replace("5016", str(port)), Session())
    stage.mixer.place(BOB, ROOM)
    ours = int(answer.sdp.split("m=audio ")[1].split()[0])
    kind = CODECS[name]
    encoder, stream = kind.encoder(), rtp.Sender(1, 1, 1)
    opus, tone = OPUS.encoder(), sounds.frames(sounds.sine(440, 60))
    clock = asyncio.get_running_loop()
    start = clock.time()
    for at, other in enumerate(sounds.frames(sounds.sine(1000, 60))):
        packet = stream.build(encoder.encode(tone[at]), kind.duration, payload_type=numbers[name])
        transport.sendto(packet, ("127.0.0.1", ours))
        alice.say(opus.encode(other), codec.level(other))
        alice.receive()
        await asyncio.sleep(max(0.0, start + (at + 1) * PERIOD - clock.time()))
    transport.close()
    assert sounds.share(sound(alice, 20), 440) > 0.7
    decoder = kind.decoder()
    frames = [decoder.decode(rtp.parse(one).payload) for one in phone.packets]
    assert sounds.share(np.concatenate(frames[-20:]), 1000) > 0.7
    assert engine.LegConnected(BOB) in stage.events


class Desk(asyncio.DatagramProtocol):
    """A socket that keeps what it gets."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not rtp.is_rtcp(data):
            self.packets.append(data)


async def test_another_implementation_connects_both_ways(stage: Stage) -> None:
    """aiortc: once as the caller, once as the called."""
    caller, called = RTCPeerConnection(), RTCPeerConnection()
    caller.addTrack(AudioStreamTrack())
    await caller.setLocalDescription(await caller.createOffer())
    answer = await stage.mixer.answer(ALICE, caller.localDescription.sdp, Session())
    await caller.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))
    offer = await stage.mixer.offer(BOB, LegKind.WEBRTC, Session())
    await called.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
    called.addTrack(AudioStreamTrack())
    await called.setLocalDescription(await called.createAnswer())
    await stage.mixer.accept(BOB, called.localDescription.sdp)
    await stage.told(engine.LegConnected(ALICE))
    await stage.told(engine.LegConnected(BOB))
    await stage.until(lambda: caller.connectionState == called.connectionState == "connected")
    await caller.close()
    await stage.told(engine.LegLost(ALICE, "closed by the peer"))
    await called.close()


async def test_a_room_lives_in_one_worker(tmp_path: Path) -> None:
    mixer = LocalEngine(host="127.0.0.1", ports=(31000, 31999), prompts=tmp_path, workers=2)
    events: list[engine.MediaEvent] = []
    await mixer.start(events.append)
    other = RoomId("4712")
    for leg, room in ((ALICE, ROOM), (BOB, other), (CAROL, ROOM)):
        await mixer.answer(leg, offers.CHROMIUM, Session(), room=room)
        mixer.place(leg, room)
    assert len({one.worker.number for one in mixer._legs.values()}) == 2
    assert mixer._legs[ALICE].worker is mixer._legs[CAROL].worker
    assert events == []
    mixer.place(BOB, ROOM)
    assert events == [engine.LegLost(BOB, "its room lives in another mixer worker")]
    await mixer.stop()


async def test_rooms_spread_over_the_workers_before_anybody_is_placed(tmp_path: Path) -> None:
    """Calls to one conference come together, and are placed only when they stand."""
    mixer = LocalEngine(host="127.0.0.1", ports=(31000, 31999), prompts=tmp_path, workers=2)
    events: list[engine.MediaEvent] = []
    await mixer.start(events.append)
    rooms = {ALICE: ROOM, BOB: RoomId("4712"), CAROL: ROOM, LegId("mallory"): RoomId("4712")}
    await asyncio.gather(
        *[mixer.answer(leg, offers.BARESIP, Session(), room=room) for leg, room in rooms.items()]
    )
    used = [one.worker.number for one in mixer._legs.values()]
    assert sorted(used) == [1, 1, 2, 2]
    for leg, room in rooms.items():
        mixer.place(leg, room)
    assert events == []
    await mixer.stop()


async def test_a_leg_that_was_lost_to_another_worker_is_made_again_there(tmp_path: Path) -> None:
    """A call to the conference application is answered before its room is known."""
    mixer = LocalEngine(host="127.0.0.1", ports=(31000, 31999), prompts=tmp_path, workers=2)
    events: list[engine.MediaEvent] = []
    await mixer.start(events.append)
    await mixer.answer(ALICE, offers.CHROMIUM, Session(), room=ROOM)
    await mixer.answer(BOB, offers.CHROMIUM, Session())
    mixer.place(ALICE, ROOM)
    mixer.place(BOB, ROOM)
    assert [type(event) for event in events] == [engine.LegLost]
    await mixer.offer(BOB, LegKind.WEBRTC, Session(), room=ROOM)
    mixer.place(BOB, ROOM)
    assert mixer._legs[BOB].worker is mixer._legs[ALICE].worker
    assert len(events) == 1
    await mixer.stop()


async def test_a_dropped_leg_is_not_made_again(stage: Stage) -> None:
    """A re-INVITE and a BYE that come together."""
    await stage.mixer.answer(ALICE, offers.BARESIP, Session())
    stage.mixer.drop(ALICE)
    for question in (
        stage.mixer.answer(ALICE, offers.BARESIP, Session()),
        stage.mixer.offer(ALICE, LegKind.RTP, Session()),
        stage.mixer.accept(ALICE, offers.BARESIP),
    ):
        with pytest.raises(MediaError) as caught:
            await question
        assert caught.value.status == 500
    assert not stage.mixer._legs


async def test_dropped_legs_are_remembered_in_bounds(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "REMEMBERED", 2)
    for leg in (ALICE, BOB, CAROL):
        stage.mixer.drop(leg)
    assert list(stage.mixer._dropped) == [BOB, CAROL]


async def test_a_leg_dropped_while_its_ports_are_opened_gives_them_back(tmp_path: Path) -> None:
    """With one pair of ports beside the shared one: Bob gets what Alice did not take."""
    first = free_port(4)
    mixer = LocalEngine(host="127.0.0.1", ports=(first, first + 3), prompts=tmp_path)
    await mixer.start(lambda _: None)
    answer = asyncio.create_task(mixer.answer(ALICE, offers.BARESIP, Session()))
    await asyncio.sleep(0)
    assert ALICE in mixer._legs, "it is being made"
    mixer.drop(ALICE)
    with pytest.raises(MediaError, match="The leg is gone"):
        await answer
    await mixer.answer(BOB, offers.BARESIP, Session())
    with pytest.raises(MediaError, match="No RTP port is free"):
        await mixer.answer(CAROL, offers.BARESIP, Session())
    assert list(mixer._legs) == [BOB]
    await mixer.stop()


async def test_what_is_said_of_an_unknown_leg_does_nothing(stage: Stage) -> None:
    nobody = LegId("nobody")
    stage.mixer.place(nobody, ROOM)
    stage.mixer.mute(nobody, True)
    stage.mixer.play(nobody, "welcome")
    stage.mixer.play_room(ROOM, "welcome")
    stage.mixer.drop(nobody)
    with pytest.raises(MediaError) as caught:
        await stage.mixer.accept(nobody, offers.CHROMIUM)
    assert caught.value.status == 500
    assert stage.events == []


async def test_a_worker_ends_when_its_engine_is_killed() -> None:
    """Nothing is left behind by a gateway that could not say goodbye."""
    script = (
        "import asyncio, pathlib\n"
        "from sipgateway.media.local import LocalEngine\n"
        "async def main():\n"
        "    mixer = LocalEngine(host='127.0.0.1', ports=(31000, 31999),"
        " prompts=pathlib.Path('none'))\n"
        "    await mixer.start(print)\n"
        "    print(*mixer.processes(), flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert gateway.stdout is not None
    worker = Path("/proc") / (await gateway.stdout.readline()).decode().strip()
    assert worker.exists()
    gateway.kill()
    await gateway.wait()
    async with asyncio.timeout(5):
        while worker.exists() and "Z" not in (worker / "stat").read_text().split()[2]:
            await asyncio.sleep(0.05)

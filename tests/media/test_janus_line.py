"""The line of a plain phone at a Janus, by itself: what goes on, what is heard, what is told."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sipgateway.media import codec, codecs, dtmf, opus, rtp
from sipgateway.media.clips import BREATH, Clips
from sipgateway.media.control import Terms
from sipgateway.media.engine import LegId
from sipgateway.media.janus_line import TYPE, Line
from sipgateway.media.mixer import Player
from tests.media import sounds
from tests.media.test_leg import ALICE, TERMS

CODECS = codecs.load()
OPUS = CODECS["opus"]
CHUNK = 160
"""Octets of 20 ms of G.711."""
LEG = LegId("alice")
MUSIC = sounds.sine(700, 5)


class Stage:
    """A line, its phone and its node, 20 ms after 20 ms."""

    def __init__(self, name: str = "pcmu", number: int = 0, **terms: object) -> None:
        known = {**TERMS, "payload_type": number, "codecs": {str(number): name}, **terms}
        agreed: Terms = known  # type: ignore[assignment]
        self.clips = Clips()
        self.line = Line(LEG, agreed, codecs=CODECS, mouth=OPUS.encoder, clips=self.clips, now=0.0)
        self.kind, self.number = CODECS[name], number
        self._mixing = OPUS.encoder()
        self.phone, self.node = rtp.Sender(77, 65_530, 10), rtp.Sender(5, 1, 1)
        self.now = 0.0

    def says(self, payload: bytes, *, duration: int = 0, number: int | None = None) -> None:
        """A packet of the phone's."""
        kind = self.number if number is None else number
        data = self.phone.build(payload, duration or self.kind.duration, payload_type=kind)
        self.line.receive(data, ALICE, self.now)

    def mixes(self, frame: codec.Samples | None = None) -> None:
        """A frame of the node's."""
        payload = opus.SILENCE if frame is None else self._mixing.encode(frame)
        self.line.mixed(self.node.build(payload, codec.FRAME, payload_type=TYPE))
        self.now += codec.PERIOD

    def onward(self) -> list[rtp.Packet]:
        """What went on to the node."""
        gone, self.line.onward = self.line.onward, []
        return [rtp.parse(one) for one in gone]

    def heard(self) -> list[rtp.Packet]:
        """What was sent to the phone."""
        sent = [data for data, _ in self.line.data_to_send() if not rtp.is_rtcp(data)]
        return [rtp.parse(one) for one in sent]

    def sound(self) -> codec.Samples:
        """The same, as it sounds there."""
        decoder = self.kind.decoder()
        return np.concatenate([decoder.decode(one.payload) for one in self.heard()])


def said_on(stage: Stage) -> codec.Samples:
    """What went on to the node, as it sounds there."""
    decoder = OPUS.decoder()
    return np.concatenate([decoder.decode(one.payload) for one in stage.onward()])


def test_opus_goes_on_as_it_is() -> None:
    stage = Stage("opus", 96)
    said = [stage.kind.encoder().encode(frame) for frame in sounds.frames(sounds.sine(440, 10))]
    for payload in said:
        stage.says(payload)
    gone = stage.onward()
    assert [one.payload for one in gone] == said
    assert {one.payload_type for one in gone} == {TYPE}
    assert _steps(gone) == ({1}, {codec.FRAME})


def _steps(gone: list[rtp.Packet]) -> tuple[set[int], set[int]]:
    """By how much sequence and time go on."""
    pairs = list(itertools.pairwise(gone))
    return (
        {(after.sequence - before.sequence) & 0xFFFF for before, after in pairs},
        {(after.timestamp - before.timestamp) & 0xFFFFFFFF for before, after in pairs},
    )


@pytest.mark.parametrize(("name", "number"), [("pcmu", 0), ("pcma", 8)])
@pytest.mark.parametrize("hertz", [440, 1700, 3000])
def test_g711_goes_on_as_loud_as_it_was_and_without_images(
    name: str, number: int, hertz: float
) -> None:
    """A node that was given G.711 makes five images of each tone, all as loud as the tone."""
    stage = Stage(name, number)
    encoder = stage.kind.encoder()
    tone = sounds.sine(hertz, 50)
    for frame in sounds.frames(tone):
        stage.says(encoder.encode(frame))
        stage.mixes()
    sound = said_on(stage)[5 * codec.FRAME :]
    assert sounds.share(sound, hertz) > 0.95
    assert codec.level(sound) == pytest.approx(codec.level(tone), abs=1)


def test_silence_on_a_line_costs_nothing() -> None:
    stage = Stage()
    stage.says(stage.kind.silence)
    (gone,) = stage.onward()
    assert gone.payload == opus.SILENCE


@pytest.mark.parametrize(("name", "number", "times"), [("opus", 96, 1), ("pcmu", 0, 6)])
def test_what_was_lost_on_the_way_is_missing_at_the_node_too(
    name: str, number: int, times: int
) -> None:
    """So that it knows, and makes it up."""
    stage = Stage(name, number)
    stage.says(stage.kind.silence)
    stage.phone.sequence += 2
    stage.phone.timestamp += 2 * stage.kind.duration
    stage.says(stage.kind.silence)
    first, second = stage.onward()
    assert (second.sequence - first.sequence) & 0xFFFF == 3
    assert (second.timestamp - first.timestamp) & 0xFFFFFFFF == 3 * times * stage.kind.duration


def test_a_phone_that_changes_its_codec_within_what_was_agreed_is_understood() -> None:
    stage = Stage("pcmu", 0, codecs={"0": "pcmu", "8": "pcma"})
    frames = sounds.frames(sounds.sine(440, 40))
    for name, number, part in (("pcmu", 0, frames[:20]), ("pcma", 8, frames[20:])):
        encoder = CODECS[name].encoder()
        for frame in part:
            stage.says(encoder.encode(frame), number=number)
            stage.mixes()
    assert sounds.share(said_on(stage)[25 * codec.FRAME :], 440) > 0.95


def test_a_stream_that_begins_anew_goes_on() -> None:
    """A phone that changes its SSRC in the middle is one and the same to the node."""
    stage = Stage()
    stage.says(bytes(CHUNK))
    stage.phone = rtp.Sender(78, 9, 5)
    stage.says(bytes(CHUNK))
    first, second = stage.onward()
    assert second.ssrc == first.ssrc
    assert (second.sequence - first.sequence) & 0xFFFF == 1
    assert second.timestamp - first.timestamp == codec.FRAME


@pytest.mark.parametrize("size", [80, 240, 480])
def test_packets_of_other_lengths_are_cut_as_a_node_takes_them(size: int) -> None:
    stage = Stage()
    said = CODECS["pcmu"].encoder()
    octets = b"".join(said.encode(frame) for frame in sounds.frames(sounds.sine(440, 60)))
    for at in range(0, len(octets), size):
        stage.says(octets[at : at + size], duration=size)
    gone = stage.onward()
    assert len(gone) == 60
    assert _steps(gone) == ({1}, {codec.FRAME})
    sound = np.concatenate([*map(OPUS.decoder().decode, (one.payload for one in gone))])
    assert sounds.share(sound[5 * codec.FRAME :], 440) > 0.95


def test_keyed_digits_are_told_and_do_not_go_on() -> None:
    stage = Stage()
    for end in (False, True, True):
        stage.says(dtmf.build("7", 800, end=end), duration=0, number=101)
        stage.phone.timestamp = 10
    assert {"event": "digit", "leg": LEG, "digit": "7"} in stage.line.reports
    assert stage.onward() == []


def test_comfort_noise_is_silence() -> None:
    stage = Stage()
    stage.says(b"\x32", number=13)
    assert stage.onward() == []


@pytest.mark.parametrize(("name", "number"), [("pcmu", 0), ("opus", 96)])
def test_the_room_is_heard_with_what_is_played_to_him_alone(name: str, number: int) -> None:
    stage = Stage(name, number)
    stage.mixes()
    assert [one.payload_type for one in stage.heard()] == [number]
    stage.line.play(Player("jingle", MUSIC))
    for frame in sounds.frames(sounds.sine(440, 5)):
        stage.mixes(frame)
    mixed = stage.sound()[codec.FRAME :]
    assert sounds.share(mixed, 700) > 0.4
    assert sounds.share(mixed, 440) > 0.4
    stage.mixes()
    assert {"event": "ended", "leg": LEG, "prompt": "jingle"} in stage.line.reports


def test_another_prompt_a_key_and_another_room_end_a_prompt() -> None:
    stage = Stage()
    ended = [{"event": "ended", "leg": LEG, "prompt": one} for one in ("one", "two", "music")]
    stage.line.play(Player("one", MUSIC))
    stage.line.play(Player("two", MUSIC))
    stage.line.moved()
    assert stage.line.reports == ended[:1], "what has an end is played to it"
    stage.says(dtmf.build("1", 800, end=True), number=101)
    stage.line.play(Player("music", MUSIC, again_from=0))
    stage.line.moved()
    assert [one for one in stage.line.reports if one["event"] == "ended"] == ended


def test_who_is_on_hold_is_sent_nothing() -> None:
    stage = Stage(hears=False)
    stage.mixes()
    assert stage.heard() == []


def test_frames_that_a_node_lost_are_time_that_passes() -> None:
    stage = Stage()
    stage.mixes()
    stage.node.sequence += 3
    stage.mixes()
    first, second = stage.heard()
    assert second.timestamp - first.timestamp == 4 * CHUNK
    assert (second.sequence - first.sequence) & 0xFFFF == 1


def test_he_talks_who_is_heard() -> None:
    stage = Stage()
    encoder = stage.kind.encoder()
    talked = []
    for frame in [*sounds.frames(sounds.sine(440, 10)), *[codec.silence()] * 50]:
        stage.says(encoder.encode(frame))
        stage.mixes()
        talked.append(stage.line.loudness)
    assert talked[9] == pytest.approx(-13.5, abs=2)  # a sine of 0.3, as it comes up
    assert talked[-1] is None


def test_a_name_that_is_said_is_remembered() -> None:
    stage = Stage()
    stage.clips.begin(LEG, 5.0)
    encoder = stage.kind.encoder()
    for frame in [*[codec.silence()] * 20, *sounds.frames(sounds.sine(440, 30))]:
        stage.says(encoder.encode(frame))
        stage.mixes()
    for _ in range(2 * int(BREATH / codec.PERIOD)):  # he says nothing, and sends nothing
        stage.mixes()
    (told,) = stage.clips.reports
    assert (told["event"], told["leg"]) == ("heard", LEG)
    name = stage.clips.get(LEG)
    assert name is not None
    assert sounds.share(name[: 25 * codec.FRAME], 440) > 0.9


@pytest.mark.parametrize("data", [b"", b"\x80\x00", b"\x00" * 12, b"\x9f" + bytes(11)])
def test_what_is_no_packet_changes_nothing(data: bytes) -> None:
    stage = Stage()
    stage.line.mixed(data)
    stage.line.receive(data, ALICE, 0.0)
    assert (stage.heard(), stage.onward(), stage.line.reports) == ([], [], [])


def test_a_phone_that_sends_nothing_is_made_known_to_the_node() -> None:
    """Else it would hear nothing: when it has come to a node, and once in a second from then on."""
    stage = Stage()
    stage.line.arrive()
    told = []
    for look in range(45):
        stage.line.handle_timeout(look / 20)
        told.append(len(stage.onward()))
    assert [at for at, count in enumerate(told) if count] == [0, 20, 40]
    stage.says(bytes(CHUNK))
    stage.line.handle_timeout(2.25)
    assert len(stage.onward()) == 1, "who speaks is known"

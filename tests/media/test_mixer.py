"""The mix: everybody but oneself, three talkers, one encoding for all who listen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from sipgateway.media import codec, codecs
from sipgateway.media.codec import FRAME, Codec, Decoder, Encoder, Samples
from sipgateway.media.engine import LegId
from sipgateway.media.mixer import (
    CEILING,
    HOLD,
    MARGIN,
    MAX_TALKERS,
    TENURE,
    Floor,
    Limiter,
    Member,
    Player,
    Room,
)
from sipgateway.media.voice import Voice
from tests.media import sounds

ALICE, BOB, CAROL, MALLORY = (LegId(name) for name in ("alice", "bob", "carol", "mallory"))
OPUS = codecs.load()["opus"]


class Tape:
    """A voice that says what is on it."""

    def __init__(self, recording: list[Samples | None], kind: Codec = OPUS) -> None:
        self.codec = kind
        self.recording: Iterator[Samples | None] = iter(recording)
        self.frame: Samples | None = None
        self.decoded = 0

    def advance(self) -> int:
        self.frame = next(self.recording, None)
        return 127 if self.frame is None else codec.level(self.frame)

    def samples(self) -> Samples | None:
        self.decoded += 1
        return self.frame


class Counting:
    """A codec that sends float samples as they are and counts encodings."""

    def __init__(self) -> None:
        self.encoded = 0
        self.bands: list[int] = []
        self.codec = Codec("raw", 48_000, 1, self.decoder, self.encoder, silence=b"")

    def decoder(self) -> Decoder:
        raise NotImplementedError

    def encoder(self) -> Encoder:
        return self

    def encode(self, frame: Samples) -> bytes:
        self.encoded += 1
        return frame.tobytes()

    def expect_loss(self, fraction: float) -> None:
        pass

    def expect_band(self, band: int) -> None:
        self.bands.append(band)


def sounds_of(frequency: float, frames: int = 60, gain: float = 0.2) -> list[Samples | None]:
    return [*sounds.frames(sounds.sine(frequency, frames, gain))]


def tone(frequency: float, frames: int = 60, gain: float = 0.2) -> Tape:
    return Tape(sounds_of(frequency, frames, gain))


def room(kind: Codec, **voices: Tape) -> Room:
    made = Room()
    for number, (name, voice) in enumerate(voices.items(), 1):
        made.members[LegId(name)] = Member(LegId(name), number, voice, kind)
    return made


def heard(made: Room, leg: LegId, frames: int = 50) -> Samples:
    """What reaches an ear through a real decoder, without the first frames."""
    decoder = made.members[leg].codec.decoder()
    parts = [decoder.decode(made.tick()[leg].payload) for _ in range(frames)]
    return np.concatenate(parts[10:])


@pytest.mark.parametrize("name", ["opus", "pcmu", "pcma", "g722"])
def test_everybody_hears_everybody_but_himself(name: str) -> None:
    kind = codecs.load()[name]
    tones = {ALICE: 440.0, BOB: 1000.0, CAROL: 1700.0}
    for ear in (*tones, MALLORY):
        made = room(kind, **{leg: tone(hertz) for leg, hertz in tones.items()}, mallory=Tape([]))
        sound = heard(made, ear)
        for leg, hertz in tones.items():
            if leg == ear:
                assert sounds.share(sound, hertz) < 0.05
            else:
                assert sounds.share(sound, hertz) > 0.4


def test_the_mix_is_the_sum_to_the_sample() -> None:
    raw = Counting()
    made = room(raw.codec, alice=tone(440), bob=tone(1000), carol=Tape([]))
    alice, bob = sounds.frames(sounds.sine(440, 5, 0.2)), sounds.frames(sounds.sine(1000, 5, 0.2))
    for at in range(5):
        outputs = made.tick()
        ear = {leg: np.frombuffer(one.payload, np.float32) for leg, one in outputs.items()}
        assert np.allclose(ear[CAROL], alice[at] + bob[at], atol=1e-6)
        assert np.allclose(ear[ALICE], bob[at], atol=1e-6)
        assert np.allclose(ear[BOB], alice[at], atol=1e-6)


def test_listeners_share_one_encoding() -> None:
    raw = Counting()
    listeners = {f"listener{number}": Tape([]) for number in range(20)}
    made = room(raw.codec, alice=tone(440), **listeners)
    outputs = made.tick()
    assert raw.encoded == 1
    assert len({id(outputs[LegId(name)].payload) for name in listeners}) == 1
    # Alone on the floor, Alice hears nothing: nothing is encoded for her.
    assert outputs[ALICE].payload == raw.codec.silence


def test_those_with_limits_have_an_encoder_of_their_own() -> None:
    """One for each group, and none where nobody asks for any."""
    tight = OPUS.within(codec.Limits(bitrate=12_000))
    made = room(OPUS, alice=tone(440), bob=tone(0, gain=0), carol=tone(0, gain=0))
    made.members[CAROL].codec = tight
    for _ in range(20):
        outputs = made.tick()
    assert made.encoders == 2
    assert len(outputs[CAROL].payload) < len(outputs[BOB].payload)
    made.leave(CAROL)
    assert made.encoders == 1


def test_what_desk_phones_say_is_encoded_for_their_band() -> None:
    """Bits for what is not there would be missing where there is something."""
    raw, narrow = Counting(), codecs.load()["pcmu"]
    made = room(raw.codec, alice=tone(440), bob=tone(1000), carol=Tape([]))
    made.members[ALICE].voice = Tape(sounds_of(440), narrow)
    made.members[BOB].voice = Tape([*[None] * 5, *sounds_of(1000)])
    for _ in range(5):
        made.tick()
    assert set(raw.bands) == {4000}
    raw.bands.clear()
    for _ in range(5):
        made.tick()
    # To Alice and to Carol with Bob's voice, to Bob without it.
    assert sorted(raw.bands[-3:]) == [4000, 24_000, 24_000]
    raw.bands.clear()
    made.members[BOB].muted = True
    for _ in range(2 * HOLD):
        made.tick()
    assert raw.bands[-1] == 4000
    raw.bands.clear()
    made.player = Player("beep", sounds.sine(1000, 2))
    made.tick()
    assert set(raw.bands) == {24_000}


def test_silence_costs_nothing() -> None:
    raw = Counting()
    made = room(raw.codec, alice=Tape([]), bob=Tape([codec.silence()] * 5))
    for _ in range(5):
        assert {one.payload for one in made.tick().values()} == {b""}
    assert raw.encoded == 0
    assert all(member.voice.decoded == 0 for member in made.members.values())  # type: ignore[attr-defined]


def test_who_is_in_the_mix_is_named() -> None:
    made = room(OPUS, alice=tone(440), bob=tone(1000), carol=Tape([]))
    outputs = made.tick()
    assert set(outputs[CAROL].sources) == {1, 2}
    assert outputs[ALICE].sources == (2,)
    assert outputs[CAROL].level < 30


def test_the_muted_are_not_heard() -> None:
    raw = Counting()
    made = room(raw.codec, alice=tone(440), bob=Tape([]))
    made.members[ALICE].muted = True
    assert made.tick()[BOB].payload == b""
    assert made.floor.speaking() == {}


def test_who_is_on_hold_is_sent_nothing() -> None:
    made = room(OPUS, alice=tone(440), bob=Tape([]))
    made.members[BOB].hears = False
    assert set(made.tick()) == {ALICE}


def test_a_prompt_is_heard_by_one_and_then_ends() -> None:
    raw = Counting()
    made = room(raw.codec, alice=Tape([]), bob=Tape([]))
    sound = sounds.sine(700, 3)
    made.members[ALICE].player = Player("welcome", sound)
    for frame in sounds.frames(sound):
        outputs = made.tick()
        assert np.allclose(np.frombuffer(outputs[ALICE].payload, np.float32), frame)
        assert outputs[BOB].payload == b""
    assert made.tick()[ALICE].payload == b""
    assert made.members[ALICE].player is None


def test_a_prompt_in_the_room_is_heard_by_all() -> None:
    made = room(OPUS, alice=tone(440), bob=Tape([]))
    made.player = Player("entry", sounds.sine(700, 60))
    decoders = {leg: OPUS.decoder() for leg in made.members}
    parts: dict[LegId, list[Samples]] = {leg: [] for leg in decoders}
    for _ in range(40):
        for leg, output in made.tick().items():
            parts[leg].append(decoders[leg].decode(output.payload))
    for leg in decoders:
        assert sounds.share(np.concatenate(parts[leg][10:]), 700) > 0.4


def test_a_looped_prompt_begins_again() -> None:
    player = Player("ring", sounds.sine(440, 2), again_from=0)
    played = [player.next() for _ in range(5)]
    assert all(frame is not None for frame in played)


def test_an_encoder_joins_without_a_break() -> None:
    """A listener who begins to talk gets an encoder that was run over what he heard."""
    silence: list[Samples | None] = [None] * 30
    bob = Tape([*silence, *sounds.frames(sounds.sine(1000, 30, 0.2))])
    made = room(OPUS, alice=tone(440, 60), bob=bob, carol=Tape([]))
    decoder = OPUS.decoder()
    frames = [decoder.decode(made.tick()[BOB].payload) for _ in range(60)]
    levels = [codec.level(frame) for frame in frames[10:]]
    assert max(levels) - min(levels) <= 3, "no dip and no burst at the switch"
    assert sounds.share(np.concatenate(frames[35:]), 440) > 0.9


def test_peaks_stay_below_full_scale() -> None:
    limiter = Limiter()
    loud = sounds.frames(sounds.sine(440, 50, 2.5))
    peaks = [float(np.abs(limiter.apply(frame)).max()) for frame in loud]
    assert max(peaks) <= CEILING + 1e-6
    quiet = sounds.frames(sounds.sine(440, 100, 0.1))
    for frame in quiet[:-1]:
        limiter.apply(frame)
    assert np.array_equal(limiter.apply(quiet[-1]), quiet[-1]), "comes up again"


# The floor


def choose(floor: Floor, frames: int = 1, **levels: int) -> tuple[LegId, ...]:
    talkers: tuple[LegId, ...] = ()
    for _ in range(frames):
        talkers = floor.choose({LegId(name): level for name, level in levels.items()})
    return talkers


def test_a_voice_is_let_in_at_once() -> None:
    assert choose(Floor(), alice=25, bob=127) == (ALICE,)


def test_the_floor_is_held_through_a_pause() -> None:
    floor = Floor()
    choose(floor, 10, alice=25)
    assert choose(floor, HOLD, alice=127) == (ALICE,)
    assert choose(floor, 3 * HOLD, alice=127) == ()


def test_three_have_the_floor() -> None:
    floor = Floor()
    levels = {f"p{number}": 20 + number for number in range(10)}
    assert len(choose(floor, 5, **levels)) == MAX_TALKERS


def test_one_as_loud_does_not_displace_but_a_louder_one_does() -> None:
    floor = Floor()
    choose(floor, TENURE + 5, alice=30, bob=30, carol=30)
    assert set(choose(floor, 50, alice=30, bob=30, carol=30, mallory=28)) == {ALICE, BOB, CAROL}
    louder = 30 - int(MARGIN) - 4
    assert MALLORY in choose(floor, 50, alice=30, bob=30, carol=30, mallory=louder)


def test_who_has_just_begun_is_not_displaced() -> None:
    """Mallory, who claims to be very loud, waits until the others have had their turn."""
    floor = Floor()
    choose(floor, 1, alice=40, bob=40, carol=40)
    assert "mallory" not in choose(floor, TENURE - 3, alice=40, bob=40, carol=40, mallory=0)


def test_who_leaves_loses_the_floor() -> None:
    floor = Floor()
    choose(floor, 5, alice=25)
    assert choose(floor, 1, bob=127) == ()


def test_a_frame_is_20_ms() -> None:
    assert FRAME == 960


def test_who_says_to_be_louder_than_he_is_does_not_keep_the_floor() -> None:
    """Three inaudible phones of Mallory's, and Bob, who speaks softly."""
    kind = codecs.load()["pcmu"]
    encoder, made = kind.encoder(), Room()
    phones = {LegId(f"mallory-{n}"): Voice(kind) for n in range(3)} | {BOB: Voice(kind)}
    for number, (leg, voice) in enumerate(phones.items()):
        made.members[leg] = Member(leg, number, voice, OPUS)
    silence = encoder.encode(codec.silence())
    for number, frame in enumerate(sounds.frames(sounds.sine(440, 100, 0.05))):
        for leg, voice in phones.items():
            honest = leg == BOB
            payload = encoder.encode(frame) if honest else silence
            voice.buffer.put(number, payload, codec.level(frame) if honest else 0)
        made.tick()
    assert BOB in made.floor.holds
    assert [voice.doubted for voice in phones.values()] == [True, True, True, False]

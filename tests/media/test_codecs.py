"""Codecs, resampling and what comes from a leg."""

from __future__ import annotations

import numpy as np
import pytest

from sipgateway.media import codec, codecs, resample
from sipgateway.media.codec import FRAME, RATE, CodecError, Samples
from sipgateway.media.voice import Voice
from tests.media import sounds

CODECS = codecs.load()
NAMES = sorted(CODECS)


def through(name: str, sound: Samples) -> Samples:
    """A sound encoded and decoded."""
    encoder, decoder = CODECS[name].encoder(), CODECS[name].decoder()
    return np.concatenate([decoder.decode(encoder.encode(one)) for one in sounds.frames(sound)])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frequency", [300.0, 1000.0, 3000.0])
def test_a_tone_survives(name: str, frequency: float) -> None:
    sound = through(name, sounds.sine(frequency, 20))
    assert len(sound) == 20 * FRAME
    assert sounds.share(sound[5 * FRAME :], frequency) > 0.98
    assert abs(codec.level(sound[5 * FRAME :]) - codec.level(sounds.sine(frequency, 20))) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_silence_is_decoded_to_silence(name: str) -> None:
    decoder = CODECS[name].decoder()
    for _ in range(5):
        assert codec.level(decoder.decode(CODECS[name].silence)) > 70


@pytest.mark.parametrize("name", NAMES)
def test_durations(name: str) -> None:
    kind = CODECS[name]
    payload = kind.encoder().encode(codec.silence())
    assert kind.decoder().duration(payload) == FRAME
    assert kind.duration == kind.clock // 50
    assert kind.decoder().duration(kind.silence) == FRAME


@pytest.mark.parametrize("name", NAMES)
def test_a_lost_frame_is_concealed(name: str) -> None:
    kind = CODECS[name]
    encoder, decoder = kind.encoder(), kind.decoder()
    payloads = [encoder.encode(frame) for frame in sounds.frames(sounds.sine(300, 10))]
    for payload in payloads[:8]:
        decoder.decode(payload)
    made_up = decoder.conceal(payloads[9])
    assert len(made_up) == FRAME
    assert codec.level(made_up) < 40


def test_redundancy_in_opus_is_better_than_guessing() -> None:
    encoder = CODECS["opus"].encoder()
    encoder.expect_loss(0.3)
    # A tone that changes with every frame cannot be guessed from the frame before.
    frames = [sounds.sine(200.0 + 90 * at, 1)[:FRAME] for at in range(20)]
    payloads = [encoder.encode(frame) for frame in frames]
    shares = []
    for following in (payloads[16], None):
        decoder = CODECS["opus"].decoder()
        for payload in payloads[:15]:
            decoder.decode(payload)
        made_up = decoder.conceal(following)
        # The codec's delay of 6.5 ms puts a third of the frame before in it.
        shares.append(sounds.share(made_up, 200.0 + 90 * 15))
    assert shares[0] > shares[1]


@pytest.mark.parametrize(
    ("name", "payload"), [("opus", b""), ("opus", b"\xff\xff"), ("pcmu", b""), ("g722", b"")]
)
def test_what_cannot_be_decoded(name: str, payload: bytes) -> None:
    with pytest.raises(CodecError):
        CODECS[name].decoder().duration(payload)


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        # ITU-T G.711 tables 1 and 2: decision values at the ends and around zero.
        ("pcmu", {0xFF: 0, 0x7F: 0, 0x80: 32124, 0x00: -32124, 0xFE: 8, 0xF0: 120}),
        ("pcma", {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xD4: 24}),
    ],
)
def test_g711_is_that_of_the_standard(name: str, pairs: dict[int, int]) -> None:
    law = CODECS[name].decoder()._law  # type: ignore[attr-defined]
    assert {code: round(float(law.expand[code]) * 32768) for code in pairs} == pairs
    every = np.arange(256, dtype=np.uint8)
    again = law.compress[(law.expand[every] * 32768).astype(np.int32) + 32768]
    assert np.array_equal(law.expand[again], law.expand)


@pytest.mark.parametrize("factor", [2, 3, 6])
def test_resampling_there_and_back(factor: int) -> None:
    sound = sounds.sine(1000, 20)
    down, up = resample.Down(factor), resample.Up(factor)
    low = [down.convert(frame) for frame in sounds.frames(sound)]
    assert all(len(frame) == FRAME // factor for frame in low)
    back = np.concatenate([up.convert(frame) for frame in low])
    assert sounds.share(back[2 * FRAME :], 1000) > 0.999
    assert codec.level(back[2 * FRAME :]) == codec.level(sound)


def test_what_is_too_high_does_not_fold_back() -> None:
    down = resample.Down(6)
    low = np.concatenate([down.convert(frame) for frame in sounds.frames(sounds.sine(5000, 20))])
    assert codec.level(low[200:]) > 50


def test_levels() -> None:
    assert codec.level(codec.silence()) == 127
    assert codec.level(np.ones(FRAME, np.float32)) == 0
    assert codec.level(sounds.sine(1000, 1, 1.0)) == 3


# Voices


def voice(sound: Samples, *, says_level: bool = True, lost: tuple[int, ...] = ()) -> Voice:
    """A voice whose packets have all come, but for the lost ones."""
    made = Voice(CODECS["opus"])
    encoder = CODECS["opus"].encoder()
    for number, frame in enumerate(sounds.frames(sound)):
        payload = encoder.encode(frame)
        if number not in lost:
            made.buffer.put(number, payload, codec.level(frame) if says_level else None)
    return made


@pytest.mark.parametrize("says_level", [True, False])
def test_a_voice_is_decoded_frame_by_frame(says_level: bool) -> None:
    made = voice(sounds.sine(440, 20), says_level=says_level)
    levels, frames = [], []
    for _ in range(18):
        levels.append(made.advance())
        frame = made.samples()
        assert frame is not None
        assert len(frame) == FRAME
        frames.append(frame)
    assert sounds.share(np.concatenate(frames[5:]), 440) > 0.99
    assert all(abs(level - 14) <= 2 for level in levels[3:])


def test_a_voice_that_is_not_wanted_keeps_time() -> None:
    """Frames that nobody asked for are gone, not late."""
    sound = np.concatenate((sounds.sine(440, 10), sounds.sine(1000, 10)))
    made = voice(sound)
    for _ in range(12):
        made.advance()
    frames = []
    for _ in range(5):
        made.advance()
        frame = made.samples()
        assert frame is not None
        frames.append(frame)
    assert sounds.share(np.concatenate(frames[2:]), 1000) > 0.9


def test_loss_is_concealed() -> None:
    made = voice(sounds.sine(440, 20), lost=(8, 12))
    frames = []
    for _ in range(16):
        made.advance()
        frame = made.samples()
        assert frame is not None
        frames.append(frame)
    assert max(codec.level(frame) for frame in frames[2:]) < 25


def test_long_packets_last_for_several_frames() -> None:
    made = Voice(CODECS["pcmu"])
    encoder = CODECS["pcmu"].encoder()
    frames = [encoder.encode(frame) for frame in sounds.frames(sounds.sine(440, 12))]
    for number in range(6):
        made.buffer.put(number, frames[2 * number] + frames[2 * number + 1], None)
    parts = []
    for _ in range(10):
        made.advance()
        frame = made.samples()
        assert frame is not None
        parts.append(frame)
    assert sounds.share(np.concatenate(parts[2:]), 440) > 0.99


def test_short_packets_make_a_frame_together() -> None:
    made = Voice(CODECS["pcmu"])
    encoder = CODECS["pcmu"].encoder()
    octets = b"".join(encoder.encode(frame) for frame in sounds.frames(sounds.sine(440, 12)))
    for number, at in enumerate(range(0, len(octets), 80)):
        made.buffer.put(number, octets[at : at + 80], None)
    parts = []
    for _ in range(10):
        made.advance()
        frame = made.samples()
        assert frame is not None
        parts.append(frame)
    assert sounds.share(np.concatenate(parts[2:]), 440) > 0.99


def test_garbage_from_mallory_is_silence() -> None:
    made = Voice(CODECS["opus"])
    for number in range(5):
        made.buffer.put(number, b"\xff\xff\xff", 10)
    made.advance()
    frame = made.samples()
    assert frame is not None
    assert codec.level(frame) == 127
    assert made.undecodable == 1


def test_who_says_nothing_is_silent() -> None:
    made = Voice(CODECS["opus"])
    assert made.advance() == 127
    assert made.samples() is None
    assert RATE == 48_000

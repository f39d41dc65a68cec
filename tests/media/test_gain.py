"""Loud and quiet callers come out alike, by what is heard of them."""

from __future__ import annotations

import numpy as np
import pytest

from sipgateway.media import codec, codecs
from sipgateway.media.codec import FRAME, Samples
from sipgateway.media.engine import LegId
from sipgateway.media.gain import FAST, NEAR, TARGET, Leveller
from sipgateway.media.mixer import CEILING, Member, Room
from sipgateway.media.voice import Voice
from tests.media import network, sounds

OPUS = codecs.load()["opus"]


def loudness(frames: list[Samples]) -> float:
    """dBov of what is not silent."""
    sound = np.concatenate(frames)
    loud = sound[np.abs(sound) > 0.02 * np.abs(sound).max()]
    return float(10 * np.log10(np.mean(loud**2)))


def levelled(frames: list[Samples], times: int = 3) -> list[Samples]:
    """What is said so often in a row, the last time of it."""
    leveller = Leveller()
    out = [leveller.apply(frame) for _ in range(times) for frame in frames]
    return out[-len(frames) :]


ALIKE = 3.0
"""dB from the target within which somebody is as loud as the others."""


@pytest.mark.parametrize("sentence", [0, 1])
@pytest.mark.parametrize("said", [-45.0, -40.0, -35.0, -30.0, -22.0, -20.0, -15.0, -10.0])
def test_loud_and_quiet_come_out_alike(said: float, sentence: int) -> None:
    out = levelled(network.speech(sentence, loudness=said))
    assert loudness(out) == pytest.approx(TARGET, abs=ALIKE)


@pytest.mark.parametrize("said", [-27.0, -26.0])
def test_who_is_about_right_is_not_touched(said: float) -> None:
    frames = network.speech(loudness=said)
    assert all(
        np.array_equal(one, other) for one, other in zip(levelled(frames), frames, strict=True)
    )


@pytest.mark.parametrize("sentence", [0, 1])
@pytest.mark.parametrize(
    ("before", "then"), [(None, -45.0), (None, -12.0), (-15.0, -45.0), (-45.0, -12.0)]
)
def test_it_is_right_after_two_seconds_of_speech(
    sentence: int, before: float | None, then: float
) -> None:
    """Also when somebody else takes the phone."""
    leveller = Leveller()
    for frame in network.speech(sentence, loudness=before) * 3 if before else []:
        leveller.apply(frame)
    spoken, gains = 0, []
    for frame in network.speech(sentence, loudness=then) * 3:
        leveller.apply(frame)
        spoken += leveller.level > then - 16
        if spoken > 100:
            gains.append(leveller.gain)
    assert min(gains) + then > TARGET - ALIKE
    assert max(gains) + then < TARGET + ALIKE


def test_it_does_not_pump() -> None:
    """Once it is right it stays so: in pauses, at loud words and at quiet ones."""
    leveller, chance = Leveller(), np.random.default_rng(1)
    gains = []
    for _ in range(8):
        for frame in network.speech(0, loudness=-38.0):
            room = (10 ** (-62 / 20) * chance.standard_normal(FRAME)).astype(np.float32)
            leveller.apply(frame + room)
            gains.append(leveller.gain)
    late = gains[200:]
    assert max(late) - min(late) < 2 * NEAR


@pytest.mark.parametrize("loud", [-55.0, -40.0])
@pytest.mark.parametrize("before", [0, 100])
def test_noise_is_not_brought_up(loud: float, before: int) -> None:
    """A fan, of a caller who says nothing beside it: also where there was no sound before."""
    chance = np.random.default_rng(1)
    hum = (10 ** (loud / 20) * chance.standard_normal(500 * FRAME)).astype(np.float32)
    leveller = Leveller()
    for frame in [codec.silence()] * before + sounds.frames(hum):
        assert np.array_equal(leveller.apply(frame), frame)


def test_a_fan_between_words_is_as_loud_as_ever() -> None:
    """Half a minute of nothing but the fan of a quiet caller moves nothing."""
    chance, leveller = np.random.default_rng(1), Leveller()

    def fan() -> Samples:
        return (10 ** (-60 / 20) * chance.standard_normal(FRAME)).astype(np.float32)

    for frame in network.speech(0, loudness=-40.0) * 3:
        leveller.apply(frame + fan())
    gain = leveller.gain
    assert gain == pytest.approx(TARGET + 40, abs=ALIKE)
    for _ in range(1500):
        leveller.apply(fan())
    assert leveller.gain == gain


def test_no_step_is_large() -> None:
    loud, quiet = network.speech(loudness=-12.0), network.speech(loudness=-42.0)
    leveller = Leveller()
    gains = []
    for frame in [*loud, *quiet, *quiet]:
        leveller.apply(frame)
        gains.append(leveller.gain)
    assert np.abs(np.diff(gains)).max() <= FAST + 1e-9
    assert min(gains) < -6
    assert gains[-1] > 6


def test_frames_join_without_a_step() -> None:
    leveller = Leveller(wanted=20.0, fresh=True, noise=-90.0)
    tone = sounds.frames(sounds.sine(440, 40, 0.05))
    out = np.concatenate([leveller.apply(frame) for frame in tone])
    assert leveller.gain > 3
    steps = np.abs(np.diff(out))
    assert steps.max() < 1.1 * 2 * np.pi * 440 / 48_000 * np.abs(out).max()


def test_in_a_room_a_whisper_is_as_loud_as_a_shout() -> None:
    """Alice shouts and Bob whispers, one after the other; Carol hears both alike."""
    alice, bob, carol = (LegId(name) for name in ("alice", "bob", "carol"))
    room = Room()
    for number, leg in enumerate((alice, bob, carol), 1):
        room.members[leg] = Member(leg, number, Voice(OPUS), OPUS)
    decoder, heard = OPUS.decoder(), {}
    said = {alice: network.speech(0, loudness=-12.0), bob: network.speech(0, loudness=-40.0)}
    for leg, frames in said.items():
        voice, encoder, parts = room.members[leg].voice, OPUS.encoder(), []
        assert isinstance(voice, Voice)
        for number, frame in enumerate(frames * 3):
            voice.buffer.put(number, encoder.encode(frame), codec.level(frame))
            parts.append(decoder.decode(room.tick()[carol].payload))
        heard[leg] = parts[-len(frames) :]
        for _ in range(50):
            room.tick()
    assert loudness(heard[alice]) == pytest.approx(loudness(heard[bob]), abs=ALIKE)
    assert max(float(np.abs(one).max()) for one in heard[alice]) <= 1.1 * CEILING

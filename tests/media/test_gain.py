"""Loud and quiet callers come out alike, by what is heard of them."""

from __future__ import annotations

import numpy as np
import pytest

from sipgateway.media import codec, codecs
from sipgateway.media.codec import FRAME, Samples
from sipgateway.media.engine import LegId
from sipgateway.media.gain import LEAST, MOST, TARGET, TOLERANCE, Leveller
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


@pytest.mark.parametrize("said", [-44.0, -38.0, -32.0, -14.0, -11.0])
def test_loud_and_quiet_come_out_alike(said: float) -> None:
    out = levelled(network.speech(loudness=said))
    wanted = min(max(TARGET, said + LEAST), said + MOST)
    assert loudness(out) == pytest.approx(wanted, abs=TOLERANCE + 1.5)


@pytest.mark.parametrize("said", [-27.0, -24.0, -21.0])
def test_who_is_about_right_is_not_touched(said: float) -> None:
    frames = network.speech(loudness=said)
    assert all(
        np.array_equal(one, other) for one, other in zip(levelled(frames), frames, strict=True)
    )


def test_noise_is_not_brought_up() -> None:
    """A quiet caller's fan, and a caller who says nothing beside one."""
    chance = np.random.default_rng(1)
    hum = (10 ** (-55 / 20) * chance.standard_normal(500 * FRAME)).astype(np.float32)
    leveller = Leveller()
    for frame in sounds.frames(hum):
        assert np.array_equal(leveller.apply(frame), frame)


def test_it_turns_down_quickly_and_up_slowly() -> None:
    loud, quiet = network.speech(loudness=-12.0), network.speech(loudness=-42.0)
    leveller = Leveller()
    gains = []
    for frame in [*loud, *quiet, *quiet]:
        leveller.apply(frame)
        gains.append(leveller.gain)
    steps = np.diff(gains)
    assert steps.min() >= -0.5 - 1e-9
    assert steps.max() <= 0.16 + 1e-9
    assert min(gains) < -6
    assert gains[-1] > 6


def test_frames_join_without_a_step() -> None:
    leveller = Leveller(gain=0.0, noise=-90.0, power=1e-5, count=50)
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
    assert loudness(heard[alice]) == pytest.approx(loudness(heard[bob]), abs=6.0)
    assert max(float(np.abs(one).max()) for one in heard[alice]) <= 1.1 * CEILING

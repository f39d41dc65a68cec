"""One track for each participant: aligned with the mix, and nobody else on it."""

from __future__ import annotations

import gc
import subprocess
import weakref
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgateway.media import codec, codecs, ogg
from sipgateway.media.archive import Archive
from sipgateway.media.codec import FRAME, RATE, Samples
from sipgateway.media.engine import LegId, RoomId
from sipgateway.media.mixer import Member
from sipgateway.media.ogg import Place
from sipgateway.media.rooms import Rooms
from sipgateway.media.tracks import Tracks
from sipgateway.media.voice import Voice
from tests.media import sounds

OPUS = codecs.load()["opus"]
ROOM = RoomId("4711")
NOTHING = 0.001
"""Of full scale: the dither of the program that decodes."""

EDGE = RATE // 10
"""Left out on both sides of a change."""


def heard(path: Path) -> Samples:
    """What a player makes of the file, decoded by another program."""
    out = path.with_suffix(".raw")
    command = ["opusdec", "--quiet", "--force-wav", "--rate", "48000", str(path), str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return np.frombuffer(out.read_bytes()[44:], "<i2").astype(np.float32) / 32768.0


def info(path: Path) -> str:
    """What opusinfo says of it; warnings come with it."""
    done = subprocess.run(["opusinfo", str(path)], check=False, capture_output=True, text=True)
    return done.stdout + done.stderr


def between(sound: Samples, start: float, end: float) -> Samples:
    """A part of it by seconds, without its edges; what a decoder skips counts."""
    return sound[int(start * RATE) + EDGE : int(end * RATE) - EDGE]


class Talk:
    """A room that is recorded as "one", in which people say tones."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.rooms = Rooms()
        self.archive = Archive(directory, OPUS)
        self.members: dict[str, Member] = {}
        self.numbers: Counter[str] = Counter()

    def joins(self, name: str, *, track: str = "") -> Member:
        member = Member(LegId(name), len(self.members), Voice(OPUS), OPUS)
        member.track = track or f"one-{name}"
        self.members[name] = member
        self.rooms.place(member, ROOM)
        return member

    def leaves(self, name: str) -> None:
        self.rooms.leave(self.members.pop(name).leg)

    def record(self, name: str = "one", *, paused: bool = False) -> None:
        assert self.archive.record(self.rooms, ROOM, name, paused=paused) == []
        self.archive.look(self.rooms)

    def says(self, seconds: float, **tones: float) -> None:
        encoders = {name: OPUS.encoder() for name in tones}
        frames = {
            name: sounds.frames(sounds.sine(hertz, int(seconds * 50)))
            for name, hertz in tones.items()
        }
        for number in range(int(seconds * 50)):
            for name, encoder in encoders.items():
                voice = self.members[name].voice
                assert isinstance(voice, Voice)
                self.numbers[name] += 1
                voice.buffer.put(self.numbers[name], encoder.encode(frames[name][number]), 10)
            list(self.rooms.tick())

    def ends(self) -> None:
        self.record("")
        self.archive.close()

    def track(self, name: str) -> Samples:
        return heard(self.directory / f"one-{name}.opus")


def test_each_has_a_track_as_long_as_the_mix(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    for name in ("alice", "bob", "carol"):
        talk.joins(name)
    talk.record()
    talk.says(1, alice=440)
    talk.says(1, bob=1000)
    talk.says(1, alice=440, bob=1000)
    talk.says(1)
    talk.ends()
    mix = heard(tmp_path / "one.opus")
    alice, bob, carol = (talk.track(name) for name in ("alice", "bob", "carol"))
    assert {len(mix), len(alice), len(bob), len(carol)} == {4 * RATE - ogg.PRE_SKIP}
    assert np.abs(carol).max() < NOTHING, "she said nothing"
    for start, end, hertz in ((0, 1, 440), (2, 3, 440)):
        assert sounds.share(between(alice, start, end), hertz) > 0.95
        assert sounds.share(between(alice, start, end), 1000) < 0.01
    assert np.abs(between(alice, 1, 2)).max() < 0.01
    assert np.abs(between(alice, 3, 4)).max() < 0.01
    assert np.abs(between(bob, 0, 1)).max() < 0.01
    assert sounds.share(between(bob, 1, 3), 1000) > 0.95
    for name in ("alice", "bob", "carol"):
        told = info(tmp_path / f"one-{name}.opus")
        assert "WARNING" not in told.upper(), told
        assert "Playback length: 0m:03.993s" in told


def test_who_comes_late_begins_with_silence_and_who_goes_ends_with_it(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.joins("alice")
    talk.record()
    talk.says(40, alice=440)
    talk.joins("bob")
    talk.says(1, alice=440, bob=1000)
    talk.leaves("bob")
    talk.says(2, alice=440)
    talk.joins("bob")
    talk.says(1, bob=1000)
    talk.ends()
    bob = talk.track("bob")
    assert len(bob) == 44 * RATE - ogg.PRE_SKIP
    assert np.abs(bob[: 40 * RATE - EDGE]).max() < NOTHING
    assert sounds.share(between(bob, 40, 41), 1000) > 0.9
    assert np.abs(between(bob, 41, 43)).max() < 0.02
    assert sounds.share(between(bob, 43, 44), 1000) > 0.9
    size = (tmp_path / "one-bob.opus").stat().st_size
    assert size < 25_000, "silence is small"


def test_tracks_and_mix_are_aligned_to_the_sample(tmp_path: Path) -> None:
    """The sum of the tracks is the mix, with no shift between them."""
    talk = Talk(tmp_path)
    talk.joins("alice")
    talk.joins("bob")
    talk.record()
    talk.says(1)
    talk.says(2, alice=300, bob=1370)
    talk.ends()
    mix = between(heard(tmp_path / "one.opus"), 1.2, 3)
    summed = between(talk.track("alice") + talk.track("bob"), 1.2, 3)
    shifts = range(-100, 101, 4)
    alike = [
        float(np.corrcoef(mix[200:-200], np.roll(summed, one)[200:-200])[0, 1]) for one in shifts
    ]
    assert abs(list(shifts)[int(np.argmax(alike))]) <= 4
    assert max(alike) > 0.95


def test_who_does_not_agree_and_who_is_muted_is_on_no_track(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.joins("alice")
    mallory = talk.joins("mallory")
    mallory.agrees = False
    talk.record()
    talk.says(1, alice=440, mallory=1000)
    assert not (tmp_path / "one-mallory.opus").exists()
    mallory.agrees, mallory.muted = True, True
    talk.says(1, alice=440, mallory=1000)
    mallory.muted = False
    talk.says(1, alice=440, mallory=1000)
    talk.ends()
    sound = talk.track("mallory")
    assert np.abs(between(sound, 0, 2)).max() < NOTHING
    assert sounds.share(between(sound, 2, 3), 1000) > 0.9


def test_who_does_not_get_the_floor_is_kept_all_the_same(tmp_path: Path) -> None:
    """Three are mixed; the fourth is on his track."""
    talk = Talk(tmp_path)
    hertz = {"alice": 300.0, "bob": 500.0, "carol": 800.0, "mallory": 1300.0}
    for name in hertz:
        talk.joins(name)
    talk.record()
    talk.says(2, **hertz)
    talk.ends()
    assert len(talk.rooms._rooms[ROOM].floor.holds) == 3
    for name, one in hertz.items():
        assert sounds.share(between(talk.track(name), 0.5, 2), one) > 0.9, name


def test_a_pause_is_on_no_track(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.joins("alice")
    talk.record()
    talk.says(1, alice=440)
    talk.record(paused=True)
    talk.says(1, alice=700)
    talk.record()
    talk.says(1, alice=1000)
    talk.ends()
    sound = talk.track("alice")
    assert len(sound) == 2 * RATE - ogg.PRE_SKIP
    assert sounds.share(between(sound, 0, 1), 440) > 0.95
    assert sounds.share(between(sound, 1, 2), 1000) > 0.95


def test_two_phones_of_one_person_are_one_track(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.joins("alice", track="one-a")
    talk.joins("desk", track="one-a")
    talk.record()
    talk.says(1, alice=440, desk=1000)
    talk.ends()
    sound = between(talk.track("a"), 0, 1)
    assert sounds.share(sound, 440) > 0.4
    assert sounds.share(sound, 1000) > 0.4


def test_tracks_survive_a_worker(tmp_path: Path) -> None:
    """Killed while somebody speaks: what was cut is gone on with, aligned again."""
    first = Talk(tmp_path)
    first.joins("alice")
    first.joins("bob")
    first.record()
    first.says(2.5, alice=440)
    first.archive.close()  # its last words are written
    for name in ("one", "one-alice"):
        path = tmp_path / f"{name}.opus"
        path.write_bytes(path.read_bytes()[:-40])
    second = Talk(tmp_path)
    second.joins("alice")
    second.joins("bob")
    second.record()
    second.says(1, bob=1000)
    second.says(1, alice=700)
    second.ends()
    mix, alice, bob = heard(tmp_path / "one.opus"), second.track("alice"), second.track("bob")
    assert len(mix) == len(alice) == len(bob)
    end = len(mix) / RATE
    assert sounds.share(between(alice, end - 1, end), 700) > 0.9
    assert sounds.share(between(bob, end - 2, end - 1), 1000) > 0.9
    assert sounds.share(between(mix, end - 2, end - 1), 1000) > 0.9
    assert np.abs(between(bob, end - 1, end)).max() < 0.02


def test_another_recordings_track_is_not_begun(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.joins("alice", track="other-alice")
    talk.record()
    talk.says(1, alice=440)
    talk.ends()
    assert [one.name for one in tmp_path.glob("*.opus")] == ["one.opus"]


def test_what_cannot_be_written_is_told_once_and_the_mix_goes_on(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.joins("alice")
    talk.record()
    (tmp_path / "one-alice.opus").unlink()
    talk.says(3, alice=440)
    talk.record("")
    talk.archive.close()
    reports = talk.archive.look(talk.rooms)
    assert [(one["name"], bool(one["reason"])) for one in reports] == [
        ("one-alice", True),
        ("one", False),
    ]


def test_a_disk_that_does_not_answer_blocks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tracks, "_write", lambda _: None)
    monkeypatch.setattr("sipgateway.media.tracks.BEHIND", 5)
    tracks = Tracks(tmp_path, "one", OPUS)
    tracks.expect(["one-a"])
    frame = sounds.frames(sounds.sine(440, 1))[0]
    for at in range(7 * ogg.PACKETS):
        tracks.take(at, {"one-a": frame})
    assert [track.failed for track in tracks] == ["the disk is too slow"]


@given(st.integers(0, 20_000), st.integers(0, 5))
def test_silence_is_as_long_as_it_says(frames: int, number: int) -> None:
    place = Place(7, number, number * FRAME)
    octets, seen = ogg.build_silence(place, frames, OPUS.silence), 0
    at = place
    while (page := ogg.read_page(octets)) is not None:
        seen += sum(6 if packet[0] & 3 else 1 for packet in page.packets)
        assert page.place.granule == place.granule + seen * FRAME
        at = page.place
        octets = octets[page.size :]
    assert (seen, octets) == (frames, b"")
    assert at == ogg.after_silence(place, frames)


@pytest.mark.parametrize("says", [False, True])
def test_nothing_of_it_is_left_to_the_collector(tmp_path: Path, *, says: bool) -> None:
    """A worker makes so little garbage that it would lie there for an hour."""
    tracks = Tracks(tmp_path, "one", OPUS)
    if says:
        tracks.take(0, {"one-alice": codec.silence()})
    tracks.close(50, end=True)
    tracks.join()
    left = weakref.ref(tracks)
    gc.disable()
    try:
        del tracks
        assert left() is None
    finally:
        gc.enable()

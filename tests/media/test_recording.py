"""Recordings: Ogg by the letter, cut files, what is in them, and who is not."""

from __future__ import annotations

import errno
import subprocess
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgateway.media import codecs, ogg
from sipgateway.media.archive import Archive
from sipgateway.media.codec import RATE, Samples
from sipgateway.media.engine import LegId, RoomId
from sipgateway.media.mixer import Member, Player
from sipgateway.media.ogg import Place, Writer
from sipgateway.media.recording import BEHIND, SLOW, Recorder
from sipgateway.media.rooms import Rooms
from sipgateway.media.voice import Voice
from tests.media import sounds

OPUS = codecs.load()["opus"]
ROOM = RoomId("4711")


def tone(hertz: float, seconds: float) -> list[bytes]:
    """Packets of a tone."""
    encoder = OPUS.encoder()
    return [encoder.encode(one) for one in sounds.frames(sounds.sine(hertz, int(seconds * 50)))]


def record(path: Path, packets: list[bytes], *, end: bool = True) -> Recorder:
    """Write them all."""
    recorder = Recorder(path)
    for packet in packets:
        recorder.take(packet)
    recorder.close(end=end)
    recorder.join()
    assert recorder.done
    return recorder


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


# Pages


def test_the_checksum_is_that_of_rfc_3533() -> None:
    """Against a loop written from its appendix."""

    def slowly(octets: bytes) -> int:
        rest = 0
        for octet in octets:
            rest ^= octet << 24
            for _ in range(8):
                rest = (rest << 1) ^ (0x04C11DB7 if rest & 0x80000000 else 0)
                rest &= 0xFFFFFFFF
        return rest

    for octets in (b"", b"\x00", b"OggS", bytes(range(256)), b"\xff" * 999):
        assert ogg.checksum(octets) == slowly(octets)


@given(st.lists(st.binary(max_size=600), max_size=40))
def test_pages_round_trip(packets: list[bytes]) -> None:
    page = ogg.build_page(packets, granule=960 * len(packets), serial=7, number=3, flags=ogg.LAST)
    read = ogg.read_page(page + b"rest")
    assert read is not None
    assert read.packets == packets
    assert read.place == Place(7, 4, 960 * len(packets))
    assert (read.size, read.flags) == (len(page), ogg.LAST)


@given(st.binary(max_size=400))
def test_noise_is_no_page(noise: bytes) -> None:
    assert ogg.read_page(noise) is None
    assert ogg.last_page(noise) is None


def test_a_broken_page_is_none() -> None:
    page = ogg.build_page([b"one", b"two"], granule=1920, serial=7, number=3)
    for at in range(len(page)):
        broken = page[:at] + bytes([page[at] ^ 1]) + page[at + 1 :]
        assert ogg.read_page(broken) is None, at
        assert ogg.read_page(page[:at]) is None


def test_the_longest_packets_fit() -> None:
    writer = Writer(Place(1))
    octets = b"".join(writer.add(bytes(1275)) for _ in range(60)) + writer.end()
    seen = 0
    while (page := ogg.read_page(octets)) is not None:
        seen += len(page.packets)
        octets = octets[page.size :]
    assert (seen, octets) == (60, b"")


# Files


def test_another_program_plays_it(tmp_path: Path) -> None:
    path = tmp_path / "one.opus"
    recorder = record(path, tone(440, 3))
    told = info(path)
    assert "WARNING" not in told.upper(), told
    assert "Playback length: 0m:02.993s" in told
    assert recorder.seconds == pytest.approx(2.9935)
    sound = heard(path)
    assert len(sound) == 3 * RATE - ogg.PRE_SKIP
    assert sounds.share(sound, 440) > 0.95


def test_a_file_that_was_cut_plays_up_to_there_and_is_gone_on_with(tmp_path: Path) -> None:
    """A worker was killed in the middle of a write."""
    path = tmp_path / "one.opus"
    recorder = record(path, tone(440, 3.5), end=False)
    assert recorder.octets > 0
    path.write_bytes(path.read_bytes()[:-100])
    assert 2.9 < len(heard(path)) / RATE < 3.1
    assert sounds.share(heard(path), 440) > 0.9
    second = record(path, tone(1000, 2))
    assert second.seconds == pytest.approx(5.0 - ogg.PRE_SKIP / RATE)
    told = info(path)
    assert "WARNING" not in told.upper(), told
    assert "Playback length: 0m:04.993s" in told
    sound = heard(path)
    assert sounds.share(sound[: 2 * RATE], 440) > 0.9
    assert sounds.share(sound[-RATE:], 1000) > 0.9


@pytest.mark.parametrize("rubbish", [b"", b"no Ogg at all", b"OggS" * 50])
def test_what_is_no_recording_is_begun_anew(tmp_path: Path, rubbish: bytes) -> None:
    path = tmp_path / "one.opus"
    path.write_bytes(rubbish)
    record(path, tone(440, 1))
    assert sounds.share(heard(path), 440) > 0.9


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    record(tmp_path / "one.opus", tone(440, 0.1))
    assert (tmp_path / "one.opus").stat().st_mode & 0o077 == 0


def test_a_pause_leaves_out_what_is_said_in_it(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "one.opus")
    for hertz, paused in ((440, False), (700, True), (1000, False)):
        recorder.pause(paused)
        for packet in tone(hertz, 1):
            recorder.take(packet)
    recorder.close(end=True)
    recorder.join()
    sound = heard(tmp_path / "one.opus")
    assert len(sound) == 2 * RATE - ogg.PRE_SKIP
    assert sounds.share(sound[: RATE - 4800], 440) > 0.9
    assert sounds.share(sound[-RATE + 4800 :], 1000) > 0.9


class FullDisk:
    """A file on a disk that is full."""

    def write(self, octets: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        """Closed."""


class StuckDisk(FullDisk):
    """A file on a disk that does not answer."""

    def __init__(self) -> None:
        self.answers = threading.Event()

    def write(self, octets: bytes) -> int:
        self.answers.wait(10.0)
        return len(octets)


def test_a_full_disk_ends_the_recording_and_not_the_mixer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sipgateway.media.recording.begin", lambda _: (FullDisk(), Writer(Place(1)))
    )
    recorder = record(tmp_path / "one.opus", tone(440, 2))
    assert recorder.failed == "No space left on device"


def test_a_disk_that_does_not_answer_blocks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = StuckDisk()
    monkeypatch.setattr("sipgateway.media.recording.begin", lambda _: (disk, Writer(Place(1))))
    recorder = Recorder(tmp_path / "one.opus")
    for _ in range((BEHIND + 3) * ogg.PACKETS):
        recorder.take(b"\xf8\xff\xfe")
    assert recorder.failed == SLOW
    recorder.close(end=True)
    assert not recorder.done
    disk.answers.set()
    recorder.join()
    assert recorder.done


# Rooms


class Talk:
    """A room in which people say tones."""

    def __init__(self, directory: Path) -> None:
        self.rooms = Rooms()
        self.archive = Archive(directory, OPUS)
        self.members: dict[str, Member] = {}
        self.numbers: Counter[str] = Counter()

    def joins(self, name: str) -> Member:
        member = self.members[name] = Member(LegId(name), len(self.members), Voice(OPUS), OPUS)
        self.rooms.place(member, ROOM)
        return member

    def says(self, tones: dict[str, float], seconds: float = 1.0) -> None:
        encoded = {name: tone(hertz, seconds) for name, hertz in tones.items()}
        for number in range(int(seconds * 50)):
            for name, packets in encoded.items():
                voice = self.members[name].voice
                assert isinstance(voice, Voice)
                voice.buffer.put(self._next(name), packets[number], 10)
            list(self.rooms.tick())

    def _next(self, name: str) -> int:
        self.numbers[name] += 1
        return self.numbers[name]


def test_a_room_is_recorded_with_all_its_voices(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.joins("alice")
    talk.joins("bob")
    assert talk.archive.record(talk.rooms, ROOM, "one", paused=False) == []
    talk.says({"alice": 440.0, "bob": 1000.0}, 2)
    talk.archive.record(talk.rooms, ROOM, "", paused=False)
    talk.archive.close()
    (report,) = talk.archive.look(talk.rooms)
    assert (report["name"], report["reason"], report["seconds"]) == ("one", "", 1.99)
    sound = heard(tmp_path / "one.opus")[RATE // 2 :]
    assert sounds.share(sound, 440) > 0.4
    assert sounds.share(sound, 1000) > 0.4


def test_listeners_share_their_encoding_with_the_recording(tmp_path: Path) -> None:
    """Encoded once: the packets in the file are those that Carol got."""
    talk = Talk(tmp_path)
    for name in ("alice", "carol"):
        talk.joins(name)
    talk.archive.record(talk.rooms, ROOM, "one", paused=False)
    got: list[bytes] = []
    encoded = tone(440.0, 1)
    for number, packet in enumerate(encoded):
        voice = talk.members["alice"].voice
        assert isinstance(voice, Voice)
        voice.buffer.put(number, packet, 10)
        got += [output.payload for leg, output in talk.rooms.tick() if output and leg == "carol"]
    talk.archive.close()
    octets, kept = (tmp_path / "one.opus").read_bytes(), list[bytes]()
    while (page := ogg.read_page(octets)) is not None:
        kept += page.packets if page.place.granule else []
        octets = octets[page.size :]
    assert kept == got


def test_who_does_not_agree_is_left_out(tmp_path: Path) -> None:
    """Mallory has not agreed: she is heard and not kept."""
    talk = Talk(tmp_path)
    talk.joins("alice")
    mallory, carol = talk.joins("mallory"), talk.joins("carol")
    mallory.agrees = False
    talk.archive.record(talk.rooms, ROOM, "one", paused=False)
    talk.says({"alice": 440.0, "mallory": 1000.0}, 2)
    mallory.agrees = True
    talk.says({"alice": 440.0, "mallory": 1000.0}, 2)
    talk.archive.close()
    sound = heard(tmp_path / "one.opus")
    before, after = sound[RATE // 2 : 2 * RATE - 4800], sound[2 * RATE + 4800 :]
    assert sounds.share(before, 1000) < 0.05
    assert sounds.share(before, 440) > 0.9
    assert sounds.share(after, 1000) > 0.4
    assert carol.encoder is None, "she heard the common mix all the time"


def test_an_announcement_is_kept_too(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.joins("alice")
    talk.archive.record(talk.rooms, ROOM, "one", paused=False)
    talk.rooms.play(ROOM, Player("x", sounds.sine(700, 50)))
    talk.says({}, 1)
    talk.archive.close()
    assert sounds.share(heard(tmp_path / "one.opus"), 700) > 0.9


def test_a_room_that_empties_lets_go_of_its_file_and_takes_it_up_again(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    alice = talk.joins("alice")
    talk.archive.record(talk.rooms, ROOM, "one", paused=False)
    talk.says({"alice": 440.0}, 1)
    talk.rooms.leave(alice.leg)
    assert talk.archive.look(talk.rooms) == []
    talk.joins("bob")
    talk.archive.record(talk.rooms, ROOM, "one", paused=False)
    (report,) = talk.archive.look(talk.rooms)
    assert (report["event"], report["seconds"]) == ("kept", 0.99)
    talk.says({"bob": 1000.0}, 1)
    talk.archive.record(talk.rooms, ROOM, "", paused=False)
    talk.archive.close()
    sound = heard(tmp_path / "one.opus")
    assert len(sound) == 2 * RATE - ogg.PRE_SKIP
    assert sounds.share(sound[: RATE - 4800], 440) > 0.9
    assert sounds.share(sound[-RATE // 2 :], 1000) > 0.9


def test_paused_nothing_is_encoded_for_it(tmp_path: Path) -> None:
    talk = Talk(tmp_path)
    talk.joins("alice")
    talk.archive.record(talk.rooms, ROOM, "one", paused=True)
    assert talk.rooms._rooms[ROOM].keeper is None
    talk.archive.record(talk.rooms, ROOM, "one", paused=False)
    assert talk.rooms._rooms[ROOM].keeper is not None
    talk.archive.close()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "", " ", "x" * 65, "one.opus"])
def test_mallory_names_no_other_file(tmp_path: Path, name: str) -> None:
    talk = Talk(tmp_path / "recordings")
    talk.joins("alice")
    reports = talk.archive.record(talk.rooms, ROOM, name, paused=False)
    assert [one["reason"] for one in reports] == (["not a name for a file"] if name else [])
    assert list(tmp_path.rglob("*")) == []

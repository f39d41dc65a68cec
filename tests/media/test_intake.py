"""Sounds that somebody sends: what is taken, what is made of it, and Mallory's rubbish."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sipgateway.media import codecs, intake, ogg, opus, prompts
from sipgateway.media.codec import FRAME, RATE, Samples
from sipgateway.media.engine import LegId, RoomId
from sipgateway.media.intake import Refusal, Refused
from sipgateway.media.mixer import Keeper, Member, Player
from sipgateway.media.rooms import Rooms
from sipgateway.media.sounds import SoundFile, find
from sipgateway.media.voice import Voice
from tests.media import sounds

LIBRARY = opus.Library()
OPUS = codecs.load()["opus"]
ROOM = RoomId("4711")


def wav(path: Path, samples: Samples, rate: int, *, width: int = 2, channels: int = 1) -> Path:
    """A WAV file, each channel the same."""
    full = {1: 127, 2: 2**15 - 1, 3: 2**23 - 1, 4: 2**31 - 1}[width]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        values = np.repeat(np.round(samples.astype(np.float64) * full), channels).astype("<i8")
        if width == 1:
            octets = (values + 128).astype(np.uint8).tobytes()
        else:
            octets = values.view(np.uint8).reshape(-1, 8)[:, :width].tobytes()
        file.writeframes(octets)
    return path


def sine(hertz: float, seconds: float, rate: int, gain: float = 0.3) -> Samples:
    at = np.arange(int(seconds * rate)) / rate
    return np.asarray(gain * np.sin(2 * np.pi * hertz * at), np.float32)


def run(file: Path, out: Path) -> dict[str, object]:
    """As the portal has it looked at: in a process of its own."""
    command = [sys.executable, "-m", "sipgateway.media.intake", str(file), str(out)]
    done = subprocess.run(command, check=True, capture_output=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def played(path: Path, start: float = 0.0) -> Samples:
    """What a room hears of it."""
    sound = SoundFile(path, "t", OPUS.decoder(), start=start)
    frames = []
    while (frame := sound.next()) is not None:
        frames.append(frame)
    return np.concatenate(frames) if frames else np.zeros(0, np.float32)


@pytest.mark.parametrize(
    ("rate", "width", "channels"),
    [(8000, 2, 1), (44_100, 2, 2), (48_000, 3, 1), (22_050, 1, 1), (96_000, 4, 2), (11_025, 2, 6)],
)
def test_waves_of_all_kinds_keep_pitch_and_length(
    tmp_path: Path, rate: int, width: int, channels: int
) -> None:
    file = wav(tmp_path / "in", sine(1000, 2.5, rate), rate, width=width, channels=channels)
    samples = intake.read(file, LIBRARY)
    assert len(samples) == pytest.approx(2.5 * RATE, abs=50)
    assert sounds.share(samples[RATE // 4 : -RATE // 4], 1000) > 0.98
    assert np.abs(np.diff(samples)).max() < 0.06, "no click where a second ends"


def test_what_opusenc_writes_is_taken(tmp_path: Path) -> None:
    """Stereo, and by another program."""
    plain = wav(tmp_path / "in.wav", sine(700, 3, 48_000), 48_000, channels=2)
    coded = tmp_path / "in.opus"
    subprocess.run(["opusenc", "--quiet", str(plain), str(coded)], check=True)
    samples = intake.read(coded, LIBRARY)
    assert len(samples) == pytest.approx(3 * RATE, abs=FRAME)
    assert sounds.share(samples[RATE // 2 : -RATE // 2], 700) > 0.98


def test_packets_that_span_pages_are_put_together() -> None:
    first, second = bytes(range(255)) * 2 + b"end", b"next"
    head = ogg.HEADER.pack(ogg.MAGIC, 0, 0, 0, 7, 0, 0, 2)
    page = bytearray(head + b"\xff\xff" + first[:510])
    page[22:26] = struct.pack("<I", ogg.checksum(bytes(page)))
    rest = ogg.build_page([first[510:], second], granule=0, serial=7, number=1, flags=1)
    other = ogg.build_page([b"of another stream"], granule=0, serial=8, number=0)
    assert list(intake._packets(bytes(page) + other + rest)) == [first, second]


def test_quiet_and_loud_ones_come_out_alike() -> None:
    loudness = []
    for gain in (0.02, 0.1, 0.8):
        samples = intake.levelled(np.concatenate((sine(440, 1, RATE, gain), prompts.pause(3))))
        loudness.append(float(np.sqrt((samples[:RATE] ** 2).mean())))
        assert np.abs(samples).max() <= intake.CEILING + 1e-6
    assert max(loudness) / min(loudness) < 1.1


def test_it_is_written_so_that_it_can_be_played(tmp_path: Path) -> None:
    file = wav(tmp_path / "in", sine(440, 2.01, 44_100), 44_100)
    assert run(file, tmp_path / "out.opus") == {"seconds": 2.01}
    info = subprocess.run(
        ["opusinfo", str(tmp_path / "out.opus")], check=True, capture_output=True, text=True
    )
    assert "WARNING" not in info.stdout
    sound = played(tmp_path / "out.opus")
    assert len(sound) == 101 * FRAME
    assert sounds.share(sound[RATE // 4 :], 440) > 0.95
    assert len(played(tmp_path / "out.opus", start=1.5)) == 26 * FRAME
    assert len(played(tmp_path / "out.opus", start=99.0)) == 0


# Mallory


def _vorbis() -> bytes:
    return ogg.build_page([b"\x01vorbis" + bytes(23)], granule=0, serial=1, number=0, flags=2)


def _cut() -> bytes:
    writer = ogg.Writer(ogg.Place(1))
    return writer.head() + b"OggS and then nothing"


def _not_opus_inside() -> bytes:
    writer = ogg.Writer(ogg.Place(1))
    return writer.head() + writer.page([b"\xff\xff\xff\xff"], 1)


def _lying_wave() -> bytes:
    """A header that promises more than there is, of samples of no width."""
    form = struct.pack("<HHIIHH", 1, 0, 0, 0, 0, 0)
    return b"RIFF\xff\xff\xff\x7fWAVEfmt " + struct.pack("<I", 16) + form + b"data"


@pytest.mark.parametrize(
    ("octets", "refused"),
    [
        (b"", "unknown"),
        (b"MZ\x90\x00" * 100, "unknown"),
        (b"ID3\x04" + bytes(200), "unknown"),
        (_vorbis(), "unknown"),
        (b"RIFF\x10\x00\x00\x00WAVE", "broken"),
        (_lying_wave(), "broken"),
        (_cut(), "broken"),
        (_not_opus_inside(), "broken"),
        (ogg.Writer(ogg.Place(1)).head(), "too-short"),
    ],
    ids=["nothing", "a program", "mp3", "vorbis", "cut", "lying", "ogg cut", "no opus", "empty"],
)
def test_mallorys_rubbish(tmp_path: Path, octets: bytes, refused: str) -> None:
    file, out = tmp_path / "in", tmp_path / "out.opus"
    file.write_bytes(octets)
    assert run(file, out)["refused"] == refused
    assert not out.exists(), "nothing is kept of it"


def test_too_long_and_silent_ones(tmp_path: Path) -> None:
    long = wav(tmp_path / "long", np.zeros(601 * 4000, np.float32), 4000)
    with pytest.raises(Refused) as caught:
        intake.read(long, LIBRARY)
    assert caught.value.refusal is Refusal.TOO_LONG
    with pytest.raises(Refused) as caught:
        intake.levelled(np.zeros(RATE, np.float32))
    assert caught.value.refusal is Refusal.SILENT


def test_whatever_octets_are_refused_or_taken(tmp_path: Path) -> None:
    """Ten minutes of it are `intake.read` in a loop; nothing but `Refused` comes out."""
    good = wav(tmp_path / "good", sine(440, 0.3, 8000), 8000).read_bytes()
    intake.write(tmp_path / "o", sine(440, 0.3, RATE), LIBRARY)
    chance, refused = random.Random(4711), 0
    for number in range(300):
        octets = bytearray(good if number % 2 else (tmp_path / "o").read_bytes())
        for _ in range(chance.randrange(1, 20)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        if number % 3 == 0:
            del octets[chance.randrange(len(octets)) :]
        (tmp_path / "in").write_bytes(octets)
        try:
            assert len(intake.read(tmp_path / "in", LIBRARY)) > 0
        except Refused:
            refused += 1
    assert 0 < refused < 300


@pytest.mark.parametrize("name", ["", "../secret", "a/b", "x" * 65])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="not a name"):
        find(tmp_path, name)


# In a room


class Talk:
    """A room into which a sound of a second is played."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "sound.opus"
        intake.write(self.path, sine(700, 1.0, RATE), LIBRARY)
        self.rooms = Rooms()
        self._decoders = {}
        for number, name in enumerate(("alice", "bob")):
            member = Member(LegId(name), number, Voice(OPUS), OPUS)
            self.rooms.place(member, ROOM)
            self._decoders[name] = OPUS.decoder()

    def plays(self, token: str = "t", start: float = 0.0) -> None:
        self.rooms.sound(ROOM, SoundFile(self.path, token, OPUS.decoder(), start=start))

    def passes(self, frames: int) -> dict[str, Samples]:
        """What each hears in so many frames."""
        heard: dict[str, list[Samples]] = {name: [] for name in self._decoders}
        for _ in range(frames):
            for leg, output in self.rooms.tick():
                if output is not None:
                    heard[leg].append(self._decoders[leg].decode(output.payload))
        return {name: np.concatenate(frames) for name, frames in heard.items()}

    def told(self) -> list[str]:
        told = [one["name"] for one in self.rooms.reports if one["event"] == "sounded"]
        self.rooms.reports.clear()
        return told


@pytest.fixture
def talk(tmp_path: Path) -> Iterator[Talk]:
    made = Talk(tmp_path)
    yield made
    made.rooms.sound(ROOM, None)


def test_everybody_hears_it_to_its_end(talk: Talk) -> None:
    kept: list[bytes] = []
    talk.rooms.keep(ROOM, Keeper(OPUS, kept.append))
    talk.plays()
    heard = talk.passes(50)
    for name in ("alice", "bob"):
        assert sounds.share(heard[name][RATE // 4 :], 700) > 0.9
    assert talk.told() == []
    quiet = talk.passes(20)
    assert talk.told() == ["t"]
    assert np.abs(quiet["bob"][RATE // 10 :]).max() < 0.01
    decoder = OPUS.decoder()
    recorded = np.concatenate([decoder.decode(one) for one in kept])
    assert sounds.share(recorded[RATE // 4 : RATE - RATE // 10], 700) > 0.9, (
        "it is in the recording"
    )


def test_it_is_mixed_with_announcements(talk: Talk) -> None:
    talk.plays()
    talk.rooms.play(ROOM, Player("x", sounds.sine(1300, 50)))
    heard = talk.passes(50)["alice"][RATE // 4 :]
    assert sounds.share(heard, 700) > 0.3
    assert sounds.share(heard, 1300) > 0.3


def test_told_twice_it_goes_on_and_another_takes_its_place(talk: Talk) -> None:
    talk.plays()
    talk.passes(40)
    talk.plays()
    talk.passes(15)
    assert talk.told() == ["t"]
    talk.plays("first")
    talk.plays("second", start=0.5)
    talk.passes(30)
    assert talk.told() == ["second"]


def test_stopped_and_left_it_is_over_without_a_word(talk: Talk) -> None:
    talk.plays()
    talk.passes(5)
    talk.rooms.sound(ROOM, None)
    assert np.abs(talk.passes(20)["alice"][RATE // 10 :]).max() < 0.01
    talk.plays()
    for name in ("alice", "bob"):
        talk.rooms.leave(LegId(name))
    talk.plays("nobody")
    assert talk.told() == []
    assert talk.rooms._sounds == {}

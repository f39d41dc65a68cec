"""What is played: made prompts, files of one's own, scripts of several."""

from __future__ import annotations

import logging
import wave
from pathlib import Path

import numpy as np
import pytest

from sipgateway.media import codec, prompts, words
from sipgateway.media.codec import FRAME, RATE
from sipgateway.media.mixer import Player
from sipgateway.media.prompts import Library
from sipgateway.media.said import Said
from tests.media import sounds


def put(directory: Path, name: str, hertz: float, *, rate: int = RATE // 2) -> None:
    """A file of one's own: two tenths of a second of a tone."""
    path = directory / f"{name}.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    at = np.arange(rate // 5) / rate
    prompts.write(path, (0.3 * np.sin(2 * np.pi * hertz * at)).astype(np.float32), rate)


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("spoken")
    assert prompts.render(directory) == sum(len(words.texts(one)) for one in words.LANGUAGES)
    return directory


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_a_prompt_of_any_rate_keeps_its_pitch(rate: int) -> None:
    at = np.arange(rate) / rate
    sound = prompts.to_rate(np.sin(2 * np.pi * 440 * at).astype(np.float32), rate, RATE)
    assert len(sound) == RATE
    assert sounds.share(sound, 440) > 0.99


def test_prompts_are_spoken_once_in_every_language(spoken: Path) -> None:
    assert prompts.render(spoken) == 0
    library = Library(Path("none"), spoken)
    for language in words.LANGUAGES:
        for name in words.texts(language):
            said = library.get(language, name)
            assert len(said) > RATE // 6, (language, name)
            assert float(np.abs(said).max()) > 0.1, (language, name)


def test_a_prompt_whose_words_change_is_spoken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "LANGUAGES", ("en",))
    monkeypatch.setattr(words, "texts", lambda _: {"one": "One.", "two": "Two."})
    assert prompts.render(tmp_path) == 2
    before = (tmp_path / "en" / "two.wav").read_bytes()
    monkeypatch.setattr(words, "texts", lambda _: {"one": "One.", "two": "Two of them."})
    assert prompts.render(tmp_path) == 1
    assert (tmp_path / "en" / "two.wav").read_bytes() != before
    (tmp_path / prompts.TEXTS).write_text("rubbish")
    assert prompts.render(tmp_path) == 2


def test_languages_say_the_same_in_other_words(spoken: Path) -> None:
    library = Library(Path("none"), spoken)
    said = [library.get(language, "locked") for language in words.LANGUAGES]
    assert len({len(one) for one in said}) == len(words.LANGUAGES)
    assert set(words.texts("de")) >= set(words.texts("en")) - {"am", "pm"}
    assert set(words.texts("es")) >= set(words.texts("en")) - {"am", "pm"}


def test_ones_own_file_comes_first(tmp_path: Path, spoken: Path) -> None:
    put(tmp_path / "de", "muted", 440.0)
    put(tmp_path / "en", "entry", 1000.0, rate=44_100)
    library = Library(tmp_path, spoken)
    assert sounds.share(library.get("de", "muted"), 440) > 0.95
    assert len(library.get("de", "muted")) == RATE // 5
    assert sounds.share(library.get("en", "muted"), 440) < 0.5
    assert sounds.share(library.get("en", "entry"), 1000) > 0.95


def test_a_language_that_lacks_a_prompt_says_it_in_english(spoken: Path) -> None:
    library = Library(Path("none"), spoken)
    assert np.array_equal(library.get("es", "pm"), library.get("en", "pm"))
    assert np.array_equal(library.get("xx", "muted"), library.get("en", "muted"))


def broken(directory: Path) -> dict[str, str]:
    """Files that cannot be played, and what is told of each."""
    directory.mkdir()
    (directory / "muted.wav").write_bytes(b"RIFFnonsense")
    (directory / "unmuted.wav").write_bytes(b"")
    for name, channels, width, rate, frames in (
        ("full", 1, 1, 8000, 800),
        ("over", 3, 2, 8000, 800),
        ("locked", 1, 2, 4000, 800),
        ("first", 1, 2, 8000, 0),
        ("removed", 1, 2, 8000, 8000 * 121),
    ):
        with wave.open(str(directory / f"{name}.wav"), "wb") as file:
            file.setparams((channels, width, rate, 0, "NONE", ""))
            file.writeframes(bytes(channels * width * frames))
    return {
        "muted": "no WAV file",
        "unmuted": "no WAV file of PCM (too short)",
        "full": "8 bits a sample",
        "over": "3 channels",
        "locked": "4000 samples a second",
        "first": "no sound in it",
        "removed": "121.0 s long",
    }


def test_a_bad_file_is_told_and_the_made_prompt_is_played(
    tmp_path: Path, spoken: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = broken(tmp_path / "en")
    put(tmp_path / "fr", "muted", 440.0)
    put(tmp_path / "de", "mutet", 440.0)
    put(tmp_path, "muted", 440.0)
    (tmp_path / "en" / "music.mp3").write_bytes(b"ID3")
    with caplog.at_level(logging.WARNING):
        library = Library(tmp_path, spoken)
    made = Library(Path("none"), spoken)
    for name, words_ in told.items():
        assert any(f"{name}.wav" in line and words_ in line for line in caplog.messages), name
        assert np.array_equal(library.get("en", name), made.get("en", name)), name
    for told_ in (
        "fr/muted.wav: want it in a directory of en, de, es",
        f"{tmp_path}/muted.wav: want it in a directory of en, de, es",
        "en/music.mp3: want a WAV file",
        "de/mutet.wav: there is no prompt of that name",
    ):
        assert any(told_ in one for one in caplog.messages), told_


def test_what_is_nowhere_is_a_beep(tmp_path: Path) -> None:
    library = Library(tmp_path, tmp_path)
    beep = library.get("en", "beep")
    for name in ("muted", "../../etc/passwd", "never-heard-of"):
        assert library.get("en", name) is beep
    assert library.get("../..", "muted") is beep


def test_own_files_are_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(7):
        path = tmp_path / "en" / f"number-{number}.wav"
        path.parent.mkdir(exist_ok=True)
        prompts.write(path, np.zeros(8000 * 100, np.float32), 8000)
    with caplog.at_level(logging.WARNING):
        library = Library(tmp_path, Path("none"))
    assert len(library.get("en", "number-0")) == 100 * RATE
    assert library.get("en", "number-6") is library.get("en", "beep")
    assert "more than 600 s in all" in caplog.text


def test_a_script_is_one_prompt_after_another(spoken: Path) -> None:
    library = Library(Path("none"), spoken)
    one, two = library.get("de", "number-5"), library.get("de", "minutes")
    player = library.player("de: number-5 minutes")
    assert player is not None
    assert player.name == "de: number-5 minutes"
    assert np.array_equal(player.recording, np.concatenate((one, two)))
    assert library.player("") is None
    assert library.player("de:") is None


def test_the_end_of_a_script_goes_round() -> None:
    library = Library(Path("none"), Path("none"))
    ring = library.get("en", "ring")
    player = library.player("beep ring")
    assert player is not None
    beep = len(library.get("en", "beep"))
    assert player.again_from == beep
    count = (beep + 2 * len(ring)) // FRAME
    frames = [player.next() for _ in range(count)]
    heard = np.concatenate([one for one in frames if one is not None])
    assert len(heard) == count * FRAME, "it does not end"
    assert Player("", ring, again_from=len(ring), position=len(ring)).next() is None


def test_what_was_heard_of_a_leg_is_part_of_a_script() -> None:
    library = Library(Path("none"), Path("none"))
    name = sounds.sine(500.0, 10)
    player = library.player("@leg-1 beep", {"leg-1": name}.get)
    assert player is not None
    assert np.array_equal(player.recording[: len(name)], name)
    forgotten = library.player("@leg-2", {"leg-1": name}.get)
    assert forgotten is not None
    assert forgotten.recording is library.get("en", "beep")


def test_made_prompts_are_kept_in_bounds(spoken: Path) -> None:
    library = Library(Path("none"), spoken)
    for number in range(prompts.KEPT + 20):
        library.get("en", f"number-{number}")
    assert len(library._kept) == prompts.KEPT
    assert ("en", "number-0") not in library._kept


def test_the_tones_are_those_that_are_named() -> None:
    assert tuple(prompts.tones()) == prompts.TONES


def test_music_is_quiet_and_goes_round_without_a_click() -> None:
    music = prompts.music()
    assert codec.level(music) > 30
    assert float(np.abs(music).max()) < 0.3
    assert abs(float(music[0] - music[-1])) < 0.02


def test_what_is_said_again_in_another_mixer() -> None:
    """What has not ended, behind music; words that went before music are not repeated."""
    said = Said()
    assert said.again() == ()
    said.play("de: first music")
    said.ended("de: first music")
    assert said.again() == ("de: music",)
    said.play("enter-pin")
    assert said.again() == ("de: music", "enter-pin")
    said.ended("wrong-pin")
    said.moved()
    assert said.again() == ("enter-pin",)
    said.ended("enter-pin")
    assert said.again() == ()
    said.play("ring")
    said.play("")
    assert said.again() == ()

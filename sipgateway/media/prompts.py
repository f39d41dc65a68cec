"""What is played into a leg or a room: spoken prompts and tones.

Tones are computed. Spoken prompts are WAV files in a directory, made once at
set-up by

    python -m sipgateway.media.prompts DIRECTORY

and replaced by whoever prefers a human voice: any mono or stereo 16-bit WAV
of the same name. A prompt that is not there is a short tone, so that a
missing file is heard and not an error in a call.
"""

from __future__ import annotations

import argparse
import wave
from pathlib import Path

import numpy as np

from sipgateway.media import resample, speech
from sipgateway.media.codec import RATE, Samples
from sipgateway.media.mixer import Player

SPOKEN = {
    "enter-conference": "Please enter the conference number, followed by the hash key.",
    "enter-pin": "Please enter the PIN, followed by the hash key.",
    "wrong-pin": "That PIN is not correct.",
    "unknown-conference": "There is no such conference.",
    "welcome": "Welcome to the conference.",
    "application": "Welcome. Press the hash key to open your conference, "
    "or use the page that your phone shows you.",
    "not-allowed": "Only a moderator can do that.",
    "first": "You are the first one here.",
    "waiting": "Please wait until the conference begins.",
    "too-early": "The conference has not opened yet.",
    "over": "The conference is over.",
    "full": "The conference is full.",
    "locked": "The conference is locked.",
    "not-invited": "You are not invited to this conference.",
    "removed": "You have been removed from the conference.",
    "goodbye": "Goodbye.",
    "muted": "You are muted.",
    "unmuted": "You are no longer muted.",
    "muted-by-moderator": "The moderator has muted you.",
    "conference-locked": "The conference is now locked.",
    "conference-unlocked": "The conference is now open.",
    "recording": "This conference is being recorded.",
    "conference-created": "Your conference has been created.",
    "confirm": "Press one to confirm, or two to cancel.",
    "say-title": "Please say the title of the conference, then press the hash key.",
    "ends-soon": "The conference ends in five minutes.",
}

LOOPED = frozenset({"ring"})
"""Played again and again until something else is, or the leg gets into a room."""


def tone(frequencies: tuple[float, ...], seconds: float, gain: float = 0.12) -> Samples:
    """Sines together, faded in and out over 10 ms."""
    at = np.arange(int(seconds * RATE)) / RATE
    sound = sum(np.sin(2 * np.pi * frequency * at) for frequency in frequencies)
    ramp = np.minimum(1.0, np.minimum(at, at[::-1]) / 0.01)
    return np.asarray(gain * sound * ramp, np.float32)


def pause(seconds: float) -> Samples:
    """Silence."""
    return np.zeros(int(seconds * RATE), np.float32)


def tones() -> dict[str, Samples]:
    """The prompts that are computed."""
    return {
        "beep": tone((880.0,), 0.15),
        "entry": np.concatenate((tone((660.0,), 0.09), tone((880.0,), 0.12))),
        "exit": np.concatenate((tone((880.0,), 0.09), tone((660.0,), 0.12))),
        # 440 + 480 Hz, 2 s on and 4 s off (ITU-T E.180 supplement 2).
        "ring": np.concatenate((tone((440.0, 480.0), 2.0, 0.06), pause(4.0))),
    }


class Library:
    """Every prompt there is, read once."""

    def __init__(self, directory: Path) -> None:
        self._recordings = tones()
        for path in sorted(directory.glob("*.wav")):
            recording = read(path)
            if recording is not None:
                self._recordings[path.stem] = recording

    def get(self, name: str) -> Samples:
        """The samples of a prompt, a short tone where there is none of that name."""
        return self._recordings.get(name, self._recordings["beep"])

    def player(self, name: str) -> Player | None:
        """A player at the start of a prompt; none for an empty name."""
        return Player(name, self.get(name), loop=name in LOOPED) if name else None


def read(path: Path) -> Samples | None:
    """The samples of a WAV file; None where it cannot be read as 16-bit PCM."""
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                return None
            octets = file.readframes(file.getnframes())
            channels, rate = file.getnchannels(), file.getframerate()
    except (wave.Error, EOFError, OSError):
        return None
    pcm = np.frombuffer(octets, "<i2").reshape(-1, channels).mean(axis=1)
    return to_rate((pcm / 32768.0).astype(np.float32), rate, RATE)


def write(path: Path, samples: Samples, rate: int) -> None:
    """Write a mono 16-bit WAV file. Raises `OSError`."""
    pcm = np.clip(samples * 32767, -32768, 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())


def to_rate(samples: Samples, have: int, want: int) -> Samples:
    """The recording at another rate: by the filter of the codecs, else by its spectrum."""
    if have == want or not len(samples):
        return samples
    if want % have == 0:
        return resample.Up(want // have).convert(samples)
    count = len(samples) * want // have
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(count // 2 + 1, spectrum.dtype)
    size = min(len(spectrum), len(kept))
    kept[:size] = spectrum[:size]
    return np.asarray(np.fft.irfft(kept, count) * (count / len(samples)), np.float32)


def render(directory: Path) -> int:
    """Speak every prompt that is not in the directory yet; how many were made.

    Raises `speech.SpeechError` where there is no synthesizer, `OSError`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    missing = {name: text for name, text in SPOKEN.items() if not _file(directory, name).exists()}
    if not missing:
        return 0
    synthesizer = speech.Synthesizer()
    for name, text in missing.items():
        write(_file(directory, name), synthesizer.speak(text), synthesizer.rate)
    return len(missing)


def _file(directory: Path, name: str) -> Path:
    return directory / f"{name}.wav"


def main() -> None:
    """Make the prompts in the directory named on the command line."""
    parser = argparse.ArgumentParser(description="Make the spoken prompts.")
    parser.add_argument("directory", type=Path)
    made = render(parser.parse_args().directory)
    print(f"{made} prompts made")


if __name__ == "__main__":
    main()

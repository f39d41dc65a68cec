"""What is played into a leg or a room: spoken prompts and tones.

Tones are computed. Spoken prompts are WAV files, one for each name and
language, made once at set-up by

    python -m sipgateway.media.prompts DIRECTORY

into ``DIRECTORY/<language>/<name>.wav``. Whoever prefers a human voice, or
music of his own, puts files of the same names into ``DATA_DIR/prompts``:
16-bit PCM of any rate, mono or stereo. They are checked when a mixer worker
starts; what is wrong with one is told in the log, and the made one is played.
A prompt that is nowhere is a short tone, so that a missing file is heard and
not an error in a call.

What is to be played is a script: names one after the other, separated by
spaces, behind a language and a colon where it is not English::

    enter-pin
    de: too-early opens-today hour-9 minute-30
"""

from __future__ import annotations

import argparse
import json
import logging
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from sipgateway.media import resample, speech, words
from sipgateway.media.codec import FRAME, RATE, Samples
from sipgateway.media.mixer import Player

LOG = logging.getLogger(__name__)

TONES = ("beep", "entry", "exit", "pause", "ring", "music")
"""The prompts that are computed; all others are spoken."""

PASSING = frozenset({"entry", "exit", "has-joined", "has-left"})
"""That somebody comes or goes."""

LOOPED = frozenset({"ring", "music"})
"""Played again and again until something else is, or the leg changes rooms."""

HEARD = "@"
"""Before the id of a leg: what was heard of it when it was asked for its name."""

RENDERED = 16_000
"""Hz of the files made at set-up: all that a synthesizer has to say, at a third of the space."""

QUIET = 0.005
"""Of full scale: what is below at both ends of a prompt is cut off, but for `GAP`."""

GAP = 0.12
"""Seconds of silence kept behind each word, so that words one after another can be told apart."""

LONGEST = 120.0
"""Seconds of a file of one's own: a prompt or a piece of music, not an opera."""

OWN_AT_MOST = 600.0
"""Seconds of all of them, which are kept in memory."""

TEXTS = "texts.json"
"""What the made prompts say, so that those whose words change are made anew."""

KEPT = 64
"""Made prompts that are kept in memory; reading one takes a millisecond."""


def tone(frequencies: tuple[float, ...], seconds: float, gain: float = 0.12) -> Samples:
    """Sines together, faded in and out over 10 ms."""
    at = np.arange(int(seconds * RATE)) / RATE
    sound = sum(np.sin(2 * np.pi * frequency * at) for frequency in frequencies)
    ramp = np.minimum(1.0, np.minimum(at, at[::-1]) / 0.01)
    return np.asarray(gain * sound * ramp, np.float32)


def pause(seconds: float) -> Samples:
    """Silence."""
    return np.zeros(int(seconds * RATE), np.float32)


def bell(frequency: float, seconds: float, gain: float) -> Samples:
    """A note that is struck and dies away, with an octave and a fifth over it."""
    at = np.arange(int(seconds * RATE)) / RATE
    parts = ((1.0, 1.0), (2.0, 0.35), (3.0, 0.12))
    sound = sum(share * np.sin(2 * np.pi * number * frequency * at) for number, share in parts)
    rise, fall = np.minimum(1.0, at / 0.02), np.minimum(1.0, at[::-1] / 0.05)
    return np.asarray(gain * sound * rise * fall * np.exp(-1.6 * at), np.float32)


def music() -> Samples:
    """What one hears while nobody else is there: four quiet chords, note by note."""
    chords = ((220.0, 261.63, 329.63), (174.61, 220.0, 261.63), (261.63, 329.63, 392.0))
    notes = [note for chord in (*chords, (196.0, 246.94, 293.66)) for note in chord]
    step, ring = RATE, 3 * RATE  # a note each second; each rings for three
    piece = np.zeros(len(notes) * step + ring, np.float32)
    for number, note in enumerate(notes):
        piece[number * step : number * step + ring] += bell(note, 3.0, 0.04)
    # What rings on at the end does so at the beginning, so that it goes round.
    piece[:ring] += piece[-ring:]
    return piece[:-ring]


def tones() -> dict[str, Samples]:
    """The prompts that are computed."""
    return {
        "beep": tone((880.0,), 0.15),
        "entry": np.concatenate((tone((660.0,), 0.09), tone((880.0,), 0.12))),
        "exit": np.concatenate((tone((880.0,), 0.09), tone((660.0,), 0.12))),
        "pause": pause(0.7),
        # 440 + 480 Hz, 2 s on and 4 s off (ITU-T E.180 supplement 2).
        "ring": np.concatenate((tone((440.0, 480.0), 2.0, 0.06), pause(4.0))),
        "music": music(),
    }


class Library:
    """Every prompt there is: `own` before those in `made`, and these before tones."""

    def __init__(self, own: Path, made: Path) -> None:
        self._made = made
        self._tones = tones()
        self._own = {(language, name): one for language, name, one in _own(own)}
        self._kept: dict[tuple[str, str], Samples] = {}

    def get(self, language: str, name: str) -> Samples:
        """The samples of a prompt; in English where the language lacks it, else a short tone."""
        for tag in dict.fromkeys((language, words.LANGUAGES[0])):
            found = self._own.get((tag, name))
            if found is None:
                found = self._tones.get(name)
            if found is None:
                found = self._read(tag, name)
            if found is not None:
                return found
        return self._tones["beep"]

    def player(
        self, script: str, heard: Callable[[str], Samples | None] = lambda _: None
    ) -> Player | None:
        """A player at the start of a script; none for an empty one.

        `heard` gives what was heard of a leg. What is looped can only be the last.
        """
        language, names = _parse(script)
        if not names:
            return None
        parts = [self._part(language, name, heard) for name in names]
        again = len(parts[-1]) if names[-1] in LOOPED else 0
        recording = parts[0] if len(parts) == 1 else np.concatenate(parts)
        start = len(recording) - again if again else None
        passing = all(name in PASSING or name.startswith(HEARD) for name in names)
        return Player(script, recording, again_from=start, passing=passing)

    def _part(self, language: str, name: str, heard: Callable[[str], Samples | None]) -> Samples:
        if not name.startswith(HEARD):
            return self.get(language, name)
        said = heard(name.removeprefix(HEARD))
        return self._tones["beep"] if said is None else said

    def _read(self, language: str, name: str) -> Samples | None:
        """One that was made at set-up; only those that there can be are looked for."""
        key = (language, name)
        known = self._kept.pop(key, None)
        if known is None and name in _known(language):
            try:
                known = read(self._made / language / f"{name}.wav")
            except BadPrompt:
                return None
        if known is not None:
            self._kept[key] = known  # behind the others: used last
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return known


def is_looped(script: str) -> bool:
    """Whether it has no end.

    >>> is_looped("de: first music")
    True
    """
    return script.split()[-1:] in [[name] for name in LOOPED]


def looped(script: str) -> str:
    """What goes on for ever of a script that `is_looped`, without the words before.

    >>> looped("de: first music")
    'de: music'
    """
    head, colon, _ = script.partition(":")
    return f"{head}{colon} {script.split()[-1]}" if colon else script.split()[-1]


def _known(language: str) -> dict[str, str]:
    return words.texts(language) if language in words.LANGUAGES else {}


def _parse(script: str) -> tuple[str, list[str]]:
    """The language and the names.

    >>> _parse("de: muted")
    ('de', ['muted'])
    """
    head, colon, rest = script.partition(":")
    return (head, rest.split()) if colon else (words.LANGUAGES[0], script.split())


def _own(directory: Path) -> Iterator[tuple[str, str, Samples]]:
    """The files that somebody has put there, as far as they can be taken."""
    left = OWN_AT_MOST
    for path in sorted(one for one in directory.rglob("*") if one.is_file()):
        language, name = path.parent.name, path.stem
        wrong = _misplaced(path.relative_to(directory))
        if wrong:
            LOG.warning("%s: %s; not taken", path, wrong)
            continue
        try:
            recording = read(path)
        except BadPrompt as bad:
            LOG.warning("%s: %s; the prompt made at set-up is played", path, bad)
            continue
        left -= len(recording) / RATE
        if left < 0:
            LOG.warning("%s: more than %d s in all; not taken", path, OWN_AT_MOST)
            return
        yield language, name, recording


def _misplaced(path: Path) -> str:
    """Why nobody would ever hear a file that lies there; nothing where somebody might."""
    if len(path.parts) != 2 or path.parts[0] not in words.LANGUAGES:
        return f"want it in a directory of {', '.join(words.LANGUAGES)}"
    if path.suffix != ".wav":
        return "want a WAV file, named .wav"
    spoken = words.texts(path.parts[0]) | words.texts(words.LANGUAGES[0])
    if path.stem not in spoken and path.stem not in TONES:
        return f"there is no prompt of that name, but those in spoken/ and {', '.join(TONES)}"
    return ""


class BadPrompt(Exception):
    """A file that cannot be played; the text says why."""


def read(path: Path) -> Samples:
    """The samples of a WAV file of 16-bit PCM, mono or stereo. Raises `BadPrompt`."""
    try:
        with wave.open(str(path), "rb") as file:
            _check(file)
            octets = file.readframes(file.getnframes())
            channels, rate = file.getnchannels(), file.getframerate()
    except (wave.Error, EOFError, OSError) as error:
        raise BadPrompt(f"no WAV file of PCM ({str(error) or 'too short'})") from error
    pcm = np.frombuffer(octets[: len(octets) // (2 * channels) * 2 * channels], "<i2")
    mono = pcm.reshape(-1, channels).mean(axis=1)
    return to_rate((mono / 32768.0).astype(np.float32), rate, RATE)


def _check(file: wave.Wave_read) -> None:
    if file.getsampwidth() != 2:
        raise BadPrompt(f"{8 * file.getsampwidth()} bits a sample, want 16")
    if file.getnchannels() not in (1, 2):
        raise BadPrompt(f"{file.getnchannels()} channels, want 1 or 2")
    if not 8000 <= file.getframerate() <= 192_000:
        raise BadPrompt(f"{file.getframerate()} samples a second, want 8000 to 192000")
    seconds = file.getnframes() / file.getframerate()
    if not seconds:
        raise BadPrompt("there is no sound in it")
    if seconds > LONGEST:
        raise BadPrompt(f"{seconds:.1f} s long, want {LONGEST:.0f} at most")


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


def trimmed(samples: Samples, rate: int) -> Samples:
    """Without the silence before and behind, but for a gap."""
    (loud,) = np.nonzero(np.abs(samples) > QUIET)
    if not len(loud):
        return samples
    end = np.zeros(int(GAP * rate), np.float32)
    return np.concatenate((samples[max(0, loud[0] - FRAME // 4) : loud[-1] + 1], end))


def render(directory: Path) -> int:
    """Speak every prompt that is not in the directory yet, or says something else by now.

    How many were made.

    Raises `speech.SpeechError` where there is no synthesizer, `OSError`.
    """
    known = _spoken(directory)
    texts = {
        f"{language}/{name}": text
        for language in words.LANGUAGES
        for name, text in words.texts(language).items()
    }
    missing = [
        (name.partition("/")[0], path, text)
        for name, text in texts.items()
        if not (path := directory / f"{name}.wav").exists() or known.get(name) != text
    ]
    if not missing:
        return 0
    synthesizer = speech.Synthesizer()
    for language, path, text in missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        synthesizer.choose(language)
        said = trimmed(synthesizer.speak(text), synthesizer.rate)
        write(path, to_rate(said, synthesizer.rate, RENDERED), RENDERED)
    (directory / TEXTS).write_text(json.dumps(texts, indent=1, ensure_ascii=False))
    return len(missing)


def _spoken(directory: Path) -> dict[str, str]:
    """What the prompts that are in the directory say."""
    try:
        found: dict[str, str] = json.loads((directory / TEXTS).read_text())
    except (OSError, ValueError):
        return {}
    return found


def main() -> None:
    """Make the prompts in the directory named on the command line."""
    parser = argparse.ArgumentParser(description="Make the spoken prompts.")
    parser.add_argument("directory", type=Path)
    made = render(parser.parse_args().directory)
    print(f"{made} prompts made")


if __name__ == "__main__":
    main()

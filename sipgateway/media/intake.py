"""Looks at a sound that somebody has sent, by decoding it, and writes it anew.

    python -m sipgateway.media.intake FILE OUT

takes a WAV file of PCM or Opus in Ogg and writes Opus in Ogg as `sounds`
plays it: mono, 48 kHz, packets of 20 ms, as loud as people are. It prints one
JSON object, ``{"seconds": 3.2}`` or ``{"refused": CODE, "detail": …}``.

What comes in is from anybody, so it is decoded in this process and in no
other: one that is started for the purpose, without the secrets of the
environment, and with bounds for memory, time, files and what it writes. Nothing
of what came in reaches the mixer; what it plays has been encoded here.
"""

from __future__ import annotations

import argparse
import enum
import json
import math
import resource
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sipgateway.media import ogg, opus
from sipgateway.media.codec import FRAME, RATE, CodecError, Samples

LONGEST = 600.0
"""Seconds."""

SHORTEST = 0.1

SPEECH = -23.0
"""dBov to which the loud parts are brought: that of somebody who speaks up."""

MOST_GAIN = 20.0
"""dB by which something quiet is raised: beyond that it is noise."""

CEILING = 0.9
HEARD = 10 ** (-50.0 / 20)
"""Of full scale: frames that are quieter do not count for how loud a sound is."""

BITRATE = 64_000
"""Twice that of calls, for it is encoded again there."""

MEMORY, CPU, WRITTEN = 1 << 30, 60, 16 << 20
"""Octets, seconds, octets: ten minutes of 192 kHz take a third of each."""


class Refusal(enum.StrEnum):
    """Why a file is not taken."""

    UNKNOWN = "unknown"
    """It is neither WAV nor Opus in Ogg."""
    BROKEN = "broken"
    """It begins like one and cannot be decoded."""
    TOO_LONG = "too-long"
    TOO_SHORT = "too-short"
    SILENT = "silent"


class Refused(Exception):
    """The file is not taken; `detail` is for those who know such files."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(refusal)
        self.refusal = refusal
        self.detail = detail


# WAV


def _wav(path: Path) -> Iterator[Samples]:
    """The sound at 48 kHz, a second at a time. Raises `Refused`."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            if not 1 <= channels <= 8 or not 4000 <= rate <= 192_000 or width not in _WIDTHS:
                told = f"{channels} channels, {rate} Hz, {8 * width} bits"
                raise Refused(Refusal.BROKEN, told)
            if file.getnframes() / rate > LONGEST:
                raise Refused(Refusal.TOO_LONG)
            yield from _converted(_blocks(file), rate)
    except (wave.Error, EOFError, RuntimeError) as error:  # the last by its seek
        raise Refused(Refusal.BROKEN, str(error)) from error


_WIDTHS = {1: 128.0, 2: 2.0**15, 3: 2.0**31, 4: 2.0**31}
"""Octets of a sample, and full scale; three are read as the upper ones of four."""


def _blocks(file: wave.Wave_read) -> Iterator[Samples]:
    """A second at a time, channels mixed."""
    width, channels = file.getsampwidth(), file.getnchannels()
    while octets := file.readframes(file.getframerate()):
        if len(block := _mono(octets, width, channels)):
            yield block


def _mono(octets: bytes, width: int, channels: int) -> Samples:
    whole = len(octets) // (width * channels) * width * channels
    raw = np.frombuffer(octets[:whole], np.uint8)
    if width == 1:
        pcm = raw.astype(np.float32) - 128.0
    elif width == 3:
        padded = np.zeros((len(raw) // 3, 4), np.uint8)
        padded[:, 1:] = raw.reshape(-1, 3)
        pcm = padded.view("<i4")[:, 0].astype(np.float32)
    else:
        pcm = raw.view("<i2" if width == 2 else "<i4").astype(np.float32)
    mono: Samples = pcm.reshape(-1, channels).mean(axis=1) / np.float32(_WIDTHS[width])
    return mono


def _converted(blocks: Iterator[Samples], rate: int) -> Iterator[Samples]:
    """At 48 kHz, by the spectrum of each second and what is around it."""
    unit = rate // math.gcd(rate, RATE)
    margin = -(-rate // (10 * unit)) * unit
    before = np.zeros(margin, np.float32)
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        after = np.zeros(margin, np.float32)
        if following is not None:
            after[: min(margin, len(following))] = following[:margin]
        padded = np.concatenate((before, block, np.zeros(-len(block) % unit, np.float32), after))
        whole = _resampled(padded, len(padded) * RATE // rate)
        start = margin * RATE // rate
        yield whole[start : start + len(block) * RATE // rate]
        before = padded[len(block) : len(block) + margin]
        block = following


def _resampled(samples: Samples, count: int) -> Samples:
    if count == len(samples):
        return samples
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(count // 2 + 1, spectrum.dtype)
    size = min(len(spectrum), len(kept))
    kept[:size] = spectrum[:size]
    return np.asarray(np.fft.irfft(kept, count) * (count / len(samples)), np.float32)


# Opus in Ogg


def _opus(path: Path, library: opus.Library) -> Iterator[Samples]:
    """The sound of the first stream that is Opus. Raises `Refused`."""
    packets = _packets(path.read_bytes())
    head = next(packets, b"")
    if not head.startswith(b"OpusHead") or len(head) < 19:
        raise Refused(Refusal.UNKNOWN, "Ogg, but not Opus")
    if head[18] != 0 or not 1 <= head[9] <= 2:
        raise Refused(Refusal.BROKEN, "more than two channels")
    next(packets, b"")  # OpusTags
    skip, decoder = int.from_bytes(head[10:12], "little"), library.codec().decoder()
    taken = 0
    for packet in packets:
        try:
            samples = decoder.decode(packet)
        except CodecError as error:
            raise Refused(Refusal.BROKEN, str(error)) from error
        taken += len(samples)
        if taken > (LONGEST + 1) * RATE:
            raise Refused(Refusal.TOO_LONG)
        yield samples[skip:]
        skip = max(0, skip - len(samples))


def _packets(octets: bytes) -> Iterator[bytes]:
    """The packets of the first stream (RFC 3533 6), also those that span pages."""
    at, serial, begun = 0, None, b""
    while at < len(octets):
        page = ogg.read_page(octets[at : at + ogg.LONGEST_PAGE])
        if page is None:
            raise Refused(Refusal.BROKEN, f"no page of Ogg at octet {at}")
        count = octets[at + 26]
        lacing = octets[at + ogg.HEADER.size : at + ogg.HEADER.size + count]
        body = octets[at + ogg.HEADER.size + count : at + page.size]
        at += page.size
        serial = page.place.serial if serial is None else serial
        if page.place.serial != serial:
            continue
        for segment in lacing:
            begun, body = begun + body[:segment], body[segment:]
            if segment < 255:
                yield begun
                begun = b""


# What is made of it


def read(path: Path, library: opus.Library) -> Samples:
    """The whole sound. Raises `Refused`."""
    with path.open("rb") as file:
        magic = file.read(12)
    if magic[:4] == b"RIFF" and magic[8:] == b"WAVE":
        pieces = _wav(path)
    elif magic[:4] == ogg.MAGIC:
        pieces = _opus(path, library)
    else:
        raise Refused(Refusal.UNKNOWN)
    kept, count = [], 0
    for piece in pieces:
        count += len(piece)
        if count > LONGEST * RATE:
            raise Refused(Refusal.TOO_LONG)
        kept.append((np.clip(piece, -1.0, 1.0) * 32767).astype(np.int16))
    if count < SHORTEST * RATE:
        raise Refused(Refusal.TOO_SHORT)
    return (np.concatenate(kept) / np.float32(32767)).astype(np.float32)


def levelled(samples: Samples) -> Samples:
    """As loud as people are, as far as its peaks allow that. Raises `Refused`."""
    whole = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    loudness = np.sqrt((whole**2).mean(axis=1))
    heard = loudness[loudness > HEARD]
    peak = float(np.abs(samples).max())
    if not len(heard) or peak == 0.0:
        raise Refused(Refusal.SILENT)
    wanted = 10 ** (SPEECH / 20) / float(np.sqrt((heard**2).mean()))
    gain = min(wanted, 10 ** (MOST_GAIN / 20), CEILING / peak)
    return np.asarray(samples * np.float32(gain), np.float32)


def write(path: Path, samples: Samples, library: opus.Library) -> float:
    """Write it as `sounds` plays it; its length in seconds. Raises `OSError`."""
    encoder = opus.OpusEncoder(library, BITRATE)
    writer = ogg.Writer(ogg.Place(1))
    padded = np.concatenate((samples, np.zeros(-len(samples) % FRAME, np.float32)))
    with path.open("wb") as file:
        file.write(writer.head())
        for start in range(0, len(padded), FRAME):
            file.write(writer.add(encoder.encode(padded[start : start + FRAME])))
        file.write(writer.end())
    return len(samples) / RATE


def _bound() -> None:
    """So much and no more, whatever is in the file."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU),
        (resource.RLIMIT_FSIZE, WRITTEN),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        resource.setrlimit(what, (most, most))


def main() -> None:
    """Look at the file on the command line."""
    parser = argparse.ArgumentParser(description="Look at a sound and write it anew.")
    parser.add_argument("file", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    _bound()
    library = opus.Library()
    try:
        samples = levelled(read(arguments.file, library))
        told: dict[str, object] = {"seconds": round(write(arguments.out, samples, library), 2)}
    except Refused as refused:
        told = {"refused": refused.refusal, "detail": refused.detail}
    except MemoryError:
        told = {"refused": Refusal.BROKEN, "detail": "it takes too much memory"}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()

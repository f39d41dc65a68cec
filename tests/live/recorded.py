"""What phones have recorded, and which tones are in it."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy
from numpy.typing import NDArray

Samples = NDArray[numpy.float64]


def read(path: Path) -> tuple[int, Samples]:
    """The rate and the samples of a WAV file; sizes are in its header only at the end."""
    octets = path.read_bytes()
    _, channels, rate = struct.unpack_from("<HHI", octets, octets.index(b"fmt ") + 8)
    sound = octets[octets.index(b"data") + 8 :]
    sound = sound[: len(sound) // (2 * channels) * 2 * channels]
    return rate, numpy.frombuffer(sound, dtype="<i2")[::channels] / 32768.0


def level(tone: int, rate: int, samples: Samples) -> float:
    """Decibels (of full scale) of a tone."""
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    # A Hanning window halves the amplitude; a tone between two bins shows in both.
    bin_ = round(tone * len(samples) / rate)
    amplitude = 4.0 * float(spectrum[bin_ - 2 : bin_ + 3].max()) / len(samples)
    return float(20.0 * numpy.log10(max(amplitude, 1e-6)))

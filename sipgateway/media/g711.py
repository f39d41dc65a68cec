"""G.711 (PCMU and PCMA) by tables: 8 kHz, 8 bits a sample (RFC 3551 4.5.14)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sipgateway.media import resample
from sipgateway.media.codec import FRAME, Codec, CodecError, Samples
from sipgateway.media.conceal import Concealment

FACTOR = 6
RATE = 8000
FULL_SCALE = 32768.0
BIAS = 132
"""Of the 16-bit scale, added before the logarithm of mu-law is taken (G.711 table 2)."""

Octets = NDArray[np.uint8]


def _expand_ulaw(codes: Octets) -> Samples:
    inverted = ~codes
    exponent = (inverted >> 4 & 7).astype(np.int32)
    mantissa = (inverted & 15).astype(np.int32)
    size = ((mantissa << 3) + BIAS << exponent) - BIAS
    return np.where(inverted & 0x80, -size, size).astype(np.float32) / np.float32(FULL_SCALE)


def _expand_alaw(codes: Octets) -> Samples:
    toggled = codes ^ 0x55
    exponent = (toggled >> 4 & 7).astype(np.int32)
    mantissa = (toggled & 15).astype(np.int32)
    low = (mantissa << 4) + 8
    size = np.where(exponent == 0, low, low + 256 << np.maximum(exponent - 1, 0))
    return np.where(toggled & 0x80, size, -size).astype(np.float32) / np.float32(FULL_SCALE)


def _compress(expanded: Samples) -> Octets:
    """For each 16-bit value the code whose expansion is nearest."""
    order = np.argsort(expanded, kind="stable")
    levels = expanded[order] * FULL_SCALE
    borders = (levels[:-1] + levels[1:]) / 2
    values = np.arange(-32768, 32768)
    return order[np.searchsorted(borders, values)].astype(np.uint8)


class _Law:
    """The tables of one law."""

    def __init__(self, expand: Callable[[Octets], Samples]) -> None:
        self.expand = expand(np.arange(256, dtype=np.uint8))
        self.compress = _compress(self.expand)


class G711Decoder:
    """One stream that is received."""

    def __init__(self, law: _Law) -> None:
        self._law = law
        self._up = resample.Up(FACTOR)
        self._concealment = Concealment(RATE)
        self._last = FRAME // FACTOR

    def decode(self, payload: bytes) -> Samples:
        """The samples of a payload. Raises `CodecError`."""
        if not payload:
            raise CodecError("an empty payload")
        self._last = len(payload)
        expanded = self._law.expand[np.frombuffer(payload, np.uint8)]
        return self._up.convert(self._concealment.hear(expanded))

    def conceal(self, following: bytes | None) -> Samples:  # noqa: ARG002
        """As much as the last payload, made up; there is no redundancy in G.711."""
        return self._up.convert(self._concealment.make_up(self._last))

    def duration(self, payload: bytes) -> int:
        """Samples at 48 kHz. Raises `CodecError`."""
        if not payload:
            raise CodecError("an empty payload")
        return len(payload) * FACTOR


class G711Encoder:
    """One stream that is sent."""

    def __init__(self, law: _Law) -> None:
        self._law = law
        self._down = resample.Down(FACTOR)

    def encode(self, frame: Samples) -> bytes:
        """The payload of a frame: 160 octets."""
        scaled = np.rint(np.clip(self._down.convert(frame) * FULL_SCALE, -32768, 32767))
        return bytes(self._law.compress[scaled.astype(np.int32) + 32768])

    def expect_loss(self, fraction: float) -> None:
        """Nothing: there is no redundancy in G.711."""

    def expect_band(self, band: int) -> None:
        """Nothing: it has one band."""


def _codec(name: str, law: _Law) -> Codec:
    return Codec(
        name,
        clock=RATE,
        channels=1,
        decoder=lambda: G711Decoder(law),
        encoder=lambda: G711Encoder(law),
        silence=bytes((int(law.compress[32768]),)) * (FRAME // FACTOR),
        band=RATE // 2,
    )


def ulaw() -> Codec:
    """PCMU, payload type 0."""
    return _codec("pcmu", _Law(_expand_ulaw))


def alaw() -> Codec:
    """PCMA, payload type 8."""
    return _codec("pcma", _Law(_expand_alaw))

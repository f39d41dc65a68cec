"""G.722 at 64 kb/s by the package `G722`: 16 kHz, 4 bits a sample.

Its RTP clock is 8000 Hz though it samples at 16 kHz, by an old mistake that
is now the rule (RFC 3551 4.5.2).
"""

from __future__ import annotations

import numpy as np
from G722 import G722  # type: ignore[import-not-found]

from sipgateway.media import resample
from sipgateway.media.codec import FRAME, Codec, CodecError, Samples
from sipgateway.media.conceal import Concealment

FACTOR = 3
RATE = 16_000
BITS_PER_SECOND = 64_000
CLOCK = 8000
FULL_SCALE = 32768.0
SILENCE = b"\xfc" * (FRAME // FACTOR // 2)
"""The codes by which both bands' predictors settle at zero."""


class G722Decoder:
    """One stream that is received."""

    def __init__(self) -> None:
        self._state = G722(RATE, BITS_PER_SECOND, use_numpy=False)
        self._up = resample.Up(FACTOR)
        self._concealment = Concealment(RATE)
        self._last = FRAME // FACTOR

    def decode(self, payload: bytes) -> Samples:
        """The samples of a payload. Raises `CodecError`."""
        if not payload:
            raise CodecError("an empty payload")
        pcm = np.frombuffer(self._state.decode(payload), np.int16)
        self._last = len(pcm)
        scaled = pcm.astype(np.float32) / np.float32(FULL_SCALE)
        return self._up.convert(self._concealment.hear(scaled))

    def conceal(self, following: bytes | None) -> Samples:  # noqa: ARG002
        """As much as the last payload, made up; there is no redundancy in G.722."""
        return self._up.convert(self._concealment.make_up(self._last))

    def duration(self, payload: bytes) -> int:
        """Samples at 48 kHz. Raises `CodecError`."""
        if not payload:
            raise CodecError("an empty payload")
        return len(payload) * 2 * FACTOR


class G722Encoder:
    """One stream that is sent."""

    def __init__(self) -> None:
        self._state = G722(RATE, BITS_PER_SECOND, use_numpy=False)
        self._down = resample.Down(FACTOR)

    def encode(self, frame: Samples) -> bytes:
        """The payload of a frame: 160 octets."""
        scaled = np.rint(np.clip(self._down.convert(frame) * FULL_SCALE, -32768, 32767))
        return bytes(self._state.encode(scaled.astype(np.int16)))

    def expect_loss(self, fraction: float) -> None:
        """Nothing: there is no redundancy in G.722."""

    def expect_band(self, band: int) -> None:
        """Nothing: it has one band."""


def codec() -> Codec:
    """G.722, payload type 9."""
    return Codec(
        "g722",
        clock=CLOCK,
        channels=1,
        decoder=G722Decoder,
        encoder=G722Encoder,
        silence=SILENCE,
        band=RATE // 2,
        adaptive=True,
    )

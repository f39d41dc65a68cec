"""What the mixer asks of a codec.

Inside the mixer audio is mono, 48 kHz, float32 between -1 and 1, in frames of
20 ms (`FRAME` samples). Every codec takes and gives that; those that run at
8 or 16 kHz convert inside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

RATE = 48_000
FRAME = 960
"""Samples of a frame."""

PERIOD = FRAME / RATE
"""Seconds of a frame."""


class CodecError(ValueError):
    """A payload that cannot be decoded."""


class Decoder(Protocol):
    """One stream that is received."""

    def decode(self, payload: bytes) -> Samples:
        """The samples of a payload, of any length. Raises `CodecError`."""

    def conceal(self, following: bytes | None) -> Samples:
        """A frame in place of a lost payload; `following` came after it."""

    def duration(self, payload: bytes) -> int:
        """Samples at 48 kHz in a payload, without decoding. Raises `CodecError`."""


class Encoder(Protocol):
    """One stream that is sent."""

    def encode(self, frame: Samples) -> bytes:
        """The payload of a frame of `FRAME` samples."""

    def expect_loss(self, fraction: float) -> None:
        """Prepare the stream for a loss of `fraction` of its packets."""

    def expect_band(self, band: int) -> None:
        """From now on there is nothing above so many Hz in the frames."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a phone asks of what is sent to it (RFC 7587 6.1, 7.1).

    `bitrate` in bits a second on average and `band` in Hz, 0 for as much as there is;
    `cbr` is whether every packet has the same size, `fec` whether redundancy is of use.
    """

    bitrate: int = 0
    band: int = 0
    cbr: bool = False
    fec: bool = True


UNLIMITED = Limits()


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec by its name in descriptions; `clock` is the RTP clock in Hz."""

    name: str
    clock: int
    channels: int
    decoder: Callable[[], Decoder]
    encoder: Callable[[], Encoder]
    silence: bytes
    """The payload of a frame of silence."""
    band: int = RATE // 2
    """Hz up to which it carries sound."""
    adaptive: bool = False
    """Whether a decoder that has missed payloads needs long until it is right again."""

    limited: Callable[[Limits], Codec] | None = None
    """The same within limits, where it can be held to any: the same limits, the same codec."""

    def within(self, limits: Limits) -> Codec:
        """The codec by which a phone with these limits is sent to."""
        return self if self.limited is None or limits == UNLIMITED else self.limited(limits)

    @property
    def duration(self) -> int:
        """A frame in RTP clock units."""
        return self.clock * FRAME // RATE


def silence() -> Samples:
    """A frame of nothing."""
    return np.zeros(FRAME, np.float32)


def level(frame: Samples) -> int:
    """How loud a frame is, 0 to 127 in -dBov (RFC 6465 appendix A)."""
    power = float(np.dot(frame, frame)) / max(1, len(frame))
    if power < 1e-12:
        return 127
    return min(127, max(0, round(-10.0 * float(np.log10(power)))))

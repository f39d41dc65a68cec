"""What comes from a leg, frame by frame: jitter buffer, decoder and level.

The mixer lets one frame (20 ms) pass at a time and only then says whether it
wants it decoded. Payloads may be shorter or longer than a frame; what is
left over waits for the next one. Where packets say their level (RFC 6464)
nothing is decoded for those who do not have the floor; where they do not,
everything is, because the level has to be measured, and so is everything of a
codec whose decoder has to have heard all. Who gets the floor by saying to be
louder than he is, is taken at his word no longer: he would keep others from it.
"""

from __future__ import annotations

import numpy as np

from sipgateway.media import codec
from sipgateway.media.codec import FRAME, RATE, Codec, CodecError, Decoder, Samples
from sipgateway.media.gain import Leveller
from sipgateway.media.jitter import Entry, Gap, JitterBuffer
from sipgateway.media.rtp import SILENCE

FADE = 240
"""Samples over which a voice comes in when its decoder was not running: 5 ms."""

LONGEST_WAIT = 8
"""Payloads taken for one frame: 8 of 2.5 ms (RFC 7587 4.2)."""

MOST_SAID = 30.0
"""dB by which one frame counts at most as louder said than it is."""

BOAST = 0.04
"""Share of a frame in how much louder a voice says to be than it is: half a second."""

DOUBTED = 12.0
"""dB from which on it is not believed. Browsers measure what they encode: a few dB at most."""

QUIETEST_NOISE = 75
"""Level (-dBov) from which on comfort noise is nothing."""


def _hiss() -> Samples:
    """A second of noise of full power, softer towards the top as rooms are."""
    chance = np.random.default_rng(3389)
    soft = np.convolve(chance.standard_normal(RATE + 7), np.ones(8), "valid")
    return np.asarray(soft / np.sqrt(np.mean(soft**2)), np.float32)


HISS = _hiss()


class Voice:
    """One received stream."""

    def __init__(self, kind: Codec) -> None:
        self.codec = kind
        self.buffer = JitterBuffer()
        self.undecodable = 0
        self._decoder: Decoder = kind.decoder()
        self._taken: list[Entry | Gap] = []
        self._ahead = 0
        self._span = FRAME
        """Samples of the last packet: one that is missing had as many."""
        self._rest = np.zeros(0, np.float32)
        self._frame: Samples | None = None
        self._decoding = False
        self._leveller = Leveller()
        self._noise: int | None = None
        """The level of the comfort noise that is to be heard, in -dBov."""
        self._hissed = 0
        self._said: int | None = None
        """The level that the packets of this frame say."""
        self._boast = 0.0
        """dB by which it says to be louder than it is, smoothed."""
        self.doubted = False

    def put_noise(self, sequence: int, payload: bytes) -> None:
        """The phone stops sending: what its room sounds like meanwhile (RFC 3389 3)."""
        self.buffer.put(sequence, payload, SILENCE, noise=True)

    def advance(self) -> int:
        """Let a frame pass; its level, 0 to 127 in -dBov."""
        if self._taken:
            # The frame before was not wanted.
            self._taken.clear()
            self._rest, self._decoding, self._noise = self._rest[:0], False, None
        self._frame = None
        self._said = known = self._take()
        if known is None or self.doubted or self.codec.adaptive:
            self._frame = self._decode()
        if known is None or self.doubted:
            return SILENCE if self._frame is None else codec.level(self._frame)
        return known

    def samples(self) -> Samples | None:
        """The frame that passed, decoded; None where nothing came."""
        if self._frame is None:
            self._frame = self._decode()
        return self._frame

    def _take(self) -> int | None:
        """Take what makes up a frame; the loudest level said, None if none was."""
        loudest, said = SILENCE, True
        for _ in range(LONGEST_WAIT):
            if self._ahead >= FRAME:
                break
            entry = self.buffer.get()
            if entry is None and self._noise is not None:
                entry = Gap(None)
            if entry is None:
                break
            self._taken.append(entry)
            self._ahead += self._duration(entry)
            if isinstance(entry, Entry):
                if entry.level is None:
                    said = False
                elif entry.level < loudest:
                    loudest = entry.level
        self._ahead = max(0, self._ahead - FRAME)
        return loudest if said else None

    def _duration(self, entry: Entry | Gap) -> int:
        if isinstance(entry, Gap):
            return self._span if self._noise is None else FRAME
        if entry.noise:
            return FRAME
        try:
            self._span = self._decoder.duration(entry.payload)
        except CodecError:
            return FRAME
        return self._span

    def _decode(self) -> Samples | None:
        if not self._taken and len(self._rest) < FRAME:
            self._decoding = False
            return None
        parts = [self._rest, *(self._decoded(entry) for entry in self._taken)]
        self._taken.clear()
        pcm = np.concatenate(parts)
        frame, self._rest = pcm[:FRAME], pcm[FRAME:]
        if len(frame) < FRAME:
            frame = np.concatenate((frame, codec.silence()[len(frame) :]))
        if not self._decoding:
            frame = frame.copy()
            frame[:FADE] *= np.linspace(0.0, 1.0, FADE, dtype=np.float32)
        self._decoding = True
        levelled = self._leveller.apply(frame)
        self._weigh(self._leveller.level)
        return levelled

    def _weigh(self, level: float) -> None:
        """Compare what the packets say with what is in them, in dBov."""
        if self._said is None:
            return
        more = min(MOST_SAID, -self._said - level)
        self._boast = max(0.0, self._boast + BOAST * (more - self._boast))
        self.doubted = self.doubted or self._boast > DOUBTED

    def _decoded(self, entry: Entry | Gap) -> Samples:
        try:
            if isinstance(entry, Gap):
                if self._noise is not None:
                    return self._hiss(self._noise)
                return self._decoder.conceal(entry.following)
            if entry.noise:
                self._noise = entry.payload[0] & 0x7F if entry.payload else SILENCE
                return self._hiss(self._noise)
            self._noise = None
            return self._decoder.decode(entry.payload)
        except CodecError:
            self.undecodable += 1
            return codec.silence()

    def _hiss(self, level: int) -> Samples:
        if level >= QUIETEST_NOISE:
            return codec.silence()
        self._hissed = (self._hissed + FRAME) % (len(HISS) - FRAME)
        scaled: Samples = HISS[self._hissed : self._hissed + FRAME] * np.float32(
            10 ** (-level / 20)
        )
        return scaled

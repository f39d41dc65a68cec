"""Opus (RFC 6716, RFC 7587) by libopus through cffi: 48 kHz, mono, 20 ms.

The system's libopus is taken where there is one, else the one inside the
package `opuslib_next`. ABI mode needs no compiler; each call lets go of the
interpreter lock.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import cffi
import numpy as np

from sipgateway.media.codec import FRAME, RATE, UNLIMITED, Codec, CodecError, Limits, Samples

DECLARATIONS = """
typedef struct OpusEncoder OpusEncoder;
typedef struct OpusDecoder OpusDecoder;
OpusEncoder *opus_encoder_create(int32_t fs, int channels, int application, int *error);
int opus_encoder_ctl(OpusEncoder *st, int request, ...);
int32_t opus_encode_float(OpusEncoder *st, const float *pcm, int frame_size,
                          unsigned char *data, int32_t max_data_bytes);
void opus_encoder_destroy(OpusEncoder *st);
OpusDecoder *opus_decoder_create(int32_t fs, int channels, int *error);
int opus_decode_float(OpusDecoder *st, const unsigned char *data, int32_t len,
                      float *pcm, int frame_size, int decode_fec);
void opus_decoder_destroy(OpusDecoder *st);
int opus_packet_get_nb_samples(const unsigned char packet[], int32_t len, int32_t fs);
"""

# opus_defines.h
APPLICATION_VOIP, APPLICATION_AUDIO = 2048, 2049
SET_BITRATE, SET_MAX_BANDWIDTH, SET_COMPLEXITY, SET_FEC, SET_LOSS = 4002, 4004, 4010, 4012, 4014
SET_VBR = 4006
BANDWIDTHS = {8000: 1103, 20_000: 1105}
"""Wideband and fullband, by the Hz up to which they go. With less than wideband libopus would
change its inner rate whenever the talkers do."""

NARROWER = {4000: 1101, 6000: 1102, 8000: 1103, 12_000: 1104}
"""Bandwidths that phones ask for, by Hz."""

STEPS = {
    6000: 4500,
    8000: 7200,
    12_000: 10_800,
    16_000: 14_400,
    24_000: 21_600,
    32_000: 28_800,
    40_000: 36_000,
}
"""Bits a second that phones are held to: few, so that those who ask for much the same share an
encoder; and what that aims at, for what it makes of music is above its aim."""

BITRATE = 48_000
"""Bits a second. RFC 7587 3.1.1 has 28-40 kb/s for fullband speech that is encoded once;
this has been encoded before. Below 40 libopus also leaves the redundancy out."""

COMPLEXITY = 5
"""Of 10; 9 costs twice the time for a difference that is not heard at 32 kb/s. A worker
that has too much to do goes down from here (`load`)."""

LONGEST = 5760
"""Samples of the longest packet: 120 ms (RFC 6716 2)."""

SILENCE = b"\xf8\xff\xfe"
"""A frame of nothing: CELT, fullband, 20 ms, mono, "silence" flag (RFC 6716 3.1, 4.3)."""

MAX_PAYLOAD = 1275
"""Octets of the longest frame (RFC 6716 3.4)."""


def load(ffi: Any) -> Any:
    """Open libopus. Raises `OSError` where there is none."""
    try:
        return ffi.dlopen("libopus.so.0")
    except OSError:
        spec = importlib.util.find_spec("opuslib_next")
        if spec is None or spec.origin is None:
            raise
        return ffi.dlopen(str(Path(spec.origin).parent / "_native" / "libopus.so"))


def _stepped(limits: Limits) -> Limits:
    """The nearest limits within these that there are encoders for."""
    bitrate, band = limits.bitrate, limits.band
    if bitrate:
        within = (one for one in reversed(STEPS) if one <= bitrate)
        bitrate = 0 if bitrate >= BITRATE else next(within, min(STEPS))
    if band:
        wide = (one for one in sorted(NARROWER, reverse=True) if one <= band)
        band = 0 if band >= max(BANDWIDTHS) else next(wide, min(NARROWER))
    return Limits(bitrate, band, limits.cbr, limits.fec)


class Library:
    """libopus, opened once in a process."""

    def __init__(self) -> None:
        self.ffi = cffi.FFI()
        self.ffi.cdef(DECLARATIONS)
        self.opus = load(self.ffi)
        self.complexity = COMPLEXITY
        """What every encoder may cost from its next frame on, 0 to 10."""
        self._codecs: dict[Limits, Codec] = {}

    def codec(self, limits: Limits = UNLIMITED) -> Codec:
        """Opus as the mixer sees it; within limits it is a codec of its own, once made."""
        limits = _stepped(limits)
        known = self._codecs.get(limits)
        if known is None:
            known = self._codecs[limits] = Codec(
                "opus" if limits == UNLIMITED else f"opus within {limits}",
                clock=RATE,
                channels=2,
                decoder=lambda: OpusDecoder(self),
                encoder=lambda: OpusEncoder(self, limits=limits),
                silence=SILENCE,
                limited=self.codec,
            )
        return known


class OpusEncoder:
    """One stream that is sent."""

    def __init__(
        self,
        library: Library,
        bitrate: int = BITRATE,
        limits: Limits = UNLIMITED,
        *,
        application: int = APPLICATION_VOIP,
    ) -> None:
        self._ffi, self._opus, self._library = library.ffi, library.opus, library
        error = self._ffi.new("int *")
        state = self._opus.opus_encoder_create(RATE, 1, application, error)
        if error[0]:
            raise CodecError(f"libopus: encoder error {error[0]}")
        self._state = self._ffi.gc(state, self._opus.opus_encoder_destroy)
        self._out = self._ffi.new("unsigned char[]", MAX_PAYLOAD)
        self._loss, self._complexity = 0, library.complexity
        self._most = NARROWER.get(limits.band, max(BANDWIDTHS.values()))
        self._bandwidth = max(BANDWIDTHS.values())
        for request, value in (
            (SET_BITRATE, STEPS.get(limits.bitrate, bitrate)),
            (SET_COMPLEXITY, self._complexity),
            (SET_FEC, int(limits.fec)),
            (SET_VBR, int(not limits.cbr)),
        ):
            self._set(request, value)

    def encode(self, frame: Samples) -> bytes:
        """The payload of a frame. Raises `CodecError`."""
        if self._complexity != self._library.complexity:
            self._complexity = self._library.complexity
            self._set(SET_COMPLEXITY, self._complexity)
        pcm = self._ffi.from_buffer("float[]", frame)
        length = self._opus.opus_encode_float(self._state, pcm, FRAME, self._out, MAX_PAYLOAD)
        if length < 0:
            raise CodecError(f"libopus: encoding error {length}")
        return bytes(self._ffi.buffer(self._out, length))

    def expect_loss(self, fraction: float) -> None:
        """Carry as much of the previous frame again as the loss asks for."""
        percent = min(30, round(100 * fraction))
        if percent != self._loss:
            self._loss = percent
            self._set(SET_LOSS, percent)

    def expect_band(self, band: int) -> None:
        """Spend no bits on what cannot be there: so a desk phone's voice is heard better.

        libopus finds that out by itself only from complexity 7 on.
        """
        fits = (value for top, value in BANDWIDTHS.items() if top >= band)
        bandwidth = min(self._most, next(fits, max(BANDWIDTHS.values())))
        if bandwidth != self._bandwidth:
            self._bandwidth = bandwidth
            self._set(SET_MAX_BANDWIDTH, bandwidth)

    def _set(self, request: int, value: int) -> None:
        self._opus.opus_encoder_ctl(self._state, request, self._ffi.cast("int32_t", value))


class OpusDecoder:
    """One stream that is received."""

    def __init__(self, library: Library) -> None:
        self._ffi, self._opus = library.ffi, library.opus
        error = self._ffi.new("int *")
        state = self._opus.opus_decoder_create(RATE, 1, error)
        if error[0]:
            raise CodecError(f"libopus: decoder error {error[0]}")
        self._state = self._ffi.gc(state, self._opus.opus_decoder_destroy)
        self._last = FRAME

    def decode(self, payload: bytes) -> Samples:
        """The samples of a payload. Raises `CodecError`."""
        samples = self._decode(payload, LONGEST, fec=0)
        self._last = len(samples)
        return samples

    def conceal(self, following: bytes | None) -> Samples:
        """The lost frame: from the redundancy in `following`, else made up."""
        # Where the following packet has no redundancy libopus makes the frame up.
        return self._decode(following, self._last, fec=1 if following else 0)

    def duration(self, payload: bytes) -> int:
        """Samples in a payload (RFC 6716 3.1). Raises `CodecError`."""
        samples = int(self._opus.opus_packet_get_nb_samples(payload, len(payload), RATE))
        if samples <= 0:
            raise CodecError("not an Opus packet")
        return samples

    def _decode(self, payload: bytes | None, room: int, *, fec: int) -> Samples:
        pcm = np.empty(room, np.float32)
        data = self._ffi.NULL if payload is None else payload
        length = 0 if payload is None else len(payload)
        out = self._ffi.from_buffer("float[]", pcm)
        count = self._opus.opus_decode_float(self._state, data, length, out, room, fec)
        if count < 0:
            raise CodecError(f"libopus: decoding error {count}")
        return pcm[:count]

"""RTP packets (RFC 3550 5.1) with their header extensions (RFC 8285).

Two extensions matter here: the level a client claims for its own audio
(RFC 6464), by which the mixer chooses whom to decode, and the level of the
mix towards the client. Levels are 0 (as loud as can be) to 127 (silence),
in -dBov.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = struct.Struct("!BBHII")
EXTENSION = struct.Struct("!HH")
ONE_BYTE = 0xBEDE
TWO_BYTE = 0x1000
SILENCE = 127
MAX_SOURCES = 15


class RtpError(ValueError):
    """Not an RTP packet."""


@dataclass(slots=True)
class Packet:
    """What was received; `level` is None where the packet does not say it."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    level: int | None = None


def is_rtcp(data: bytes) -> bool:
    """Whether a packet on a shared port is RTCP (RFC 5761 4)."""
    return len(data) >= 2 and 192 <= data[1] <= 223


def parse(data: bytes, level_id: int | None = None) -> Packet:
    """Read a packet; `level_id` is the RFC 6464 extension's. Raises `RtpError`."""
    if len(data) < HEADER.size or data[0] >> 6 != 2:
        raise RtpError("not RTP version 2")
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
    start = HEADER.size + 4 * (first & 0x0F)
    level = None
    if first & 0x10:
        start, level = _extension(data, start, level_id)
    end = len(data) - data[-1] if first & 0x20 else len(data)
    if start > end:
        raise RtpError("shorter than its header says")
    return Packet(
        payload_type=second & 0x7F,
        marker=bool(second & 0x80),
        sequence=sequence,
        timestamp=timestamp,
        ssrc=ssrc,
        payload=data[start:end],
        level=level,
    )


def _extension(data: bytes, start: int, level_id: int | None) -> tuple[int, int | None]:
    """Where the payload starts and the level, if it is said."""
    if len(data) < start + EXTENSION.size:
        raise RtpError("shorter than its header says")
    profile, words = EXTENSION.unpack_from(data, start)
    start += EXTENSION.size
    end = start + 4 * words
    if len(data) < end:
        raise RtpError("shorter than its header says")
    if level_id is None:
        return end, None
    if profile == ONE_BYTE:
        return end, _one_byte(data, start, end, level_id)
    if profile & 0xFFF0 == TWO_BYTE:
        return end, _two_byte(data, start, end, level_id)
    return end, None


def _one_byte(data: bytes, at: int, end: int, wanted: int) -> int | None:
    """RFC 8285 4.2: 4 bits of id, 4 bits of length - 1; 0 is padding, 15 ends."""
    while at + 1 < end:
        identifier, length = data[at] >> 4, (data[at] & 0x0F) + 1
        if identifier == wanted:
            return data[at + 1] & 0x7F
        if identifier == 15:
            return None
        at += 1 + length if identifier else 1
    return None


def _two_byte(data: bytes, at: int, end: int, wanted: int) -> int | None:
    """RFC 8285 4.3: 8 bits of id, 8 bits of length."""
    while at + 2 < end:
        identifier = data[at]
        if identifier == wanted and data[at + 1]:
            return data[at + 2] & 0x7F
        at += 2 + data[at + 1] if identifier else 1
    return None


def build_level(level_id: int, level: int) -> bytes:
    """The extension block that says the level of what is sent (RFC 6464 3)."""
    if level_id < 15:
        return EXTENSION.pack(ONE_BYTE, 1) + bytes((level_id << 4, _spoken(level), 0, 0))
    return EXTENSION.pack(TWO_BYTE, 1) + bytes((level_id, 1, _spoken(level), 0))


def build_levels(
    level_id: int | None, level: int, levels_id: int, levels: tuple[int, ...]
) -> bytes:
    """The same with the level of each source in it, in their order (RFC 6465 3)."""
    elements = [] if level_id is None else [(level_id, bytes((_spoken(level),)))]
    if levels:
        elements.append((levels_id, bytes(levels[:MAX_SOURCES])))
    if not elements:
        return b""
    short = all(identifier < 15 for identifier, _ in elements)
    body = b"".join(
        bytes((identifier << 4 | len(octets) - 1,) if short else (identifier, len(octets))) + octets
        for identifier, octets in elements
    )
    body += bytes(-len(body) % 4)
    return EXTENSION.pack(ONE_BYTE if short else TWO_BYTE, len(body) // 4) + body


def _spoken(level: int) -> int:
    """A level with the bit that says whether it is a voice (RFC 6464 3)."""
    return level | (0x80 if level < SILENCE else 0)


@dataclass(slots=True)
class Sender:
    """The counters of one stream that is sent (RFC 3550 5.1, 6.4.1)."""

    ssrc: int
    sequence: int
    timestamp: int
    packets: int = 0
    octets: int = 0
    silent: bool = True

    def skip(self, duration: int) -> None:
        """Let time pass (`duration` in RTP clock units) without a packet."""
        self.timestamp = (self.timestamp + duration) & 0xFFFFFFFF
        self.silent = True

    def build(
        self,
        payload: bytes,
        duration: int,
        *,
        payload_type: int,
        sources: tuple[int, ...] = (),
        extension: bytes = b"",
    ) -> bytes:
        """The next packet; `duration` is its length in RTP clock units."""
        first = 0x80 | len(sources) | (0x10 if extension else 0)
        second = payload_type | (0x80 if self.silent else 0)
        header = HEADER.pack(first, second, self.sequence, self.timestamp, self.ssrc)
        if sources:
            header += struct.pack(f"!{len(sources)}I", *sources)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + duration) & 0xFFFFFFFF
        self.packets = (self.packets + 1) & 0xFFFFFFFF
        self.octets = (self.octets + len(payload)) & 0xFFFFFFFF
        self.silent = False
        return header + extension + payload

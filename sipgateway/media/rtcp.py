"""RTCP (RFC 3550 6): what is told about a stream, and what is heard about ours.

One compound packet per report: a sender report (a receiver report while
nothing is sent), with a block about what was received, and the canonical
name. Times are seconds of the caller's clock; the NTP time in a sender
report is made from it, because only differences are used.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from sipgateway.media.rtp import Sender

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE = 200, 201, 202, 203
HEADER = struct.Struct("!BBHI")
SENDER_INFO = struct.Struct("!QIII")
BLOCK = struct.Struct("!IIIIII")
INTERVAL = 5.0
"""Seconds between reports (RFC 3550 6.2: the minimum for small sessions)."""

MAX_DROPOUT = 3000
"""Sequence numbers a stream may jump ahead before it counts as new (A.1)."""


class RtcpError(ValueError):
    """Not an RTCP compound packet."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a packet told: a peer's sender time and what it says of our stream."""

    ssrc: int
    ntp: int | None = None
    fraction_lost: float | None = None
    goodbye: bool = False


@dataclass(slots=True)
class Reception:
    """Statistics about a stream that is received (RFC 3550 A.3, A.8).

    `clock` is the RTP clock in Hz.
    """

    ssrc: int
    clock: int
    first: int = -1
    highest: int = 0
    received: int = 0
    jitter: float = 0.0
    transit: float | None = None
    expected_before: int = 0
    received_before: int = 0
    report_ntp: int = 0
    report_at: float = 0.0

    def receive(self, sequence: int, timestamp: int, now: float) -> None:
        """Count a packet."""
        if self.first < 0:
            self.first = self.highest = sequence
        ahead = (sequence - self.highest) & 0xFFFF
        if ahead < MAX_DROPOUT:
            self.highest += ahead
        self.received += 1
        transit = now * self.clock - timestamp
        if self.transit is not None:
            # The timestamp wraps: the difference is taken within 32 bits.
            change = (transit - self.transit + 2**31) % 2**32 - 2**31
            self.jitter += (abs(change) - self.jitter) / 16
        self.transit = transit

    def receive_report(self, ntp: int, now: float) -> None:
        """Note the peer's sender report, for the round trip (LSR, DLSR)."""
        self.report_ntp, self.report_at = (ntp >> 16) & 0xFFFFFFFF, now

    def block(self, now: float) -> bytes:
        """The report block about this stream since the last one."""
        expected = self.highest - self.first + 1
        lost = max(0, expected - self.received)
        interval = expected - self.expected_before
        lost_now = interval - (self.received - self.received_before)
        self.expected_before, self.received_before = expected, self.received
        fraction = max(0, min(255, lost_now * 256 // interval)) if interval > 0 else 0
        delay = int((now - self.report_at) * 65536) if self.report_ntp else 0
        return BLOCK.pack(
            self.ssrc,
            fraction << 24 | min(lost, 0x7FFFFF),
            self.highest & 0xFFFFFFFF,
            int(self.jitter) & 0xFFFFFFFF,
            self.report_ntp,
            delay & 0xFFFFFFFF,
        )


def build(sender: Sender, reception: Reception | None, *, name: str, now: float) -> bytes:
    """A compound packet: report and canonical name (RFC 3550 6.1)."""
    block = reception.block(now) if reception is not None and reception.first >= 0 else b""
    count = 1 if block else 0
    if sender.packets:
        info = SENDER_INFO.pack(
            int(now * 2**32) & (2**64 - 1), sender.timestamp, sender.packets, sender.octets
        )
        report = _packet(SENDER_REPORT, count, sender.ssrc, info + block)
    else:
        report = _packet(RECEIVER_REPORT, count, sender.ssrc, block)
    return report + _description(sender.ssrc, name)


def build_goodbye(sender: Sender, *, name: str) -> bytes:
    """A compound packet that ends the stream (RFC 3550 6.6)."""
    return (
        _packet(RECEIVER_REPORT, 0, sender.ssrc, b"")
        + _description(sender.ssrc, name)
        + _packet(GOODBYE, 1, sender.ssrc, b"")
    )


def _packet(kind: int, count: int, ssrc: int, body: bytes) -> bytes:
    return HEADER.pack(0x80 | count, kind, (4 + len(body)) // 4, ssrc) + body


def _description(ssrc: int, name: str) -> bytes:
    item = b"\x01" + bytes((len(name),)) + name.encode("ascii")
    return _packet(SOURCE_DESCRIPTION, 1, ssrc, item + bytes(4 - len(item) % 4))


def parse(data: bytes, ours: int) -> Iterator[Heard]:
    """What a compound packet says of itself and of our stream. Raises `RtcpError`."""
    at = 0
    while at + 8 <= len(data):
        first, kind, words, ssrc = HEADER.unpack_from(data, at)
        end = at + 4 * (words + 1)
        if first >> 6 != 2 or end > len(data):
            raise RtcpError("not a compound packet")
        if kind == SENDER_REPORT:
            yield _sender_report(data, at, end, ours)
        elif kind == RECEIVER_REPORT:
            yield Heard(ssrc, fraction_lost=_fraction(data, at + 8, end, ours))
        elif kind == GOODBYE and first & 0x1F:
            yield Heard(ssrc, goodbye=True)
        at = end


def _sender_report(data: bytes, at: int, end: int, ours: int) -> Heard:
    if end < at + 8 + SENDER_INFO.size:
        raise RtcpError("a sender report without its sender")
    (ssrc,) = struct.unpack_from("!I", data, at + 4)
    ntp = SENDER_INFO.unpack_from(data, at + 8)[0]
    return Heard(ssrc, ntp=ntp, fraction_lost=_fraction(data, at + 8 + SENDER_INFO.size, end, ours))


def _fraction(data: bytes, at: int, end: int, ours: int) -> float | None:
    while at + BLOCK.size <= end:
        ssrc, lost = struct.unpack_from("!II", data, at)
        if ssrc == ours:
            return float(lost >> 24) / 256
        at += BLOCK.size
    return None

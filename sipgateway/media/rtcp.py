"""RTCP (RFC 3550 6): what is told about a stream, and what is heard about ours.

One compound packet per report: a sender report (a receiver report while
nothing is sent), with a block about what was received, and the canonical
name. Times are seconds of the caller's clock; the NTP time in a sender
report is made from it, because only differences are used.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
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

MAX_MISORDER = 100
"""Sequence numbers a packet may be behind before the stream counts as new (A.1)."""

MAX_ROUND_TRIP = 60.0
"""Seconds; more is a clock that was set meanwhile, or a made-up report."""

FEEDBACK, NACK = 205, 1
"""Transport-layer feedback and its generic NACK (RFC 4585 6.2.1)."""

MAX_NACKED = 64
"""Packets asked for again in one message that are looked at; more were not lost by chance."""


class RtcpError(ValueError):
    """Not an RTCP compound packet."""


@dataclass(frozen=True, slots=True)
class Told:
    """A report block about our stream: what the peer got of it (RFC 3550 6.4.1).

    `lost` is a share of the packets since its last report, `jitter` is in units of the
    RTP clock, `last_report` and `delay` (LSR, DLSR) in 1/65536 s.
    """

    lost: float
    jitter: int
    last_report: int
    delay: int

    def round_trip(self, now: float) -> float | None:
        """Seconds to the peer and back; None before he has had a report of ours."""
        if not self.last_report:
            return None
        units = (int(now * 65536) - self.last_report - self.delay) & 0xFFFFFFFF
        # Clocks are read with some coarseness: a little below nothing is nothing.
        seconds = 0.0 if units >= 1 << 31 else units / 65536
        return seconds if seconds <= MAX_ROUND_TRIP else None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a packet told: a peer's sender time, and what it says and wants of our stream.

    `goodbye` names the sources that have ended, `nacked` the sequence numbers that are
    asked for again.
    """

    ssrc: int
    ntp: int | None = None
    told: Told | None = None
    goodbye: tuple[int, ...] = ()
    nacked: tuple[int, ...] = ()


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
    odd: int = -1
    """What would follow a packet from far away: two in a row are a new stream (A.1)."""

    @property
    def expected(self) -> int:
        """How many packets there should have been."""
        return self.highest - self.first + 1 if self.first >= 0 else 0

    def receive(self, sequence: int, timestamp: int | None, now: float) -> None:
        """Count a packet; without a timestamp where that does not say when it was sent."""
        if self.first < 0:
            self.first = self.highest = sequence
        ahead = (sequence - self.highest) & 0xFFFF
        if ahead < MAX_DROPOUT:
            self.highest += ahead
        elif ahead <= 0x10000 - MAX_MISORDER:
            if sequence != self.odd:
                self.odd = (sequence + 1) & 0xFFFF
                return
            # It has begun anew: as if the numbers had gone on.
            anew = (self.highest | 0xFFFF) + 1 + sequence
            self.first += anew - self.highest - 1
            self.highest, self.transit = anew, None
        self.odd = -1
        self.received += 1
        if timestamp is None:
            return
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
        expected = self.expected
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


def build_nack(sender: Sender, source: int, missing: Sequence[int], *, name: str) -> bytes:
    """A compound packet that asks for packets of `source` again (RFC 4585 6.2.1)."""
    body = struct.pack("!I", source)
    wanted = sorted(missing)
    while wanted:
        first, mask = wanted.pop(0), 0
        while wanted and wanted[0] - first <= 16:
            mask |= 1 << (wanted.pop(0) - first - 1)
        body += struct.pack("!HH", first & 0xFFFF, mask)
    return (
        _packet(RECEIVER_REPORT, 0, sender.ssrc, b"")
        + _description(sender.ssrc, name)
        + _packet(FEEDBACK, NACK, sender.ssrc, body)
    )


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
            yield Heard(ssrc, told=_told(data, at + 8, end, ours))
        elif kind == GOODBYE and first & 0x1F:
            count = min(first & 0x1F, (end - at - 4) // 4)
            yield Heard(ssrc, goodbye=struct.unpack_from(f"!{count}I", data, at + 4))
        elif kind == FEEDBACK and first & 0x1F == NACK:
            yield Heard(ssrc, nacked=_nacked(data, at + 8, end, ours))
        at = end


def _sender_report(data: bytes, at: int, end: int, ours: int) -> Heard:
    if end < at + 8 + SENDER_INFO.size:
        raise RtcpError("a sender report without its sender")
    (ssrc,) = struct.unpack_from("!I", data, at + 4)
    ntp = SENDER_INFO.unpack_from(data, at + 8)[0]
    return Heard(ssrc, ntp=ntp, told=_told(data, at + 8 + SENDER_INFO.size, end, ours))


def _told(data: bytes, at: int, end: int, ours: int) -> Told | None:
    while at + BLOCK.size <= end:
        ssrc, lost, _, jitter, last_report, delay = BLOCK.unpack_from(data, at)
        if ssrc == ours:
            return Told(float(lost >> 24) / 256, jitter, last_report, delay)
        at += BLOCK.size
    return None


def _nacked(data: bytes, at: int, end: int, ours: int) -> tuple[int, ...]:
    if at + 4 > end or struct.unpack_from("!I", data, at)[0] != ours:
        return ()
    wanted: list[int] = []
    for place in range(at + 4, end - 3, 4):
        first, mask = struct.unpack_from("!HH", data, place)
        wanted.append(first)
        wanted += [(first + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1]
    return tuple(wanted[:MAX_NACKED])

"""Digits keyed on a phone: telephone-event payloads (RFC 4733).

A press is several packets with one RTP timestamp, the last of which has the
end bit and is sent three times. The digit is told at the first end packet
seen, once per timestamp; where every end packet was lost it is told when the
next press begins, or `PATIENCE` seconds after the last packet.

A press that lasts longer than its duration can say (1.4 s at 48 kHz) goes on in
a segment with a timestamp of its own, which begins where the one before ended
(2.5.1.3), and is one digit all the same.

Packets of a press that come after the next one has begun, late or doubled on the
road, are none. Nobody keys as fast as packets can say it: what is faster than a
machine that dials is left out, for each digit is work for the whole gateway.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

DIGITS = "0123456789*#ABCD"
EVENT = struct.Struct("!BBH")
END = 0x80
LONGEST = 0xFFFF
"""Duration of a segment that another one follows, in RTP clock units."""
PATIENCE = 0.2
"""Seconds; packets of a press are at most 50 ms apart (RFC 4733 2.5.1.2)."""
RECENT = 2.0
"""Seconds within which an earlier timestamp is that of a packet that is late."""
AT_ONCE, A_SECOND = 40, 20.0
"""Digits that may come at once, and in the long run: a machine dials twelve a second
(40 ms each and 40 ms between, ITU-T Q.24), and jitter lets many of them come together."""


@dataclass(slots=True)
class DigitReader:
    """The presses of one leg."""

    timestamp: int | None = None
    pending: str = ""
    heard_at: float = 0.0
    duration: int = 0
    """Of the press as the last packet says it."""
    allowed: float = AT_ONCE
    """Digits that may come now, as of `counted_at`."""
    counted_at: float = 0.0
    left_out: int = 0
    """Digits that came too fast."""

    def receive(self, payload: bytes, timestamp: int, now: float) -> str:
        """The digits that are complete with this packet (none: an empty string)."""
        if len(payload) < EVENT.size:
            return ""
        event, flags, duration = EVENT.unpack_from(payload)
        if event >= len(DIGITS) or self._is_late(timestamp, now):
            return ""
        told = ""
        if timestamp != self.timestamp:
            if not self._goes_on(DIGITS[event], timestamp):
                told, self.pending = self.pending, DIGITS[event]
            self.timestamp = timestamp
        self.heard_at, self.duration = now, duration
        if flags & END:
            told, self.pending = told + self.pending, ""
        return self._bounded(told, now)

    def take_left_out(self) -> int:
        """How many digits came too fast since this was asked."""
        count, self.left_out = self.left_out, 0
        return count

    def _is_late(self, timestamp: int, now: float) -> bool:
        """Whether a packet is of a press before the last one."""
        if self.timestamp is None or now - self.heard_at > RECENT:
            return False
        return (timestamp - self.timestamp) & 0xFFFFFFFF > 0x7FFFFFFF

    def _bounded(self, digits: str, now: float) -> str:
        """What of the digits may pass."""
        if not digits:
            return ""
        grown = self.allowed + A_SECOND * (now - self.counted_at)
        self.allowed, self.counted_at = min(float(AT_ONCE), grown), now
        passing = digits[: int(self.allowed)]
        self.allowed -= len(passing)
        self.left_out += len(digits) - len(passing)
        return passing

    def _goes_on(self, digit: str, timestamp: int) -> bool:
        """Whether a packet begins another segment of the press that has not ended."""
        if self.pending != digit or self.timestamp is None:
            return False
        return (timestamp - self.timestamp) & 0xFFFFFFFF in (self.duration, LONGEST)

    def handle_timeout(self, now: float) -> str:
        """The digit whose end was lost, once it is certain."""
        if not self.pending or now - self.heard_at < PATIENCE:
            return ""
        told, self.pending = self.pending, ""
        return self._bounded(told, now)


def build(digit: str, duration: int, *, end: bool) -> bytes:
    """A payload; `duration` in RTP clock units."""
    return EVENT.pack(DIGITS.index(digit), 10 | (END if end else 0), duration)

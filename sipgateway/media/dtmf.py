"""Digits keyed on a phone: telephone-event payloads (RFC 4733).

A press is several packets with one RTP timestamp, the last of which has the
end bit and is sent three times. The digit is told at the first end packet
seen, once per timestamp; where every end packet was lost it is told when the
next press begins, or `PATIENCE` seconds after the last packet.

A press that lasts longer than its duration can say (1.4 s at 48 kHz) goes on in
a segment with a timestamp of its own, which begins where the one before ended
(2.5.1.3), and is one digit all the same.
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


@dataclass(slots=True)
class DigitReader:
    """The presses of one leg."""

    timestamp: int | None = None
    pending: str = ""
    heard_at: float = 0.0
    duration: int = 0
    """Of the press as the last packet says it."""

    def receive(self, payload: bytes, timestamp: int, now: float) -> str:
        """The digits that are complete with this packet (none: an empty string)."""
        if len(payload) < EVENT.size:
            return ""
        event, flags, duration = EVENT.unpack_from(payload)
        if event >= len(DIGITS):
            return ""
        told = ""
        if timestamp != self.timestamp:
            if not self._goes_on(DIGITS[event], timestamp):
                told, self.pending = self.pending, DIGITS[event]
            self.timestamp = timestamp
        self.heard_at, self.duration = now, duration
        if flags & END:
            told, self.pending = told + self.pending, ""
        return told

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
        return told


def build(digit: str, duration: int, *, end: bool) -> bytes:
    """A payload; `duration` in RTP clock units."""
    return EVENT.pack(DIGITS.index(digit), 10 | (END if end else 0), duration)

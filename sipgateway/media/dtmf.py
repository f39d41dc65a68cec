"""Digits keyed on a phone: telephone-event payloads (RFC 4733).

A press is several packets with one RTP timestamp, the last of which has the
end bit and is sent three times. The digit is told at the first end packet
seen, once per timestamp; where every end packet was lost it is told when the
next press begins, or `PATIENCE` seconds after the last packet.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

DIGITS = "0123456789*#ABCD"
EVENT = struct.Struct("!BBH")
END = 0x80
PATIENCE = 0.2
"""Seconds; packets of a press are at most 50 ms apart (RFC 4733 2.5.1.2)."""


@dataclass(slots=True)
class DigitReader:
    """The presses of one leg."""

    timestamp: int | None = None
    pending: str = ""
    heard_at: float = 0.0

    def receive(self, payload: bytes, timestamp: int, now: float) -> str:
        """The digits that are complete with this packet (none: an empty string)."""
        if len(payload) < EVENT.size:
            return ""
        event, flags, _ = EVENT.unpack_from(payload)
        if event >= len(DIGITS):
            return ""
        told = ""
        if timestamp != self.timestamp:
            told, self.pending = self.pending, DIGITS[event]
            self.timestamp = timestamp
        self.heard_at = now
        if flags & END:
            told, self.pending = told + self.pending, ""
        return told

    def handle_timeout(self, now: float) -> str:
        """The digit whose end was lost, once it is certain."""
        if not self.pending or now - self.heard_at < PATIENCE:
            return ""
        told, self.pending = self.pending, ""
        return told


def build(digit: str, duration: int, *, end: bool) -> bytes:
    """A payload; `duration` in RTP clock units."""
    return EVENT.pack(DIGITS.index(digit), 10 | (END if end else 0), duration)

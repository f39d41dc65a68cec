"""The jitter buffer: packets in any order in, one at a time and in order out.

Packets are kept by extended sequence number. `get` is asked for the next one
whenever the mixer has played the last; it answers a packet, a gap (the next
one is missing but later ones are here: conceal it, with forward error
correction from the following payload if there is some) or nothing.

The wanted depth starts at two packets, goes up by one whenever the buffer ran
dry though the stream goes on, or a packet came after its place had been
concealed, and comes down by one after ten quiet seconds. A buffer that stays
deeper than wanted (the sender's clock is faster than ours, or a burst came)
loses a packet now and then: one in which nothing is said, if there comes one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

MIN_DEPTH = 2
MAX_DEPTH = 8
CAPACITY = 50
"""Packets: one second at 20 ms; more than that is another stream's."""

QUIET = 500
"""Packets without trouble before the depth comes down: 10 s at 20 ms."""

PATIENCE = 25
"""Packets that a too deep buffer is left alone: 0.5 s at 20 ms."""

LONG_PATIENCE = 250
"""Packets that are waited for one in which nothing is said: 5 s at 20 ms."""

HUSHED = 55
"""Level (-dBov) from which on nothing is said in a packet."""

CONCEALED = 64
"""Places that are remembered as concealed: whoever comes for one of them was late."""

DRY = 3
"""Times nothing was there before the stream counts as paused."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A lost packet; `following` is the payload after it (it may carry FEC)."""

    following: bytes | None


@dataclass(slots=True)
class Entry:
    """A payload and the level its sender claims for it; `noise` is comfort noise."""

    payload: bytes
    level: int | None
    noise: bool = False


@dataclass(slots=True)
class JitterBuffer:
    """The state of one received stream."""

    depth: int = MIN_DEPTH
    packets: dict[int, Entry] = field(default_factory=dict)
    next: int | None = None
    playing: bool = False
    waited: int = 0
    dry: int = 0
    quiet: int = 0
    deep: int = 0
    late: int = 0
    wait: bool = False
    """Whether to hold the stream up for a packet's time, so that fewer are late."""
    concealed: deque[int] = field(default_factory=lambda: deque(maxlen=CONCEALED))

    def put(self, sequence: int, payload: bytes, level: int | None, *, noise: bool = False) -> None:
        """Take a packet in; `sequence` is the 16 bits of its header."""
        if self.next is None:
            self.next = sequence
        position = self._extended(sequence)
        if position < self.next and self.playing:
            self._came_late(position)
            return
        if len(self.packets) >= CAPACITY:
            self.packets.clear()
            self.playing, self.waited = False, 0
        self.packets[position] = Entry(payload, level, noise)
        if not self.playing:
            self.next = min(self.packets)

    def get(self) -> Entry | Gap | None:
        """What to play next."""
        if not self.playing and not self._filled():
            return None
        if not self.packets:
            return self._ran_dry()
        assert self.next is not None, "a buffer that plays knows what comes next"
        if self.wait:
            self.wait = False
            return Gap(None)
        self._trim()
        entry = self.packets.pop(self.next, None)
        if entry is None and min(self.packets) - self.next > MAX_DEPTH:
            # Too much is missing to conceal: go on where the stream goes on.
            self.next = min(self.packets)
            entry = self.packets.pop(self.next)
        self.next += 1
        if entry is not None:
            self._went_well()
            return entry
        self.concealed.append(self.next - 1)
        following = self.packets.get(self.next)
        return Gap(following.payload if following is not None else None)

    def clear(self) -> None:
        """Forget all but the depth (another source took over)."""
        self.packets.clear()
        self.next, self.playing, self.wait = None, False, False
        self.waited = self.dry = self.deep = 0
        self.concealed.clear()

    def _extended(self, sequence: int) -> int:
        assert self.next is not None, "the first packet sets the start"
        return self.next + ((sequence - self.next + 0x8000) & 0xFFFF) - 0x8000

    def _filled(self) -> bool:
        """Whether to start playing: deep enough, or the first has waited its time."""
        if not self.packets:
            return False
        self.waited += 1
        if len(self.packets) < self.depth and self.waited <= self.depth:
            return False
        self.playing, self.waited, self.dry = True, 0, 0
        return True

    def _came_late(self, position: int) -> None:
        """A packet has come for a place that is over: played already, or concealed."""
        if position not in self.concealed:
            return
        self.concealed.remove(position)
        self.late += 1
        assert self.next is not None, "what is late has been asked for"
        if self.next - position <= MAX_DEPTH and self.depth < MAX_DEPTH:
            self.depth, self.quiet, self.wait = self.depth + 1, 0, True

    def _ran_dry(self) -> Gap | None:
        self.dry += 1
        if self.dry < DRY:
            return Gap(None)
        self.playing, self.dry = False, 0
        return None

    def _went_well(self) -> None:
        if self.dry:
            # It was late, not paused: keep one more in hand from now on.
            self.depth, self.quiet = min(self.depth + 1, MAX_DEPTH), 0
        self.dry = 0
        self.quiet += 1
        if self.quiet >= QUIET:
            self.depth, self.quiet = max(self.depth - 1, MIN_DEPTH), 0

    def _trim(self) -> None:
        self.deep = self.deep + 1 if len(self.packets) > self.depth + 1 else 0
        if self.deep < PATIENCE:
            return
        oldest = min(self.packets)
        level = self.packets[oldest].level
        if self.deep >= LONG_PATIENCE or level is None or level >= HUSHED:
            self.deep = 0
            del self.packets[oldest]
            self.next = min(self.packets)

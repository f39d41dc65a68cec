"""The jitter buffer: packets in any order in, one at a time and in order out.

Packets are kept by extended sequence number. `get` is asked for the next one
whenever the mixer has played the last; it answers a packet, a gap (the next
one is missing but later ones are here: conceal it, with forward error
correction from the following payload if there is some) or nothing.

The wanted depth starts at two packets, goes up by one whenever the buffer ran
dry though the stream goes on, and comes down by one after ten quiet seconds.
A buffer that stays deeper than wanted (the sender's clock is faster than
ours, or a burst came) loses its oldest packet now and then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MIN_DEPTH = 2
MAX_DEPTH = 8
CAPACITY = 50
"""Packets: one second at 20 ms; more than that is another stream's."""

QUIET = 500
"""Packets without trouble before the depth comes down: 10 s at 20 ms."""

PATIENCE = 25
"""Packets that a too deep buffer is left alone: 0.5 s at 20 ms."""

DRY = 3
"""Times nothing was there before the stream counts as paused."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A lost packet; `following` is the payload after it (it may carry FEC)."""

    following: bytes | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A payload and the level its sender claims for it."""

    payload: bytes
    level: int | None


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

    def put(self, sequence: int, payload: bytes, level: int | None) -> None:
        """Take a packet in; `sequence` is the 16 bits of its header."""
        if self.next is None:
            self.next = sequence
        position = self._extended(sequence)
        if position < self.next and self.playing:
            self.late += 1
            return
        if len(self.packets) >= CAPACITY:
            self.packets.clear()
            self.playing, self.waited = False, 0
        self.packets[position] = Entry(payload, level)
        if not self.playing:
            self.next = min(self.packets)

    def get(self) -> Entry | Gap | None:
        """What to play next."""
        if not self.playing and not self._filled():
            return None
        if not self.packets:
            return self._ran_dry()
        assert self.next is not None, "a buffer that plays knows what comes next"
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
        following = self.packets.get(self.next)
        return Gap(following.payload if following is not None else None)

    def clear(self) -> None:
        """Forget all but the depth (another source took over)."""
        self.packets.clear()
        self.next, self.playing = None, False
        self.waited = self.dry = self.deep = 0

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
        if self.deep >= PATIENCE:
            self.deep = 0
            self.next = min(self.packets)
            del self.packets[self.next]
            self.next = min(self.packets)

"""Whose packets a plain RTP leg takes, and where its own go (symmetric RTP, RFC 4961).

A phone says where it is (c= and m=), and behind a NAT it is somewhere else, which
is known from its packets alone. They carry no proof, so anybody who finds the port
may send such packets. Therefore what comes is told apart by where it comes from:

* the very address that is described: taken at once, and takes the leg back from all others;
* another port of the described host, or of the host that the phone's SIP comes from (a NAT):
  taken after a short probation;
* anybody else (SIP by a proxy, media by a NAT): after a long one, and only while none
  of the others has been heard.

A probation is packets of one stream, in order, of payload types that were agreed. Who has the
leg keeps it, also over a session refresh; it moves to where the same stream goes on (a NAT that
was bound anew: nobody else knows SSRC and sequence number), and after a re-INVITE to
another port of the same host if nothing comes from the old one. Until somebody is taken, what
is sent goes to the described address.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from sipgateway.media.ice import Address

UNBOUND, TRIED = "from an unbound address", "on probation"
TAKEN_BACK = "addresses taken back by the phone"
"""Counted, in the words of `/metrics`."""

NOWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104
MAPPED = "::ffff:"
"""How a socket for both families tells an IPv4 address."""

MOST_TRIALS = 64
"""Sources on probation at a time; one more makes the oldest begin again."""

GAP = 50
"""Packets that may be lost within a probation, a second of them."""

MAX_DROPOUT = 3000
"""Sequence numbers by which a stream goes on (RFC 3550 A.1)."""


class Nearness(enum.IntEnum):
    """How near a source is to the phone of the description."""

    STRANGER = 1
    HOST = 2
    DESCRIBED = 3


PROBATION = {Nearness.STRANGER: (25, 0.4), Nearness.HOST: (3, 0.1)}
"""Packets, and seconds from the first to the last."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a phone is: its addresses as described, the hosts that are its own.

    `expected` are the payload types that it may send.
    """

    rtp: Address
    rtcp: Address
    hosts: frozenset[str] = frozenset()
    expected: frozenset[int] = frozenset()

    def nearness(self, source: Address) -> Nearness:
        """How near a source is to the phone."""
        host = source[0].removeprefix(MAPPED)
        if (host, source[1]) == self.rtp:
            return Nearness.DESCRIBED
        own = host == self.rtp[0] or host in self.hosts
        return Nearness.HOST if own else Nearness.STRANGER

    def same(self, other: Place) -> bool:
        """Whether the phone is still where it was."""
        return (self.rtp, self.rtcp, self.hosts) == (other.rtp, other.rtcp, other.hosts)


@dataclass(slots=True)
class _Stream:
    """A stream as far as it has been heard: where from, how often, since when."""

    source: Address
    ssrc: bytes
    sequence: int
    begun: float = 0.0
    count: int = 1

    def goes_on(self, data: bytes, most: int) -> bool:
        """Whether a packet is of this stream and the next or one soon after it."""
        return self.ssrc == data[8:12] and 0 < (_sequence(data) - self.sequence) & 0xFFFF <= most


class Latch:
    """Where one phone's RTP comes from and goes to."""

    def __init__(self, place: Place) -> None:
        self.taken_back = 0
        """How often the phone has driven somebody else out."""
        self._nowhere = False
        self._trials: dict[Address, _Stream] = {}
        self._move(place)
        self.describe(place)

    def _move(self, place: Place) -> None:
        """Forget who has the leg: the phone is somewhere else."""
        self.remote, self.remote_rtcp = place.rtp, place.rtcp
        self._place = place
        self._latched: _Stream | None = None
        self._latched_rtcp: Address | None = None
        self._former: _Stream | None = None
        self._renewed = False
        self._trials.clear()

    @property
    def ready(self) -> bool:
        """Whether there is somewhere to send to (port 0 and 0.0.0.0 are nowhere)."""
        return not self._nowhere and self.remote[1] != 0

    def describe(self, place: Place) -> None:
        """Take a later description; one that says the same changes nothing."""
        self._nowhere = place.rtp[0] in NOWHERE
        if self._nowhere:
            return  # held (RFC 2543): where the phone is, it will say again
        if not place.same(self._place):
            self._move(place)
        self._place, self._renewed = place, True

    def receive(self, data: bytes, source: Address, now: float) -> str:
        """Take an RTP packet; why it is not taken, nothing where it is."""
        latched = self._latched
        if latched is not None and source == latched.source:
            latched.ssrc, latched.sequence = data[8:12], _sequence(data)
            if self._renewed:
                self._renewed = False
                self._trials.clear()
            return ""
        if self._place.nearness(source) is Nearness.DESCRIBED or self._returns(data, source):
            self._settle(data, source)
            return ""
        if not self._may_try(data, source):
            return UNBOUND
        if not self._tried(data, source, now):
            return TRIED
        self._settle(data, source)
        return ""

    def receive_rtcp(self, source: Address) -> str:
        """Take an RTCP packet: its port is another one, its host is the stream's."""
        if source == self._latched_rtcp:
            return ""
        host = source[0].removeprefix(MAPPED)
        if self._latched is not None:
            known = source[0] == self._latched.source[0]
        else:
            known = self._place.nearness(source) > Nearness.STRANGER
        if (host, source[1]) != self._place.rtcp and (self._latched_rtcp or not known):
            return UNBOUND
        self._latched_rtcp = self.remote_rtcp = source
        return ""

    def settle(self, data: bytes, source: Address, *, is_rtcp: bool) -> None:
        """Take a packet that has been proved to be the phone's (SRTP)."""
        if is_rtcp:
            self._latched_rtcp = self.remote_rtcp = source
        else:
            self._latched, self.remote = _stream(data, source), source

    def near(self, source: Address) -> bool:
        """Whether a source is on a host of the phone's."""
        return self._place.nearness(source) > Nearness.STRANGER

    @property
    def apart(self) -> bool:
        """Whether RTCP goes by a port of its own."""
        return self._place.rtp != self._place.rtcp

    def prove(self, source: Address, *, is_rtcp: bool) -> None:
        """Send to where the phone has proved to be (DTLS)."""
        if not is_rtcp:
            self.remote = source
        if is_rtcp or not self.apart:
            self._latched_rtcp = self.remote_rtcp = source

    def _returns(self, data: bytes, source: Address) -> bool:
        """Whether somebody goes on who had the leg before another took it over."""
        former = self._former
        return former is not None and former.source == source and former.goes_on(data, MAX_DROPOUT)

    def _may_try(self, data: bytes, source: Address) -> bool:
        latched = self._latched
        if latched is None or latched.goes_on(data, MAX_DROPOUT):
            return True
        near, holder = self._place.nearness(source), self._place.nearness(latched.source)
        if near > holder:
            return True
        other_port = self._renewed and source[0] == latched.source[0]
        return other_port and holder is not Nearness.DESCRIBED

    def _tried(self, data: bytes, source: Address, now: float) -> bool:
        """Count a packet of a probation; whether that is passed."""
        if data[1] & 0x7F not in self._place.expected:
            return False
        trial = self._trials.get(source)
        if trial is None or not trial.goes_on(data, GAP):
            if len(self._trials) >= MOST_TRIALS:
                del self._trials[next(iter(self._trials))]
            self._trials[source] = _stream(data, source, now)
            return False
        trial.count, trial.sequence = trial.count + 1, _sequence(data)
        packets, seconds = PROBATION[self._place.nearness(source)]
        return trial.count >= packets and now - trial.begun >= seconds

    def _settle(self, data: bytes, source: Address) -> None:
        former, self._latched = self._latched, _stream(data, source)
        self.remote = source
        self._trials.clear()
        if former is not None and former.ssrc != self._latched.ssrc:
            came_back = self._former is not None and self._former.source == source
            near, before = self._place.nearness(source), self._place.nearness(former.source)
            self.taken_back += came_back or near > before
            self._former = None if came_back or near > before else former
        if not self.apart:
            self._latched_rtcp = self.remote_rtcp = source
        elif former is not None and former.source[0] != source[0]:
            self._latched_rtcp, self.remote_rtcp = None, self._place.rtcp


def _sequence(data: bytes) -> int:
    return data[2] << 8 | data[3]


def _stream(data: bytes, source: Address, now: float = 0.0) -> _Stream:
    return _Stream(source, data[8:12], _sequence(data), now)

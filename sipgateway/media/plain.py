"""RTP of desk phones: on a port pair of the leg's own, with SRTP or without.

Keys come by the description (SDES, RFC 4568) or by DTLS without ICE (`handshakes`).
"""

from __future__ import annotations

from collections import Counter

from sipgateway.media import dtls, rtp, srtp
from sipgateway.media.control import Terms
from sipgateway.media.handshakes import Handshakes, Promise
from sipgateway.media.ice import Address
from sipgateway.media.latch import TAKEN_BACK, Latch, Place
from sipgateway.media.path import EARLY, FAILED, MALFORMED, Datagram, PathClosed, reason

Promises = tuple[Promise, ...]
"""For the port of RTP and, where that is another one, the port of RTCP."""


class PlainPath:
    """RTP and RTCP on a port pair of the leg's own, with SRTP or without.

    Where it comes from and goes to is the `latch`'s to say. What is authentic (keys by
    SDES, or by DTLS as a `promises` say) needs no probation, wherever it comes from.
    """

    def __init__(
        self,
        place: Place,
        keys: srtp.Keys | None,
        *,
        identity: dtls.Identity | None = None,
        promises: Promises = (),
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self.latch = Latch(place)
        self._srtp: srtp.SrtpSession | None = None
        self._srtcp: srtp.SrtpSession | None = None
        self._keys: srtp.Keys | None = None
        self._identity = identity
        self._hands: tuple[Handshakes, ...] = ()
        self._secure(keys, promises)

    def move(self, place: Place, keys: srtp.Keys | None, promises: Promises = ()) -> None:
        """Take the addresses and keys of a new description."""
        self.latch.describe(place)
        self._secure(keys, promises)

    def _secure(self, keys: srtp.Keys | None, promises: Promises) -> None:
        if keys != self._keys or (self._hands and not promises):
            self._srtp = self._srtcp = None if keys is None else srtp.SrtpSession(keys)
        self._keys = keys
        known = len(self._hands) == len(promises)
        if known and all(one.goes_on(new) for one, new in zip(self._hands, promises, strict=True)):
            return
        if self._identity is not None:
            self._hands = tuple(Handshakes(self._identity, one) for one in promises)
        if promises:
            self._srtp = self._srtcp = None

    @property
    def ready(self) -> bool:
        """Whether media can be sent: keys are there, and an address (port 0, 0.0.0.0 are none)."""
        return self.latch.ready and (not self._hands or self._srtp is not None)

    def receive(
        self, data: bytes, source: Address, now: float, *, beside: bool = False
    ) -> bytes | None:
        """Take RTP or RTCP, and DTLS where that is to give the keys. Raises `PathClosed`."""
        if self._hands and dtls.is_dtls(data):
            self._shake(data, source, beside=beside)
            return None
        is_rtcp = rtp.is_rtcp(data)
        if len(data) < (8 if is_rtcp else rtp.HEADER.size) or data[0] >> 6 != 2:
            self.dropped[MALFORMED] += 1
            return None
        session = self._srtcp if is_rtcp else self._srtp
        if session is not None:
            return self._unprotect(session, data, source, is_rtcp=is_rtcp)
        if self._hands:
            self.dropped[EARLY] += 1
            return None
        latch = self.latch
        why = latch.receive_rtcp(source) if is_rtcp else latch.receive(data, source, now)
        if latch.taken_back:
            self.dropped[TAKEN_BACK] += latch.taken_back
            latch.taken_back = 0
        if why:
            self.dropped[why] += 1
            return None
        return data

    def protect(self, packet: bytes) -> Datagram | None:
        """An RTP packet to the leg's address."""
        if not self.ready:
            return None
        data = packet if self._srtp is None else self._srtp.protect(packet)
        return data, self.latch.remote

    def protect_rtcp(self, packet: bytes) -> Datagram | None:
        """An RTCP packet to the leg's address."""
        if not self.ready or (self._hands and self._srtcp is None):
            return None
        data = packet if self._srtcp is None else self._srtcp.protect_rtcp(packet)
        return data, self.latch.remote_rtcp

    def data_to_send(self) -> list[Datagram]:
        """DTLS flights; RTP says nothing by itself."""
        return self._flights(0)

    def data_beside(self) -> list[Datagram]:
        """The same that the port of RTCP has to say, where that has a handshake of its own."""
        return self._flights(1)

    def _flights(self, number: int) -> list[Datagram]:
        if number >= len(self._hands):
            return []
        flights = self._hands[number].data_to_send()
        return flights if self.latch.ready else []

    def next_timeout(self) -> float | None:
        """When a DTLS flight is due again."""
        if not self._hands:
            return None
        waits = [one.next_timeout() for one in self._hands]
        return min((one for one in waits if one is not None), default=None)

    def handle_timeout(self) -> None:
        """Send DTLS flights again. Raises `PathClosed` where the phone does not answer."""
        for number, one in enumerate(self._hands):
            try:
                one.handle_timeout()
            except dtls.DtlsError as error:
                self._failed(number, error)

    def change(self, terms: Terms) -> None:
        """Take new addresses and keys."""
        self.move(_place(terms), _keys(terms), _promises(terms))

    def close(self) -> None:
        """Say close_notify where there is DTLS."""
        for one in self._hands:
            one.close()

    def _shake(self, data: bytes, source: Address, *, beside: bool) -> None:
        """Go on with a handshake. The phone is where it was when it ended."""
        number = len(self._hands) - 1 if beside else 0
        hands = self._hands[number]
        try:
            agreed = hands.receive(data, source, near=self.latch.near(source))
        except dtls.DtlsError as error:
            self.dropped[FAILED] += 1
            if hands.failed:
                self._failed(number, error)
            return
        if agreed and hands.keys is not None:
            session = srtp.SrtpSession(hands.keys)
            if number == 0:
                self._srtp = session
            if number == len(self._hands) - 1:
                self._srtcp = session
            self.latch.prove(source, is_rtcp=number > 0)

    def _failed(self, number: int, error: dtls.DtlsError) -> None:
        """What we began came to nothing: without RTCP a leg goes on."""
        if number == 0:
            raise PathClosed(str(error)) from error
        self._hands = self._hands[:number]

    def _unprotect(
        self, session: srtp.SrtpSession, data: bytes, source: Address, *, is_rtcp: bool
    ) -> bytes | None:
        try:
            packet = session.unprotect_rtcp(data) if is_rtcp else session.unprotect(data)
        except srtp.SrtpError as error:
            self.dropped[reason(error)] += 1
            return None
        self.latch.settle(packet, source, is_rtcp=is_rtcp)
        if self._hands:
            self._hands[-1 if is_rtcp else 0].source = source
        return packet


def make(terms: Terms, identity: dtls.Identity | None = None) -> PlainPath:
    """The path that a plain leg's terms ask for; without an `identity` none by DTLS."""
    place, keys, promises = _place(terms), _keys(terms), _promises(terms)
    return PlainPath(place, keys, identity=identity, promises=promises)


def _place(terms: Terms) -> Place:
    host = terms["host"]
    types = (*map(int, terms["codecs"]), *terms["events"], terms["noise"])
    return Place(
        (host, terms["port"]),
        (host, terms["rtcp_port"]),
        frozenset(filter(None, (terms["sip_host"],))),
        frozenset(one for one in types if one is not None),
    )


def _promises(terms: Terms) -> Promises:
    """What is to be proved at each port (RFC 5764 4.1: each has an association of its own)."""
    if not terms["fingerprint"]:
        return ()
    ports = (terms["port"],) if terms["mux"] else (terms["port"], terms["rtcp_port"])
    return tuple(
        Promise(
            terms["fingerprint"],
            terms["association"],
            (terms["host"], port) if terms["client"] else None,
        )
        for port in ports
    )


def _keys(terms: Terms) -> srtp.Keys | None:
    sdes = terms["sdes"]
    if sdes is None:
        return None
    profile = next(one for one in srtp.SDES_PROFILES if one.sdes == sdes["suite"])
    return srtp.Keys(
        profile,
        ours=srtp.read_key(sdes["ours"], profile),
        theirs=srtp.read_key(sdes["theirs"], profile),
    )

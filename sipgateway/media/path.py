"""How packets get to and from a leg: ICE, DTLS and SRTP, or (`plain`) RTP as desk phones have it.

A path takes datagrams with their source and gives plain RTP and RTCP; it
takes plain packets and gives datagrams with their destination. What it has
to say by itself (STUN answers, DTLS flights) waits in `data_to_send`.

Nothing reaches the decoder that was not authenticated (WebRTC, SDES) or did
not come from the address a plain leg has latched on to (`latch`). What is dropped is
counted in `dropped`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Protocol

from sipgateway.media import dtls, ice, rtp, srtp
from sipgateway.media.control import Terms
from sipgateway.media.ice import Address, Credentials
from sipgateway.media.latch import UNBOUND

Datagram = tuple[bytes, Address]


EARLY, MALFORMED = "before the handshake", "malformed"
FORGED, REPLAYED = "forged", "replayed"
AGREED = "DTLS after the handshake"
FAILED = "handshakes that failed"
"""Why packets are dropped; `/metrics` says it in these words."""


class PathClosed(Exception):
    """The leg cannot go on: its DTLS session failed or was closed by the peer."""


class Path(Protocol):
    """What a leg needs of its path. `dropped` counts what came for nothing, by reason."""

    dropped: Counter[str]

    @property
    def ready(self) -> bool:
        """Whether media can be sent."""

    def receive(
        self, data: bytes, source: Address, now: float, *, beside: bool = False
    ) -> bytes | None:
        """Take a datagram; a plain RTP or RTCP packet if it held one.

        `beside`: it came to the port of RTCP. Raises `PathClosed`.
        """

    def protect(self, packet: bytes) -> Datagram | None:
        """An RTP packet as it is sent; None while it cannot be."""

    def protect_rtcp(self, packet: bytes) -> Datagram | None:
        """An RTCP packet as it is sent; None while it cannot be."""

    def data_to_send(self) -> list[Datagram]:
        """What the path has to say itself."""

    def next_timeout(self) -> float | None:
        """Seconds from now until `handle_timeout` is due, if it is."""

    def handle_timeout(self) -> None:
        """Repeat what was not answered. Raises `PathClosed`."""

    def change(self, terms: Terms) -> None:
        """Take the credentials, addresses or keys of a later description."""

    def close(self) -> None:
        """Say goodbye; `data_to_send` has it."""


class WebRtcPath:
    """ICE-lite, DTLS-SRTP and SRTP over one address (RFC 8827, RFC 5764)."""

    def __init__(
        self,
        identity: dtls.Identity,
        credentials: Credentials,
        fingerprint: dtls.Fingerprint,
        *,
        client: bool,
        association: str = "",
    ) -> None:
        self.ice = ice.IceLite(credentials)
        self.dropped: Counter[str] = Counter()
        self._identity = identity
        self._association = association
        self._started = False
        self._begin(fingerprint, client=client)
        self._out: list[Datagram] = []

    @property
    def ready(self) -> bool:
        """Whether DTLS is done and an address is known."""
        return self._srtp is not None and self.ice.remote is not None

    def check(self, data: bytes, source: Address) -> None:
        """Take a connectivity check. Raises `ice.IceError` where it is not authentic."""
        self._out.append((self.ice.receive(ice.parse(data), source), source))
        if not self._started and self.ice.remote is not None:
            self._started = True
            self._run_dtls(self._dtls.start)

    def receive(
        self,
        data: bytes,
        source: Address,
        now: float,  # noqa: ARG002
        *,
        beside: bool = False,  # noqa: ARG002
    ) -> bytes | None:
        """Take DTLS, SRTP or SRTCP from a checked address."""
        if source not in self.ice.checked:
            self.dropped[UNBOUND] += 1
            return None
        if dtls.is_dtls(data):
            if self._srtp is not None:
                self.dropped[AGREED] += 1
            self._run_dtls(lambda: self._dtls.receive(data))
            return None
        if self._srtp is None:
            # Media may overtake the last flight of the handshake.
            self.dropped[EARLY] += 1
            return None
        try:
            unprotect = self._srtp.unprotect_rtcp if rtp.is_rtcp(data) else self._srtp.unprotect
            return unprotect(data)
        except srtp.SrtpError as error:
            self.dropped[reason(error)] += 1
            return None

    def protect(self, packet: bytes) -> Datagram | None:
        """An SRTP packet to the nominated address."""
        if self._srtp is None or self.ice.remote is None:
            return None
        return self._srtp.protect(packet), self.ice.remote

    def protect_rtcp(self, packet: bytes) -> Datagram | None:
        """An SRTCP packet to the nominated address."""
        if self._srtp is None or self.ice.remote is None:
            return None
        return self._srtp.protect_rtcp(packet), self.ice.remote

    def data_to_send(self) -> list[Datagram]:
        """STUN answers and DTLS flights."""
        if not self._out:
            return []
        out, self._out = self._out, []
        return out

    def next_timeout(self) -> float | None:
        """When the DTLS flight is due again."""
        return self._dtls.next_timeout()

    def handle_timeout(self) -> None:
        """Send the DTLS flight again. Raises `PathClosed`."""
        self._run_dtls(self._dtls.handle_timeout)

    def change(self, terms: Terms) -> None:
        """Take the credentials of an ICE restart, and what begins another DTLS association.

        Its packets have other keys, so from now on none of the old ones are taken.
        """
        credentials = Credentials(terms["ufrag"], terms["password"])
        restarted = credentials != self.ice.local
        self.ice.restart(credentials)
        if terms["association"] == self._association:
            return
        self._association = terms["association"]
        self._begin(dtls.parse_fingerprint(terms["fingerprint"]), client=terms["client"])
        if restarted:
            self.ice.forget()

    def _begin(self, fingerprint: dtls.Fingerprint, *, client: bool) -> None:
        """Begin a DTLS association (RFC 8842 5); a client speaks at the next check."""
        self._dtls = dtls.DtlsSession(self._identity, fingerprint, client=client)
        self._srtp: srtp.SrtpSession | None = None
        self._started = False

    def close(self) -> None:
        """Send close_notify."""
        self._dtls.close()
        self._flush()

    def _run_dtls(self, step: Callable[[], None]) -> None:
        try:
            step()
        except dtls.DtlsError as error:
            raise PathClosed(str(error)) from error
        finally:
            self._flush()
        if self._dtls.closed:
            raise PathClosed("closed by the peer")
        if self._srtp is None and self._dtls.keys is not None:
            self._srtp = srtp.SrtpSession(self._dtls.keys)

    def _flush(self) -> None:
        if self.ice.remote is not None:
            remote = self.ice.remote
            self._out.extend((data, remote) for data in self._dtls.data_to_send())


def reason(error: srtp.SrtpError) -> str:
    """Why an SRTP packet is dropped, in the words of `dropped`."""
    return REPLAYED if isinstance(error, srtp.Replayed) else FORGED

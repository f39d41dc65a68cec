"""DTLS-SRTP on the ports of one desk phone, without ICE (RFC 5763 6.7).

Nothing says where such a phone really is: its description may name an address that a NAT
hides. What proves it is its certificate, which has to be the one that the description
promised. So whoever begins a handshake may go on with it, each from his own address, and
the first that ends with that certificate is the phone; where he was is where it is. It may
begin again, also from somewhere else (RFC 8842 5): what was agreed stands until then.

Before anything is remembered of somebody he has to show that he receives what is sent to
where he says he is (RFC 6347 4.2.1), so that nobody is flooded with our certificate.

Where the phone waits to be greeted (``a=setup:passive``) we begin, at the described address,
and go on with whoever answers from there or from a host that is the phone's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sipgateway.media import dtls, srtp
from sipgateway.media.ice import Address

MOST = 8
"""Handshakes at a time; one more ends the oldest."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a description says of its phone's DTLS.

    `association` is another one where it begins anew (RFC 8842 5); `greet` is where we
    begin, None where the phone does.
    """

    fingerprint: str
    association: str
    greet: Address | None = None


class Handshakes:
    """Those of one port. Without I/O.

    `keys` are what was agreed last, `source` is where the phone is by what is authentic.
    """

    def __init__(self, identity: dtls.Identity, promise: Promise) -> None:
        self.promise = promise
        self.keys: srtp.Keys | None = None
        self.source: Address | None = None
        self._identity = identity
        self._fingerprint = dtls.parse_fingerprint(promise.fingerprint)
        self._out: list[tuple[bytes, Address]] = []
        self._trials: dict[Address, dtls.DtlsSession] = {}
        self._agreed: dtls.DtlsSession | None = None
        self._door = self._session(client=False)
        self._ours: dtls.DtlsSession | None = None
        if promise.greet is not None:
            self._ours = self._session(client=True)
            self._ours.start()
            self._say(self._ours, promise.greet)

    def _session(self, *, client: bool) -> dtls.DtlsSession:
        return dtls.DtlsSession(self._identity, self._fingerprint, client=client)

    @property
    def failed(self) -> bool:
        """Whether what we began has come to nothing."""
        return self._ours is not None and self._ours.closed

    def receive(self, data: bytes, source: Address, *, near: bool) -> bool:
        """Take DTLS; whether somebody is the phone now. `near`: from a host of the phone's.

        Raises `dtls.DtlsError` for one that has failed: it is forgotten.
        """
        if self._ours is not None:
            return near and self._proceed(self._ours, data, source)
        trial = self._trials.get(source)
        if trial is not None:
            return self._proceed(trial, data, source)
        if dtls.is_hello(data):
            return self._greeted(data, source)
        if self._agreed is not None and source == self.source:
            self._agreed.receive(data)
            self._say(self._agreed, source)
        return False

    def _greeted(self, data: bytes, source: Address) -> bool:
        door = self._door
        try:
            begun = door.listen(data, self._identity.cookie(source))
        except dtls.DtlsError:
            self._door = self._session(client=False)
            raise
        self._say(door, source)
        if begun:
            if len(self._trials) >= MOST:
                del self._trials[next(iter(self._trials))]
            self._trials[source] = door
            self._door = self._session(client=False)
        return False

    def _proceed(self, session: dtls.DtlsSession, data: bytes, source: Address) -> bool:
        try:
            session.receive(data)
        except dtls.DtlsError:
            self._trials.pop(source, None)
            raise
        finally:
            self._say(session, source)
        if session.keys is None:
            return False
        self._trials.clear()
        self._agreed, self._ours = session, None
        self.keys, self.source = session.keys, source
        return True

    def data_to_send(self) -> list[tuple[bytes, Address]]:
        """Datagrams with their destinations."""
        if not self._out:
            return []
        out, self._out = self._out, []
        return out

    def next_timeout(self) -> float | None:
        """Seconds from now until `handle_timeout` is due, if it is."""
        if self._ours is None and not self._trials:
            return None
        waits = [one.next_timeout() for _, one in self._under_way()]
        return min((one for one in waits if one is not None), default=None)

    def handle_timeout(self) -> None:
        """Repeat what was not answered. Raises `dtls.DtlsError` where nobody answers us."""
        for source, one in self._under_way():
            wait = one.next_timeout()
            if wait is None or wait > 0:
                continue
            try:
                one.handle_timeout()
            except dtls.DtlsError:
                if one is self._ours:
                    raise
                del self._trials[source]
            else:
                self._say(one, source)

    def close(self) -> None:
        """Say goodbye (close_notify)."""
        if self._agreed is not None and self.source is not None:
            self._agreed.close()
            self._say(self._agreed, self.source)

    def goes_on(self, promise: Promise) -> bool:
        """Whether a later description goes on with the association."""
        known = self.promise if self.keys is None else replace(self.promise, greet=promise.greet)
        return promise == known

    def _under_way(self) -> list[tuple[Address, dtls.DtlsSession]]:
        found = list(self._trials.items())
        if self._ours is not None and self.promise.greet is not None:
            found.append((self.promise.greet, self._ours))
        return found

    def _say(self, session: dtls.DtlsSession, to: Address) -> None:
        self._out += [(data, to) for data in session.data_to_send()]

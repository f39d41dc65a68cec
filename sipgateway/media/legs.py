"""The legs of a worker and how they are found: by name, fragment or address."""

from __future__ import annotations

from collections.abc import Iterator

from sipgateway.media import dtls, plain
from sipgateway.media.control import Terms
from sipgateway.media.engine import LegId, LegKind
from sipgateway.media.ice import Address, Credentials
from sipgateway.media.leg import Leg
from sipgateway.media.path import Path, WebRtcPath

HELD = 10.0
"""Seconds after its last packet during which an address stays with its leg."""


class Legs:
    """A table of legs."""

    def __init__(self) -> None:
        self._names: dict[LegId, Leg] = {}
        self._fragments: dict[str, Leg] = {}
        self._addresses: dict[Address, Leg] = {}

    def __iter__(self) -> Iterator[Leg]:
        return iter(tuple(self._names.values()))

    def get(self, name: str | None) -> Leg | None:
        """The leg of that name."""
        return None if name is None else self._names.get(LegId(name))

    def add(self, leg: Leg) -> None:
        """Take a leg in."""
        self._names[leg.leg] = leg

    def expect(self, fragment: str, leg: Leg) -> None:
        """Connectivity checks with this fragment are for that leg."""
        self._fragments[fragment] = leg

    def checked(self, fragment: str) -> Leg | None:
        """Whose connectivity check has this fragment."""
        return self._fragments.get(fragment)

    def at(self, source: Address) -> Leg | None:
        """Whose packets come from this address."""
        return self._addresses.get(source)

    def may_bind(self, source: Address, leg: Leg, now: float) -> bool:
        """Whether packets from this address may become that leg's.

        Not while they are another's: a participant who forges the source of
        his checks must not cut somebody else off.
        """
        other = self._addresses.get(source)
        if other is None or other is leg or now - other.heard_at >= HELD:
            return True
        return not (isinstance(other.path, WebRtcPath) and other.path.ice.remote == source)

    def bind(self, source: Address, leg: Leg) -> None:
        """From now on packets from this address are that leg's."""
        self._addresses[source] = leg

    def forget(self, leg: Leg) -> None:
        """Take a leg out of every table."""
        self._names.pop(leg.leg, None)
        self._fragments = {key: one for key, one in self._fragments.items() if one is not leg}
        self._addresses = {key: one for key, one in self._addresses.items() if one is not leg}


def path_of(terms: Terms, identity: dtls.Identity) -> Path:
    """The path that a leg's terms ask for."""
    if terms["kind"] != LegKind.WEBRTC:
        return plain.make(terms, identity)
    return WebRtcPath(
        identity,
        Credentials(terms["ufrag"], terms["password"]),
        dtls.parse_fingerprint(terms["fingerprint"]),
        client=terms["client"],
        association=terms["association"],
    )

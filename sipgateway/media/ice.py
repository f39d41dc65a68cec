"""ICE-lite (RFC 8445): answers connectivity checks, makes none itself.

A lite agent has one host candidate and is always controlled. The phone
checks, we answer; an address counts only after a check from it that carries
the MESSAGE-INTEGRITY made with our password, so nobody who has not read our
description can take a leg over. The pair the phone nominates is where media
goes; until then the last checked one is.

After an ICE restart (new credentials in a re-offer) the previous ones stay
good until the first check with the new ones, because checks of both are
under way at that moment (RFC 8445 9).

`aioice.stun` is the codec of the messages.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass, field

from aioice import stun

Address = tuple[str, int]

COOKIE = 0x2112A442
USERNAME = 0x0006
ROLE_CONFLICT = (487, "Role Conflict")


class IceError(ValueError):
    """A STUN message that is malformed, not for us, or not authentic."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """One side's user fragment and password (RFC 8445 5.3)."""

    ufrag: str
    password: str


def new_credentials() -> Credentials:
    """Unguessable ones: 48 and 192 bits (at least 24 and 128 are asked for)."""
    return Credentials(secrets.token_hex(6), secrets.token_hex(24))


def is_stun(data: bytes) -> bool:
    """Whether a datagram on a shared port is STUN (RFC 7983 7)."""
    return len(data) >= 20 and data[0] < 4 and struct.unpack_from("!I", data, 4)[0] == COOKIE


def parse(data: bytes) -> stun.Message:
    """Read a STUN message and check its fingerprint. Raises `IceError`."""
    try:
        return stun.parse_message(data)
    except (ValueError, struct.error, IndexError) as error:
        raise IceError(f"malformed STUN: {error}") from error


def username(data: bytes) -> str:
    """The USERNAME of a STUN message, found without looking at the rest; empty if it has none.

    So a flood of checks for nobody costs next to nothing.
    """
    at = 20
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("!HH", data, at)
        if kind == USERNAME:
            return data[at + 4 : at + 4 + length].decode("utf-8", "replace")
        at += 4 + length + -length % 4
    return ""


def fragment(message: stun.Message) -> str:
    """Our user fragment in a check's USERNAME (RFC 8445 7.2.2). Raises `IceError`."""
    if (message.message_method, message.message_class) != (
        stun.Method.BINDING,
        stun.Class.REQUEST,
    ):
        raise IceError("not a connectivity check")
    return str(message.attributes.get("USERNAME", "")).partition(":")[0]


@dataclass(slots=True)
class IceLite:
    """The ICE state of one leg."""

    local: Credentials
    previous: Credentials | None = None
    remote: Address | None = None
    nominated: bool = False
    checked: set[Address] = field(default_factory=set)

    def restart(self, local: Credentials) -> None:
        """Take new credentials; the old ones stay until the new ones are used."""
        if local != self.local:
            self.previous, self.local = self.local, local
            self.nominated = False

    def forget(self) -> None:
        """Nobody is anywhere: another peer connection has taken this one's place."""
        self.previous = self.remote = None
        self.nominated = False
        self.checked.clear()

    def receive(self, message: stun.Message, source: Address) -> bytes:
        """Check a request and answer it. Raises `IceError` where it is not authentic."""
        credentials = self._authentic(message)
        if credentials is self.local:
            self.previous = None
        if "ICE-CONTROLLED" in message.attributes:
            # A lite agent is never the controlling one (RFC 8445 6.1.1).
            return _response(message, credentials, source, error=ROLE_CONFLICT)
        self.checked.add(source)
        if "USE-CANDIDATE" in message.attributes:
            self.remote, self.nominated = source, True
        elif not self.nominated:
            self.remote = source
        return _response(message, credentials, source)

    def _authentic(self, message: stun.Message) -> Credentials:
        wanted = fragment(message)
        for credentials in (self.local, self.previous):
            if credentials is None or credentials.ufrag != wanted:
                continue
            if message.check_message_integrity(credentials.password.encode("ascii")):
                return credentials
        raise IceError("a check that is not authentic")


def _response(
    request: stun.Message,
    credentials: Credentials,
    source: Address,
    *,
    error: tuple[int, str] | None = None,
) -> bytes:
    response = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.RESPONSE if error is None else stun.Class.ERROR,
        transaction_id=request.transaction_id,
    )
    if error is None:
        response.attributes["XOR-MAPPED-ADDRESS"] = source
    else:
        response.attributes["ERROR-CODE"] = error
    response.add_message_integrity(credentials.password.encode("ascii"))
    return bytes(response)

"""The values of a session description's lines (RFC 8866): text into frozen values and back.

`parse_x` and `build_x` stand side by side and are each other's inverse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# RFC 8866 9: token = 1*(token-char)
TOKEN = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+")
# RFC 8866 5.2: o=<username> <sess-id> <sess-version> <nettype> <addrtype> <address>
ORIGIN = re.compile(r"(\S+) ([0-9]+) ([0-9]+) (\S+) (\S+) (\S+) *")
# RFC 8866 5.7: c=<nettype> <addrtype> <connection-address>
CONNECTION = re.compile(r"(\S+) (\S+) (\S+) *")
# RFC 8866 6.6: <payload type> <encoding name>/<clock rate>[/<encoding parameters>]
RTPMAP = re.compile(r"([0-9]{1,3}) +([^/\s]+)/([0-9]+)(?:/([0-9]+))? *")
# RFC 8285 8: <value>["/"<direction>] <URI> <extensionattributes>
EXTMAP = re.compile(r"([0-9]+)(?:/(\w+))? (\S+)(?: .*)?")
# RFC 4568 9.1: <tag> <crypto-suite> inline:<key||salt>["|"lifetime]["|"MKI:length] [params]
CRYPTO = re.compile(r"([0-9]{1,9}) +(\S+) +inline:([A-Za-z0-9+/=]+)((?:\|[^\s;|]+)*) *(.*)")


class SdpError(ValueError):
    """The text is not a session description; `reason` says where and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Attribute:
    """``a=name`` (value None) or ``a=name:value``."""

    name: str
    value: str | None = None


def parse_attribute(value: str) -> Attribute:
    """``a=`` without its type. Raises `SdpError`."""
    name, colon, rest = value.partition(":")
    if not TOKEN.fullmatch(name.rstrip()):
        raise SdpError("a=: the name is not a token")
    return Attribute(name.rstrip(), rest if colon else None)


def build_attribute(attribute: Attribute) -> str:
    """``a=`` without its type. Raises `SdpError`."""
    if not TOKEN.fullmatch(attribute.name):
        raise SdpError("a=: the name is not a token")
    return attribute.name if attribute.value is None else f"{attribute.name}:{attribute.value}"


@dataclass(frozen=True, slots=True)
class Origin:
    """``o=`` (5.2): the id is constant for a session, the version goes up by one."""

    username: str
    session: int
    version: int
    address: str
    address_type: str = "IP4"


def parse_origin(value: str) -> Origin:
    """``o=`` without its type. Raises `SdpError`."""
    match = ORIGIN.fullmatch(value)
    if match is None:
        raise SdpError("o=: not <username> <id> <version> <nettype> <addrtype> <address>")
    username, session, version, _, address_type, address = match.groups()
    return Origin(username, int(session), int(version), address, address_type)


def build_origin(origin: Origin) -> str:
    """``o=`` without its type."""
    return (
        f"{origin.username} {origin.session} {origin.version}"
        f" IN {origin.address_type} {origin.address}"
    )


@dataclass(frozen=True, slots=True)
class Connection:
    """``c=`` (5.7)."""

    address: str
    address_type: str = "IP4"


def parse_connection(value: str) -> Connection:
    """``c=`` without its type; a multicast TTL is dropped. Raises `SdpError`."""
    match = CONNECTION.fullmatch(value)
    if match is None or match[1] != "IN":
        raise SdpError("c=: not IN <addrtype> <address>")
    return Connection(match[3].partition("/")[0], match[2])


@dataclass(frozen=True, slots=True)
class RtpMap:
    """``a=rtpmap`` (6.6); `clock` in Hz, `channels` 1 where not said."""

    payload_type: int
    encoding: str
    clock: int
    channels: int = 1


def parse_rtpmap(value: str) -> RtpMap:
    """The value of ``a=rtpmap``. Raises `SdpError`."""
    match = RTPMAP.fullmatch(value)
    if match is None or int(match[1]) > 127:
        raise SdpError("a=rtpmap: not <payload type> <encoding>/<clock>")
    return RtpMap(int(match[1]), match[2], int(match[3]), int(match[4] or 1))


def build_rtpmap(one: RtpMap) -> str:
    """The value of ``a=rtpmap``."""
    channels = f"/{one.channels}" if one.channels != 1 else ""
    return f"{one.payload_type} {one.encoding}/{one.clock}{channels}"


@dataclass(frozen=True, slots=True)
class ExtMap:
    """``a=extmap`` (RFC 8285): a header extension under a local identifier."""

    identifier: int
    uri: str
    direction: str = ""


def parse_extmap(value: str) -> ExtMap:
    """The value of ``a=extmap``. Raises `SdpError`."""
    match = EXTMAP.fullmatch(value)
    if match is None:
        raise SdpError("a=extmap: not <id> <URI>")
    return ExtMap(int(match[1]), match[3], match[2] or "")


def build_extmap(one: ExtMap) -> str:
    """The value of ``a=extmap``."""
    direction = f"/{one.direction}" if one.direction else ""
    return f"{one.identifier}{direction} {one.uri}"


@dataclass(frozen=True, slots=True)
class Crypto:
    """``a=crypto`` (RFC 4568): `key` is base64 of master key and salt, as written."""

    tag: int
    suite: str
    key: str
    has_mki: bool = False
    parameters: str = ""


def parse_crypto(value: str) -> Crypto | None:
    """The value of ``a=crypto``, or None where it is not in a form known here."""
    match = CRYPTO.fullmatch(value)
    if match is None:
        return None
    tag, suite, key, extras, parameters = match.groups()
    has_mki = any(":" in extra for extra in extras.split("|"))
    return Crypto(int(tag), suite, key, has_mki, parameters)


def build_crypto(one: Crypto) -> str:
    """The value of ``a=crypto``."""
    parameters = f" {one.parameters}" if one.parameters else ""
    return f"{one.tag} {one.suite} inline:{one.key}{parameters}"

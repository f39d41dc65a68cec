"""Where a SIP URI leads: transport, address and port (RFC 3263), in the order of trying.

`targets` is the procedure of section 4, asked of a `Dns`. `SystemDns` is the
real one: addresses by the system's resolver, so that /etc/hosts counts, NAPTR
and SRV by dnspython.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from sipgateway.sip.flow import Transport
from sipgateway.sip.uri import SipUri

ANSWER_WITHIN = 3.0
"""Seconds for one question to the DNS; a dozen may be asked within timer B's 32."""
MAX_TARGETS = 8
"""Addresses tried at most; nobody waits longer."""
PORTS = {Transport.UDP: 5060, Transport.TCP: 5060, Transport.TLS: 5061}


@dataclass(frozen=True, slots=True)
class Target:
    """One place to send a request to. `name` is whom a certificate has to name (RFC 5922 4)."""

    transport: Transport
    host: str
    port: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Naptr:
    """A NAPTR record whose flag is ``s`` (RFC 3403)."""

    order: int
    preference: int
    service: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Srv:
    """An SRV record (RFC 2782)."""

    priority: int
    weight: int
    host: str
    port: int


class Dns(Protocol):
    """The questions; no answer of any kind is an empty list."""

    async def naptr(self, name: str) -> list[Naptr]:
        """NAPTR records with the flag ``s``."""

    async def srv(self, name: str) -> list[Srv]:
        """SRV records."""

    async def addresses(self, name: str) -> list[str]:
        """IPv4 and IPv6 addresses, in the system's order of preference."""


#: NAPTR service (RFC 3263 4.1, RFC 3263 8) → transport, whether a sips URI may use it, SRV prefix.
_SERVICES: dict[str, tuple[Transport, bool, str]] = {
    "SIPS+D2T": (Transport.TLS, True, "_sips._tcp"),
    "SIP+D2T": (Transport.TCP, False, "_sip._tcp"),
    "SIP+D2U": (Transport.UDP, False, "_sip._udp"),
}
#: In the order in which SRV is asked where there is no NAPTR: what `sip:` prefers first.
_PREFIXES: dict[Transport, str] = {
    Transport.UDP: "_sip._udp",
    Transport.TCP: "_sip._tcp",
    Transport.TLS: "_sips._tcp",
}
_NAMED = {
    ("sip", "udp"): Transport.UDP,
    ("sip", "tcp"): Transport.TCP,
    ("sip", "tls"): Transport.TLS,
    ("sips", "tcp"): Transport.TLS,
    ("sips", "tls"): Transport.TLS,
}

Pick = Callable[[int], int]


async def targets(
    uri: SipUri,
    source: Dns,
    *,
    supported: Iterable[Transport] = tuple(PORTS),
    pick: Pick = random.randrange,
) -> list[Target]:
    """Where to send a request for `uri`, best first; empty if nowhere.

    `pick` gives a number below its argument, for the weights of RFC 2782.
    """
    spoken = frozenset(supported)
    host = (uri.param("maddr") or uri.host).strip("[]").lower()
    found: list[Target] = []
    for transport, service in await _transports(uri, host, source, spoken):
        if transport in spoken:
            for where, port in await _servers(uri, host, service, transport, source, pick):
                found += [
                    Target(transport, address, port, host)
                    for address in await _addresses(where, source)
                ]
        if len(found) >= MAX_TARGETS:
            break
    return found[:MAX_TARGETS]


async def _transports(
    uri: SipUri, host: str, source: Dns, spoken: frozenset[Transport]
) -> list[tuple[Transport, str]]:
    """RFC 3263 4.1: transports with the name that SRV is asked for, "" where it is not."""
    named = uri.param("transport")
    if named is not None:
        transport = _NAMED.get((uri.scheme, named.lower()))
        return [(transport, f"{_PREFIXES[transport]}.{host}")] if transport else []
    usual = Transport.TLS if uri.scheme == "sips" else Transport.UDP
    if _is_numeric(host) or uri.port is not None:
        return [(usual, "")]
    pointers = sorted(await source.naptr(host), key=lambda one: (one.order, one.preference))
    found = [
        (_SERVICES[one.service][0], one.replacement)
        for one in pointers
        if one.service in _SERVICES and (uri.scheme == "sip" or _SERVICES[one.service][1])
    ]
    if found:
        return found
    asked = [usual] if uri.scheme == "sips" else [one for one in _PREFIXES if one in spoken]
    for transport in asked:
        name = f"{_PREFIXES[transport]}.{host}"
        if await source.srv(name):
            found.append((transport, name))
    return found or [(usual, "")]


async def _servers(
    uri: SipUri, host: str, service: str, transport: Transport, source: Dns, pick: Pick
) -> list[tuple[str, int]]:
    """RFC 3263 4.2: names or addresses, with ports."""
    if uri.port is not None:
        return [(host, uri.port)]
    if service and not _is_numeric(host):
        servers = by_weight(await source.srv(service), pick)
        if servers:
            return [(one.host, one.port) for one in servers]
    return [(host, PORTS[transport])]


async def _addresses(host: str, source: Dns) -> list[str]:
    return [host] if _is_numeric(host) else await source.addresses(host)


def by_weight(records: Sequence[Srv], pick: Pick) -> list[Srv]:
    """The records in the order of RFC 2782: by priority, then drawn by weight."""
    ordered: list[Srv] = []
    for priority in sorted({one.priority for one in records}):
        # Weight 0 stands first, so that it is drawn only by the number 0.
        left = sorted((r for r in records if r.priority == priority), key=lambda one: one.weight)
        while left:
            number = pick(sum(one.weight for one in left) + 1)
            for at, one in enumerate(left):
                number -= one.weight
                if number <= 0:
                    ordered.append(left.pop(at))
                    break
    return [one for one in ordered if one.host]


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class SystemDns:
    """The DNS that this machine is set up for, or what `asked` asks."""

    def __init__(self, asked: dns.asyncresolver.Resolver | None = None) -> None:
        self._resolver = asked

    async def naptr(self, name: str) -> list[Naptr]:
        """See `Dns`."""
        return [
            Naptr(
                one.order,
                one.preference,
                one.service.decode("ascii", "replace").upper(),
                _name(one.replacement),
            )
            for one in await self._records(name, dns.rdatatype.NAPTR)
            if one.flags.lower() == b"s"
        ]

    async def srv(self, name: str) -> list[Srv]:
        """See `Dns`. A target of ``.`` says that there is no such service (RFC 2782)."""
        return [
            Srv(one.priority, one.weight, _name(one.target), one.port)
            for one in await self._records(name, dns.rdatatype.SRV)
        ]

    async def addresses(self, name: str) -> list[str]:
        """See `Dns`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                found = await loop.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):  # TimeoutError is an OSError; a label may be too long
            return []
        return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))

    async def _records(self, name: str, kind: dns.rdatatype.RdataType) -> list[Any]:
        try:
            if self._resolver is None:
                self._resolver = dns.asyncresolver.Resolver()
            answer = await self._resolver.resolve(name, kind, lifetime=ANSWER_WITHIN, search=False)
        except (dns.exception.DNSException, OSError):
            return []
        return list(answer)


def _name(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower().removeprefix(".")

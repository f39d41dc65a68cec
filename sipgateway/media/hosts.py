"""Which address a worker binds to, which one descriptions announce, and names in them."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import replace

from sipgateway.sip import sdp

EVERY = frozenset({"0.0.0.0", "::"})  # noqa: S104
"""Bind to all addresses there are."""


WITHIN = 2.0
"""Seconds that a name in a description may take; somebody waits for his call meanwhile."""

MOST = 8
"""Names that are looked up at a time, each of which may hold a thread."""

_Lines = dict[sdp.Connection | None, sdp.Connection | None]


class Names:
    """Host names in descriptions of phones (RFC 8866 5.7: c= may have one)."""

    def __init__(self) -> None:
        self._pending = 0

    async def located(self, text: str, sip_host: str) -> str:
        """The description with addresses in place of names.

        In place of a name that is nobody's comes the host of the phone's SIP, where that is
        known: from there its packets are taken, as from behind a NAT. What cannot be read
        stays as it is.
        """
        try:
            read = sdp.parse(text)
        except sdp.SdpError:
            return text
        found: _Lines = {}
        for one in {read.connection, *(media.connection for media in read.media)}:
            if one is not None and not _is_address(one.address):
                address = await self._find(one) or sip_host or one.address
                found[one] = sdp.Connection(address, "IP6" if ":" in address else "IP4")
        return sdp.build(_with(read, found)) if found else text

    async def _find(self, one: sdp.Connection) -> str:
        """The address of a name, of the family that was said; empty without one."""
        if self._pending >= MOST:
            return ""
        family = socket.AF_INET6 if one.address_type == "IP6" else socket.AF_INET
        loop = asyncio.get_running_loop()
        self._pending += 1
        try:
            async with asyncio.timeout(WITHIN):
                found = await loop.getaddrinfo(
                    one.address, None, family=family, type=socket.SOCK_DGRAM
                )
        except (OSError, UnicodeError):  # TimeoutError is an OSError; a label may be too long
            return ""
        finally:
            self._pending -= 1
        return str(found[0][4][0])


def _with(read: sdp.Description, lines: _Lines) -> sdp.Description:
    media = (
        replace(one, connection=lines.get(one.connection, one.connection)) for one in read.media
    )
    connection = lines.get(read.connection, read.connection)
    return replace(read, connection=connection, media=tuple(media))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


async def resolve(host: str) -> str:
    """The address of a host name. Raises `OSError`."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    return str(found[0][4][0])


def announced(address: str) -> str:
    """The address by which phones reach what is bound to `address`."""
    return _route(address) if address in EVERY else address


def _route(address: str) -> str:
    """Our address on the default route, the loopback address where there is none."""
    # RFC 5737 and RFC 3849: addresses for documentation; nothing is sent.
    v6 = ":" in address
    with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("2001:db8::1" if v6 else "192.0.2.1", 9))
        except OSError:
            return "::1" if v6 else "127.0.0.1"
        return str(probe.getsockname()[0])

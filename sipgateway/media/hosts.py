"""Which address a worker binds to, and which one descriptions announce."""

from __future__ import annotations

import asyncio
import socket

EVERY = frozenset({"0.0.0.0", "::"})  # noqa: S104
"""Bind to all addresses there are."""


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

"""Addresses and sockets that datagrams and streams have in common."""

from __future__ import annotations

import socket
from typing import Any

Address = tuple[str, int]

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared, not bound


class CannotListen(Exception):
    """A port cannot be had; the text says which and why."""


def listening(host: str, port: int, kind: socket.SocketKind) -> list[socket.socket]:
    """Sockets bound to every address of `host`, none of them blocking.

    ``::`` means IPv4 as well, by a socket of its own: mapped addresses would
    get into Via. Raises `CannotListen`; then nothing is left open.
    """
    hosts = ["::", "0.0.0.0"] if host == "::" else [host]  # noqa: S104  the operator's choice
    sockets: list[socket.socket] = []
    try:
        for one in hosts:
            for family, _, _, _, address in socket.getaddrinfo(one.strip("[]"), port, type=kind):
                sockets.append(_bound(family, kind, address))
    except OSError as error:
        for opened in sockets:
            opened.close()
        protocol = "UDP" if kind is socket.SOCK_DGRAM else "TCP"
        raise CannotListen(f"{protocol} {host} port {port}: {error.strerror or error}") from error
    return sockets


def _bound(
    family: socket.AddressFamily, kind: socket.SocketKind, address: tuple[object, ...]
) -> socket.socket:
    opened = socket.socket(family, kind)
    try:
        opened.setblocking(False)
        if kind is socket.SOCK_STREAM:
            # A restart must not wait for connections of the last life to time out.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind(address)
    except OSError:
        opened.close()
        raise
    return opened


def local_host(bound: str, remote: Address) -> str:
    """By which of our addresses `remote` reaches us: the bound one, or where the route leads."""
    if bound not in _EVERYWHERE:
        return bound
    family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(remote)  # sends nothing
        except OSError:
            return bound
        return str(probe.getsockname()[0])


def plain(address: tuple[Any, ...]) -> Address:
    """Host and port of a socket address of either family."""
    return str(address[0]), int(address[1])

"""Ports for what a test starts.

Not by asking for any free port: those lie in the range out of which the system
takes ports for every connection, and so does the next one to a test's
neighbour, between finding a port and listening on it. For the same reason a
port that was given to one process of tests is not given to another while that
one lives.
"""

from __future__ import annotations

import fcntl
import functools
import itertools
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

FIRST, LAST = 10_000, 19_999
"""Below what the system gives to connections, and below the mixer's own."""


def _candidates() -> Iterator[int]:
    begin = os.getpid() * 37 % (LAST - FIRST)
    return (FIRST + (begin + step) % (LAST - FIRST) for step in itertools.count())


_NEXT = _candidates()
_TAKEN = Path(tempfile.gettempdir(), f"parley-test-ports-{os.getuid()}.lock")
"""A file of which whoever takes a port locks one octet, until he ends, however he ends."""


def free_port(run: int = 1) -> int:
    """An even port on loopback that, with those after it, nobody has by TCP or UDP.

    `run` is how many in a row are wanted. None is given twice.
    """
    for port in _NEXT:
        if port % 2 == 0 and all(_taken(one) and _free(one) for one in range(port, port + run)):
            for _ in range(run - 1):
                next(_NEXT)
            return port
    raise AssertionError("no port is free")


@functools.cache
def _locks() -> int:
    return os.open(_TAKEN, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _taken(port: int) -> bool:
    """Take a port before all other processes of tests; whether it was there to take."""
    try:
        fcntl.lockf(_locks(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as one:
            if kind is socket.SOCK_STREAM:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True

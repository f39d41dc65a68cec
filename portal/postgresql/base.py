"""PostgreSQL as Django knows it, with a bound to the connections of a process.

Django serves each request in a thread of its own, and each thread takes a connection of
its own; a server that lends a hundred has none left for anybody when a hundred people
ask at once. Here no more than `MOST` in ``OPTIONS`` are open at a time, and whoever
wants one more waits for one. A thread that keeps its connection (``CONN_MAX_AGE`` None,
see `sipgateway.directory`) is not counted and never waits.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from typing import Any

from django.db.backends.postgresql import base
from django.db.utils import OperationalError

MOST = "most"
"""The name in ``OPTIONS`` of the most connections at a time."""
LONGEST_WAIT = 60.0
"""Seconds after which whoever waits is told that there is none: longer than any burst."""


class _Places:
    """The places of this process, as many as the first who asks says."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: dict[str, threading.Semaphore] = {}

    def of(self, alias: str, most: int) -> threading.Semaphore:
        """Those of one database."""
        with self._lock:
            return self._free.setdefault(alias, threading.Semaphore(most))


_places = _Places()


class DatabaseWrapper(base.DatabaseWrapper):
    """See the module."""

    #: Gives the place back, once; also when the connection is forgotten without a word.
    _leave: weakref.finalize[[], Any] | None = None

    def get_connection_params(self) -> dict[str, Any]:
        """What psycopg is told: not how many there may be."""
        params: dict[str, Any] = super().get_connection_params()
        params.pop(MOST, None)
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect; waits for a place. `OperationalError` where there is none for long."""
        most = self.settings_dict["OPTIONS"].get(MOST)
        if most is None or self.settings_dict["CONN_MAX_AGE"] is None:
            return super().get_new_connection(conn_params)
        places = _places.of(self.alias, most)
        if not places.acquire(timeout=LONGEST_WAIT):
            raise OperationalError(f"all {most} database connections are in use")
        with contextlib.ExitStack() as undo:
            undo.callback(places.release)
            connection = super().get_new_connection(conn_params)
            undo.pop_all()
        self._leave = weakref.finalize(connection, places.release)
        self._leave.atexit = False
        return connection

    def _close(self) -> None:
        leave, self._leave = self._leave, None
        try:
            super()._close()  # type: ignore[misc]
        finally:
            if leave is not None:
                leave()

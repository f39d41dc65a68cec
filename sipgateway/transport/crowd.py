"""How many connections there may be, from one address and in all.

A connection that has not yet brought a whole message is *unproven*: where a
limit is reached it makes room for the next, the oldest first. So a thousand
silent connections from one address keep nobody behind that address out.
Proven ones stay as long as they live.
"""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

MAX_CONNECTIONS = 5000
"""Connections in all, about 25 kB each; fewer where half the files that may be open are fewer."""

C = TypeVar("C", bound=Hashable)


class Crowd(Generic[C]):
    """Connections of one transport; `counters` says what was refused, or closed to make room."""

    def __init__(self, per_source: int, counters: Counter[str]) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = min(MAX_CONNECTIONS, files // 2)
        self._per_source = per_source
        self._counters = counters
        self._hosts: dict[C, str] = {}
        self._by_source: dict[str, dict[C, None]] = {}
        #: How to cut off an unproven one, the oldest first.
        self._unproven: dict[C, Callable[[], None]] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def admit(self, one: C, host: str, cut: Callable[[], None]) -> bool:
        """Let a connection in, in the place of an unproven one if need be."""
        here = self._by_source.get(host, {})
        if len(here) >= self._per_source and not self._evict(here):
            self._counters["refused: too many from one address"] += 1
            return False
        if len(self._hosts) >= self._most and not self._evict(self._unproven):
            self._counters["refused: too many"] += 1
            return False
        self._hosts[one] = host
        self._by_source.setdefault(host, {})[one] = None
        self._unproven[one] = cut
        return True

    def prove(self, one: C) -> None:
        """It has brought a whole message."""
        self._unproven.pop(one, None)

    def leave(self, one: C) -> None:
        """It is closed, or about to be; may be told twice."""
        self._unproven.pop(one, None)
        host = self._hosts.pop(one, None)
        if host is None:
            return
        here = self._by_source[host]
        del here[one]
        if not here:
            del self._by_source[host]

    def _evict(self, among: Iterable[C]) -> bool:
        oldest = next((one for one in among if one in self._unproven), None)
        if oldest is None:
            return False
        self._counters["closed: made room"] += 1
        cut = self._unproven[oldest]
        self.leave(oldest)
        cut()
        return True

"""What `/healthz` and `/metrics` ask.

Whoever assembles a process puts a check in for each part that it runs: a
function that returns "" while the part is ready, and otherwise what is wrong
with it, in words. A check looks at state that is already there; it does not
wait and does not connect to anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

#: What `/metrics` tells: what was counted since the start, and how much goes on now.
counters: list[Callable[[], Mapping[str, int]]] = []
gauges: list[Callable[[], Mapping[str, int]]] = []
#: Part → its check. Filled by `portal.asgi` before the first request is served.
checks: dict[str, Callable[[], str]] = {}

#: Which process this is: its name, and the names of the others of the system.
process: dict[str, Callable[[], object]] = {}

"""What `/healthz` asks.

Whoever assembles a process puts a check in for each part that it runs: a
function that returns "" while the part is ready, and otherwise what is wrong
with it, in words. A check looks at state that is already there; it does not
wait and does not connect to anything.
"""

from __future__ import annotations

from collections.abc import Callable

#: Part → its check. Filled by `portal.asgi` before the first request is served.
checks: dict[str, Callable[[], str]] = {}

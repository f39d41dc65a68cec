"""Whether the way out of a WebSocket is free.

ASGI does not say whether `send` waits for a peer that reads slowly. Uvicorn's
does. Daphne's does not: it writes to Twisted's buffer, which has no end, and
returns at once. Twisted tells its push producers when that buffer is full and
when it is empty again, and so a producer is registered in our place. It finds
the connection by what daphne hands out as `send`: a partial of its server's
`handle_reply` over the connection's protocol.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any


class Pressure:
    """Told by Twisted, as its push producer, when to pause; always free elsewhere."""

    def __init__(self, send: object) -> None:
        self._free = asyncio.Event()
        self._free.set()
        self._protocol = _protocol(send)
        if self._protocol is not None:
            # Daphne's HTTP channel is registered still, with nothing left to say here.
            self._protocol.unregisterProducer()
            self._protocol.registerProducer(self, True)

    async def released(self) -> None:
        """Wait until what was sent before is on its way."""
        await self._free.wait()

    def end(self) -> None:
        """Nothing more is sent; Twisted closes a connection only without producers."""
        self._free.set()
        if self._protocol is not None:
            self._protocol.unregisterProducer()
            self._protocol = None

    # Twisted's IPushProducer

    def pauseProducing(self) -> None:  # noqa: N802  Twisted's name
        """The buffer is full."""
        self._free.clear()

    def resumeProducing(self) -> None:  # noqa: N802  Twisted's name
        """The buffer is empty."""
        self._free.set()

    def stopProducing(self) -> None:  # noqa: N802  Twisted's name
        """The connection is gone, and what is sent goes nowhere."""
        self._free.set()


def _protocol(send: object) -> Any:
    """The Twisted protocol behind daphne's `send`; None under other servers."""
    bound = send.args if isinstance(send, functools.partial) else ()
    return next((one for one in bound if hasattr(one, "registerProducer")), None)

"""HTTP to Django, ``/sip`` to the gateway; starts and stops what lives beside the pages.

Works under any ASGI server: where there is a lifespan it is used; daphne has
none, and there Twisted's reactor says when it runs and when it stops.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django_application = get_asgi_application()

# What follows needs Django's registry, which the line above fills.
from portal import health  # noqa: E402
from portal.embedded import EmbeddedCelery  # noqa: E402
from sipgateway.assembly import Assembly  # noqa: E402

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Application:
    """The ASGI application."""

    def __init__(self) -> None:
        self._assembly = Assembly()
        self._celery = EmbeddedCelery()
        self._started = False
        #: Set once everything that lives beside the pages is up.
        self.ready = asyncio.Event()
        health.counters.append(self._assembly.counters)
        health.gauges.append(self._assembly.gauges)
        health.checks |= self._assembly.checks
        if self._celery.wanted:
            health.checks["jobs"] = self._celery.failing
        health.process["process"] = lambda: self._assembly.name
        health.process["others"] = self._assembly.others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, or the server's lifespan."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await django_application(scope, receive, send)  # type: ignore[arg-type]

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/sip":
            # Daphne listens before all is up: what a phone said by then would be lost.
            await self.ready.wait()
            await self._assembly.websocket(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.close", "code": 1008})

    async def start(self) -> None:
        """Start what lives beside the pages, once."""
        if not self._started:
            self._started = True
            self._celery.start()
            # The addresses take a second to import: do it before the first visitor comes.
            pages = asyncio.to_thread(importlib.import_module, settings.ROOT_URLCONF)
            await asyncio.gather(self._assembly.start(), pages)
            self.ready.set()

    async def stop(self) -> None:
        """Hang up, then stop it."""
        await asyncio.gather(self._assembly.stop(), asyncio.to_thread(self._celery.stop))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


application = Application()


def _under_daphne() -> None:
    """Daphne speaks no lifespan; its reactor tells the same."""
    reactor = sys.modules.get("twisted.internet.reactor")
    defer = sys.modules.get("twisted.internet.defer")
    if reactor is None or defer is None:
        return

    def stopping() -> Any:
        return defer.Deferred.fromFuture(asyncio.ensure_future(application.stop()))

    reactor.callWhenRunning(lambda: asyncio.ensure_future(application.start()))
    reactor.addSystemEventTrigger("before", "shutdown", stopping)


_under_daphne()

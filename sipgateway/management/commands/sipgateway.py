"""``manage.py sipgateway``: SIP over UDP, TCP and TLS in a process without web pages."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from sipgateway.assembly import Assembly


class Command(BaseCommand):
    """See the module."""

    help = "Serve SIP over UDP, TCP and TLS without the web pages, until Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Serve until SIGINT or SIGTERM; `CommandError` where that cannot be."""
        if not settings.REDIS_URL:
            raise CommandError(
                "REDIS_URL: without Redis no other process hears of this one; run `serve` instead"
            )
        if not settings.SIP_PORT and not settings.SIPS_PORT:
            raise CommandError("SIP_PORT, SIPS_PORT: both are off, so there is nothing to serve")
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        assembly = Assembly()
        await assembly.start()
        try:
            if failing := assembly.failing():
                raise CommandError(failing)
            self.stdout.write(f"SIP is served for {settings.SIP_DOMAIN} (Ctrl-C stops it)")
            self.stdout.flush()
            await ended.wait()
        finally:
            await assembly.stop()

"""``manage.py serve``: the whole system in the foreground, on embedded defaults."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daphne.server import Server  # first: it installs the reactor
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.module_loading import import_string
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.error import CannotListenError

from conferences import services
from conferences.models import User
from portal.tls import Certificates

#: Names the advisory lock under which a database is made ready; any number does.
_STARTING = 4579


class Command(BaseCommand):
    """See the module."""

    help = "Serve the portal, SIP and the jobs in one process, until Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002  Django's signature
        """Bring the database up to date, make the first organizer if need be, then serve."""
        with _alone():
            self._migrate()
            self._first_organizer()
        # Importing the server has installed the reactor that the application looks for.
        application = import_string(settings.ASGI_APPLICATION)
        server: Server = Server(
            application=application,
            endpoints=[_endpoint()],
            signal_handlers=True,
            # A call lasts as long as it lasts; daphne would cut the socket after a day.
            websocket_timeout=-1,
            # Phones that are silent are noticed by their media.
            ping_interval=20,
            ping_timeout=30,
            verbosity=0,
            ready_callable=lambda: self._started(server, application.ready),
        )
        if settings.TLS_CERT:
            server.endpoints = []  # see `_listen_tls`
        # A shell that starts us in the background has Ctrl-C ignored; Twisted would leave it so.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        server.run()
        if server.abort_start:  # daphne has said why
            place = f"{settings.HOST} port {settings.PORT}"
            raise CommandError(f"PORT: Parley cannot listen on {place}; PORT=… chooses another")

    def _started(self, server: Server, ready: asyncio.Event) -> None:
        if settings.TLS_CERT and settings.TLS_KEY:
            _listen_tls(server, settings.TLS_CERT, settings.TLS_KEY)
        self._announcing = asyncio.ensure_future(self._announce(ready))

    async def _announce(self, ready: asyncio.Event) -> None:
        await ready.wait()
        self.stdout.write(f"Parley is at {settings.BASE_URL} (Ctrl-C stops it)")
        self.stdout.flush()

    @staticmethod
    def _migrate() -> None:
        """Apply what is not applied yet; looking costs a few milliseconds."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0, interactive=False)

    def _first_organizer(self) -> None:
        if User.objects.exists():
            return
        password = secrets.token_urlsafe(12)
        user = services.create_user(
            username="organizer", password=password, display_name="Organizer", is_organizer=True
        )
        # Somebody has to look after the house.
        user.is_staff = user.is_superuser = True
        user.save(update_fields=["is_staff", "is_superuser"])
        self.stdout.write("Sign in as: organizer")
        self.stdout.write(f"Password:   {password}")
        self.stdout.write("(shown this once; change it on your account page)")
        sys.stdout.flush()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Only one of the processes that share a database and start at once is in here."""
    if connection.vendor != "postgresql":  # there is one process then
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_STARTING])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_STARTING])
    connection.close()  # this thread asks nothing more


def _listen_tls(server: Server, certificate: Path, key: Path) -> None:
    """Listen for HTTPS, as daphne's ``ssl:`` does, but with certificates that may change."""
    try:
        certificates = Certificates(certificate, key)
        reactor.listenSSL(settings.PORT, server.http_factory, certificates, interface=settings.HOST)
    except (OSError, SSL.Error) as error:
        raise CommandError(f"TLS_CERT, TLS_KEY: {error}") from error
    except CannotListenError as error:
        raise CommandError(f"PORT: {error}") from error


def _endpoint() -> str:
    """Where to listen, in Twisted's words."""
    host = settings.HOST.replace(":", "\\:")
    return f"tcp:{settings.PORT}:interface={host}"

"""All of SIP's transports but WebSocket, as one part: UDP, TCP and TLS, and the ways out."""

from __future__ import annotations

import logging
import signal
import ssl
import threading
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sipgateway.resolver import Dns
from sipgateway.sip.credentials import Trunk
from sipgateway.sip.flow import Transport
from sipgateway.sip.limits import DEFAULT
from sipgateway.transport import stream, udp
from sipgateway.transport.routes import Routes
from sipgateway.transport.sockets import CannotListen

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Places:
    """Where to listen; a port of 0 is off."""

    host: str
    sip_port: int
    sips_port: int = 0
    certificate: Path | None = None
    key: Path | None = None


class Shell(udp.Shell, stream.Shell, Protocol):
    """What the transports need of the gateway."""

    def spawn(self, owner: str, work: Coroutine[None, None, None]) -> None:
        """Run something that takes time."""


class Listeners:
    """See the module."""

    def __init__(
        self,
        shell: Shell,
        places: Places,
        *,
        dns: Dns,
        trunk: Trunk | None,
        per_source: int = DEFAULT.connections,
    ) -> None:
        self._places = places
        self._udp = udp.UdpTransport(shell)
        self._tcp = stream.StreamTransport(shell, per_source=per_source)
        self._client_context = ssl.create_default_context()
        self._tls = stream.StreamTransport(
            shell, client_context=self._client_context, per_source=per_source
        )
        streams = {Transport.TCP: self._tcp} if places.sip_port else {}
        if places.sip_port or places.sips_port:
            streams[Transport.TLS] = self._tls
        self.routes = Routes(
            udp=self._udp, streams=streams, dns=dns, trunk=trunk, spawn=shell.spawn
        )
        self._failures: dict[str, str] = {}

    async def start(self) -> None:
        """Listen; what fails is logged, told by `failing`, and does not keep the rest from it."""
        places = self._places
        if places.sip_port:
            await self._try("SIP_PORT", self._udp.start(places.host, places.sip_port))
            await self._try("SIP_PORT", self._tcp.start(places.host, places.sip_port))
        if places.sips_port and self.reload():
            await self._try("SIPS_PORT", self._tls.start(places.host, places.sips_port))
        if places.certificate and threading.current_thread() is threading.main_thread():
            # Without a handler it would end the process.
            signal.signal(signal.SIGHUP, self._hung_up)

    def stop(self) -> None:
        """Listen no more and close what is open."""
        self._udp.stop()
        self._tcp.stop()
        self._tls.stop()

    @property
    def counters(self) -> dict[str, Counter[str]]:
        """What each transport has refused and dropped."""
        return {"udp": self._udp.counters, "tcp": self._tcp.counters, "tls": self._tls.counters}

    def failing(self) -> str:
        """What could not be had, by the name of its variable; "" if nothing."""
        return "; ".join(f"{name}: {what}" for name, what in self._failures.items())

    async def _try(self, variable: str, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except CannotListen as error:
            self._fail(variable, str(error))

    def _fail(self, variable: str, what: str) -> None:
        self._failures.setdefault(variable, what)
        LOG.error("%s: %s", variable, what)

    # -- certificates ----------------------------------------------------------

    def reload(self) -> bool:
        """Read the certificate and its key anew; connections that are up keep the old one.

        Where they cannot be read the old ones stay in use.
        """
        certificate, key = self._places.certificate, self._places.key
        if certificate is None or key is None:
            self._fail("SIPS_PORT", "SIP over TLS wants TLS_CERT and TLS_KEY")
            return False
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(certificate, key)
            self._client_context.load_cert_chain(certificate, key)
        except OSError as error:  # ssl.SSLError is one
            self._fail("TLS_CERT, TLS_KEY", str(error))
            return False
        self._failures.pop("TLS_CERT, TLS_KEY", None)
        self._tls.context = context
        return True

    def _hung_up(self, *_: Any) -> None:
        """SIGHUP: the custom of daemons for "read your files again"."""
        if self._places.sips_port and self.reload():
            LOG.info("TLS_CERT and TLS_KEY have been read again")

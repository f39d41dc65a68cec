"""The web server's certificate, read anew whenever its files have changed.

Connections that are up keep the one they began with, so no call is dropped;
whoever connects next sees the new one.
"""

from __future__ import annotations

import logging
from pathlib import Path

from OpenSSL import SSL
from twisted.internet.ssl import ContextFactory

LOG = logging.getLogger(__name__)

_Stamp = tuple[tuple[int, int], ...]


class Certificates(ContextFactory):
    """Gives Twisted the context for each connection. Raises `OSError` or `SSL.Error` at first."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = certificate, key
        self._stamp = self._look()
        self._context = self._read()

    def getContext(self) -> SSL.Context:  # noqa: N802  Twisted's name
        """The context for a connection that comes now."""
        try:
            stamp = self._look()
            if stamp != self._stamp:
                self._context, self._stamp = self._read(), stamp
                LOG.info("TLS_CERT and TLS_KEY have been read again for the pages")
        except (OSError, SSL.Error) as error:  # half written, or gone: the old ones stay in use
            LOG.warning("TLS_CERT, TLS_KEY: %s", error)
        return self._context

    def _look(self) -> _Stamp:
        """What changes with the files; two calls of stat."""
        stats = [path.stat() for path in self._files]
        return tuple((one.st_mtime_ns, one.st_ino) for one in stats)

    def _read(self) -> SSL.Context:
        certificate, key = (str(path) for path in self._files)
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.use_certificate_chain_file(certificate)
        context.use_privatekey_file(key)
        context.check_privatekey()
        return context

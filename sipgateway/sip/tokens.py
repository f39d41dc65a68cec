"""Where branches, tags, Call-IDs and nonces come from.

The core never makes one up: it asks the `Tokens` it was handed, so that a
test hands in a counter and compares whole messages.
"""

from __future__ import annotations

import secrets
from typing import Protocol

MAGIC_COOKIE = "z9hG4bK"


class Tokens(Protocol):
    """A source of tokens; every call gives a new one."""

    def branch(self) -> str:
        """A Via branch, magic cookie included (RFC 3261 8.1.1.7)."""

    def tag(self) -> str:
        """A From or To tag (RFC 3261 19.3)."""

    def call_id(self) -> str:
        """A Call-ID."""

    def opaque(self) -> str:
        """An unguessable name for anything else: a leg, a roster entry, a nonce's salt."""


class SecretTokens:
    """Tokens that nobody can guess: at least 64 bits each.

    Where several processes are one system, tags and branches begin with the
    `name` of the one that made them (`siblings.made_by`).
    """

    def __init__(self, name: str = "") -> None:
        self._prefix = f"p{name}_" if name else ""

    def branch(self) -> str:
        """See `Tokens`."""
        return MAGIC_COOKIE + self._prefix + secrets.token_hex(10)

    def tag(self) -> str:
        """See `Tokens`."""
        return self._prefix + secrets.token_hex(8)

    def call_id(self) -> str:
        """See `Tokens`."""
        return secrets.token_hex(16)

    def opaque(self) -> str:
        """See `Tokens`."""
        return secrets.token_hex(12)

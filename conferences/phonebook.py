"""PURE. One registered phone of a person, as focus and database tell each other of it.

The focus thinks of it as a binding (RFC 3261 10), the database as a row.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A binding of an address of record. Times are POSIX seconds.

    `aor` and `key` name it: RFC 5626's instance and reg-id, else the URI by
    which it came first.
    """

    aor: str
    key: str
    #: The Contact as it was given, parameters and all (RFC 3840).
    contact: str
    #: The Path (RFC 3327), as header values.
    path: tuple[str, ...]
    transport: str
    remote_host: str
    remote_port: int
    #: Where it reached us.
    local_port: int
    #: The flow's number in the process that holds it; means nothing elsewhere or later.
    flow: int
    call_id: str
    cseq: int
    since: float
    refreshed_at: float
    expires_at: float
    #: The ``+sip.instance`` without its brackets, "" where the phone gives none.
    instance: str = ""
    user_agent: str = ""

    @property
    def name(self) -> tuple[str, str]:
        """What no other has."""
        return self.aor, self.key


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an earlier life of the process left: phones, and registrations that were ended."""

    entries: tuple[Entry, ...] = ()
    #: (address of record, Call-ID) of registrations that their owner has ended.
    ended: tuple[tuple[str, str], ...] = ()
    #: (address of record, instance) of phones that were here and are away (RFC 5627).
    away: tuple[tuple[str, str], ...] = ()

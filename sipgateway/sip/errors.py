"""What can go wrong in the SIP core.

::

    SipError
    ├── LocalError     our mistake: a method called out of turn, a value that must not be sent
    └── RemoteError    theirs: carries the status to answer
        └── BadMessage      400, what is wrong named in the reason phrase
"""

from __future__ import annotations


class SipError(Exception):
    """Anything that this package raises."""


class LocalError(SipError):
    """The caller of this package asked for something that cannot be done."""


class RemoteError(SipError):
    """What the peer sent cannot be taken; `status` is what to answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class BadMessage(RemoteError):
    """The message breaks the grammar of RFC 3261; `reason` names the header."""

    def __init__(self, reason: str) -> None:
        super().__init__(400, reason)

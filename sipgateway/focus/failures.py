"""What a call that nobody took is answered with: the failure of all phones' that says most.

A proxy passes responses back as they are. Calls are anchored here, so what a phone
refuses is Parley's INVITE, not the caller's: what only its sender could mend is a
failure of Parley's to him, with the phone's status in Reason (RFC 3326).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sipgateway.focus import answers, diversion
from sipgateway.focus.leg import Farewell
from sipgateway.focus.roster import Departure
from sipgateway.sip import message
from sipgateway.sip.endpoint import Fields
from sipgateway.sip.message import Response

#: Those of the 4xx that say how the request could succeed go first (RFC 3261 16.7, step 6).
_TELLING = frozenset({401, 407, 415, 420, 484})
_BUSY = 486
_UNREACHED = 430
#: What is between Parley and the phone: wants credentials, extensions or a longer session of
#: us; 503 would be ours to say of ourselves alone (16.7, step 6).
_BETWEEN_US = frozenset({401, 407, 420, 421, 422, 494, 503})
#: Header fields by which a failure explains itself (RFC 3261 20, RFC 3326), as they are written.
_EXPLAINING = (
    "Retry-After",
    "Warning",
    "Reason",
    "Error-Info",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Allow",
)
#: A warning's code and who gives it: a host, which is the phone's own address (20.43).
_WARN_AGENT = re.compile(r'(?P<code>\b\d{3}) [^\s",]+(?= ")')


def rank(status: int) -> tuple[int, int]:
    """The lowest goes back: a 2xx, a 6xx, then the lowest class (RFC 3261 16.7, step 6)."""
    if status < 300:
        return 0, 0
    if status >= 600:
        return 1, 0
    telling = 0 if status in _TELLING else 1 if status == _BUSY else 2
    return status // 100, telling


@dataclass(frozen=True, slots=True)
class Failure:
    """A final response to the caller."""

    status: int = 480
    reason: str = ""
    fields: Fields = ()
    #: Whether the phone's word was not for the caller, or it has said none: others go first.
    says_little: bool = False

    @classmethod
    def of(cls, bye: Farewell) -> Failure:
        """What the caller is told of a phone that has gone like that."""
        # It was never asked, has sent the call on, or is not reached (430, RFC 5626 11.3).
        if bye.status < 400 or bye.status == _UNREACHED:
            return cls(says_little=True)
        if bye.status not in _BETWEEN_US:
            return cls(bye.status, bye.reason, bye.fields)
        words = bye.reason or message.REASONS.get(bye.status, "")
        reason = ("Reason", answers.reason_value(bye.status, words))
        fields = tuple(field for field in bye.fields if field[0] in {"Retry-After", "Warning"})
        return cls(500, "The Phone Cannot Be Called", (*fields, reason), says_little=True)


def best(failures: Iterable[Failure]) -> Failure:
    """The first of those that say most; 480 if there are none."""
    return min(
        failures,
        key=lambda one: (one.status < 600 and one.says_little, rank(one.status)),
        default=Failure(),
    )


def farewell(response: Response, host: str) -> Farewell:
    """How somebody who was called goes by a final response that is no 2xx.

    Warnings are given by `host`, ours: where a phone is, is not for its caller to read.
    """
    method = Departure.BUSY if response.status in {_BUSY, 600} else Departure.FAILED
    fields = tuple(
        (name, _WARN_AGENT.sub(rf"\g<code> {host}", value) if name == "Warning" else value)
        for name in _EXPLAINING
        for value in response.all(name.lower())
    )
    return Farewell(
        method,
        status=response.status,
        reason=response.reason,
        fields=fields,
        elsewhere=diversion.places(response),
    )

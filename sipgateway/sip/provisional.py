"""Reliable provisional responses, as a server (RFC 3262 3).

Where an INVITE requires ``100rel``, its provisional responses go out one at a
time, each again and again until its PRACK comes; none if it has no offer. A
2xx waits for the PRACK of a response that holds a description, since that is
the answer or an offer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sipgateway.sip import headers, timers
from sipgateway.sip.headers import RAck
from sipgateway.sip.message import Request, Response

FIRST_RSEQ = 1
"""RFC 3262 7.1 lets one start anywhere; what starts at 1 is easily read in a log."""


@dataclass(slots=True)
class Provisionals:
    """Those of one INVITE. Whoever owns it sends `current` and asks for `again`."""

    cseq: int
    waiting: deque[Response] = field(default_factory=deque)
    current: Response | None = None
    #: What is to be done once everything is acknowledged: the 2xx.
    held: Callable[[float], None] | None = None
    again: float = 0.0
    interval: float = timers.T1
    give_up: float = 0.0
    _rseq: int = FIRST_RSEQ - 1

    def add(self, response: Response) -> None:
        """Another response, behind those that wait."""
        self._rseq += 1
        response.append("Require", "100rel")
        response.add(headers.RSEQ, self._rseq)
        self.waiting.append(response)

    def start_next(self, now: float) -> Response | None:
        """The response to send now, or None while one is out or none waits."""
        if self.current is not None or not self.waiting:
            return None
        self.current = self.waiting.popleft()
        self.interval = timers.T1
        self.again, self.give_up = now + timers.T1, now + timers.GIVE_UP
        return self.current

    def slow_down(self, now: float) -> None:
        """The current one goes out once more: wait twice as long for the next time."""
        self.interval *= 2
        self.again = min(now + self.interval, self.give_up)

    def is_out(self, rack: RAck) -> bool:
        """Whether a PRACK is for the current one."""
        if self.current is None:
            return False
        return rack == RAck(self.current.must(headers.RSEQ), self.cseq, "INVITE")

    @property
    def holds_answer(self) -> bool:
        """Whether a description is out or waits, for which a 2xx has to wait."""
        out = [self.current] if self.current is not None else []
        return any(response.body for response in [*out, *self.waiting])

    def stop(self) -> None:
        """The INVITE is answered finally: nothing goes out any more.

        What is out may still be acknowledged (RFC 3262 3).
        """
        self.waiting.clear()
        self.held = None


def possible(invite: Request) -> bool:
    """Whether a provisional response beyond 100 may be sent to an INVITE at all.

    To one without an offer the first reliable response has to hold the offer (RFC
    3261 13.2.1, RFC 3262 5), whose answer the PRACK would bring. The 2xx makes the
    offer here; and where reliable ones are required there are no others.
    """
    return bool(invite.body_as("application/sdp")) or not wanted(invite)


def wanted(invite: Request) -> bool:
    """Whether the peer requires reliable provisional responses."""
    return invite.method == "INVITE" and invite.has_token(headers.REQUIRE, "100rel")

"""One request, no INVITE, at all phones of a person: the best answer counts (RFC 3261 16.7).

A phone is asked by its next flow when one fails (RFC 5626 7); a 6xx or a 2xx is the
last word, and who has said nothing after a while is not waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sipgateway.focus import failures, inviting
from sipgateway.focus.desk import Desk, Phone
from sipgateway.sip.events import ResponseReceived, TransactionId
from sipgateway.sip.message import Response

ANSWER_WITHIN = 30.0
"""Seconds for phones to answer: the sender gives up after 32 (RFC 3261 17.1.2.2)."""

Send = Callable[[Phone, float], TransactionId]
Done = Callable[[ResponseReceived | None, Phone | None, float], None]


class Forking:
    """See the module. `send` asks one phone; `done` hears once, None if no phone answered."""

    def __init__(self, desk: Desk, send: Send, done: Done) -> None:
        self._desk = desk
        self._send_to = send
        self._done = done
        self._waiting = 0
        self._over = False
        self._came: list[tuple[ResponseReceived, Phone]] = []

    def start(self, phones: Sequence[Phone], now: float) -> None:
        """Send it to all of them."""
        self._waiting = len(phones)
        for phone in phones:
            self._send(phone, now)
        self._desk.later(now + ANSWER_WITHIN, self._finish)

    def _send(self, phone: Phone, now: float) -> None:
        self._desk.replies[self._send_to(phone, now)] = self._listener(phone)

    def _listener(self, phone: Phone) -> Callable[[ResponseReceived, float], None]:
        def replied(reply: ResponseReceived, now: float) -> None:
            status = reply.response.status
            if status < 200:
                return  # 100 ends here, and others are not for requests like these (RFC 4320 4.1)
            failed = inviting.is_flow_failed(reply)
            if failed and phone.next is not None and not self._over:
                self._send(phone.next, now)
                return
            self._waiting -= 1
            if not reply.local and not failed:  # 430 is between the phone's flows and us
                self._came.append((reply, phone))
            if not 300 <= status < 600 or not self._waiting:
                self._finish(now)

        return replied

    def _finish(self, now: float) -> None:
        if self._over:
            return
        self._over = True
        rank = failures.rank
        best = min(self._came, key=lambda one: rank(one[0].response.status), default=None)
        if best is None:
            self._done(None, None, now)
            return
        reply, phone = best
        if reply.response.status in {401, 407}:
            self._gather(reply.response)
        self._done(reply, phone, now)

    def _gather(self, best: Response) -> None:
        """All challenges go back in one response (16.7, step 7)."""
        for reply, _ in self._came:
            response = reply.response
            if response is not best and response.status in {401, 407}:
                for key in ("www-authenticate", "proxy-authenticate"):
                    for value in response.all(key):
                        best.append(key, value)

"""Texts and REFERs for a person by somebody who does not want to be known (RFC 3323).

What the proxy passes on keeps its From; here we ask in nobody's name instead,
and tell the sender how that went.
"""

from __future__ import annotations

from collections.abc import Sequence

from conferences.policy import Identity
from sipgateway.focus import messages, privacy
from sipgateway.focus.desk import Desk, Phone
from sipgateway.focus.forking import Forking
from sipgateway.focus.relay import Relay
from sipgateway.sip import headers
from sipgateway.sip.events import RequestReceived, ResponseReceived, TransactionId
from sipgateway.sip.headers import NameAddr


def send(
    desk: Desk, event: RequestReceived, phones: Sequence[Phone], who: Identity, now: float
) -> None:
    """Carry it out, or answer 433 where that cannot be done without naming the sender."""
    if event.request.method == "MESSAGE":
        _message(desk, event, phones, who, now)
    elif event.request.method == "REFER":
        _refer(desk, event, phones, who, now)
    else:
        desk.endpoint.respond(event.transaction, 433, now)


def _message(
    desk: Desk, event: RequestReceived, phones: Sequence[Phone], who: Identity, now: float
) -> None:
    """To all phones; the best answer is the sender's, in our own words."""
    sender = privacy.sender_of(event.request, who)

    def send_to(phone: Phone, at: float) -> TransactionId:
        return messages.forward(desk.endpoint, event.request, phone, sender, at)

    def done(reply: ResponseReceived | None, phone: Phone | None, then: float) -> None:
        del phone
        if reply is None:
            desk.endpoint.respond(event.transaction, 480, then, reason="No Phone Answered")
        else:
            desk.endpoint.respond(event.transaction, _told(reply.response.status), then)

    Forking(desk, send_to, done).start(phones, now)


def _told(status: int) -> int:
    """What the sender is told of it: 503 is ours to say of ourselves alone (RFC 3261 16.7)."""
    return 200 if status < 300 else 500 if status == 503 else status


def _refer(
    desk: Desk, event: RequestReceived, phones: Sequence[Phone], who: Identity, now: float
) -> None:
    """Draft 4.7, RFC 4579 5.6: his phone decides what it does about it."""
    values = event.request.all("refer-to")
    if len(values) != 1:
        reason = "One Refer-To header is needed"
        desk.endpoint.respond(event.transaction, 400, now, reason=reason)
        return
    to = event.request.must(headers.TO)
    relay = Relay(desk, event, NameAddr(to.uri))
    relay.start(
        phones,
        from_=privacy.sender_of(event.request, who),
        to=NameAddr(to.uri),
        refer_to=values[0],
        now=now,
    )

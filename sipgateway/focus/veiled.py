"""Texts and REFERs for a person by somebody who does not want to be known (RFC 3323).

What the proxy passes on keeps its From; here we ask in nobody's name instead,
and tell the sender how that went.
"""

from __future__ import annotations

from collections.abc import Sequence

from conferences.policy import Identity
from sipgateway.focus import messages, privacy
from sipgateway.focus.desk import Desk, Phone
from sipgateway.focus.relay import Relay
from sipgateway.sip import headers
from sipgateway.sip.events import RequestReceived, ResponseReceived
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
    """To all phones; the first who takes it answers for all."""
    sender = privacy.sender_of(event.request, who)
    left = [len(phones)]

    def replied(reply: ResponseReceived, then: float) -> None:
        status = reply.response.status
        if status < 200:
            return
        left[0] -= 1
        if status < 300:
            desk.endpoint.respond(event.transaction, 200, then)
        elif not left[0]:
            desk.endpoint.respond(event.transaction, status, then)

    for phone in phones:
        sent = messages.forward(desk.endpoint, event.request, phone, sender, now)
        desk.replies[sent] = replied


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

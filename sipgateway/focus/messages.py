"""Texts (RFC 3428): passed on as they are, from who proved to have sent them."""

from __future__ import annotations

from sipgateway.focus.desk import Phone, uri_of
from sipgateway.sip import headers
from sipgateway.sip.endpoint import Body, Endpoint
from sipgateway.sip.events import TransactionId
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request


def forward(
    endpoint: Endpoint, request: Request, phone: Phone, sender: NameAddr, now: float
) -> TransactionId:
    """Send the text of a MESSAGE to a phone, To as it was."""
    content_type = request.get("content-type") or "text/plain"
    body = Body(request.body.decode("utf-8", "surrogateescape"), content_type)
    to = request.must(headers.TO)
    return endpoint.request(
        "MESSAGE",
        str(uri_of(phone.uri)),
        now,
        flow=phone.flow,
        from_=sender,
        to=NameAddr(to.uri, to.display_name),
        routes=phone.routes,
        body=body,
    )

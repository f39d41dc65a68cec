"""Texts (RFC 3428): passed on as they are, from who proved to have sent them."""

from __future__ import annotations

from sipgateway.focus.desk import Phone, uri_of
from sipgateway.sip import headers
from sipgateway.sip.endpoint import Body, Endpoint
from sipgateway.sip.events import DialogId, TransactionId
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request, Response


def taken(said: Request | Response) -> bool:
    """Whether a phone may be sent texts: it says nothing of what it allows, or MESSAGE is in it."""
    allowed = said.every(headers.ALLOW)
    return not allowed or "MESSAGE" in allowed


def forward(
    endpoint: Endpoint, request: Request, phone: Phone, sender: NameAddr, now: float
) -> TransactionId:
    """Send the text of a MESSAGE to a phone, To as it was."""
    content_type = request.get("content-type") or "text/plain"
    body = Body(request.body.decode("utf-8", "surrogateescape"), content_type)
    to = request.must(headers.TO)
    return _send(endpoint, body, phone, from_=sender, to=NameAddr(to.uri, to.display_name), now=now)


def within(endpoint: Endpoint, request: Request, dialog: DialogId, now: float) -> TransactionId:
    """Pass the text of a MESSAGE on in the dialog of a call."""
    content_type = request.get("content-type") or "text/plain"
    body = Body(request.body.decode("utf-8", "surrogateescape"), content_type)
    return endpoint.request_in_dialog(dialog, "MESSAGE", now, body=body)


def send(
    endpoint: Endpoint, text: str, phone: Phone, *, from_: NameAddr, to: NameAddr, now: float
) -> TransactionId:
    """Send a text of our own making in somebody's name."""
    return _send(endpoint, Body(text, "text/plain"), phone, from_=from_, to=to, now=now)


def _send(
    endpoint: Endpoint, body: Body, phone: Phone, *, from_: NameAddr, to: NameAddr, now: float
) -> TransactionId:
    return endpoint.request(
        "MESSAGE",
        str(uri_of(phone.uri)),
        now,
        flow=phone.flow,
        from_=from_,
        to=to,
        routes=phone.routes,
        body=body,
    )

"""A user agent on a table: an endpoint, a clock that only the test moves, and what comes out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from sipgateway.sip import headers, message
from sipgateway.sip.endpoint import Body, Endpoint
from sipgateway.sip.events import DialogId, RequestReceived, SipEvent, TransactionId
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Request, Response
from sipgateway.sip.uri import parse_uri
from tests.stage import CountingTokens

UDP = Flow(FlowId(1), Transport.UDP, "192.0.2.1", 5060, "192.0.2.9", 5060)
TCP = Flow(FlowId(2), Transport.TCP, "192.0.2.1", 5061, "192.0.2.9", 5060)
WS = Flow(FlowId(3), Transport.WS, "192.0.2.1", 5062, "192.0.2.9", 8000)
OURS = NameAddr(parse_uri("sip:4711@conf.test"))
BOB = NameAddr(parse_uri("sip:bob@192.0.2.1"))
OFFER = Body.sdp("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n")
E = TypeVar("E")


class Table:
    """See the module."""

    def __init__(self, flow: Flow = UDP) -> None:
        self.flow = flow
        self.now = 1000.0
        self.endpoint = Endpoint(CountingTokens())
        self.events: list[SipEvent] = []

    def hears(self, octets: bytes, *, flow: Flow | None = None) -> list[Request | Response]:
        """Feed octets; gives what goes out because of them."""
        self.endpoint.receive(octets, flow or self.flow, self.now)
        return self.out()

    def out(self) -> list[Request | Response]:
        """What goes out now; events are put by."""
        while (event := self.endpoint.next_event()) is not None:
            self.events.append(event)
        return [message.parse(octets) for _, octets in self.endpoint.data_to_send()]

    def passes(self, seconds: float) -> list[tuple[float, str]]:
        """Time goes by; gives when, counted from now, what went out."""
        start, end, seen = self.now, self.now + seconds, []
        while (when := self.endpoint.next_timeout()) is not None and when <= end:
            self.now = max(self.now, when)
            self.endpoint.handle_timeout(self.now)
            seen += [(round(self.now - start, 3), named(one)) for one in self.out()]
        self.now = end
        return seen

    def took(self, kind: type[E]) -> list[E]:
        """The events of a kind that have happened since the last look."""
        found: list[E] = [event for event in self.events if isinstance(event, kind)]
        self.events = [event for event in self.events if not isinstance(event, kind)]
        return found

    def asked(self) -> RequestReceived:
        """The one request that has come in."""
        (event,) = self.took(RequestReceived)
        return event

    def calls(self, **how: object) -> tuple[TransactionId, Request]:
        """Send an INVITE of ours."""
        wanted: dict[str, object] = {
            "flow": self.flow,
            "from_": OURS,
            "to": BOB,
            "contact": OURS,
            "body": OFFER,
        }
        sent = self.endpoint.request(
            "INVITE",
            "sip:bob@192.0.2.1",
            self.now,
            **{**wanted, **how},  # type: ignore[arg-type]
        )
        (invite,) = self.out()
        assert isinstance(invite, Request)
        return sent, invite

    def answered(self) -> tuple[DialogId, Request]:
        """Bob calls, we answer, he acknowledges."""
        request = invite()
        self.hears(request.build())
        event = self.asked()
        dialog = self.endpoint.respond(event.transaction, 200, self.now, contact=OURS)
        (response,) = self.out()
        assert isinstance(response, Response)
        assert dialog is not None
        self.hears(in_dialog("ACK", response, 1).build())
        self.events.clear()
        return dialog, message_of(response)


def message_of(response: Response) -> Request:
    """The request in the dialog of that response that Bob would send next: an OPTIONS."""
    return in_dialog("OPTIONS", response, 2)


def named(one: Request | Response) -> str:
    """``INVITE`` or ``200 INVITE``."""
    if isinstance(one, Request):
        return one.method
    return f"{one.status} {one.must(headers.CSEQ).method}"


def names(all_: Iterable[Request | Response]) -> list[str]:
    """Their names."""
    return [named(one) for one in all_]


def request(
    method: str,
    uri: str = "sip:4711@conf.test",
    *,
    branch: str = "z9hG4bK-1",
    cseq: int = 1,
    to: str = "<sip:4711@conf.test>",
    call_id: str = "call",
    **fields: str,
) -> Request:
    """A request of Bob's, outside dialogs unless `to` has a tag."""
    made = Request(method, uri, [])
    via = fields.pop("via", f"SIP/2.0/UDP 192.0.2.1;branch={branch}")
    made.append("Via", via)
    made.append("From", fields.pop("from_", "<sip:bob@conf.test>;tag=bob"))
    made.append("To", to)
    made.append("Call-ID", call_id)
    made.append("CSeq", f"{cseq} {method}")
    made.append("Max-Forwards", fields.pop("max_forwards", "70"))
    if method in {"INVITE", "SUBSCRIBE", "REFER", "UPDATE"}:
        made.append("Contact", fields.pop("contact", "<sip:bob@192.0.2.1>"))
    body = fields.pop("body", "")
    for name, value in fields.items():
        made.append(name.replace("_", "-"), value)
    if body:
        made.append("Content-Type", "application/sdp")
        made.body = body.encode()
    return made


def invite(**how: object) -> Request:
    """An INVITE of Bob's."""
    return request("INVITE", **how)  # type: ignore[arg-type]


def in_dialog(method: str, response: Response, cseq: int, **how: str) -> Request:
    """A request of Bob's in the dialog that our response has made."""
    contact = response.one(headers.CONTACT)
    return request(
        method,
        str(contact.uri) if contact else "sip:4711@conf.test",
        branch=how.pop("branch", f"z9hG4bK-{method}-{cseq}"),
        cseq=cseq,
        to=response.get("to") or "",
        call_id=response.get("call-id") or "",
        **how,
    )


def reply(to: Request, status: int, *, tag: str = "bob", body: str = "", **fields: str) -> bytes:
    """Bob's answer to a request of ours."""
    response = message.reply(to, status, tag=tag)
    if to.method == "INVITE" and 100 < status < 300:
        response.append("Contact", fields.pop("contact", "<sip:bob@192.0.2.1>"))
    for name, value in fields.items():
        response.append(name.replace("_", "-"), value)
    if body:
        response.append("Content-Type", "application/sdp")
        response.body = body.encode()
    return response.build()

"""What desk phones need of the user agent: a Contact they reach, and some forgiveness."""

from __future__ import annotations

import pytest

from sipgateway.sip import headers
from sipgateway.sip.dialog import contact_on
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import Response
from sipgateway.sip.uri import SipUri, parse_sip_uri, parse_uri
from tests.sip.ua import TCP, UDP, WS, Table, invite

TLS = Flow(FlowId(4), Transport.TLS, "192.0.2.1", 40000, "192.0.2.9", 15061)


@pytest.mark.parametrize(
    ("flow", "contact"),
    [
        (UDP, "<sip:4711@conf.test:5070>;isfocus"),
        (WS, "<sip:4711@conf.test:5070>;isfocus"),
        (TCP, "<sip:4711@conf.test:5070;transport=tcp>;isfocus"),
        (TLS, "<sip:4711@conf.test:15061;transport=tls>;isfocus"),
    ],
)
def test_contact_names_the_transport_that_the_phone_has_chosen(flow: Flow, contact: str) -> None:
    ours = NameAddr(parse_uri("sip:4711@conf.test:5070"), "", (("isfocus", None),))
    once = contact_on(ours, flow)
    assert str(once) == contact
    assert contact_on(once, flow) == once


def test_answers_and_requests_carry_it() -> None:
    table = Table(TLS)
    dialog, _ = table.answered()
    table.endpoint.request_in_dialog(dialog, "UPDATE", table.now)
    (update,) = table.out()
    uri = update.must(headers.CONTACT).uri
    assert isinstance(uri, SipUri)
    assert (uri.port, uri.param("transport")) == (15061, "tls")
    _, called = table.calls()
    assert "transport=tls" in (called.get("contact") or "")


def test_an_acknowledgement_with_a_branch_of_its_own() -> None:
    """RFC 3261 17.1.1.3, as SIPp's example of digest breaks it: the refusal comes no more."""
    table = Table(UDP)
    request = invite()
    table.hears(request.build())
    table.endpoint.respond(table.asked().transaction, 401, table.now)
    (refused,) = table.out()
    assert isinstance(refused, Response)
    ack = request.build().split(b"\r\n\r\n")[0].decode().replace("INVITE", "ACK")
    to = f"To: {refused.get('to')}"
    lines = [to if line.startswith("To:") else line for line in ack.split("\r\n")]
    lines = [line for line in lines if not line.startswith("Content-")]
    text = "\r\n".join([*lines, "", ""]).replace("branch=z9hG4bK", "branch=z9hG4bKanother")
    table.hears(text.encode())
    assert table.passes(10.0) == []


def test_a_parameter_said_twice_the_same_way() -> None:
    """baresip 1.0 puts its account's transport behind the one that was dialled."""
    uri = parse_sip_uri("sip:4711@conf.test;transport=tcp;transport=tcp")
    assert uri.param("transport") == "tcp"
    with pytest.raises(BadMessage):
        parse_sip_uri("sip:4711@conf.test;transport=tcp;transport=udp")

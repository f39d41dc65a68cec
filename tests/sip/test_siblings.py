"""Which process of one system a message is for."""

from __future__ import annotations

import pytest

from sipgateway.sip import message, siblings
from sipgateway.sip.endpoint import Endpoint
from sipgateway.sip.events import RequestReceived, Strayed
from sipgateway.sip.flow import Transport
from sipgateway.sip.siblings import MAX_REMEMBERED, Siblings, made_by
from sipgateway.sip.tokens import SecretTokens
from tests.sip.ua import WS
from tests.stage import CountingTokens

OURS, THEIRS = "aaaaaaaa", "bbbbbbbb"


def request(method: str, *, tag: str = "", call_id: str = "call-1") -> bytes:
    to = f"<sip:4711@conf.test>{f';tag={tag}' if tag else ''}"
    return (
        f"{method} sip:4711@conf.test SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:bob@conf.test>;tag=b\r\nTo: {to}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 7 {method}\r\nContact: <sip:bob@x.invalid>\r\n\r\n"
    ).encode()


def response(branch: str) -> bytes:
    return (
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/WS conf.test;branch={branch}\r\n"
        "From: <sip:4711@conf.test>;tag=a\r\nTo: <sip:bob@conf.test>;tag=b\r\n"
        "Call-ID: call-1\r\nCSeq: 7 NOTIFY\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("octets", "whose"),
    [
        (request("BYE", tag=f"p{THEIRS}_1"), THEIRS),
        (request("BYE", tag=f"p{OURS}_1"), ""),
        (request("INVITE"), ""),
        (request("BYE", tag="1928301774"), ""),
        (request("BYE", tag="pbbbbbbbb"), ""),
        (request("BYE", tag="pBBBBBBBB_1"), ""),
        (request("BYE", tag="bbbbbbbb-9dad-11d1-80b4-00c04fd430c8"), ""),
        (response(f"z9hG4bKp{THEIRS}_77"), THEIRS),
        (response(f"z9hG4bKp{OURS}_77"), ""),
        (response("z9hG4bK77"), ""),
        (b"SIP/2.0 200 OK\r\nVia: nonsense\r\n\r\n", ""),
        (b"BYE sip:x@conf.test SIP/2.0\r\nTo: <nonsense\r\nCall-ID: 1\r\n\r\n", ""),
    ],
)
def test_tags_and_branches_tell_who_made_them(octets: bytes, whose: str) -> None:
    assert Siblings(OURS).whose(message.parse(octets)) == whose


def test_what_is_known_of_a_call_goes_before_its_tag() -> None:
    """A dialog that another process has taken over, and a CANCEL, which has no tag."""
    known = Siblings(OURS)
    known.learn("call-1", "cccccccc")
    assert known.whose(message.parse(request("BYE", tag=f"p{THEIRS}_1"))) == "cccccccc"
    assert known.whose(message.parse(request("CANCEL"))) == "cccccccc"
    assert known.whose(message.parse(request("CANCEL", call_id="call-2"))) == ""
    known.learn("call-1", OURS)
    assert known.whose(message.parse(request("BYE", tag=f"p{THEIRS}_1"))) == ""


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_REMEMBERED < 1_000_000
    monkeypatch.setattr(siblings, "MAX_REMEMBERED", 2)
    known = Siblings(OURS)
    for number in (1, 2, 3):
        known.learn(f"call-{number}", THEIRS)
    assert known.of_call("call-1", "") == ""
    assert known.of_call("call-3", "") == THEIRS


def test_tokens_begin_with_the_name_of_who_made_them() -> None:
    tokens, alone = SecretTokens(OURS), SecretTokens()
    assert made_by(tokens.tag()) == OURS
    assert made_by(tokens.branch().removeprefix("z9hG4bK")) == OURS
    assert made_by(alone.tag()) == made_by(alone.branch().removeprefix("z9hG4bK")) == ""
    assert tokens.tag() != tokens.tag()


def test_what_is_settled_or_was_passed_on_never_strays() -> None:
    endpoint = Endpoint(CountingTokens(OURS), Siblings(OURS))
    octets = request("BYE", tag=f"p{THEIRS}_1")
    endpoint.receive(octets, WS, 1.0)
    strayed = endpoint.next_event()
    assert isinstance(strayed, Strayed)
    assert (strayed.to, strayed.call_id, strayed.octets) == (THEIRS, "call-1", octets)
    endpoint.receive(octets, WS, 1.0, settled=True)
    ((_, answered),) = endpoint.data_to_send()
    assert answered.startswith(b"SIP/2.0 481 ")


def test_a_released_request_leaves_nothing_behind() -> None:
    """It is answered elsewhere: here it is not even a retransmission."""
    endpoint = Endpoint(CountingTokens(OURS), Siblings(OURS))
    octets = request("INVITE")
    endpoint.receive(octets, WS, 1.0)
    came = endpoint.next_event()
    assert isinstance(came, RequestReceived)
    assert message.parse(endpoint.release(came.transaction, THEIRS)).get("call-id") == "call-1"
    assert endpoint.data_to_send() == []
    endpoint.receive(octets, WS, 1.0)
    assert isinstance(endpoint.next_event(), Strayed)
    assert came.transaction not in endpoint._tables.transactions


def test_a_flow_through_another_process_is_unreliable() -> None:
    assert WS.reliable
    through = type(WS)(WS.id, Transport.WS, "192.0.2.1", 1, "192.0.2.9", 2, via=THEIRS)
    assert not through.reliable
    assert through.web

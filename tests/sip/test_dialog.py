"""Dialogs: routes, targets, order (RFC 3261 12)."""

from __future__ import annotations

import pytest

from sipgateway.sip import dialog as dialogs
from sipgateway.sip import headers, message
from sipgateway.sip.dialog import Dialog
from sipgateway.sip.events import DialogId
from sipgateway.sip.headers import CSeq, NameAddr
from sipgateway.sip.message import Request
from sipgateway.sip.uri import parse_uri
from tests.sip import ua

LOOSE = ("<sip:p1.test;lr>", "<sip:p2.test;lr>")
STRICT = ("<sip:p1.test>", "<sip:p2.test;lr>")


def served(*routes: str) -> Dialog:
    """Bob called by way of these."""
    request = ua.invite()
    for route in routes:
        request.append("Record-Route", route)
    return dialogs.as_server(DialogId(1), request, tag="us", contact=ua.OURS, flow=ua.UDP)


def calling(*routes: str, to_tag: str = "bob") -> Dialog:
    """We called Bob by way of these."""
    request = ua.invite()
    response = message.reply(request, 200, tag=to_tag)
    response.append("Contact", "<sip:bob@192.0.2.7>")
    for route in routes:
        response.append("Record-Route", route)
    return dialogs.as_client(DialogId(1), request, response, ua.UDP)


def test_as_server() -> None:
    """12.1.1: the route set in the order in which it came."""
    dialog = served(*LOOSE)
    assert dialog.key == ("call", "us", "bob")
    assert dialog.remote_target == "sip:bob@192.0.2.1"
    assert [str(route) for route in dialog.route_set] == list(LOOSE)
    assert (dialog.remote_seq, dialog.local_seq, dialog.early) == (1, 0, True)


def test_as_client() -> None:
    """12.1.2: the route set turned round."""
    dialog = calling(*LOOSE)
    assert dialog.key == ("call", "bob", "bob")
    assert dialog.remote_target == "sip:bob@192.0.2.7"
    assert [str(route) for route in dialog.route_set] == list(reversed(LOOSE))
    assert (dialog.remote_seq, dialog.local_seq) == (None, 1)


# 12.2.1.1: routes → Request-URI, Route fields.
ROUTES = [
    ((), "sip:bob@192.0.2.1", []),
    (LOOSE, "sip:bob@192.0.2.1", list(LOOSE)),
    (STRICT, "sip:p1.test", ["<sip:p2.test;lr>", "<sip:bob@192.0.2.1>"]),
    (("<sip:p1.test?a=b>",), "sip:p1.test", ["<sip:bob@192.0.2.1>"]),
]


@pytest.mark.parametrize(("routes", "uri", "wanted"), ROUTES)
def test_where_the_next_request_goes(routes: tuple[str, ...], uri: str, wanted: list[str]) -> None:
    request = served(*routes).next_request("BYE", branch="z9hG4bKx")
    assert request.uri == uri
    assert request.all("route") == wanted
    assert request.must(headers.VIA).branch == "z9hG4bKx"
    assert request.must(headers.FROM).tag == "us"
    assert request.must(headers.TO).tag == "bob"
    assert message.parse(request.build()).start_line == f"BYE {uri} SIP/2.0"


def test_numbers() -> None:
    """Every request counts but ACK and CANCEL."""
    dialog = served()
    seen = [
        dialog.next_request(method, branch="b").must(headers.CSEQ)
        for method in ("INVITE", "ACK", "INFO", "CANCEL", "BYE")
    ]
    assert seen == [
        CSeq(1, "INVITE"),
        CSeq(1, "ACK"),
        CSeq(2, "INFO"),
        CSeq(2, "CANCEL"),
        CSeq(3, "BYE"),
    ]


@pytest.mark.parametrize(
    ("number", "good"), [(0, False), (4, False), (5, True), (6, True), (900, True)]
)
def test_order(number: int, good: bool) -> None:
    """12.2.2: gaps are fine, going back is not."""
    dialog = served()
    dialog.heard(ua.request("INFO", cseq=5), ua.UDP)
    assert dialog.in_order(ua.request("INFO", cseq=number)) is good


def test_whoever_was_called_has_no_number_yet() -> None:
    assert calling().in_order(ua.request("BYE", cseq=0))


@pytest.mark.parametrize(
    ("method", "moves"),
    [
        ("INVITE", True),
        ("UPDATE", True),
        ("SUBSCRIBE", True),
        ("NOTIFY", True),
        ("REFER", True),
        ("BYE", False),
        ("INFO", False),
        ("OPTIONS", False),
    ],
)
def test_target_refresh(method: str, moves: bool) -> None:
    dialog = served()
    request = Request(method, "sip:4711@conf.test", [])
    request.append("CSeq", f"7 {method}")
    request.append("Contact", "<sip:bob@elsewhere.test>")
    dialog.heard(request, ua.WS)
    assert (dialog.remote_target == "sip:bob@elsewhere.test") is moves
    assert dialog.flow is ua.WS
    assert dialog.remote_seq == 7


def test_the_2xx_settles_routes_and_target() -> None:
    """13.2.2.4: what the provisional said is replaced, once."""
    dialog = calling(*LOOSE)
    final = message.reply(ua.invite(), 200, tag="bob")
    final.append("Contact", "<sip:bob@192.0.2.8>")
    dialog.confirm(final)
    assert (dialog.early, dialog.route_set) == (False, ())
    assert dialog.remote_target == "sip:bob@192.0.2.8"
    again = message.reply(ua.invite(), 200, tag="bob")
    again.append("Record-Route", LOOSE[0])
    dialog.confirm(again)
    assert dialog.route_set == ()


def test_a_tag_replaces_any_other() -> None:
    address = NameAddr(parse_uri("sip:a@b"), "A", (("TAG", "1"), ("x", None)))
    assert dialogs.tagged(address, "2").params == (("x", None), ("tag", "2"))


def test_our_via() -> None:
    assert headers.build_via(dialogs.via_of(ua.UDP, "b")) == (
        "SIP/2.0/UDP 192.0.2.9:5060;rport;branch=b"
    )
    assert headers.build_via(dialogs.via_of(ua.WS, "b")) == "SIP/2.0/WS 192.0.2.9:8000;branch=b"

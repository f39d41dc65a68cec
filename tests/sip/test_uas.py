"""What others ask of us: retransmissions, merging, loops, CANCEL, glare, ACK, PRACK, Via."""

from __future__ import annotations

import pytest

from sipgateway.sip import headers, message
from sipgateway.sip.endpoint import Body, Endpoint
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    CancelReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
)
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.sip.limits import Limits
from sipgateway.sip.message import Request, Response
from tests.sip import ua
from tests.sip.ua import Table, in_dialog, invite, named, names, request
from tests.stage import CountingTokens

SDP = Body.sdp("v=0\r\n")


def rings(table: Table, status: int = 180, *, body: Body | None = None) -> DialogId | None:
    """Answer the request that has come in."""
    event = table.asked()
    return table.endpoint.respond(event.transaction, status, table.now, contact=ua.OURS, body=body)


def only(out: list[Request | Response]) -> Response:
    (response,) = out
    assert isinstance(response, Response)
    return response


# -- requests and their responses --------------------------------------------


def test_an_invite_gets_100_at_once_unless_it_is_answered() -> None:
    table = Table()
    assert names(table.hears(invite().build())) == ["100 INVITE"]
    assert names(table.hears(request("OPTIONS", branch="z9hG4bK-2").build())) == []


@pytest.mark.parametrize("flow", [ua.UDP, ua.WS], ids=["udp", "ws"])
def test_a_retransmission_gets_the_same_again(flow: Flow) -> None:
    table = Table(flow)
    octets = invite().build()
    table.hears(octets)
    rings(table)
    first = only(table.out())
    assert only(table.hears(octets)).build() == first.build()
    assert not table.took(RequestReceived)
    assert table.endpoint.counters == {}


def test_a_refused_request_gets_the_same_tag_again() -> None:
    """8.2.7: without keeping anything."""
    table = Table()
    octets = request("FROBNICATE", body="x").build()
    first, again = only(table.hears(octets)), only(table.hears(octets))
    assert first.status == 405
    assert first.build() == again.build()
    other = only(table.hears(request("FROBNICATE", branch="z9hG4bK-2").build()))
    assert other.must(headers.TO).tag != first.must(headers.TO).tag
    assert not table.endpoint._tables.transactions


@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
def test_a_stranger_is_refused_and_forgotten(method: str) -> None:
    """26.3.2.4: a flood of requests without credentials leaves nothing behind."""
    table = Table()
    octets = request(method).build()
    tags = set()
    for _ in range(2):
        table.endpoint.receive(octets, table.flow, table.now)
        event = table.endpoint.next_event()
        assert isinstance(event, RequestReceived)
        challenge = (("WWW-Authenticate", 'Digest realm="conf.test"'),)
        table.endpoint.refuse(event.transaction, 401, fields=challenge)
        response = only(table.out())
        assert (response.status, response.all("www-authenticate")) == (401, [challenge[0][1]])
        tags.add(response.must(headers.TO).tag)
        assert not table.endpoint.pending(event.transaction)
        assert table.endpoint.respond(event.transaction, 200, table.now) is None
        assert not table.endpoint._tables.transactions
    assert len(tags) == 1
    ack = request("ACK", to=response.get("to") or "")
    assert table.hears(ack.build()) == []
    assert table.passes(60) == []


def test_who_has_been_answered_is_not_refused() -> None:
    table = Table()
    table.hears(invite().build())
    event = table.asked()
    table.endpoint.respond(event.transaction, 180, table.now, contact=ua.OURS)
    table.out()
    table.endpoint.refuse(event.transaction, 401)
    sent, _ = table.calls()
    table.endpoint.refuse(sent, 401)
    assert table.out() == []
    assert table.endpoint.pending(event.transaction)
    assert table.endpoint.pending(sent)


def test_a_response_after_the_final_one_is_not_sent() -> None:
    table = Table()
    table.hears(request("OPTIONS").build())
    event = table.asked()
    assert table.endpoint.pending(event.transaction)
    table.endpoint.respond(event.transaction, 200, table.now)
    assert names(table.out()) == ["200 OPTIONS"]
    assert not table.endpoint.pending(event.transaction)
    assert table.endpoint.respond(event.transaction, 404, table.now) is None
    assert table.out() == []


def test_a_failure_is_sent_until_it_is_acknowledged() -> None:
    table = Table()
    table.hears(invite().build())
    rings(table, 486)
    response = only(table.out())
    assert [when for when, _ in table.passes(4)] == [0.5, 1.5, 3.5]
    ack = request("ACK", to=response.get("to") or "")
    assert table.hears(ack.build()) == []
    assert table.passes(40) == []
    assert not table.endpoint._tables.transactions
    assert not table.events


def test_a_transaction_is_forgotten_with_its_time() -> None:
    table = Table()
    octets = request("OPTIONS").build()
    table.hears(octets)
    table.endpoint.respond(table.asked().transaction, 200, table.now)
    table.out()
    table.passes(31)
    assert names(table.hears(octets)) == ["200 OPTIONS"]
    table.passes(2)
    assert not table.endpoint._tables.transactions
    assert table.hears(octets) == []
    assert table.asked().request.method == "OPTIONS"


def test_branches_without_the_cookie_match_by_everything_else() -> None:
    """17.2.3, the rules of RFC 2543."""
    table = Table()
    old = invite(via="SIP/2.0/UDP 192.0.2.1;branch=1")
    table.hears(old.build())
    event = table.asked()
    assert names(table.hears(old.build())) == []
    other = invite(via="SIP/2.0/UDP 192.0.2.1;branch=1", call_id="other")
    table.hears(other.build())
    assert table.asked().transaction != event.transaction
    cancel = request("CANCEL", via="SIP/2.0/UDP 192.0.2.1;branch=1")
    assert names(table.hears(cancel.build())) == ["200 CANCEL"]
    assert [c.transaction for c in table.took(CancelReceived)] == [event.transaction]


# -- merged, looped, too far ---------------------------------------------------


def test_a_merged_request() -> None:
    """8.2.2.2: the same request by another way."""
    table = Table()
    table.hears(invite().build())
    merged = only(table.hears(invite(branch="z9hG4bK-2").build()))
    assert (merged.status, merged.reason) == (482, "Merged Request")
    again = invite(branch="z9hG4bK-3", cseq=2)
    assert names(table.hears(again.build())) == ["100 INVITE"]


def test_after_the_first_is_over_it_is_not_merged() -> None:
    table = Table(ua.WS)
    table.hears(request("OPTIONS").build())
    table.endpoint.respond(table.asked().transaction, 200, table.now)
    table.out()
    table.passes(0)
    assert table.hears(request("OPTIONS", branch="z9hG4bK-2").build()) == []


def test_a_request_of_ours_that_comes_back() -> None:
    """A loop if nothing has changed, a spiral if its target has (16.3, RFC 5393 4.2)."""
    table = Table()
    _, sent = table.calls()
    through = message.parse(sent.build())
    assert isinstance(through, Request)
    through.push("Via", "SIP/2.0/UDP p.test;branch=z9hG4bK-p")
    assert names(table.hears(through.build())) == ["482 INVITE"]
    through.uri = "sip:4711@conf.test"
    assert names(table.hears(through.build())) == ["100 INVITE"]


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("INVITE", 483),
        ("SUBSCRIBE", 483),
        ("MESSAGE", 483),
        ("OPTIONS", 0),
        ("REGISTER", 0),
    ],
)
def test_no_hops_left(method: str, status: int) -> None:
    """What may have to go on is refused; what is for us in any case is not (RFC 4475 3.3.11)."""
    table = Table()
    out = table.hears(request(method, max_forwards="0", Event="conference").build())
    assert [one.status for one in out if isinstance(one, Response)] == ([status] if status else [])


# -- CANCEL --------------------------------------------------------------------


def test_cancel() -> None:
    table = Table()
    table.hears(invite().build())
    rings(table)
    ringing = only(table.out())
    response = only(table.hears(request("CANCEL").build()))
    assert (response.status, response.get("to")) == (200, ringing.get("to"))
    (event,) = table.took(CancelReceived)
    dialog = table.endpoint.respond(event.transaction, 487, table.now)
    assert names(table.out()) == ["487 INVITE"]
    assert dialog is not None
    assert table.endpoint.dialog(dialog) is None  # 12.3: an early dialog ends with the refusal


def test_cancel_too_late() -> None:
    table = Table()
    table.hears(invite().build())
    rings(table, 200)
    table.out()
    assert names(table.hears(request("CANCEL").build())) == ["200 CANCEL"]
    assert not table.took(CancelReceived)


def test_cancel_of_nothing() -> None:
    table = Table()
    assert names(table.hears(request("CANCEL").build())) == ["481 CANCEL"]
    table.hears(request("OPTIONS", branch="z9hG4bK-2").build())
    cancel = request("CANCEL", branch="z9hG4bK-2")
    assert names(table.hears(cancel.build())) == ["481 CANCEL"]


# -- the 2xx and its ACK -------------------------------------------------------


@pytest.mark.parametrize("flow", [ua.UDP, ua.WS], ids=["udp", "ws"])
def test_a_2xx_is_sent_until_it_is_acknowledged(flow: Flow) -> None:
    """13.3.1.4, over any transport."""
    table = Table(flow)
    table.hears(invite().build())
    dialog = rings(table, 200)
    response = only(table.out())
    assert table.passes(8) == [(t, "200 INVITE") for t in (0.5, 1.5, 3.5, 7.5)]
    assert table.hears(in_dialog("ACK", response, 1).build()) == []
    (event,) = table.took(AckReceived)
    assert event.dialog == dialog
    assert table.passes(60) == []
    assert table.hears(in_dialog("ACK", response, 1).build()) == []
    assert not table.events


def test_an_ack_that_never_comes() -> None:
    table = Table()
    table.hears(invite().build())
    dialog = rings(table, 200)
    table.out()
    sent = [when for when, _ in table.passes(40)]
    assert sent == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert [event.dialog for event in table.took(AckMissing)] == [dialog]


def test_an_ack_of_another_number_is_not_this_one() -> None:
    """The ACK to the first INVITE, late, does not confirm a re-INVITE."""
    table = Table()
    _, probe = table.answered()
    reinvite = request(
        "INVITE", branch="z9hG4bK-r", cseq=2, to=probe.get("to") or "", call_id="call"
    )
    table.hears(reinvite.build())
    rings(table, 200)
    response = only(table.out())
    table.hears(in_dialog("ACK", response, 1).build())
    assert not table.took(AckReceived)
    table.hears(in_dialog("ACK", response, 2, branch="z9hG4bK-ack2").build())
    assert len(table.took(AckReceived)) == 1


def test_a_forgotten_dialog_waits_for_nothing() -> None:
    table = Table()
    table.hears(invite().build())
    dialog = rings(table, 200)
    assert dialog is not None
    table.out()
    table.endpoint.forget(dialog)
    assert table.passes(40) == []
    assert not table.events


def test_record_routes_are_given_back() -> None:
    table = Table()
    table.hears(invite(Record_Route="<sip:p;lr>, <sip:q;lr>").build())
    dialog = rings(table)
    assert only(table.out()).all("record-route") == ["<sip:p;lr>, <sip:q;lr>"]
    assert dialog is not None
    known = table.endpoint.dialog(dialog)
    assert known is not None
    assert len(known.route_set) == 2


# -- in dialogs ----------------------------------------------------------------


def test_a_request_in_the_dialog_finds_it() -> None:
    table = Table()
    dialog, probe = table.answered()
    table.hears(probe.build())
    assert table.asked().dialog == dialog
    assert table.endpoint.find_dialog("call", probe.must(headers.TO).tag, "bob") is not None
    table.endpoint.forget(dialog)
    again = request("OPTIONS", branch="z9hG4bK-9", cseq=9, to=probe.get("to") or "")
    assert names(table.hears(again.build())) == ["481 OPTIONS"]


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "OPTIONS", "PRACK", "INVITE"])
def test_of_no_dialog(method: str) -> None:
    table = Table()
    lost = request(method, to="<sip:4711@conf.test>;tag=lost")
    assert names(table.hears(lost.build())) == [f"481 {method}"]


def test_a_number_that_is_behind() -> None:
    table = Table()
    _, probe = table.answered()
    table.hears(probe.build())
    late = request("INFO", branch="z9hG4bK-l", cseq=1, to=probe.get("to") or "")
    refused = only(table.hears(late.build()))
    assert (refused.status, refused.reason) == (500, "CSeq is behind")


def offering(method: str, probe: Request, cseq: int, *, body: str = "v=0\r\n") -> bytes:
    made = request(method, branch=f"z9hG4bK-{cseq}", cseq=cseq, to=probe.get("to") or "", body=body)
    return made.build()


# What of ours is open, what comes, what it gets (14.2, RFC 3311 5.2); 0: it is taken.
GLARE = [
    ("INVITE", True, "INVITE", True, 491),
    ("INVITE", True, "UPDATE", True, 491),
    ("INVITE", True, "UPDATE", False, 0),
    ("UPDATE", True, "INVITE", True, 491),
    ("UPDATE", True, "UPDATE", True, 491),
    ("UPDATE", False, "UPDATE", True, 0),
    ("UPDATE", False, "INVITE", True, 0),
    ("INFO", False, "INVITE", True, 0),
]


@pytest.mark.parametrize(("ours", "offers", "theirs", "offered", "status"), GLARE)
def test_glare(ours: str, offers: bool, theirs: str, offered: bool, status: int) -> None:
    table = Table()
    dialog, probe = table.answered()
    table.endpoint.request_in_dialog(dialog, ours, table.now, body=SDP if offers else None)
    table.out()
    table.hears(offering(theirs, probe, 3, body="v=0\r\n" if offered else ""))
    assert len(table.took(RequestReceived)) == (status == 0)
    assert table.endpoint.counters == ({f"refused: {status}": 1} if status else {})


OVERLAP = [
    ("INVITE", True, "INVITE", True, 500),
    ("INVITE", True, "UPDATE", True, 500),
    ("INVITE", True, "UPDATE", False, 0),
    ("UPDATE", True, "UPDATE", False, 500),
    ("UPDATE", False, "UPDATE", False, 500),
    ("UPDATE", False, "INVITE", True, 500),
    ("INFO", False, "INVITE", True, 0),
]


@pytest.mark.parametrize(("first", "offers", "second", "offered", "status"), OVERLAP)
def test_overlap(first: str, offers: bool, second: str, offered: bool, status: int) -> None:
    table = Table()
    _, probe = table.answered()
    table.hears(offering(first, probe, 3, body="v=0\r\n" if offers else ""))
    table.took(RequestReceived)
    out = table.hears(offering(second, probe, 4, body="v=0\r\n" if offered else ""))
    refused = [one for one in out if isinstance(one, Response) and one.status >= 200]
    assert [one.status for one in refused] == ([status] if status else [])
    assert all(one.get("retry-after") for one in refused)


def test_mallory_knows_the_call_id_alone() -> None:
    """Whoever does not know the tags is not in the dialog."""
    table = Table()
    _, probe = table.answered()
    forged = request("BYE", cseq=9, to=probe.get("to") or "", from_="<sip:bob@conf.test>;tag=x")
    assert names(table.hears(forged.build())) == ["481 BYE"]


def test_a_refused_invite_leaves_the_subscription_it_came_in() -> None:
    """Two usages of one dialog: only what is early ends with a refusal (12.3)."""
    table = Table()
    table.hears(request("SUBSCRIBE", Event="conference").build())
    dialog = rings(table, 200)
    assert dialog is not None
    response = only(table.out())
    table.hears(in_dialog("INVITE", response, 2).build())
    rings(table, 403)
    assert table.endpoint.dialog(dialog) is not None


# -- where it came from --------------------------------------------------------

FAR = Flow(FlowId(7), Transport.UDP, "198.51.100.7", 40000, "192.0.2.9", 5060)
#: A phone that sends from another port than it listens at.
ODD = Flow(FlowId(5), Transport.UDP, "192.0.2.1", 40000, "192.0.2.9", 5060)
VIAS = [
    # by whom, Via, Via in the response
    (ua.UDP, "SIP/2.0/UDP 192.0.2.1;branch=b", "SIP/2.0/UDP 192.0.2.1;branch=b"),
    (FAR, "SIP/2.0/UDP h;branch=b", "SIP/2.0/UDP h;branch=b;received=198.51.100.7"),
    (
        FAR,
        "SIP/2.0/UDP h:9;rport;branch=b",
        "SIP/2.0/UDP h:9;rport=40000;branch=b;received=198.51.100.7",
    ),
    (
        ua.UDP,
        "SIP/2.0/UDP 192.0.2.1;RPORT;branch=b",
        "SIP/2.0/UDP 192.0.2.1;RPORT=5060;branch=b;received=192.0.2.1",
    ),
    # Mallory names somebody else
    (
        FAR,
        "SIP/2.0/UDP h;received=203.0.113.1;branch=b",
        "SIP/2.0/UDP h;branch=b;received=198.51.100.7",
    ),
    (ua.WS, "SIP/2.0/WS x.invalid;branch=b", "SIP/2.0/WS x.invalid;branch=b"),
    (FAR, "SIP/2.0/UDP h, SIP/2.0/TCP i", "SIP/2.0/UDP h;received=198.51.100.7"),
]


@pytest.mark.parametrize(("flow", "via", "wanted"), VIAS)
def test_received_and_rport(flow: Flow, via: str, wanted: str) -> None:
    """18.2.1, RFC 3581."""
    table = Table(flow)
    table.hears(request("OPTIONS", via=via).build())
    table.endpoint.respond(table.asked().transaction, 200, table.now)
    vias = only(table.out()).all("via")
    assert vias[0] == wanted
    assert vias[1:] == (["SIP/2.0/TCP i"] if ", " in via else [])


@pytest.mark.parametrize(
    ("flow", "via", "port"),
    [
        (ODD, "SIP/2.0/UDP 192.0.2.1;branch=b", 5060),
        (ODD, "SIP/2.0/UDP 192.0.2.1:5070;branch=b", 5070),
        (ODD, "SIP/2.0/UDP 192.0.2.1:5070;rport;branch=b", 40000),
        (ODD, "SIP/2.0/UDP 10.0.0.1:5070;branch=b", 40000),  # behind a NAT
        (ODD, "SIP/2.0/UDP phone.example:5070;branch=b", 40000),
        (ua.TCP, "SIP/2.0/TCP 192.0.2.1:5070;branch=b", 5061),
    ],
)
@pytest.mark.parametrize("method", ["OPTIONS", "BYE"])
def test_where_the_answer_goes(flow: Flow, via: str, port: int, method: str) -> None:
    """18.2.2: BYE is refused without a transaction, OPTIONS is answered in one."""
    endpoint = Table(flow).endpoint
    endpoint.receive(request(method, via=via).build(), flow, 0.0)
    if isinstance(event := endpoint.next_event(), RequestReceived):
        assert event.flow.remote_port == port
        endpoint.respond(event.transaction, 200, 0.0)
    ((back, _),) = endpoint.data_to_send()
    assert (back.id, back.remote_host, back.remote_port) == (flow.id, "192.0.2.1", port)


# -- reliable provisional responses (RFC 3262) ----------------------------------


def test_a_provisional_is_sent_until_its_prack_comes() -> None:
    table = Table(ua.WS)
    table.hears(invite(Require="100rel", body="v=0\r\n").build())
    rings(table, 183, body=SDP)
    ringing = only(table.out())
    assert (ringing.get("require"), ringing.one(headers.RSEQ)) == ("100rel", 1)
    assert [when for when, _ in table.passes(4)] == [0.5, 1.5, 3.5]
    prack = in_dialog("PRACK", ringing, 2, RAck="1 1 INVITE")
    assert names(table.hears(prack.build())) == ["200 PRACK"]
    assert table.passes(60) == []
    assert not table.events


def test_one_at_a_time_and_the_2xx_behind_its_answer() -> None:
    table = Table(ua.WS)
    table.hears(invite(Require="100rel", body="v=0\r\n").build())
    event = table.asked()
    how = {"contact": ua.OURS}
    for status, body in ((180, None), (183, SDP), (200, None)):
        dialog = table.endpoint.respond(event.transaction, status, table.now, body=body, **how)  # type: ignore[arg-type]
        assert dialog is not None
    first = only(table.out())
    assert first.status == 180
    prack = in_dialog("PRACK", first, 2, RAck="1 1 INVITE")
    assert names(table.hears(prack.build())) == ["200 PRACK", "183 INVITE"]
    prack = in_dialog("PRACK", first, 3, RAck="2 1 INVITE")
    assert names(table.hears(prack.build())) == ["200 PRACK", "200 INVITE"]
    table.hears(in_dialog("ACK", first, 1).build())
    assert len(table.took(AckReceived)) == 1


@pytest.mark.parametrize("rack", ["2 1 INVITE", "1 2 INVITE", "1 1 UPDATE"])
def test_a_prack_for_something_else(rack: str) -> None:
    table = Table(ua.WS)
    table.hears(invite(Require="100rel", body="v=0\r\n").build())
    rings(table)
    ringing = only(table.out())
    prack = in_dialog("PRACK", ringing, 2, RAck=rack)
    assert names(table.hears(prack.build())) == ["481 PRACK"]
    assert table.passes(1) == [(0.5, "180 INVITE")]


def test_a_prack_that_comes_after_the_2xx() -> None:
    """RFC 3262 3: it is taken as long as the transaction lasts, once; nothing is sent again."""
    table = Table(ua.WS)
    table.hears(invite(Require="100rel", body="v=0\r\n").build())
    event = table.asked()
    for status in (180, 200):
        table.endpoint.respond(event.transaction, status, table.now, contact=ua.OURS)
    ringing, accepted = table.out()
    assert [named(ringing), named(accepted)] == ["180 INVITE", "200 INVITE"]
    assert isinstance(ringing, Response)
    table.hears(in_dialog("ACK", ringing, 1).build())
    assert table.passes(20) == []
    for cseq, status in ((2, 200), (3, 481)):
        prack = in_dialog("PRACK", ringing, cseq, RAck="1 1 INVITE")
        assert names(table.hears(prack.build())) == [f"{status} PRACK"]


def test_a_prack_that_comes_when_all_is_long_over() -> None:
    """What is out unacknowledged is kept no longer than the INVITE's transaction."""
    table = Table(ua.WS)
    table.hears(invite(Require="100rel", body="v=0\r\n").build())
    event = table.asked()
    for status in (180, 200):
        table.endpoint.respond(event.transaction, status, table.now, contact=ua.OURS)
    ringing, _ = table.out()
    assert isinstance(ringing, Response)
    table.hears(in_dialog("ACK", ringing, 1).build())
    table.passes(33)
    prack = in_dialog("PRACK", ringing, 2, RAck="1 1 INVITE")
    assert names(table.hears(prack.build())) == ["481 PRACK"]


def test_a_prack_that_comes_after_the_refusal() -> None:
    """The dialog is over then, the INVITE's transaction is not."""
    table = Table()
    table.hears(invite(Require="100rel", body="v=0\r\n").build())
    event = table.asked()
    for status in (180, 486):
        table.endpoint.respond(event.transaction, status, table.now, contact=ua.OURS)
    ringing, _ = table.out()
    assert isinstance(ringing, Response)
    for rack, status in (("2 1 INVITE", 481), ("1 1 INVITE", 200), ("1 1 INVITE", 481)):
        prack = in_dialog("PRACK", ringing, 2, RAck=rack, branch=f"z9hG4bK-{rack[0]}{status}")
        answer = only(table.hears(prack.build()))
        assert (named(answer), answer.get("to")) == (f"{status} PRACK", ringing.get("to"))


def test_no_prack_comes() -> None:
    table = Table(ua.WS)
    table.hears(invite(Require="100rel", body="v=0\r\n").build())
    rings(table)
    table.out()
    assert table.passes(33)[-1] == (32.0, "504 INVITE")
    assert len(table.took(CancelReceived)) == 1


def test_no_offer_no_reliable_provisional() -> None:
    """RFC 3261 13.2.1, RFC 3262 5: it would have to make the offer, which the 2xx does here."""
    table = Table(ua.WS)
    assert names(table.hears(invite(Require="100rel").build())) == ["100 INVITE"]
    event = table.asked()
    for status, body in ((180, None), (183, SDP)):
        table.endpoint.respond(event.transaction, status, table.now, contact=ua.OURS, body=body)
        assert table.out() == []
    assert table.passes(60) == []
    table.endpoint.respond(event.transaction, 200, table.now, contact=ua.OURS, body=SDP)
    accepted = only(table.out())
    assert (accepted.status, accepted.body, accepted.get("rseq")) == (200, b"v=0\r\n", None)
    table.hears(in_dialog("ACK", accepted, 1, body="v=0\r\n").build())
    assert len(table.took(AckReceived)) == 1


def test_no_offer_and_nobody_requires_it() -> None:
    table = Table()
    table.hears(invite(Supported="100rel").build())
    rings(table)
    assert only(table.out()).status == 180


def test_nothing_is_reliable_that_nobody_requires() -> None:
    table = Table()
    table.hears(invite(Supported="100rel").build())
    rings(table)
    assert only(table.out()).get("rseq") is None
    assert table.passes(10) == []


# -- flows ---------------------------------------------------------------------


def test_a_dialog_outlives_its_flow() -> None:
    table = Table(ua.WS)
    dialog, probe = table.answered()
    table.endpoint.flow_closed(ua.WS.id, table.now)
    table.out()
    assert len(table.took(FlowClosed)) == 1
    table.hears(probe.build(), flow=ua.TCP)
    asked = table.asked()
    assert (asked.dialog, asked.strange) == (dialog, True)
    known = table.endpoint.dialog(dialog)
    assert known is not None
    assert known.flow is ua.WS  # until somebody has said that it is the peer
    assert table.endpoint.recognize(asked.transaction)
    assert known.flow is ua.TCP
    table.endpoint.move(dialog, ua.UDP)
    assert known.flow is ua.UDP


@pytest.mark.parametrize("octets", [b"", b"\r\n\r\n", b"\x00", b"\r\n \x00"])
def test_keep_alives(octets: bytes) -> None:
    table = Table()
    assert table.hears(octets) == []
    assert table.endpoint.counters == {"keep-alive": 1}


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"hello\r\n\r\n", "dropped: Malformed start line"),
        (b"OPTIONS sip:h SIP/2.0\r\n\r\n", "dropped: unanswerable"),
        (b"x" * 70_000, "dropped: Message too large"),
        (request("ACK", Require="timer, x y").build(), "dropped: malformed ACK"),
        (b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n", "dropped: Via header: Malformed value"),
    ],
)
def test_what_is_dropped_is_counted(octets: bytes, reason: str) -> None:
    table = Table()
    assert table.hears(octets) == []
    assert table.endpoint.counters == {reason: 1}


def test_what_begins_something_new_is_refused_where_too_much_goes_on() -> None:
    """What goes on goes on."""
    table = Table()
    table.endpoint = Endpoint(CountingTokens(), limits=Limits(transactions=3, dialogs=1))
    _, probe = table.answered()
    table.now += 64
    table.endpoint.handle_timeout(table.now)
    refused = table.hears(invite(branch="z9hG4bK-n", call_id="new").build())
    assert [(named(one), one.get("retry-after")) for one in refused] == [("503 INVITE", "5")]
    table.hears(request("OPTIONS", branch="z9hG4bK-o", call_id="other").build())
    assert table.asked()
    for number in range(5):
        table.hears(request("OPTIONS", branch=f"z9hG4bK-{number}", call_id=f"c{number}").build())
    assert len(table.took(RequestReceived)) == 2
    assert table.endpoint.counters["refused: too much goes on"] == 4
    table.hears(probe.build())
    assert table.asked().dialog is not None


def test_who_is_turned_away_leaves_nothing_behind() -> None:
    table = Table()
    table.endpoint.turn_away(invite().build(), table.flow, 7)
    (response,) = table.out()
    assert (named(response), response.get("retry-after")) == ("503 INVITE", "7")
    assert not table.endpoint.knows("call")
    for octets in (b"hello", b"SIP/2.0 200 OK\r\n\r\n", b"OPTIONS sip:h SIP/2.0\r\n\r\n"):
        table.endpoint.turn_away(octets, table.flow, 7)
    assert table.out() == []

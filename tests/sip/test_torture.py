"""All 49 messages of RFC 4475, each with what the RFC wants of it.

The table is `tests.torture`; `tests.live.test_torture` sends them to a server.
"""

from __future__ import annotations

import pytest

from sipgateway.sip import headers, message
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.flow import Flow
from sipgateway.sip.message import Request, Response
from sipgateway.sip.uri import SipUri, parse_sip_uri
from tests.sip import ua
from tests.stage import Stage
from tests.torture import DROPPED, FOLDER, ROWS, TAKEN, Row

#: Valid, as sections 3.1.1, 3.3 and 3.4 say: to be parsed, read field by field, and built again.
VALID = [
    row.name
    for row in ROWS
    if row.section.startswith(("3.1.1.", "3.4"))
    or row.name in {"unkscm", "novelsc", "bext01", "invut", "regaut01", "zeromf", "bcast"}
    or row.name in {"cparam01", "cparam02", "regescrt", "sdp01", "unksm2"}
]


def octets(name: str) -> bytes:
    return (FOLDER / f"{name}.dat").read_bytes()


def ids(rows: tuple[Row, ...]) -> list[str]:
    return [row.name for row in rows]


def test_the_table_is_whole() -> None:
    assert sorted(row.name for row in ROWS) == sorted(p.stem for p in FOLDER.glob("*.dat"))
    assert len(ROWS) == 49


@pytest.mark.parametrize("flow", [ua.UDP, ua.TCP, ua.WS], ids=["udp", "tcp", "ws"])
@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_at_the_endpoint(row: Row, flow: Flow) -> None:
    table = ua.Table(flow)
    out = table.hears(octets(row.name))
    taken = table.took(RequestReceived)
    assert len(taken) == (row.result == TAKEN)
    finals = [one for one in out if isinstance(one, Response) and one.status >= 200]
    assert [one.status for one in finals] == ([row.result] if row.result > 0 else [])
    if row.says:
        assert row.says in finals[0].build().decode("utf-8", "surrogateescape")
    if row.result == DROPPED:
        assert not out
        assert sum(table.endpoint.counters.values()) == 1


@pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))
def test_on_a_stage(row: Row) -> None:
    """The application is not broken by any of them, and asks for credentials where it has to."""
    stage = Stage()
    bob = stage.person("bob")
    bob.feeds(octets(row.name))
    finals = [one.status for one in bob.inbox if isinstance(one, Response) and one.status >= 200]
    assert finals == ([row.answer] if row.answer != DROPPED else [])


@pytest.mark.parametrize("name", VALID)
def test_what_is_valid_is_read_and_built_again(name: str) -> None:
    """Every typed value, and what is built reads the same; unknown fields as they were."""
    received = message.parse(octets(name))
    message.clip(received)
    again = message.parse(received.build())
    without = [pair for pair in received.fields if pair[0] != "content-length"]
    assert [pair for pair in again.fields if pair[0] != "content-length"] == without
    assert (again.start_line, again.body) == (received.start_line, received.body)
    for key in {key for key, _ in received.fields}:
        if (row := headers.TABLE.get(key)) is not None:
            values = received.every(row)
            assert [row.parse(row.build(value)) for value in values] == values, key


def requested(name: str) -> Request:
    received = message.parse(octets(name))
    assert isinstance(received, Request)
    return received


def test_short_tortuous_invite() -> None:
    """3.1.1.1, bullet by bullet."""
    wsinv = requested("wsinv")
    assert wsinv.must(headers.TO).tag == "1918181833n"
    assert wsinv.must(headers.FROM).display_name == 'J Rosenberg \\"'
    assert wsinv.must(headers.MAX_FORWARDS) == 68
    assert wsinv.must(headers.CSEQ) == headers.CSeq(9, "INVITE")
    assert [via.host for via in wsinv.every(headers.VIA)] == [
        "192.0.2.2",
        "spindle.example.com",
        "192.168.255.111",
    ]
    assert [via.branch for via in wsinv.every(headers.VIA)] == [
        "390skdjuw",
        "z9hG4bK9ikj8",
        "z9hG4bK30239",
    ]
    assert wsinv.get("subject") == ""
    assert wsinv.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert wsinv.get("NewFangledHeader") == "newfangled value continued newfangled value"
    contact = wsinv.must(headers.CONTACT)
    assert contact.display_name == 'Quoted string ""'
    assert (contact.param("newparam"), contact.param("q")) == ("newvalue", "0.33")
    assert contact.param("secondparam") == ""
    route = headers.sip_uri_of(wsinv.must(headers.ROUTE))
    assert (route.param("lr"), route.param("unknownwith")) == ("", "value")


def test_names_keep_their_spelling() -> None:
    """What we do not know passes untouched, in its place."""
    built = requested("wsinv").build()
    assert b"\r\nNewFangledHeader: " in built
    assert built.index(b"UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n") < built.index(b"Route:")
    assert "extensionHeader-!.%*+_`'~: \ufeff大停電\r\n".encode() in requested("intmeth").build()


def test_wide_range_of_valid_characters() -> None:
    """3.1.1.2."""
    intmeth = requested("intmeth")
    uri = parse_sip_uri(intmeth.uri)
    assert uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert intmeth.must(headers.FROM).tag == "_token~1'+`*%!-."
    assert intmeth.must(headers.FROM).param("fromParam''~+*_!.-%".lower()) == "работающий"
    assert intmeth.must(headers.TO).display_name == "BEL:  NUL:  DEL: "


def test_escapes_are_taken_back_once() -> None:
    """3.1.1.3 to 3.1.1.5."""
    esc01 = requested("esc01")
    assert parse_sip_uri(esc01.uri).name == "sips:user@example.com"
    assert headers.sip_uri_of(esc01.must(headers.TO)).name == "user"
    contact = headers.sip_uri_of(esc01.must(headers.CONTACT))
    same = parse_sip_uri("sip:caller@host5.example.net;lr;name=value%2541")
    assert contact.matches(same)
    assert not contact.matches(parse_sip_uri("sip:caller@host5.example.net;lr;name=valueA"))
    nulls = [headers.sip_uri_of(c) for c in requested("escnull").every(headers.CONTACT)]
    assert [uri.name for uri in nulls] == ["\0", "\0\0"]
    assert not nulls[0].matches(nulls[1])
    assert len(requested("esc02").every(headers.CONTACT)) == 2
    assert requested("esc02").must(headers.TO).display_name == "%Z%45"


def test_the_parameter_belongs_to_whom_it_belongs() -> None:
    """3.1.1.9, 3.3.12 to 3.3.14."""
    semiuri = parse_sip_uri(requested("semiuri").uri)
    assert (semiuri.name, semiuri.params) == ("user;par=u@example.net", ())
    contact = requested("cparam01").must(headers.CONTACT)
    assert contact.param("unknownparam") == ""
    assert headers.sip_uri_of(contact).param("unknownparam") is None
    contact = requested("cparam02").must(headers.CONTACT)
    assert contact.param("unknownparam") is None
    assert headers.sip_uri_of(contact).param("unknownparam") == ""
    contact = requested("regescrt").must(headers.CONTACT)
    assert headers.sip_uri_of(contact).header("route") == "<sip:sip.example.com>"


def test_extra_octets_are_noise() -> None:
    """3.1.1.8."""
    dblreq = requested("dblreq")
    message.clip(dblreq)
    assert dblreq.body == b""
    assert b"INVITE" not in dblreq.build()


def test_responses() -> None:
    """3.1.1.12, 3.1.1.13."""
    unreason = message.parse(octets("unreason"))
    assert isinstance(unreason, Response)
    assert unreason.reason == "= 2**3 * 5**2 но сто девяносто девять - простое"
    noreason = message.parse(octets("noreason"))
    assert isinstance(noreason, Response)
    assert (noreason.status, noreason.reason) == (100, "")


def test_nobody_answers_through_a_broadcast_address() -> None:
    """3.3.10: two Vias in a response to what went out with one, even if the branch is ours."""
    table = ua.Table()
    _, invite = table.calls()
    response = message.parse(ua.reply(invite, 200))
    response.fields.insert(1, ("via", "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23"))
    assert table.hears(response.build()) == []
    assert not table.events
    assert table.endpoint.counters == {"dropped: unusable response": 1}


def test_overlarge_status_to_a_request_of_ours() -> None:
    """3.1.2.19."""
    table = ua.Table()
    _, invite = table.calls()
    broken = ua.reply(invite, 200).replace(b"SIP/2.0 200", b"SIP/2.0 4294967301")
    assert table.hears(broken) == []
    with pytest.raises(BadMessage):
        message.parse(broken)


def test_rfc_2543_contact_is_made_up() -> None:
    """3.4.1: the sender knows no Contact; what he meant is his From."""
    table = ua.Table()
    table.hears(octets("inv2543"))
    request = table.asked().request
    contact = headers.sip_uri_of(request.must(headers.CONTACT))
    assert isinstance(contact, SipUri)
    assert str(contact) == "sip:+13035551111@ift.client.example.net;user=phone"
    dialog = table.endpoint.respond(
        next(iter(table.endpoint._tables.transactions)), 200, table.now, contact=ua.OURS
    )
    assert dialog is not None
    known = table.endpoint.dialog(dialog)
    assert known is not None
    assert known.remote.tag == ""

"""What we ask of others: retransmission, forks, ACK, CANCEL, PRACK, retries, lost flows."""

from __future__ import annotations

import pytest

from sipgateway.sip import headers, message
from sipgateway.sip.errors import LocalError
from sipgateway.sip.events import DialogId, FlowClosed, ResponseReceived
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import CSeq
from sipgateway.sip.message import Request
from tests.sip import ua
from tests.sip.ua import Table, named, names, reply


def got(table: Table) -> list[tuple[int, DialogId | None]]:
    """Status and dialog of what was delivered."""
    return [(e.response.status, e.dialog) for e in table.took(ResponseReceived)]


def the(table: Table, status: int) -> DialogId:
    """The dialog of the one response that was delivered."""
    ((was, dialog),) = got(table)
    assert was == status
    assert dialog is not None
    return dialog


def asks(table: Table) -> Request:
    """Send an OPTIONS of ours."""
    table.endpoint.request(
        "OPTIONS", "sip:bob@192.0.2.1", table.now, flow=table.flow, from_=ua.OURS, to=ua.BOB
    )
    (request,) = table.out()
    assert isinstance(request, Request)
    return request


def test_what_an_invite_holds() -> None:
    table = Table()
    _, invite = table.calls(fields=(("Subject", "Hi"),))
    assert [key for key, _ in invite.fields] == [
        "via",
        "max-forwards",
        "from",
        "to",
        "call-id",
        "cseq",
        "contact",
        "subject",
        "content-type",
        "content-length",
    ]
    assert invite.must(headers.CSEQ) == CSeq(1, "INVITE")
    assert invite.must(headers.FROM).tag
    assert not invite.must(headers.TO).tag


@pytest.mark.parametrize("method", ["INVITE", "SUBSCRIBE", "REFER"])
def test_what_makes_a_dialog_needs_a_contact(method: str) -> None:
    table = Table()
    with pytest.raises(LocalError):
        table.endpoint.request(method, "sip:b@h", 0.0, flow=table.flow, from_=ua.OURS, to=ua.BOB)


def test_nobody_answers() -> None:
    table = Table()
    table.calls()
    sent = table.passes(40)
    assert [when for when, _ in sent] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    (event,) = table.took(ResponseReceived)
    assert (event.response.status, event.local) == (408, True)
    assert not table.endpoint._tables.transactions


def test_over_websocket_nothing_is_sent_twice() -> None:
    table = Table(ua.WS)
    table.calls()
    assert table.passes(40) == []
    assert got(table) == [(408, None)]


@pytest.mark.parametrize("ringing", [False, True])
def test_the_flow_is_lost(ringing: bool) -> None:
    table = Table(ua.WS)
    _, invite = table.calls()
    asks(table)
    if ringing:
        table.hears(reply(invite, 180))
        table.events.clear()
    table.endpoint.flow_closed(ua.TCP.id, table.now)
    table.out()
    assert got(table) == []
    table.endpoint.flow_closed(ua.WS.id, table.now)
    table.out()
    assert [status for status, _ in got(table)] == [503, 503]
    assert len(table.took(FlowClosed)) == 2
    assert not table.endpoint._tables.dialogs


def test_refused() -> None:
    """17.1.1.3: the ACK is in the transaction, for every copy of the refusal."""
    table = Table()
    _, invite = table.calls(routes=(ua.BOB,))
    refusal = reply(invite, 486)
    for first in (True, False):
        (ack,) = table.hears(refusal)
        assert isinstance(ack, Request)
        assert ack.method == "ACK"
        assert ack.must(headers.VIA) == invite.must(headers.VIA)
        assert ack.must(headers.CSEQ) == CSeq(1, "ACK")
        assert ack.must(headers.TO).tag == "bob"
        assert ack.all("route") == invite.all("route")
        assert len(got(table)) == first
    assert table.passes(40) == []
    assert not table.endpoint._tables.transactions


def test_answered() -> None:
    table = Table()
    _, invite = table.calls()
    table.hears(reply(invite, 180))
    early = the(table, 180)
    table.hears(reply(invite, 200, contact="<sip:bob@192.0.2.8>"))
    assert the(table, 200) == early
    dialog = table.endpoint.dialog(early)
    assert dialog is not None
    assert (dialog.early, dialog.remote_target) == (False, "sip:bob@192.0.2.8")


@pytest.mark.parametrize("flow", [ua.UDP, ua.WS], ids=["udp", "ws"])
def test_a_2xx_that_comes_again_gets_its_ack_again(flow: Flow) -> None:
    """13.2.2.4: nobody hears of it twice."""
    table = Table(flow)
    _, invite = table.calls()
    answer = reply(invite, 200)
    table.hears(answer)
    dialog = the(table, 200)
    assert table.hears(answer) == []  # not acknowledged yet
    table.endpoint.acknowledge(dialog, 1, body=ua.OFFER)
    (ack,) = table.out()
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, ack.body) == ("ACK", "sip:bob@192.0.2.1", ua.OFFER.text.encode())
    (again,) = table.hears(answer)
    assert again.build() == ack.build()
    assert got(table) == []
    table.passes(33)
    assert table.hears(answer) == []
    assert table.endpoint.counters == {"dropped: stray response": 1}


def test_forks() -> None:
    """12.1.2, 13.2.2.4: each tag a dialog, each 2xx is told, the rest goes with its time."""
    table = Table()
    _, invite = table.calls()
    for tag in ("a", "b", "c"):
        table.hears(reply(invite, 180, tag=tag))
    dialogs = [dialog for _, dialog in got(table)]
    assert len(set(dialogs)) == 3
    table.hears(reply(invite, 200, tag="b"))
    table.hears(reply(invite, 200, tag="d"))
    (second, one), (fourth, other) = got(table)
    assert (second, fourth, one) == (200, 200, dialogs[1])
    assert other not in dialogs
    table.passes(33)
    assert set(table.endpoint._tables.dialogs) == {one, other}


def test_a_refusal_ends_the_early_dialogs() -> None:
    table = Table()
    _, invite = table.calls()
    for tag in ("a", "b"):
        table.hears(reply(invite, 183, tag=tag))
    table.hears(reply(invite, 603, tag="a"))
    assert not table.endpoint._tables.dialogs


def test_a_refused_reinvite_ends_nothing() -> None:
    table = Table()
    dialog, _ = table.answered()
    table.endpoint.request_in_dialog(dialog, "INVITE", table.now, body=ua.OFFER)
    (reinvite,) = table.out()
    assert isinstance(reinvite, Request)
    assert reinvite.must(headers.CONTACT) == ua.OURS
    assert names(table.hears(reply(reinvite, 488))) == ["ACK"]
    assert got(table) == [(488, dialog)]
    assert table.endpoint.dialog(dialog) is not None


def test_there_is_no_such_dialog() -> None:
    table = Table()
    with pytest.raises(LocalError):
        table.endpoint.request_in_dialog(DialogId(99), "BYE", table.now)
    with pytest.raises(LocalError):
        table.endpoint.acknowledge(DialogId(99), 1)


# -- CANCEL --------------------------------------------------------------------

REASON = (("Reason", "SIP;cause=200"),)


def test_cancel_waits_for_a_provisional() -> None:
    """9.1: and keeps what it was to say."""
    table = Table(ua.WS)
    sent, invite = table.calls()
    table.endpoint.cancel(sent, table.now, fields=REASON)
    assert table.out() == []
    (cancel,) = table.hears(reply(invite, 180))
    assert isinstance(cancel, Request)
    assert cancel.must(headers.VIA) == invite.must(headers.VIA)
    assert cancel.must(headers.CSEQ) == CSeq(1, "CANCEL")
    assert cancel.get("reason") == "SIP;cause=200"
    table.hears(reply(invite, 183))
    table.endpoint.cancel(sent, table.now)
    assert table.out() == []  # once is enough
    table.hears(reply(cancel, 200))
    assert [status for status, _ in got(table)] == [180, 183]
    assert names(table.hears(reply(invite, 487))) == ["ACK"]
    assert [status for status, _ in got(table)] == [487]


def test_cancelled_and_never_answered() -> None:
    """9.1: after 64*T1 it is over."""
    table = Table(ua.WS)
    sent, invite = table.calls()
    table.hears(reply(invite, 180))
    table.passes(100)
    table.events.clear()
    table.endpoint.cancel(sent, table.now)
    assert names(table.out()) == ["CANCEL"]
    table.passes(33)
    assert [status for status, _ in got(table)] == [408]
    assert not table.endpoint._tables.transactions
    assert not table.endpoint._tables.dialogs


def test_cancel_of_what_is_answered() -> None:
    table = Table()
    sent, invite = table.calls()
    table.hears(reply(invite, 200))
    table.endpoint.cancel(sent, table.now)
    table.endpoint.cancel(sent, table.now)
    assert table.out() == []


def test_a_cancel_and_a_200_cross() -> None:
    table = Table()
    sent, invite = table.calls()
    table.hears(reply(invite, 180))
    table.endpoint.cancel(sent, table.now)
    table.out()
    table.events.clear()
    table.hears(reply(invite, 200))
    assert [status for status, _ in got(table)] == [200]


# -- PRACK (RFC 3262 4) ----------------------------------------------------------


def test_reliable_provisionals_are_acknowledged_in_order() -> None:
    table = Table(ua.WS)
    _, invite = table.calls()
    reliable = {"Require": "100rel"}
    (prack,) = table.hears(reply(invite, 180, RSeq="7", **reliable))
    assert isinstance(prack, Request)
    assert (prack.method, prack.get("rack")) == ("PRACK", "7 1 INVITE")
    assert prack.must(headers.CSEQ).number == 2
    assert table.hears(reply(invite, 180, RSeq="7", **reliable)) == []
    assert table.hears(reply(invite, 183, RSeq="9", **reliable)) == []
    assert names(table.hears(reply(invite, 183, RSeq="8", **reliable))) == ["PRACK"]
    table.hears(reply(prack, 200))
    assert [status for status, _ in got(table)] == [180, 183]


# -- once more -----------------------------------------------------------------


def test_retry_with_credentials() -> None:
    """22.2: the same call, the next number, another branch."""
    table = Table()
    _, invite = table.calls(fields=(("Authorization", "Digest realm=old"),))
    table.hears(reply(invite, 401))
    (event,) = table.took(ResponseReceived)
    fields = (("Authorization", "Digest realm=new"),)
    table.endpoint.retry(event.request, table.flow, table.now, fields=fields)
    (again,) = table.out()
    assert isinstance(again, Request)
    assert again.must(headers.CSEQ) == CSeq(2, "INVITE")
    assert again.must(headers.FROM) == invite.must(headers.FROM)
    assert again.get("call-id") == invite.get("call-id")
    assert again.body == invite.body
    assert again.all("authorization") == ["Digest realm=new"]
    assert again.must(headers.VIA).branch != invite.must(headers.VIA).branch


def test_retry_in_a_dialog_counts_there() -> None:
    table = Table()
    dialog, _ = table.answered()
    table.endpoint.request_in_dialog(dialog, "UPDATE", table.now)
    (update,) = table.out()
    assert isinstance(update, Request)
    table.hears(reply(update, 422))
    table.endpoint.retry(update, table.flow, table.now, fields=(("Min-SE", "120"),))
    table.out()
    table.endpoint.request_in_dialog(dialog, "BYE", table.now)
    (bye,) = table.out()
    assert bye.must(headers.CSEQ) == CSeq(3, "BYE")


# -- what comes and is not what it seems ------------------------------------------


def test_mallory_answers_for_bob() -> None:
    """Whoever does not know the branch answers nothing."""
    table = Table()
    _, invite = table.calls()
    invite.put(headers.VIA, headers.parse_via("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK-guess"))
    table.hears(reply(invite, 200))
    assert got(table) == []
    assert table.endpoint.counters == {"dropped: stray response": 1}


BROKEN = [
    ("To", '"Bob <sip:bob@h>', 200, False),
    ("Call-ID", "", 200, False),
    ("CSeq", "1", 200, False),
    ("Contact", "<sip:bob@h", 200, False),
    ("Contact", "<sip:bob@h", 486, True),
    ("Session-Expires", ";;", 200, True),
    ("Record-Route", "<sip:p", 200, True),
    ("Retry-After", "later", 503, True),
]


@pytest.mark.parametrize(("name", "value", "status", "taken"), BROKEN)
def test_broken_responses(name: str, value: str, status: int, taken: bool) -> None:
    """What is not needed is left out; what is needed is not guessed."""
    table = Table()
    _, invite = table.calls()
    response = message.parse(reply(invite, status))
    response.drop(name)
    response.append(name, value)
    table.hears(response.build())
    assert [one for one, _ in got(table)] == ([status] if taken else [])


def test_what_is_pending() -> None:
    table = Table(ua.WS)
    sent, invite = table.calls()
    assert table.endpoint.pending(sent)
    table.hears(reply(invite, 180))
    assert table.endpoint.pending(sent)
    table.hears(reply(invite, 486))
    assert not table.endpoint.pending(sent)


def test_every_response_is_named() -> None:
    """The table of reason phrases has what RFC 3261 21 has."""
    assert message.REASONS[200] == "OK"
    assert all(100 <= status <= 699 and phrase for status, phrase in message.REASONS.items())
    assert named(message.Response(200, "OK", [("cseq", "1 BYE")])) == "200 BYE"
